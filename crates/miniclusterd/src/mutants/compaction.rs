//! Up to where a compaction merges the times of an index.

use super::{Mutant, Mutants};
use repr::{Antichain, Timestamp};

/// The seams of one index.
#[derive(Debug, Clone, Copy)]
pub struct CompactionSeams {
    mutants: Mutants,
    /// Updates before the first time are read as if at the second.
    merged: Option<(Timestamp, Timestamp)>,
}

impl CompactionSeams {
    pub(super) fn new(mutants: Mutants) -> Self {
        CompactionSeams {
            mutants,
            merged: None,
        }
    }

    /// Takes note of a compaction to `since` of an index that is complete up to
    /// `upper`.
    pub fn compacted(&mut self, since: &Antichain, upper: &Antichain) {
        let Some(since) = since.as_option() else {
            return;
        };
        if self.mutants.is(Mutant::CompactionPastSince) {
            let upper = upper.as_option().unwrap_or(Timestamp::MAX);
            self.merged = Some((upper, since));
        }
        if self.mutants.is(Mutant::CompactionOffByOne) {
            self.merged = Some((since.saturating_add(2), since));
        }
    }

    /// The time at which an update counts: its own.
    #[inline]
    pub fn time_of_update(self, at: Timestamp) -> Timestamp {
        match self.merged {
            Some((before, since)) if at < before => at.min(since),
            Some(_) | None => at,
        }
    }
}
