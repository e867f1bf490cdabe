//! What the command prints.

use std::sync::Arc;

use super::text::{render, render_report};
use crate::persist::clock::{ManualClock, SeededIds};
use crate::persist::{
    CONTROLLER_CRITICAL_READER, Examine, Examined, PersistClient, PersistConfig, check, examine,
    inspect,
};
use crate::repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};

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
fn a_location_is_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let blob = format!("file://{}", dir.path().join("blob").display());
    let consensus = format!("sqlite:{}", dir.path().join("c.db").display());
    drop(client(&blob, &consensus));
    let list = examine(Examine::Inspect, &consensus, &blob, None).unwrap();
    let text = render(&list, 0);
    assert!(text.contains("[0]    [9]    v5     3        303"), "{text}");
    // Without its blobs the shard is named and not readable.
    let list = examine(Examine::Inspect, &consensus, "mem:", None).unwrap();
    let text = render(&list, 0);
    assert!(text.contains("UNREADABLE"), "{text}");
    assert!(text.contains("is not there"), "{text}");
    assert_eq!(render(&Examined::Reports(Vec::new()), 0), "no shards\n");
}
