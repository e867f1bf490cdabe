//! Findings that show only sometimes, and targets that are slow. What this file
//! alone can catch: a simplest script that hardly shows what it was kept for, a
//! rate that is not told, and more runs of the target than a slow one has time
//! for.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clusterd_fuzz::campaign::{
    Broken, CaseOptions, Finding, Jury, Lab, Rate, Run, Seat, Shape, Standard, Terms, Trial,
    case_script, case_seed, pursue, run_in,
};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::generate::Profile;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};
use clusterd_fuzz::schedule::Schedule;
use clusterd_fuzz::script::Command;
use clusterd_fuzz::shrink::{Budget, Complexity, shrink_with};

/// A number between 0 and 1, always the same for the same thing.
fn luck(of: impl Hash) -> f64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish() as f64 / u64::MAX as f64
}

/// A finding that a script shows as often as `rate` says.
struct Artificial {
    rate: fn(&[Command]) -> f64,
    at_once: usize,
}

impl Trial for Artificial {
    fn shows(&self, commands: &[Command], run: Run) -> Option<bool> {
        let texts: Vec<String> = commands.iter().map(Command::to_string).collect();
        Some(luck((texts, run.number)) < (self.rate)(commands))
    }

    fn at_once(&self) -> usize {
        self.at_once
    }
}

/// What is left of a generated script, how often it shows, and the runs.
fn shrunk(rate: fn(&[Command]) -> f64, at_once: usize) -> (Vec<Command>, Rate, usize) {
    let trial = Artificial { rate, at_once };
    let (commands, _) = (0..)
        .map(|case| case_script(7, case, &Profile::default()))
        .find(|(commands, _)| commands.len() > 30 && writes(commands) > 3)
        .unwrap();
    let budget = Budget::default();
    let mut jury = Jury::new(&trial, Standard::CERTAIN, 0, budget.max_runs);
    assert!(jury.estimate(&commands).shows > 0);
    let shrunk = shrink_with(commands, budget, &mut jury);
    assert!(shrunk.at_fixpoint);
    for pair in shrunk.trail.windows(2) {
        assert!(Complexity::of(&pair[1]) < Complexity::of(&pair[0]));
    }
    let rate = jury.tell(&shrunk.commands);
    (shrunk.commands, rate, shrunk.runs)
}

fn writes(commands: &[Command]) -> usize {
    let write = |command: &&Command| matches!(command, Command::WriteRows { .. });
    commands.iter().filter(write).count()
}

#[test]
fn the_simplest_script_loses_against_a_larger_one_that_shows_it_reliably() {
    let rate = |commands: &[Command]| match writes(commands) {
        0 => 0.0,
        1 => 0.3,
        _ => 1.0,
    };
    let (commands, rate, _) = shrunk(rate, 1);
    assert_eq!(writes(&commands), 2, "{commands:?}");
    assert_eq!((rate.shows, rate.runs), (10, 10));
}

#[test]
fn a_script_that_was_taken_by_luck_is_given_back() {
    // So near to the standard that runs of luck happen often.
    let rate = |commands: &[Command]| match commands.len() {
        0..=4 => 0.0,
        5..=9 => 0.7,
        _ => 1.0,
    };
    let (commands, rate, _) = shrunk(rate, 1);
    assert!(rate.is_reliable(), "{rate} of {} commands", commands.len());
    assert!(commands.len() <= 12, "{commands:?}");
}

#[test]
fn what_shows_in_three_of_ten_runs_is_shrunk_all_the_same() {
    let rate = |commands: &[Command]| if writes(commands) > 0 { 0.3 } else { 0.0 };
    let (commands, rate, runs) = shrunk(rate, 1);
    assert_eq!(writes(&commands), 1, "{commands:?}");
    assert!(commands.len() <= 4, "{commands:?} after {runs} runs");
    assert!((1..=7).contains(&rate.shows) && rate.runs >= 10, "{rate}");
}

