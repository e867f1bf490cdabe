//! How targets end, and how the program ends that started them. What this file
//! alone can catch: a process or a folder that outlives the program, a finding
//! that a Ctrl-C loses, a target's end that is told of the wrong case.
//!
//! Invariant: only processes are killed that the test has started.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use clusterd_fuzz::campaign::{
    Lab, LabConfig, ProcessLab, Processed, ReplicaKind, Shape, StoreUrls, run_in,
};
use clusterd_fuzz::driver::ALARMS;
use clusterd_fuzz::protocol::v26_30::VERSION;
use clusterd_fuzz::script::event::Event;
use clusterd_fuzz::script::{Command as ScriptCommand, text};

/// A run of the program in the background, with a temporary folder of its own.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    directory: tempfile::TempDir,
}

impl Running {
    fn start(arguments: &[&str]) -> Running {
        let directory = tempfile::tempdir().unwrap();
        let temporary = directory.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_clusterd-fuzz"))
            .args(arguments)
            .current_dir(directory.path())
            .env("TMPDIR", temporary)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running {
            child,
            lines,
            directory,
        }
    }

    /// Reads on to an event of this name.
    #[track_caller]
    fn until(&mut self, event: &str) -> serde_json::Value {
        for line in &mut self.lines {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["event"] == event {
                return line;
            }
        }
        panic!("it ended before `{event}`");
    }

    /// Signals its whole group, as a terminal does.
    fn signal(&self, number: i32) {
        let id = self.child.id().cast_signed();
        // SAFETY: it takes no pointers; the child is not reaped yet.
        assert_eq!(unsafe { libc::kill(-id, number) }, 0);
    }

    /// What lies in its temporary folder.
    fn left_behind(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path().join("tmp")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    /// Handles of the processes that it has started.
    fn children(&self) -> Vec<OwnedFd> {
        let own = self.child.id().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let parent = |path: &Path| {
            let stat = std::fs::read_to_string(path.join("stat")).ok()?;
            // The name in parentheses may hold anything.
            let (_, fields) = stat.rsplit_once(')')?;
            fields.split_whitespace().nth(1).map(String::from)
        };
        processes
            .filter(|entry| parent(&entry.path()).as_deref() == Some(own.as_str()))
            .filter_map(|entry| handle(entry.file_name().to_str()?.parse().ok()?))
            .collect()
    }
}

/// A handle of a process, if it lives.
fn handle(id: i32) -> Option<OwnedFd> {
    // SAFETY: it takes no pointers, and gives a new descriptor or -1.
    unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, id, 0);
        (descriptor >= 0).then(|| OwnedFd::from_raw_fd(descriptor as i32))
    }
}

/// Waits for the end of a process.
fn ends(process: &OwnedFd) -> bool {
    let mut poll = libc::pollfd {
        fd: process.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one descriptor, which lives through the call.
    unsafe { libc::poll(&raw mut poll, 1, 60_000) == 1 }
}

const MINI: [&str; 7] = [
    "fuzz",
    "--format=json",
    "--seed=1",
    "--cases=1000000",
    "--jobs=3",
    "--processes=2",
    "--shrink-runs=0",
];

#[test]
fn targets_end_with_a_program_that_is_killed_and_its_folder_with_the_next_run() {
    let mut running = Running::start(&MINI);
    let children = loop {
        running.until("case");
        let children = running.children();
        if !children.is_empty() {
            break children;
        }
    };
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert!(children.iter().all(ends));
    assert_eq!(running.left_behind().len(), 1);
    let again = Command::new(env!("CARGO_BIN_EXE_clusterd-fuzz"))
        .args(["fuzz", "--seed=1", "--cases=1"])
        .current_dir(running.directory.path())
        .env("TMPDIR", running.directory.path().join("tmp"))
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(running.left_behind(), Vec::<String>::new());
}

#[test]
fn an_interrupted_campaign_tells_what_it_did_and_leaves_nothing_behind() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut running = Running::start(&MINI);
        running.until("case");
        running.signal(signal);
        let summary = running.until("finished");
        assert_eq!(summary["stopped_early"], true);
        assert_eq!(summary["target_failures"], 0);
        assert_eq!(summary["broken"], 0, "{summary}");
        assert!(summary["cases"].as_u64().unwrap() > 0);
        assert_eq!(running.child.wait().unwrap().code(), Some(0));
        assert_eq!(running.left_behind(), Vec::<String>::new());
    }
}

