//! The commands that make dataflows: `define-index`, `create-dataflow`,
//! `count`. Source: `spec/script.md` §2.5, §2.6, §4.
//!
//! Invariant: everything that can be wrong is found before anything is sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Runner;
use crate::driver::{BuiltDataflow, DataflowBuilder, IndexInfo};
use crate::plan::cells;
use crate::plan::lower::JoinKind;
use crate::protocol::v26_30::{CollectionMetadata, ComputeCommand};
use crate::repr::{GlobalId, RelationDesc, ShardId, SqlScalarType, Timestamp};
use crate::script::command::*;
use crate::script::output::Output;
use crate::script::selection::Finish;
use crate::script::trace::{DataflowSpec, Event, ExportSpec, ImportSpec};

/// The parts of a dataflow that the builder does not keep.
struct Pending {
    builder: DataflowBuilder,
    imports: Vec<ImportSpec>,
    exports: Vec<ExportSpec>,
    views: BTreeMap<GlobalId, CollectionMetadata>,
}

impl Pending {
    fn new(name: &str) -> Self {
        Pending {
            builder: DataflowBuilder::new(name),
            imports: Vec::new(),
            exports: Vec::new(),
            views: BTreeMap::new(),
        }
    }
}

impl Runner<'_> {
    /// Executes `define-index` or `create-dataflow`.
    pub(super) fn create(&mut self, command: &Command) -> Result<Output, String> {
        match command {
            Command::DefineIndex {
                source,
                index,
                shard,
                schema,
                key,
                as_of,
                upper,
            } => {
                let desc = self.schemas.get(schema.as_deref())?;
                let arity = desc.arity();
                if let Some(column) = key.iter().find(|column| **column >= arity) {
                    return Err(format!(
                        "key column {column} out of range for a {arity}-column schema"
                    ));
                }
                let mut pending = Pending::new("headless-index");
                self.import_source(&mut pending, *source, shard, desc, *upper)?;
                self.export_index(&mut pending, *index, *source, key)?;
                self.ship(pending, "headless-index", *as_of, None)
            }
            Command::CreateDataflow(dataflow) => {
                let mut pending = Pending::new(&dataflow.name);
                for import in &dataflow.imports {
                    match import {
                        Import::Source {
                            id,
                            shard,
                            schema,
                            upper,
                        } => {
                            let desc = self.schemas.get(schema.as_deref())?;
                            self.import_source(&mut pending, *id, shard, desc, *upper)?;
                        }
                        Import::Index { index } => {
                            let info = self.index(*index, "importing it")?;
                            import_index(&mut pending, *index, &info)?;
                        }
                    }
                }
                for Build { id, expr } in &dataflow.builds {
                    pending.builder.build(*id, expr).map_err(text)?;
                }
                for export in &dataflow.exports {
                    self.export(&mut pending, export)?;
                }
                let kind = dataflow.join.map(|choice| match choice {
                    JoinChoice::Linear => JoinKind::Linear,
                    JoinChoice::Delta => JoinKind::Delta,
                });
                pending.builder.optimize(dataflow.optimize).join(kind);
                self.ship(pending, &dataflow.name, dataflow.as_of, dataflow.until)
            }
            other => Err(format!("`{}` makes no dataflow", other.verb())),
        }
    }

    /// What an index arranges; `before` says what it was needed for.
    fn index(&self, index: GlobalId, before: &str) -> Result<IndexInfo, String> {
        let number = match index {
            GlobalId::User(n) => n.to_string(),
            other => other.to_string(),
        };
        self.indexes
            .get(&index)
            .cloned()
            .ok_or_else(|| match before {
                "importing it" => format!("unknown index {number}; define it before importing it"),
                _ => format!("unknown index {number}; define it with define_index first"),
            })
    }

    /// The shard behind an alias, held readable from now on.
    fn held_shard(&mut self, alias: &str) -> Result<ShardId, String> {
        let shard = self.shard(alias);
        let held = self.driver.host_mut().hold(shard);
        held.map(|()| shard).map_err(|e| e.to_string())
    }

    fn import_source(
        &mut self,
        pending: &mut Pending,
        id: GlobalId,
        shard: &str,
        desc: RelationDesc,
        upper: Timestamp,
    ) -> Result<(), String> {
        let data = self.held_shard(shard)?;
        let metadata = self.driver.host().metadata(data, &desc);
        let imported = pending.builder.import_persist(id, metadata, upper);
        imported.map_err(text)?;
        pending.imports.push(ImportSpec::Source {
            id,
            shard: shard.to_string(),
            desc,
        });
        Ok(())
    }

    fn export_index(
        &mut self,
        pending: &mut Pending,
        id: GlobalId,
        on: GlobalId,
        key: &[usize],
    ) -> Result<(), String> {
        pending.builder.export_index(id, on, key).map_err(text)?;
        pending.exports.push(ExportSpec::Index {
            id,
            on,
            key: key.to_vec(),
        });
        Ok(())
    }

    fn export(&mut self, pending: &mut Pending, export: &Export) -> Result<(), String> {
        match export {
            Export::Index { index, on, key } => self.export_index(pending, *index, *on, key),
            Export::MaterializedView {
                sink,
                on,
                shard,
                schema,
            } => {
                let desc = self.schemas.get(schema.as_deref())?;
                let data = self.held_shard(shard)?;
                let target = self.driver.host().metadata(data, &desc);
                let exported =
                    (pending.builder).export_materialized_view(*sink, *on, target.clone());
                exported.map_err(text)?;
                pending.views.insert(*sink, target);
                pending.exports.push(ExportSpec::MaterializedView {
                    id: *sink,
                    on: *on,
                    shard: shard.clone(),
                    desc,
                });
                Ok(())
            }
            Export::Subscribe {
                sink,
                on,
                schema,
                up_to,
                snapshot,
            } => {
                let desc = self.schemas.get(schema.as_deref())?;
                let builder = &mut pending.builder;
                let exported = builder.export_subscribe(*sink, *on, desc, *up_to, *snapshot);
                exported.map_err(text)?;
                pending.exports.push(ExportSpec::Subscribe {
                    id: *sink,
                    on: *on,
                    up_to: *up_to,
                    snapshot: *snapshot,
                });
                Ok(())
            }
        }
    }

    /// Lowers and sends a dataflow, and registers what it exports.
    fn ship(
        &mut self,
        pending: Pending,
        name: &str,
        as_of: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<Output, String> {
        let Pending {
            mut builder,
            imports,
            exports,
            views,
        } = pending;
        builder.as_of(as_of).until(until);
        let BuiltDataflow {
            description,
            builds,
            indexes,
        } = builder.finish().map_err(text)?;
        let sent = cells::of_dataflow(&description);
        self.send(ComputeCommand::CreateDataflow(Box::new(description)))?;
        cells::add(&mut self.cells, &sent);
        for export in &exports {
            match export {
                ExportSpec::MaterializedView { shard, desc, .. } => {
                    self.targets.insert(shard.clone(), desc.clone());
                }
                ExportSpec::Index { .. } | ExportSpec::Subscribe { .. } => {}
            }
        }
        self.emit(Event::DataflowCreated(Arc::new(DataflowSpec {
            name: name.to_string(),
            as_of,
            until,
            imports,
            builds,
            exports,
        })));
        self.indexes.extend(indexes);
        self.views.extend(views);
        Ok(Output::Ok)
    }

    /// Counts the rows of an index on the replica, by a dataflow of its own.
    pub(super) fn count(&mut self, index: GlobalId, ts: Timestamp) -> Result<Output, String> {
        let info = self.index(index, "counting it")?;
        let reduce = GlobalId::User(self.next_ephemeral);
        let output = GlobalId::User(self.next_ephemeral + 1);
        self.next_ephemeral += 2;
        let end = ts
            .checked_add(1)
            .ok_or_else(|| format!("cannot count at {ts}: there is no later time to wait for"))?;

        let mut pending = Pending::new("headless-count");
        import_index(&mut pending, index, &info)?;
        let plan = format!("Reduce aggregates=[count(true)]\n  Get {}", info.on);
        pending.builder.build(reduce, &plan).map_err(text)?;
        self.export_index(&mut pending, output, reduce, &[0])?;
        self.ship(pending, "headless-count", ts, None)?;
        self.indexes.remove(&output);
        self.announce(
            Event::Scheduled { id: output },
            ComputeCommand::Schedule(output),
        )?;
        if !self.await_frontier(
            output,
            end,
            Duration::from_secs(DEFAULT_TIMEOUT_SECS),
            false,
        ) {
            return Err(format!("frontier for {output} did not reach {end} in time"));
        }
        let desc = RelationDesc::from_columns([("count", SqlScalarType::Int64, false)]);
        let rows = self.peek(output, ts, &desc, &Finish::default())?;
        let copies: usize = rows.iter().map(|(_, count)| *count).sum();
        match rows.as_slice() {
            [] => Ok(Output::Count { count: 0 }),
            [(row, 1)] => {
                let count = row.iter().next().map(|datum| datum.to_string());
                let count = count.unwrap_or_default().parse::<i64>();
                let count = count.map_err(|e| format!("the count is no integer: {e}"))?;
                let count = u64::try_from(count).map_err(|e| e.to_string())?;
                Ok(Output::Count { count })
            }
            _ => Err(format!(
                "count reduce returned {copies} rows, expected 0 or 1"
            )),
        }
    }
}

fn import_index(pending: &mut Pending, index: GlobalId, info: &IndexInfo) -> Result<(), String> {
    pending.builder.import_index(index, info).map_err(text)?;
    pending
        .imports
        .push(ImportSpec::Index { index, on: info.on });
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
