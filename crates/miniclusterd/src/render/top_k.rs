//! The first rows of each group. Source: `spec/plan.md` §2.6.
//!
//! Invariants: order by the order key, then by whole rows as datums; a row
//! takes as many places as it counts; a group that is not longer than its limit
//! passes as it is.

use std::cmp::Ordering;

use differential_dataflow::collection::concatenate;
use differential_dataflow::hashable::Hashable;

use super::reduce::monotonic;
use super::split::{reduce_errs, reduce_rows};
use super::{
    Arrangement, Bundle, Context, Errs, KeyVals, LocalOks, Oks, RenderError, RenderTimestamp,
    arrange_errs, arrange_oks, fallible,
};
use crate::errors::DataflowError;
use crate::eval::{Arena, compare_columns, eval, supported};
use crate::mutants::TopKSeams;
use protocol::neutral::{MonotonicTop1Plan, Top1Form, TopKPlan};
use protocol::v26_30::{ColumnOrder, EvalError, MirScalarExpr};
use repr::{Datum, Diff, Row};

/// Which rows of a group remain.
#[derive(Clone)]
struct Cut {
    order: Vec<ColumnOrder>,
    /// Over the columns of the group row; None is no limit.
    limit: Option<MirScalarExpr>,
    /// Added to the limit, and rows skipped.
    more: Diff,
    offset: usize,
    seams: TopKSeams,
}

impl Cut {
    /// The rows from `offset` on, as many as `limit` (over the input's columns)
    /// says.
    fn new(
        order: &[ColumnOrder],
        limit: Option<&MirScalarExpr>,
        group_key: &[usize],
        offset: usize,
        seams: TopKSeams,
    ) -> Cut {
        Cut {
            order: seams.order(order),
            limit: limit.map(|limit| grouped(limit, group_key)),
            more: 0,
            offset: seams.offset(offset),
            seams,
        }
    }
}

/// Moves the columns of a limit to their places in the group row.
fn grouped(limit: &MirScalarExpr, group_key: &[usize]) -> MirScalarExpr {
    let moved = |expr: &MirScalarExpr| Box::new(grouped(expr, group_key));
    match limit {
        MirScalarExpr::Column(at, label) => {
            let place = group_key.iter().position(|column| column == at);
            MirScalarExpr::Column(place.unwrap_or(usize::MAX), label.clone())
        }
        MirScalarExpr::Literal(..) | MirScalarExpr::CallUnmaterializable(_) => limit.clone(),
        MirScalarExpr::CallUnary { func, expr } => MirScalarExpr::CallUnary {
            func: func.clone(),
            expr: moved(expr),
        },
        MirScalarExpr::CallBinary { func, expr1, expr2 } => MirScalarExpr::CallBinary {
            func: func.clone(),
            expr1: moved(expr1),
            expr2: moved(expr2),
        },
        MirScalarExpr::CallVariadic { func, exprs } => MirScalarExpr::CallVariadic {
            func: func.clone(),
            exprs: exprs.iter().map(|expr| grouped(expr, group_key)).collect(),
        },
        MirScalarExpr::If { cond, then, els } => MirScalarExpr::If {
            cond: moved(cond),
            then: moved(then),
            els: moved(els),
        },
    }
}

impl Cut {
    /// The group's limit; None is no limit. An expression that fails limits to
    /// nothing.
    fn limit_of(&self, group: &Row) -> Option<Diff> {
        let limit = self.limit.as_ref()?;
        let arena = Arena::new();
        let datums: Vec<Datum<'_>> = group.iter().collect();
        let limit = match eval(limit, &datums, &arena) {
            Ok(Datum::Null) => None,
            Ok(Datum::Int64(limit)) => limit
                .checked_add(self.more)
                .or_else(|| self.seams.overflowing_limit()),
            Ok(_) | Err(_) => Some(0),
        };
        self.seams.limit(limit)
    }

    fn compare(&self, a: &(Vec<Datum<'_>>, &Row), b: &(Vec<Datum<'_>>, &Row)) -> Ordering {
        compare_columns(&self.order, &a.0, &b.0, || self.seams.tie_break(a, b))
    }

