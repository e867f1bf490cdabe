//! The replica's operators against the answers of a real clusterd to random
//! plans. What this file alone can catch: an operator that is rendered
//! consistently and wrongly. Plans are lowered, rendered in one worker and read
//! as collections, so nothing of peeks, traces or shards is in the way. Data:
//! `tests/golden/answers`, described in `spec/replica.md` §16.

#[path = "support/golden.rs"]
mod golden_file;

mod replica_lab;

use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::script::JoinChoice;
use replica_lab::script::disagreement;
use replica_lab::{Mode, PLAIN};

/// Plans in which upstream's optimizer folds, drops or merges what ours leaves
/// alone, so that an error or its text differs (`spec/replica.md` §16.5).
const OPTIMIZED: [u64; 5] = [226, 272, 1129, 1228, 1781];

/// Runs every plan that `wanted` selects by number and text.
fn assert_agreement(mode: Mode, wanted: impl Fn(u64, &str) -> bool) {
    let only: Option<u64> = std::env::var("PLAN").ok().and_then(|n| n.parse().ok());
    let mut failures = Vec::new();
    let mut run = 0;
    for case in golden_file::lines("answers/plans.jsonl.gz") {
        let n = case["n"].as_u64().unwrap();
        let spec = case["spec"].as_str().unwrap();
        let selected = only.map_or_else(|| wanted(n, spec), |only| only == n);
        if !selected || OPTIMIZED.contains(&n) {
            continue;
        }
        run += 1;
        if let Err(reason) = disagreement(spec, mode) {
            failures.push((n, reason));
        }
    }
    let text: String = failures
        .iter()
        .take(12)
        .map(|(n, reason)| format!("--- plan {n}\n{reason}\n"))
        .collect();
    let which: Vec<u64> = failures.iter().map(|(n, _)| *n).collect();
    assert!(
        failures.is_empty(),
        "{} of {run} plans disagree: {which:?}\n{text}",
        failures.len(),
    );
}

#[test]
fn random_plans_get_the_answers_of_a_real_clusterd() {
    assert_agreement(PLAIN, |_, _| true);
}

/// `spec/v26_39.md` §8.5.
#[test]
fn random_plans_get_the_same_answers_in_26_39() {
    let mode = Mode {
        release: Release::V26_39,
        ..PLAIN
    };
    assert_agreement(mode, |n, _| n % 3 == 0);
}

#[test]
fn answers_do_not_depend_on_the_number_of_workers() {
    let mode = Mode {
        workers: 3,
        ..PLAIN
    };
    assert_agreement(mode, |n, _| n % 11 == 0);
}

#[test]
fn answers_do_not_depend_on_whether_times_can_iterate() {
    let mode = Mode {
        nested: true,
        ..PLAIN
    };
    assert_agreement(mode, |n, _| n % 9 == 0);
}

#[test]
fn answers_do_not_depend_on_how_joins_are_planned() {
    for kind in [JoinChoice::Linear, JoinChoice::Delta] {
        for workers in [1, 2] {
            let mode = Mode {
                join: Some(kind),
                workers,
                ..PLAIN
            };
            assert_agreement(mode, |n, spec| n % 4 == 0 && spec.contains(" Join on="));
        }
    }
}
