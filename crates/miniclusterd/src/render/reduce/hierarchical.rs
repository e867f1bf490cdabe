//! Least and greatest values. Source: `spec/plan.md` §2.5.
//!
//! Invariants: multiplicities and NULLs play no part in the result; buckets
//! divide the work and never the answer.

use std::cmp::Ordering;

use differential_dataflow::hashable::Hashable;

use super::after::{After, Reduced, after_error};
use crate::errors::DataflowError;
use crate::eval::extreme_of;
use crate::mutants::ReduceSeams;
use crate::render::split::{reduce_errs, reduce_rows};
use crate::render::{
    Context, Errs, KeyVals, LocalOks, RenderError, RenderTimestamp, arrange_oks, fallible,
};
use protocol::v26_30::{AggregateFunc, BucketedPlan, MonotonicPlan};
use repr::{Datum, Diff, Row};

/// How many levels of buckets are built at most: more would only divide more.
const LEVELS: usize = 2;

/// The aggregates of a plan.
#[derive(Clone)]
struct Extremes {
    which: Vec<Ordering>,
    seams: ReduceSeams,
}

impl Extremes {
    fn new<T: RenderTimestamp>(
        ctx: &Context<'_, T>,
        funcs: &[AggregateFunc],
    ) -> Result<Extremes, RenderError> {
        let which = funcs.iter().map(|func| {
            extreme_of(func)
                .ok_or_else(|| RenderError::Invalid(format!("{func:?} in a hierarchical Reduce")))
        });
        Ok(Extremes {
            which: which.collect::<Result<_, _>>()?,
            seams: ctx.settings.seams.reduce(),
        })
    }

    /// The results over value rows of one column for each aggregate.
    fn of(&self, rows: &[(&Row, Diff)]) -> Row {
        let rows: Vec<Vec<Datum<'_>>> = rows.iter().map(|(row, _)| row.unpack()).collect();
        let results = self.which.iter().enumerate().map(|(at, which)| {
            let column = rows.iter().filter_map(|row| row.get(at).copied());
            self.seams.extreme(*which, column)
        });
        Row::pack(results)
    }
}

pub fn render_bucketed<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    mut keyed: KeyVals<'s, T>,
    plan: &BucketedPlan,
    after: After,
) -> Result<Reduced<'s, T>, RenderError> {
    let extremes = Extremes::new(ctx, &plan.aggr_funcs)?;
    let seams = ctx.settings.seams.reduce();
    let count = seams.complaint_count();
    keyed = seams.extremes_input(keyed);
    let mut all_errs: Vec<Errs<'s, T>> = Vec::new();
    let mut first = true;
    for buckets in &plan.buckets[plan.buckets.len().saturating_sub(LEVELS)..] {
        let buckets = (*buckets).max(1);
        let bucketed = keyed.map(move |(key, value)| {
            let bucket = Datum::UInt64(value.hashed() % buckets);
            (Row::pack([bucket].into_iter().chain(key.iter())), value)
        });
        let arranged = arrange_oks(bucketed, "ReduceHierarchicalBucket");
        let extremes = extremes.clone();
        let reduced = reduce_rows(
            arranged.clone(),
            "ReduceHierarchicalBucket",
            move |_: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
                output.push((extremes.of(input), 1));
            },
        );
        if first {
            let bad = |key: &Row| {
                let key = Row::pack(key.iter().skip(1));
                format!(
                    "Invalid data in source, saw non-positive accumulation for key {key:?} \
                     in hierarchical mins-maxes aggregate"
                )
            };
            all_errs.push(validate(arranged, count, bad));
        }
        first = false;
        keyed = reduced.as_collection(|key, value| (Row::pack(key.iter().skip(1)), value.clone()));
    }
    let arranged = arrange_oks(keyed, "ReduceHierarchical");
    if first {
        let bad = |_: &Row| "Non-positive accumulation in ReduceMinsMaxes".to_string();
        all_errs.push(validate(arranged.clone(), count, bad));
    }
    let (oks, errs) = finish(arranged, extremes, after);
    all_errs.push(errs);
    let errs = differential_dataflow::collection::concatenate(ctx.scope, all_errs);
    Ok((oks, errs))
}

/// Complains about keys with a value whose count is not positive.
fn validate<'s, T: RenderTimestamp>(
    arranged: LocalOks<'s, T>,
    count: Diff,
    text: impl Fn(&Row) -> String + 'static,
) -> Errs<'s, T> {
    reduce_errs(
        arranged,
        "ReduceHierarchicalErrors",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(DataflowError, Diff)>| {
            if input.iter().any(|(_, count)| *count <= 0) {
                output.push((DataflowError::internal(text(key)), count));
            }
        },
    )
}

/// The last step: results of whole keys.
fn finish<'s, T: RenderTimestamp>(
    arranged: LocalOks<'s, T>,
    extremes: Extremes,
    after: After,
) -> Reduced<'s, T> {
    let (again, again_after) = (extremes.clone(), after.clone());
    let oks = reduce_rows(
        arranged.clone(),
        "ReduceHierarchical",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
            if let Ok(Some(row)) = after.apply(key, extremes.of(input)) {
                output.push((row, 1));
            }
        },
    );
    let errs = reduce_errs(
        arranged,
        "ReduceHierarchicalAfter",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(DataflowError, Diff)>| {
            if let Err(error) = after_error(&again_after, key, || again.of(input)) {
                output.push((error, 1));
            }
        },
    );
    (oks, errs)
}

pub fn render_monotonic<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    keyed: KeyVals<'s, T>,
    plan: &MonotonicPlan,
    after: After,
) -> Result<Reduced<'s, T>, RenderError> {
    let extremes = Extremes::new(ctx, &plan.aggr_funcs)?;
    let (keyed, complaints) = monotonic(
        ctx,
        keyed,
        plan.must_consolidate,
        "tried to build a monotonic reduction on non-monotonic input",
    );
    let (oks, errs) = finish(arrange_oks(keyed, "ReduceMonotonic"), extremes, after);
    Ok((oks, errs.concat(complaints)))
}

/// The insertions of a collection. A retraction, which has no place in it, is an
/// error that stays.
pub fn monotonic<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    keyed: KeyVals<'s, T>,
    must_consolidate: bool,
    complaint: &str,
) -> (KeyVals<'s, T>, Errs<'s, T>) {
    let keyed = if ctx.settings.seams.reduce().consolidates(must_consolidate) {
        keyed.consolidate()
    } else {
        keyed
    };
    let error = DataflowError::internal(complaint);
    fallible(
        keyed.inner,
        "Monotonic",
        move |data: &mut Vec<((Row, Row), T, Diff)>, oks, errs| {
            for (pair, time, diff) in data.drain(..) {
                if diff > 0 {
                    oks.push((pair, time, diff));
                } else {
                    errs.push((error.clone(), time, 1));
                }
            }
        },
    )
}
