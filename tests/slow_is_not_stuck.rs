//! Targets that take their time, and some that take all of it. What this file
//! alone can catch: a wait that calls what is at work stuck, or waits for it for
//! ever; a table function without an end that nothing else gets past.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use clusterd_fuzz::campaign::{
    Broken, CaseOptions, Lab, Outcome, Seat, Shape, Terms, pursue, replay, run_in,
};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::driver::play::Source;
use clusterd_fuzz::driver::play::block;
use clusterd_fuzz::driver::{Driver, Link, LinkClosed, PersistHost, Received, Target, TargetError};
use clusterd_fuzz::persist::clock::{ManualClock, SeededIds};
use clusterd_fuzz::persist::{PersistClient, PersistConfig, open_blob, open_consensus};
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::neutral::ComputeCommand;
use clusterd_fuzz::protocol::v26_30::PersistLocation;
use clusterd_fuzz::replica::in_process::{Config, InProcess, InTurn};
use clusterd_fuzz::replica::meter::Limits;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};
use clusterd_fuzz::schedule::Schedule;
use clusterd_fuzz::script::Command;
use clusterd_fuzz::script::output::Output;
use uuid::Uuid;

/// How long a replica says nothing.
#[derive(Debug, Clone, Copy)]
enum Silence {
    /// For so many questions, and it is at work meanwhile.
    AtWork(u64),
    /// For ever, and it does nothing.
    AtRest,
}

/// One sound replica that is silent at first.
struct SilentLab {
    silence: Silence,
    patience: Duration,
}

impl Lab for SilentLab {
    fn release(&self) -> Release {
        Release::default()
    }

    fn seat_under(
        &self,
        shape: Shape,
        seed: u64,
        _schedule: Option<&Schedule>,
    ) -> Result<Seat, String> {
        let config = PersistConfig {
            clock: Arc::new(ManualClock::new(0)),
            ids: Arc::new(SeededIds::new(seed)),
            ..PersistConfig::for_stores("mem:")
        };
        let blob = open_blob("mem:").map_err(|e| e.to_string())?;
        let consensus = open_consensus("mem:").map_err(|e| e.to_string())?;
        let client = PersistClient::new(blob, consensus, config);
        let replica = InProcess::new(Config {
            workers: 1,
            release: Release::default(),
            mutants: Mutants::none(),
            persist: Arc::clone(&client),
            scheduler: Rc::new(RefCell::new(InTurn)),
            limits: Limits::default(),
        });
        let silent = Silent {
            replica: Rc::new(RefCell::new(replica)),
            silence: Rc::new(Cell::new(self.silence)),
            worked: Rc::default(),
        };
        let location = PersistLocation {
            blob_uri: "mem:".to_string(),
            consensus_uri: "mem:".to_string(),
        };
        Ok(Seat {
            shape,
            driver: Driver::new(PersistHost::new(client, location), Box::new(silent)),
            tells: None,
            tenants: Vec::new(),
            conductor: None,
        })
    }

    fn leave(&self, _seat: Seat, _spoiled: bool) {}

    fn options(&self, seed: u64) -> CaseOptions {
        CaseOptions {
            patience: self.patience,
            seed: Some(seed),
            keep_log: false,
            one_worker: false,
            linger: Duration::ZERO,
            record: false,
            schedule: None,
        }
    }

    fn concurrency(&self) -> Option<usize> {
        None
    }
}

#[derive(Clone)]
struct Silent {
    replica: Rc<RefCell<InProcess>>,
    silence: Rc<Cell<Silence>>,
    worked: Rc<Cell<bool>>,
}

impl Target for Silent {
    fn connect(&mut self, nonce: Uuid) -> Result<Box<dyn Link>, TargetError> {
        self.replica.borrow_mut().connect(nonce);
        Ok(Box::new(self.clone()))
    }

    fn release(&self) -> Release {
        Release::default()
    }

    fn restart(&mut self) -> Result<(), TargetError> {
        Err(TargetError::Unsupported("nothing here asks for it"))
    }

    fn ended(&mut self, _patience: Duration) -> Option<String> {
        None
    }

    fn was_at_work(&mut self) -> bool {
        self.worked.replace(false)
    }
}

impl Link for Silent {
    fn send(&mut self, command: &ComputeCommand) -> Result<(), LinkClosed> {
        self.replica.borrow_mut().send(command.clone());
        Ok(())
    }

    fn finish(self: Box<Self>) {}

    /// Waits for nothing: whatever is silent is so without a clock.
    fn recv(&mut self, _patience: Duration) -> Received {
        match self.silence.get() {
            Silence::AtWork(0) => {}
            Silence::AtWork(questions) => {
                self.silence.set(Silence::AtWork(questions - 1));
                self.worked.set(true);
                return Received::Idle;
            }
            Silence::AtRest => return Received::Idle,
        }
        let mut replica = self.replica.borrow_mut();
        loop {
            let any = replica.step();
            match replica.recv() {
                Some(response) => return Received::Response(response),
                None if any => {}
                None => return Received::Idle,
            }
        }
    }
}

