//! What aggregates take of their input, and what they make of it.

use std::cmp::Ordering;

use differential_dataflow::AsCollection;
use timely::dataflow::operators::vec::Filter;

use super::{Mutant, Mutants};
use crate::eval::extreme;
use crate::render::{KeyVals, RenderTimestamp};
use protocol::v26_30::{AggregateFunc, WindowFrame, WindowFrameBound, WindowFrameUnits};
use repr::{Datum, Diff, Row};

#[derive(Debug, Clone, Copy)]
pub struct ReduceSeams(pub(super) Mutants);

/// Distinct.
impl ReduceSeams {
    /// The updates that Distinct sees: all of them.
    pub fn distinct_input<'s, T: RenderTimestamp>(self, keyed: KeyVals<'s, T>) -> KeyVals<'s, T> {
        if self.0.is(Mutant::DistinctNeverRetracts) {
            return without_retractions(keyed);
        }
        keyed
    }

    /// How often a distinct row counts: once.
    pub fn distinct_count(self, input: &[(&Row, Diff)]) -> Diff {
        if self.0.is(Mutant::DistinctKeepsMultiplicity) {
            return input.iter().map(|(_, count)| *count).sum();
        }
        1
    }
}

/// Sums, counts, any and all.
impl ReduceSeams {
    /// What an update adds to the number of rows of its key: its diff.
    #[inline]
    pub fn accumulated(self, diff: Diff) -> Diff {
        if self.0.is(Mutant::CountsIgnoreRetractions) {
            return diff.abs();
        }
        diff
    }

    /// The argument of an aggregate, as it is.
    #[inline]
    pub fn argument<'a>(self, func: &AggregateFunc, datum: Datum<'a>) -> Datum<'a> {
        match (func, datum) {
            (AggregateFunc::Count, Datum::Null) if self.0.is(Mutant::CountCountsNulls) => {
                Datum::True
            }
            (AggregateFunc::All, Datum::Null) if self.0.is(Mutant::AllTakesNullForTrue) => {
                Datum::True
            }
            (AggregateFunc::SumFloat64, Datum::Float64(x))
                if self.0.is(Mutant::FloatSumSaturates) =>
            {
                Datum::Float64(x.clamp(-1e3, 1e3))
            }
            (_, datum) => datum,
        }
    }

    /// How often an argument is taken: as often as its row counts.
    #[inline]
    pub fn times(self, func: &AggregateFunc, diff: Diff) -> Diff {
        let sums = !matches!(
            func,
            AggregateFunc::Count | AggregateFunc::Any | AggregateFunc::All
        );
        if sums && self.0.is(Mutant::SumIgnoresMultiplicity) {
            return diff.signum();
        }
        diff
    }

    /// The result of an aggregate, as it is.
    pub fn result<'a>(self, func: &AggregateFunc, result: Datum<'a>) -> Datum<'a> {
        match result {
            Datum::Int64(n) if *func != AggregateFunc::Count && self.0.is(Mutant::SumWraps) => {
                Datum::Int64((n as i16).into())
            }
            result => result,
        }
    }

    /// How often an argument of an aggregate with DISTINCT is taken: once.
    pub fn distinct_argument_count(self, count: Diff) -> Diff {
        if self.0.is(Mutant::AggregateIgnoresDistinct) {
            return count;
        }
        1
    }
}

/// Least and greatest values.
impl ReduceSeams {
    /// The updates that min and max see: all of them.
    pub fn extremes_input<'s, T: RenderTimestamp>(self, keyed: KeyVals<'s, T>) -> KeyVals<'s, T> {
        if self.0.is(Mutant::MinMaxIgnoresRetractions) {
            return without_retractions(keyed);
        }
        keyed
    }

    /// The least or greatest value, by the order of datums; NULL plays no part.
    pub fn extreme<'a>(
        self,
        which: Ordering,
        column: impl Iterator<Item = Datum<'a>>,
    ) -> Datum<'a> {
        if self.0.is(Mutant::MinMaxTakesNull) {
            return with_nulls(which, column);
        }
        if self.0.is(Mutant::MinMaxComparesBytes) {
            return by_bytes(which, column);
        }
        extreme(which, column)
    }

    /// How often the complaint about a row that counts negatively counts: once.
    pub fn complaint_count(self) -> Diff {
        if self.0.is(Mutant::MinMaxNegatesError) {
            return -1;
        }
        1
    }

    /// Whether a monotonic operator consolidates its input: if the plan says so.
    pub fn consolidates(self, must_consolidate: bool) -> bool {
        must_consolidate && !self.0.is(Mutant::MonotonicNotConsolidated)
    }
}

