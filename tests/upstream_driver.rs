//! Cases through upstream's own driver, whose part our own program plays here: it gets a
//! script on stdin and its clusterd from the environment, and prints what matched.
//! What this file alone can catch: a case that is cut into something else than it was, a
//! mismatch that is read as another one, an environment that is not passed on.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use clusterd_fuzz::driver::{ProcessConfig, Processes, Program};
use clusterd_fuzz::replica::mutants::Mutant;

const FUZZ: &str = env!("CARGO_BIN_EXE_clusterd-fuzz");

/// A replica, and a program that is told where it is as upstream's driver is.
struct Stage {
    folder: tempfile::TempDir,
    replica: Processes,
    pubsub: String,
}

impl Stage {
    fn new(mutants: &[Mutant]) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let pubsub = free.local_addr().unwrap().to_string();
        drop(free);
        let mutants = mutants
            .iter()
            .flat_map(|m| ["--mutant".to_string(), m.to_string()]);
        let replica = Processes::start(ProcessConfig {
            program: Program {
                path: FUZZ.into(),
                leading_args: vec!["miniclusterd".to_string()],
                extra_args: mutants.collect(),
            },
            processes: 1,
            workers: 1,
            directory: folder.path().join("replica"),
            pubsub_url: format!("http://{pubsub}"),
            alarms: Vec::new(),
        });
        let driver = folder.path().join("headless-driver");
        let script = format!(
            "#!/bin/sh\nexec '{FUZZ}' run - --target \"connect:$CLUSTERD_COMPUTE_ADDR\" \
             --consensus \"$PERSIST_CONSENSUS_URL\" --blob \"$PERSIST_BLOB_URL\" \
             --pubsub \"$DRIVER_PUBSUB_BIND\"\n"
        );
        std::fs::write(&driver, script).unwrap();
        std::fs::set_permissions(&driver, PermissionsExt::from_mode(0o755)).unwrap();
        Stage {
            folder,
            replica: replica.unwrap(),
            pubsub,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs our program with this command line and the environment of the driver.
    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(FUZZ);
        command
            .args(args)
            .arg(format!(
                "--target=headless-driver:{}",
                self.path("headless-driver")
            ))
            .env("CLUSTERD_COMPUTE_ADDR", &self.replica.addresses()[0])
            .env(
                "PERSIST_CONSENSUS_URL",
                format!("sqlite:{}?sync=off", self.path("consensus")),
            )
            .env(
                "PERSIST_BLOB_URL",
                format!("file://{}?sync=off", self.path("blob")),
            )
            .env("DRIVER_PUBSUB_BIND", &self.pubsub)
            .current_dir(self.folder.path());
        said(&command.output().unwrap())
    }
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        format!("{}{}", text(&output.stdout), text(&output.stderr)),
    )
}

fn fuzz(args: &[&str]) -> (Option<i32>, String) {
    said(&Command::new(FUZZ).args(args).output().unwrap())
}

#[test]
fn a_replica_that_is_right_gives_no_finding() {
    let stage = Stage::new(&[]);
    let (code, said) = stage.run(&["fuzz", "--seed", "5", "--cases", "40"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no violation"), "{said}");
    let checked = said.lines().find(|line| line.starts_with("I-01")).unwrap();
    let answers: u64 = checked.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(answers > 40, "{said}");
}

#[test]
fn a_mismatch_is_a_finding_whose_script_shows_it_again() {
    // It answers every row once.
    let stage = Stage::new(&[Mutant::PeekClampsMultiplicity]);
    let findings = stage.path("findings");
    let (code, said) = stage.run(&[
        "fuzz",
        "--seed",
        "5",
        "--cases",
        "40",
        "--stop-after",
        "1",
        "--findings",
        &findings,
    ]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("I-01"), "{said}");
    let (code, replayed) = stage.run(&["replay", &findings]);
    assert_eq!(code, Some(1), "{replayed}");
    assert!(replayed.contains("I-01"), "{replayed}");
}

#[test]
fn what_is_missing_in_the_environment_or_does_not_fit_is_told() {
    let target = ["fuzz", "--target", "headless-driver:/nonexistent"];
    let mut command = Command::new(FUZZ);
    command.args(target).env_remove("PERSIST_BLOB_URL");
    let (code, text) = said(&command.output().unwrap());
    assert_eq!(code, Some(2));
    assert!(
        text.contains("expected PERSIST_BLOB_URL in the environment"),
        "{text}"
    );
    for flags in [["--workers", "2"], ["--record", "here"]] {
        let (code, text) = fuzz(&[&target[..], &flags].concat());
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("--target headless-driver"), "{text}");
    }
}

#[test]
fn a_script_is_printed_for_it_or_what_it_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let export = |path: &Path| fuzz(&["export", "--upstream", &path.display().to_string()]);
    let sayable = "# What it shows.\n\ncreate-instance\n----\nok\n\n\
                   write-rows shard=s ts=0 part-bytes=0\n  1 a\n----\nwrote 1\n\n\
                   define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1\n----\nok\n\n\
                   schedule id=2\n----\nok\n\n\
                   start-peek peek=p id=2 ts=0\n----\nok\n\nawait-peek peek=p\n----\n1 \"a\"\n";
    let printed = "# What it shows.\n\ncreate-instance\n----\nok\n\n\
                   write-rows shard=s ts=0\n  1 a\n----\nwrote 1\n\n\
                   define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1\n----\nok\n\n\
                   schedule id=2\n----\nok\n\npeek id=2 ts=0\n----\n1 \"a\"\n";
    assert_eq!(
        export(&file("a.spec", sayable)),
        (Some(0), printed.to_string())
    );
    let path = file("b.spec", "restart\n----\nok\n");
    let (code, text) = export(&path);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("command 1, `restart`: upstream's driver has no way to kill a replica"),
        "{text}"
    );
}
