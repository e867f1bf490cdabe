//! Shards that live long stay small: thousands of appends with a reader that
//! follows, and at no time more than a handful of rows and blobs. What this
//! file alone can catch: a leak that only shows after the first collection.

use std::time::Duration;

use clusterd_fuzz::persist::consensus::SCAN_ALL;
use clusterd_fuzz::persist::{
    CONTROLLER_CRITICAL_READER, PersistClient, SeqNo, SourceDatum, check,
};
use clusterd_fuzz::repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};

use crate::postgres;

/// Long enough for anything that happens at all.
const LONG: Duration = Duration::from_secs(120);

/// Rollups are 128 seqnos apart; a collection needs two below the oldest hold,
/// which a following reader moves every 256.
const MOST_ROWS: usize = 900;

/// The rollups, the parts, and what was compacted away but is still in the log.
const MOST_BLOBS: usize = 110;

fn desc() -> RelationDesc {
    RelationDesc::from_columns([
        ("id", SqlScalarType::Int64, false),
        ("payload", SqlScalarType::String, false),
    ])
}

fn row(id: i64, payload: &str) -> SourceDatum {
    Ok(Row::pack([Datum::Int64(id), Datum::String(payload)]))
}

fn at(t: u64) -> Antichain {
    Antichain::from_elem(t)
}

/// Appends `count` times: one row in, an old one out, now and then many rows
/// (a blob) or nothing.
fn live_long(blob: &str, consensus: &str, count: u64) {
    let shard: ShardId = "s00000000-0000-4000-8000-0000000000aa".parse().unwrap();
    let client = PersistClient::open(blob, consensus).unwrap();
    let mut since = client
        .open_critical_reader(shard, CONTROLLER_CRITICAL_READER)
        .unwrap();
    let mut writer = client.open_writer(shard, &desc(), "busy").unwrap();
    writer
        .compare_and_append(&[], at(0), at(1))
        .unwrap()
        .unwrap();
    let reader = client
        .open_leased_reader(shard, &desc(), "follows")
        .unwrap();
    let mut listen = reader.listen(0).unwrap();
    let mut seen = 0;
    let (mut most_rows, mut most_blobs) = (0, 0);
    for t in 1..=count {
        let id = t as i64;
        let updates: Vec<_> = match t % 50 {
            0 => (0..400)
                .map(|i| (row(-i, "a payload that is not small"), t, 1))
                .collect(),
            1 if t > 1 => (0..400)
                .map(|i| (row(-i, "a payload that is not small"), t, -1))
                .collect(),
            2 | 3 => Vec::new(),
            _ => vec![(row(id, "x"), t, 1)],
        };
        writer
            .compare_and_append(&updates, at(t), at(t + 1))
            .unwrap()
            .unwrap();
        while let Some(event) = listen.poll_next().unwrap() {
            seen += event.updates().unwrap().iter().map(|u| u.2).sum::<i64>();
        }
        if t.is_multiple_of(100) {
            since.downgrade_since(&at(t - 10)).unwrap();
            assert!(client.settle(LONG));
            let rows = client
                .consensus()
                .scan(&shard.to_string(), SeqNo(0), SCAN_ALL);
            let blobs = client.blob().list(&shard.to_string()).unwrap();
            most_rows = most_rows.max(rows.unwrap().len());
            most_blobs = most_blobs.max(blobs.len());
        }
    }
    assert!(client.settle(LONG));
    eprintln!("{consensus}: {count} appends, at most {most_rows} rows and {most_blobs} blobs");
    assert!(most_rows <= MOST_ROWS, "{most_rows} rows");
    assert!(most_blobs <= MOST_BLOBS, "{most_blobs} blobs");
    let rows = listen.into_reader().snapshot(count).unwrap();
    let total: i64 = rows.iter().map(|u| u.2).sum();
    assert_eq!(total, seen);
    let singles = (1..=count)
        .filter(|t| !matches!(t % 50, 0..=3) || *t == 1)
        .count();
    let open = if count.is_multiple_of(50) { 400 } else { 0 };
    assert_eq!(
        total,
        singles as i64 + open - i64::from(count == 2 || count == 3)
    );
    let report = check(client.blob(), client.consensus(), shard).unwrap();
    assert_eq!(report.broken, Vec::<String>::new());
    assert!(report.leftovers.len() <= 2, "{report:#?}");
}

#[test]
fn thousands_of_appends_leave_a_small_shard_in_memory() {
    live_long("mem:", "mem:", 4000);
}

#[test]
fn thousands_of_appends_leave_a_small_shard_in_sqlite_and_files() {
    let dir = tempfile::tempdir().unwrap();
    live_long(
        &format!("file://{}?sync=off", dir.path().join("blob").display()),
        &format!("sqlite:{}?sync=off", dir.path().join("c.db").display()),
        2000,
    );
}

#[test]
fn thousands_of_appends_leave_a_small_shard_in_postgres() {
    let Some(server) = postgres::server("thousands_of_appends") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let blob = format!("file://{}?sync=off", dir.path().join("blob").display());
    live_long(&blob, &server.url(), 1000);
}
