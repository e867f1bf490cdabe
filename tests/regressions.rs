//! Every finding that was kept: on a healthy replica nothing is wrong, and on
//! the mutant that its header names something is; and every mutant has one. What
//! this file alone can catch: an invariant that no longer sees a bug that it once
//! saw.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clusterd_fuzz::campaign::{Facts, Shape, replay};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "spec"));
    paths.sort();
    paths
}

#[test]
fn findings_pass_on_the_healthy_replica_and_fail_on_their_mutants() {
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    for path in scripts() {
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let facts = Facts::parse(&text).unwrap();
        let shape = facts.shape().unwrap_or(Shape::ONE);
        let healthy = InProcessLab::new(Mutants::none(), false);
        let replayed = replay(&healthy, shape, &path, &text).unwrap();
        if !replayed.passed() {
            wrong.push(format!("{name} fails on the healthy replica: {replayed:?}"));
        }
        assert!(!facts.mutants.is_empty(), "{name} names no mutant");
        for mutant in &facts.mutants {
            let mutant: Mutant = mutant.parse().unwrap();
            let sick = InProcessLab::new(mutant.into(), false);
            let replayed = replay(&sick, shape, &path, &text).unwrap();
            if replayed.violations.is_empty() {
                wrong.push(format!("{name} breaks no invariant on {mutant}"));
            }
            found.insert(mutant);
        }
    }
    for mutant in Mutant::ALL {
        if !found.contains(mutant) {
            wrong.push(format!("no finding shows {mutant}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
