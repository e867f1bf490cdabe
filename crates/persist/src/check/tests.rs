//! What the command shows, and that damage is named.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::clock::{ManualClock, SeededIds};
use crate::{CONTROLLER_CRITICAL_READER, PersistClient, PersistConfig};
use repr::{Antichain, Datum, RelationDesc, Row, SqlScalarType};

fn shard() -> ShardId {
    ShardId(uuid::Uuid::from_u128(0xabc))
}

/// A shard with something of everything, the same every time.
fn client(blob: &str, consensus: &str) -> Arc<PersistClient> {
    let mut config = PersistConfig::for_stores("mem:");
    config.hostname = "test 26.30.0-dev.0".into();
    config.clock = Arc::new(ManualClock::new(1_700_000_000_000));
    config.ids = Arc::new(SeededIds::new(1));
    let client = PersistClient::open_with(blob, consensus, config).unwrap();
    let desc = RelationDesc::from_columns([
        ("id", SqlScalarType::Int64, false),
        ("payload", SqlScalarType::String, true),
    ]);
    let mut writer = client.open_writer(shard(), &desc, "writes").unwrap();
    let mut append = |n: i64, from: u64, to: u64| {
        let row = |i| Ok(Row::pack([Datum::Int64(i), Datum::String("payload")]));
        let updates: Vec<_> = (0..n).map(|i| (row(i), from, 1)).collect();
        let (from, to) = (Antichain::from_elem(from), Antichain::from_elem(to));
        writer
            .compare_and_append(&updates, from, to)
            .unwrap()
            .unwrap();
    };
    append(3, 0, 1);
    append(300, 1, 2);
    append(0, 2, 9);
    client
        .open_critical_reader(shard(), CONTROLLER_CRITICAL_READER)
        .unwrap();
    std::mem::forget(writer);
    client
}

#[test]
fn a_report_is_text_for_people() {
    let client = client("mem:", "mem:");
    let report = check(client.blob(), client.consensus(), shard()).unwrap();
    let text = render_report(&report, 1_700_000_000_000);
    let expected = "\
shard s00000000-0000-0000-0000-000000000abc
  since    [0]
  upper    [9]
  readable at 0 to 8
  log      v0 to v5, garbage collection asked for v4
  written  by test 26.30.0-dev.0 at 2023-11-14T22:13:20.005Z (format 26.30.0-dev.0)
  schema   h0: (id Int64 not null, payload String)
  3 batches, 303 updates, SIZE in blobs, 214 B in the state
    level  batch  lower  upper  since  updates  runs  parts
    9      [0-1]  [0]    [1]    [0]    3        1     1 inline (214 B)
    9      [1-2]  [1]    [2]    [0]    300      1     1 blob (SIZE)
    0      [2-3]  [2]    [9]    [0]    0        0     none
    blob of [1-2]: n2603000/PART
    merge of [0-2]: 295 of work left
  1 rollup
    v0/ROLLUP  178 B
  2 handles
    critical reader c00000000-1111-2222-3333-444444444444, since [0], PersistEpoch 0 (test 26.30.0-dev.0: clusterd-fuzz)
    writer WRITER, wrote up to [9], lease ends in 1h (test 26.30.0-dev.0: writes)
  sound: no rule is broken
";
    let known = |text: &str| -> String {
        text.lines()
            .map(|line| {
                let line = line.replace(&report.rollups[0].key[3..], "ROLLUP");
                let line = line.replace(&report.batches[1].keys[0][9..], "PART");
                let line = line.replace(&report.handles[1].id, "WRITER");
                let size = format!("{:.1} KiB", report.batches[1].blob_bytes as f64 / 1024.0);
                line.replace(&size, "SIZE") + "\n"
            })
            .collect()
    };
    assert_eq!(known(&text), expected);
    // Looking only says the same without the verdict.
    let looked = inspect(client.blob(), client.consensus(), shard()).unwrap();
    let looked = render_report(&looked, 1_700_000_000_000);
    assert_eq!(
        looked.replace(
            "not checked (`shard check` does)",
            "sound: no rule is broken"
        ),
        text
    );
}

#[test]
fn the_command_lists_and_checks_a_location_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blob = format!("file://{}", dir.path().join("blob").display());
    let consensus = format!("sqlite:{}", dir.path().join("c.db").display());
    let missing = examine(Examine::Inspect, &consensus, &blob, None).unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!("consensus URL `{consensus}`: there is nothing there")
    );
    assert!(!dir.path().join("c.db").exists());
    drop(client(&blob, &consensus));
    let list = examine(Examine::Inspect, &consensus, &blob, None).unwrap();
    assert!(list.sound);
    assert!(
        list.text.contains("[0]    [9]    v5     3        303"),
        "{}",
        list.text
    );
    let all = examine(Examine::Check, &consensus, &blob, None).unwrap();
    let one = examine(Examine::Check, &consensus, &blob, Some(shard())).unwrap();
    assert_eq!(all, one);
    let other = ShardId(uuid::Uuid::from_u128(1));
    let none = examine(Examine::Check, &consensus, &blob, Some(other)).unwrap_err();
    assert_eq!(none.to_string(), format!("{other}: there is no such shard"));
    let list = list_shards(&crate::open_blob("mem:").unwrap(), &{
        crate::open_consensus(&consensus).unwrap()
    });
    // Without its blobs the shard is named and not readable.
    assert!(render_list(&list.unwrap()).contains("is not there"));
}

#[test]
fn damage_is_named_and_never_fails_the_check() {
    let client = client("mem:", "mem:");
    let (blob, consensus) = (client.blob(), client.consensus());
    let sound = check(blob, consensus, shard()).unwrap();
    let keys: Vec<String> = blob.list("").unwrap().into_iter().map(|b| b.0).collect();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let whole = blob.get(&key).unwrap().unwrap();
        for damaged in [whole.slice(..whole.len() / 2), Bytes::new()] {
            blob.set(&key, damaged).unwrap();
            assert!(
                !check(blob, consensus, shard()).unwrap().is_sound(),
                "{key}"
            );
        }
        blob.delete(&key).unwrap();
        let report = check(blob, consensus, shard()).unwrap();
        assert!(
            report.broken.iter().any(|b| b.contains("is not there")),
            "{report}"
        );
        blob.set(&key, whole).unwrap();
    }
    assert_eq!(check(blob, consensus, shard()).unwrap(), sound);
}
