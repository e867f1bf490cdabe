//! The runner: executes commands through a driver and tells everything that
//! happens, as it happens, to a sink of events. Source: `spec/script.md` §2.
//!
//! Invariants: an event about a command precedes whatever the command causes;
//! a command that fails has sent nothing; a wait on a session that is over
//! fails at once instead of running out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

mod dataflow;
mod write;

use script::data::Schemas;
use script::output::{Output, finished_lines, row_lines, update_lines};
use script::selection::Finish;
use script::trace::{Event, FrontierKind, PeekSpec, ShardContents, Wait};
use script::*;

use crate::config;
use crate::{Driver, Frontiers, OnItsOwn, Polled};
use plan::{IndexInfo, cells};
use protocol::v26_30::{
    CollectionMetadata, ComputeCommand, ComputeParameters, ComputeResponse, ConfigVal,
    InstanceConfig, Peek, PeekResponse, PeekTarget,
};
use repr::{Antichain, GlobalId, RelationDesc, Row, ShardId, Timestamp};

/// The switch that makes a replica answer peeks with the rows themselves.
const PEEK_STASH: &str = "enable_compute_peek_response_stash";

/// What is at work may take so many times the patience.
const SLOWEST: u32 = 12;

/// How a runner treats time and randomness.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// What must happen counts as stuck after this long without a sign of work;
    /// no wait of the script's own is longer.
    pub max_wait: Duration,
    /// Ids of shards and peeks are drawn from this seed instead of at random,
    /// so that a run in one process repeats exactly.
    pub seed: Option<u64>,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        RunnerConfig {
            max_wait: Duration::from_secs(DEFAULT_TIMEOUT_SECS),
            seed: None,
        }
    }
}

/// Executes commands; see the module.
pub struct Runner<'a> {
    pub(super) driver: Driver,
    pub(super) config: RunnerConfig,
    pub(super) sink: Box<dyn FnMut(&Event) + 'a>,
    pub(super) schemas: Schemas,
    pub(super) shards: BTreeMap<String, ShardId>,
    pub(super) indexes: BTreeMap<GlobalId, IndexInfo>,
    /// Materialized views: a peek of one reads its target shard.
    pub(super) views: BTreeMap<GlobalId, CollectionMetadata>,
    /// The shards that they write, by alias.
    pub(super) targets: BTreeMap<String, RelationDesc>,
    pub(super) next_ephemeral: u64,
    /// What the dataflows that were sent make a replica render.
    pub(super) cells: cells::Counts,
    peeks: BTreeMap<String, StartedPeek>,
    uuids: u64,
    session: u64,
    lost: bool,
    /// Why nothing can be judged any more.
    doubt: Option<String>,
    /// What was given up although the target was still at work.
    given_up: Option<GivenUp>,
    /// A frontier was told since this was last looked at.
    advanced: bool,
}

/// A wait that was given up although the target was still at work.
#[derive(Debug, Clone)]
pub struct GivenUp {
    pub wait: Wait,
    pub waited: Duration,
}

/// A peek that `start-peek` sent.
#[derive(Debug, Clone)]
struct StartedPeek {
    uuid: Uuid,
    id: GlobalId,
    ts: Timestamp,
    canceled: bool,
}

impl<'a> Runner<'a> {
    /// A runner over a driver that is not connected yet.
    pub fn new(driver: Driver, config: RunnerConfig, sink: impl FnMut(&Event) + 'a) -> Self {
        Runner {
            driver,
            config,
            sink: Box::new(sink),
            schemas: Schemas::default(),
            shards: BTreeMap::new(),
            indexes: BTreeMap::new(),
            views: BTreeMap::new(),
            targets: BTreeMap::new(),
            next_ephemeral: EPHEMERAL_BASE,
            cells: cells::Counts::new(),
            peeks: BTreeMap::new(),
            uuids: 0,
            session: 0,
            lost: false,
            doubt: None,
            given_up: None,
            advanced: false,
        }
    }

    /// Opens a session: connects and says `Hello`.
    pub fn connect(&mut self) -> Result<(), String> {
        let nonce = self.fresh_uuid();
        self.driver.connect(nonce).map_err(|e| e.to_string())?;
        self.session += 1;
        self.lost = false;
        self.peeks.clear();
        let session = self.session;
        self.emit(Event::SessionStarted { session });
        Ok(())
    }

