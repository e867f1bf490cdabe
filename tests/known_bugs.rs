//! `known-bugs.toml`: each bug's script passes on the healthy replica, and fails on
//! the mutant that has the bug. What this file alone can catch: an entry that shows
//! nothing any more.

use std::collections::BTreeSet;
use std::path::Path;

use clusterd_fuzz::campaign::{Replayed, Shape, replay};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownBugs {
    bug: Vec<KnownBug>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownBug {
    id: String,
    title: String,
    /// The versions of clusterd that have it.
    versions: Vec<String>,
    /// The setting without which clusterd is right.
    setting: Option<String>,
    script: String,
    /// None where the script is refused as no valid sequence.
    mutant: Option<String>,
}

fn run(bug: &KnownBug, mutants: Mutants) -> Replayed {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&bug.script);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", bug.script));
    replay(&InProcessLab::new(mutants, false), Shape::ONE, &path, &text).unwrap()
}

#[test]
fn every_known_bug_is_shown_by_its_script_on_its_mutant_alone() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("known-bugs.toml");
    let bugs: KnownBugs = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let ids: BTreeSet<&str> = bugs.bug.iter().map(|bug| bug.id.as_str()).collect();
    assert_eq!(ids.len(), bugs.bug.len(), "an id stands twice");
    for bug in &bugs.bug {
        let KnownBug {
            id,
            title,
            versions,
            setting,
            script: _,
            mutant,
        } = bug;
        assert!(
            !title.is_empty() && !versions.is_empty(),
            "{id} says too little"
        );
        assert!(
            setting.as_ref().is_none_or(|s| s.starts_with("enable_")),
            "{id}"
        );
        let healthy = run(bug, Mutants::none());
        assert!(healthy.violations.is_empty(), "{id}: {healthy:?}");
        let Some(mutant) = mutant else {
            assert!(healthy.invalid.is_some(), "{id} is a valid sequence");
            continue;
        };
        assert!(healthy.passed(), "{id}: {healthy:?}");
        let mutant: Mutant = mutant.parse().unwrap();
        let sick = run(bug, mutant.into());
        assert!(
            !sick.violations.is_empty() || !sick.mismatches.is_empty(),
            "{id}: {sick:?}"
        );
    }
}
