//! Aggregates over the whole multiset of a key's values: least and greatest,
//! concatenations and maps; windows have a file of their own. Source: `spec/plan.md` §5.8.
//!
//! Invariant: the result depends on the multiset alone, not on the order in
//! which values are given.

use std::cmp::Ordering;

use super::Arena;
use super::pack::reduced;
use super::variadic::push_all;
use super::window::{eval_window, supported_window};
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

/// How a function makes its result of the values of a key.
enum Way<'f> {
    /// Takes the least or the greatest.
    Extreme(Ordering),
    /// Collects the payloads of records `[payload, keys…]` in the order of the
    /// keys.
    Collect(Collected, &'f [ColumnOrder]),
    /// Looks at each record among those of its key, in the order of the keys.
    Window(&'f [ColumnOrder]),
    /// Adds up, as an [`super::Accum`].
    Accumulate,
}

/// The value to which payloads are collected.
enum Collected {
    Text,
    Array,
    List,
    JsonbArray,
    JsonbObject,
    Map,
}

fn way(func: &AggregateFunc) -> Way<'_> {
    use AggregateFunc::*;
    match func {
        MaxNumeric | MaxInt16 | MaxInt32 | MaxInt64 | MaxUInt16 | MaxUInt32 | MaxUInt64
        | MaxMzTimestamp | MaxFloat32 | MaxFloat64 | MaxBool | MaxString | MaxDate
        | MaxTimestamp | MaxTimestampTz | MaxInterval | MaxTime => Way::Extreme(Ordering::Greater),
        MinNumeric | MinInt16 | MinInt32 | MinInt64 | MinUInt16 | MinUInt32 | MinUInt64
        | MinMzTimestamp | MinFloat32 | MinFloat64 | MinBool | MinString | MinDate
        | MinTimestamp | MinTimestampTz | MinInterval | MinTime => Way::Extreme(Ordering::Less),
        SumInt16 | SumInt32 | SumInt64 | SumUInt16 | SumUInt32 | SumUInt64 | SumFloat32
        | SumFloat64 | SumNumeric | Count | Any | All | Dummy => Way::Accumulate,
        StringAgg { order_by } => Way::Collect(Collected::Text, order_by),
        ArrayConcat { order_by } => Way::Collect(Collected::Array, order_by),
        ListConcat { order_by } => Way::Collect(Collected::List, order_by),
        JsonbAgg { order_by } => Way::Collect(Collected::JsonbArray, order_by),
        JsonbObjectAgg { order_by } => Way::Collect(Collected::JsonbObject, order_by),
        MapAgg { order_by, .. } => Way::Collect(Collected::Map, order_by),
        RowNumber { order_by }
        | Rank { order_by }
        | DenseRank { order_by }
        | LagLead { order_by, .. }
        | FirstValue { order_by, .. }
        | LastValue { order_by, .. }
        | FusedValueWindowFunc { order_by, .. }
        | WindowAggregate { order_by, .. }
        | FusedWindowAggregate { order_by, .. } => Way::Window(order_by),
    }
}

/// Whether a function takes the least (`Some(Less)`) or the greatest value.
pub fn extreme_of(func: &AggregateFunc) -> Option<Ordering> {
    match way(func) {
        Way::Extreme(which) => Some(which),
        Way::Collect(..) | Way::Window(_) | Way::Accumulate => None,
    }
}

/// Whether a function accumulates.
pub fn is_accumulable(func: &AggregateFunc) -> bool {
    match way(func) {
        Way::Accumulate => true,
        Way::Extreme(_) | Way::Collect(..) | Way::Window(_) => false,
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
/// Errors: the function's name, or what of a window is lacking, if none does.
pub fn supported_aggregate(func: &AggregateFunc) -> Result<(), String> {
    match way(func) {
        Way::Extreme(_) | Way::Collect(..) | Way::Accumulate => Ok(()),
        Way::Window(_) => supported_window(func),
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
/// [`supported_aggregate`] refuses, and for one that accumulates.
pub fn eval_basic<'a>(func: &AggregateFunc, values: &[Datum<'a>], arena: &'a Arena) -> Datum<'a> {
    let (collected, order) = match way(func) {
        Way::Extreme(which) => return extreme(which, values.iter().copied()),
        Way::Accumulate => return Datum::Null,
        Way::Window(order) => return eval_window(func, order, values, arena),
        Way::Collect(collected, order) => (collected, order),
    };
    let payloads = ordered(order, values);
    match collected {
        Collected::Text => text(&payloads, arena),
        Collected::Array => {
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
        Collected::List => {
            let elements = payloads
                .into_iter()
                .filter_map(|payload| match payload {
                    Datum::List(list) => Some(list.iter()),
                    _ => None,
                })
                .flatten();
            list(elements, arena)
        }
        Collected::JsonbArray => list(payloads.into_iter().filter(|d| !d.is_null()), arena),
        Collected::JsonbObject => map(&payloads, Datum::JsonNull, arena),
        Collected::Map => map(&payloads, Datum::Null, arena),
    }
}

/// The first fields of records one behind the other, with the second field of each
/// but the first before it.
fn text<'a>(payloads: &[Datum<'a>], arena: &'a Arena) -> Datum<'a> {
    let mut text: Option<String> = None;
    for payload in payloads {
        let Some((Datum::String(value), separator)) = pair(*payload) else {
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

fn list<'a>(elements: impl Iterator<Item = Datum<'a>>, arena: &'a Arena) -> Datum<'a> {
    let elements: Vec<Datum<'a>> = elements.collect();
    arena.datum(|packer| packer.push_list(|packer| push_all(packer, &elements)))
}

/// A map of pairs, the last of each key; `null` stands for NULL.
fn map<'a>(payloads: &[Datum<'a>], null: Datum<'a>, arena: &'a Arena) -> Datum<'a> {
    let mut entries = std::collections::BTreeMap::new();
    for payload in payloads {
        if let Some((Datum::String(key), value)) = pair(*payload) {
            let value = if value.is_null() { null } else { value };
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
