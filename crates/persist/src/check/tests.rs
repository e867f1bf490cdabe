//! That looking creates nothing, and that damage is named.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::format::seqno::SeqNo;
use crate::service::clock::{ManualClock, SeededIds};
use crate::{CONTROLLER_CRITICAL_READER, PersistClient, PersistConfig};
use repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};

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
fn a_location_is_listed_and_checked_and_nothing_is_created() {
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
    assert!(list.is_sound());
    let known = KnownShard {
        since: Antichain::minimum(),
        upper: Antichain::from_elem(9),
        seqno: SeqNo(5),
        batches: 3,
        updates: 303,
        readers: 1,
        writers: 1,
    };
    let summary = ShardSummary {
        shard: shard(),
        state: Ok(known),
    };
    assert_eq!(list, Examined::Shards(vec![summary]));
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
    let list = list.unwrap();
    let why = list[0].state.as_ref().unwrap_err();
    assert!(why.contains("is not there"), "{why}");
    assert!(!Examined::Shards(list).is_sound());
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
            "{report:?}"
        );
        blob.set(&key, whole).unwrap();
    }
    assert_eq!(check(blob, consensus, shard()).unwrap(), sound);
}