    /// Executes one command. `step` is its position in the script.
    ///
    /// Errors: the message of the golden block, without `error: `.
    pub fn execute(&mut self, step: usize, command: &Command) -> Result<Output, String> {
        self.emit(Event::Command { step });
        self.drain();
        self.run(command)
    }

    fn run(&mut self, command: &Command) -> Result<Output, String> {
        match command {
            Command::CreateInstance {
                expiration_offset,
                arrangement_dictionary_compression,
            } => {
                let expiration_offset = expiration_offset
                    .as_deref()
                    .map(config::expiration_offset)
                    .transpose()?;
                self.send(ComputeCommand::CreateInstance(Box::new(InstanceConfig {
                    logging: Default::default(),
                    expiration_offset,
                    peek_stash_persist_location: self.driver.persist_location(),
                    arrangement_dictionary_compression: *arrangement_dictionary_compression,
                })))?;
                self.emit(Event::InstanceCreated);
                self.configure([(PEEK_STASH.to_string(), ConfigVal::Bool(false))].into())?;
                Ok(Output::Ok)
            }
            Command::UpdateConfiguration { settings } => {
                let updates = settings
                    .iter()
                    .map(|setting| Ok((setting.name.clone(), config::value(setting)?)))
                    .collect::<Result<_, String>>()?;
                self.configure(updates)?;
                Ok(Output::Ok)
            }
            Command::InitializationComplete => self.announce(
                Event::InitializationComplete,
                ComputeCommand::InitializationComplete,
            ),
            Command::Reconnect => {
                self.connect()?;
                Ok(Output::Ok)
            }
            Command::Restart => {
                // What it did on its own until now is not our doing.
                self.look_at_target();
                let restarted = self.driver.restart().map_err(|e| e.to_string());
                let connected = restarted.and_then(|()| {
                    self.emit(Event::TargetRestarted);
                    self.connect()
                });
                // What cannot be started is our failure, and no finding.
                if let Err(why) = &connected {
                    self.lost = true;
                    self.doubt.get_or_insert_with(|| why.clone());
                }
                connected?;
                Ok(Output::Ok)
            }
            Command::DefineSchema { name, columns } => {
                self.schemas.define(name, columns)?;
                Ok(Output::Ok)
            }
            Command::WriteSingleTs { shard, schema, .. }
            | Command::WriteSpread { shard, schema, .. }
            | Command::WriteRows { shard, schema, .. } => {
                self.write(command, shard, schema.as_deref())
            }
            Command::DefineIndex { .. } | Command::CreateDataflow(_) => self.create(command),
            Command::Schedule { id } => {
                self.announce(Event::Scheduled { id: *id }, ComputeCommand::Schedule(*id))
            }
            Command::AllowCompaction { id, frontier } => {
                let frontier = Antichain::from_option(*frontier);
                self.announce(
                    Event::AllowedCompaction {
                        id: *id,
                        frontier: frontier.clone(),
                    },
                    ComputeCommand::AllowCompaction { id: *id, frontier },
                )
            }
            Command::AllowWrites { id } => self.announce(
                Event::AllowedWrites { id: *id },
                ComputeCommand::AllowWrites(*id),
            ),
            Command::AwaitFrontier {
                id,
                ts,
                timeout_secs,
                allow_timeout,
            } => {
                let reached = self.await_frontier(
                    *id,
                    *ts,
                    Duration::from_secs(*timeout_secs),
                    *allow_timeout,
                );
                match (reached, allow_timeout) {
                    (reached, true) => Ok(Output::Awaited {
                        timed_out: !reached,
                    }),
                    (true, false) => Ok(Output::Ok),
                    (false, false) => Err(format!("frontier for {id} did not reach {ts} in time")),
                }
            }
            Command::Count { id, ts } => self.count(*id, *ts),
            Command::Peek {
                id,
                schema,
                ts,
                selection,
            } => {
                let desc = self.schemas.get(schema.as_deref())?;
                let finish = Finish::of(selection, &desc)?;
                self.check_literals(*id, &finish)?;
                let rows = self.peek(*id, *ts, &desc, &finish)?;
                Ok(Output::Lines(finished_lines(rows, &finish)))
            }
            Command::PeekCount { id, schema, ts } => Ok(Output::Count {
                count: self.peek_count(*id, schema.as_deref(), *ts)?,
            }),
            Command::ExpectCount {
                id,
                schema,
                ts,
                count,
            } => {
                let actual = self.peek_count(*id, schema.as_deref(), *ts)?;
                if actual == *count {
                    Ok(Output::Count { count: actual })
                } else {
                    Err(format!("expected {count} rows at ts {ts}, got {actual}"))
                }
            }
            Command::ExpectError { command } => match self.run(command) {
                Err(message) => Ok(Output::CaughtError { message }),
                Ok(output) => Err(format!(
                    "expected command to fail, but it succeeded: {}",
                    output.debug_name()
                )),
            },
            Command::AwaitSubscribe {
                id,
                up_to,
                timeout_secs,
            } => self.await_subscribe(*id, *up_to, Duration::from_secs(*timeout_secs)),
            Command::StartPeek {
                peek,
                id,
                schema,
                ts,
            } => {
                if self.peeks.contains_key(peek) {
                    return Err(format!("peek `{peek}` was started already"));
                }
                let desc = self.schemas.get(schema.as_deref())?;
                let uuid = self.send_peek(*id, *ts, &desc, &Finish::default())?;
                self.peeks.insert(
                    peek.clone(),
                    StartedPeek {
                        uuid,
                        id: *id,
                        ts: *ts,
                        canceled: false,
                    },
                );
                Ok(Output::Ok)
            }
            Command::AwaitPeek { peek, timeout_secs } => {
                let started = self.started(peek)?;
                let answer = self.await_answer(
                    started.uuid,
                    started.id,
                    started.ts,
                    Duration::from_secs(*timeout_secs),
                );
                match (answer, started.canceled) {
                    (Ok(_), true) => Ok(Output::Answered),
                    (Ok(answer), false) => Ok(Output::Lines(row_lines(rows_of(answer)?))),
                    (Err(message), _) => Err(message),
                }
            }
            Command::CancelPeek { peek } => {
                let uuid = self.started(peek)?.uuid;
                if let Some(started) = self.peeks.get_mut(peek) {
                    started.canceled = true;
                }
                self.announce(
                    Event::PeekCanceled { uuid },
                    ComputeCommand::CancelPeek { uuid },
                )
            }
            Command::DowngradeSince { shard, since } => {
                let id = self
                    .shards
                    .get(shard)
                    .ok_or_else(|| format!("unknown shard `{shard}`; write or import it first"))?;
                let moved = self.driver.host_mut().downgrade_since(*id, *since);
                moved.map_err(|error| self.not_changed(shard, error))?;
                self.emit(Event::SinceDowngraded {
                    shard: shard.clone(),
                    since: *since,
                });
                Ok(Output::Ok)
            }
        }
    }

