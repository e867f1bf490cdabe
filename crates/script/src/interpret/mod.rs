//! What a command means: the effects that it has on a replica and on shards, the
//! waits between them, and how its answer follows. The runner performs the
//! effects through a driver; a rehearsal (`model::rehearsal`) takes them from the
//! model. Source: `spec/script.md` §2.
//!
//! Invariants: a command means the same to everything that asks, so that a run
//! and a rehearsal tell the same events; nothing here does anything, and a
//! command that cannot mean anything is an error before its first effect.

mod answer;
mod effect;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

pub use answer::{Answer, AnswerError, Shown};
pub use effect::{Effect, PeekOf, Whose};

use super::append::Append;
use super::command::*;
use super::config::PEEK_STASH;
use super::config::{self, Configuration};
use super::data::{self, Schemas};
use super::dataflow::{self, Assembled, AssembledCount, Named};
use super::error::CommandError;
use super::event::{Event, PeekSpec, Wait};
use super::replica::Replica;
use super::selection::Finish;
use plan::{Globals, IndexInfo};
use protocol::Release;
use protocol::v26_30::ConfigVal;
use repr::{
    Antichain, GlobalId, RelationDesc, ReprColumnType, ReprScalarType, SqlScalarType, Timestamp,
};

/// One thing to do, or to wait for.
#[derive(Debug, Clone)]
pub enum Step {
    Do(Box<Effect>),
    Wait {
        wait: Wait,
        timeout_secs: u64,
        /// That it runs out is an answer, and no failure.
        may_run_out: bool,
    },
}

impl Step {
    /// What it does, if it does something.
    pub fn effect(&self) -> Option<&Effect> {
        match self {
            Step::Do(effect) => Some(effect),
            Step::Wait { .. } => None,
        }
    }
}

/// What a command means.
#[derive(Debug, Clone)]
pub struct Meaning {
    /// In this order; what fails ends the command.
    pub steps: Vec<Step>,
    /// What it answers after the last step.
    pub answer: Answer,
    /// What later commands may refer to because of it.
    named: Vec<Name>,
}

/// Something that a command gives a name, or changes about what has one.
#[derive(Debug, Clone)]
enum Name {
    Schema(String, RelationDesc),
    Shard(String),
    Index(GlobalId, IndexInfo),
    View(GlobalId, Target),
    Peek(String, PeekSpec),
    CanceledPeek(String),
    /// Peeks without a name have one all the same: each has a number.
    PeekNumber,
    /// Two ids of the dataflow of a count.
    EphemeralIds,
    Session(u64),
    Killed(Replica),
}

/// The shard that a materialized view writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub shard: String,
    pub desc: RelationDesc,
}

/// A peek that `start-peek` sent.
#[derive(Debug, Clone)]
pub struct StartedPeek {
    pub spec: PeekSpec,
    pub canceled: bool,
}

/// Where the ids of peeks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uuids {
    /// Unlike those of any other run.
    Random,
    /// The same in each run with this seed.
    Seeded(u64),
}

impl Uuids {
    /// Number `n` of this run.
    pub fn number(self, n: u64) -> Uuid {
        match self {
            Uuids::Random => Uuid::new_v4(),
            Uuids::Seeded(seed) => Uuid::from_u64_pair(seed, n),
        }
    }
}

/// What a script has named so far; see the module.
#[derive(Debug, Clone)]
pub struct Interpreter {
    uuids: Uuids,
    /// The release that dataflows are lowered for.
    release: Release,
    /// The replica that is spoken to.
    replica: Replica,
    /// One that was killed in this session.
    killed: Option<Replica>,
    schemas: Schemas,
    /// Aliases that are written, imported, or the target of a view.
    shards: BTreeSet<String>,
    indexes: BTreeMap<GlobalId, IndexInfo>,
    /// A peek of a materialized view reads its target.
    views: BTreeMap<GlobalId, Target>,
    /// Those of this session that have a name.
    peeks: BTreeMap<String, StartedPeek>,
    peeks_sent: u64,
    next_ephemeral: u64,
    session: u64,
}

impl Interpreter {
    /// A script that begins: nothing is named, and no session is open.
    pub fn new(uuids: Uuids) -> Self {
        Interpreter {
            uuids,
            release: Release::default(),
            replica: Replica::default(),
            killed: None,
            schemas: Schemas::default(),
            shards: BTreeSet::new(),
            indexes: BTreeMap::new(),
            views: BTreeMap::new(),
            peeks: BTreeMap::new(),
            peeks_sent: 0,
            next_ephemeral: EPHEMERAL_BASE,
            session: 0,
        }
    }

