//! Two replicas of one cluster, of one release or of two: both are told the same, and
//! write the same views. What this file alone can catch: a second replica that is not
//! spoken to, not judged, or judged by what its peer did; a view that two writers get
//! wrong.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clusterd_fuzz::campaign::{
    Lab, LabConfig, Limits, Outcome, ProcessLab, Processed, ReplicaKind, Shape, case_script,
    case_shape, endless, run_in, viable,
};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::driver::Program;
use clusterd_fuzz::driver::play::Source;
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig, Sink};
use clusterd_fuzz::generate::Profile;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::v26_30::ComputeResponse;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};
use clusterd_fuzz::script::event::Event;
use clusterd_fuzz::script::{Command, Replica, text};

const PAIRS: [(Release, Release); 3] = [
    (Release::V26_30, Release::V26_30),
    (Release::V26_30, Release::V26_39),
    (Release::V26_39, Release::V26_39),
];

fn pair(first: Release, second: Release) -> InProcessLab {
    InProcessLab::new(Mutants::none(), false)
        .with_release(first)
        .with_second(Mutants::none(), second)
}

fn commands(script: &str) -> Vec<Command> {
    text::parse(script).unwrap().commands()
}

/// A view and an index over a shard that is written at 0.
const BEGIN: &str = "create-instance\n----\n\ninitialization-complete\n----\n\n\
    write-rows shard=s ts=0\n  1 a\n----\n\n\
    create-dataflow as-of=0\n  import source=1000 shard=s upper=1\n  \
    export kind=materialized-view sink=1001 on=1000 shard=v\n  \
    export index=1002 on=1000 key=[0]\n----\n\n\
    schedule id=1001\n----\n\nschedule id=1002\n----\n\nallow-writes id=1001\n----\n\n\
    await-frontier id=1001 ts=1\n----\n";

/// What the sinks of two replicas hear of a script, and what its commands answer.
fn hear(script: &str) -> ([Vec<Event>; 2], Vec<Result<String, String>>) {
    let seat = pair(Release::V26_30, Release::V26_30).seat(Shape::ONE, 0);
    let config = RunnerConfig {
        seed: Some(0),
        ..RunnerConfig::default()
    };
    let heard = [RefCell::default(), RefCell::default()];
    let sink = |heard| -> Sink<'_> {
        let heard: &RefCell<Vec<Event>> = heard;
        Box::new(|event: &Event| heard.borrow_mut().push(event.clone()))
    };
    let sinks = heard.iter().map(sink).collect();
    let mut runner = Runner::telling(seat.unwrap().driver, config, sinks);
    runner.connect().unwrap();
    let answers = commands(script).into_iter().enumerate();
    let answers = answers.map(|(step, command)| {
        let answer = runner.execute(step, &command);
        answer.map(|output| format!("{output:?}"))
    });
    let answers = answers.collect();
    drop(runner);
    (heard.map(RefCell::into_inner), answers)
}

fn answered(events: &[Event]) -> usize {
    let answers = events.iter().filter(|event| match event {
        Event::Response(response) => matches!(**response, ComputeResponse::PeekResponse(..)),
        _ => false,
    });
    answers.count()
}

#[test]
fn both_replicas_are_told_everything_and_answer() {
    let ([first, second], answers) = hear(&format!("{BEGIN}\npeek id=1002 ts=0\n----\n"));
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((answered(&first), answered(&second)), (1, 1));
    let driven = |events: &[Event]| {
        let events = events.iter().filter(|event| event.is_drivers());
        events.map(|event| format!("{event:?}")).collect::<Vec<_>>()
    };
    assert_eq!(driven(&first), driven(&second));
}

#[test]
fn a_killed_replica_is_silent_until_the_next_session_and_its_peer_serves_alone() {
    let script = format!(
        "{BEGIN}\nkill replica=1\n----\n\npeek id=1002 ts=0\n----\n\n\
         kill replica=2\n----\n\nreconnect\n----\n\ncreate-instance\n----\n\n\
         define-index source=1000 index=1003 shard=s key=[0] as-of=0 upper=1\n----\n\n\
         initialization-complete\n----\n\nschedule id=1003\n----\n\npeek id=1003 ts=0\n----\n"
    );
    let ([first, second], answers) = hear(&script);
    let killed = |events: &[Event]| events.iter().any(|event| matches!(event, Event::Killed));
    assert_eq!((killed(&first), killed(&second)), (true, false));
    assert_eq!((answered(&first), answered(&second)), (1, 2));
    let failed: Vec<&String> = answers.iter().filter_map(|a| a.as_ref().err()).collect();
    let refusal = "cannot kill replica 2: replica 1 was killed in this session already";
    assert_eq!(failed, [refusal]);
    let at = first
        .iter()
        .position(|event| matches!(event, Event::Killed))
        .unwrap();
    let back = first[at..]
        .iter()
        .position(|event| matches!(event, Event::SessionStarted { .. }));
    let silent = &first[at..at + back.unwrap()];
    assert!(
        !silent
            .iter()
            .any(|event| matches!(event, Event::Response(_)))
    );
}

