//! Replacing batches by the result of their compaction (`spec/persist.md`
//! §4.7).
//!
//! Invariant: the replacement covers exactly the times that it replaces, is
//! not larger, and sums to the same diffs where both sums are known.

use std::sync::Arc;

use super::batch::{HollowBatch, SpineId};
use super::spine::{IdBatch, SpineBatch, Trace};

/// What became of a compaction's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeOutcome {
    /// It replaced a whole spine batch.
    AppliedExact,
    /// It replaced some batches within a spine batch.
    AppliedSubset,
    /// Its range is gone: a larger result was faster.
    NotApplied,
    /// Its range is there, but the result cannot be right: it is larger, or
    /// sums to something else.
    Rejected,
}

impl MergeOutcome {
    /// Whether the trace now holds the result.
    pub fn applied(self) -> bool {
        matches!(
            self,
            MergeOutcome::AppliedExact | MergeOutcome::AppliedSubset
        )
    }
}

impl Trace {
    /// Puts `output` in the place of what it was made of, where that still is.
    pub fn apply_merge(&mut self, output: &Arc<HollowBatch>) -> MergeOutcome {
        // Youngest first: levels from the bottom, within a level the second.
        for level in &mut self.levels {
            for batch in level.batches.iter_mut().rev() {
                let outcome = replace(batch, output);
                if outcome != MergeOutcome::NotApplied {
                    return outcome;
                }
            }
        }
        MergeOutcome::NotApplied
    }
}

fn replace(batch: &mut Arc<SpineBatch>, output: &Arc<HollowBatch>) -> MergeOutcome {
    if output.desc.since > batch.desc.since {
        return MergeOutcome::NotApplied;
    }
    let exact = output.desc.lower == batch.desc.lower && output.desc.upper == batch.desc.upper;
    let range = if exact {
        Some((0, batch.parts.len()))
    } else {
        let start = batch
            .parts
            .iter()
            .position(|p| p.batch.desc.lower == output.desc.lower);
        let end = batch
            .parts
            .iter()
            .position(|p| p.batch.desc.upper == output.desc.upper);
        start
            .zip(end)
            .filter(|(start, end)| start <= end)
            .map(|(start, end)| (start, end + 1))
    };
    let Some((start, end)) = range else {
        return MergeOutcome::NotApplied;
    };
    let replaced = &batch.parts[start..end];
    let (Some(first), Some(last)) = (replaced.first(), replaced.last()) else {
        return MergeOutcome::NotApplied;
    };
    let old_len = replaced
        .iter()
        .fold(0, |sum: u64, p| sum.saturating_add(p.batch.len));
    let old_sum = replaced
        .iter()
        .try_fold(0i64, |sum, p| Some(sum.wrapping_add(p.batch.diffs_sum()?)));
    let sums_differ = old_sum
        .zip(output.diffs_sum())
        .is_some_and(|(old, new)| old != new);
    if output.len > old_len || sums_differ {
        return MergeOutcome::Rejected;
    }
    let id = if exact {
        batch.id
    } else {
        SpineId {
            lo: first.id.lo,
            hi: last.id.hi,
        }
    };
    let new = IdBatch {
        id,
        batch: Arc::clone(output),
    };
    let batch = Arc::make_mut(batch);
    batch.parts.splice(start..end, [new]);
    batch.active_compaction = None;
    if exact {
        MergeOutcome::AppliedExact
    } else {
        MergeOutcome::AppliedSubset
    }
}