    /// The same for a replica of this release, which dataflows are lowered for. A
    /// rehearsal needs none: what lowers for one release lowers for all.
    pub fn for_release(self, release: Release) -> Self {
        Interpreter { release, ..self }
    }

    /// From now on what is told is told to a replica of this release.
    pub fn speak_to(&mut self, release: Release) {
        self.release = release;
    }

    /// The same for this one of two replicas. Both are told the same, but for who was
    /// killed.
    pub fn for_replica(self, replica: Replica) -> Self {
        Interpreter { replica, ..self }
    }

    /// The peeks that were started in this session, by name.
    pub fn peeks(&self) -> &BTreeMap<String, StartedPeek> {
        &self.peeks
    }

    /// The shards that materialized views write, each once.
    pub fn targets(&self) -> BTreeMap<&str, &RelationDesc> {
        let targets = self.views.values();
        targets
            .map(|target| (target.shard.as_str(), &target.desc))
            .collect()
    }

    /// The types of everything that the plans of a dataflow may read: what it
    /// imports, and what it builds itself.
    ///
    /// Errors: the dataflow's own.
    pub fn readable(&self, dataflow: &CreateDataflow) -> Result<Globals, CommandError> {
        dataflow::readable(dataflow, self.named())
    }

    /// The types of what a peek reads, as its schema says; None for other commands and
    /// unknown schemas.
    pub fn peeked(&self, command: &Command) -> Option<Globals> {
        let (Command::Peek { id, schema, .. } | Command::StartPeek { id, schema, .. }) = command
        else {
            return None;
        };
        let desc = self.schemas.get(schema.as_deref()).ok()?;
        Some(Globals::from([(*id, desc.typ.to_repr())]))
    }

    /// What opening a session means, as every script begins.
    pub fn connect(&self) -> Meaning {
        let session = self.session + 1;
        let mut meaning = Meaning::of(Effect::Connect { session });
        meaning.named.push(Name::Session(session));
        meaning
    }