#[test]
fn what_serves_alone_is_not_killed() {
    let lab = InProcessLab::new(Mutants::none(), false);
    let script = commands(&format!("{BEGIN}\nkill replica=1\n----\n"));
    let mut outcome = run_in(&lab, &script, Shape::ONE, 0).unwrap();
    let refused = outcome.answers.pop().unwrap().unwrap_err();
    assert_eq!(
        refused,
        "kill is for a cluster of two replicas: expected --second-target"
    );
    assert_eq!(outcome.unknown, None);
}

/// The seeds and how many cases of each are drawn.
const SEED: u64 = 31;
const CASES: u64 = 120;

fn is_fine(outcome: &Outcome) -> bool {
    outcome.violations.is_empty() && outcome.invalid.is_none() && outcome.unknown.is_none()
}

#[test]
fn drawn_cases_are_viable_and_right_on_two_replicas_of_any_releases() {
    let profile = Profile::default().with_operators(50).for_two_replicas();
    let mut kills = 0;
    for case in 0..CASES {
        let (commands, _) = case_script(SEED, case, &profile);
        let is_kill = |command: &&Command| matches!(command, Command::Kill { .. });
        kills += commands.iter().filter(is_kill).count();
        let limits = Limits {
            allowed: endless(&commands),
            ..Limits::default()
        };
        assert_eq!(viable(&commands, &limits), Ok(()), "case {case}");
        let (first, second) = PAIRS[case as usize % PAIRS.len()];
        let lab = pair(first, second);
        let outcome = run_in(&lab, &commands, case_shape(SEED, case), case).unwrap();
        assert!(
            is_fine(&outcome),
            "case {case}, {first} and {second}: {outcome:?}"
        );
    }
    assert!(kills as u64 > CASES / 4, "{kills} kills");
}

#[test]
fn a_bug_of_the_second_replica_is_found_and_named() {
    let bug = Mutant::FrontierTooFar.into();
    let lab = InProcessLab::new(Mutants::none(), false).with_second(bug, Release::V26_30);
    let outcome = run_in(&lab, &commands(BEGIN), Shape::ONE, 0).unwrap();
    let replicas: BTreeSet<_> = outcome.violations.iter().map(|v| v.replica).collect();
    assert_eq!(replicas, [Some(Replica::Second)].into());
    let text = outcome.violations[0].to_string();
    assert!(text.contains(", replica 2\n"), "{text}");
}

#[test]
fn the_scenarios_are_right_on_two_versions_at_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let lab = pair(Release::V26_30, Release::V26_39);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = Source::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let outcome = run_in(&lab, &source.commands(), Shape::workers(2), 0).unwrap();
        assert!(
            outcome.violations.is_empty(),
            "{}: {outcome:?}",
            path.display()
        );
    }
}

/// A view that goes on while its writers are killed in turns.
#[test]
fn two_versions_as_processes_write_one_view() {
    let again = "create-instance\n----\n\ncreate-dataflow as-of=0\n  \
        import source=1000 shard=s upper=1\n  \
        export kind=materialized-view sink=1001 on=1000 shard=v\n  \
        export index=1002 on=1000 key=[0]\n----\n\n\
        schedule id=1001\n----\n\nschedule id=1002\n----\n\nallow-writes id=1001\n----\n\n\
        initialization-complete\n----\n";
    let mut script = BEGIN.to_string();
    for ts in 1..5 {
        let replica = 1 + ts % 2;
        // The first one is upgraded, and stays so.
        let replaced = if ts == 2 { " replaced" } else { "" };
        let next = ts + 1;
        script += &format!(
            "\nkill replica={replica}{replaced}\n----\n\nwrite-rows shard=s ts={ts}\n  {ts} b\n----\n\n\
             await-frontier id=1001 ts={next}\n----\n\nreconnect\n----\n\n{again}\n\
             await-frontier id=1001 ts={next}\n----\n\npeek id=1002 ts={ts}\n----\n"
        );
    }
    let kind = |release: Release| ReplicaKind {
        target: Processed::Spawn {
            program: Program {
                path: env!("CARGO_BIN_EXE_miniclusterd").into(),
                leading_args: Vec::new(),
                extra_args: vec!["--protocol".to_string(), release.version().to_string()],
            },
            cases_per_start: 1,
        },
        announced: release.into(),
    };
    let scratch = tempfile::tempdir().unwrap();
    let embedded = LabConfig::embedded(
        env!("CARGO_BIN_EXE_miniclusterd").into(),
        Release::V26_30.into(),
        scratch.path(),
        Duration::from_secs(60),
    );
    let lab = ProcessLab::open(LabConfig {
        first: kind(Release::V26_30),
        second: Some(kind(Release::V26_39)),
        ..embedded
    })
    .unwrap();
    let outcome = run_in(&lab, &commands(&script), Shape::ONE, 0).unwrap();
    assert!(is_fine(&outcome), "{outcome:?}");
    assert!(
        outcome.answers.iter().all(Result::is_ok),
        "{:?}",
        outcome.answers
    );
    assert_eq!(outcome.target_log, None);
}
