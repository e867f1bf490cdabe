//! A run without a replica: what events a command would cause. The generator
//! feeds them to its model, and whoever wants to judge a script without running
//! it can do the same. Source: `spec/script.md` §2.
//!
//! Invariant: the events are those that the runner emits for the same command
//! on a replica that does what it is told, in the same order; waits cause none.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::plan::{self, Relation, RelationType};
use crate::protocol::v26_30::{AggregateExpr, AggregateFunc, Id};
use crate::repr::{Antichain, GlobalId, Timestamp};
use crate::script::append::Append;
use crate::script::data::Schemas;
use crate::script::selection::Finish;
use crate::script::trace::{DataflowSpec, Event, ExportSpec, ImportSpec, PeekSpec};
use crate::script::{Command, CreateDataflow, EPHEMERAL_BASE, Export, Import};

/// What a script has named so far.
#[derive(Debug, Clone)]
pub struct Dry {
    schemas: Schemas,
    /// By index: the collection that it arranges, and that collection's type.
    indexes: BTreeMap<GlobalId, (GlobalId, RelationType)>,
    peeks: BTreeMap<String, Uuid>,
    next_ephemeral: u64,
    uuids: u64,
    session: u64,
}

impl Default for Dry {
    fn default() -> Self {
        Dry::new()
    }
}

impl Dry {
    /// A script that begins; its first session is open.
    pub fn new() -> Self {
        Dry {
            schemas: Schemas::default(),
            indexes: BTreeMap::new(),
            peeks: BTreeMap::new(),
            next_ephemeral: EPHEMERAL_BASE,
            uuids: 0,
            session: 1,
        }
    }

    /// What connecting causes, before the first command.
    pub fn connected() -> Event {
        Event::SessionStarted { session: 1 }
    }

    /// The peek that was started under this name in this session.
    pub fn peek(&self, name: &str) -> Option<Uuid> {
        self.peeks.get(name).copied()
    }

