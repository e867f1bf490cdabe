//! Aggregates over the whole multiset of a key's values: least and greatest,
//! concatenations and maps. Source: `spec/plan.md` §5.8.
//!
//! Invariant: the result depends on the multiset alone, not on the order in
//! which values are given.

use std::cmp::Ordering;

use super::Arena;
use super::scalar::reduced;
use super::variadic::push_all;
use protocol::v26_30::{AggregateFunc, ColumnOrder};
use repr::Datum;

/// Compares rows by columns, then by `tie` (`spec/plan.md` §5.3).
pub fn compare_columns(
    order: &[ColumnOrder],
    left: &[Datum<'_>],
    right: &[Datum<'_>],
    tie: impl FnOnce() -> Ordering,
) -> Ordering {
    for by in order {
        let (Some(a), Some(b)) = (left.get(by.column), right.get(by.column)) else {
            continue;
        };
        let nulls = |first: Ordering| {
            if by.nulls_last {
                first
            } else {
                first.reverse()
            }
        };
        let ordering = match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => nulls(Ordering::Greater),
            (false, true) => nulls(Ordering::Less),
            (false, false) if by.desc => b.cmp(a),
            (false, false) => a.cmp(b),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    tie()
}

/// Whether a function takes the least (`Some(Less)`) or the greatest value.
pub fn extreme_of(func: &AggregateFunc) -> Option<Ordering> {
    use AggregateFunc::*;
    match func {
        MaxNumeric | MaxInt16 | MaxInt32 | MaxInt64 | MaxUInt16 | MaxUInt32 | MaxUInt64
        | MaxMzTimestamp | MaxFloat32 | MaxFloat64 | MaxBool | MaxString | MaxDate
        | MaxTimestamp | MaxTimestampTz | MaxInterval | MaxTime => Some(Ordering::Greater),
        MinNumeric | MinInt16 | MinInt32 | MinInt64 | MinUInt16 | MinUInt32 | MinUInt64
        | MinMzTimestamp | MinFloat32 | MinFloat64 | MinBool | MinString | MinDate
        | MinTimestamp | MinTimestampTz | MinInterval | MinTime => Some(Ordering::Less),
        SumInt16
        | SumInt32
        | SumInt64
        | SumUInt16
        | SumUInt32
        | SumUInt64
        | SumFloat32
        | SumFloat64
        | SumNumeric
        | Count
        | Any
        | All
        | JsonbAgg { .. }
        | JsonbObjectAgg { .. }
        | MapAgg { .. }
        | ArrayConcat { .. }
        | ListConcat { .. }
        | StringAgg { .. }
        | RowNumber { .. }
        | Rank { .. }
        | DenseRank { .. }
        | LagLead { .. }
        | FirstValue { .. }
        | LastValue { .. }
        | FusedValueWindowFunc { .. }
        | WindowAggregate { .. }
        | FusedWindowAggregate { .. }
        | Dummy => None,
    }
}

/// The least or greatest value that is not NULL.
pub fn extreme<'a>(which: Ordering, values: impl Iterator<Item = Datum<'a>>) -> Datum<'a> {
    values
        .filter(|value| !value.is_null())
        .reduce(|best, new| if new.cmp(&best) == which { new } else { best })
        .unwrap_or(Datum::Null)
}

/// Whether [`eval_basic`] or [`extreme`] or an accumulation answers a function.
///
/// Errors: the function's name, if none does.
pub fn supported_aggregate(func: &AggregateFunc) -> Result<(), String> {
    let answered =
        super::is_accumulable(func) || extreme_of(func).is_some() || order_of(func).is_some();
    if answered {
        return Ok(());
    }
    let text = format!("{func:?}");
    let name = text.split([' ', '{']).next().unwrap_or("");
    Err(format!("unsupported aggregate {name}"))
}

/// The order of a basic aggregate that is implemented.
fn order_of(func: &AggregateFunc) -> Option<&[ColumnOrder]> {
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

/// The payloads of records `[payload, keys…]` in order.
fn ordered<'a>(order: &[ColumnOrder], values: &[Datum<'a>]) -> Vec<Datum<'a>> {
    let mut records: Vec<Vec<Datum<'a>>> = values
        .iter()
        .filter_map(|value| match value {
            Datum::List(list) => Some(list.iter().collect()),
            _ => None,
        })
        .collect();
    records.retain(|record: &Vec<Datum<'a>>| !record.is_empty());
    records.sort_by(|a, b| compare_columns(order, &a[1..], &b[1..], || a[0].cmp(&b[0])));
    records.into_iter().map(|record| record[0]).collect()
}

