//! What the generator knows while it writes a script: the commands so far, the
//! model that they made, and the names that it gave.
//!
//! Invariant: every command goes through [`World::emit`], which asks the model
//! whether the sequence stays valid; what would not is not written.

use uuid::Uuid;

use super::choices::Choices;
use super::flows::{Flow, FlowExport, Form};
use super::profile::Profile;
use super::tally::{Tally, Worth};
use super::values::Column;
use crate::known::Watch;
use crate::model::{Life, Model, Objection, Rehearsal};
use crate::repr::{GlobalId, Timestamp};
use crate::script::event::Wait;
use crate::script::{Command, DEFAULT_TIMEOUT_SECS};

/// A time that no frontier reaches but the empty one.
pub const NEVER: Timestamp = 1_000_000_000;

/// A generator at work.
pub struct World<'a> {
    pub choices: &'a mut dyn Choices,
    pub profile: &'a Profile,
    rehearsal: Rehearsal,
    /// What known bugs ask of the commands so far.
    watch: Watch,
    pub commands: Vec<Command>,
    pub tally: Tally,
    pub schemas: Vec<Schema>,
    pub shards: Vec<DrawnShard>,
    /// What this session has created and not dropped, in order.
    pub flows: Vec<Flow>,
    /// Peeks that were started and not awaited.
    pub open_peeks: Vec<OpenPeek>,
    /// Counts may become negative in this case.
    pub negative: bool,
    /// What views write goes to blob, with statistics.
    pub views_in_blob: bool,
    flows_made: u64,
    peeks_made: u64,
}

#[derive(Debug, Clone)]
pub struct Schema {
    pub name: String,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone)]
pub struct DrawnShard {
    pub alias: String,
    /// The source id under which dataflows read it.
    pub source: GlobalId,
    /// Which of the schemas its rows have.
    pub schema: usize,
    /// Nothing is ever retracted from it.
    pub append_only: bool,
    /// The size at which the parts of its writes are cut, all of which go to blob.
    pub part_bytes: Option<u64>,
    pub owner: Owner,
}

/// What writes a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Driver,
    /// A materialized view.
    View,
}

/// The ids that a new dataflow may use.
#[derive(Debug, Clone, Copy)]
pub struct ObjectIds {
    pub builds: [GlobalId; 3],
    pub exports: [GlobalId; 3],
}

/// A peek that may still be awaited or cancelled.
#[derive(Debug, Clone)]
pub struct OpenPeek {
    pub name: String,
    pub uuid: Uuid,
    pub id: GlobalId,
}

impl<'a> World<'a> {
    pub fn new(choices: &'a mut dyn Choices, profile: &'a Profile) -> Self {
        World {
            choices,
            profile,
            rehearsal: Rehearsal::new(),
            watch: Watch::default(),
            commands: Vec::new(),
            tally: Tally::default(),
            schemas: Vec::new(),
            shards: Vec::new(),
            flows: Vec::new(),
            open_peeks: Vec::new(),
            negative: false,
            views_in_blob: false,
            flows_made: 0,
            peeks_made: 0,
        }
    }

    /// What the model knows after the commands so far.
    pub fn model(&self) -> &Model {
        self.rehearsal.model()
    }

    /// Writes a command, if the sequence stays valid with it and it shows no bug
    /// that the profile goes round, and takes note of what its wait tells. A caller
    /// that writes one that waits has asked the model whether it ends. True if it
    /// was written.
    pub fn emit(&mut self, command: Command, worth: Worth) -> bool {
        if let Some(bug) = self.profile.known.shown_by(&command, &self.watch) {
            *self.tally.gone_round.entry(bug.id.clone()).or_default() += 1;
            return false;
        }
        // What one replica must do the other one may have no reason to, once it began
        // anew.
        let before = (self.rehearsal.tells_apart()).then(|| self.rehearsal.clone());
        let rehearsed = match self.rehearsal.play_valid(&command) {
            Ok(rehearsed) => rehearsed,
            Err(objection) => {
                // A dataflow over something that a reconnect changed may not fit
                // it any more.
                let may_fail = matches!(command, Command::CreateDataflow(_) | Command::Kill { .. })
                    || !matches!(objection, Objection::Fails(_));
                debug_assert!(may_fail, "a command that fails: {command}: {objection}");
                return false;
            }
        };
        let ended = self.rehearsal.end(&rehearsed.waits);
        if let (Err(_), Some(before)) = (&ended, before) {
            self.rehearsal = before;
            return false;
        }
        debug_assert!(ended.is_ok(), "{command}: {ended:?}");
        self.tally.command(command.verb(), worth);
        self.watch.note(&command);
        self.commands.push(command);
        true
    }

