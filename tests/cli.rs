//! The program as its users meet it: exit codes and messages. What this file
//! alone can catch: an error that is more, or less, than one clear line.

use std::path::Path;
use std::process::{Command, Output};

fn fuzzer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clusterd-fuzz"))
        .args(arguments)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("our own binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

/// The only line on stderr.
#[track_caller]
fn complaint(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().to_string()
}

fn scratch_script(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn a_script_that_matches_ends_with_0_and_one_that_does_not_with_1() {
    let good = scratch_script(
        "good.spec",
        "create-instance\n----\nok\n\ninitialization-complete\n----\nok\n\n\
         write-rows shard=s ts=0\n  1 a\n----\nwrote 1\n\n\
         define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1\n----\nok\n\n\
         schedule id=2\n----\nok\n\npeek id=2 ts=0\n----\n1 \"a\"\n",
    );
    let output = fuzzer(&["run", "--target", "in-process", &good]);
    assert_eq!(code(&output), 0, "{output:?}");
    let bad = std::fs::read_to_string(&good)
        .unwrap()
        .replace("1 \"a\"", "2 \"a\"");
    let bad = scratch_script("bad.spec", &bad);
    let output = fuzzer(&["run", "--target", "in-process", &bad]);
    assert_eq!(code(&output), 1, "{output:?}");
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(shown.contains("MISMATCH: peek id=2 ts=0"), "{shown}");
    assert!(complaint(&output).contains("1 stanza(s) did not match"));
}

#[test]
fn a_bad_script_is_one_line_with_file_and_line() {
    let script = scratch_script("unknown.spec", "# one\n\nfrobnicate id=1\n----\nok\n");
    let output = fuzzer(&["run", "--target", "in-process", &script]);
    assert_eq!(code(&output), 2, "{output:?}");
    let line = complaint(&output);
    assert!(
        line.contains("unknown.spec: line 3: unknown command `frobnicate`"),
        "{line}"
    );
}

#[test]
fn bad_json_is_answered_in_its_place_and_the_rest_still_runs() {
    let script = scratch_script(
        "bad.jsonl",
        "{\"cmd\":\"write_rows\",\"shard\":\"s\",\"ts\":0,\"rows\":[[1,\"a\"]]}\n{\"cmd\":\"no\"}\n\
         {\"cmd\":\"write_rows\",\"shard\":\"s\",\"ts\":1,\"rows\":[]}\n",
    );
    let output = fuzzer(&["run", "--target", "in-process", &script]);
    assert_eq!(code(&output), 1, "{output:?}");
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert_eq!(lines[0], "{\"status\":\"wrote\",\"rows\":1}");
    assert!(
        lines[1].starts_with("{\"status\":\"error\",\"message\":\"parse error: "),
        "{shown}"
    );
    assert_eq!(lines[2], "{\"status\":\"wrote\",\"rows\":0}");
}

#[test]
fn a_target_that_cannot_be_had_ends_with_3() {
    let script = scratch_script("any.spec", "reconnect\n----\nok\n");
    let output = fuzzer(&["run", "--target", "connect:127.0.0.1:1", &script]);
    assert_eq!(code(&output), 3, "{output:?}");
    assert!(
        complaint(&output).contains("cannot connect to 127.0.0.1:1: "),
        "{output:?}"
    );
    let output = fuzzer(&["run", "--target", "spawn:/no/such/clusterd", &script]);
    assert_eq!(code(&output), 3, "{output:?}");
    assert!(
        complaint(&output).contains("cannot start /no/such/clusterd: "),
        "{output:?}"
    );
}

#[test]
fn a_target_of_another_version_is_one_line_with_both() {
    let script = scratch_script("version.spec", "reconnect\n----\nok\n");
    let target = concat!("spawn:", env!("CARGO_BIN_EXE_miniclusterd"));
    let output = fuzzer(&["run", "--target", target, "--protocol", "26.31.0", &script]);
    assert_eq!(code(&output), 3, "{output:?}");
    let line = complaint(&output);
    assert!(
        line.ends_with(
            ": version mismatch: 26.30.0-dev.0 != 26.31.0 (the target's, ours; --protocol sets ours)"
        ),
        "{line}"
    );
}

#[test]
fn a_target_that_ends_at_once_is_one_line_with_its_own_reason() {
    let script = scratch_script("ends.spec", "reconnect\n----\nok\n");
    let output = fuzzer(&["run", "--target-arg", "--no-such-flag", &script]);
    assert_eq!(code(&output), 3, "{output:?}");
    let line = complaint(&output);
    assert!(
        line.contains("ended before it listened (exit code 2"),
        "{line}"
    );
    assert!(line.contains("--no-such-flag"), "{line}");
}

#[test]
fn flags_of_a_real_clusterd_that_mean_nothing_here_are_accepted() {
    let script = scratch_script("flags.spec", "create-instance\n----\nok\n");
    let mut arguments = vec!["run"];
    for argument in [
        "--sentry-dsn",
        "http://127.0.0.1:1/1",
        "--opentelemetry-endpoint=http://127.0.0.1:1",
        "--tokio-console-listen-addr",
        "127.0.0.1:1",
        "--log-prefix",
        "p",
        "--announce-memory-limit",
        "1000000",
        "--heap-limit",
        "1000000000",
        "--is-cc",
        "--worker-core-affinity",
        "--enable-storage-introspection-logs",
    ] {
        arguments.extend(["--target-arg", argument]);
    }
    arguments.push(&script);
    let output = fuzzer(&arguments);
    assert_eq!(code(&output), 0, "{output:?}");
}

#[test]
fn usage_errors_end_with_2_and_say_what_was_expected() {
    let empty = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    for (arguments, expected) in [
        (
            vec!["fuzz", "--mutant", "no-such-bug"],
            "unknown mutant `no-such-bug`",
        ),
        (
            vec!["fuzz", "--target", "somewhere"],
            "expected mini, in-process, spawn:PATH",
        ),
        (
            vec!["fuzz", "--consensus", "mem:", "--blob", "mem:"],
            "--consensus mem: is seen by one process alone",
        ),
        (
            vec![
                "fuzz",
                "--target",
                "in-process",
                "--consensus",
                "mem:",
                "--blob",
                "mem:",
            ],
            "--target in-process has stores of its own",
        ),
        (
            vec!["fuzz", "--consensus", "bogus:x", "--blob", "file:///none"],
            "consensus URL `bogus:x`: unknown scheme",
        ),
        (
            vec!["fuzz", "--protocol", "26.29.4"],
            "invalid value '26.29.4' for '--protocol <VERSION>': no wire is known for it: expected 26.30 or later",
        ),
        (
            vec!["fuzz", "--mutant", "view-repeats-errors"],
            "--mutant view-repeats-errors is no bug before 26.39: expected --protocol 26.39.0-dev.0",
        ),
        (
            vec!["fuzz", "--protocol", "26"],
            "invalid value '26' for '--protocol",
        ),
        (
            vec!["run", "no-such-file.spec"],
            "reading no-such-file.spec: ",
        ),
        (
            vec!["replay", empty.to_str().unwrap()],
            "no script (.spec or .jsonl) was found",
        ),
        (
            vec![
                "shard",
                "inspect",
                "--consensus",
                "sqlite:none.db",
                "--blob",
                "file:///none",
            ],
            "none.db",
        ),
        (
            vec![
                "shard",
                "check",
                "--consensus",
                "mem:",
                "--blob",
                "mem:",
                "no-shard",
            ],
            "no-shard",
        ),
        (
            vec![
                "shard",
                "check",
                "--consensus",
                "mem:",
                "--blob",
                "mem:",
                "s00000000-0000-4000-8000-0000000000bb",
            ],
            "there is no such shard",
        ),
        (
            vec![
                "shard",
                "check",
                "--consensus",
                "postgres://u@127.0.0.1:1/x",
                "--blob",
                "mem:",
            ],
            "error connecting to server",
        ),
    ] {
        let output = fuzzer(&arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {output:?}");
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn the_same_seed_gives_the_same_campaign() {
    let campaign = || {
        let output = fuzzer(&[
            "fuzz",
            "--target",
            "in-process",
            "--cases",
            "30",
            "--seed",
            "7",
            "--jobs",
            "1",
            "--format",
            "json",
        ]);
        assert_eq!(code(&output), 0, "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let without_time = |line: &str| {
            let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(fields) = event.as_object_mut() {
                fields.retain(|name, _| name != "ms" && name != "seconds");
            }
            event.to_string()
        };
        text.lines().map(without_time).collect::<Vec<String>>()
    };
    let first = campaign();
    // The start, a canary, 30 cases, and the end.
    assert_eq!(first.len(), 33);
    assert_eq!(first, campaign());
}

#[test]
fn a_mutant_is_found_shrunk_and_replayed() {
    let findings = Path::new(env!("CARGO_TARGET_TMPDIR")).join("found");
    let _ = std::fs::remove_dir_all(&findings);
    let folder = findings.to_str().unwrap();
    let mutant = ["--target", "in-process", "--mutant", "frontier-too-far"];
    let mut arguments = vec!["fuzz", "--seed", "3", "--findings", folder];
    arguments.extend(mutant);
    let output = fuzzer(&arguments);
    assert_eq!(code(&output), 1, "{output:?}");
    let mut replay = vec!["replay", folder];
    assert_eq!(
        code(&fuzzer(
            &[&replay[..], &["--target", "in-process"]].concat()
        )),
        0
    );
    replay.extend(mutant);
    let output = fuzzer(&replay);
    assert_eq!(code(&output), 1, "{output:?}");
}

#[test]
fn every_mutant_is_listed_with_one_line() {
    let output = fuzzer(&["list-mutants"]);
    assert_eq!(code(&output), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() >= 8);
    for line in text.lines() {
        let (name, description) = line.split_once('\t').expect("name, tab, one line");
        assert!(!name.is_empty() && !description.is_empty(), "{line}");
    }
}

#[test]
fn what_processes_never_say_is_shrunk_without_waiting_for_it_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_str().unwrap();
    let mut arguments = vec!["fuzz", "--seed", "1", "--findings", folder];
    arguments.extend(["--mutant", "drop-silent", "--patience", "5"]);
    let output = fuzzer(&arguments);
    assert_eq!(code(&output), 1, "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("breaks I-10/not-empty"), "{said}");
    // Each run that waits takes seconds, and shrinking takes hundreds of runs.
    assert!(!said.contains("perhaps not to the end"), "{said}");
    assert!(said.contains("\n4 commands (shrunk from "), "{said}");
}

/// The script that a hunt wrote, and the exit code of the hunt.
fn hunted(arguments: &[&str], findings: &Path) -> (i32, String) {
    let folder = ["--findings", findings.to_str().unwrap()];
    let hunt = fuzzer(&[arguments, &folder].concat());
    let entries = std::fs::read_dir(findings).unwrap();
    let names = entries.map(|entry| entry.unwrap().path().to_str().unwrap().to_string());
    let is_shrunk = |name: &String| name.ends_with(".spec") && !name.ends_with(".original.spec");
    let mut scripts: Vec<String> = names.filter(is_shrunk).collect();
    scripts.sort();
    let script = scripts
        .first()
        .map(|path| std::fs::read_to_string(path).unwrap());
    (code(&hunt), script.unwrap_or_default())
}

#[test]
fn the_line_that_a_finding_was_found_by_finds_it_again() {
    for mutant in ["peek-early", "null-key-dropped", "reconcile-forgets-drop"] {
        let (first, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let hunt = [
            "fuzz",
            "--target",
            "in-process",
            "--mutant",
            mutant,
            "--seed",
            "4",
        ];
        let (code, script) = hunted(&hunt, first.path());
        assert_eq!(code, 1, "{mutant}");
        let found_by = script
            .lines()
            .find_map(|line| line.strip_prefix("# found-by: "));
        let line = found_by.unwrap_or_else(|| panic!("{mutant}: no found-by in\n{script}"));
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "clusterd-fuzz");
        let (code, same) = hunted(&words[1..], again.path());
        assert_eq!(code, 1, "{mutant}: {line}");
        let heading = |script: &str| script.lines().next().unwrap_or_default().to_string();
        assert_eq!(heading(&same), heading(&script), "{mutant}: {line}");
    }
}
