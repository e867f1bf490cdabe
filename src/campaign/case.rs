//! One case: a script run against a fresh target, with every invariant
//! watching. First the script itself (safety), then everything that the model
//! says must still happen (liveness), so that a finding names what is stuck.
//!
//! Invariant: the outcome depends on the commands and on the target alone;
//! nothing random is decided here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::driver::Driver;
use crate::invariants::{Checker, Counts, Violation};
use crate::repr::{GlobalId, Timestamp};
use crate::script::Command;
use crate::script::output::Output;
use crate::script::runner::{Runner, RunnerConfig};
use crate::script::trace::Event;

/// How a case is run.
#[derive(Debug, Clone)]
pub struct CaseOptions {
    /// What the model says must happen, must happen within this time.
    pub patience: Duration,
    /// Ids that a runner draws come from this seed; None draws them at random.
    pub seed: Option<u64>,
    /// Keeps every event, one line each.
    pub keep_log: bool,
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
    pub elapsed: Duration,
    /// Where the sequence stopped being valid, and why: nothing was judged
    /// from there on.
    pub invalid: Option<String>,
    /// Why the case could not be decided: it is neither green nor a violation.
    pub unknown: Option<String>,
    /// The target is gone, or not to be trusted with another case.
    pub lost: bool,
    /// Events as text, if they were to be kept.
    pub log: Vec<String>,
    /// What the target's processes logged, if that was to be kept and is ours.
    pub target_log: Option<String>,
}

impl Outcome {
    /// Whether the case breaks what `signature` names.
    pub fn has(&self, signature: &str) -> bool {
        self.violations.iter().any(|v| v.signature() == signature)
    }
}

/// Runs a case to its end, or to its first violation. Gives the driver back,
/// for another case on the same target.
///
/// Errors: the target could not be connected to.
pub fn run_case(
    commands: &[Command],
    driver: Driver,
    options: &CaseOptions,
) -> Result<(Outcome, Driver), String> {
    let start = Instant::now();
    // A wait must run out as "stuck" only after the whole patience.
    let patience_ms = options.patience.as_millis() as u64;
    let checker = RefCell::new(Checker::with_patience(match options.seed {
        // Without a clock nothing is waited for: what does not come at once
        // never comes.
        Some(_) => 0,
        None => patience_ms.saturating_sub(1),
    }));
    let log = RefCell::new(Vec::new());
    let config = RunnerConfig {
        max_wait: options.patience,
        seed: options.seed,
    };
    let sink = |event: &Event| {
        if options.keep_log {
            log.borrow_mut().push(show(event));
        }
        checker.borrow_mut().on_event(event);
    };
    let mut runner = Runner::new(driver, config, sink);
    let broken = || !checker.borrow().violations().is_empty();
    runner.connect()?;
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
    if !broken() && !runner.is_lost() && runner.doubt().is_none() {
        settle(&mut runner, &checker, options.patience);
    }
    runner.finish();
    outcome.lost = runner.is_lost();
    // What broke before the doubt is broken all the same.
    outcome.unknown = runner
        .doubt()
        .filter(|_| !broken())
        .map(ToString::to_string);
    let driver = runner.into_driver();
    let checker = checker.into_inner();
    outcome.violations = checker.violations().to_vec();
    outcome.counts = checker.counts();
    outcome.invalid = checker
        .model()
        .invalid()
        .map(|(step, why)| format!("command {step}: {why}"));
    outcome.elapsed = start.elapsed();
    outcome.log = log.into_inner();
    Ok((outcome, driver))
}

/// Waits for everything that must still happen.
fn settle(runner: &mut Runner<'_>, checker: &RefCell<Checker>, patience: Duration) {
    let owed: BTreeMap<GlobalId, Timestamp> = {
        let checker = checker.borrow();
        let model = checker.model();
        if model.invalid().is_some() {
            return;
        }
        let live = model.session().live_collections();
        live.filter_map(|collection| {
            let id = collection.export.id();
            let must = model.must_reach(id)?;
            Some((id, must.as_option()?))
        })
        .filter(|(_, ts)| *ts > 0)
        .collect()
    };
    for (id, ts) in owed {
        runner.await_frontier(id, ts, patience, false);
        if !checker.borrow().violations().is_empty() {
            return;
        }
    }
    runner.await_started_peeks(patience, |uuid| checker.borrow().model().must_answer(uuid));
}

/// An event as a line of a log.
fn show(event: &Event) -> String {
    match event {
        Event::Command { step } => format!("command {step}"),
        Event::Response(response) => format!("  <- {response:?}"),
        other => format!("  -> {other:?}"),
    }
}
