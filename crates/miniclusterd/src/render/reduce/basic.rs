//! Aggregates that need all values of a key. Source: `spec/plan.md` §2.5, §5.8.
//!
//! Invariant: a value is taken as often as it counts; what does not count
//! positively is not taken, and complained about.

use std::collections::BTreeMap;

use super::after::{After, Reduced, after_error};
use crate::errors::DataflowError;
use crate::eval::{Arena, eval_basic, pack, supported_aggregate};
use crate::mutants::ReduceSeams;
use crate::render::split::{reduce_errs, reduce_rows};
use crate::render::{Context, KeyVals, LocalOks, RenderError, RenderTimestamp, arrange_oks};
use protocol::v26_30::{AggregateExpr, AggregateFunc, SingleBasicPlan};
use repr::{Datum, Diff, Row};

/// Counts by value.
type Counts = BTreeMap<Row, Diff>;

/// One aggregate over one column of the value rows.
#[derive(Clone)]
struct Aggregate {
    func: AggregateFunc,
    distinct: bool,
    column: usize,
    seams: ReduceSeams,
}

impl Aggregate {
    fn new<T: RenderTimestamp>(
        ctx: &Context<'_, T>,
        aggr: &AggregateExpr,
        at: usize,
    ) -> Result<Aggregate, RenderError> {
        supported_aggregate(&aggr.func).map_err(RenderError::Unsupported)?;
        let seams = ctx.settings.seams.reduce();
        Ok(Aggregate {
            func: seams.basic_func(&aggr.func),
            distinct: aggr.distinct,
            column: seams.basic_column(at),
            seams,
        })
    }

    /// The values of the column with their counts, none of which is zero.
    fn counts(&self, input: &[(&Row, Diff)]) -> Counts {
        let mut counts = Counts::new();
        for (row, count) in input {
            let value = row.iter().nth(self.column).unwrap_or(Datum::Null);
            *counts.entry(Row::pack([value])).or_default() += count;
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// The result as a row of one column.
    fn of(&self, input: &[(&Row, Diff)]) -> Row {
        let counts = self.counts(input);
        let arena = Arena::new();
        let values: Vec<Datum<'_>> = counts
            .iter()
            .flat_map(|(value, count)| {
                let times = if self.distinct {
                    1
                } else {
                    usize::try_from(self.seams.basic_copies(*count)).unwrap_or(0)
                };
                value
                    .iter()
                    .flat_map(move |datum| std::iter::repeat_n(datum, times))
            })
            .collect();
        pack([eval_basic(&self.func, &values, &arena)])
    }
}

/// The results of several aggregates, one column each.
fn results(aggregates: &[Aggregate], input: &[(&Row, Diff)]) -> Row {
    let columns: Vec<Row> = aggregates.iter().map(|aggr| aggr.of(input)).collect();
    Row::pack(columns.iter().flat_map(Row::iter))
}

pub fn render_single<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    keyed: KeyVals<'s, T>,
    plan: &SingleBasicPlan,
    after: After,
) -> Result<Reduced<'s, T>, RenderError> {
    let aggregate = Aggregate::new(ctx, &plan.expr, 0)?;
    let arranged = arrange_oks(keyed, "ReduceBasic");
    if plan.fused_unnest_list {
        return Ok(unnested(arranged, aggregate, after));
    }
    Ok(collated(arranged, vec![aggregate], after))
}

pub fn render_multiple<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    keyed: KeyVals<'s, T>,
    aggrs: &[AggregateExpr],
    after: After,
) -> Result<Reduced<'s, T>, RenderError> {
    let aggregates: Result<Vec<_>, _> = aggrs
        .iter()
        .enumerate()
        .map(|(at, aggr)| Aggregate::new(ctx, aggr, at))
        .collect();
    Ok(collated(
        arrange_oks(keyed, "ReduceBasic"),
        aggregates?,
        after,
    ))
}

/// One output row for each key.
fn collated<'s, T: RenderTimestamp>(
    arranged: LocalOks<'s, T>,
    aggregates: Vec<Aggregate>,
    after: After,
) -> Reduced<'s, T> {
    let (again, again_after) = (aggregates.clone(), after.clone());
    let oks = reduce_rows(
        arranged.clone(),
        "ReduceBasic",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
            // The rows of a key may all cancel within each column.
            if aggregates.iter().all(|aggr| aggr.counts(input).is_empty()) {
                return;
            }
            if let Ok(Some(row)) = after.apply(key, results(&aggregates, input)) {
                output.push((row, 1));
            }
        },
    );
    let errs = reduce_errs(
        arranged,
        "ReduceBasicErrors",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(DataflowError, Diff)>| {
            if let Some(first) = again.first()
                && first.counts(input).values().any(|count| *count <= 0)
            {
                let suffix = if first.distinct { " DISTINCT" } else { "" };
                let text = format!("Non-positive accumulation in ReduceInaccumulable{suffix}");
                output.push((DataflowError::internal(text), 1));
            }
            if let Err(error) = after_error(&again_after, key, || results(&again, input)) {
                output.push((error, 1));
            }
        },
    );
    (oks, errs)
}

/// One output row for each element of the result list.
fn unnested<'s, T: RenderTimestamp>(
    arranged: LocalOks<'s, T>,
    aggregate: Aggregate,
    after: After,
) -> Reduced<'s, T> {
    let elements = |aggregate: &Aggregate, input: &[(&Row, Diff)]| -> Vec<Row> {
        match aggregate.of(input).iter().next() {
            Some(Datum::List(list)) => list.iter().map(|datum| Row::pack([datum])).collect(),
            _ => Vec::new(),
        }
    };
    let (again, again_after) = (aggregate.clone(), after.clone());
    let oks = reduce_rows(
        arranged.clone(),
        "ReduceUnnested",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
            for element in elements(&aggregate, input) {
                if let Ok(Some(row)) = after.apply(key, element) {
                    output.push((row, 1));
                }
            }
        },
    );
    let errs = reduce_errs(
        arranged,
        "ReduceUnnestedErrors",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(DataflowError, Diff)>| {
            for element in elements(&again, input) {
                if let Err(error) = after_error(&again_after, key, || element) {
                    output.push((error, 1));
                }
            }
        },
    );
    (oks, errs)
}
