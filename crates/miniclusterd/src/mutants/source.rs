//! What a source import reads of its shard.

use super::{Mutant, Mutants};
use persist::{Listen, ListenEvent, PersistError, Update};
use repr::{Antichain, Timestamp};

/// The seams of one source.
#[derive(Debug)]
pub struct SourceSeams {
    mutants: Mutants,
    /// How many batches were read after the snapshot.
    batches: usize,
}

impl SourceSeams {
    pub(super) fn new(mutants: Mutants) -> Self {
        SourceSeams {
            mutants,
            batches: 0,
        }
    }

    /// The time at which the snapshot is read: the as-of. None if the snapshot
    /// is empty.
    pub fn snapshot_time(&self, as_of: Timestamp, since: &Antichain) -> Option<Timestamp> {
        if self.mutants.is(Mutant::SnapshotOmitsAsOf) {
            let before = as_of.checked_sub(1)?;
            if Antichain::from_elem(before) >= *since {
                return Some(before);
            }
        }
        Some(as_of)
    }

    /// The next batch that follows the snapshot, if the shard has one already.
    pub fn next_batch(&mut self, listen: &mut Listen) -> Result<Option<ListenEvent>, PersistError> {
        if self.mutants.is(Mutant::SourceStalls) && self.batches >= 3 {
            return Ok(None);
        }
        let event = listen.poll_next()?;
        self.batches += usize::from(event.is_some());
        Ok(event)
    }

    /// What a source takes of a batch that follows the snapshot: every update.
    pub fn batch(&self, mut updates: Vec<Update>) -> Vec<Update> {
        if self.mutants.is(Mutant::LostRetraction)
            && let Some(first) = updates.iter().map(|(_, time, _)| *time).min()
        {
            updates.retain(|(_, time, diff)| *time != first || *diff > 0);
        }
        updates
    }
}
