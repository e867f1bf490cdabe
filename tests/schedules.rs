//! A schedule decides everything that a script leaves open in process. What this file
//! alone can catch: a decision that is taken behind the schedule's back (an order of a
//! hash map, a clock, a thread), a schedule that does not give back what it was the
//! schedule of.

use std::path::Path;

use clusterd_fuzz::campaign::{
    Broken, CaseOptions, Facts, Lab, Outcome, Shape, Terms, case_script, pursue, replay, run_in,
    run_with,
};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::generate::Profile;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};
use clusterd_fuzz::schedule::{Schedule, Search};
use clusterd_fuzz::script::{Command, text};
use clusterd_fuzz::shrink::Budget;

const SEED: u64 = 31;
const CASES: u64 = 1_000;
const SHAPES: [usize; 4] = [1, 2, 1, 4];

/// One replica or two, of as many workers, under a search of its own.
struct Case {
    lab: InProcessLab,
    shape: Shape,
    commands: Vec<Command>,
}

impl Case {
    fn drawn(case: u64) -> Case {
        let lab = InProcessLab::new(Mutants::none(), true);
        let lab = lab.with_search(Search::ALL[(case / 4) as usize % Search::ALL.len()]);
        let (lab, profile) = match case % 16 {
            15 => {
                let release = lab.release();
                let two = lab.with_second(Mutants::none(), release);
                (two, Profile::default().for_two_replicas())
            }
            _ => (lab, Profile::default()),
        };
        Case {
            lab,
            shape: Shape::workers(SHAPES[(case % 4) as usize]),
            commands: case_script(SEED, case, &profile).0,
        }
    }

    fn run(&self, schedule: Option<Schedule>) -> Outcome {
        let options = CaseOptions {
            schedule,
            ..self.lab.options(SEED)
        };
        let ran = run_with(&self.lab, &self.commands, self.shape, SEED, &options);
        ran.unwrap()
    }
}

/// The first line in which two traces differ.
fn difference<'a>(a: &'a Outcome, b: &'a Outcome) -> Option<(usize, &'a str, &'a str)> {
    let line = |log: &'a Outcome, at: usize| log.log.get(at).map_or("the end", String::as_str);
    let last = a.log.len().max(b.log.len());
    let mut lines = (0..last).map(|at| (at, line(a, at), line(b, at)));
    lines.find(|(_, a, b)| a != b)
}

#[test]
fn a_case_gives_the_same_trace_twice_and_under_its_own_schedule() {
    let jobs = 2;
    std::thread::scope(|scope| {
        for job in 0..jobs {
            scope.spawn(move || {
                for number in (job..CASES).step_by(jobs as usize) {
                    let case = Case::drawn(number);
                    let first = case.run(None);
                    let again = case.run(None);
                    assert_eq!(difference(&first, &again), None, "case {number}");
                    assert_eq!(first.schedule, again.schedule, "case {number}");
                    if number % 5 == 0 {
                        let followed = case.run(first.schedule.clone());
                        assert_eq!(difference(&first, &followed), None, "case {number}");
                        assert_eq!(first.schedule, followed.schedule, "case {number}");
                    }
                }
            });
        }
    });
}

#[test]
fn every_search_meets_other_traces_than_the_calm_schedule() {
    for search in Search::ALL {
        let differ = (0..20).filter(|number| {
            let mut case = Case::drawn(*number);
            case.lab = case.lab.with_search(search);
            let calm = case.run(Some(Schedule::default()));
            assert_eq!(calm.violations, []);
            difference(&calm, &case.run(None)).is_some()
        });
        assert!(differ.count() > 5, "{search}");
    }
}

/// A script that breaks its mutant under some schedules alone, as one of them showed it.
fn broken_seldom() -> (InProcessLab, Broken) {
    let script = include_str!("../regressions/subscribe-drop-forgets.spec");
    let commands = text::parse(script).unwrap().commands();
    let lab = InProcessLab::new(Mutant::SubscribeDropForgets.into(), false);
    let mut seeds = 0..2_000;
    let broken = seeds.find_map(|seed| {
        let outcome = run_in(&lab, &commands, Shape::ONE, seed).unwrap();
        let violation = outcome.violations.into_iter().next()?;
        Some(Broken {
            case: 0,
            seed,
            commands: commands.clone(),
            shape: Shape::ONE,
            violation,
        })
    });
    (lab, broken.unwrap())
}

#[test]
fn a_finding_that_shows_seldom_names_a_schedule_under_which_a_replay_always_shows_it() {
    let (lab, broken) = broken_seldom();
    let terms = Terms {
        budget: Budget::default(),
        ..Terms::default()
    };
    let finding = pursue(&lab, &broken, terms).finding.unwrap();
    assert!(!finding.rate.is_reliable(), "{}", finding.rate);
    let script = finding.script(&[]);
    let schedule = Facts::parse(&script).unwrap().schedule.unwrap();
    assert_eq!(Some(&schedule), finding.schedule.as_ref());
    assert!(!schedule.is_calm());
    let kept = |script: &str| {
        let replayed = replay(&lab, Shape::ONE, Path::new("it"), script).unwrap();
        let mut violations = replayed.violations.iter();
        violations.any(|violation| violation.signature() == finding.signature)
    };
    assert!((0..5).all(|_| kept(&script)), "{script}");
    // No answer that is left of it could be calmer.
    for (at, answer) in schedule.answers().iter().enumerate() {
        if *answer == 0 {
            continue;
        }
        let mut calmer = schedule.answers().to_vec();
        calmer[at] = 0;
        let line = |schedule: &Schedule| format!("# schedule: {schedule}\n");
        let calmer = script.replace(&line(&schedule), &line(&Schedule::of(calmer)));
        assert!(!kept(&calmer), "{calmer}");
    }
}
