//! TopK: per group, the rows at some positions of an order. Source:
//! `spec/plan.md` §2.6, `spec/replica.md` §16.4.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::scalar::{self, Stop};
use super::{Evaluated, Fault};
use crate::answer::Undefined;
use crate::multiset::Multiset;
use protocol::v26_30::{ColumnOrder, EvalError, MirScalarExpr};
use repr::{Datum, Diff, Row, Timestamp};

/// What a TopK asks for.
pub(super) struct Order<'a> {
    pub group_key: &'a [usize],
    pub order_key: &'a [ColumnOrder],
    pub limit: Option<&'a MirScalarExpr>,
    pub offset: usize,
    pub monotonic: bool,
}

pub(super) fn top_k(
    input: Evaluated,
    order: &Order<'_>,
    ts: Timestamp,
) -> Result<Evaluated, Undefined> {
    let rows = input.rows.clone();
    let mut out = input.with_rows(Multiset::new());
    let mut groups: BTreeMap<Row, Vec<(&Row, Diff)>> = BTreeMap::new();
    for (row, diff) in rows.iter() {
        let datums = row.unpack();
        let key = order
            .group_key
            .iter()
            .filter_map(|c| datums.get(*c).copied());
        groups.entry(Row::pack(key)).or_default().push((row, diff));
        if let Some(limit) = order.limit.filter(|limit| !is_sane(limit)) {
            match scalar::eval(limit, &datums, ts) {
                Ok(value) => match value.datum() {
                    Datum::Int64(n) if n < 0 => out.fail(EvalError::NegLimit, diff),
                    _ => {}
                },
                Err(stop) => out.fail(stop.fault()?, diff),
            }
        }
    }
    for group in groups.into_values() {
        let mut group = group;
        if group.iter().any(|(_, diff)| *diff < 0) {
            out.lose_meaning();
            if order.monotonic && order.offset == 0 {
                out.fail(
                    Fault::Begins(
                        "Evaluation error: internal error: tried to build monotonic top-".into(),
                    ),
                    1,
                );
            } else {
                out.fail(Fault::internal("Negative multiplicities in TopK"), 1);
            }
        }
        let limit = limit_of(order, group[0].0, ts)?;
        group.sort_by(|(a, _), (b, _)| compare(order.order_key, a, b));
        let total: i128 = group.iter().map(|(_, diff)| i128::from(*diff)).sum();
        let shrinks = order.offset > 0 || limit.is_some_and(|limit| total > limit);
        if !shrinks {
            for (row, diff) in group {
                out.rows.add(row.clone(), diff);
            }
            continue;
        }
        let (mut skip, mut left) = (order.offset as i128, limit);
        for (row, diff) in group.into_iter().filter(|(_, diff)| *diff > 0) {
            let copies = i128::from(diff);
            let skipped = skip.min(copies);
            skip -= skipped;
            let wanted = copies - skipped;
            let taken = left.map_or(wanted, |left| wanted.min(left.max(0)));
            left = left.map(|left| left - taken);
            out.rows.add(row.clone(), taken as Diff);
        }
    }
    Ok(out)
}

/// A literal that is not negative needs no check.
fn is_sane(limit: &MirScalarExpr) -> bool {
    let MirScalarExpr::Literal(Ok(row), _) = limit else {
        return false;
    };
    match row.iter().next() {
        Some(Datum::Int64(n)) => n >= 0,
        _ => true,
    }
}

/// The group's limit; `None` is no limit. What fails counts as 0.
fn limit_of(order: &Order<'_>, row: &Row, ts: Timestamp) -> Result<Option<i128>, Undefined> {
    let Some(limit) = order.limit else {
        return Ok(None);
    };
    match scalar::eval(limit, &row.unpack(), ts) {
        Ok(value) => match value.datum() {
            Datum::Int64(n) => Ok(Some(n.into())),
            Datum::Null => Ok(None),
            other => Err(Undefined::Unsupported(format!("a limit of {other}"))),
        },
        Err(Stop::Error(_)) => Ok(Some(0)),
        Err(Stop::Unsupported(what)) => Err(Undefined::Unsupported(what)),
    }
}

/// The order of rows: the order key, then whole rows datum by datum.
fn compare(order: &[ColumnOrder], a: &Row, b: &Row) -> Ordering {
    let (a, b) = (a.unpack(), b.unpack());
    compare_columns(order, &a, &b).then_with(|| a.cmp(&b))
}

/// Compares by the listed columns only (`spec/plan.md` §5.3).
pub(super) fn compare_columns(order: &[ColumnOrder], a: &[Datum<'_>], b: &[Datum<'_>]) -> Ordering {
    for by in order {
        let (Some(x), Some(y)) = (a.get(by.column), b.get(by.column)) else {
            continue;
        };
        let null_side = if by.nulls_last {
            Ordering::Greater
        } else {
            Ordering::Less
        };
        let ordering = match (x, y) {
            (Datum::Null, Datum::Null) => Ordering::Equal,
            (Datum::Null, _) => null_side,
            (_, Datum::Null) => null_side.reverse(),
            (x, y) if by.desc => y.cmp(x),
            (x, y) => x.cmp(y),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}