    /// The rows of a group that remain, with their counts.
    fn of(&self, group: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>) {
        let limit = self.limit_of(group);
        let total = input
            .iter()
            .fold(0, |sum: Diff, (_, count)| sum.saturating_add(*count));
        if self.offset == 0 && limit.is_none_or(|limit| total <= limit) {
            output.extend(input.iter().map(|(row, count)| ((*row).clone(), *count)));
            return;
        }
        let mut rows: Vec<((Vec<Datum<'_>>, &Row), Diff)> = input
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(row, count)| ((row.unpack(), *row), *count))
            .collect();
        rows.sort_by(|a, b| self.compare(&a.0, &b.0));
        let mut skip = Diff::try_from(self.offset).unwrap_or(Diff::MAX);
        let mut left = limit.unwrap_or(Diff::MAX);
        for ((_, row), count) in rows {
            let places = self.seams.places(count);
            let skipped = places.min(skip);
            skip -= skipped;
            let taken = (places - skipped).min(left);
            if taken > 0 {
                left -= taken;
                output.push((row.clone(), self.seams.remaining(taken, count)));
            }
        }
    }
}

/// Rows by the columns that group them.
fn by_group<'s, T: RenderTimestamp>(rows: Oks<'s, T>, group_key: &[usize]) -> KeyVals<'s, T> {
    let group_key = group_key.to_vec();
    rows.map(move |row| {
        let datums = row.unpack();
        let group = group_key
            .iter()
            .map(|at| datums.get(*at).copied().unwrap_or(Datum::Null));
        (Row::pack(group), row)
    })
}

/// The errors of a limit over each input row.
fn limit_errs<'s, T: RenderTimestamp>(rows: Oks<'s, T>, limit: MirScalarExpr) -> Errs<'s, T> {
    let (_, errs) = fallible(
        rows.inner,
        "TopKLimit",
        move |data: &mut Vec<(Row, T, Diff)>, _: &mut Vec<((), T, Diff)>, errs| {
            for (row, time, diff) in data.drain(..) {
                let arena = Arena::new();
                let datums: Vec<Datum<'_>> = row.iter().collect();
                let error = match eval(&limit, &datums, &arena) {
                    Err(error) => error,
                    Ok(Datum::Int64(n)) if n < 0 => EvalError::NegLimit,
                    Ok(_) => continue,
                };
                errs.push((error.into(), time, diff));
            }
        },
    );
    errs
}

/// Whether a limit can neither fail nor be negative.
fn is_safe(limit: &MirScalarExpr) -> bool {
    match limit {
        MirScalarExpr::Literal(Ok(row), _) => match row.iter().next() {
            Some(Datum::Int64(n)) => n >= 0,
            Some(Datum::Null) => true,
            Some(_) | None => false,
        },
        MirScalarExpr::Literal(Err(_), _)
        | MirScalarExpr::Column(..)
        | MirScalarExpr::CallUnmaterializable(_)
        | MirScalarExpr::CallUnary { .. }
        | MirScalarExpr::CallBinary { .. }
        | MirScalarExpr::CallVariadic { .. }
        | MirScalarExpr::If { .. } => false,
    }
}

pub fn render_top_k<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input: Bundle<'s, T>,
    plan: &TopKPlan,
) -> Result<Bundle<'s, T>, RenderError> {
    let (rows, errs) = input.raw()?;
    let seams = ctx.settings.seams.top_k();
    let mut all_errs = vec![errs.clone()];
    let mut checked = |limit: &Option<MirScalarExpr>| -> Result<(), RenderError> {
        if let Some(limit) = limit {
            supported(limit).map_err(RenderError::Unsupported)?;
            if !is_safe(limit) {
                all_errs.push(limit_errs(rows.clone(), limit.clone()));
            }
        }
        Ok(())
    };
    let oks = match plan {
        TopKPlan::MonotonicTop1(plan) => return Ok(render_top_1(ctx, rows, errs, plan)),
        TopKPlan::MonotonicTopK(plan) => {
            checked(&plan.limit)?;
            let limit = plan.limit.as_ref();
            let cut = Cut::new(&plan.order_key, limit, &plan.group_key, 0, seams);
            let keyed = by_group(rows, &plan.group_key);
            let (keyed, errs) = monotonic(
                ctx,
                keyed,
                plan.must_consolidate,
                "tried to build monotonic top-k on non-monotonic input",
            );
            all_errs.push(errs);
            last_stage(keyed, cut, None)
        }
        TopKPlan::Basic(plan) => {
            checked(&plan.limit)?;
            let limit = plan.limit.as_ref();
            let cut = Cut::new(&plan.order_key, limit, &plan.group_key, plan.offset, seams);
            let mut keyed = by_group(rows, &plan.group_key);
            let mut validate = Some(&mut all_errs);
            // One level of buckets: more would only divide more.
            if let (Some(buckets), Some(_)) = (plan.buckets.last(), &cut.limit) {
                let offset = Diff::try_from(plan.offset).unwrap_or(Diff::MAX);
                let whole = Cut {
                    more: seams.beyond_limit(offset),
                    offset: 0,
                    ..cut.clone()
                };
                keyed = bucket_stage(keyed, whole, *buckets, validate.take());
            }
            last_stage(keyed, cut, validate)
        }
    };
    let errs = concatenate(ctx.scope, all_errs);
    Ok(Bundle::from_raw(oks, errs))
}

