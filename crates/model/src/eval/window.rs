//! Window functions: a partition in its order, and for each of its rows a result that
//! depends on the rows around it. Source: `spec/plan.md` §4.7; what they take and give,
//! and which rows are peers, upstream's `src/expr/src/relation/func.rs`.
//!
//! Invariants: every row is looked at from scratch, by the definition of its function;
//! rows are peers if the keys of their order have the same bytes, whatever compares as
//! equal.

use std::collections::BTreeMap;
use std::ops::Range;

use super::aggregate::{self, Class, Group};
use super::basic::Record;
use super::scalar::{Value, nested};
use crate::answer::Undefined;
use protocol::v26_30::{
    AggregateFunc, LagLeadType, WindowFrame, WindowFrameBound, WindowFrameUnits,
};
use repr::{Datum, Diff, Row};

/// A partition of more rows than this is not evaluated: frames make it quadratic.
const LARGEST: usize = 3_000;

/// A row of a partition.
struct Member<'a> {
    /// What the result is handed out with.
    row: Datum<'a>,
    /// What the function reads of it.
    args: Datum<'a>,
    /// By which it stands where it stands.
    keys: Row,
}

/// The list of results and rows of a partition, whose payloads and keys of the order
/// come in order.
///
/// Errors: payloads of another shape; functions and frames that plans cannot call.
pub(super) fn window(func: &AggregateFunc, ordered: Vec<Record<'_>>) -> Result<Value, Undefined> {
    let mut partition = Vec::new();
    for (payload, keys) in ordered {
        let keys = Row::pack(keys);
        let Datum::List(payload) = payload else {
            return Err(wrong(func));
        };
        let mut fields = payload.iter();
        if is_ranking(func) {
            partition.extend(fields.map(|row| Member {
                row,
                args: Datum::Null,
                keys: keys.clone(),
            }));
        } else if let (Some(row), Some(args)) = (fields.next(), fields.next()) {
            partition.push(Member { row, args, keys });
        } else {
            return Err(wrong(func));
        }
        if partition.len() > LARGEST {
            let text = format!("a window over more than {LARGEST} rows");
            return Err(Undefined::Unsupported(text));
        }
    }
    let results = results(func, &partition)?;
    let records = results.iter().zip(&partition);
    let records: Vec<Value> = records
        .map(|(result, member)| nested::list([result.datum(), member.row].into_iter()))
        .collect();
    Ok(nested::list(records.iter().map(Value::datum)))
}

fn is_ranking(func: &AggregateFunc) -> bool {
    matches!(
        func,
        AggregateFunc::RowNumber { .. }
            | AggregateFunc::Rank { .. }
            | AggregateFunc::DenseRank { .. }
    )
}

fn wrong(func: &AggregateFunc) -> Undefined {
    Undefined::Unsupported(format!("such an argument of {func:?}"))
}

