//! Scripts run in the laboratory: what they write, build and peek, without a
//! replica's protocol.

use std::collections::BTreeMap;

use clusterd_fuzz::plan::IndexInfo;
use clusterd_fuzz::repr::{Diff, GlobalId, Row, Timestamp};
use clusterd_fuzz::script::data::{self, Schemas};
use clusterd_fuzz::script::dataflow::{Assembled, Named, assemble, nowhere};
use clusterd_fuzz::script::trace::ImportSpec;
use clusterd_fuzz::script::{self, Command};

use super::{Contents, Mode, Sources, answer, run};

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
            Command::DefineIndex { .. } => {
                let assembled = self.assemble(command)?;
                self.indexes.extend(assembled.indexes);
            }
            Command::CreateDataflow(dataflow) => {
                let mut dataflow = dataflow.clone();
                dataflow.join = mode.join.or(dataflow.join);
                let assembled = self.assemble(&Command::CreateDataflow(dataflow))?;
                let sources: Sources = self
                    .sources
                    .iter()
                    .map(|(id, shard)| (*id, self.shards[shard].clone()))
                    .collect();
                let exported = run(&assembled.description, &sources, mode)?;
                self.indexes.extend(assembled.indexes);
                self.exported.extend(exported);
            }
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

    /// Puts a dataflow together, and takes note of where its sources are.
    fn assemble(&mut self, command: &Command) -> Result<Assembled, String> {
        let named = Named {
            schemas: &self.schemas,
            indexes: &self.indexes,
            locate: &mut nowhere,
        };
        let assembled = assemble(command, named)?;
        for import in &assembled.spec.imports {
            if let ImportSpec::Source { id, shard, .. } = import {
                self.sources.insert(*id, shard.clone());
                self.shards.entry(shard.clone()).or_default();
            }
        }
        Ok(assembled)
    }
}

/// Runs a script; gives the first disagreement.
pub fn disagreement(spec: &str, mode: Mode) -> Result<(), String> {
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