#[test]
fn a_finding_that_is_being_shrunk_is_written_as_far_as_it_is() {
    let mut running = Running::start(&[
        "fuzz",
        "--format=json",
        "--mutant=frontier-too-far",
        // With a flag of its own it is no other than itself, so that every run
        // starts a process.
        "--target-arg=--is-cc",
        "--seed=3",
        "--jobs=1",
        "--shrink-seconds=600",
    ]);
    running.until("shrinking");
    running.signal(libc::SIGINT);
    let found = running.until("found");
    let path = running
        .directory
        .path()
        .join(found["path"].as_str().unwrap());
    let script = std::fs::read_to_string(path).unwrap();
    assert_eq!(script, found["script"].as_str().unwrap());
    assert_eq!(found["reproduced"], true);
    assert_eq!(found["at_fixpoint"], false);
    running.until("finished");
    assert_eq!(running.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let mut running = Running::start(&[
        "fuzz",
        "--format=json",
        "--mutant=drop-silent",
        "--patience=3600",
        "--jobs=1",
        "--processes=1",
        // The first case ends, the second waits for what a drop owes.
        "--seed=1",
    ]);
    running.until("case");
    let children = running.children();
    running.signal(libc::SIGINT);
    let mut complaints = BufReader::new(running.child.stderr.take().unwrap());
    let mut line = String::new();
    complaints.read_line(&mut line).unwrap();
    assert!(line.contains("once more ends at once"), "{line}");
    running.signal(libc::SIGINT);
    assert_eq!(running.child.wait().unwrap().signal(), Some(libc::SIGINT));
    assert!(children.iter().all(ends));
    assert_eq!(running.left_behind(), Vec::<String>::new());
    complaints.read_to_string(&mut line).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
}

#[test]
fn an_interrupted_replay_tells_how_far_it_came() {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions");
    let mut running = Running::start(&["replay", regressions]);
    let first = running.lines.next().unwrap().unwrap();
    assert!(first.starts_with("ok: "), "{first}");
    running.signal(libc::SIGINT);
    let last = (&mut running.lines).last().unwrap().unwrap();
    assert!(last.ends_with(" not replayed"), "{last}");
    assert_eq!(running.child.wait().unwrap().code(), Some(4));
    assert_eq!(running.left_behind(), Vec::<String>::new());
}

/// A lab whose targets serve many cases.
fn lab(directory: &Path) -> ProcessLab {
    let config = LabConfig::embedded(
        env!("CARGO_BIN_EXE_miniclusterd").into(),
        VERSION.parse().unwrap(),
        directory,
        Duration::from_secs(60),
    );
    assert_eq!(config.store, StoreUrls::embedded(directory));
    assert_eq!(config.alarms, ALARMS);
    let Processed::Spawn {
        program,
        cases_per_start: _,
    } = config.first.target
    else {
        panic!("a program of its own");
    };
    ProcessLab::open(LabConfig {
        first: ReplicaKind {
            target: Processed::Spawn {
                program,
                cases_per_start: 50,
            },
            announced: config.first.announced,
        },
        ..config
    })
    .unwrap()
}

fn script() -> Vec<ScriptCommand> {
    let script = "create-instance\n----\n\ninitialization-complete\n----\n\n\
         write-rows shard=s ts=0\n  1 a\n----\n\n\
         define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1\n----\n\n\
         schedule id=2\n----\n\npeek id=2 ts=0\n----\n";
    text::parse(script).unwrap().commands()
}

#[test]
fn a_target_that_ends_between_two_cases_is_a_finding_of_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path());
    let first = run_in(&lab, &script(), Shape::ONE, 1).unwrap();
    assert!(first.violations.is_empty(), "{:?}", first.violations);
    let seat = lab.seat(Shape::ONE, 2).unwrap();
    let [tenant] = seat.tenants.as_slice() else {
        panic!("a replica");
    };
    assert_eq!((tenant.served, tenant.before), (1, Some(1)));
    let ids = tenant.target.process_ids();
    // As if nothing had been asked of it.
    drop(seat);
    let again = run_in(&lab, &script(), Shape::ONE, 3).unwrap();
    assert!(again.violations.is_empty(), "{:?}", again.violations);
    assert!(handle(ids[0].cast_signed()).is_none_or(|process| ends(&process)));
    let seat = lab.seat(Shape::ONE, 4).unwrap();
    let ids = seat.tenants[0].target.process_ids();
    lab.leave(seat, false);
    // SAFETY: it takes no pointers; the lab has not reaped its child.
    assert_eq!(
        unsafe { libc::kill(ids[0].cast_signed(), libc::SIGKILL) },
        0
    );
    let second = run_in(&lab, &script(), Shape::ONE, 5).unwrap();
    assert!(second.violations.is_empty(), "{:?}", second.violations);
    let told = lab.aftermaths(Duration::ZERO);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].seed, Some(4));
    let Event::TargetDied { status } = &told[0].event else {
        panic!("{told:?}");
    };
    assert!(status.starts_with("signal 9"), "{status}");
    assert!(told[0].target_log.is_some());
}

