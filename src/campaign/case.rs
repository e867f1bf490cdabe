//! One case: a script run against a fresh target, or two of them, with every
//! invariant watching. First the script itself (safety), then everything that the model
//! says must still happen (liveness), so that a finding names what is stuck.
//!
//! Invariant: the outcome depends on the commands and on the target alone;
//! nothing random is decided here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::driver::runner::{GivenUp, Runner, RunnerConfig, Sink};
use crate::driver::{Driver, Frame};
use crate::invariants::situations::Situation;
use crate::invariants::{self, Checker, Conditions, Counts, Uses, Violation};
use crate::model::Model;
use crate::plan::cells;
use crate::schedule::Schedule;
use crate::script::event::{Event, FrontierKind, ShardContents, Wait};
use crate::script::output::Output;
use crate::script::{Command, Replica};

/// How a case is run.
#[derive(Debug, Clone)]
pub struct CaseOptions {
    /// What the model says must happen, must happen within this time.
    pub patience: Duration,
    /// Ids that a runner draws come from this seed; None draws them at random.
    pub seed: Option<u64>,
    /// Keeps every event, one line each.
    pub keep_log: bool,
    /// The target has one worker in all.
    pub one_worker: bool,
    /// For how long the target is looked at when the session is over: what it
    /// does then counts as the case's.
    pub linger: Duration,
    /// Keeps what crossed the connections, and what the shards hold at the end.
    pub record: bool,
    /// What steps next, where a schedule decides that; it is looked for, if this does
    /// not say.
    pub schedule: Option<Schedule>,
}

/// What became of a case.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub violations: Vec<Violation>,
    /// Per invariant, in the order of the catalogue.
    pub counts: Vec<(&'static str, Counts)>,
    /// Commands that were executed, and those of them that failed.
    pub commands: usize,
    pub failed: usize,
    /// What each executed command answered.
    pub answers: Vec<Result<Output, String>>,
    pub situations: BTreeSet<Situation>,
    /// How often each leniency was used.
    pub leniencies: Uses,
    /// The surface cells of the dataflows that were sent.
    pub cells: cells::Counts,
    pub elapsed: Duration,
    /// Where the sequence stopped being valid, and why: nothing was judged
    /// from there on.
    pub invalid: Option<String>,
    /// Why the case could not be decided: it is neither green nor a violation.
    pub unknown: Option<String>,
    /// What the target would be at work on for ever, if it can tell.
    pub endless: Option<String>,
    /// The target is gone, or not to be trusted with another case.
    pub lost: bool,
    /// Events as text, if they were to be kept.
    pub log: Vec<String>,
    /// What the target's processes logged, if that was to be kept and is ours.
    pub target_log: Option<String>,
    /// What stepped when, where a schedule decides that.
    pub schedule: Option<Schedule>,
    /// What is kept of the run beside its answers, if that was asked for.
    pub traffic: Option<Traffic>,
}

/// What a run leaves beside its answers.
#[derive(Debug, Clone)]
pub struct Traffic {
    pub frames: Vec<Frame>,
    /// What the shards hold at the end, or why they could not be read.
    pub shards: Result<Vec<ShardContents>, String>,
}

impl Traffic {
    /// Why the shards could not be read, if they could not.
    pub fn unread(&self) -> Option<String> {
        let why = self.shards.as_ref().err()?;
        Some(format!("reading the shards: {why}"))
    }
}

impl Outcome {
    /// What came of this run and another one of the same commands.
    pub(super) fn and(mut self, other: Outcome) -> Outcome {
        invariants::add_uses(&mut self.leniencies, &other.leniencies);
        invariants::add_counts(&mut self.counts, &other.counts);
        Outcome {
            counts: self.counts,
            elapsed: self.elapsed + other.elapsed,
            situations: &self.situations | &other.situations,
            leniencies: self.leniencies,
            invalid: self.invalid.or(other.invalid),
            ..other
        }
    }

