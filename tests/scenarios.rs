//! The scenario scripts, whose blocks a real clusterd filled, against
//! miniclusterd: in process, and as processes in three shapes. What this file
//! alone can catch: an answer of ours that is not clusterd's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clusterd_fuzz::campaign::{Lab, LabConfig, ProcessLab, Processed, Shape, run_case};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::driver::play::{Source, play_json, play_text};
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig};
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::script::text;

/// Scripts that miniclusterd cannot run yet; this list only shrinks.
const NOT_YET: [&str; 0] = [];

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 25 + 6);
    paths
}

/// Plays every script, each on a target of its own; what did not match.
fn play_all(lab: &dyn Lab, shape: Shape) {
    let mut wrong = Vec::new();
    for path in scripts() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        if NOT_YET.contains(&name.as_str()) {
            println!("not run: {name}");
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let seat = lab.seat(shape, 0).unwrap();
        let config = RunnerConfig {
            max_wait: Duration::from_secs(30),
            seed: lab.options(0).seed,
            ..RunnerConfig::default()
        };
        let mut runner = Runner::new(seat.driver, config, |_| {});
        runner.connect().unwrap();
        let mut out = Vec::new();
        let played = match Source::parse(&text).unwrap() {
            Source::Text(mut script) => play_text(&mut script, &mut runner, false, &mut out),
            Source::Json(lines) => play_json(&lines, &mut runner, &mut out),
        };
        if played.unwrap().failed > 0 {
            let out = String::from_utf8(out).unwrap();
            let fine = |line: &str| {
                line.starts_with("ok: ") || (line.starts_with('{') && !line.contains("\"error\""))
            };
            let bad = out.lines().filter(|line| !fine(line));
            let bad: Vec<&str> = bad.collect();
            wrong.push(format!("{}:\n  {}", path.display(), bad.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn processes(release: Release, processes: usize, workers: usize) {
    let scratch = tempfile::tempdir().unwrap();
    let mut config = LabConfig::embedded(
        env!("CARGO_BIN_EXE_miniclusterd").into(),
        release.into(),
        scratch.path(),
        Duration::from_secs(30),
    );
    if let Processed::Spawn { program, .. } = &mut config.first.target {
        program
            .extra_args
            .extend(["--protocol".to_string(), release.version().to_string()]);
    }
    let lab = ProcessLab::open(config).unwrap();
    play_all(&lab, Shape { processes, workers });
}

/// A target serves one case after the other, and its workers keep what they were told.
#[test]
fn a_limit_of_results_ends_with_the_case_that_sent_it() {
    let script = |limit: &str| {
        let text = format!(
            "create-instance\n----\n{limit}\ninitialization-complete\n----\n\n\
             write-rows shard=s ts=0\n  0 a\n----\n\n\
             define-index source=1000 index=1001 shard=s key=[] as-of=0 upper=1\n----\n\n\
             schedule id=1001\n----\n\npeek id=1001 ts=0\n----\n"
        );
        text::parse(&text).unwrap().commands()
    };
    let lab = InProcessLab::new(Mutants::none(), false);
    let seat = lab.seat(Shape::ONE, 0).unwrap();
    let limited = script("\nupdate-configuration\n  max_result_size u64 1\n----\n");
    let (first, driver) = run_case(&limited, seat.driver, &lab.options(0));
    let refused = first.unwrap().answers.pop().unwrap();
    assert!(refused.unwrap_err().contains("exceeds max size of 1 B"));
    let (second, _) = run_case(&script(""), driver, &lab.options(1));
    let second = second.unwrap();
    assert!(
        second.answers.iter().all(Result::is_ok),
        "{:?}",
        second.answers
    );
    assert!(second.violations.is_empty(), "{:?}", second.violations);
}

#[test]
fn scripts_match_in_process_with_one_worker() {
    play_all(&InProcessLab::new(Mutants::none(), false), Shape::ONE);
}

#[test]
fn scripts_match_in_process_with_four_workers() {
    let four = Shape::workers(4);
    play_all(&InProcessLab::new(Mutants::none(), false), four);
}

/// `spec/v26_39.md` §8.5.
#[test]
fn scripts_match_in_process_with_two_workers_of_26_39() {
    let lab = InProcessLab::new(Mutants::none(), false).with_release(Release::V26_39);
    play_all(&lab, Shape::workers(2));
}

#[test]
fn scripts_match_with_one_process_of_one_worker() {
    processes(Release::V26_30, 1, 1);
}

#[test]
fn scripts_match_with_one_process_of_four_workers() {
    processes(Release::V26_30, 1, 4);
}

#[test]
fn scripts_match_with_two_processes_of_two_workers_of_26_39() {
    processes(Release::V26_39, 2, 2);
}

#[test]
fn scripts_match_with_two_processes_of_two_workers() {
    processes(Release::V26_30, 2, 2);
}
