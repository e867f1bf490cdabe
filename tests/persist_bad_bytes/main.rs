//! Bad bytes in the stores: ten thousand mutations of what real programs left,
//! for each kind of value. What this file alone can catch: a decoder that
//! panics, hangs, or asks for memory because a number says so.

mod allocations;
#[path = "../persist/golden.rs"]
#[allow(dead_code)]
mod golden;
mod mutations;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use clusterd_fuzz::cli::render_report;
use clusterd_fuzz::persist::blob::MemBlob;
use clusterd_fuzz::persist::consensus::MemConsensus;
use clusterd_fuzz::persist::part::{decode_inline, decode_parquet};
use clusterd_fuzz::persist::rows::{KeyReader, decode_schemas};
use clusterd_fuzz::persist::state::{Replay, State, StateDiff, decode_rollup};
use clusterd_fuzz::persist::wire::state::{PartKind, ProtoEncodedSchemas};
use clusterd_fuzz::persist::{Blob, Consensus, PersistClient, PersistConfig, check, inspect};
use clusterd_fuzz::repr::{RelationDesc, ShardId};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use mutations::{Mutation, mutated, mutation};

const CASES: u32 = 10_000;

fn runner(cases: u32, seed: u64) -> TestRunner {
    TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    })
}

fn case(count: usize) -> impl Strategy<Value = (usize, Vec<Mutation>)> {
    (0..count, proptest::collection::vec(mutation(), 1..4))
}

/// What was decoded, and how many of the mutations were noticed.
struct Verdict {
    noticed: AtomicUsize,
    worst: AtomicUsize,
}

/// Runs `decode` (true: it was fine) over mutations of `originals`, within
/// `factor` times the bytes plus `slack`.
fn bear(
    name: &str,
    originals: &[Bytes],
    (factor, slack): (usize, usize),
    decode: impl Fn(usize, Bytes) -> bool,
) {
    assert!(!originals.is_empty());
    for (i, original) in originals.iter().enumerate() {
        assert!(
            decode(i, original.clone()),
            "{name} {i} is not fine to begin with"
        );
    }
    let verdict = Verdict {
        noticed: AtomicUsize::new(0),
        worst: AtomicUsize::new(0),
    };
    let outcome = runner(CASES, 17).run(&case(originals.len()), |(i, mutations)| {
        let bytes = mutated(&originals[i], &mutations);
        let len = bytes.len();
        let (most, fine) = allocations::most_held(|| decode(i, bytes));
        verdict
            .noticed
            .fetch_add(usize::from(!fine), Ordering::Relaxed);
        verdict
            .worst
            .fetch_max(most.saturating_sub(2 * len), Ordering::Relaxed);
        prop_assert!(most <= factor * len + slack, "{most} bytes held for {len}");
        Ok(())
    });
    println!(
        "{name}: {} originals, {} of {CASES} noticed, at most {} bytes beyond twice those given",
        originals.len(),
        verdict.noticed.load(Ordering::Relaxed),
        verdict.worst.load(Ordering::Relaxed),
    );
    outcome.unwrap();
}

/// What the recordings hold, by kind.
#[derive(Default)]
struct Originals {
    /// A diff, and the state that it leads from.
    diffs: Vec<(State, Bytes)>,
    rollups: Vec<(ShardId, Bytes)>,
    inline: Vec<(RelationDesc, Bytes)>,
    parquet: Vec<(RelationDesc, Bytes)>,
    schemas: Vec<ProtoEncodedSchemas>,
}

/// No more than `most` of a kind per shard, and none above 20,000 bytes: short
/// ones take more mutations to the point.
fn originals() -> Originals {
    const LONGEST: usize = 20_000;
    let mut all = Originals::default();
    for (_, folder) in golden::stores() {
        let blobs: BTreeMap<String, Bytes> = golden::blobs(&folder).into_iter().collect();
        for (shard, log) in golden::logs(&folder) {
            let id: ShardId = shard.parse().unwrap();
            let first = log[0].seqno;
            let start = blobs
                .iter()
                .find(|(key, _)| key.starts_with(&format!("{shard}/{first}/")));
            let (_, rollup) = start.unwrap();
            let (mut state, _, _) = decode_rollup(id, rollup.clone()).unwrap();
            if rollup.len() < LONGEST {
                all.rollups.push((id, rollup.clone()));
            }
            let step = (log.len() / 8).max(1);
            for (i, entry) in log[1..].iter().enumerate() {
                let diff = StateDiff::decode(&entry.data).unwrap();
                if i % step == 0 && entry.data.len() < LONGEST {
                    all.diffs.push((state.clone(), entry.data.clone()));
                }
                for change in &diff.schemas {
                    let schema = state_schema(&change.value);
                    all.schemas.push(schema);
                }
                let mut replay = Replay::new(state);
                replay.apply(diff).unwrap();
                state = replay.finish().unwrap();
            }
            let mut inline = 0;
            for batch in state.trace.batches() {
                for part in &batch.parts {
                    let schema = &state.schemas[&part.schema_id.unwrap_or(0)];
                    let desc = decode_schemas(schema).unwrap();
                    match &part.kind {
                        Some(PartKind::Inline(bytes)) if inline < 6 && bytes.len() < LONGEST => {
                            all.inline.push((desc, bytes.clone()));
                            inline += 1;
                        }
                        Some(PartKind::Key(key)) => {
                            let bytes = &blobs[&format!("{shard}/{key}")];
                            if bytes.len() < LONGEST {
                                all.parquet.push((desc, bytes.clone()));
                            }
                        }
                        Some(PartKind::Inline(_) | PartKind::RunRef(_)) | None => {}
                    }
                }
            }
        }
    }
    all
}