/// A record's first two fields.
fn pair(datum: Datum<'_>) -> Option<(Datum<'_>, Datum<'_>)> {
    match datum {
        Datum::List(list) => {
            let mut fields = list.iter();
            Some((fields.next()?, fields.next().unwrap_or(Datum::Null)))
        }
        _ => None,
    }
}

/// A basic aggregate over the values of a key, each as often as it counts.
/// Least and greatest are answered as well. NULL for a function that
/// [`supported_aggregate`] refuses.
pub fn eval_basic<'a>(func: &AggregateFunc, values: &[Datum<'a>], arena: &'a Arena) -> Datum<'a> {
    if let Some(which) = extreme_of(func) {
        return extreme(which, values.iter().copied());
    }
    let payloads = ordered(order_of(func).unwrap_or(&[]), values);
    match func {
        AggregateFunc::StringAgg { .. } => {
            let mut text: Option<String> = None;
            for payload in payloads {
                let Some((Datum::String(value), separator)) = pair(payload) else {
                    continue;
                };
                match &mut text {
                    None => text = Some(value.into()),
                    Some(text) => {
                        if let Datum::String(separator) = separator {
                            text.push_str(separator);
                        }
                        text.push_str(value);
                    }
                }
            }
            text.map_or(Datum::Null, |text| arena.string(&text))
        }
        AggregateFunc::ArrayConcat { .. } => {
            let elements: Vec<Datum<'a>> = payloads
                .into_iter()
                .filter_map(|payload| match payload {
                    Datum::Array(array) => Some(array.elements().iter()),
                    _ => None,
                })
                .flatten()
                .collect();
            let dims = [(1, elements.len() as u64)];
            arena.datum(|packer| packer.push_array(&dims, |packer| push_all(packer, &elements)))
        }
        AggregateFunc::ListConcat { .. } => {
            let elements: Vec<Datum<'a>> = payloads
                .into_iter()
                .filter_map(|payload| match payload {
                    Datum::List(list) => Some(list.iter()),
                    _ => None,
                })
                .flatten()
                .collect();
            arena.datum(|packer| packer.push_list(|packer| push_all(packer, &elements)))
        }
        AggregateFunc::JsonbAgg { .. } => {
            let elements: Vec<Datum<'a>> = payloads.into_iter().filter(|d| !d.is_null()).collect();
            arena.datum(|packer| packer.push_list(|packer| push_all(packer, &elements)))
        }
        AggregateFunc::JsonbObjectAgg { .. } | AggregateFunc::MapAgg { .. } => {
            let json = matches!(func, AggregateFunc::JsonbObjectAgg { .. });
            let mut entries = std::collections::BTreeMap::new();
            for payload in payloads {
                if let Some((Datum::String(key), value)) = pair(payload) {
                    let value = if json && value.is_null() {
                        Datum::JsonNull
                    } else {
                        value
                    };
                    entries.insert(key, value);
                }
            }
            arena.datum(|packer| {
                packer.push_map(|packer| {
                    for (key, value) in entries {
                        packer.push(Datum::String(key));
                        packer.push(reduced(value));
                    }
                });
            })
        }
        _ => Datum::Null,
    }
}
