//! The program at a terminal: pipes that are closed, folders that are written,
//! command lines that repeat what was found. What this file alone can catch: a
//! finding that is lost or overwritten, an invitation to repeat it that does not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clusterd-fuzz"));
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

fn fuzzer(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("it runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every file of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let entries = entries.map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

const SICK: [&str; 6] = [
    "fuzz",
    "--target",
    "in-process",
    "--mutant",
    "frontier-too-far",
    "--jobs=1",
];

const GOOD: &str = "create-instance\n----\nok\n\ninitialization-complete\n----\nok\n";

#[test]
fn a_target_that_refuses_every_case_ends_a_campaign_with_3() {
    let output = fuzzer(&["fuzz", "--target", "connect:127.0.0.1:1", "--cases", "2"]);
    assert_eq!(code(&output), 3, "{output:?}");
    let said = text(&output.stdout);
    let refused = "could not be run: cannot connect to 127.0.0.1:1: ";
    assert_eq!(said.matches(refused).count(), 2, "{said}");
}

#[test]
fn an_unknown_mutant_is_told_which_command_lists_them() {
    let output = fuzzer(&["fuzz", "--mutant", "no-such-bug"]);
    assert_eq!(code(&output), 2, "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("`clusterd-fuzz list-mutants`"), "{said}");
    assert!(!said.contains("--list-mutants"), "{said}");
}

#[test]
fn one_case_and_a_number_of_cases_exclude_each_other() {
    let output = fuzzer(&["fuzz", "--case", "5", "--cases", "3"]);
    assert_eq!(code(&output), 2, "{output:?}");
    assert!(text(&output.stderr).contains("cannot be used with"));
}

#[test]
fn a_byte_order_mark_in_front_of_a_script_is_read_over() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("mark.spec");
    std::fs::write(&script, format!("\u{feff}{GOOD}")).unwrap();
    for command in ["run", "replay"] {
        let output = fuzzer(&[command, "--target=in-process", script.to_str().unwrap()]);
        assert_eq!(code(&output), 0, "{output:?}");
    }
}

#[test]
fn a_script_that_cannot_be_read_keeps_no_other_from_being_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_str().unwrap();
    let write = |name: &str, text: &[u8]| {
        std::fs::write(directory.path().join(name), text).unwrap();
    };
    write("a.spec", b"\xff\xfe");
    write("b.spec", GOOD.as_bytes());
    write("c.spec", b"frobnicate\n----\n");
    write("d.spec", GOOD.as_bytes());
    let output = fuzzer(&["replay", "--target=in-process", folder]);
    assert_eq!(code(&output), 2, "{output:?}");
    let (said, complaints) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(said.matches("ok: ").count(), 2, "{said}");
    assert!(
        said.ends_with("4 scripts, 0 failed, 2 could not be read\n"),
        "{said}"
    );
    let complaints: Vec<&str> = complaints.lines().collect();
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(complaints[0].contains("a.spec: "), "{complaints:?}");
    assert!(complaints[1].contains("c.spec: line 1: "), "{complaints:?}");
    // A script that fails is worse than one that cannot be read.
    write("e.spec", GOOD.replace("ok\n", "no\n").as_bytes());
    let output = fuzzer(&["replay", "--target=in-process", folder]);
    assert_eq!(code(&output), 1, "{output:?}");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("findings");
    let output = fuzzer(&["fuzz", "--findings", below.to_str().unwrap()]);
    assert_eq!(code(&output), 2, "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let complaint = text(&output.stderr);
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    let expected = format!("--findings {}: cannot be written: ", below.display());
    assert!(complaint.contains(&expected), "{complaint}");
}

#[test]
fn a_campaign_without_findings_leaves_no_folder_for_them() {
    let directory = tempfile::tempdir().unwrap();
    let findings = directory.path().join("a/b");
    let mut arguments = vec!["fuzz", "--target=in-process", "--cases=1", "--seed=1"];
    arguments.extend(["--findings", findings.to_str().unwrap()]);
    assert_eq!(code(&fuzzer(&arguments)), 0);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn findings_of_several_campaigns_share_a_folder_and_none_is_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_str().unwrap();
    let found = |extra: &[&str]| {
        let output = fuzzer(&[&SICK[..], &["--findings", folder], extra].concat());
        assert_eq!(code(&output), 1, "{output:?}");
        files(directory.path())
    };
    let first = found(&["--seed=3"]);
    assert!(first.keys().all(|name| name.contains("-seed-3-case-")));
    let second = found(&["--seed=4"]);
    assert!(second.len() > first.len(), "{:?}", second.keys());
    // The same once more adds nothing; one that is shrunk less is another.
    assert_eq!(found(&["--seed=3"]), second);
    let third = found(&["--seed=3", "--shrink-runs=0"]);
    assert!(third.len() > second.len(), "{:?}", third.keys());
    assert!(third.keys().any(|name| name.ends_with("-2.spec")));
    for (name, text) in first.iter().chain(&second) {
        assert_eq!(third.get(name), Some(text), "{name}");
    }
}

/// A campaign that finds something, in a folder of its own.
fn finding(extra: &[&str]) -> (tempfile::TempDir, BTreeMap<String, String>, String) {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_str().unwrap().to_string();
    let output = fuzzer(&[&SICK[..], &["--findings", &folder], extra].concat());
    assert_eq!(code(&output), 1, "{output:?}");
    let files = files(directory.path());
    (directory, files, text(&output.stdout))
}

/// What follows `start` in the only line that starts so.
#[track_caller]
fn rest_of_line<'a>(text: &'a str, start: &str) -> &'a str {
    let mut rests = text.lines().filter_map(|line| line.strip_prefix(start));
    let rest = rests.next().unwrap_or_else(|| panic!("{start} in {text}"));
    assert_eq!(rests.next(), None, "{text}");
    rest
}