const SCRIPT: &str = "create-instance
----
ok

initialization-complete
----
ok

write-rows shard=s ts=0
  1 a
----
wrote 1

define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1
----
ok

schedule id=2
----
ok

peek id=2 ts=0
----
1 \"a\"
";

fn commands(script: &str) -> Vec<Command> {
    Source::parse(script).unwrap().commands()
}

fn run(silence: Silence, patience: Duration) -> Outcome {
    let lab = SilentLab { silence, patience };
    run_in(&lab, &commands(SCRIPT), Shape::ONE, 1).unwrap()
}

#[test]
fn what_is_at_work_is_waited_for() {
    // Far more questions than one patience has.
    let outcome = run(Silence::AtWork(2_000), Duration::from_secs(60));
    assert_eq!((&outcome.violations, &outcome.unknown), (&vec![], &None));
    let answer = outcome.answers.last().map(block).unwrap();
    assert_eq!(answer, "1 \"a\"");
}

#[test]
fn what_is_at_rest_and_owes_something_is_stuck() {
    let outcome = run(Silence::AtRest, Duration::from_secs(60));
    let signatures: Vec<String> = outcome.violations.iter().map(|v| v.signature()).collect();
    assert_eq!(signatures, ["I-06/unanswered"]);
}

#[test]
fn what_is_at_work_for_ever_is_neither_right_nor_wrong() {
    let outcome = run(Silence::AtWork(u64::MAX), Duration::from_millis(1));
    assert_eq!(outcome.violations, vec![]);
    let why = outcome.unknown.expect("undecided");
    let expected = "waiting for the answer of a peek of u2 at 0: the target is still at work after";
    assert!(why.starts_with(expected), "{why}");
}

#[test]
fn what_is_at_work_for_ever_beside_a_series_without_an_end_gives_way_to_nothing() {
    let lab = SilentLab {
        silence: Silence::AtWork(u64::MAX),
        patience: Duration::from_millis(1),
    };
    let outcome = run_in(&lab, &commands(&endless()), Shape::ONE, 1).unwrap();
    let signatures: Vec<String> = outcome.violations.iter().map(|v| v.signature()).collect();
    assert_eq!(
        (signatures, outcome.unknown),
        (vec!["I-06/unanswered".to_string()], None)
    );
}

/// The regression: a series without an end, and a peek of something else.
fn endless() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    std::fs::read_to_string(folder.join("table-function-never-yields.spec")).unwrap()
}

#[test]
fn a_series_without_an_end_gives_way_and_is_told() {
    let limits = Limits {
        of_a_row: 20_000,
        ..Limits::default()
    };
    let lab = InProcessLab::new(Mutants::none(), false).with_limits(limits);
    let waits = "\nawait-frontier id=1003 ts=1 allow-timeout\n----\nawaited\n";
    let script = endless() + waits;
    let outcome = run_in(&lab, &commands(&script), Shape::ONE, 1).unwrap();
    assert_eq!((&outcome.violations, &outcome.unknown), (&vec![], &None));
    assert_eq!(
        outcome.answers.last(),
        Some(&Ok(Output::Awaited { timed_out: true }))
    );
    assert_eq!(
        outcome.endless.as_deref(),
        Some(
            "the table function GenerateSeriesInt64 of the dataflow of u1003 makes of the row \
             (0, \"0\") more than 20000 rows"
        )
    );
    let path = std::path::Path::new("script");
    assert!(replay(&lab, Shape::ONE, path, &script).unwrap().passed());
}

#[test]
fn a_series_that_gives_way_to_nothing_is_found_and_shrunk_and_named() {
    let lab = InProcessLab::new(Mutant::TableFunctionNeverYields.into(), false);
    let script = commands(&endless());
    let outcome = run_in(&lab, &script, Shape::ONE, 1).unwrap();
    let violation = outcome.violations.first().expect("a violation").clone();
    let broken = Broken {
        case: 0,
        seed: 1,
        commands: script.clone(),
        shape: Shape::ONE,
        violation,
    };
    let finding = pursue(&lab, &broken, Terms::default()).finding.unwrap();
    let script = finding.script(&[]);
    assert!(
        finding.reproduced && finding.commands.len() <= 8,
        "{script}"
    );
    assert!(script.contains("FlatMap generate_series("), "{script}");
    assert!(
        script.contains("# without an end: the table function GenerateSeriesInt64"),
        "{script}"
    );
    assert!(
        script.contains("gives way to nothing meanwhile"),
        "{script}"
    );
    assert!(script.contains("# shows: 10 of 10 runs"), "{script}");
}
