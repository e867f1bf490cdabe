//! The runner: performs what commands mean (`script::interpret`) through a
//! driver, and tells everything that happens, as it happens, to a sink of
//! events. Source: `spec/script.md` §2.
//!
//! Invariants: an event about a command precedes whatever the command causes;
//! a command that fails has sent nothing from the failure on; a wait on a
//! session that is over fails at once instead of running out.

mod effects;
mod waits;

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;

use script::event::{Event, ShardContents, Wait};
use script::interpret::{Answer, Effect, Interpreter, Meaning, Step, Uuids};
use script::output::{Output, update_lines};
use script::{Command, CommandError, DEFAULT_TIMEOUT_SECS, Replica};

use crate::{Driver, Frame, OnItsOwn};
use plan::cells;
use protocol::v26_30::PeekResponse;
use repr::{GlobalId, RelationDesc, Row, ShardId};

/// How a runner treats time and randomness.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// What must happen counts as stuck after this long without a sign of work;
    /// no wait of the script's own is longer.
    pub max_wait: Duration,
    /// Ids of shards and peeks are drawn from this seed instead of at random,
    /// so that a run in one process repeats exactly.
    pub seed: Option<u64>,
    /// The target may have served another script, which left it a limit of results:
    /// the first configuration takes that back.
    pub takes_back_limits: bool,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        RunnerConfig {
            max_wait: Duration::from_secs(DEFAULT_TIMEOUT_SECS),
            seed: None,
            takes_back_limits: false,
        }
    }
}

/// Executes commands; see the module.
pub struct Runner<'a> {
    driver: Driver,
    config: RunnerConfig,
    /// One a replica, in the order of [`Driver::replicas`].
    desks: Vec<Desk<'a>>,
    uuids: Uuids,
    shards: BTreeMap<String, ShardId>,
    /// What the dataflows that were sent make a replica render.
    cells: cells::Counts,
    /// Ids that are not those of peeks.
    ids_drawn: u64,
    /// Why nothing can be judged any more.
    doubt: Option<String>,
    /// What was given up although the target was still at work.
    given_up: Option<GivenUp>,
    /// A frontier was told since this was last looked at.
    advanced: bool,
}

/// What hears of what happens, as far as one replica is concerned.
pub type Sink<'a> = Box<dyn FnMut(&Event) + 'a>;

/// What a runner keeps for each replica.
struct Desk<'a> {
    replica: Replica,
    sink: Sink<'a>,
    script: Interpreter,
    standing: Standing,
    /// An earlier script may have left it a limit of results.
    may_be_limited: bool,
}

/// How things stand with a replica in the present session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    /// The script killed it.
    Killed,
    /// The session ended without the driver's doing.
    Lost,
}

/// A wait that was given up although the target was still at work.
#[derive(Debug, Clone)]
pub struct GivenUp {
    pub wait: Wait,
    pub waited: Duration,
}

impl<'a> Runner<'a> {
    /// A runner over a driver that is not connected yet. Of two replicas nothing is
    /// told of what the second one says.
    pub fn new(driver: Driver, config: RunnerConfig, sink: impl FnMut(&Event) + 'a) -> Self {
        let mut sinks: Vec<Sink<'a>> = vec![Box::new(sink)];
        for _ in 1..driver.replicas().len() {
            sinks.push(Box::new(|_| {}));
        }
        Runner::telling(driver, config, sinks)
    }

    /// A runner over a driver that is not connected yet. There is a sink for each
    /// replica, which hears what the driver did, and what that replica said.
    pub fn telling(driver: Driver, config: RunnerConfig, sinks: Vec<Sink<'a>>) -> Self {
        let uuids = config.seed.map_or(Uuids::Random, Uuids::Seeded);
        let replicas = driver.replicas().iter().copied();
        let desk = |(replica, sink)| Desk {
            replica,
            sink,
            script: Interpreter::new(uuids)
                .for_release(driver.release(replica))
                .for_replica(replica),
            standing: Standing::Open,
            may_be_limited: config.takes_back_limits,
        };
        Runner {
            desks: replicas.zip(sinks).map(desk).collect(),
            driver,
            config,
            uuids,
            shards: BTreeMap::new(),
            cells: cells::Counts::new(),
            ids_drawn: 0,
            doubt: None,
            given_up: None,
            advanced: false,
        }
    }

    /// Opens the first session: connects and says `Hello`.
    pub fn connect(&mut self) -> Result<(), String> {
        let meanings = self.desks.iter().map(|desk| desk.script.connect());
        let meanings = meanings.collect();
        self.follow(meanings).map(|_| ())
    }

    /// Executes one command. `step` is its position in the script.
    ///
    /// Errors: the message of the golden block, without `error: `.
    pub fn execute(&mut self, step: usize, command: &Command) -> Result<Output, String> {
        self.emit(&Event::Command { step });
        self.drain();
        let meanings = self.desks.iter().map(|desk| desk.script.interpret(command));
        let meanings = meanings.collect::<Result<Vec<Meaning>, CommandError>>();
        self.follow(meanings.map_err(|e| e.to_string())?)
    }