    /// What a command means after what was [taken note of](Self::note).
    ///
    /// Errors: the command's own; it does nothing then.
    pub fn interpret(&self, command: &Command) -> Result<Meaning, CommandError> {
        Ok(match command {
            Command::CreateInstance {
                expiration_offset,
                arrangement_dictionary_compression,
                settings,
            } => {
                let expiration_offset = expiration_offset.as_deref();
                let expiration_offset = expiration_offset
                    .map(config::expiration_offset)
                    .transpose()?;
                let stash = [(PEEK_STASH.to_string(), ConfigVal::Bool(false))];
                let mut initial = config::values(settings)?;
                initial.extend(stash.clone());
                Meaning::of(Effect::CreateInstance {
                    expiration_offset,
                    arrangement_dictionary_compression: *arrangement_dictionary_compression,
                    initial,
                })
                .then(Effect::Configure(Configuration {
                    max_result_size: None,
                    updates: stash.into(),
                }))
            }
            Command::UpdateConfiguration { settings } => {
                Meaning::of(Effect::Configure(Configuration::of(settings)?))
            }
            Command::InitializationComplete => Meaning::of(Effect::CompleteInitialization),
            Command::Reconnect => self.connect(),
            Command::Restart => {
                let Meaning {
                    mut steps,
                    answer,
                    named,
                } = self.connect();
                steps.insert(0, Step::Do(Box::new(Effect::Restart)));
                Meaning {
                    steps,
                    answer,
                    named,
                }
            }
            Command::Kill { replica, replaced } => self.kill(*replica, *replaced)?,
            Command::DefineSchema { name, columns } => {
                let desc = data::resolve(columns)?;
                Meaning::naming(Name::Schema(name.clone(), desc))
            }
            Command::WriteSingleTs { shard, schema, .. }
            | Command::WriteSpread { shard, schema, .. }
            | Command::WriteRows { shard, schema, .. } => {
                self.append(command, shard, schema.as_deref())?
            }
            Command::DefineIndex { .. } | Command::CreateDataflow(_) => {
                self.create(dataflow::assemble(command, self.named())?)
            }
            Command::Schedule { id } => Meaning::of(Effect::Schedule { id: *id }),
            Command::AllowCompaction { id, frontier } => Meaning::of(Effect::AllowCompaction {
                id: *id,
                frontier: Antichain::from_option(*frontier),
            }),
            Command::AllowWrites { id } => Meaning::of(Effect::AllowWrites { id: *id }),
            Command::AwaitFrontier {
                id,
                ts,
                timeout_secs,
                allow_timeout,
            } => {
                let wait = Wait::output(*id, *ts);
                let meaning = Meaning::default().wait(wait, *timeout_secs, *allow_timeout);
                meaning.answering(match allow_timeout {
                    true => Answer::Awaited,
                    false => Answer::Ok,
                })
            }
            Command::Count { id, ts } => self.count(*id, *ts)?,
            Command::Peek {
                id,
                schema,
                ts,
                selection,
            } => {
                let (spec, read_back) = self.selected(*id, schema.as_deref(), *ts, selection)?;
                let answer = finished(&spec);
                self.ask(spec, read_back).answering(answer)
            }
            Command::PeekCount { id, schema, ts } => {
                self.counted_peek(*id, schema.as_deref(), *ts, None)?
            }
            Command::ExpectCount {
                id,
                schema,
                ts,
                count,
            } => self.counted_peek(*id, schema.as_deref(), *ts, Some(*count))?,
            Command::ExpectError { command } => match self.interpret(command) {
                Ok(meaning) => {
                    let answer = Answer::Fails(Box::new(meaning.answer.clone()));
                    meaning.answering(answer)
                }
                Err(error) => Meaning::default().answering(Answer::Caught(error.to_string())),
            },
            Command::AwaitSubscribe {
                id,
                up_to,
                timeout_secs,
            } => {
                let (id, up_to) = (*id, *up_to);
                let wait = Wait::Subscribe { id, up_to };
                Meaning::default()
                    .wait(wait, *timeout_secs, false)
                    .answering(Answer::Updates { id })
            }
            Command::StartPeek {
                peek,
                id,
                schema,
                ts,
                selection,
            } => {
                if self.peeks.contains_key(peek) {
                    return Err(CommandError::PeekStarted(peek.clone()));
                }
                let (spec, read_back) = self.selected(*id, schema.as_deref(), *ts, selection)?;
                let mut meaning = self.send(spec.clone(), read_back);
                meaning.named.push(Name::Peek(peek.clone(), spec));
                meaning
            }
            Command::AwaitPeek { peek, timeout_secs } => {
                let StartedPeek { spec, canceled } = self.started(peek)?;
                let answer = match canceled {
                    true => Answer::Canceled { uuid: spec.uuid },
                    false => finished(spec),
                };
                Meaning::default()
                    .wait(Wait::answer_of(spec), *timeout_secs, false)
                    .answering(answer)
            }
            Command::CancelPeek { peek } => {
                let uuid = self.started(peek)?.spec.uuid;
                let mut meaning = Meaning::of(Effect::CancelPeek { uuid });
                meaning.named.push(Name::CanceledPeek(peek.clone()));
                meaning
            }
            Command::DowngradeSince { shard, since } => {
                if !self.shards.contains(shard) {
                    return Err(CommandError::UnknownShard(shard.clone()));
                }
                Meaning::of(Effect::DowngradeSince {
                    shard: shard.clone(),
                    since: *since,
                })
            }
        })
    }

    /// What a command means, taken note of.
    ///
    /// Errors: the command's own; it names nothing then.
    pub fn take(&mut self, command: &Command) -> Result<Meaning, CommandError> {
        let meaning = self.interpret(command)?;
        self.note(&meaning);
        Ok(meaning)
    }

    /// Takes note of what a command names, before its first effect.
    pub fn note(&mut self, meaning: &Meaning) {
        for name in &meaning.named {
            match name.clone() {
                Name::Schema(name, desc) => self.schemas.insert(name, desc),
                Name::Shard(alias) => {
                    self.shards.insert(alias);
                }
                Name::Index(id, info) => {
                    self.indexes.insert(id, info);
                }
                Name::View(id, target) => {
                    self.views.insert(id, target);
                }
                Name::Peek(name, spec) => {
                    let canceled = false;
                    self.peeks.insert(name, StartedPeek { spec, canceled });
                }
                Name::CanceledPeek(name) => {
                    if let Some(started) = self.peeks.get_mut(&name) {
                        started.canceled = true;
                    }
                }
                Name::PeekNumber => self.peeks_sent += 1,
                Name::EphemeralIds => self.next_ephemeral += 2,
                Name::Session(session) => {
                    self.session = session;
                    self.peeks.clear();
                    self.killed = None;
                }
                Name::Killed(replica) => self.killed = Some(replica),
            }
        }
    }

