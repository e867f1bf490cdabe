//! The logs of recorded shards: decoding and encoding again gives the same
//! bytes, diffs apply strictly, rollups can be re-created, and the structure
//! of the trace is what our own insertion makes of the same appends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use bytes::Bytes;
use clusterd_fuzz::persist::VersionedData;
use clusterd_fuzz::persist::part::{
    array_from_proto, array_to_proto, decode_inline, encode_inline,
};
use clusterd_fuzz::persist::rows::{KeyBuilder, KeyReader, decode_schemas, encode_schemas};
use clusterd_fuzz::persist::state::{
    DiffValue, Replay, State, StateDiff, decode_rollup, diff_between, encode_rollup,
};
use clusterd_fuzz::persist::wire::part::ProtoInlineBatchPart;
use clusterd_fuzz::persist::wire::state::{PartKind, ProtoEncodedSchemas};
use prost::Message;
use serde_json::Value;

use crate::golden;

#[test]
fn vectors_encode_to_the_bytes_they_were_decoded_from() {
    let file = File::open(golden::folder().join("persist/vectors.jsonl")).unwrap();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        let vector: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let name = vector["name"].as_str().unwrap();
        let kind = vector["kind"].as_str().unwrap();
        let bytes = Bytes::from(hex::decode(vector["hex"].as_str().unwrap()).unwrap());
        let again = match kind {
            "consensus_value" => {
                let diff = StateDiff::decode(&bytes).unwrap();
                let decoded = &vector["decoded"];
                assert_eq!(
                    diff.seqno_to,
                    decoded["seqno_to"].as_u64().unwrap(),
                    "{name}"
                );
                let rollup = decoded["latest_rollup_key"].as_str().unwrap();
                assert_eq!(diff.latest_rollup_key, rollup, "{name}");
                diff.encode()
            }
            "rollup" => {
                let shard = vector["decoded"]["shard_id"].as_str().unwrap();
                let (state, _, diffs) =
                    decode_rollup(shard.parse().unwrap(), bytes.clone()).unwrap();
                encode_rollup(&state, diffs.as_deref())
            }
            "inline_part" => {
                let mut proto = ProtoInlineBatchPart::decode(bytes.clone()).unwrap();
                let (_, columns) = decode_inline(&bytes).unwrap();
                let updates = vector["decoded"]["updates"].as_array().unwrap();
                assert_eq!(columns.len(), updates.len(), "{name}");
                for (i, update) in updates.iter().enumerate() {
                    assert_eq!(columns.times[i], update["t"].as_u64().unwrap());
                    assert_eq!(columns.diffs[i], update["d"].as_i64().unwrap());
                }
                // Through arrow and back.
                let columns = proto.updates.as_mut().unwrap();
                for array in [&mut columns.key_structured, &mut columns.val_structured] {
                    let arrow = array_from_proto(array.as_ref().unwrap()).unwrap();
                    *array = Some(array_to_proto(&arrow).unwrap());
                }
                proto.encode_to_vec().into()
            }
            "encoded_schemas" => ProtoEncodedSchemas::decode(bytes.clone())
                .unwrap()
                .encode_to_vec()
                .into(),
            "part_blob" => bytes.clone(),
            other => panic!("unknown kind {other}"),
        };
        assert_eq!(hex::encode(&again), hex::encode(&bytes), "{name}");
        *kinds.entry(kind.to_string()).or_default() += 1;
    }
    assert_eq!(kinds["consensus_value"], 20);
    assert_eq!(kinds.len(), 5);
}

/// Each recorded shard: its log, and its rollups by seqno.
fn shards() -> Vec<(String, Vec<VersionedData>, BTreeMap<u64, Bytes>)> {
    let mut shards = Vec::new();
    for (_, path) in golden::stores() {
        let blobs = golden::blobs(&path);
        for (shard, log) in golden::logs(&path) {
            let rollups = blobs
                .iter()
                .filter_map(|(key, value)| {
                    let rest = key.strip_prefix(&shard)?.strip_prefix("/v")?;
                    let seqno = rest.split_once('/')?.0.parse().ok()?;
                    Some((seqno, value.clone()))
                })
                .collect();
            shards.push((shard, log, rollups));
        }
    }
    assert_eq!(shards.len(), 48);
    shards
}

fn rollup(shard: &str, bytes: &Bytes) -> State {
    decode_rollup(shard.parse().unwrap(), bytes.clone())
        .unwrap()
        .0
}

/// The states of a log from its first entry on (which must be a rollup's).
fn replay(
    shard: &str,
    log: &[VersionedData],
    rollups: &BTreeMap<u64, Bytes>,
    mut each: impl FnMut(&State, &StateDiff, &State, &VersionedData),
) {
    let first = log[0].seqno.0;
    let mut state = rollup(shard, &rollups[&first]);
    assert_eq!(state.seqno.0, first);
    for entry in &log[1..] {
        let diff = StateDiff::decode(&entry.data).unwrap();
        assert_eq!(diff.encode(), entry.data, "{shard} {}", entry.seqno);
        let mut replay = Replay::new(state.clone());
        replay.apply(diff.clone()).unwrap();
        let next = replay.finish().unwrap();
        each(&state, &diff, &next, entry);
        state = next;
    }
}

