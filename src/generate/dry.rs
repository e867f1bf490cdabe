//! A run without a replica: what events a command would cause. The generator
//! feeds them to its model, and whoever wants to judge a script without running
//! it can do the same. Source: `spec/script.md` §2.
//!
//! Invariant: the events are those that the runner emits for the same command
//! on a replica that does what it is told, in the same order; waits cause none.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::plan::Globals;
use crate::plan::IndexInfo;
use crate::repr::{Antichain, GlobalId, Timestamp};
use crate::script::append::Append;
use crate::script::data::Schemas;
use crate::script::dataflow::{self, Assembled, Locate, Named, nowhere};
use crate::script::selection::Finish;
use crate::script::trace::{Event, PeekSpec, Wait};
use crate::script::{Command, CreateDataflow, EPHEMERAL_BASE};

/// What a script has named so far.
#[derive(Debug, Clone)]
pub struct Dry {
    schemas: Schemas,
    indexes: BTreeMap<GlobalId, IndexInfo>,
    /// Those that have a name, as they were sent.
    peeks: BTreeMap<String, PeekSpec>,
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
        self.peeks.get(name).map(|spec| spec.uuid)
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
                vec![Event::PeekSent(self.peek_sent(
                    *id,
                    *ts,
                    schema.as_deref(),
                    finish,
                )?)]
            }
            Command::PeekCount { id, schema, ts } | Command::ExpectCount { id, schema, ts, .. } => {
                let all = Finish::default();
                let spec = self.peek_sent(*id, *ts, schema.as_deref(), all)?;
                vec![Event::PeekSent(spec)]
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
                let spec = self.peek_sent(*id, *ts, schema.as_deref(), all)?;
                self.peeks.insert(peek.clone(), spec.clone());
                vec![Event::PeekSent(spec)]
            }
            Command::CancelPeek { peek } => vec![Event::PeekCanceled {
                uuid: self.named_peek(peek)?.uuid,
            }],
            Command::DowngradeSince { shard, since } => vec![Event::SinceDowngraded {
                shard: shard.clone(),
                since: *since,
            }],
            Command::AwaitFrontier { .. }
            | Command::AwaitPeek { .. }
            | Command::AwaitSubscribe { .. } => Vec::new(),
        })
    }

    /// What a command waits for before it answers, given the events that it
    /// caused; a wait that may run out tells nothing and is left out.
    ///
    /// Errors: the command's own.
    pub fn waits(&self, command: &Command, events: &[Event]) -> Result<Vec<Wait>, String> {
        let answer = |spec: &PeekSpec| Wait::Peek {
            uuid: spec.uuid,
            id: spec.id,
            ts: spec.ts,
        };
        Ok(match command {
            Command::AwaitFrontier {
                id,
                ts,
                allow_timeout: false,
                ..
            } => vec![Wait::output(*id, *ts)],
            Command::AwaitSubscribe { id, up_to, .. } => {
                let (id, up_to) = (*id, *up_to);
                vec![Wait::Subscribe { id, up_to }]
            }
            Command::AwaitPeek { peek, .. } => vec![answer(self.named_peek(peek)?)],
            Command::Peek { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::Count { .. } => {
                let sent = events.iter().filter_map(|event| match event {
                    Event::PeekSent(spec) => Some(answer(spec)),
                    _ => None,
                });
                sent.collect()
            }
            Command::ExpectError { command } => self.waits(command, events)?,
            Command::AwaitFrontier {
                allow_timeout: true,
                ..
            }
            | Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
            | Command::DefineIndex { .. }
            | Command::CreateDataflow(_)
            | Command::Schedule { .. }
            | Command::AllowCompaction { .. }
            | Command::AllowWrites { .. }
            | Command::StartPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => Vec::new(),
        })
    }

    fn named_peek(&self, name: &str) -> Result<&PeekSpec, String> {
        let known = self.peeks.get(name);
        known.ok_or_else(|| format!("unknown peek `{name}`; start it with start-peek first"))
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
    ) -> Result<PeekSpec, String> {
        let arity = self.schemas.get(schema)?.arity();
        Ok(PeekSpec {
            uuid: self.fresh_uuid(),
            id,
            ts,
            arity,
            finish,
        })
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
