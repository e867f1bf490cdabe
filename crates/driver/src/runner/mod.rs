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

use script::interpret::{Answer, Effect, Interpreter, Meaning, Step, Uuids};
use script::output::{Output, update_lines};
use script::trace::{Event, ShardContents, Wait};
use script::{Command, DEFAULT_TIMEOUT_SECS};

use crate::{Driver, OnItsOwn};
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
    sink: Box<dyn FnMut(&Event) + 'a>,
    script: Interpreter,
    uuids: Uuids,
    shards: BTreeMap<String, ShardId>,
    /// What the dataflows that were sent make a replica render.
    cells: cells::Counts,
    /// Ids that are not those of peeks.
    ids_drawn: u64,
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

impl<'a> Runner<'a> {
    /// A runner over a driver that is not connected yet.
    pub fn new(driver: Driver, config: RunnerConfig, sink: impl FnMut(&Event) + 'a) -> Self {
        let uuids = config.seed.map_or(Uuids::Random, Uuids::Seeded);
        let script = Interpreter::new(uuids).for_release(driver.release());
        Runner {
            driver,
            config,
            sink: Box::new(sink),
            script,
            uuids,
            shards: BTreeMap::new(),
            cells: cells::Counts::new(),
            ids_drawn: 0,
            lost: false,
            doubt: None,
            given_up: None,
            advanced: false,
        }
    }

    /// Opens the first session: connects and says `Hello`.
    pub fn connect(&mut self) -> Result<(), String> {
        let meaning = self.script.connect();
        self.follow(meaning).map(|_| ())
    }

    /// Executes one command. `step` is its position in the script.
    ///
    /// Errors: the message of the golden block, without `error: `.
    pub fn execute(&mut self, step: usize, command: &Command) -> Result<Output, String> {
        self.emit(Event::Command { step });
        self.drain();
        let meaning = self.script.interpret(command).map_err(|e| e.to_string())?;
        self.follow(meaning)
    }

    /// Does what a command means.
    fn follow(&mut self, meaning: Meaning) -> Result<Output, String> {
        self.script.note(&meaning);
        let Meaning { steps, answer, .. } = meaning;
        let ran_out = self.take(steps);
        self.answer(answer, ran_out)
    }

    /// Takes the steps in order. True if a wait ran out that may.
    fn take(&mut self, steps: Vec<Step>) -> Result<bool, String> {
        let mut ran_out = false;
        let is_restart =
            |step: &Step| matches!(step, Step::Do(effect) if matches!(**effect, Effect::Restart));
        let restarts = steps.iter().any(is_restart);
        for step in steps {
            match step {
                Step::Do(effect) => self.perform(*effect).inspect_err(|why| {
                    // A target that cannot be started is our failure, and no finding.
                    if restarts {
                        self.lost = true;
                        self.doubt.get_or_insert_with(|| why.clone());
                    }
                })?,
                Step::Wait {
                    wait,
                    timeout_secs,
                    may_run_out,
                } => {
                    let timeout = Duration::from_secs(timeout_secs);
                    if may_run_out {
                        ran_out = !self.wait(timeout, &wait);
                    } else if !self.wait_for(wait.clone(), timeout) {
                        return Err(wait.ran_out());
                    }
                }
            }
        }
        Ok(ran_out)
    }

    /// The answer of a command, given how its steps ended.
    fn answer(&mut self, answer: Answer, ran_out: Result<bool, String>) -> Result<Output, String> {
        match answer {
            Answer::Fails(inner) => match self.answer(*inner, ran_out) {
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
                let rows = rows_of(self.taken_answer(uuid)?)?;
                shown.of(rows).map_err(|e| e.to_string())
            }
            Answer::Canceled { uuid } => {
                ran_out?;
                self.taken_answer(uuid).map(|_| Output::Answered)
            }
            Answer::Updates { id } => {
                ran_out?;
                self.updates(id)
            }
        }
    }

    fn taken_answer(&mut self, uuid: Uuid) -> Result<PeekResponse, String> {
        let answer = self.driver.session_mut().take_answer(uuid);
        answer.ok_or_else(|| "the answer of the peek was taken already".to_string())
    }

    /// What a subscribe told since it was last asked.
    fn updates(&mut self, id: GlobalId) -> Result<Output, String> {
        let told = self.driver.session_mut().drain_subscribe(id);
        let told = told.map_err(|text| format!("subscribe {id} reported an error: {text}"))?;
        let mut updates = Vec::new();
        for collection in told {
            updates.extend(collection.updates().map_err(|e| e.to_string())?);
        }
        Ok(Output::Lines(update_lines(updates)))
    }

    fn emit(&mut self, event: Event) {
        (self.sink)(&event);
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

    /// Reads every shard that a materialized view writes, and tells the sink.
    ///
    /// Errors: the store's.
    pub fn read_views(&mut self) -> Result<(), String> {
        let targets = self.script.targets().into_iter();
        let targets: Vec<(String, RelationDesc)> = targets
            .map(|(alias, desc)| (alias.to_string(), desc.clone()))
            .collect();
        for (alias, desc) in targets {
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

    /// What the target would be at work on for ever, if it can tell.
    pub fn endless(&mut self) -> Option<String> {
        self.driver.endless()
    }
}

/// The rows of an answer.
///
/// Errors: what else the answer is, as golden blocks show it.
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
