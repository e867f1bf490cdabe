//! What handles promise, over the stores that need no server.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{ManualClock, SeededIds};
use super::*;
use repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};

fn desc() -> RelationDesc {
    RelationDesc::from_columns([
        ("id", SqlScalarType::Int64, false),
        ("payload", SqlScalarType::String, true),
    ])
}

fn row(id: i64, payload: Option<&str>) -> SourceDatum {
    Ok(Row::pack([
        Datum::Int64(id),
        payload.map_or(Datum::Null, Datum::String),
    ]))
}

fn at(t: u64) -> Antichain {
    Antichain::from_elem(t)
}

fn shard(n: u128) -> ShardId {
    ShardId(uuid::Uuid::from_u128(n))
}

/// A client whose runs repeat.
fn client() -> Arc<PersistClient> {
    let mut config = PersistConfig::for_stores("mem:");
    config.clock = Arc::new(ManualClock::new(1_000));
    config.ids = Arc::new(SeededIds::new(1));
    PersistClient::open_with("mem:", "mem:", config).unwrap()
}

#[test]
fn what_was_appended_is_read_at_every_time_between_since_and_upper() {
    let client = client();
    let mut writer = client.open_writer(shard(1), &desc(), "test").unwrap();
    let error = || Err(DataflowErrorBytes(vec![0x12, 0x02, 0x22, 0x00]));
    let writes = [
        (vec![(row(1, Some("a")), 0, 1), (row(2, None), 0, 2)], 0, 1),
        (vec![(row(2, None), 1, -1), (error(), 2, 1)], 1, 3),
        (vec![], 3, 7),
        (vec![(row(1, Some("a")), 7, -1)], 7, 8),
    ];
    for (updates, lower, upper) in writes {
        writer
            .compare_and_append(&updates, at(lower), at(upper))
            .unwrap()
            .unwrap();
    }
    assert_eq!(client.upper(shard(1)).unwrap(), at(8));
    let reader = client
        .open_leased_reader(shard(1), &desc(), "test")
        .unwrap();
    let read = |t| reader.snapshot(t).unwrap();
    assert_eq!(
        read(0),
        [(row(1, Some("a")), 0, 1), (row(2, None), 0, 2)]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(read(1).iter().map(|u| u.2).sum::<i64>(), 2);
    assert!(read(2).contains(&(error(), 2, 1)));
    assert_eq!(read(7), [(row(2, None), 7, 1), (error(), 7, 1)]);
    assert!(matches!(
        reader.snapshot(8),
        Err(PersistError::NotReady { .. })
    ));
}

#[test]
fn an_append_at_another_upper_is_refused_with_both() {
    let client = client();
    let mut writer = client.open_writer(shard(1), &desc(), "test").unwrap();
    let mismatch = writer
        .compare_and_append(&[], at(3), at(4))
        .unwrap()
        .unwrap_err();
    assert_eq!(
        mismatch.to_string(),
        "expected upper Antichain { elements: [3] } did not match current upper Antichain { elements: [0] }"
    );
    let err = writer.compare_and_append(&[(row(1, None), 5, 1)], at(0), at(5));
    assert!(
        err.unwrap_err()
            .to_string()
            .contains("before the upper [5]")
    );
    let bad: SourceDatum = Ok(Row::pack([Datum::Null, Datum::Null]));
    let err = writer.compare_and_append(&[(bad, 0, 1)], at(0), at(5));
    assert!(matches!(err, Err(PersistError::Row { index: 0, .. })));
    let other = RelationDesc::from_columns([("id", SqlScalarType::Int64, true)]);
    let mut other = client.open_writer(shard(1), &other, "test").unwrap();
    let err = other.compare_and_append(&[], at(0), at(1));
    assert!(matches!(err, Err(PersistError::SchemaMismatch { .. })));
}

#[test]
fn a_listen_gives_every_update_beyond_the_as_of_once() {
    let client = client();
    let mut writer = client.open_writer(shard(1), &desc(), "test").unwrap();
    let mut append = |t: u64| {
        let updates: Vec<_> = (0..5).map(|i| (row(i, Some("x")), t, 1)).collect();
        writer
            .compare_and_append(&updates, at(t), at(t + 1))
            .unwrap()
            .unwrap();
    };
    for t in 0..20 {
        append(t);
    }
    let reader = client
        .open_leased_reader(shard(1), &desc(), "test")
        .unwrap();
    let mut listen = reader.listen(7).unwrap();
    let mut seen = Vec::new();
    let drain = |listen: &mut Listen, seen: &mut Vec<u64>| {
        while let Some(event) = listen.poll_next().unwrap() {
            for (_, t, _) in event.updates().unwrap() {
                assert!(event.frontier > at(t));
                seen.push(t);
            }
        }
    };
    drain(&mut listen, &mut seen);
    for t in 20..60 {
        append(t);
        drain(&mut listen, &mut seen);
    }
    let expected: Vec<u64> = (8..60).flat_map(|t| [t; 5]).collect();
    seen.sort_unstable();
    assert_eq!(seen, expected);
    assert_eq!(*listen.frontier(), at(60));
    // The only reader has moved the since along.
    assert_eq!(client.since(shard(1)).unwrap(), at(7));
}

#[test]
fn the_since_is_the_least_of_the_readers_and_ends_what_can_be_read() {
    let client = client();
    let mut writer = client.open_writer(shard(1), &desc(), "test").unwrap();
    writer
        .compare_and_append(&[(row(1, None), 0, 1)], at(0), at(9))
        .unwrap()
        .unwrap();
    let mut critical = client
        .open_critical_reader(shard(1), CONTROLLER_CRITICAL_READER)
        .unwrap();
    let mut reader = client
        .open_leased_reader(shard(1), &desc(), "test")
        .unwrap();
    reader.downgrade_since(&at(5)).unwrap();
    assert_eq!(client.since(shard(1)).unwrap(), at(0));
    critical.downgrade_since(&at(3)).unwrap();
    assert_eq!(client.since(shard(1)).unwrap(), at(3));
    let err = reader.snapshot(2).unwrap_err();
    assert_eq!(
        err.to_string(),
        format!(
            "{} cannot serve requested as_of Antichain {{ elements: [2] }}: \
             Since(Antichain {{ elements: [3] }})",
            shard(1)
        )
    );
    assert_eq!(reader.snapshot(3).unwrap().len(), 1);
    let mut again = client
        .open_critical_reader(shard(1), CONTROLLER_CRITICAL_READER)
        .unwrap();
    assert_eq!(*again.since(), at(3));
    let fenced = again.compare_and_downgrade_since(0, 1, &at(4)).unwrap();
    assert_eq!(fenced, Ok(at(4)));
    let fenced = critical.compare_and_downgrade_since(0, 1, &at(5)).unwrap();
    assert_eq!(fenced, Err(1));
    let since = client.since(shard(1)).unwrap();
    assert_eq!(since, at(4));
    let late = client
        .open_leased_reader(shard(1), &desc(), "late")
        .unwrap();
    assert!(matches!(late.listen(2), Err(PersistError::Since { .. })));
}

#[test]
fn staged_batches_of_several_threads_are_appended_as_one() {
    let client = client();
    let mut writer = client.open_writer(shard(1), &desc(), "test").unwrap();
    let builders: Vec<_> = (0..4).map(|_| writer.builder(at(0)).unwrap()).collect();
    let mut batches: Vec<Batch> = std::thread::scope(|scope| {
        let threads: Vec<_> = builders
            .into_iter()
            .enumerate()
            .map(|(n, mut builder)| {
                scope.spawn(move || {
                    for i in 0..10 {
                        builder
                            .add(&row(n as i64 * 10 + i, Some("staged")), i as u64, 1)
                            .unwrap();
                    }
                    builder.finish(at(10)).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let sent = batches.pop().unwrap().into_transmittable().unwrap();
    batches.push(writer.receive(sent).unwrap());
    // [0, 4) is written already: the rest is cut to fit.
    writer.advance_upper(&at(4)).unwrap();
    let mismatch = writer.append(&mut batches, at(0), at(10)).unwrap();
    assert_eq!(mismatch.unwrap_err().current, at(4));
    writer.append(&mut batches, at(4), at(10)).unwrap().unwrap();
    let reader = client
        .open_leased_reader(shard(1), &desc(), "test")
        .unwrap();
    assert_eq!(reader.snapshot(9).unwrap().len(), 24);
}

#[test]
fn equal_seeds_leave_equal_stores() {
    let run = || {
        let client = client();
        let mut writer = client.open_writer(shard(7), &desc(), "test").unwrap();
        for t in 0..300 {
            writer
                .compare_and_append(&[(row(t as i64, Some("r")), t, 1)], at(t), at(t + 1))
                .unwrap()
                .unwrap();
        }
        drop(writer);
        let log = client
            .consensus()
            .scan(&shard(7).to_string(), SeqNo(0), consensus::SCAN_ALL)
            .unwrap();
        let keys = client.blob().list("").unwrap();
        (log, keys)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_reader_that_does_not_heartbeat_is_expired_by_the_next_commit() {
    let clock = Arc::new(ManualClock::new(1_000));
    let mut config = PersistConfig::for_stores("mem:");
    config.clock = Arc::<ManualClock>::clone(&clock);
    let client = PersistClient::open_with("mem:", "mem:", config).unwrap();
    let mut writer = client.open_writer(shard(1), &desc(), "test").unwrap();
    writer.advance_upper(&at(5)).unwrap();
    let dead = client
        .open_leased_reader(shard(1), &desc(), "dead")
        .unwrap();
    let live = client
        .open_leased_reader(shard(1), &desc(), "live")
        .unwrap();
    clock.advance(600_000);
    live.heartbeat().unwrap();
    clock.advance(600_000);
    writer.advance_upper(&at(6)).unwrap();
    let readers = client.state(shard(1)).unwrap();
    let readers: Vec<&String> = readers.leased_readers.keys().collect();
    assert_eq!(readers, [live.id()]);
    assert!(matches!(
        dead.heartbeat(),
        Err(PersistError::ReaderExpired { .. })
    ));
    // A poll of the client keeps the others alive.
    clock.advance(600_000);
    client.heartbeat().unwrap();
    clock.advance(600_000);
    writer.advance_upper(&at(7)).unwrap();
    assert_eq!(client.state(shard(1)).unwrap().leased_readers.len(), 1);
}

#[test]
fn two_clients_of_one_location_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let blob = format!("file://{}", dir.path().join("blob").display());
    let consensus = format!("sqlite:{}", dir.path().join("c.db").display());
    let a = PersistClient::open(&blob, &consensus).unwrap();
    let b = PersistClient::open(&blob, &consensus).unwrap();
    let mut writer = a.open_writer(shard(1), &desc(), "test").unwrap();
    let big = "x".repeat(3000);
    let reader = b.open_leased_reader(shard(1), &desc(), "test").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            reader
                .wait_for_upper_past(0, Duration::from_secs(60))
                .unwrap()
        });
        let updates: Vec<_> = (0..3).map(|i| (row(i, Some(&big)), 0, 1)).collect();
        writer
            .compare_and_append(&updates, at(0), at(1))
            .unwrap()
            .unwrap();
        assert_eq!(waiting.join().unwrap(), Some(at(1)));
    });
    assert_eq!(reader.snapshot(0).unwrap().len(), 3);
    assert_eq!(a.blob().list("").unwrap().len(), 2);
}