#[test]
fn asked_side_by_side_the_result_is_the_same() {
    let rate = |commands: &[Command]| match writes(commands) {
        0 | 1 => 0.0,
        _ => 1.0,
    };
    let alone = shrunk(rate, 1);
    let side_by_side = shrunk(rate, 4);
    assert_eq!(alone.0, side_by_side.0);
    assert!(side_by_side.2 < 3 * alone.2);
}

/// Replicas with a bug, as often as `share` says, and how many were asked for.
struct Flaky {
    sick: InProcessLab,
    healthy: InProcessLab,
    share: f64,
    runs: AtomicUsize,
}

impl Flaky {
    fn new(mutant: Mutant, share: f64) -> Self {
        Flaky {
            sick: InProcessLab::new(mutant.into(), false),
            healthy: InProcessLab::new(Mutants::none(), false),
            share,
            runs: AtomicUsize::new(0),
        }
    }
}

impl Lab for Flaky {
    fn release(&self) -> Release {
        Release::default()
    }

    fn seat_under(
        &self,
        shape: Shape,
        seed: u64,
        schedule: Option<&Schedule>,
    ) -> Result<Seat, String> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        match luck(seed) < self.share {
            true => self.sick.seat_under(shape, seed, schedule),
            false => self.healthy.seat_under(shape, seed, schedule),
        }
    }

    fn leave(&self, seat: Seat, spoiled: bool) {
        self.sick.leave(seat, spoiled);
    }

    fn options(&self, seed: u64) -> CaseOptions {
        self.sick.options(seed)
    }

    fn concurrency(&self) -> Option<usize> {
        Some(1)
    }
}

/// The first generated script of at least so many commands that shows the
/// mutant, shrunk with so many runs.
fn pursued(lab: &Flaky, length: usize, max_runs: usize) -> Finding {
    let profile = Profile::default().with_operators(20);
    let broken = (0..1_500).find_map(|case| {
        let (commands, _) = case_script(6, case, &profile);
        let seed = case_seed(6, case);
        if commands.len() < length || luck(seed) >= lab.share {
            return None;
        }
        let outcome = run_in(&lab.sick, &commands, Shape::ONE, seed).ok()?;
        let violation = outcome.violations.first()?.clone();
        Some((case, seed, commands, violation))
    });
    let (case, seed, commands, violation) = broken.expect("a script that shows it");
    let broken = Broken {
        case,
        seed,
        commands: commands.clone(),
        shape: Shape::ONE,
        violation,
    };
    let budget = Budget {
        max_runs,
        // Runs are what is counted here.
        max_time: Duration::from_secs(900),
        ..Budget::default()
    };
    let terms = Terms {
        budget,
        ..Terms::default()
    };
    pursue(lab, &broken, terms).finding.unwrap()
}

#[test]
fn thirty_seven_commands_on_a_slow_target_take_150_runs() {
    for mutant in [
        Mutant::ViewSealsTooFar,
        Mutant::ForgetsDrop,
        Mutant::CompactionPastSince,
    ] {
        let lab = Flaky::new(mutant, 1.0);
        let finding = pursued(&lab, 37, 150);
        let runs = lab.runs.load(Ordering::Relaxed);
        let left = finding.commands.len();
        println!("{mutant}: {left} commands after {runs} runs");
        assert!(left <= 13, "{mutant}: {left}\n{}", finding.script(&[]));
        assert!(runs <= 150, "{mutant}: {runs}");
        let script = finding.script(&[]);
        assert!(finding.rate.is_reliable(), "{mutant}:\n{script}");
        assert!(script.contains(&format!("# shows: {}\n", finding.rate)));
    }
}

#[test]
fn a_target_that_shows_it_in_three_of_ten_runs_is_believed_and_its_rate_told() {
    let lab = Flaky::new(Mutant::ViewSealsTooFar, 0.3);
    let finding = pursued(&lab, 37, 5_000);
    assert!(finding.reproduced);
    assert!(finding.commands.len() <= 13, "{}", finding.script(&[]));
    let script = finding.script(&[]);
    let told = format!("# shows: {}\n", finding.rate);
    assert!(script.contains(&told), "{script}");
    assert!(script.contains("It shows only sometimes"), "{script}");
    assert!((1..=6).contains(&finding.rate.shows), "{}", finding.rate);
}