/// A program that is miniclusterd, and that does this when a session ended.
fn program(directory: &Path, action: &str) -> String {
    let path = directory.join("replica");
    let script = format!(
        "#!/bin/sh\n{} \"$@\" 2>&1 | while IFS= read -r line; do\n  printf '%s\\n' \"$line\"\n  \
         case \"$line\" in *'connection closed'*)\n    {action} ;;\n  esac\ndone\n",
        env!("CARGO_BIN_EXE_miniclusterd")
    );
    std::fs::write(&path, script).unwrap();
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, all).unwrap();
    format!("spawn:{}", path.display())
}

/// The signature of the only finding of a campaign against such a program, and
/// the log beside it.
fn found(action: &str, extra: &[&str]) -> (i32, Vec<(String, String)>) {
    let directory = tempfile::tempdir().unwrap();
    let target = program(directory.path(), action);
    let findings = directory.path().join("findings");
    let output = Command::new(env!("CARGO_BIN_EXE_clusterd-fuzz"))
        .args(["fuzz", "--seed=1", "--cases=6", "--jobs=1", "--workers=1"])
        .args(["--shrink-runs=0", "--format=json", "--target", &target])
        .arg("--findings")
        .arg(&findings)
        .args([
            "--consensus",
            &format!("sqlite:{}/c.db", directory.path().display()),
        ])
        .args([
            "--blob",
            &format!("file://{}/blob", directory.path().display()),
        ])
        .args(extra)
        // The program kills its own group: never that of the test.
        .process_group(0)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let events = said.lines().map(|line| serde_json::from_str(line).unwrap());
    let events: Vec<serde_json::Value> = events.collect();
    let named = |name: &str| {
        let name = name.to_string();
        events
            .iter()
            .filter(move |event| event["event"] == name.as_str())
    };
    assert_eq!(named("target-failed").count(), 0, "{said}");
    assert_eq!(named("case").count(), 6, "{said}");
    // One case is told of once, however often its finding is looked at again.
    let late: Vec<u64> = named("after-case")
        .map(|event| event["case"].as_u64().unwrap())
        .collect();
    let once: BTreeSet<u64> = late.iter().copied().collect();
    assert_eq!(late.len(), once.len(), "{late:?}");
    let findings = named("found").map(|found| {
        let path = Path::new(found["path"].as_str().unwrap());
        let log = std::fs::read_to_string(path.with_extension("target.log")).unwrap();
        (found["signature"].as_str().unwrap().to_string(), log)
    });
    (output.status.code().unwrap(), findings.collect())
}

#[test]
fn what_a_target_does_after_a_session_is_a_finding_with_its_log() {
    let (code, found_here) = found(
        "echo 'aborting process: panic at a.rs:1:1: late'; kill -9 0",
        &[],
    );
    assert_eq!(code, 1);
    assert_eq!(found_here.len(), 1, "{found_here:?}");
    assert_eq!(found_here[0].0, "I-13/target-died");
    assert!(found_here[0].1.contains("panic at a.rs:1:1: late"));
    let error = "echo '2026-01-01 ERROR soft assertion failed: odd'";
    let (code, found_here) = found(error, &[]);
    assert_eq!(code, 1);
    assert_eq!(found_here.len(), 1, "{found_here:?}");
    assert_eq!(found_here[0].0, "I-13/logged-error");
    assert!(found_here[0].1.contains("soft assertion failed: odd"));
    // What counts as an alarm is said by a flag.
    assert_eq!(found(error, &["--alarm", "something else"]), (0, vec![]));
}
