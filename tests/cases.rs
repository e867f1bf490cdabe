//! Scripts from outside that failed once: public bug reports retold, findings on a
//! real clusterd, damaged input. Each says in its header where it comes from and
//! what is right. What this file alone can catch: a kind of mistake coming back
//! that our own campaigns did not look for.

use std::path::{Path, PathBuf};

use clusterd_fuzz::campaign::{Facts, Replayed, Shape, replay};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::replica::mutants::Mutants;

/// Scripts that are no part of a valid sequence, and what is said of them.
const INVALID: [(&str, &str); 2] = [
    (
        "project-over-an-arrangement",
        "means something else once it is lowered",
    ),
    (
        "import-by-another-schema",
        "column 0 of the import of shard `s` is String",
    ),
];

/// Scripts about which the model and our replica differ, until a clusterd has decided.
const DISPUTED: [&str; 1] = ["zero-by-lookup"];

/// Scripts that the model does not judge, and why.
const UNDECIDED: [&str; 1] = ["count-of-a-join-overflows"];

/// What failed once, and what only a real clusterd can decide and we believe.
fn scripts() -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for folder in ["tests/cases", "tests/questions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = std::fs::read_dir(folder).unwrap();
        paths.extend(entries.map(|entry| entry.unwrap().path()));
    }
    paths.sort();
    assert!(paths.len() > 20, "only {} scripts", paths.len());
    paths
}

fn replayed(path: &Path, workers: Option<usize>, release: Release) -> Replayed {
    let text = std::fs::read_to_string(path).unwrap();
    let shape = Facts::parse(&text).unwrap().shape().unwrap_or(Shape::ONE);
    let shape = workers.map_or(shape, Shape::workers);
    let lab = InProcessLab::new(Mutants::none(), false).with_release(release);
    replay(&lab, shape, path, &text).unwrap()
}

fn assert_right(workers: Option<usize>, release: Release) {
    let mut wrong = Vec::new();
    for path in scripts() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let replayed = replayed(&path, workers, release);
        let invalid = INVALID.iter().find(|(known, _)| *known == name);
        let right = match (invalid, &replayed.invalid) {
            (Some((_, why)), Some(said)) => said.contains(why) && replayed.violations.is_empty(),
            (Some(_), None) => false,
            (None, _) if UNDECIDED.contains(&name) => replayed.violations.is_empty(),
            (None, _) if DISPUTED.contains(&name) => !replayed.violations.is_empty(),
            (None, _) => replayed.passed(),
        };
        if !right {
            wrong.push(format!("{name}: {replayed:#?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_failed_once_is_right_with_the_workers_that_it_names() {
    assert_right(None, Release::V26_30);
}

#[test]
fn what_failed_once_is_right_in_26_39() {
    assert_right(None, Release::V26_39);
}

#[test]
fn what_failed_once_is_right_with_four_workers() {
    assert_right(Some(4), Release::V26_30);
}