    /// The events of a command.
    ///
    /// Errors: the command's own error; it causes nothing then.
    pub fn events(&mut self, command: &Command) -> Result<Vec<Event>, String> {
        Ok(match command {
            Command::CreateInstance { .. } => {
                vec![Event::InstanceCreated, Event::ConfigurationUpdated]
            }
            Command::UpdateConfiguration { .. } => vec![Event::ConfigurationUpdated],
            Command::InitializationComplete => vec![Event::InitializationComplete],
            Command::Reconnect => vec![self.next_session()],
            Command::Restart => vec![Event::TargetRestarted, self.next_session()],
            Command::DefineSchema { name, columns } => {
                self.schemas.define(name, columns)?;
                Vec::new()
            }
            Command::WriteSingleTs { shard, schema, .. }
            | Command::WriteSpread { shard, schema, .. }
            | Command::WriteRows { shard, schema, .. } => {
                let desc = self.schemas.get(schema.as_deref())?;
                let Append { updates, upper, .. } = Append::of(command, &desc)?;
                vec![Event::ShardWritten {
                    shard: shard.clone(),
                    desc,
                    updates,
                    upper,
                }]
            }
            Command::DefineIndex {
                source,
                index,
                shard,
                schema,
                key,
                as_of,
                upper: _,
            } => {
                let desc = self.schemas.get(schema.as_deref())?;
                if let Some(column) = key.iter().find(|column| **column >= desc.arity()) {
                    return Err(format!(
                        "key column {column} out of range for a {}-column schema",
                        desc.arity()
                    ));
                }
                self.indexes.insert(*index, (*source, desc.typ.to_repr()));
                let spec = DataflowSpec {
                    name: "headless-index".to_string(),
                    as_of: *as_of,
                    until: None,
                    imports: vec![ImportSpec::Source {
                        id: *source,
                        shard: shard.clone(),
                        desc,
                    }],
                    builds: Vec::new(),
                    exports: vec![ExportSpec::Index {
                        id: *index,
                        on: *source,
                        key: key.clone(),
                    }],
                };
                vec![Event::DataflowCreated(Arc::new(spec))]
            }
            Command::CreateDataflow(dataflow) => vec![self.dataflow(dataflow)?],
            Command::Schedule { id } => vec![Event::Scheduled { id: *id }],
            Command::AllowCompaction { id, frontier } => vec![Event::AllowedCompaction {
                id: *id,
                frontier: Antichain::from_option(*frontier),
            }],
            Command::AllowWrites { id } => vec![Event::AllowedWrites { id: *id }],
            Command::Count { id, ts } => self.count(*id, *ts)?,
            Command::Peek {
                id,
                schema,
                ts,
                selection,
            } => {
                let desc = self.schemas.get(schema.as_deref())?;
                let finish = Finish::of(selection, &desc)?;
                vec![self.peek_sent(*id, *ts, schema.as_deref(), finish)?.1]
            }
            Command::PeekCount { id, schema, ts } | Command::ExpectCount { id, schema, ts, .. } => {
                let all = Finish::default();
                vec![self.peek_sent(*id, *ts, schema.as_deref(), all)?.1]
            }
            Command::ExpectError { command } => self.events(command).unwrap_or_default(),
            Command::StartPeek {
                peek,
                id,
                schema,
                ts,
            } => {
                if self.peeks.contains_key(peek) {
                    return Err(format!("peek `{peek}` was started already"));
                }
                let all = Finish::default();
                let (uuid, event) = self.peek_sent(*id, *ts, schema.as_deref(), all)?;
                self.peeks.insert(peek.clone(), uuid);
                vec![event]
            }
            Command::CancelPeek { peek } => match self.peeks.get(peek) {
                Some(uuid) => vec![Event::PeekCanceled { uuid: *uuid }],
                None => {
                    return Err(format!(
                        "unknown peek `{peek}`; start it with start-peek first"
                    ));
                }
            },
            Command::DowngradeSince { shard, since } => vec![Event::SinceDowngraded {
                shard: shard.clone(),
                since: *since,
            }],
            Command::AwaitFrontier { .. }
            | Command::AwaitPeek { .. }
            | Command::AwaitSubscribe { .. } => Vec::new(),
        })
    }

    fn next_session(&mut self) -> Event {
        self.session += 1;
        self.peeks.clear();
        Event::SessionStarted {
            session: self.session,
        }
    }

    fn fresh_uuid(&mut self) -> Uuid {
        self.uuids += 1;
        Uuid::from_u64_pair(0, self.uuids)
    }

    fn peek_sent(
        &mut self,
        id: GlobalId,
        ts: Timestamp,
        schema: Option<&str>,
        finish: Finish,
    ) -> Result<(Uuid, Event), String> {
        let arity = self.schemas.get(schema)?.arity();
        let uuid = self.fresh_uuid();
        let spec = PeekSpec {
            uuid,
            id,
            ts,
            arity,
            finish,
        };
        Ok((uuid, Event::PeekSent(spec)))
    }

    /// The types of everything that the plans of a dataflow may read: what it
    /// imports, and what it builds itself.
    ///
    /// Errors: the dataflow's own.
    pub fn readable(
        &self,
        dataflow: &CreateDataflow,
    ) -> Result<BTreeMap<GlobalId, RelationType>, String> {
        let (mut types, _) = self.imported(dataflow)?;
        for build in &dataflow.builds {
            let (_, typ) = plan::parse(&build.expr, &types).map_err(|e| e.to_string())?;
            types.insert(build.id, typ);
        }
        Ok(types)
    }