/// The first row of each group, in the form that the plan says.
fn render_top_1<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    rows: Oks<'s, T>,
    errs: Errs<'s, T>,
    plan: &MonotonicTop1Plan,
) -> Bundle<'s, T> {
    let keyed = by_group(rows, &plan.group_key);
    let (keyed, new_errs) = monotonic(
        ctx,
        keyed,
        plan.must_consolidate,
        "tried to build monotonic top-1 on non-monotonic input",
    );
    let errs = errs.concat(new_errs);
    let seams = ctx.settings.seams.top_k();
    let cut = Cut::new(&plan.order_key, None, &plan.group_key, 0, seams);
    match plan.offers {
        Top1Form::Raw => {
            let firsts = first_of(keyed, cut, Row::clone);
            Bundle::from_raw(firsts.as_collection(|_, row| row.clone()), errs)
        }
        Top1Form::Arranged { arity: _ } => {
            let columns = plan.group_key.clone();
            let oks = first_of(keyed, cut, move |row| thinned(row, &columns));
            let errs = arrange_errs(errs, "Top1 errors");
            let key = plan.group_key.iter().copied().map(MirScalarExpr::column);
            Bundle::from_arrangement(key.collect(), Arrangement::Local { oks, errs })
        }
    }
}

/// Cuts each bucket of a group to the rows that may be among the first of it.
fn bucket_stage<'s, T: RenderTimestamp>(
    keyed: KeyVals<'s, T>,
    cut: Cut,
    buckets: u64,
    errs: Option<&mut Vec<Errs<'s, T>>>,
) -> KeyVals<'s, T> {
    let buckets = buckets.max(1);
    let bucketed = keyed.map(move |(group, row)| {
        let bucket = Datum::UInt64(row.hashed() % buckets);
        (Row::pack(group.iter().chain([bucket])), row)
    });
    let arranged = arrange_oks(bucketed, "TopKBucket");
    if let Some(errs) = errs {
        errs.push(negatives(arranged.clone()));
    }
    reduce_rows(
        arranged,
        "TopKBucket",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
            if input.iter().any(|(_, count)| *count <= 0) {
                // Complained about; it passes as it is.
                output.extend(input.iter().map(|(row, count)| ((*row).clone(), *count)));
            } else {
                cut.of(key, input, output);
            }
        },
    )
    .as_collection(|key, row| {
        let width = key.iter().count() - 1;
        (Row::pack(key.iter().take(width)), row.clone())
    })
}

fn negatives<'s, T: RenderTimestamp>(arranged: super::LocalOks<'s, T>) -> Errs<'s, T> {
    reduce_errs(
        arranged,
        "TopKErrors",
        |_: &Row, input: &[(&Row, Diff)], output: &mut Vec<(DataflowError, Diff)>| {
            if input.iter().any(|(_, count)| *count <= 0) {
                let text = "Negative multiplicities in TopK";
                output.push((DataflowError::internal(text), 1));
            }
        },
    )
}

/// Cuts whole groups.
fn last_stage<'s, T: RenderTimestamp>(
    keyed: KeyVals<'s, T>,
    cut: Cut,
    errs: Option<&mut Vec<Errs<'s, T>>>,
) -> Oks<'s, T> {
    let arranged = arrange_oks(keyed, "TopK");
    let validated = errs.is_some();
    if let Some(errs) = errs {
        errs.push(negatives(arranged.clone()));
    }
    reduce_rows(
        arranged,
        "TopK",
        move |group: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
            if validated && input.iter().any(|(_, count)| *count <= 0) {
                output.extend(input.iter().map(|(row, count)| ((*row).clone(), *count)));
            } else {
                cut.of(group, input, output);
            }
        },
    )
    .as_collection(|_, row| row.clone())
}

/// The single first row of each group, once, as `kept` keeps it.
fn first_of<'s, T: RenderTimestamp>(
    keyed: KeyVals<'s, T>,
    cut: Cut,
    kept: impl Fn(&Row) -> Row + 'static,
) -> LocalOks<'s, T> {
    reduce_rows(
        arrange_oks(keyed, "Top1"),
        "Top1",
        move |_: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
            let first = input
                .iter()
                .map(|(row, _)| (row.unpack(), *row))
                .min_by(|a, b| cut.compare(a, b));
            if let Some((_, row)) = first {
                output.push((kept(row), 1));
            }
        },
    )
}

/// A row without the columns of the group key, as the value of an arrangement by
/// it. Source: `spec/v26_39.md` §3.7.
fn thinned(row: &Row, group_key: &[usize]) -> Row {
    let columns = row.iter().enumerate();
    Row::pack(
        columns
            .filter(|(column, _)| !group_key.contains(column))
            .map(|(_, datum)| datum),
    )
}