    /// Whether the case breaks what `signature` names.
    pub fn has(&self, signature: &str) -> bool {
        self.violations.iter().any(|v| v.signature() == signature)
    }
}

/// Runs a case to its end, or to its first violation. Gives the driver back,
/// for another case on the same target.
///
/// Errors: the target could not be connected to; with its driver too.
pub fn run_case(
    commands: &[Command],
    driver: Driver,
    options: &CaseOptions,
) -> (Result<Outcome, String>, Driver) {
    let start = Instant::now();
    let watched = Watched::of(&driver, options);
    let log = RefCell::new(Vec::new());
    let config = RunnerConfig {
        max_wait: options.patience,
        seed: options.seed,
        takes_back_limits: true,
    };
    let sinks = watched.0.iter().map(|(replica, checker)| -> Sink<'_> {
        let log = options.keep_log.then_some(&log);
        Box::new(move |event: &Event| {
            if let Some(log) = log {
                log.borrow_mut().extend(show(*replica, event));
            }
            checker.borrow_mut().on_event(event);
        })
    });
    let mut runner = Runner::telling(driver, config, sinks.collect());
    if options.record {
        runner.record();
    }
    if let Err(why) = runner.connect() {
        return (Err(why), runner.into_driver());
    }
    let mut outcome = Outcome::default();
    for (step, command) in commands.iter().enumerate() {
        let answer = runner.execute(step, command);
        outcome.commands += 1;
        outcome.failed += usize::from(answer.is_err());
        outcome.answers.push(answer);
        if watched.is_broken() || runner.is_lost() || runner.doubt().is_some() {
            break;
        }
    }
    let mut unread = None;
    if !watched.is_broken() && !runner.is_lost() && runner.doubt().is_none() {
        let settled = watched.settle(&mut runner, options.patience);
        unread = settled.err().map(|e| format!("reading the views: {e}"));
    }
    if let Some(given_up) = runner.given_up() {
        watched.give_up(given_up);
    }
    runner.finish();
    if options.record {
        outcome.traffic = Some(Traffic {
            frames: runner.take_frames(),
            shards: runner.read_shards(),
        });
    }
    outcome.lost = runner.is_lost();
    outcome.endless = runner.endless();
    outcome.cells = runner.cells().clone();
    // What broke before the doubt is broken all the same.
    outcome.unknown = runner
        .doubt()
        .map(ToString::to_string)
        .or(unread)
        .or_else(|| outcome.traffic.as_ref()?.unread())
        .filter(|_| !watched.is_broken());
    let driver = runner.into_driver();
    watched.tell(&mut outcome);
    outcome.elapsed = start.elapsed();
    outcome.log = log.into_inner();
    (Ok(outcome), driver)
}

/// A checker for each replica: every one is held against a model of its own, so that
/// where the model is exact the two of a cluster agree with each other as well.
struct Watched(Vec<(Option<Replica>, RefCell<Checker>)>);

impl Watched {
    /// Tells those of what has no end that it was not waited for any longer. All other
    /// things go on beside it.
    fn give_up(&self, given_up: &GivenUp) {
        let event = Event::WaitTimedOut {
            wait: given_up.wait.clone(),
            waited_ms: given_up.waited.as_millis() as u64,
        };
        for (_, checker) in &self.0 {
            if checker.borrow().model().has_no_end() {
                checker.borrow_mut().on_event(&event);
            }
        }
    }

    fn of(driver: &Driver, options: &CaseOptions) -> Watched {
        let replicas = driver.replicas();
        let patience_ms = options.patience.as_millis() as u64;
        let errors_once = |replica: &Replica| driver.release(*replica).writes_errors_once();
        let checker = |replica: &Replica| {
            let checker = Checker::under(Conditions {
                patience_ms: match options.seed {
                    // Without a clock nothing is waited for: what does not come at once
                    // never comes.
                    Some(_) => 0,
                    // A wait must run out as "stuck" only after the whole patience.
                    None => patience_ms.saturating_sub(1),
                },
                one_worker: options.one_worker,
                release: driver.release(*replica),
                errors_once: replicas.iter().all(errors_once),
            });
            let named = Some(*replica).filter(|_| replicas.len() > 1);
            (named, RefCell::new(checker))
        };
        Watched(replicas.iter().map(checker).collect())
    }

