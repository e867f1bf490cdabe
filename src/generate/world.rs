//! What the generator knows while it writes a script: the commands so far, the
//! model that they made, and the names that it gave.
//!
//! Invariant: every command goes through [`World::emit`], which asks the model
//! whether the sequence stays valid; what would not is not written.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::choices::Choices;
use super::dry::Dry;
use super::plans::Simple;
use super::profile::Profile;
use super::values::Column;
use crate::model::{Life, Model};
use crate::repr::{GlobalId, Timestamp};
use crate::script::trace::{Event, Wait};
use crate::script::{
    Build, Command, CreateDataflow, DEFAULT_DATAFLOW_NAME, DEFAULT_TIMEOUT_SECS, Export, Import,
};

/// A time that no frontier reaches but the empty one.
pub const NEVER: Timestamp = 1_000_000_000;

/// A generator at work.
pub struct World<'a> {
    pub choices: &'a mut dyn Choices,
    pub profile: &'a Profile,
    pub model: Model,
    pub commands: Vec<Command>,
    pub tally: Tally,
    pub schemas: Vec<Schema>,
    pub shards: Vec<Shard>,
    /// What this session has created and not dropped, in order.
    pub flows: Vec<Flow>,
    /// Peeks that were started and not awaited.
    pub open_peeks: Vec<OpenPeek>,
    dry: Dry,
    flows_made: u64,
    peeks_made: u64,
}

/// How much of a script means something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub commands: u64,
    /// Commands with an effect that an invariant looks at.
    pub meaningful: u64,
    pub by_verb: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds another script's tally.
    pub fn add(&mut self, other: &Tally) {
        self.commands += other.commands;
        self.meaningful += other.meaningful;
        for (verb, count) in &other.by_verb {
            *self.by_verb.entry(verb).or_default() += count;
        }
    }
}

#[derive(Debug, Clone)]
pub struct Schema {
    pub name: String,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone)]
pub struct Shard {
    pub alias: String,
    /// The source id under which dataflows read it.
    pub source: GlobalId,
    /// Which of the schemas its rows have.
    pub schema: usize,
}

/// A peek that may still be awaited or cancelled.
#[derive(Debug, Clone)]
pub struct OpenPeek {
    pub name: String,
    pub uuid: Uuid,
    pub id: GlobalId,
    pub ts: Timestamp,
}

/// A dataflow that a reconnect can create again.
#[derive(Debug, Clone)]
pub struct Flow {
    pub source: FlowSource,
    /// `None`: the collection itself, through `define-index` for a shard.
    pub built: Option<(GlobalId, Simple)>,
    pub exports: Vec<FlowExport>,
    pub as_of: Timestamp,
    pub until: Option<Timestamp>,
    /// The columns of what is exported.
    pub columns: Vec<Column>,
    /// The columns of what is read.
    pub input_columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowSource {
    /// One of the shards.
    Shard(usize),
    /// The collection `on`, through an index.
    Index { index: GlobalId, on: GlobalId },
}

#[derive(Debug, Clone)]
pub struct FlowExport {
    pub index: GlobalId,
    pub key: Vec<usize>,
}

impl<'a> World<'a> {
    pub fn new(choices: &'a mut dyn Choices, profile: &'a Profile) -> Self {
        let mut model = Model::new();
        model.apply(&Dry::connected());
        World {
            choices,
            profile,
            model,
            commands: Vec::new(),
            tally: Tally::default(),
            schemas: Vec::new(),
            shards: Vec::new(),
            flows: Vec::new(),
            open_peeks: Vec::new(),
            dry: Dry::new(),
            flows_made: 0,
            peeks_made: 0,
        }
    }

    /// Writes a command, if the sequence stays valid with it. True if it was
    /// written.
    pub fn emit(&mut self, command: Command, meaningful: bool) -> bool {
        let mut dry = self.dry.clone();
        let Ok(events) = dry.events(&command) else {
            debug_assert!(false, "a command that fails: {command}");
            return false;
        };
        let step = self.commands.len();
        let valid = match events.as_slice() {
            [] => true,
            [event] => self.model.check(event).is_ok(),
            // The later events rest on the earlier ones.
            several => {
                let mut model = self.model.clone();
                several.iter().for_each(|event| model.apply(event));
                model.invalid().is_none()
            }
        };
        if !valid {
            return false;
        }
        self.dry = dry;
        self.model.apply(&Event::Command { step });
        for event in &events {
            self.model.apply(event);
        }
        self.tally.commands += 1;
        self.tally.meaningful += u64::from(meaningful);
        *self.tally.by_verb.entry(command.verb()).or_default() += 1;
        self.commands.push(command);
        true
    }

    /// The peek that was started under this name.
    pub fn started(&self, name: &str) -> Option<Uuid> {
        self.dry.peek(name)
    }

    /// The peek that the last command sent and that has no name.
    pub fn last_peek(&self) -> Option<Uuid> {
        let peeks = &self.model.session().peeks;
        peeks.values().map(|peek| peek.spec.uuid).max()
    }

