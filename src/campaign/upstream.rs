//! Cases through upstream's own driver: any clusterd that it can reach, of any version
//! that it is of. What it cannot be told is cut away from a case; what it answers is
//! held against the model's blocks.
//!
//! Invariants: one case at a time, since the clusterd is one; what upstream's driver
//! leaves to luck (a frontier that came while nothing waited) breaks nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::blocks::{expected_blocks, script_of};
use super::case::{CaseOptions, Outcome};
use super::lab::{Lab, Seat, Shape};
use super::viable::{Limits, endless, viable};
use crate::driver::upstream::{End, Report, Told, UpstreamDriver};
use crate::invariants::situations::Situation;
use crate::invariants::{self, Checker, Counts, Place, Violation};
use crate::model::Rehearsal;
use crate::plan::cells;
use crate::protocol::Release;
use crate::schedule::Schedule;
use crate::script::interpret::{Effect, Interpreter, Uuids};
use crate::script::upstream::translate;
use crate::script::{Command, Export, Selection};
use crate::shrink::{Commands, without};

/// Of the patience for one thing, how often a whole script may take it.
const PATIENCES: u32 = 3;

/// Upstream's driver and the clusterd of its environment.
pub struct UpstreamLab {
    driver: UpstreamDriver,
    release: Release,
    /// Scripts, and what the driver said of them, a folder a run.
    directory: PathBuf,
    patience: Duration,
    stand_ins: Vec<Box<dyn Lab>>,
    runs: AtomicU64,
}

impl UpstreamLab {
    pub fn new(
        driver: UpstreamDriver,
        release: Release,
        directory: PathBuf,
        patience: Duration,
        stand_ins: Vec<Box<dyn Lab>>,
    ) -> UpstreamLab {
        UpstreamLab {
            driver,
            release,
            directory,
            patience,
            stand_ins,
            runs: AtomicU64::new(0),
        }
    }
}

impl Lab for UpstreamLab {
    fn seat_under(
        &self,
        _shape: Shape,
        _seed: u64,
        _schedule: Option<&Schedule>,
    ) -> Result<Seat, String> {
        Err("upstream's driver is not driven by ours".to_string())
    }

    fn leave(&self, _seat: Seat, _spoiled: bool) {}

    fn cut(&self, commands: Vec<Command>) -> Vec<Command> {
        cut(commands, self.release)
    }

    fn run_without_seat(&self, commands: &[Command]) -> Option<Result<Outcome, String>> {
        Some(self.run(commands))
    }

    fn release(&self) -> Release {
        self.release
    }

    fn options(&self, _seed: u64) -> CaseOptions {
        CaseOptions {
            patience: self.patience,
            seed: None,
            keep_log: false,
            one_worker: false,
            linger: Duration::ZERO,
            record: false,
            schedule: None,
        }
    }

    fn concurrency(&self) -> Option<usize> {
        Some(1)
    }

    fn stand_ins(&self) -> Vec<&dyn Lab> {
        self.stand_ins.iter().map(Box::as_ref).collect()
    }
}

impl UpstreamLab {
    fn run(&self, commands: &[Command]) -> Result<Outcome, String> {
        let start = Instant::now();
        let said = match translate(commands, self.release) {
            Ok(said) => said,
            Err(obstacles) => {
                let first = obstacles.first().map(ToString::to_string);
                return Ok(Outcome {
                    invalid: first,
                    ..Outcome::default()
                });
            }
        };
        let (places, said): (Vec<usize>, Vec<Command>) = said.into_iter().unzip();
        let said: Vec<Command> = said.into_iter().map(|c| self.in_time(c)).collect();
        let blocks = expected_blocks(&said, self.release);
        let script = script_of(&said, &blocks);
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(format!("run-{run}"));
        let patience = self.patience * PATIENCES;
        let report = self
            .driver
            .run(&script.to_string(), said.len(), &directory, patience)
            .map_err(|e| format!("{}: {e}", self.driver.path.display()))?;
        let mut outcome = judged(&said, &blocks, &report)?;
        for violation in &mut outcome.violations {
            violation.step = places
                .get(violation.step)
                .copied()
                .unwrap_or(violation.step);
        }
        // What nothing was found in is of no interest.
        if outcome.violations.is_empty() && outcome.unknown.is_none() {
            let _ = std::fs::remove_dir_all(&directory);
        }
        (outcome.situations, outcome.cells) = reached(&said, self.release);
        outcome.elapsed = start.elapsed();
        Ok(outcome)
    }

