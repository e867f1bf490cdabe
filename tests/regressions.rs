//! Every finding that was kept: on a healthy replica nothing is wrong, and on
//! the mutant that its header names the invariant breaks that its header names, in
//! the same way; every mutant and every invariant has one. What this file alone can
//! catch: an invariant that no longer sees a bug that it once saw.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clusterd_fuzz::campaign::{Facts, Likeness, Shape, Skeleton, replay};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::invariants;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};
use clusterd_fuzz::script::text;

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "spec"));
    paths.sort();
    paths
}

/// What the first line of a finding says that it breaks: `I-01/wrong-rows`.
fn headed(text: &str) -> Option<String> {
    let (what, _) = text.lines().next()?.strip_prefix("# ")?.split_once(": ")?;
    let (invariant, kind) = what.split_once(' ')?;
    Some(format!("{invariant}/{kind}"))
}

/// Invariants of which another one sees every breakage that a replica could show:
/// where the model knows an answer, a changed one is a wrong one (I-01), and what
/// follows the empty frontier does not advance (I-02).
const IMPLIED: [&str; 5] = ["I-09", "I-11", "I-19", "I-22", "I-31"];

#[test]
fn findings_pass_on_the_healthy_replica_and_break_on_their_mutants_what_they_say() {
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    let mut heading = BTreeSet::new();
    let mut alone = BTreeSet::new();
    for path in scripts() {
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let facts = Facts::parse(&text).unwrap();
        let shape = facts.shape().unwrap_or(Shape::ONE);
        let signature = headed(&text).unwrap_or_else(|| panic!("{name} says not what it breaks"));
        let (invariant, _) = signature.split_once('/').unwrap();
        heading.insert(invariant.to_string());
        assert!(!facts.mutants.is_empty(), "{name} names no mutant");
        // What was found in a later release may need it.
        let first = facts
            .protocol
            .as_ref()
            .map_or(Release::V26_30, |found| found.release);
        for release in Release::ALL.into_iter().filter(|release| *release >= first) {
            let lab = |mutants| {
                let lab = InProcessLab::new(mutants, false).with_release(release);
                match facts.is_for_two() {
                    true => lab.with_second(Mutants::none(), release),
                    false => lab,
                }
            };
            let replayed = replay(&lab(Mutants::none()), shape, &path, &text).unwrap();
            if !replayed.passed() {
                wrong.push(format!("{name} fails on a healthy {release}: {replayed:?}"));
            }
            for mutant in &facts.mutants {
                let mutant: Mutant = mutant.parse().unwrap();
                let replayed = replay(&lab(mutant.into()), shape, &path, &text).unwrap();
                let broken = replayed.violations.iter();
                let broken: BTreeSet<String> = broken.map(|v| v.signature()).collect();
                if !broken.contains(&signature) {
                    wrong.push(format!(
                        "{name} breaks {broken:?} on {mutant} of {release}, not {signature}"
                    ));
                }
                if broken.iter().all(|other| other.starts_with(invariant)) {
                    alone.insert(invariant.to_string());
                }
                found.insert(mutant);
            }
        }
    }
    for mutant in Mutant::ALL {
        if !found.contains(mutant) {
            wrong.push(format!("no finding shows {mutant}"));
        }
    }
    for invariant in invariants::all() {
        let id = invariant.id();
        if !heading.contains(id) {
            wrong.push(format!("{id} heads no finding"));
        }
        if alone.contains(id) == IMPLIED.contains(&id) {
            let others = "and no other invariant sees it";
            wrong.push(format!("{id}: alone {}: {others}", alone.contains(id)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Findings of one kind that no campaign tells apart by their skeletons: different bugs,
/// of which it tells the first alone. This list only shrinks.
const ALIKE: [(&str, &str); 10] = [
    ("compaction-off-by-one", "compaction-past-since"),
    ("literal-before-row", "literal-stops-at-miss"),
    ("frontier-too-far", "output-ahead-of-write"),
    ("answered-before-sealed", "peek-early"),
    ("distinct-never-retracts", "peek-misses-errors"),
    ("recursion-drops-errors", "recursion-limit-quiet"),
    ("recursion-limit-off-by-one", "recursion-stops-early"),
    ("key-ignored-on-one-worker", "snapshot-omits-as-of"),
    ("reports-before-schedule", "starts-unscheduled"),
    ("top-k-counts-rows-once", "top-k-ignores-later-desc"),
];

#[test]
fn few_bugs_of_one_kind_have_the_same_skeleton() {
    let mut known: Vec<(String, String, Skeleton)> = Vec::new();
    let mut alike = Vec::new();
    for path in scripts() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let signature = headed(&text).unwrap();
        let skeleton = Skeleton::of(&text::parse(&text).unwrap().commands());
        let same = known.iter().filter(|(other, _, skeleton_of_other)| {
            *other == signature && skeleton.likeness(skeleton_of_other) == Likeness::Same
        });
        alike.extend(same.map(|(_, other, _)| (other.clone(), name.clone())));
        known.push((signature, name, skeleton));
    }
    let expected = ALIKE.map(|(a, b)| (a.to_string(), b.to_string()));
    assert_eq!(alike, expected);
}