    pub fn next_peek_name(&mut self) -> String {
        self.peeks_made += 1;
        format!("p{}", self.peeks_made)
    }

    /// The ids of the next dataflow: what it builds, and up to two exports.
    pub fn next_flow_ids(&mut self) -> (GlobalId, [GlobalId; 2]) {
        self.flows_made += 1;
        let base = 2_000 + 10 * (self.flows_made - 1);
        let id = |offset| GlobalId::User(base + offset);
        (id(0), [id(1), id(2)])
    }

    /// The indexes of the flows that live.
    pub fn live_indexes(&self) -> Vec<GlobalId> {
        self.flows
            .iter()
            .flat_map(|flow| flow.exports.iter().map(|export| export.index))
            .filter(|id| self.is_live(*id))
            .collect()
    }

    pub fn is_live(&self, id: GlobalId) -> bool {
        self.model
            .collection(id)
            .is_some_and(|collection| collection.life == Life::Live)
    }

    pub fn flow_of(&self, index: GlobalId) -> Option<&Flow> {
        self.flows
            .iter()
            .find(|flow| flow.exports.iter().any(|export| export.index == index))
    }

    /// The first time at which an index can be read.
    pub fn since(&self, id: GlobalId) -> Timestamp {
        self.model
            .collection(id)
            .and_then(|collection| collection.since.as_option())
            .unwrap_or(0)
    }

    /// The times at which a peek of an index is answered without another
    /// command, first and last; `None` if there is none.
    pub fn readable(&self, id: GlobalId) -> Option<(Timestamp, Timestamp)> {
        let since = self.since(id);
        let must = self.model.must_reach(id)?;
        let last = match must.as_option() {
            // A constant, or one that `until` ended.
            None => match self.flow_of(id).and_then(|flow| flow.until) {
                Some(until) => until.checked_sub(1)?,
                None => since + 2,
            },
            Some(must) => must.checked_sub(1)?,
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
        if !self.emit(command, false) {
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
        if !self.model.must_end(&Wait::Frontier { id, ts }) {
            return false;
        }
        let command = Command::AwaitFrontier {
            id,
            ts,
            timeout_secs: DEFAULT_TIMEOUT_SECS,
            allow_timeout: false,
        };
        let written = self.emit(command, true);
        if written && self.is_live(id) {
            let reached = crate::repr::Antichain::from_elem(ts);
            self.model.frontier_reached(id, &reached);
        }
        written
    }

    /// The command that creates a flow, with the uppers of now.
    pub fn creation(&self, flow: &Flow) -> Command {
        let upper = |shard: &Shard| self.model.shard(&shard.alias).map_or(0, |s| s.upper());
        let export = |export: &FlowExport, on: GlobalId| Export::Index {
            index: export.index,
            on,
            key: export.key.clone(),
        };
        let (import, on) = match &flow.source {
            FlowSource::Shard(index) => {
                let shard = &self.shards[*index];
                let schema = Some(self.schemas[shard.schema].name.clone());
                if let (None, [only], None) = (&flow.built, &flow.exports[..], flow.until) {
                    return Command::DefineIndex {
                        source: shard.source,
                        index: only.index,
                        shard: shard.alias.clone(),
                        schema,
                        key: only.key.clone(),
                        as_of: flow.as_of,
                        upper: upper(shard),
                    };
                }
                let import = Import::Source {
                    id: shard.source,
                    shard: shard.alias.clone(),
                    schema,
                    upper: upper(shard),
                };
                (import, shard.source)
            }
            FlowSource::Index { index, on } => (Import::Index { index: *index }, *on),
        };
        let exported = flow.built.as_ref().map_or(on, |(id, _)| *id);
        Command::CreateDataflow(CreateDataflow {
            name: DEFAULT_DATAFLOW_NAME.to_string(),
            as_of: flow.as_of,
            until: flow.until,
            optimize: false,
            join: None,
            imports: vec![import],
            builds: flow
                .built
                .iter()
                .map(|(id, plan)| Build {
                    id: *id,
                    expr: plan.text(on),
                })
                .collect(),
            exports: flow.exports.iter().map(|e| export(e, exported)).collect(),
        })
    }

    /// The collection that an index of a flow arranges.
    pub fn arranged_by(&self, flow: &Flow) -> GlobalId {
        match (&flow.built, &flow.source) {
            (Some((id, _)), _) => *id,
            (None, FlowSource::Index { on, .. }) => *on,
            (None, FlowSource::Shard(index)) => self.shards[*index].source,
        }
    }

    /// Creates a flow. True if that was possible.
    pub fn create(&mut self, flow: Flow) -> bool {
        let command = self.creation(&flow);
        // An empty collection shows little.
        let meaningful = match &flow.source {
            FlowSource::Shard(index) => {
                let shard = self.model.shard(&self.shards[*index].alias);
                shard.is_some_and(|s| s.times().next().is_some())
            }
            FlowSource::Index { .. } => true,
        };
        let written = self.emit(command, meaningful);
        if written {
            self.flows.push(flow);
        }
        written
    }
}
