//! Scripts run in the laboratory: what they write, build and peek, without a
//! replica's protocol.

use std::collections::BTreeMap;

use clusterd_fuzz::driver::{DataflowBuilder, IndexInfo};
use clusterd_fuzz::plan::lower::JoinKind;
use clusterd_fuzz::protocol::v26_30::{CollectionMetadata, PersistLocation};
use clusterd_fuzz::repr::{Diff, GlobalId, Row, ShardId, Timestamp};
use clusterd_fuzz::script::data::{self, Schemas};
use clusterd_fuzz::script::{self, Command, CreateDataflow, Export, Import, JoinChoice};

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