    /// The peek that was started under this name.
    pub fn started(&self, name: &str) -> Option<Uuid> {
        let started = self.rehearsal.interpreter().peeks().get(name);
        started.map(|started| started.spec.uuid)
    }

    pub fn next_peek_name(&mut self) -> String {
        self.peeks_made += 1;
        format!("p{}", self.peeks_made)
    }

    /// The ids of the next dataflow: what it builds, and what it exports.
    pub fn next_object_ids(&mut self) -> ObjectIds {
        self.flows_made += 1;
        let base = 2_000 + 10 * (self.flows_made - 1);
        let id = |offset| GlobalId::User(base + offset);
        ObjectIds {
            builds: [id(0), id(3), id(4)],
            exports: [id(1), id(2), id(5)],
        }
    }

    /// What the flows export and is not dropped.
    pub fn live_exports(&self) -> Vec<GlobalId> {
        self.live(|_| true)
    }

    /// The indexes among them.
    pub fn live_indexes(&self) -> Vec<GlobalId> {
        self.live(|export| export.key().is_some())
    }

    /// The indexes and views among them: what can be peeked.
    pub fn live_peekable(&self) -> Vec<GlobalId> {
        self.live(|export| match export.form {
            Form::Index { .. } | Form::View { .. } => true,
            Form::Subscribe { .. } => false,
        })
    }

    /// The live view that writes this shard.
    pub fn live_view_of(&self, shard: usize) -> Option<GlobalId> {
        let views =
            self.live(|export| matches!(export.form, Form::View { shard: s, .. } if s == shard));
        views.last().copied()
    }

    fn live(&self, wanted: impl Fn(&FlowExport) -> bool) -> Vec<GlobalId> {
        self.flows
            .iter()
            .flat_map(|flow| &flow.exports)
            .filter(|export| wanted(export) && self.is_live(export.id))
            .map(|export| export.id)
            .collect()
    }

    pub fn is_live(&self, id: GlobalId) -> bool {
        self.model()
            .collection(id)
            .is_some_and(|collection| collection.life == Life::Live)
    }

    /// The first time at which an index can be read.
    pub fn since(&self, id: GlobalId) -> Timestamp {
        self.model()
            .collection(id)
            .and_then(|collection| collection.since.as_option())
            .unwrap_or(0)
    }

    /// From when on it is unknown what a collection contains, because of an
    /// `until` in it or below it.
    pub fn known_until(&self, id: GlobalId) -> Option<Timestamp> {
        let collection = self.model().collection(id)?;
        collection.dataflow.known_until(collection.export.on())
    }

    /// The times at which a peek of an index or a view is answered without
    /// another command, first and last; `None` if there is none.
    pub fn readable(&self, id: GlobalId) -> Option<(Timestamp, Timestamp)> {
        if let Form::View { shard, .. } = self.export_of(id)?.form {
            let must = self.model().shard_must_seal(&self.shards[shard].alias);
            let last = match must.as_option() {
                // What ended is the same at all later times.
                None => self.since(id) + 2,
                Some(must) => must.checked_sub(1)?,
            };
            return Some((0, last));
        }
        let since = self.since(id);
        let must = self.model().must_reach(id)?;
        let last = match must.as_option() {
            // A constant, or one that `until` ended.
            None => match self.known_until(id) {
                Some(until) => until.checked_sub(1)?,
                None => since + 2,
            },
            Some(must) => {
                let until = self.known_until(id).unwrap_or(must);
                must.min(until).checked_sub(1)?
            }
        };
        (since <= last).then_some((since, last))
    }

    /// A schema with as many columns as these, defined if need be.
    pub fn schema_for(&mut self, columns: &[Column]) -> Option<String> {
        let same = |schema: &&Schema| schema.columns.len() == columns.len();
        if let Some(schema) = self.schemas.iter().find(same) {
            return Some(schema.name.clone());
        }
        self.define_schema(columns.to_vec())
    }

    /// Defines a schema of these columns.
    pub fn define_schema(&mut self, columns: Vec<Column>) -> Option<String> {
        let name = format!("k{}", self.schemas.len());
        let command = Command::DefineSchema {
            name: name.clone(),
            columns: super::values::definition(&columns),
        };
        if !self.emit(command, Worth::Frame) {
            return None;
        }
        self.schemas.push(Schema {
            name: name.clone(),
            columns,
        });
        Some(name)
    }

    /// Waits until an index has reached `ts`, if it must.
    pub fn await_frontier(&mut self, id: GlobalId, ts: Timestamp) -> bool {
        if !self.model().must_end(&Wait::output(id, ts)) {
            return false;
        }
        let command = Command::AwaitFrontier {
            id,
            ts,
            timeout_secs: DEFAULT_TIMEOUT_SECS,
            allow_timeout: false,
        };
        self.emit(command, Worth::Shows)
    }
}