    fn started(&self, peek: &str) -> Result<StartedPeek, String> {
        self.peeks
            .get(peek)
            .cloned()
            .ok_or_else(|| format!("unknown peek `{peek}`; start it with start-peek first"))
    }

    fn configure(&mut self, updates: BTreeMap<String, ConfigVal>) -> Result<(), String> {
        let mut parameters = ComputeParameters::default();
        parameters.dyncfg_updates.updates = updates;
        self.send(ComputeCommand::UpdateConfiguration(Box::new(parameters)))?;
        self.emit(Event::ConfigurationUpdated);
        Ok(())
    }

    /// Sends a command whose whole meaning is one event.
    fn announce(&mut self, event: Event, command: ComputeCommand) -> Result<Output, String> {
        self.send(command)?;
        self.emit(event);
        Ok(Output::Ok)
    }

    pub(super) fn send(&mut self, command: ComputeCommand) -> Result<(), String> {
        self.driver
            .send(&command)
            .map_err(|_| "pump task gone".to_string())
    }

    pub(super) fn emit(&mut self, event: Event) {
        (self.sink)(&event);
    }

    pub(super) fn fresh_uuid(&mut self) -> Uuid {
        self.uuids += 1;
        match self.config.seed {
            None => Uuid::new_v4(),
            Some(seed) => Uuid::from_u64_pair(seed, self.uuids),
        }
    }