    /// Does what a command means to each replica. The answer is that of the first one
    /// that serves; the sinks hear, and judge, what the other one says.
    fn follow(&mut self, meanings: Vec<Meaning>) -> Result<Output, String> {
        let mut steps = Vec::new();
        let mut answers = Vec::new();
        for (desk, meaning) in self.desks.iter_mut().zip(meanings) {
            desk.script.note(&meaning);
            steps.push(meaning.steps);
            answers.push((desk.replica, meaning.answer));
        }
        let ran_out = self.take(steps);
        let mut output = None;
        for (replica, answer) in answers {
            if self.desk(replica).standing != Standing::Killed {
                // Each answer is taken: it was asked for.
                let answered = self.answer(replica, answer, ran_out.clone());
                output.get_or_insert(answered);
            }
        }
        output.unwrap_or(Ok(Output::Ok))
    }

    /// Takes the steps of every replica in order, and waits for all of them together.
    /// True if a wait ran out that may.
    fn take(&mut self, steps: Vec<Vec<Step>>) -> Result<bool, String> {
        let effects = || steps.iter().flatten().filter_map(Step::effect);
        let kills = effects().any(|effect| matches!(effect, Effect::Kill { .. }));
        // What serves alone is not killed, but restarted.
        if self.desks.len() == 1 && kills {
            return Err("kill is for a cluster of two replicas: expected --second-target".into());
        }
        let starts = kills || effects().any(|effect| matches!(effect, Effect::Restart));
        let mut left: Vec<_> = steps.into_iter().map(Vec::into_iter).collect();
        let mut ran_out = false;
        loop {
            let mut waits = Vec::new();
            for (at, steps) in left.iter_mut().enumerate() {
                let replica = self.desks[at].replica;
                for step in steps {
                    match step {
                        Step::Do(effect) => {
                            self.perform(replica, *effect).inspect_err(|why| {
                                // A target that cannot be started is our failure, and no
                                // finding.
                                if starts {
                                    self.desk_mut(replica).standing = Standing::Lost;
                                    self.doubt.get_or_insert_with(|| why.clone());
                                }
                            })?;
                        }
                        Step::Wait {
                            wait,
                            timeout_secs,
                            may_run_out,
                        } => {
                            waits.push((replica, wait, timeout_secs, may_run_out));
                            break;
                        }
                    }
                }
            }
            let Some((_, _, timeout_secs, may_run_out)) = waits.first() else {
                return Ok(ran_out);
            };
            let (timeout, may_run_out) = (Duration::from_secs(*timeout_secs), *may_run_out);
            let waits: Vec<(Replica, Wait)> = waits
                .into_iter()
                .map(|(replica, wait, _, _)| (replica, wait))
                .collect();
            if may_run_out {
                ran_out = !self.wait(timeout, &waits);
            } else if let Some(missed) = self.wait_for_all(waits, timeout) {
                return Err(missed.ran_out());
            }
        }
    }

    /// The answer of a command, given how its steps ended.
    fn answer(
        &mut self,
        replica: Replica,
        answer: Answer,
        ran_out: Result<bool, String>,
    ) -> Result<Output, String> {
        match answer {
            Answer::Fails(inner) => match self.answer(replica, *inner, ran_out) {
                Err(message) => Ok(Output::CaughtError { message }),
                Ok(output) => Err(format!(
                    "expected command to fail, but it succeeded: {}",
                    output.debug_name()
                )),
            },
            Answer::Caught(message) => Ok(Output::CaughtError { message }),
            Answer::Ok => ran_out.map(|_| Output::Ok),
            Answer::Wrote { rows } => ran_out.map(|_| Output::Wrote { rows }),
            Answer::Awaited => ran_out.map(|timed_out| Output::Awaited { timed_out }),
            Answer::Peek { uuid, shown } => {
                ran_out?;
                let rows = rows_of(self.taken_answer(replica, uuid)?)?;
                shown.of(rows).map_err(|e| e.to_string())
            }
            Answer::Canceled { uuid } => {
                ran_out?;
                self.taken_answer(replica, uuid).map(|_| Output::Answered)
            }
            Answer::Updates { id } => {
                ran_out?;
                self.updates(replica, id)
            }
        }
    }

    fn taken_answer(&mut self, replica: Replica, uuid: Uuid) -> Result<PeekResponse, String> {
        let answer = self.driver.session_mut(replica).take_answer(uuid);
        answer.ok_or_else(|| "the answer of the peek was taken already".to_string())
    }

    /// What a subscribe told since it was last asked.
    fn updates(&mut self, replica: Replica, id: GlobalId) -> Result<Output, String> {
        let told = self.driver.session_mut(replica).drain_subscribe(id);
        let told = told.map_err(|text| format!("subscribe {id} reported an error: {text}"))?;
        let mut updates = Vec::new();
        for collection in told {
            updates.extend(collection.updates().map_err(|e| e.to_string())?);
        }
        Ok(Output::Lines(update_lines(updates)))
    }