    /// A wait that ends in time, whatever comes of it.
    fn in_time(&self, command: Command) -> Command {
        let timeout_secs = self.patience.as_secs().max(1);
        match command {
            Command::AwaitFrontier { id, ts, .. } => Command::AwaitFrontier {
                id,
                ts,
                timeout_secs,
                allow_timeout: true,
            },
            Command::AwaitSubscribe { id, up_to, .. } => Command::AwaitSubscribe {
                id,
                up_to,
                timeout_secs,
            },
            other => other,
        }
    }
}

/// The situations that the script itself makes, whatever the replica says, and what it
/// has a replica render.
fn reached(said: &[Command], release: Release) -> (BTreeSet<Situation>, cells::Counts) {
    let mut rehearsal = Rehearsal::for_release(release);
    let mut watching = Checker::of(Vec::new());
    for event in Interpreter::new(Uuids::Seeded(0)).connect().events() {
        watching.on_event(&event);
    }
    let mut rendered = cells::Counts::new();
    for command in said {
        if let Ok(meaning) = rehearsal.interpreter().interpret(command) {
            for effect in meaning.effects() {
                if let Effect::CreateDataflow(dataflow) = effect {
                    cells::add(&mut rendered, &cells::of_dataflow(&dataflow.description));
                }
            }
        }
        let rehearsed = rehearsal.play(command);
        for event in &rehearsed.events {
            watching.on_event(event);
        }
        // What need not end tells nothing.
        let _ = rehearsal.end(&rehearsed.waits);
    }
    (watching.situations().clone(), rendered)
}

/// What the answers of a script come to.
///
/// Errors: nothing was run at all.
fn judged(said: &[Command], blocks: &[Option<String>], report: &Report) -> Result<Outcome, String> {
    let Report { told, end } = report;
    if let (End::Early(why), []) = (end, told.as_slice()) {
        return Err(why.clone());
    }
    let mut outcome = Outcome {
        commands: told.len(),
        lost: *end != End::Done,
        ..Outcome::default()
    };
    let mut answers = Counts::default();
    for (step, (command, told)) in said.iter().zip(told).enumerate() {
        let is_answer = matches!(command, Command::Peek { .. } | Command::Count { .. });
        let Some(block) = &blocks[step] else {
            answers.unknown += u64::from(is_answer);
            continue;
        };
        answers.checked += u64::from(is_answer);
        let Told::Other(actual) = told else {
            continue;
        };
        outcome.failed += usize::from(actual.starts_with("error: "));
        if actual == CUT_OFF {
            outcome
                .violations
                .push(broken("I-13", "connection-lost", said, step, block, actual));
            break;
        }
        if is_answer {
            let kind = match (is_error(block), is_error(actual)) {
                (false, false) => "wrong-rows",
                (false, true) => "unexpected-error",
                (true, false) => "missing-error",
                (true, true) => "wrong-error",
            };
            answers.violated += 1;
            outcome
                .violations
                .push(broken("I-01", kind, said, step, block, actual));
            break;
        }
        // Writes are no business of the replica's.
        let verb = command.verb();
        outcome.unknown = Some(format!("`{verb}` answered `{actual}` instead of `{block}`"));
        break;
    }
    let mut lives = Counts {
        checked: 1,
        ..Counts::default()
    };
    if outcome.violations.is_empty() && outcome.unknown.is_none() {
        let next = told.len().min(said.len().saturating_sub(1));
        let expected = "an answer, and upstream's driver at its end";
        let observed = match end {
            End::Done => None,
            End::Hung => Some(("no-answer", "nothing in time".to_string())),
            End::Early(why) => Some(("driver-ended", why.clone())),
        };
        if let Some((kind, observed)) = observed {
            lives.violated += 1;
            let broken = broken("I-13", kind, said, next, expected, &observed);
            outcome.violations.push(broken);
        }
    }
    outcome.counts = vec![("I-01", answers), ("I-13", lives)];
    Ok(outcome)
}

