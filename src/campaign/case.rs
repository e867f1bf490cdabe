//! One case: a script run against a fresh target, with every invariant
//! watching. First the script itself (safety), then everything that the model
//! says must still happen (liveness), so that a finding names what is stuck.
//!
//! Invariant: the outcome depends on the commands and on the target alone;
//! nothing random is decided here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::driver::Driver;
use crate::driver::runner::{GivenUp, Runner, RunnerConfig};
use crate::invariants::situations::Situation;
use crate::invariants::{self, Checker, Conditions, Counts, Uses, Violation};
use crate::model::Model;
use crate::plan::cells;
use crate::script::Command;
use crate::script::output::Output;
use crate::script::trace::{Event, FrontierKind, Wait};

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
}

impl Outcome {
    /// What came of this run and another one of the same commands.
    pub(super) fn and(mut self, other: Outcome) -> Outcome {
        let counts = std::mem::take(&mut self.counts);
        invariants::add_uses(&mut self.leniencies, &other.leniencies);
        let both = counts.into_iter().zip(&other.counts);
        let counts = both.map(|((id, counts), (_, more))| (id, counts.plus(*more)));
        Outcome {
            counts: counts.collect(),
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
    // A wait must run out as "stuck" only after the whole patience.
    let patience_ms = options.patience.as_millis() as u64;
    let checker = RefCell::new(Checker::under(Conditions {
        patience_ms: match options.seed {
            // Without a clock nothing is waited for: what does not come at once
            // never comes.
            Some(_) => 0,
            None => patience_ms.saturating_sub(1),
        },
        one_worker: options.one_worker,
        release: driver.release(),
    }));
    let log = RefCell::new(Vec::new());
    let config = RunnerConfig {
        max_wait: options.patience,
        seed: options.seed,
        takes_back_limits: true,
    };
    let sink = |event: &Event| {
        if options.keep_log {
            log.borrow_mut().push(show(event));
        }
        checker.borrow_mut().on_event(event);
    };
    let mut runner = Runner::new(driver, config, sink);
    let broken = || !checker.borrow().violations().is_empty();
    if let Err(why) = runner.connect() {
        return (Err(why), runner.into_driver());
    }
    let mut outcome = Outcome::default();
    for (step, command) in commands.iter().enumerate() {
        let answer = runner.execute(step, command);
        outcome.commands += 1;
        outcome.failed += usize::from(answer.is_err());
        outcome.answers.push(answer);
        if broken() || runner.is_lost() || runner.doubt().is_some() {
            break;
        }
    }
    let mut unread = None;
    if !broken() && !runner.is_lost() && runner.doubt().is_none() {
        let settled = settle(&mut runner, &checker, options.patience);
        unread = settled.err().map(|e| format!("reading the views: {e}"));
    }
    // Beside what has no end everything else goes on.
    let stuck = (runner.given_up().cloned()).filter(|_| checker.borrow().model().has_no_end());
    if let Some(GivenUp { wait, waited }) = stuck {
        let waited_ms = waited.as_millis() as u64;
        let event = Event::WaitTimedOut { wait, waited_ms };
        checker.borrow_mut().on_event(&event);
    }
    runner.finish();
    outcome.lost = runner.is_lost();
    outcome.endless = runner.endless();
    outcome.cells = runner.cells().clone();
    // What broke before the doubt is broken all the same.
    outcome.unknown = runner
        .doubt()
        .map(ToString::to_string)
        .or(unread)
        .filter(|_| !broken());
    let driver = runner.into_driver();
    let checker = checker.into_inner();
    outcome.violations = checker.violations().to_vec();
    outcome.counts = checker.counts();
    outcome.leniencies = checker.leniencies().clone();
    outcome.situations = checker.situations().clone();
    if let Some((step, why)) = checker.model().invalid() {
        outcome.invalid = Some(format!("command {step}: {why}"));
    }
    outcome.elapsed = start.elapsed();
    outcome.log = log.into_inner();
    (Ok(outcome), driver)
}

/// Waits for everything that must still happen, then reads what the replica
/// wrote.
///
/// Errors: the store's.
fn settle(
    runner: &mut Runner<'_>,
    checker: &RefCell<Checker>,
    patience: Duration,
) -> Result<(), String> {
    if checker.borrow().model().invalid().is_some() {
        return Ok(());
    }
    let broken = || !checker.borrow().violations().is_empty();
    // What a collection must still tell may be what a peek waits for.
    for owed in [owed_by_collections, owed_answers, owed_releases] {
        let waits = owed(checker.borrow().model());
        for wait in waits {
            runner.wait_for(wait, patience);
            if broken() || runner.doubt().is_some() {
                return Ok(());
            }
        }
    }
    runner.read_views()
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

/// An event as a line of a log.
fn show(event: &Event) -> String {
    match event {
        Event::Command { step } => format!("command {step}"),
        Event::Response(response) => format!("  <- {response:?}"),
        other => format!("  -> {other:?}"),
    }
}
