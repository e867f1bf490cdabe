//! A run without a replica: what events a command would cause. The generator
//! feeds them to its model, and whoever wants to judge a script without running
//! it can do the same. Source: `spec/script.md` §2.
//!
//! Invariant: the events are those that the runner emits for the same command
//! on a replica that does what it is told, in the same order; waits cause none.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::driver::IndexInfo;
use crate::plan::Globals;
use crate::protocol::v26_30::{CollectionMetadata, PersistLocation};
use crate::repr::{Antichain, GlobalId, RelationDesc, ShardId, Timestamp};
use crate::script::append::Append;
use crate::script::data::Schemas;
use crate::script::dataflow::{self, Assembled, Locate, Named};
use crate::script::selection::Finish;
use crate::script::trace::{Event, PeekSpec};
use crate::script::{Command, CreateDataflow, EPHEMERAL_BASE};

/// What a script has named so far.
#[derive(Debug, Clone)]
pub struct Dry {
    schemas: Schemas,
    indexes: BTreeMap<GlobalId, IndexInfo>,
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
            Command::DefineIndex { .. } | Command::CreateDataflow(_) => {
                let made = dataflow::assemble(command, self.named(&mut nowhere))?;
                vec![self.created(made)]
            }
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
    pub fn readable(&self, dataflow: &CreateDataflow) -> Result<Globals, String> {
        dataflow::readable(dataflow, &self.schemas, &self.indexes)
    }

    fn named<'a>(&'a self, locate: &'a mut Locate<'a>) -> Named<'a> {
        Named {
            schemas: &self.schemas,
            indexes: &self.indexes,
            locate,
        }
    }

    fn created(&mut self, made: Assembled) -> Event {
        self.indexes.extend(made.indexes);
        Event::DataflowCreated(Arc::new(made.spec))
    }

    /// The dataflow that `count` makes, scheduled, and its peek.
    fn count(&mut self, id: GlobalId, ts: Timestamp) -> Result<Vec<Event>, String> {
        let ephemeral = self.next_ephemeral;
        let count = dataflow::assemble_count(id, ts, ephemeral, self.named(&mut nowhere))?;
        self.next_ephemeral += 2;
        let peek = PeekSpec {
            uuid: self.fresh_uuid(),
            id: count.output,
            ts,
            arity: 1,
            finish: Finish::default(),
        };
        Ok(vec![
            self.created(count.dataflow),
            Event::Scheduled { id: count.output },
            Event::PeekSent(peek),
        ])
    }
}

/// A shard for a dataflow that nobody sends.
fn nowhere(_alias: &str, desc: &RelationDesc) -> Result<CollectionMetadata, String> {
    Ok(CollectionMetadata {
        persist_location: PersistLocation {
            blob_uri: String::new(),
            consensus_uri: String::new(),
        },
        data_shard: ShardId(Uuid::nil()),
        relation_desc: desc.clone(),
        txns_shard: None,
    })
}
