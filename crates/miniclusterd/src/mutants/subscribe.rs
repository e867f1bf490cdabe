//! Which updates a subscribe tells, and in which form.

use super::{Mutant, Mutants};
use protocol::v26_30::SubscribeResponse;
use repr::{Antichain, Diff, Row, Timestamp};

#[derive(Debug, Clone, Copy)]
pub struct SubscribeSeams(pub(super) Mutants);

impl SubscribeSeams {
    /// Whether the updates at the as-of are told: if a snapshot was asked for.
    pub fn with_snapshot(self, with_snapshot: bool) -> bool {
        with_snapshot || self.0.is(Mutant::SubscribeSnapshotAlways)
    }

    /// Whether an update at this time is before the up-to.
    pub fn before_up_to(self, time: Timestamp, up_to: &Antichain) -> bool {
        if self.0.is(Mutant::SubscribeUpToInclusive) {
            return !up_to.less_than(time);
        }
        !up_to.less_equal(time)
    }

    /// Whether the updates of a batch are consolidated: always.
    pub fn consolidates(self) -> bool {
        !self.0.is(Mutant::SubscribeNotConsolidated)
    }

    /// Whether the updates of a batch are sorted: always.
    pub fn sorts(self) -> bool {
        !self.0.is(Mutant::SubscribeUnsorted)
    }

    /// The updates that a batch from `lower` tells: all that are ready.
    pub fn batch(
        self,
        lower: &Antichain,
        mut ready: Vec<(Row, Timestamp, Diff)>,
    ) -> Vec<(Row, Timestamp, Diff)> {
        if self.0.is(Mutant::SubscribeGap)
            && let Some(first) = lower.as_option().filter(|first| *first > 0)
        {
            ready.retain(|(_, time, _)| *time != first);
        }
        ready
    }

    /// The error that takes the place of all rows, if there is one.
    pub fn error(self, error: Option<String>) -> Option<String> {
        error.filter(|_| !self.0.is(Mutant::SubscribeDropsErrors))
    }

    /// The batches that a subscribe tells before it is dropped: all that it was
    /// about to tell.
    pub fn last_batches(self, batches: Vec<SubscribeResponse>) -> Vec<SubscribeResponse> {
        if self.0.is(Mutant::SubscribeDropForgets) {
            return Vec::new();
        }
        batches
    }

    /// The response to the drop of a subscribe that told everything before
    /// `upper`; None if it had ended already.
    pub fn dropped_at(self, upper: Antichain) -> Option<SubscribeResponse> {
        let tells = !upper.is_empty() && !self.0.is(Mutant::SubscribeDropSilent);
        tells.then_some(SubscribeResponse::DroppedAt(upper))
    }
}