    fn desk(&self, replica: Replica) -> &Desk<'a> {
        &self.desks[replica.index()]
    }

    fn desk_mut(&mut self, replica: Replica) -> &mut Desk<'a> {
        &mut self.desks[replica.index()]
    }

    /// Tells every sink.
    fn emit(&mut self, event: &Event) {
        for desk in &mut self.desks {
            (desk.sink)(event);
        }
    }

    /// Tells the sink of a replica.
    fn emit_of(&mut self, replica: Replica, event: &Event) {
        (self.desk_mut(replica).sink)(event);
    }

    /// An id that is no peek's.
    fn fresh_uuid(&mut self) -> Uuid {
        // Peeks are numbered from 1.
        const OTHERS: u64 = 1 << 63;
        self.ids_drawn += 1;
        self.uuids.number(OTHERS | self.ids_drawn)
    }

    /// The shard behind an alias, allocated by its first use.
    fn shard(&mut self, alias: &str) -> ShardId {
        if let Some(id) = self.shards.get(alias) {
            return *id;
        }
        let id = ShardId(self.fresh_uuid());
        self.shards.insert(alias.to_string(), id);
        id
    }

    /// Tells what a replica did on its own, beside what it answers.
    fn look_at(&mut self, replica: Replica) {
        if self.desk(replica).standing == Standing::Lost {
            return;
        }
        match self.driver.on_its_own(replica) {
            Some(OnItsOwn::Ended(status)) => {
                self.desk_mut(replica).standing = Standing::Lost;
                self.emit_of(replica, &Event::TargetDied { status });
            }
            Some(OnItsOwn::Logged(lines)) => {
                for line in lines {
                    self.emit_of(replica, &Event::TargetLogged { line });
                }
            }
            None => {}
        }
    }

    /// Reads every shard that a materialized view writes, and tells the sink.
    ///
    /// Errors: the store's.
    pub fn read_views(&mut self) -> Result<(), String> {
        let targets = self.desk(Replica::First).script.targets().into_iter();
        let targets: Vec<(String, RelationDesc)> = targets
            .map(|(alias, desc)| (alias.to_string(), desc.clone()))
            .collect();
        for (alias, desc) in targets {
            let contents = self.read_shard(alias, &desc)?;
            self.emit(&Event::ShardRead(contents));
        }
        Ok(())
    }

    /// What every shard holds that was used, by alias; of one that nothing was ever
    /// written to that has columns, nothing is known.
    ///
    /// Errors: the store's.
    pub fn read_shards(&mut self) -> Result<Vec<ShardContents>, String> {
        let mut all = Vec::new();
        for (alias, id) in self.shards.clone() {
            let schema = self.driver.host().client().schema(id);
            if let Some(desc) = schema.map_err(|e| e.to_string())? {
                all.push(self.read_shard(alias, &desc)?);
            }
        }
        Ok(all)
    }

    fn read_shard(&mut self, alias: String, desc: &RelationDesc) -> Result<ShardContents, String> {
        let id = self.shard(&alias);
        let (since, upper, updates) = self.driver.host_mut().read(id, desc)?;
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
        Ok(contents)
    }

    /// Keeps what crosses the connections from now on.
    pub fn record(&mut self) {
        self.driver.record();
    }

    /// What crossed them since.
    pub fn take_frames(&mut self) -> Vec<Frame> {
        self.driver.take_frames()
    }

    /// The run is over: tells the sink so.
    pub fn finish(&mut self) {
        self.drain();
        for replica in self.driver.replicas() {
            self.look_at(*replica);
        }
        self.emit(&Event::Finished);
    }

    /// The surface cells of the dataflows that were sent.
    pub fn cells(&self) -> &cells::Counts {
        &self.cells
    }

    /// The driver, for another run.
    pub fn into_driver(self) -> Driver {
        self.driver
    }

    /// Whether a session ended without the script's doing.
    pub fn is_lost(&self) -> bool {
        let mut desks = self.desks.iter();
        desks.any(|desk| desk.standing == Standing::Lost)
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

    /// What the target would be at work on for ever, if it can tell.
    pub fn endless(&mut self) -> Option<String> {
        self.driver.endless()
    }
}

/// The rows of an answer.
///
/// Errors: what else the answer is, as golden blocks show it.
fn rows_of(answer: PeekResponse) -> Result<Vec<(Row, usize)>, String> {
    if let Some(collections) = answer.collections() {
        let mut rows = Vec::new();
        for collection in collections {
            rows.extend(collection.rows().map_err(|e| e.to_string())?);
        }
        return Ok(rows);
    }
    match answer {
        PeekResponse::Rows(_) | PeekResponse::Stashed(_) => {
            Err("unexpected stashed peek result".to_string())
        }
        PeekResponse::Error(text) => Err(format!("peek error: {text}")),
        PeekResponse::Canceled => Err("peek canceled".to_string()),
    }
}