/// What every command answers whose connection has ended.
const CUT_OFF: &str = "error: pump task gone";

fn is_error(block: &str) -> bool {
    block.starts_with("error: ")
}

fn broken(
    invariant: &'static str,
    kind: &'static str,
    said: &[Command],
    step: usize,
    expected: &str,
    observed: &str,
) -> Violation {
    let mut titles = invariants::all().into_iter();
    let title = titles.find_map(|i| (i.id() == invariant).then(|| i.title()));
    let before = said.iter().take(step);
    let reconnects = before.filter(|command| matches!(command, Command::Reconnect));
    let place = match said.get(step) {
        Some(Command::Peek { id, ts, .. } | Command::Count { id, ts }) => Place::at(*id).time(*ts),
        Some(_) | None => Place::nowhere(),
    };
    let in_lines = |text: &str| text.replace('\n', ", ");
    Violation {
        invariant,
        title: title.unwrap_or_default(),
        kind,
        step,
        session: 1 + reconnects.count() as u64,
        replica: None,
        place,
        expected: in_lines(expected),
        observed: in_lines(observed),
    }
}

/// A drawn case without what upstream's driver of this release cannot be told: options
/// and rows that it does not know are left out, commands go with all that depends on
/// them. What is left is valid.
pub fn cut(commands: Vec<Command>, release: Release) -> Commands {
    let mut left: Commands = commands.into_iter().map(plainer).collect();
    let hasty = |place: &usize| {
        matches!(left[*place], Command::Reconnect) && !is_asked(left[..*place].last())
    };
    let hasty: BTreeSet<usize> = (0..left.len()).filter(hasty).collect();
    left = without(&left, &hasty);
    loop {
        match translate(&left, release) {
            Ok(_) => break,
            Err(obstacles) => {
                let places = obstacles.iter().map(|obstacle| obstacle.at);
                left = without(&left, &places.collect());
            }
        }
    }
    let limits = Limits {
        allowed: endless(&left),
        ..Limits::default()
    };
    while !left.is_empty() && viable(&left, &limits).is_err() {
        left.pop();
    }
    left
}

/// Whether a command has an answer, so that the replica got all commands before it:
/// upstream's driver opens the next connection first, and what was on its way is lost.
fn is_asked(command: Option<&Command>) -> bool {
    matches!(command, Some(Command::Peek { .. } | Command::Count { .. }))
}

/// The command without options that upstream's driver does not know.
fn plainer(mut command: Command) -> Command {
    match &mut command {
        Command::CreateInstance { settings, .. } => settings.clear(),
        Command::WriteRows { rows, .. } => rows.retain(|row| row.diff >= 0),
        Command::Peek { selection, .. } | Command::StartPeek { selection, .. }
            if selection.plan.is_none() =>
        {
            *selection = Selection::default();
        }
        other => {
            if let Some(dataflow) = other.dataflow_mut() {
                dataflow.until = None;
                dataflow.optimize |= dataflow.join.take().is_some();
                dataflow.exports.iter_mut().for_each(plainer_export);
            }
        }
    }
    command
}

fn plainer_export(export: &mut Export) {
    match export {
        Export::MaterializedView {
            not_null, refresh, ..
        } => {
            not_null.clear();
            *refresh = None;
        }
        Export::Subscribe { snapshot, .. } => *snapshot = true,
        Export::Index { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::case_script;
    use crate::generate::Profile;

    #[test]
    fn what_is_cut_can_be_said_and_still_asks_for_answers() {
        for release in Release::ALL {
            let profile = Profile::default()
                .for_release(release)
                .for_upstreams_driver();
            let (mut asked, mut plans) = (0, 0);
            for case in 0..300 {
                let left = cut(case_script(11, case, &profile).0, release);
                let said = translate(&left, release).unwrap();
                let peeks = said.iter().filter(|(_, command)| is_asked(Some(command)));
                asked += usize::from(peeks.count() > 0);
                plans += left.iter().filter_map(Command::dataflow).count();
            }
            assert!(asked > 150, "{release:?}: {asked} of 300 cases ask");
            assert!(plans > 100, "{release:?}: {plans} dataflows");
        }
    }
}
