//! The replica's operators against the answers of a real clusterd to random
//! plans. What this file alone can catch: an operator that is rendered
//! consistently and wrongly. Plans are lowered, rendered in one worker and read
//! as collections, so nothing of peeks, traces or shards is in the way. Data:
//! `tests/golden/answers`, described in `spec/replica.md` §16.

mod replica_lab;

use std::collections::BTreeMap;
use std::io::Read;

use clusterd_fuzz::driver::{DataflowBuilder, IndexInfo};
use clusterd_fuzz::plan::lower::JoinKind;
use clusterd_fuzz::protocol::v26_30::{CollectionMetadata, PersistLocation};
use clusterd_fuzz::repr::{Diff, GlobalId, Row, ShardId, Timestamp};
use clusterd_fuzz::script::data::{self, Schemas};
use clusterd_fuzz::script::{self, Command, CreateDataflow, Export, Import, JoinChoice};
use replica_lab::{Contents, Mode, PLAIN, Sources, answer, run};

/// The JSON objects of a golden file.
fn golden(name: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a script has made so far.
#[derive(Default)]
struct World {
    schemas: Schemas,
    shards: BTreeMap<String, Vec<(Row, Timestamp, Diff)>>,
    /// Where each source comes from.
    sources: BTreeMap<GlobalId, String>,
    indexes: BTreeMap<GlobalId, IndexInfo>,
    /// What exported indexes contain.
    exported: BTreeMap<GlobalId, Contents>,
}

impl World {
    fn metadata(&self, schema: Option<&str>) -> Result<CollectionMetadata, String> {
        Ok(CollectionMetadata {
            persist_location: PersistLocation {
                blob_uri: String::new(),
                consensus_uri: String::new(),
            },
            data_shard: ShardId(Default::default()),
            relation_desc: self.schemas.get(schema)?,
            txns_shard: None,
        })
    }

    /// Executes a command; gives its output where it has one to compare.
    fn execute(&mut self, command: &Command, mode: Mode) -> Result<Option<String>, String> {
        match command {
            Command::DefineSchema { name, columns } => {
                self.schemas.define(name, columns)?;
            }
            Command::WriteRows {
                shard,
                schema,
                ts,
                rows,
            } => {
                let desc = self.schemas.get(schema.as_deref())?;
                let rows = data::rows(&desc, rows)?;
                let shard = self.shards.entry(shard.clone()).or_default();
                shard.extend(rows.into_iter().map(|(row, diff)| (row, *ts, diff)));
            }
            Command::DefineIndex {
                source,
                index,
                shard,
                schema,
                key,
                ..
            } => {
                let typ = self.schemas.get(schema.as_deref())?.typ.to_repr();
                self.sources.insert(*source, shard.clone());
                self.shards.entry(shard.clone()).or_default();
                let info = IndexInfo {
                    on: *source,
                    key: key.clone(),
                    typ,
                };
                self.indexes.insert(*index, info);
            }
            Command::CreateDataflow(dataflow) => self.create(dataflow, mode)?,
            Command::Peek { id, ts, .. } => {
                return match self.exported.get(id) {
                    Some(contents) => Ok(Some(answer(contents, *ts))),
                    None => Err(format!("peek of unknown {id}")),
                };
            }
            _ => {}
        }
        Ok(None)
    }

    fn create(&mut self, dataflow: &CreateDataflow, mode: Mode) -> Result<(), String> {
        let mut builder = DataflowBuilder::new(&dataflow.name);
        for import in &dataflow.imports {
            match import {
                Import::Source {
                    id,
                    shard,
                    schema,
                    upper,
                } => {
                    self.sources.insert(*id, shard.clone());
                    self.shards.entry(shard.clone()).or_default();
                    let metadata = self.metadata(schema.as_deref())?;
                    builder
                        .import_persist(*id, metadata, *upper)
                        .map_err(|e| e.to_string())?;
                }
                Import::Index { index } => {
                    let info = self.indexes.get(index).ok_or("unknown index")?;
                    builder
                        .import_index(*index, info)
                        .map_err(|e| e.to_string())?;
                }
            }
        }
        for build in &dataflow.builds {
            builder
                .build(build.id, &build.expr)
                .map_err(|e| e.to_string())?;
        }
        for export in &dataflow.exports {
            if let Export::Index { index, on, key } = export {
                builder
                    .export_index(*index, *on, key)
                    .map_err(|e| e.to_string())?;
            }
        }
        let kind = dataflow.join.map(|choice| match choice {
            JoinChoice::Linear => JoinKind::Linear,
            JoinChoice::Delta => JoinKind::Delta,
        });
        builder.optimize(dataflow.optimize).join(mode.join.or(kind));
        builder.as_of(dataflow.as_of).until(dataflow.until);
        let built = builder.finish().map_err(|e| e.to_string())?;
        let sources: Sources = self
            .sources
            .iter()
            .map(|(id, shard)| (*id, self.shards[shard].clone()))
            .collect();
        let exported = run(&built.description, &sources, mode)?;
        self.indexes.extend(built.indexes);
        self.exported.extend(exported);
        Ok(())
    }
}

/// Runs a script; gives the first disagreement.
fn disagreement(spec: &str, mode: Mode) -> Result<(), String> {
    let script = script::text::parse(spec).map_err(|e| e.to_string())?;
    let mut world = World::default();
    for stanza in script.stanzas() {
        match world.execute(&stanza.command, mode) {
            Ok(None) => {}
            Ok(Some(got)) => {
                // A row without columns is a blank line, which blocks do not keep.
                let expected = stanza.expected.trim();
                let fine = if expected.starts_with("error: peek error: Invalid data in source, saw")
                {
                    got.starts_with("error: peek error: Invalid data in source, saw")
                } else if expected.starts_with("error:") {
                    got.lines().any(|line| line == expected)
                } else {
                    got.trim() == expected
                };
                if !fine {
                    return Err(format!(
                        "{}\nexpected:\n{expected}\ngot:\n{got}",
                        stanza.input
                    ));
                }
            }
            Err(reason) => return Err(format!("{}\n{reason}", stanza.input)),
        }
    }
    Ok(())
}

/// Plans in which upstream's optimizer folds, drops or merges what ours leaves
/// alone, so that an error or its text differs (`spec/replica.md` §16.5).
const OPTIMIZED: [u64; 5] = [226, 272, 1129, 1228, 1781];

/// Runs every plan that `wanted` selects by number and text.
fn assert_agreement(mode: Mode, wanted: impl Fn(u64, &str) -> bool) {
    let only: Option<u64> = std::env::var("PLAN").ok().and_then(|n| n.parse().ok());
    let mut failures = Vec::new();
    let mut run = 0;
    for case in golden("answers/plans.jsonl.gz") {
        let n = case["n"].as_u64().unwrap();
        let spec = case["spec"].as_str().unwrap();
        let selected = only.map_or_else(|| wanted(n, spec), |only| only == n);
        if !selected || OPTIMIZED.contains(&n) {
            continue;
        }
        run += 1;
        if let Err(reason) = disagreement(spec, mode) {
            failures.push((n, reason));
        }
    }
    let text: String = failures
        .iter()
        .take(12)
        .map(|(n, reason)| format!("--- plan {n}\n{reason}\n"))
        .collect();
    let which: Vec<u64> = failures.iter().map(|(n, _)| *n).collect();
    assert!(
        failures.is_empty(),
        "{} of {run} plans disagree: {which:?}\n{text}",
        failures.len(),
    );
}

#[test]
fn random_plans_get_the_answers_of_a_real_clusterd() {
    assert_agreement(PLAIN, |_, _| true);
}

#[test]
fn answers_do_not_depend_on_the_number_of_workers() {
    let mode = Mode {
        workers: 3,
        ..PLAIN
    };
    assert_agreement(mode, |n, _| n % 11 == 0);
}

#[test]
fn answers_do_not_depend_on_whether_times_can_iterate() {
    let mode = Mode {
        nested: true,
        ..PLAIN
    };
    assert_agreement(mode, |n, _| n % 9 == 0);
}

#[test]
fn answers_do_not_depend_on_how_joins_are_planned() {
    for kind in [JoinKind::Linear, JoinKind::Delta] {
        for workers in [1, 2] {
            let mode = Mode {
                join: Some(kind),
                workers,
                ..PLAIN
            };
            assert_agreement(mode, |n, spec| n % 4 == 0 && spec.contains(" Join on="));
        }
    }
}
