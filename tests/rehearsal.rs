//! A rehearsal tells what a run tells: over drawn cases and every script that was
//! written by hand, the driver's events of a run on a replica in process are those
//! of the model's rehearsal. What this file alone can catch: a command that means
//! one thing to the runner and another to the generator, the shrinker or the
//! golden blocks.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use clusterd_fuzz::campaign::{Lab, Shape, case_script};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::driver::play::Source;
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig};
use clusterd_fuzz::generate::Profile;
use clusterd_fuzz::model::Rehearsal;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::script::event::Event;
use clusterd_fuzz::script::{Command, json};

/// What was told.
struct Told {
    /// The driver's own doing.
    events: Vec<String>,
    /// The commands that failed.
    failed: Vec<usize>,
    /// The target ended on the way.
    lost: bool,
}

/// What a run of these commands tells.
fn run(commands: &[Command]) -> Told {
    let lab = InProcessLab::new(Mutants::none(), false);
    let seat = lab.seat(Shape::ONE, 0).unwrap();
    let config = RunnerConfig {
        max_wait: Duration::from_secs(30),
        // The seed of a rehearsal's ids.
        seed: Some(0),
        ..RunnerConfig::default()
    };
    let told = RefCell::new(Vec::new());
    let mut runner = Runner::new(seat.driver, config, |event: &Event| {
        if event.is_drivers() {
            told.borrow_mut().push(format!("{event:?}"));
        }
    });
    runner.connect().unwrap();
    let mut failed = Vec::new();
    for (step, command) in commands.iter().enumerate() {
        if runner.execute(step, command).is_err() {
            failed.push(step);
        }
    }
    let lost = runner.is_lost();
    drop(runner);
    Told {
        events: told.into_inner(),
        failed,
        lost,
    }
}

/// What a rehearsal of them tells.
fn rehearse(commands: &[Command]) -> Told {
    let mut rehearsal = Rehearsal::new();
    let mut events = vec![format!("{:?}", Event::SessionStarted { session: 1 })];
    let mut failed = Vec::new();
    for (step, command) in commands.iter().enumerate() {
        let rehearsed = rehearsal.play(command);
        events.extend(rehearsed.events.iter().map(|event| format!("{event:?}")));
        if rehearsed.answer.is_err() {
            failed.push(step);
        }
    }
    Told {
        events,
        failed,
        lost: false,
    }
}

/// Holds a run against the rehearsal. More may fail than the rehearsal knows of:
/// what the replica answers with an error, and everything after its end.
fn compare(name: &str, commands: &[Command]) {
    let (ran, rehearsed) = (run(commands), rehearse(commands));
    for (at, (ran, rehearsed)) in ran.events.iter().zip(&rehearsed.events).enumerate() {
        assert_eq!(ran, rehearsed, "{name}: event {at}");
    }
    if !ran.lost {
        assert_eq!(ran.events.len(), rehearsed.events.len(), "{name}");
    }
    let unexpected = (rehearsed.failed.iter()).find(|step| !ran.failed.contains(step));
    assert_eq!(unexpected, None, "{name}: it did not fail");
}

#[test]
fn a_run_of_a_drawn_case_tells_what_its_rehearsal_tells() {
    for case in 0..1_000 {
        let (commands, _) = case_script(29, case, &Profile::default());
        compare(&format!("case {case}"), &commands);
    }
}

#[test]
fn a_run_of_a_script_by_hand_tells_what_its_rehearsal_tells() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compared = 0;
    for folder in ["tests/scripts", "tests/cases", "tests/questions"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            if let Ok(source) = Source::parse(&text) {
                compare(&path.display().to_string(), &source.commands());
                compared += 1;
            }
        }
    }
    assert!(compared >= 60, "{compared} scripts");
}

#[test]
fn a_command_that_means_nothing_tells_nothing_in_either() {
    let lines = [
        r#"{"cmd":"create_instance"}"#,
        r#"{"cmd":"initialization_complete"}"#,
        // A shard that nothing has named.
        r#"{"cmd":"downgrade_since","shard":"s","since":3}"#,
        r#"{"cmd":"write_rows","shard":"s","ts":0,"rows":[[1,"a"]]}"#,
        r#"{"cmd":"downgrade_since","shard":"s","since":0}"#,
        r#"{"cmd":"write_rows","shard":"s","ts":0,"rows":[[2,"b"]]}"#,
        r#"{"cmd":"define_index","source_id":1000,"index_id":1001,"shard":"s","key":[0],"as_of":0,"upper":1}"#,
        r#"{"cmd":"schedule","id":1001}"#,
        // Literals of the whole key, and of an index.
        r#"{"cmd":"peek","id":1001,"ts":0,"literals":[[1,"a"]]}"#,
        r#"{"cmd":"peek","id":1000,"ts":0,"literals":[[1]]}"#,
        r#"{"cmd":"peek","id":1001,"ts":0,"literals":[[1]]}"#,
        r#"{"cmd":"peek","id":1001,"ts":0,"order_by":[{"column":7}]}"#,
        r#"{"cmd":"update_configuration","updates":[{"name":"x","type":"bool","value":"maybe"}]}"#,
        r#"{"cmd":"create_instance","expiration_offset":"soon"}"#,
        r#"{"cmd":"expect_error","command":{"cmd":"await_peek","peek":"p"}}"#,
    ];
    let commands = lines.map(|line| json::parse_command(line).unwrap());
    compare("by hand", &commands);
    assert_eq!(rehearse(&commands).failed, [2, 5, 8, 9, 11, 12, 13]);
}
