//! Aggregates that need all values of a key. Source: `spec/plan.md` §2.5, §5.8.
//!
//! Invariant: a value is taken as often as it counts; what does not count
//! positively is not taken, and complained about.

use std::collections::BTreeMap;

use super::reduce::{After, Reduced, after_error};
use super::split::{reduce_errs, reduce_rows};
use super::{Context, KeyVals, LocalOks, RenderError, RenderTimestamp, arrange_oks};
use crate::errors::DataflowError;
use crate::eval::{Arena, eval_basic, pack, supported_aggregate};
use crate::mutants::Mutant;
use protocol::v26_30::{AggregateExpr, AggregateFunc, ColumnOrder, SingleBasicPlan};
use repr::{Datum, Diff, Row};

/// Counts by value.
type Counts = BTreeMap<Row, Diff>;

/// One aggregate over one column of the value rows.
#[derive(Clone)]
struct Aggregate {
    func: AggregateFunc,
    distinct: bool,
    column: usize,
    /// Mutant: multiplicities are passed over.
    once: bool,
}

impl Aggregate {
    fn new<T: RenderTimestamp>(
        ctx: &Context<'_, T>,
        aggr: &AggregateExpr,
        column: usize,
    ) -> Result<Aggregate, RenderError> {
        supported_aggregate(&aggr.func).map_err(RenderError::Unsupported)?;
        let mut func = aggr.func.clone();
        // Mutant: the order within an aggregate is passed over.
        if ctx.settings.mutants.is(Mutant::AggregateIgnoresOrder)
            && let Some(order_by) = order_of(&mut func)
        {
            order_by.clear();
        }
        Ok(Aggregate {
            func,
            distinct: aggr.distinct,
            column,
            once: ctx.settings.mutants.is(Mutant::BasicIgnoresMultiplicity),
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
                let times = if self.distinct || self.once && *count > 0 {
                    1
                } else {
                    usize::try_from(*count).unwrap_or(0)
                };
                value
                    .iter()
                    .flat_map(move |datum| std::iter::repeat_n(datum, times))
            })
            .collect();
        pack([eval_basic(&self.func, &values, &arena)])
    }
}

fn order_of(func: &mut AggregateFunc) -> Option<&mut Vec<ColumnOrder>> {
    match func {
        AggregateFunc::JsonbAgg { order_by }
        | AggregateFunc::JsonbObjectAgg { order_by }
        | AggregateFunc::MapAgg { order_by, .. }
        | AggregateFunc::ArrayConcat { order_by }
        | AggregateFunc::ListConcat { order_by }
        | AggregateFunc::StringAgg { order_by } => Some(order_by),
        _ => None,
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
    let mut aggregates = aggregates?;
    // Mutant: every aggregate reads the first one's argument.
    if ctx.settings.mutants.is(Mutant::BasicReadsFirstArgument) {
        aggregates.iter_mut().for_each(|aggr| aggr.column = 0);
    }
    Ok(collated(
        arrange_oks(keyed, "ReduceBasic"),
        aggregates,
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
            // A key may be there only for what cancels within each column.
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