    fn named(&self) -> Named<'_> {
        Named {
            schemas: &self.schemas,
            indexes: &self.indexes,
            release: self.release,
        }
    }

    /// One replica at a time: the other one serves on.
    fn kill(&self, replica: Replica, replaced: bool) -> Result<Meaning, CommandError> {
        if let Some(killed) = self.killed {
            return Err(CommandError::Killed { replica, killed });
        }
        let whose = match replica == self.replica {
            true => Whose::Own,
            false => Whose::Peer,
        };
        let mut meaning = Meaning::of(Effect::Kill { whose, replaced });
        meaning.named.push(Name::Killed(replica));
        Ok(meaning)
    }

    fn started(&self, peek: &str) -> Result<&StartedPeek, CommandError> {
        let known = self.peeks.get(peek);
        known.ok_or_else(|| CommandError::UnknownPeek(peek.to_string()))
    }

    fn append(
        &self,
        write: &Command,
        shard: &str,
        schema: Option<&str>,
    ) -> Result<Meaning, CommandError> {
        let desc = self.schemas.get(schema)?;
        let append = Append::of(write, &desc)?;
        let rows = append.updates.len() as u64;
        let shard = shard.to_string();
        let name = Name::Shard(shard.clone());
        let mut meaning = Meaning::of(Effect::Append {
            shard,
            desc,
            append,
        });
        meaning.named.push(name);
        Ok(meaning.answering(Answer::Wrote { rows }))
    }

    fn create(&self, mut assembled: Assembled) -> Meaning {
        let indexes = std::mem::take(&mut assembled.indexes);
        let indexes = indexes.into_iter().map(|(id, info)| Name::Index(id, info));
        let views = assembled.spec.views();
        let views = views.map(|(id, shard, desc)| {
            let (shard, desc) = (shard.to_string(), desc.clone());
            Name::View(id, Target { shard, desc })
        });
        let shards = assembled.spec.shards();
        let shards = shards.map(|alias| Name::Shard(alias.to_string()));
        let named = shards.chain(views).chain(indexes).collect();
        let mut meaning = Meaning::of(Effect::CreateDataflow(Box::new(assembled)));
        meaning.named = named;
        meaning
    }

    /// Counts the rows of an index on the replica, by a dataflow of its own.
    fn count(&self, index: GlobalId, ts: Timestamp) -> Result<Meaning, CommandError> {
        let AssembledCount {
            dataflow,
            output,
            end,
        } = dataflow::assemble_count(index, ts, self.next_ephemeral, self.named())?;
        let desc = RelationDesc::from_columns([("count", SqlScalarType::Int64, false)]);
        let spec = self.peek(output, ts, &desc, Finish::default());
        let (uuid, shown) = (spec.uuid, Shown::CountRow);
        let answer = Answer::Peek { uuid, shown };
        let mut meaning = self
            .create(dataflow)
            .then(Effect::Schedule { id: output })
            .wait(Wait::output(output, end), DEFAULT_TIMEOUT_SECS, false)
            .and(self.ask(spec, desc))
            .answering(answer);
        meaning.named.push(Name::EphemeralIds);
        Ok(meaning)
    }

    /// A peek whose rows the driver counts.
    fn counted_peek(
        &self,
        id: GlobalId,
        schema: Option<&str>,
        ts: Timestamp,
        expected: Option<u64>,
    ) -> Result<Meaning, CommandError> {
        let desc = self.schemas.get(schema)?;
        let spec = self.peek(id, ts, &desc, Finish::default());
        let (uuid, shown) = (spec.uuid, Shown::Count { ts, expected });
        let answer = Answer::Peek { uuid, shown };
        Ok(self.ask(spec, desc).answering(answer))
    }

    /// The next peek with what it asks for, and the relation that it is answered in.
    ///
    /// Errors: those of [`Finish::of`]; literals that are not values of the whole key, a
    /// schema that does not name the columns with which a plan computes.
    fn selected(
        &self,
        id: GlobalId,
        schema: Option<&str>,
        ts: Timestamp,
        selection: &Selection,
    ) -> Result<(PeekSpec, RelationDesc), CommandError> {
        let desc = self.schemas.get(schema)?;
        let finish = Finish::of(selection, id, ts, &desc)?;
        self.check_literals(id, &finish)?;
        if finish.computed.is_some() {
            self.check_peeked(id, &desc)?;
        }
        let spec = self.peek(id, ts, &desc, finish);
        let computed = spec.finish.computed.as_ref();
        let read_back = computed.map_or(desc, |computed| computed.desc.clone());
        Ok((spec, read_back))
    }

    /// The next peek.
    fn peek(&self, id: GlobalId, ts: Timestamp, desc: &RelationDesc, finish: Finish) -> PeekSpec {
        PeekSpec {
            uuid: self.uuids.number(self.peeks_sent + 1),
            id,
            ts,
            arity: desc.arity(),
            fits: self.check_peeked(id, desc).is_ok(),
            finish,
        }
    }

    fn send(&self, spec: PeekSpec, desc: RelationDesc) -> Meaning {
        let of = match self.views.get(&spec.id) {
            Some(target) => PeekOf::Shard(target.clone()),
            None => PeekOf::Index,
        };
        let mut meaning = Meaning::of(Effect::SendPeek { spec, desc, of });
        meaning.named.push(Name::PeekNumber);
        meaning
    }

    /// Sends a peek and waits for its answer.
    fn ask(&self, spec: PeekSpec, desc: RelationDesc) -> Meaning {
        let wait = Wait::answer_of(&spec);
        self.send(spec, desc)
            .wait(wait, DEFAULT_TIMEOUT_SECS, false)
    }

    /// Checks that a schema names the columns of what is peeked, as they are
    /// arranged, since a plan computes with them.
    fn check_peeked(&self, id: GlobalId, desc: &RelationDesc) -> Result<(), CommandError> {
        let columns = match (self.indexes.get(&id), self.views.get(&id)) {
            (Some(index), _) => index.arranged(),
            (None, Some(view)) => view.desc.typ.to_repr().column_types,
            (None, None) => return Ok(()),
        };
        let said = desc.typ.to_repr().column_types;
        let types = |columns: &[ReprColumnType]| -> Vec<ReprScalarType> {
            columns.iter().map(|c| c.scalar_type.clone()).collect()
        };
        match types(&said) == types(&columns) {
            true => Ok(()),
            false => Err(CommandError::PeekSchema { id, said, columns }),
        }
    }

    /// Checks that literals are values of the whole key of an index.
    fn check_literals(&self, id: GlobalId, finish: &Finish) -> Result<(), CommandError> {
        let mut widths = finish
            .literals
            .iter()
            .flatten()
            .map(|row| row.iter().count());
        let Some(first) = widths.next() else {
            return Ok(());
        };
        let Some(index) = self.indexes.get(&id) else {
            return Err(CommandError::LiteralsWithoutIndex(id));
        };
        let columns = index.key.len();
        match std::iter::once(first)
            .chain(widths)
            .find(|width| *width != columns)
        {
            None => Ok(()),
            Some(values) => Err(CommandError::LiteralWidth {
                id,
                values,
                columns,
            }),
        }
    }
}

