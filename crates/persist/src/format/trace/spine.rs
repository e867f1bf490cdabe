//! The structure of a trace: levels of spine batches, each made of one or more
//! hollow batches (`spec/persist.md` §3.8).
//!
//! Invariant: a level with two batches has a merge, every other has none.

use std::sync::Arc;

use super::batch::{HollowBatch, SpineId};
use crate::format::description::Description;
use repr::Antichain;

/// A hollow batch inside a spine batch.
#[derive(Debug, Clone, PartialEq)]
pub struct IdBatch {
    pub id: SpineId,
    pub batch: Arc<HollowBatch>,
}

/// A batch of the spine: one or more hollow batches that count as one.
#[derive(Debug, Clone, PartialEq)]
pub struct SpineBatch {
    pub id: SpineId,
    pub desc: Description,
    pub parts: Vec<IdBatch>,
    /// When its running compaction was claimed, in ms since 1970.
    pub active_compaction: Option<u64>,
}

impl SpineBatch {
    /// How many updates its parts hold.
    pub fn len(&self) -> u64 {
        self.parts
            .iter()
            .fold(0, |sum: u64, p| sum.saturating_add(p.batch.len))
    }

    /// Whether its parts hold no updates.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The merge of a level that holds two batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FuelMerge {
    pub since: Antichain,
    /// How many updates are still to be paid for.
    pub remaining_work: u64,
}

/// A level: no batch, one, or two with their merge.
#[derive(Debug, Clone, Default)]
pub struct Level {
    pub batches: Vec<Arc<SpineBatch>>,
    pub merge: Option<FuelMerge>,
}

/// The batches of a shard with their structure.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Times below it can no longer be told apart.
    pub since: Antichain,
    /// From the lowest (youngest, smallest) to the highest level; the last one
    /// holds a batch.
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