    /// The shard behind an alias, allocated by its first use.
    pub(super) fn shard(&mut self, alias: &str) -> ShardId {
        if let Some(id) = self.shards.get(alias) {
            return *id;
        }
        let id = ShardId(self.fresh_uuid());
        self.shards.insert(alias.to_string(), id);
        id
    }

    /// Takes note of everything that has arrived, without waiting.
    pub fn drain(&mut self) {
        while self.pump(Duration::ZERO) {}
    }

    /// Tells what the target did on its own, beside what it answers.
    fn look_at_target(&mut self) {
        if self.lost {
            return;
        }
        match self.driver.on_its_own() {
            Some(OnItsOwn::Ended(status)) => {
                self.lost = true;
                self.emit(Event::TargetDied { status });
            }
            Some(OnItsOwn::Logged(lines)) => {
                for line in lines {
                    self.emit(Event::TargetLogged { line });
                }
            }
            None => {}
        }
    }

    /// Takes note of the next response; false when none came in time.
    fn pump(&mut self, patience: Duration) -> bool {
        if self.lost {
            return false;
        }
        match self.driver.poll(patience) {
            Polled::Response(response) => {
                self.advanced |= match response.as_ref() {
                    ComputeResponse::Frontiers(..) | ComputeResponse::SubscribeResponse(..) => true,
                    ComputeResponse::PeekResponse(..)
                    | ComputeResponse::CopyToResponse(..)
                    | ComputeResponse::Status(_) => false,
                };
                self.emit(Event::Response(response));
                true
            }
            Polled::Idle => false,
            Polled::Closed { reason, ended } => {
                self.lost = true;
                self.emit(match ended {
                    Some(status) => Event::TargetDied { status },
                    None => Event::ConnectionLost { reason },
                });
                false
            }
        }
    }