    fn is_broken(&self) -> bool {
        let mut checkers = self.0.iter();
        checkers.any(|(_, checker)| !checker.borrow().violations().is_empty())
    }

    fn is_invalid(&self) -> bool {
        let mut checkers = self.0.iter();
        checkers.any(|(_, checker)| checker.borrow().model().invalid().is_some())
    }

    /// Waits for everything that must still happen, then reads what the replicas
    /// wrote.
    ///
    /// Errors: the store's.
    fn settle(&self, runner: &mut Runner<'_>, patience: Duration) -> Result<(), String> {
        if self.is_invalid() {
            return Ok(());
        }
        // What a collection must still tell may be what a peek waits for.
        for owed in [owed_by_collections, owed_answers, owed_releases] {
            for (replica, checker) in &self.0 {
                let waits = owed(checker.borrow().model());
                for wait in waits {
                    runner.wait_for(replica.unwrap_or_default(), wait, patience);
                    if self.is_broken() || runner.doubt().is_some() {
                        return Ok(());
                    }
                }
            }
        }
        runner.read_views()
    }

    /// Puts what the checkers saw together.
    fn tell(self, outcome: &mut Outcome) {
        for (replica, checker) in self.0 {
            let checker = checker.into_inner();
            let violations = checker.violations().iter().cloned();
            let violations = violations.map(|violation| Violation {
                replica,
                ..violation
            });
            outcome.violations.extend(violations);
            invariants::add_counts(&mut outcome.counts, &checker.counts());
            invariants::add_uses(&mut outcome.leniencies, checker.leniencies());
            outcome.situations.extend(checker.situations());
            if let Some((step, why)) = checker.model().invalid() {
                outcome
                    .invalid
                    .get_or_insert_with(|| format!("command {step}: {why}"));
            }
        }
    }
}

/// The answers that are owed.
fn owed_answers(model: &Model) -> Vec<Wait> {
    let peeks = model.session().peeks.values();
    let waits = peeks.map(|peek| Wait::answer_of(&peek.spec));
    waits.filter(|wait| model.must_end(wait)).collect()
}

/// The shards that are owed.
fn owed_releases(model: &Model) -> Vec<Wait> {
    let shards = model.released().map(str::to_string);
    shards.map(|shard| Wait::Released { shard }).collect()
}

/// What the collections of the session owe.
fn owed_by_collections(model: &Model) -> Vec<Wait> {
    let mut owed = Vec::new();
    for collection in model.session().collections.values() {
        let id = collection.id;
        let end = Wait::SubscribeEnd { id };
        if model.must_end(&end) {
            owed.push(end);
        } else if collection.is_subscribe() {
            let up_to = model.subscribe_must_reach(id).and_then(|f| f.as_option());
            owed.extend(up_to.map(|up_to| Wait::Subscribe { id, up_to }));
        } else {
            owed.extend(FrontierKind::ALL.into_iter().filter_map(|kind| {
                let to = model.kind_must_reach(id, kind)?;
                Some(Wait::Frontier { id, kind, to })
            }));
        }
    }
    owed.retain(|wait| model.must_end(wait));
    owed
}

/// An event as a line of a log; of a second replica, what it alone was told or said.
fn show(replica: Option<Replica>, event: &Event) -> Option<String> {
    let said = match replica {
        None => String::new(),
        Some(replica) => format!(" {replica}"),
    };
    Some(match event {
        Event::Response(response) => format!("  <-{said} {response:?}"),
        _ if replica == Some(Replica::Second) && event.is_drivers() => return None,
        Event::Command { step } => format!("command {step}"),
        other => format!("  -> {other:?}"),
    })
}
