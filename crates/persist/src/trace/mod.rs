//! The trace: the batches of a shard, and the structure ("spine") that decides
//! which of them are merged when (`spec/persist.md` §3.8).
//!
//! Invariant: batches cover contiguous ids and times from 0; levels never
//! increase with age reversed; no level holds more than two batches.

mod batch;
mod compact;
mod flat;
mod spine;
#[cfg(test)]
mod tests;
mod unflatten;

use std::sync::Arc;

pub use batch::{
    Description, HollowBatch, SpineId, check_part, frontier_from_proto, frontier_to_proto, level_of,
};
pub use compact::MergeOutcome;
pub use flat::{FlatTrace, ThinBatch, ThinMerge};
pub use spine::{FuelMerge, IdBatch, Level, MergeReq, SpineBatch};

use repr::Antichain;

/// The batches of a shard with their structure.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Times below it can no longer be told apart.
    pub since: Antichain,
    /// From the lowest (youngest, smallest) to the highest level; the last one
    /// is never vacant.
    pub(super) levels: Vec<Level>,
    /// The id range of the next batch starts here.
    pub(super) next_id: u64,
    /// Times at or beyond it are still to come.
    pub(super) upper: Antichain,
}

impl Default for Trace {
    fn default() -> Self {
        Trace {
            since: Antichain::minimum(),
            levels: Vec::new(),
            next_id: 0,
            upper: Antichain::minimum(),
        }
    }
}

impl Trace {
    /// The upper of the last batch, `[0]` if there is none.
    pub fn upper(&self) -> &Antichain {
        &self.upper
    }

    /// The spine batches, oldest first, each with its level.
    pub fn spine_batches(&self) -> impl Iterator<Item = (usize, &Arc<SpineBatch>)> {
        self.levels
            .iter()
            .enumerate()
            .rev()
            .flat_map(|(level, l)| l.batches.iter().map(move |b| (level, b)))
    }

    /// The hollow batches, oldest first.
    pub fn batches(&self) -> impl Iterator<Item = &Arc<HollowBatch>> {
        self.spine_batches()
            .flat_map(|(_, b)| b.parts.iter().map(|p| &p.batch))
    }

    /// The running merges, oldest first: the ids of the result, the merge.
    pub fn merges(&self) -> impl Iterator<Item = (SpineId, &FuelMerge)> {
        self.levels.iter().rev().filter_map(|level| {
            let merge = level.merge.as_ref()?;
            let first = level.batches.first()?;
            let last = level.batches.last()?;
            Some((
                SpineId {
                    lo: first.id.lo,
                    hi: last.id.hi,
                },
                merge,
            ))
        })
    }

    /// Marks the spine batch `id` as being compacted since `start_ms`. Whether
    /// there is such a batch.
    pub fn claim(&mut self, id: SpineId, start_ms: u64) -> bool {
        for batch in self.levels.iter_mut().flat_map(|l| l.batches.iter_mut()) {
            if batch.id == id {
                Arc::make_mut(batch).active_compaction = Some(start_ms);
                return true;
            }
        }
        false
    }

    /// The bytes of all parts that live in the state.
    pub fn inline_bytes(&self) -> usize {
        self.batches().map(|b| b.inline_bytes()).sum()
    }
}