    /// Waits until `done`, for at most `timeout`. False when that ran out.
    fn wait(&mut self, timeout: Duration, done: impl Fn(&Driver) -> bool) -> bool {
        let deadline = Instant::now() + timeout.min(self.config.max_wait);
        loop {
            if done(&self.driver) {
                return true;
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            if !self.pump(patience) {
                return done(&self.driver);
            }
        }
    }

    /// Like [`Runner::wait`], but slow is not stuck: as long as the target is at
    /// work, it starts over. Tells the sink when it ran out.
    fn wait_for(&mut self, wait: Wait, timeout: Duration, done: impl Fn(&Driver) -> bool) -> bool {
        let start = Instant::now();
        self.advanced = false;
        self.driver.was_at_work();
        let mut reached = self.wait(timeout, &done);
        // A shorter wait than the patience is the script's own.
        let may_be_slow = timeout >= self.config.max_wait;
        let longest = self.config.max_wait * SLOWEST;
        while !reached && may_be_slow && !self.lost {
            let advanced = std::mem::take(&mut self.advanced);
            if !self.driver.was_at_work() && !advanced {
                break;
            }
            if start.elapsed() < longest {
                reached = self.wait(timeout, &done);
            } else if self.is_ready(&wait) {
                break;
            } else {
                let waited = start.elapsed();
                let seconds = waited.as_secs();
                self.doubt.get_or_insert_with(|| {
                    format!("waiting for {wait}: the target is still at work after {seconds} s")
                });
                self.given_up = Some(GivenUp { wait, waited });
                return false;
            }
        }
        if !reached {
            // Without a clock, what it took to find out that nothing more can
            // come says nothing.
            let waited_ms = match self.config.seed {
                Some(_) => 0,
                None => start.elapsed().as_millis() as u64,
            };
            self.emit(Event::WaitTimedOut { wait, waited_ms });
        }
        reached
    }

    /// Whether what is waited for takes no more work, as far as the replica has
    /// said.
    fn is_ready(&self, wait: &Wait) -> bool {
        match wait {
            Wait::Peek { id, ts, .. } => {
                let beyond = Antichain::from_elem(ts.saturating_add(1));
                reaches(*id, FrontierKind::Output, beyond)(&self.driver)
            }
            Wait::SubscribeEnd { .. } => true,
            Wait::Frontier { .. } | Wait::Subscribe { .. } => false,
        }
    }

    /// What the target would be at work on for ever, if it can tell.
    pub fn endless(&mut self) -> Option<String> {
        self.driver.endless()
    }

    /// Waits until the output frontier of `id` reaches `[ts]`. A wait that may
    /// run out is no finding.
    pub fn await_frontier(
        &mut self,
        id: GlobalId,
        ts: Timestamp,
        timeout: Duration,
        may_run_out: bool,
    ) -> bool {
        let to = Antichain::from_elem(ts);
        if may_run_out {
            let done = reaches(id, FrontierKind::Output, to);
            self.wait(timeout, done)
        } else {
            self.await_kind(id, FrontierKind::Output, to, timeout)
        }
    }

    /// Waits until a frontier of `id` reaches `to`.
    pub fn await_kind(
        &mut self,
        id: GlobalId,
        kind: FrontierKind,
        to: Antichain,
        timeout: Duration,
    ) -> bool {
        let done = reaches(id, kind, to.clone());
        self.wait_for(Wait::Frontier { id, kind, to }, timeout, done)
    }

    fn await_subscribe(
        &mut self,
        id: GlobalId,
        up_to: Timestamp,
        timeout: Duration,
    ) -> Result<Output, String> {
        if !self.await_subscribe_upper(id, up_to, timeout) {
            return Err(format!("subscribe {id} did not reach {up_to} in time"));
        }
        let updates = self
            .driver
            .session_mut()
            .drain_subscribe(id)
            .map_err(|text| format!("subscribe {id} reported an error: {text}"))?;
        let mut rows = Vec::new();
        for collection in updates {
            rows.extend(collection.updates().map_err(|e| e.to_string())?);
        }
        Ok(Output::Lines(update_lines(rows)))
    }

    pub(super) fn send_peek(
        &mut self,
        id: GlobalId,
        ts: Timestamp,
        desc: &RelationDesc,
        finish: &Finish,
    ) -> Result<Uuid, String> {
        let uuid = self.fresh_uuid();
        let target = match self.views.get(&id) {
            Some(metadata) => PeekTarget::Persist {
                id,
                metadata: Box::new(metadata.clone()),
            },
            None => PeekTarget::Index { id },
        };
        let mut peek = Peek::identity(target, desc.clone(), uuid, ts);
        if !finish.is_everything() {
            finish.ask(&mut peek);
        }
        self.send(ComputeCommand::Peek(Box::new(peek)))?;
        self.emit(Event::PeekSent(PeekSpec {
            uuid,
            id,
            ts,
            arity: desc.arity(),
            finish: finish.clone(),
        }));
        Ok(uuid)
    }

    /// Literals are values of the whole key of an index.
    fn check_literals(&self, id: GlobalId, finish: &Finish) -> Result<(), String> {
        let Some(literal) = finish.literals.iter().flatten().next() else {
            return Ok(());
        };
        let Some(index) = self.indexes.get(&id) else {
            return Err(format!("literals are looked up in an index; {id} is none"));
        };
        let (has, wants) = (literal.iter().count(), index.key.len());
        match finish
            .literals
            .iter()
            .flatten()
            .all(|l| l.iter().count() == wants)
        {
            true => Ok(()),
            false => Err(format!(
                "a literal of {has} values, but the key of {id} has {wants} columns"
            )),
        }
    }

    /// Waits for the answer of a peek.
    fn await_answer(
        &mut self,
        uuid: Uuid,
        id: GlobalId,
        ts: Timestamp,
        timeout: Duration,
    ) -> Result<PeekResponse, String> {
        let wait = Wait::Peek { uuid, id, ts };
        self.wait_for(wait, timeout, move |driver| driver.session().answered(uuid));
        self.driver
            .session_mut()
            .take_answer(uuid)
            .ok_or_else(|| format!("the peek of {id} at {ts} was not answered in time"))
    }

    pub(super) fn peek(
        &mut self,
        id: GlobalId,
        ts: Timestamp,
        desc: &RelationDesc,
        finish: &Finish,
    ) -> Result<Vec<(Row, usize)>, String> {
        let uuid = self.send_peek(id, ts, desc, finish)?;
        let answer = self.await_answer(uuid, id, ts, Duration::from_secs(DEFAULT_TIMEOUT_SECS))?;
        rows_of(answer)
    }

    fn peek_count(
        &mut self,
        id: GlobalId,
        schema: Option<&str>,
        ts: Timestamp,
    ) -> Result<u64, String> {
        let desc = self.schemas.get(schema)?;
        let rows = self.peek(id, ts, &desc, &Finish::default())?;
        Ok(rows.iter().map(|(_, count)| *count as u64).sum())
    }

    /// Waits for the answer of every peek that was started and is not answered,
    /// if `expected` says that it must come.
    pub fn await_started_peeks(&mut self, timeout: Duration, expected: impl Fn(Uuid) -> bool) {
        let open: Vec<StartedPeek> = self
            .peeks
            .values()
            .filter(|started| expected(started.uuid))
            .cloned()
            .collect();
        for StartedPeek { uuid, id, ts, .. } in open {
            let wait = Wait::Peek { uuid, id, ts };
            self.wait_for(wait, timeout, move |driver| driver.session().answered(uuid));
        }
    }

    /// Waits for the last word of a subscribe that was dropped.
    pub fn await_subscribe_end(&mut self, id: GlobalId, timeout: Duration) {
        let done = move |driver: &Driver| driver.session().subscribe_ended(id);
        self.wait_for(Wait::SubscribeEnd { id }, timeout, done);
    }

    /// Waits until a subscribe has reached `up_to`, and leaves what it sent.
    pub fn await_subscribe_upper(
        &mut self,
        id: GlobalId,
        up_to: Timestamp,
        timeout: Duration,
    ) -> bool {
        let target = Antichain::from_elem(up_to);
        self.wait_for(Wait::Subscribe { id, up_to }, timeout, move |driver| {
            target.is_le(&driver.session().subscribe_upper(id))
        })
    }

    /// Reads every shard that a materialized view writes, and tells the sink.
    ///
    /// Errors: the store's.
    pub fn read_views(&mut self) -> Result<(), String> {
        for (alias, desc) in self.targets.clone() {
            let id = self.shard(&alias);
            let (since, upper, updates) = self.driver.host_mut().read(id, &desc)?;
            let mut contents = ShardContents {
                shard: alias,
                since,
                upper,
                rows: Vec::new(),
                errors: Vec::new(),
            };
            for (datum, time, diff) in updates {
                match datum {
                    Ok(row) => contents.rows.push((row, time, diff)),
                    Err(error) => contents.errors.push((error.0, time, diff)),
                }
            }
            self.emit(Event::ShardRead(contents));
        }
        Ok(())
    }

    /// The run is over: tells the sink so.
    pub fn finish(&mut self) {
        self.drain();
        self.look_at_target();
        self.emit(Event::Finished);
    }

    /// The surface cells of the dataflows that were sent.
    pub fn cells(&self) -> &cells::Counts {
        &self.cells
    }

    /// The driver, for another run.
    pub fn into_driver(self) -> Driver {
        self.driver
    }

    /// Whether the session ended without the script's doing.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Why nothing can be judged any more: a change of a shard of which it is
    /// unknown whether it happened, a target that is at work without an end.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// The wait that was given up although the target was still at work.
    pub fn given_up(&self) -> Option<&GivenUp> {
        self.given_up.as_ref()
    }

    /// The shards behind the aliases used so far.
    pub fn shards(&self) -> &BTreeMap<String, ShardId> {
        &self.shards
    }
}

/// Whether a frontier of a collection was reported at or beyond `to`.
fn reaches(id: GlobalId, kind: FrontierKind, to: Antichain) -> impl Fn(&Driver) -> bool {
    move |driver| {
        let Frontiers {
            write,
            input,
            output,
        } = driver.session().frontiers(id);
        let reported = match kind {
            FrontierKind::Write => write,
            FrontierKind::Input => input,
            FrontierKind::Output => output,
        };
        reported.is_some_and(|reported| to.is_le(&reported))
    }
}

/// The rows of an answer.
///
/// Errors: whatever else the answer is, as golden blocks show it.
fn rows_of(answer: PeekResponse) -> Result<Vec<(Row, usize)>, String> {
    match answer {
        PeekResponse::Rows(collections) => {
            let mut rows = Vec::new();
            for collection in collections {
                rows.extend(collection.rows().map_err(|e| e.to_string())?);
            }
            Ok(rows)
        }
        PeekResponse::Stashed(_) => Err("unexpected stashed peek result".to_string()),
        PeekResponse::Error(text) => Err(format!("peek error: {text}")),
        PeekResponse::Canceled => Err("peek canceled".to_string()),
    }
}
