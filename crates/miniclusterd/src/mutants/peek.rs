//! When a peek is answered, and with what.

use uuid::Uuid;

use super::{Mutant, Mutants};
use crate::halt::End;
use protocol::v26_30::{PeekResponse, RowSetFinishing};
use repr::{Antichain, Datum, Diff, Timestamp};

#[derive(Debug, Clone, Copy)]
pub struct PeekSeams(pub(super) Mutants);

/// Readiness.
impl PeekSeams {
    /// Whether a trace with this upper is complete at a time.
    pub fn ready_at(self, time: Timestamp, upper: &Antichain) -> bool {
        let early = self.0.is(Mutant::PeekEarly) && *upper == Antichain::from_elem(time);
        early || !upper.less_equal(time)
    }

    /// The time at which a shard with this upper is read: the peek's.
    pub fn shard_read_at(self, time: Timestamp, upper: &Antichain) -> Timestamp {
        if self.0.is(Mutant::PeekEarly) && *upper == Antichain::from_elem(time) {
            return time.saturating_sub(1);
        }
        time
    }

    /// Whether an index that was compacted to `since` can be read at a time.
    pub fn readable_at(self, time: Timestamp, since: &Antichain) -> bool {
        let refused = self.0.is(Mutant::PeekAtSinceRefused)
            && time > 0
            && *since == Antichain::from_elem(time);
        since.less_equal(time) && !refused
    }

    /// The answer to a peek of an index that cannot be read at its time: an
    /// error.
    pub fn below_since(self, error: String) -> PeekResponse {
        if self.0.is(Mutant::PeekBelowSinceEmpty) {
            return PeekResponse::Rows(vec![Default::default()]);
        }
        PeekResponse::Error(error)
    }

    /// The since that the refusal of a peek of a shard at `time` names: the shard's.
    pub fn refusing_since(self, since: Antichain, time: Timestamp) -> Antichain {
        match self.0.is(Mutant::ShardPeekMisstatesSince) {
            true => Antichain::from_elem(time),
            false => since,
        }
    }

    /// The time at which an index is read: the peek's.
    pub fn index_read_at(self, time: Timestamp) -> Timestamp {
        time + Timestamp::from(self.0.is(Mutant::PeekSeesNextTime))
    }

    /// The peeks that a cancellation ends: the one that it names, whether or not
    /// it is pending.
    pub fn canceled(self, uuid: Uuid, pending: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
        if self.0.is(Mutant::CancelIgnored) {
            return Vec::new();
        }
        if self.0.is(Mutant::CancelHitsAll) {
            return pending.collect();
        }
        vec![uuid]
    }
}

/// The stash.
impl PeekSeams {
    /// Whether large answers go into the stash: if the worker was told so.
    pub fn uses_stash(self, enabled: bool) -> bool {
        enabled || self.0.is(Mutant::StashesUnasked)
    }

    /// How many rows are enough for a finishing: what it skips, and what it takes.
    pub fn stash_needs(self, limit: u64, offset: u64) -> u64 {
        match self.0.is(Mutant::StashForgetsOffset) {
            true => limit,
            false => limit.saturating_add(offset),
        }
    }

    /// How many rows an entry is that counts so often.
    pub fn stash_counts(self, copies: u64) -> u64 {
        match self.0.is(Mutant::StashCountsEntries) {
            true => 1,
            false => copies,
        }
    }
}

/// Contents.
impl PeekSeams {
    /// The most bytes of a result, where the client says so many: as many.
    pub fn limit_of_results(self, bytes: u64) -> u64 {
        if self.0.is(Mutant::ResultSizeIgnored) {
            return u64::MAX;
        }
        match self.0.is(Mutant::ResultSizeTooStrict) && bytes != u64::MAX {
            true => bytes / 16,
            false => bytes,
        }
    }

    /// The error that takes the place of all rows, if there is one.
    pub fn error(self, error: Option<String>) -> Option<String> {
        error.filter(|_| !self.0.is(Mutant::PeekMissesErrors))
    }

    /// Whether the literals after one that matches no key are looked up.
    pub fn goes_on_after_a_miss(self) -> bool {
        !self.0.is(Mutant::LiteralStopsAtMiss)
    }

    /// The columns that a peek computes with: those of the row, and behind them those of
    /// the literal that was looked up.
    pub fn columns_of<'a>(
        self,
        row: impl Iterator<Item = Datum<'a>>,
        literal: impl Iterator<Item = Datum<'a>>,
    ) -> Vec<Datum<'a>> {
        match self.0.is(Mutant::LiteralBeforeRow) {
            true => literal.chain(row).collect(),
            false => row.chain(literal).collect(),
        }
    }

    /// What a peek computes of a row; an error ends it.
    pub fn computed<T, E>(self, computed: Result<Option<T>, E>) -> Result<Option<T>, E> {
        match computed {
            Err(_) if self.0.is(Mutant::PeekHidesFailures) => Ok(None),
            computed => computed,
        }
    }

    /// Whether a peek ends that looked at so many rows: only what is answered counts.
    pub fn has_looked_enough(self, looked: usize, finishing: &RowSetFinishing) -> bool {
        let limit = finishing
            .limit
            .and_then(|limit| usize::try_from(limit).ok());
        let needed = limit.map(|limit| limit.saturating_add(finishing.offset));
        self.0.is(Mutant::LimitCountsFiltered)
            && finishing.order_by.is_empty()
            && needed.is_some_and(|needed| looked > needed)
    }

    /// How often a row is answered: as often as it counts.
    #[inline]
    pub fn copies(self, count: Diff) -> Diff {
        if self.0.is(Mutant::PeekClampsMultiplicity) {
            return count.min(1);
        }
        count
    }

    /// Whether a peek that needs `needed` rows takes no more than the `rows`
    /// that it has: with an order every row may be among the first.
    pub fn has_enough(self, ordered: bool, rows: usize, needed: usize) -> bool {
        if ordered {
            return self.0.is(Mutant::LimitBeforeSort) && rows >= needed;
        }
        rows >= needed.saturating_mul(2)
    }

    /// The rows of an answer, which are in order.
    pub fn in_order<T>(self, mut rows: Vec<T>) -> Vec<T> {
        if self.0.is(Mutant::AnswersReversed) {
            rows.reverse();
        }
        rows
    }

    /// Whether a finishing can be applied: each can.
    ///
    /// Errors: how the replica ends.
    pub fn admits(self, finishing: &RowSetFinishing) -> Result<(), End> {
        if self.0.is(Mutant::PanicOnHugeLimit)
            && !finishing.order_by.is_empty()
            && let Some(limit) = finishing.limit
            && limit.checked_mul(2).is_none()
        {
            return Err(End::abort("attempt to multiply with overflow"));
        }
        Ok(())
    }
}
