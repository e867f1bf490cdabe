//! The check vectors of `spec/persist.md` §3.8.

use std::sync::Arc;

use super::*;
use crate::format::description::Description;
use repr::Antichain;

fn batch(lower: u64, len: u64) -> Arc<HollowBatch> {
    let desc = Description::of_write(Antichain::from_elem(lower), Antichain::from_elem(lower + 1));
    let mut batch = HollowBatch::empty(desc);
    batch.len = len;
    Arc::new(batch)
}

fn append(trace: &mut Trace, lens: &[u64]) {
    for len in lens {
        let lower = trace.upper().as_option().unwrap();
        trace.push(batch(lower, *len)).unwrap();
        let again = Trace::unflatten(trace.flatten()).unwrap();
        assert_eq!(again.flatten(), trace.flatten());
        assert_eq!(again.upper, trace.upper);
        assert_eq!(again.next_id, trace.next_id);
    }
}

/// `level:[lo-hi]len` of each spine batch, then the merges.
fn show(trace: &Trace) -> String {
    let mut out: Vec<String> = trace
        .spine_batches()
        .map(|(level, b)| format!("{level}:{}{}", b.id, b.len()))
        .collect();
    out.extend(
        trace
            .merges()
            .map(|(id, m)| format!("merge {id} {}", m.remaining_work)),
    );
    out.join(" ")
}

#[test]
fn the_insertion_algorithm_reproduces_the_vectors() {
    let mut trace = Trace::default();
    append(&mut trace, &[0, 0, 0]);
    assert_eq!(show(&trace), "0:[0-3]0");
    append(&mut trace, &[10]);
    assert_eq!(show(&trace), "4:[0-3]0 4:[3-4]10 merge [0-4] 10");
    append(&mut trace, &[0, 0, 0]);
    assert_eq!(show(&trace), "4:[0-3]0 4:[3-4]10 0:[4-7]0 merge [0-4] 2");

    let mut trace = Trace::default();
    append(&mut trace, &[1; 8]);
    assert_eq!(
        show(&trace),
        "2:[0-4]4 1:[4-6]2 0:[6-7]1 0:[7-8]1 merge [6-8] 2"
    );
    append(&mut trace, &[100]);
    assert_eq!(show(&trace), "7:[0-8]8 7:[8-9]100 merge [0-9] 108");

    let mut trace = Trace::default();
    append(&mut trace, &[2, 2, 0, 0, 3, 1, 1, 1]);
    assert_eq!(show(&trace), "3:[0-5]7 1:[5-7]2 0:[7-8]1");
}

#[test]
fn many_mixed_appends_never_overfill_a_level() {
    let mut seed = 1u64;
    for _ in 0..12 {
        let mut trace = Trace::default();
        for _ in 0..200 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
            let len = match (seed >> 33) % 5 {
                0 | 1 => 0,
                2 => 1,
                3 => (seed >> 40) % 10,
                _ => (seed >> 40) % 3000,
            };
            append(&mut trace, &[len]);
        }
    }
}

#[test]
fn a_flat_form_that_breaks_a_rule_is_an_error() {
    let mut trace = Trace::default();
    append(&mut trace, &[1, 5, 7]);
    let good = trace.flatten();
    let mut flat = good.clone();
    flat.merges.clear();
    let merges_needed = !good.merges.is_empty();
    assert_eq!(Trace::unflatten(flat).is_err(), merges_needed);
    let mut flat = good.clone();
    flat.spine_batches.pop_last();
    assert!(Trace::unflatten(flat).is_err());
    let mut flat = good.clone();
    flat.legacy_batches.pop_first();
    assert!(Trace::unflatten(flat).is_err());
    let mut flat = good;
    flat.spine_batches.clear();
    // Without structure it is rebuilt.
    flat.merges.clear();
    assert!(Trace::unflatten(flat).is_ok());
}