    /// What a dataflow imports: the types, and where it comes from.
    fn imported(
        &self,
        dataflow: &CreateDataflow,
    ) -> Result<(BTreeMap<GlobalId, RelationType>, Vec<ImportSpec>), String> {
        let mut types: BTreeMap<GlobalId, RelationType> = BTreeMap::new();
        let mut imports = Vec::new();
        for import in &dataflow.imports {
            match import {
                Import::Source {
                    id, shard, schema, ..
                } => {
                    let desc = self.schemas.get(schema.as_deref())?;
                    types.insert(*id, desc.typ.to_repr());
                    imports.push(ImportSpec::Source {
                        id: *id,
                        shard: shard.clone(),
                        desc,
                    });
                }
                Import::Index { index } => {
                    let (on, typ) = self.indexes.get(index).cloned().ok_or_else(|| {
                        format!("unknown index {index}; define it before importing it")
                    })?;
                    types.insert(on, typ);
                    imports.push(ImportSpec::Index { index: *index, on });
                }
            }
        }
        Ok((types, imports))
    }

    fn dataflow(&mut self, dataflow: &CreateDataflow) -> Result<Event, String> {
        let (mut types, imports) = self.imported(dataflow)?;
        let mut builds = Vec::new();
        for build in &dataflow.builds {
            let (plan, typ) = plan::parse(&build.expr, &types)
                .map_err(|e| format!("parsing MIR for object {}: {e}", build.id))?;
            types.insert(build.id, typ);
            builds.push((build.id, plan));
        }
        let mut exports = Vec::new();
        for export in &dataflow.exports {
            exports.push(match export {
                Export::Index { index, on, key } => {
                    let typ = types.get(on).cloned();
                    let typ = typ.ok_or_else(|| {
                        format!("get of unknown id {on}; import or build it first")
                    })?;
                    self.indexes.insert(*index, (*on, typ));
                    ExportSpec::Index {
                        id: *index,
                        on: *on,
                        key: key.clone(),
                    }
                }
                Export::MaterializedView {
                    sink,
                    on,
                    shard,
                    schema,
                } => ExportSpec::MaterializedView {
                    id: *sink,
                    on: *on,
                    shard: shard.clone(),
                    desc: self.schemas.get(schema.as_deref())?,
                },
                Export::Subscribe {
                    sink,
                    on,
                    up_to,
                    snapshot,
                    schema: _,
                } => ExportSpec::Subscribe {
                    id: *sink,
                    on: *on,
                    up_to: *up_to,
                    snapshot: *snapshot,
                },
            });
        }
        Ok(Event::DataflowCreated(Arc::new(DataflowSpec {
            name: dataflow.name.clone(),
            as_of: dataflow.as_of,
            until: dataflow.until,
            imports,
            builds,
            exports,
        })))
    }

    /// The dataflow that `count` makes, scheduled, and its peek.
    fn count(&mut self, id: GlobalId, ts: Timestamp) -> Result<Vec<Event>, String> {
        let (on, typ) = self
            .indexes
            .get(&id)
            .cloned()
            .ok_or_else(|| format!("unknown index {id}; define it with define_index first"))?;
        let built = GlobalId::User(self.next_ephemeral);
        let index = GlobalId::User(self.next_ephemeral + 1);
        self.next_ephemeral += 2;
        let plan = Relation::Reduce {
            input: Box::new(Relation::Get {
                id: Id::Global(on),
                typ,
            }),
            group_key: Vec::new(),
            aggregates: vec![AggregateExpr {
                func: AggregateFunc::Count,
                expr: plan::scalar::boolean(true),
                distinct: false,
            }],
            monotonic: false,
            expected_group_size: None,
        };
        let spec = DataflowSpec {
            name: "headless-count".to_string(),
            as_of: ts,
            until: None,
            imports: vec![ImportSpec::Index { index: id, on }],
            builds: vec![(built, plan)],
            exports: vec![ExportSpec::Index {
                id: index,
                on: built,
                key: vec![0],
            }],
        };
        let peek = PeekSpec {
            uuid: self.fresh_uuid(),
            id: index,
            ts,
            arity: 1,
            finish: Finish::default(),
        };
        Ok(vec![
            Event::DataflowCreated(Arc::new(spec)),
            Event::Scheduled { id: index },
            Event::PeekSent(peek),
        ])
    }
}