#[test]
fn logs_lead_from_every_rollup_to_the_same_bytes() {
    let mut entries = 0;
    let mut compared = 0;
    for (shard, log, rollups) in shards() {
        let mut last = None;
        replay(&shard, &log, &rollups, |before, _, after, entry| {
            // What we would have committed for the same transition.
            let ours = diff_between(before, after).encode();
            assert_eq!(
                hex::encode(&ours),
                hex::encode(&entry.data),
                "{shard} {}",
                entry.seqno
            );
            entries += 1;
            if let Some(bytes) = rollups.get(&after.seqno.0) {
                // Its inlined diffs start after the rollup before it.
                let from = after.latest_rollup().unwrap().0;
                let start = log.partition_point(|e| e.seqno.0 <= from);
                let end = log.partition_point(|e| e.seqno <= after.seqno);
                if from >= log[0].seqno.0 {
                    let ours = encode_rollup(after, Some(&log[start..end]));
                    assert_eq!(hex::encode(ours), hex::encode(bytes));
                    compared += 1;
                }
            }
            last = Some(after.clone());
        });
        let Some(last) = last else { continue };
        // All at once, from the newest rollup.
        let (_, bytes) = rollups.last_key_value().unwrap();
        let mut from_newest = Replay::new(rollup(&shard, bytes));
        for entry in &log {
            if entry.seqno == from_newest.seqno().next() {
                from_newest
                    .apply(StateDiff::decode(&entry.data).unwrap())
                    .unwrap();
            }
        }
        let from_newest = from_newest.finish().unwrap();
        assert_eq!(
            encode_rollup(&from_newest, None),
            encode_rollup(&last, None)
        );
    }
    assert!(entries > 1600, "{entries}");
    assert!(compared >= 3, "{compared}");
}

#[test]
fn inline_parts_are_built_again_from_their_rows() {
    let mut parts = 0;
    for (shard, log, rollups) in shards() {
        replay(&shard, &log, &rollups, |_, diff, after, entry| {
            for change in &diff.legacy_batches {
                for part in &change.key.parts {
                    let Some(PartKind::Inline(bytes)) = &part.kind else {
                        continue;
                    };
                    let schema = &after.schemas[&part.schema_id.unwrap()];
                    let desc = decode_schemas(schema).unwrap();
                    assert_eq!(encode_schemas(&desc).unwrap(), **schema);
                    let (bounds, columns) = decode_inline(bytes).unwrap();
                    let reader = KeyReader::new(&desc, &columns.keys).unwrap();
                    let mut builder = KeyBuilder::new(&desc);
                    for i in 0..columns.len() {
                        builder.push(&reader.get(i).unwrap()).unwrap();
                    }
                    let ours =
                        encode_inline(&bounds, &builder.finish(), &columns.times, &columns.diffs);
                    let (ours, theirs) = (hex::encode(ours.unwrap()), hex::encode(bytes));
                    assert_eq!(ours, theirs, "{shard} {}", entry.seqno);
                    parts += 1;
                }
            }
        });
    }
    assert!(parts > 600, "{parts}");
}

#[test]
fn the_structure_of_every_recorded_append_is_predicted() {
    let mut appends = 0;
    let mut results = 0;
    for (shard, log, rollups) in shards() {
        replay(&shard, &log, &rollups, |before, diff, after, entry| {
            let at = format!("{shard} {}", entry.seqno);
            let mut trace = before.trace.clone();
            if after.upper() != before.upper() {
                // One batch was appended: the one that ends at the new upper.
                let desc = &diff.legacy_batches;
                let new = desc
                    .iter()
                    .find(|c| {
                        matches!(c.value, DiffValue::Insert(()))
                            && c.key.desc.upper == *after.upper()
                    })
                    .unwrap_or_else(|| panic!("{at}: nothing was appended"));
                let mut batch = (*new.key).clone();
                batch.desc.lower = before.upper().clone();
                if batch.is_empty() {
                    batch.desc.since = clusterd_fuzz::repr::Antichain::minimum();
                }
                trace.push(Arc::new(batch)).unwrap();
                // The claims are the writer's business.
                let start = diff.writers.iter().find_map(|w| match &w.value {
                    DiffValue::Insert(new) | DiffValue::Update(_, new) => Some(new.heartbeat_ms),
                    DiffValue::Delete(_) => None,
                });
                for claim in &diff.spine_merges {
                    let claimed = match &claim.value {
                        DiffValue::Insert(new) | DiffValue::Update(_, new) => new.active_compaction,
                        DiffValue::Delete(_) => None,
                    };
                    if let Some(seqno) = claimed {
                        assert_eq!(claimed, start, "{at}");
                        assert!(trace.claim(claim.key, seqno), "{at}");
                    }
                }
                appends += 1;
            } else if !diff.legacy_batches.is_empty() {
                let output = diff
                    .legacy_batches
                    .iter()
                    .find(|c| matches!(c.value, DiffValue::Insert(())))
                    .unwrap();
                assert!(trace.apply_merge(&output.key).applied(), "{at}");
                results += 1;
            } else {
                return;
            }
            assert_eq!(
                trace.flatten().to_proto(),
                {
                    let mut flat = after.trace.flatten();
                    flat.since = before.since().clone();
                    flat.to_proto()
                },
                "{at}"
            );
        });
    }
    assert!(appends > 600 && results > 60, "{appends} {results}");
}