/// The rows of a peek, as its client finishes them.
fn finished(spec: &PeekSpec) -> Answer {
    Answer::Peek {
        uuid: spec.uuid,
        shown: Shown::Rows(spec.finish.clone()),
    }
}

impl Default for Meaning {
    /// Nothing.
    fn default() -> Self {
        Meaning {
            steps: Vec::new(),
            answer: Answer::Ok,
            named: Vec::new(),
        }
    }
}

impl Meaning {
    fn of(effect: Effect) -> Meaning {
        Meaning::default().then(effect)
    }

    fn naming(name: Name) -> Meaning {
        Meaning {
            named: vec![name],
            ..Meaning::default()
        }
    }

    /// What it does, in order.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.steps.iter().filter_map(Step::effect)
    }

    /// What a run of it tells if nothing fails.
    pub fn events(&self) -> Vec<Event> {
        self.effects().map(Effect::event).collect()
    }

    fn then(mut self, effect: Effect) -> Meaning {
        self.steps.push(Step::Do(Box::new(effect)));
        self
    }

    fn wait(mut self, wait: Wait, timeout_secs: u64, may_run_out: bool) -> Meaning {
        self.steps.push(Step::Wait {
            wait,
            timeout_secs,
            may_run_out,
        });
        self
    }

    /// And then what another one means, its answer left out.
    fn and(mut self, other: Meaning) -> Meaning {
        self.steps.extend(other.steps);
        self.named.extend(other.named);
        self
    }

    fn answering(mut self, answer: Answer) -> Meaning {
        self.answer = answer;
        self
    }
}
