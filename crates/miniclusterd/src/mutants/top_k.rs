//! The order within a group, and how many of its rows remain.

use std::cmp::Ordering;

use super::{Mutant, Mutants};
use protocol::v26_30::ColumnOrder;
use repr::{Datum, Diff, Row};

#[derive(Debug, Clone, Copy)]
pub struct TopKSeams(pub(super) Mutants);

impl TopKSeams {
    /// The order of the rows of a group: the order key of the plan.
    pub fn order(self, order: &[ColumnOrder]) -> Vec<ColumnOrder> {
        let mut order = order.to_vec();
        if self.0.is(Mutant::TopKTurnsNulls) {
            for by in &mut order {
                by.nulls_last = !by.nulls_last;
            }
        }
        if self.0.is(Mutant::TopKIgnoresLaterDesc) {
            order.iter_mut().skip(1).for_each(|by| by.desc = false);
        }
        order
    }

    /// The order of rows that the order key leaves equal, each unpacked and
    /// packed: as datums.
    #[inline]
    pub fn tie_break(self, a: &(Vec<Datum<'_>>, &Row), b: &(Vec<Datum<'_>>, &Row)) -> Ordering {
        if self.0.is(Mutant::TopKTiesByBytes) {
            return a.1.cmp(b.1);
        }
        a.0.cmp(&b.0)
    }

    /// The limit of a group, None for no limit.
    pub fn limit(self, limit: Option<Diff>) -> Option<Diff> {
        match limit {
            Some(0) if self.0.is(Mutant::TopKZeroIsUnlimited) => None,
            Some(n) if n > 1 && self.0.is(Mutant::TopKLimitOffByOne) => Some(n + 1),
            Some(_) | None => limit,
        }
    }

    /// The limit of a group for which limit and offset together overflow: none,
    /// since no group is that long.
    pub fn overflowing_limit(self) -> Option<Diff> {
        self.0.is(Mutant::TopKLimitOverflows).then_some(0)
    }

    /// How many rows of a group are skipped.
    pub fn offset(self, offset: usize) -> usize {
        if self.0.is(Mutant::TopKIgnoresOffset) {
            return 0;
        }
        offset
    }

    /// How many rows beyond the limit a bucket keeps: as many as are skipped
    /// later.
    pub fn beyond_limit(self, offset: Diff) -> Diff {
        if self.0.is(Mutant::TopKBucketForgetsOffset) {
            return 0;
        }
        offset
    }

    /// How many places a row takes: as many as it counts.
    pub fn places(self, count: Diff) -> Diff {
        if self.0.is(Mutant::TopKCountsRowsOnce) {
            return 1;
        }
        count
    }

    /// How often a row remains that counts `count` and got `places` places: once
    /// for each place.
    pub fn remaining(self, places: Diff, count: Diff) -> Diff {
        if self.0.is(Mutant::TopKCountsRowsOnce) {
            return count;
        }
        places
    }
}