#[test]
fn the_lines_that_repeat_a_finding_and_a_campaign_do() {
    let extra = ["--seed=3", "--workers=2", "--operators=20"];
    let (_directory, written, said) = finding(&extra);
    let script = written
        .iter()
        .find(|(name, _)| name.ends_with(".spec") && !name.ends_with(".original.spec"))
        .map(|(_, text)| text.clone())
        .unwrap();
    let found_by = rest_of_line(&script, "# found-by: ");
    let repeat = rest_of_line(&said, "repeat with: ");
    for line in [found_by, repeat] {
        assert!(line.starts_with("clusterd-fuzz fuzz --seed 3 "), "{line}");
        let again = tempfile::tempdir().unwrap();
        let line = format!(
            "{line} --jobs 1 --findings {}",
            again.path().to_str().unwrap()
        );
        let words = line.strip_prefix("clusterd-fuzz ").unwrap();
        let words = words.split(' ').collect::<Vec<_>>();
        let output = fuzzer(&words);
        assert_eq!(code(&output), 1, "{output:?}");
        let again = files(again.path());
        assert!(again.values().any(|text| *text == script), "{again:?}");
    }
}

#[test]
fn the_script_as_it_was_found_has_the_header_of_the_shrunk_one() {
    let (_directory, written, _) = finding(&["--seed=3", "--workers=2", "--shrink-runs=100"]);
    let header = |suffix: &str| {
        let (_, text) = written
            .iter()
            .find(|(name, _)| name.ends_with(suffix))
            .unwrap_or_else(|| panic!("{suffix} in {:?}", written.keys()));
        let header = text.lines().take_while(|line| line.starts_with('#'));
        header.map(String::from).collect::<Vec<_>>()
    };
    let (found, original) = (header("case-0.spec"), header(".original.spec"));
    assert!(found.iter().any(|line| line.starts_with("# found-by: ")));
    assert_eq!(found, original);
}

#[test]
fn a_reader_that_is_gone_ends_every_output_quietly() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("good.spec");
    std::fs::write(&script, GOOD).unwrap();
    let script = script.to_str().unwrap();
    let findings = directory.path().join("findings");
    let findings = ["--findings", findings.to_str().unwrap()];
    let store = directory.path().join("store.db");
    let consensus = format!("sqlite:{}", store.display());
    let blob = format!("file://{}/blob", directory.path().display());
    // So that there is something to look into.
    let write = directory.path().join("write.spec");
    std::fs::write(&write, "write-rows shard=s ts=0\n  1 a\n----\nwrote 1\n").unwrap();
    let stores = ["--consensus", &consensus, "--blob", &blob];
    let wrote = fuzzer(&[&["run", write.to_str().unwrap()], &stores[..]].concat());
    assert_eq!(code(&wrote), 0, "{wrote:?}");
    let fuzz = [
        "fuzz",
        "--target=in-process",
        "--seed=1",
        "--cases=1000000000",
    ];
    for arguments in [
        vec!["show", "--seed=1", "--case=1"],
        vec!["list-mutants"],
        vec!["coverage", "--cases=3"],
        vec!["replay", "--target=in-process", script, script],
        vec!["run", "--target=in-process", script],
        [&["shard", "inspect"], &stores[..]].concat(),
        [&["shard", "check"], &stores[..]].concat(),
        // Without its reader it ends, and so this test does.
        [&fuzz[..], &findings].concat(),
        [&fuzz[..], &findings, &["--format=json"]].concat(),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = program();
        command.args(&arguments).stdout(writer);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        assert_eq!(code(&output), 0, "{arguments:?}");
    }
}

#[test]
fn a_script_is_rewritten_though_nobody_reads_what_it_answers() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("good.spec");
    std::fs::write(&script, GOOD.replace("ok\n", "no\n")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = program();
    command.env("REWRITE", "1").stdout(writer);
    command.args(["run", "--target=in-process", script.to_str().unwrap()]);
    assert_eq!(command.status().unwrap().code(), Some(0));
    assert_eq!(std::fs::read_to_string(script).unwrap(), GOOD);
}

#[test]
fn a_stderr_that_is_closed_changes_no_exit_code() {
    for (arguments, expected) in [
        (vec!["run", "no-such-file.spec"], 2),
        (vec!["replay", "no-such-file.spec"], 2),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = program().args(&arguments).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
    }
}
