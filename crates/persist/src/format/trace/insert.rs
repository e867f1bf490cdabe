//! Inserting a batch: the levels, their merges, and the fuel that each insert
//! brings (`spec/persist.md` §3.8).
//!
//! Invariant: after every insert the structure is the one that upstream's
//! algorithm makes of the same inserts, and every merge of two non-empty
//! batches that completed is asked for exactly once.

use std::sync::Arc;

use super::batch::{HollowBatch, SpineId, level_of};
use super::spine::{FuelMerge, IdBatch, Level, SpineBatch, Trace};
use crate::format::description::Description;
use repr::Antichain;

/// A compaction that a completed merge asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeReq {
    pub id: SpineId,
    pub desc: Description,
    pub inputs: Vec<IdBatch>,
}

/// The insertion met a structure that upstream's algorithm cannot continue
/// either.
const OVERFULL: &str = "a level of the trace received a batch while it was merging";

impl Trace {
    /// Appends `batch`, whose lower must be the trace's upper. The compactions
    /// that this asks for, smaller ones within larger ones left out.
    pub fn push(&mut self, batch: Arc<HollowBatch>) -> Result<Vec<MergeReq>, &'static str> {
        let id = SpineId {
            lo: self.next_id,
            hi: self.next_id.saturating_add(1),
        };
        self.next_id = id.hi;
        self.upper = batch.desc.upper.clone();
        let new = SpineBatch {
            id,
            desc: batch.desc.clone(),
            parts: vec![IdBatch { id, batch }],
            active_compaction: None,
        };
        let mut requests = Vec::new();
        if !self.join_empty(&new) {
            self.introduce(new, &mut requests)?;
        }
        Ok(without_covered(requests))
    }

    /// An empty batch after an empty batch only lengthens it.
    fn join_empty(&mut self, new: &SpineBatch) -> bool {
        if !new.is_empty() {
            return false;
        }
        let since = self.since.clone();
        let Some(level) = self.levels.iter_mut().find(|l| !l.batches.is_empty()) else {
            return false;
        };
        let [old] = &level.batches[..] else {
            return false;
        };
        if !old.is_empty() {
            return false;
        }
        let since = old.desc.since.join(&new.desc.since).join(&since);
        level.batches = vec![empty_between(old, new, since)];
        true
    }

    fn introduce(
        &mut self,
        new: SpineBatch,
        requests: &mut Vec<MergeReq>,
    ) -> Result<(), &'static str> {
        let level = level_of(new.len());
        self.apply_fuel(level, requests)?;
        self.roll_up(level, requests)?;
        self.insert_at(Arc::new(new), level)?;
        self.tidy()
    }

    /// Every running merge gets the fuel of a batch at `level`.
    fn apply_fuel(
        &mut self,
        level: usize,
        requests: &mut Vec<MergeReq>,
    ) -> Result<(), &'static str> {
        let fuel = u32::try_from(level)
            .ok()
            .and_then(|level| 8u64.checked_shl(level))
            .filter(|fuel| fuel >> level == 8)
            .unwrap_or(u64::MAX);
        let mut index = 0;
        while index < self.levels.len() {
            if let Some(merge) = &mut self.levels[index].merge {
                merge.remaining_work = merge.remaining_work.saturating_sub(fuel);
                if merge.remaining_work == 0
                    && let Some(done) = self.complete(index, requests)
                {
                    self.insert_at(done, index + 1)?;
                }
            }
            index += 1;
        }
        Ok(())
    }

    /// Empties the levels below `level` into it.
    fn roll_up(&mut self, level: usize, requests: &mut Vec<MergeReq>) -> Result<(), &'static str> {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Level::default);
        }
        if self.levels[..level].iter().all(|l| l.batches.is_empty()) {
            return Ok(());
        }
        let mut carried = None;
        for index in 0..level {
            if let Some(batch) = carried.take() {
                self.insert_at(batch, index)?;
            }
            carried = self.complete(index, requests);
        }
        if let Some(batch) = carried {
            self.insert_at(batch, level)?;
        }
        if self.levels[level].batches.len() == 2
            && let Some(done) = self.complete(level, requests)
        {
            self.insert_at(done, level + 1)?;
        }
        Ok(())
    }

    fn insert_at(&mut self, batch: Arc<SpineBatch>, index: usize) -> Result<(), &'static str> {
        if self.levels.len() <= index {
            self.levels.resize_with(index + 1, Level::default);
        }
        let since = self.since.clone();
        let level = &mut self.levels[index];
        if level.batches.len() >= 2 {
            return Err(OVERFULL);
        }
        level.batches.push(batch);
        if let [first, second] = &level.batches[..] {
            level.merge = Some(FuelMerge {
                since: first.desc.since.join(&second.desc.since).join(&since),
                remaining_work: first.len().saturating_add(second.len()),
            });
        }
        Ok(())
    }

    /// Takes out what the level amounts to.
    fn complete(&mut self, index: usize, requests: &mut Vec<MergeReq>) -> Option<Arc<SpineBatch>> {
        let level = std::mem::take(&mut self.levels[index]);
        let mut batches = level.batches.into_iter();
        let first = batches.next()?;
        let Some(second) = batches.next() else {
            return Some(first);
        };
        let since = level.merge.map_or_else(
            || first.desc.since.join(&second.desc.since).join(&self.since),
            |merge| merge.since,
        );
        if first.is_empty() && second.is_empty() {
            return Some(empty_between(&first, &second, since));
        }
        let merged = SpineBatch {
            id: SpineId {
                lo: first.id.lo,
                hi: second.id.hi,
            },
            desc: Description {
                lower: first.desc.lower.clone(),
                upper: second.desc.upper.clone(),
                since,
            },
            parts: first.parts.iter().chain(&second.parts).cloned().collect(),
            active_compaction: None,
        };
        requests.push(MergeReq {
            id: merged.id,
            desc: merged.desc.clone(),
            inputs: merged.parts.clone(),
        });
        Some(Arc::new(merged))
    }

    /// Lets the top level sink as far as its batch is small.
    fn tidy(&mut self) -> Result<(), &'static str> {
        while let Some(top) = self.levels.len().checked_sub(1) {
            let [batch] = &self.levels[top].batches[..] else {
                return Ok(());
            };
            if top == 0 || level_of(batch.len()) >= top {
                return Ok(());
            }
            match self.levels[top - 1].batches.len() {
                0 => {
                    self.levels.remove(top - 1);
                }
                1 => {
                    let below: u128 = self.levels[..top - 1]
                        .iter()
                        .enumerate()
                        .map(|(j, l)| (l.batches.len() as u128) << j)
                        .sum();
                    if below > (1u128 << (top + 1)) / 8 {
                        return Ok(());
                    }
                    let sunk = self.levels.remove(top - 1);
                    for batch in sunk.batches {
                        self.insert_at(batch, top - 1)?;
                    }
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}

fn empty_between(first: &SpineBatch, last: &SpineBatch, since: Antichain) -> Arc<SpineBatch> {
    let id = SpineId {
        lo: first.id.lo,
        hi: last.id.hi,
    };
    let desc = Description {
        lower: first.desc.lower.clone(),
        upper: last.desc.upper.clone(),
        since,
    };
    let batch = Arc::new(HollowBatch::empty(desc.clone()));
    Arc::new(SpineBatch {
        id,
        desc,
        parts: vec![IdBatch { id, batch }],
        active_compaction: None,
    })
}

/// Rolling up asks for (a, b), then (a, b, c), …: the last one is enough.
fn without_covered(requests: Vec<MergeReq>) -> Vec<MergeReq> {
    let covered = |small: &MergeReq, large: &MergeReq| {
        large.id != small.id && large.id.covers(small.id) && large.desc.since == small.desc.since
    };
    requests
        .iter()
        .filter(|r| !requests.iter().any(|other| covered(r, other)))
        .cloned()
        .collect()
}