/// The result for each member.
fn results(func: &AggregateFunc, partition: &[Member<'_>]) -> Result<Vec<Value>, Undefined> {
    use AggregateFunc as F;
    let members = 0..partition.len();
    let starts_peers = |at: usize| at == 0 || partition[at - 1].keys != partition[at].keys;
    let number = |n: usize| Value::new(Datum::Int64(n as i64));
    match func {
        F::RowNumber { .. } => Ok(members.map(|at| number(at + 1)).collect()),
        F::Rank { .. } => Ok(members
            .map(|at| {
                let before = (0..=at).rev().find(|at| starts_peers(*at));
                number(before.unwrap_or(0) + 1)
            })
            .collect()),
        F::DenseRank { .. } => Ok(members
            .map(|at| number((0..=at).filter(|at| starts_peers(*at)).count()))
            .collect()),
        F::LagLead {
            lag_lead,
            ignore_nulls,
            ..
        } => lag_lead_results(func, partition, lag_lead, *ignore_nulls),
        F::FirstValue { window_frame, .. } => framed(partition, window_frame, |frame| {
            Ok(frame.first().map_or_else(Value::null, args))
        }),
        F::LastValue { window_frame, .. } => framed(partition, window_frame, |frame| {
            Ok(frame.last().map_or_else(Value::null, args))
        }),
        F::WindowAggregate {
            wrapped_aggregate,
            window_frame,
            ..
        } => framed(partition, window_frame, |frame| {
            aggregated(wrapped_aggregate, frame)
        }),
        F::FusedValueWindowFunc { funcs, .. } => together(func, partition, funcs, results),
        F::FusedWindowAggregate {
            wrapped_aggregates,
            window_frame,
            ..
        } => together(func, partition, wrapped_aggregates, |wrapped, partition| {
            framed(partition, window_frame, |frame| aggregated(wrapped, frame))
        }),
        func => Err(Undefined::Unsupported(format!("the aggregate {func:?}"))),
    }
}

fn args(member: &Member<'_>) -> Value {
    Value::new(member.args)
}

/// Several functions, of which each reads its own field of the arguments: a record of
/// their results.
fn together(
    whole: &AggregateFunc,
    partition: &[Member<'_>],
    funcs: &[AggregateFunc],
    of_one: impl Fn(&AggregateFunc, &[Member<'_>]) -> Result<Vec<Value>, Undefined>,
) -> Result<Vec<Value>, Undefined> {
    let mut columns = Vec::new();
    for (index, func) in funcs.iter().enumerate() {
        let own = partition.iter().map(|member| {
            let args = match member.args {
                Datum::List(record) => record.iter().nth(index),
                _ => None,
            };
            Ok(Member {
                row: member.row,
                args: args.ok_or_else(|| wrong(whole))?,
                keys: member.keys.clone(),
            })
        });
        let own: Vec<Member<'_>> = own.collect::<Result<_, Undefined>>()?;
        columns.push(of_one(func, &own)?);
    }
    let record = |at: usize| nested::list(columns.iter().map(|column| column[at].datum()));
    Ok((0..partition.len()).map(record).collect())
}

/// The value so many rows before or behind each, else its default.
fn lag_lead_results(
    func: &AggregateFunc,
    partition: &[Member<'_>],
    direction: &LagLeadType,
    ignore_nulls: bool,
) -> Result<Vec<Value>, Undefined> {
    let mut unpacked = Vec::new();
    for member in partition {
        let Datum::List(record) = member.args else {
            return Err(wrong(func));
        };
        let fields: Vec<Datum<'_>> = record.iter().collect();
        let [value, offset, default] = fields[..] else {
            return Err(wrong(func));
        };
        unpacked.push((value, offset, default));
    }
    let of_one = |at: usize| {
        let (_, offset, default) = unpacked[at];
        let forward = match (offset, direction) {
            (Datum::Null, _) => return Ok(Value::null()),
            (Datum::Int32(offset), LagLeadType::Lead) => i64::from(offset),
            (Datum::Int32(offset), LagLeadType::Lag) => -i64::from(offset),
            _ => return Err(wrong(func)),
        };
        let distance = usize::try_from(forward.unsigned_abs()).unwrap_or(usize::MAX);
        let counts = |at: &usize| !ignore_nulls || !unpacked[*at].0.is_null();
        let found = match forward.signum() {
            0 if !counts(&at) => {
                let text = "an offset of 0 at a NULL, where nulls are ignored";
                return Err(Undefined::Unsupported(text.into()));
            }
            0 => Some(at),
            1 => (at + 1..unpacked.len()).filter(counts).nth(distance - 1),
            _ => (0..at).rev().filter(counts).nth(distance - 1),
        };
        Ok(Value::new(found.map_or(default, |at| unpacked[at].0)))
    };
    (0..partition.len()).map(of_one).collect()
}

/// What is made of each member's frame.
fn framed(
    partition: &[Member<'_>],
    frame: &WindowFrame,
    of_frame: impl Fn(&[Member<'_>]) -> Result<Value, Undefined>,
) -> Result<Vec<Value>, Undefined> {
    let mut results: Vec<Value> = Vec::new();
    let mut last: Option<(Range<usize>, Value)> = None;
    for at in 0..partition.len() {
        let rows = rows_of(partition, frame, at)?;
        // Peers have one frame, and so have all rows of an unbounded one.
        let result = match last.take() {
            Some((known, result)) if known == rows => result,
            _ => of_frame(&partition[rows.clone()])?,
        };
        last = Some((rows, result.clone()));
        results.push(result);
    }
    Ok(results)
}

/// The rows of the frame of one member; of an empty frame, none.
fn rows_of(
    partition: &[Member<'_>],
    frame: &WindowFrame,
    at: usize,
) -> Result<Range<usize>, Undefined> {
    let last = partition.len() as i128 - 1;
    let here = at as i128;
    let row = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::UnboundedPreceding => 0,
        WindowFrameBound::OffsetPreceding(rows) => here - i128::from(*rows),
        WindowFrameBound::CurrentRow => here,
        WindowFrameBound::OffsetFollowing(rows) => here + i128::from(*rows),
        WindowFrameBound::UnboundedFollowing => last,
    };
    let (start, end) = match (&frame.units, &frame.start_bound, &frame.end_bound) {
        (WindowFrameUnits::Rows, start, end) => (row(start), row(end)),
        (
            WindowFrameUnits::Range,
            WindowFrameBound::UnboundedPreceding,
            WindowFrameBound::CurrentRow,
        ) => {
            let keys = &partition[at].keys;
            let peers = partition[at..].iter().take_while(|m| m.keys == *keys);
            (0, here + peers.count() as i128 - 1)
        }
        (WindowFrameUnits::Range | WindowFrameUnits::Groups, _, _) => {
            return Err(Undefined::Unsupported(format!("the frame {frame:?}")));
        }
    };
    let (start, end) = (start.max(0), end.min(last));
    if start > end {
        return Ok(0..0);
    }
    // Both are rows of the partition.
    Ok(start as usize..end as usize + 1)
}

/// An aggregate of the arguments in a frame.
fn aggregated(func: &AggregateFunc, frame: &[Member<'_>]) -> Result<Value, Undefined> {
    if frame.is_empty() {
        return Ok(of_nothing(func));
    }
    match aggregate::class(func) {
        Class::Accumulable => {
            let mut counts: BTreeMap<Value, Diff> = BTreeMap::new();
            for member in frame {
                *counts.entry(args(member)).or_default() += 1;
            }
            let group = Group::of(func, &counts)?;
            let (value, _) = group.result(func, frame.len() as i128)?;
            Ok(value)
        }
        Class::Hierarchical => {
            let values: Vec<Value> = frame.iter().map(args).collect();
            aggregate::extreme(func, values.iter())
        }
        Class::Basic => Err(Undefined::Unsupported(format!("{func:?} over a window"))),
    }
}

/// What an aggregate is of no rows.
fn of_nothing(func: &AggregateFunc) -> Value {
    let values = [
        (AggregateFunc::Count, Datum::Int64(0)),
        (AggregateFunc::Any, Datum::False),
        (AggregateFunc::All, Datum::True),
    ];
    let known = values.into_iter().find(|(known, _)| known == func);
    known.map_or_else(Value::null, |(_, datum)| Value::new(datum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v26_30::ColumnOrder;

    const ORDER: [ColumnOrder; 1] = [ColumnOrder {
        column: 0,
        desc: false,
        nulls_last: true,
    }];

    /// The results over members whose keys and values are these, in order.
    fn of(
        func: &AggregateFunc,
        members: &[(Datum<'_>, Datum<'_>)],
    ) -> Result<Vec<Value>, Undefined> {
        let members: Vec<Member<'_>> = members
            .iter()
            .map(|(key, args)| Member {
                row: Datum::Null,
                args: *args,
                keys: Row::pack([*key]),
            })
            .collect();
        results(func, &members)
    }

    fn numbers(values: &[i64]) -> Vec<Value> {
        values
            .iter()
            .map(|n| Value::new(Datum::Int64(*n)))
            .collect()
    }

    #[test]
    fn peers_share_a_rank_and_zeros_of_two_signs_are_none() {
        let keys = [0.0, -0.0, 1.0, 1.0, 2.0].map(Datum::Float64);
        let members = keys.map(|key| (key, Datum::Null));
        let order_by = ORDER.to_vec();
        let rank = of(
            &AggregateFunc::Rank {
                order_by: order_by.clone(),
            },
            &members,
        );
        assert_eq!(rank.unwrap(), numbers(&[1, 2, 3, 3, 5]));
        let dense = of(
            &AggregateFunc::DenseRank {
                order_by: order_by.clone(),
            },
            &members,
        );
        assert_eq!(dense.unwrap(), numbers(&[1, 2, 3, 3, 4]));
        let number = of(&AggregateFunc::RowNumber { order_by }, &members);
        assert_eq!(number.unwrap(), numbers(&[1, 2, 3, 4, 5]));
    }

    #[test]
    fn nulls_that_are_ignored_are_no_step_of_the_way() {
        let record = |value: Datum<'_>, offset: i32| {
            nested::list([value, Datum::Int32(offset), Datum::Int64(-1)].into_iter())
        };
        let (two, none) = (Datum::Int64(2), Datum::Null);
        let args: Vec<Value> = [(two, 1), (none, 1), (none, -1), (Datum::Int64(5), 2)]
            .into_iter()
            .map(|(value, offset)| record(value, offset))
            .collect();
        let members: Vec<_> = args.iter().map(|args| (none, args.datum())).collect();
        let lead = |ignore_nulls| AggregateFunc::LagLead {
            order_by: ORDER.to_vec(),
            lag_lead: LagLeadType::Lead,
            ignore_nulls,
        };
        assert_eq!(of(&lead(true), &members).unwrap(), numbers(&[5, 5, 2, -1]));
        let null = Value::null();
        let respecting = of(&lead(false), &members).unwrap();
        assert_eq!(respecting[..3], [null.clone(), null.clone(), null]);
        let nowhere = record(none, 0);
        let found = of(&lead(true), &[(none, nowhere.datum())]);
        assert!(found.is_err(), "{found:?}");
    }
}