/// Aggregates that need all values of a key.
impl ReduceSeams {
    /// The function that is computed, with its order.
    pub fn basic_func(self, func: &AggregateFunc) -> AggregateFunc {
        use AggregateFunc::*;
        let mut func = func.clone();
        if self.0.is(Mutant::AggregateIgnoresOrder)
            && let JsonbAgg { order_by }
            | JsonbObjectAgg { order_by }
            | MapAgg { order_by, .. }
            | ArrayConcat { order_by }
            | ListConcat { order_by }
            | StringAgg { order_by } = &mut func
        {
            order_by.clear();
        }
        if let Rank { order_by } = &func
            && self.0.is(Mutant::RankCountsPeersOnce)
        {
            let order_by = order_by.clone();
            return DenseRank { order_by };
        }
        if let FirstValue { window_frame, .. }
        | LastValue { window_frame, .. }
        | WindowAggregate { window_frame, .. }
        | FusedWindowAggregate { window_frame, .. } = &mut func
            && self.0.is(Mutant::WindowFrameIncludesNext)
        {
            one_row_more(window_frame);
        }
        func
    }

    /// The column of the argument of aggregate number `at`: the same.
    pub fn basic_column(self, at: usize) -> usize {
        if self.0.is(Mutant::BasicReadsFirstArgument) {
            return 0;
        }
        at
    }

    /// How often a value is taken: as often as it counts.
    pub fn basic_copies(self, count: Diff) -> Diff {
        if self.0.is(Mutant::BasicIgnoresMultiplicity) {
            return count.min(1);
        }
        count
    }
}

/// The frame that ends a row later, if it has an end that counts rows.
fn one_row_more(frame: &mut WindowFrame) {
    use WindowFrameBound::*;
    if frame.units == WindowFrameUnits::Range {
        return;
    }
    frame.end_bound = match frame.end_bound {
        OffsetPreceding(0) | CurrentRow => OffsetFollowing(1),
        OffsetPreceding(rows) => OffsetPreceding(rows - 1),
        OffsetFollowing(rows) => OffsetFollowing(rows.saturating_add(1)),
        UnboundedPreceding => UnboundedPreceding,
        UnboundedFollowing => UnboundedFollowing,
    };
}

fn without_retractions<'s, T: RenderTimestamp>(keyed: KeyVals<'s, T>) -> KeyVals<'s, T> {
    keyed.inner.filter(|(_, _, diff)| *diff > 0).as_collection()
}

/// The extreme of a column in which NULL beats every value.
fn with_nulls<'a>(which: Ordering, column: impl Iterator<Item = Datum<'a>>) -> Datum<'a> {
    column
        .reduce(|best, new| match (best.is_null(), new.is_null()) {
            (true, _) => best,
            (false, true) => new,
            (false, false) => extreme(which, [best, new].into_iter()),
        })
        .unwrap_or(Datum::Null)
}

/// The extreme of a column by the order of encoded bytes.
fn by_bytes<'a>(which: Ordering, column: impl Iterator<Item = Datum<'a>>) -> Datum<'a> {
    let bytes = |datum: Datum<'_>| Row::pack([datum]);
    column
        .filter(|datum| !datum.is_null())
        .reduce(|best, new| {
            if bytes(new).cmp(&bytes(best)) == which {
                new
            } else {
                best
            }
        })
        .unwrap_or(Datum::Null)
}