fn state_schema(
    value: &clusterd_fuzz::persist::state::DiffValue<Arc<ProtoEncodedSchemas>>,
) -> ProtoEncodedSchemas {
    use clusterd_fuzz::persist::state::DiffValue;
    match value {
        DiffValue::Insert(s) | DiffValue::Update(_, s) | DiffValue::Delete(s) => s.as_ref().clone(),
    }
}

fn bytes_of<T>(of: &[(T, Bytes)]) -> Vec<Bytes> {
    of.iter().map(|o| o.1.clone()).collect()
}

#[test]
fn diffs() {
    let all = originals().diffs;
    bear("diffs", &bytes_of(&all), (2, 32 << 10), |_, bytes| {
        StateDiff::decode(&bytes).is_ok()
    });
    // Applied to the state that they were made for, which is copied.
    bear(
        "applied diffs",
        &bytes_of(&all),
        (2, 64 << 10),
        |i, bytes| {
            StateDiff::decode(&bytes)
                .and_then(|diff| {
                    let mut replay = Replay::new(all[i].0.clone());
                    replay.apply(diff)?;
                    replay.finish()
                })
                .is_ok()
        },
    );
}

#[test]
fn rollups() {
    let all = originals().rollups;
    bear("rollups", &bytes_of(&all), (2, 8 << 10), |i, bytes| {
        decode_rollup(all[i].0, bytes).is_ok()
    });
}

/// Reads every row.
fn rows(desc: &RelationDesc, keys: &clusterd_fuzz::persist::part::Keys, len: usize) -> bool {
    let Ok(reader) = KeyReader::new(desc, keys) else {
        return false;
    };
    (0..len).all(|i| reader.get(i).is_ok())
}

#[test]
fn inline_parts() {
    let all = originals().inline;
    bear(
        "inline parts",
        &bytes_of(&all),
        (2, 64 << 10),
        |i, bytes| decode_inline(&bytes).is_ok_and(|(_, c)| rows(&all[i].0, &c.keys, c.len())),
    );
}

/// The Parquet reader's own assertions are caught and become errors; what they
/// would print (and allocate to do so) is left out.
fn quiet_readers() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let file = info.location().map_or("", |l| l.file());
        if !["/parquet-", "/arrow-", "/bytes-"]
            .iter()
            .any(|c| file.contains(c))
        {
            loud(info);
        }
    }));
}

#[test]
fn parquet_parts() {
    quiet_readers();
    let all = originals().parquet;
    bear(
        "parquet parts",
        &bytes_of(&all),
        (2, 192 << 10),
        |i, bytes| decode_parquet(&bytes).is_ok_and(|(_, c)| rows(&all[i].0, &c.keys, c.len())),
    );
}

#[test]
fn schemas() {
    let all = originals().schemas;
    let keys: Vec<Bytes> = all.iter().map(|s| s.key.clone()).collect();
    bear("schemas", &keys, (2, 8 << 10), |i, bytes| {
        let schema = ProtoEncodedSchemas {
            key: bytes,
            ..all[i].clone()
        };
        decode_schemas(&schema).is_ok()
    });
}

/// A whole store with one value changed: opening, reading, looking, checking.
#[test]
fn stores_with_one_bad_value_give_errors() {
    let (_, folder) = golden::stores()
        .into_iter()
        .find(|(name, _)| name == "index")
        .unwrap();
    let logs = golden::logs(&folder);
    let blobs = golden::blobs(&folder);
    let values = logs.iter().map(|(_, log)| log.len()).sum::<usize>() + blobs.len();
    let outcome = runner(1_000, 5).run(&case(values), |(at, mutations)| {
        let consensus = Arc::new(MemConsensus::default());
        let blob = Arc::new(MemBlob::default());
        let mut place = 0;
        let mut value = |bytes: &Bytes| {
            place += 1;
            if place - 1 == at {
                mutated(bytes, &mutations)
            } else {
                bytes.clone()
            }
        };
        for (shard, log) in &logs {
            for entry in log {
                let mut entry = entry.clone();
                entry.data = value(&entry.data);
                consensus.load(shard, entry);
            }
        }
        for (key, bytes) in &blobs {
            blob.set(key, value(bytes)).unwrap();
        }
        let (blob, consensus): (Arc<dyn Blob>, Arc<dyn Consensus>) = (blob, consensus);
        for (shard, _) in &logs {
            let shard: ShardId = shard.parse().unwrap();
            for report in [
                check(&blob, &consensus, shard),
                inspect(&blob, &consensus, shard),
            ] {
                let text = render_report(&report.unwrap(), 0);
                prop_assert!(text.is_ascii() || !text.is_empty());
            }
            let config = PersistConfig::for_stores("mem:");
            let client = PersistClient::new(Arc::clone(&blob), Arc::clone(&consensus), config);
            let Ok(state) = client.state(shard) else {
                continue;
            };
            let Ok(Some(desc)) = client.schema(shard) else {
                continue;
            };
            let Some(last) = state.upper().as_option().and_then(|t| t.checked_sub(1)) else {
                continue;
            };
            let Ok(reader) = client.open_leased_reader(shard, &desc, "test") else {
                continue;
            };
            let _ = reader.snapshot(last);
        }
        Ok(())
    });
    outcome.unwrap();
}
