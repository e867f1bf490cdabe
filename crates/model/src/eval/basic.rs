//! Basic aggregates: those that need all values of a group, in an order. Window
//! functions have a file of their own.
//! Source: `spec/plan.md` §5.8.
//!
//! Invariants: each value counts as often as it is there, a negative count as
//! nothing; the order is the plan's, then that of the datums, so that the result
//! does not depend on the order of arrival.

use std::collections::BTreeMap;

use super::scalar::{Value, nested};
use super::top_k::compare_columns;
use super::window::window;
use crate::answer::Undefined;
use plan::window_order;
use protocol::v26_30::{AggregateFunc, ColumnOrder};
use repr::{Datum, Diff};

/// A group of more values than this is not evaluated.
const LARGEST: usize = 1_000_000;

/// What is aggregated, and the keys that order it.
pub(super) type Record<'a> = (Datum<'a>, Vec<Datum<'a>>);

/// The result over the values of a group with their counts. Values are records
/// of what is aggregated and the keys that order it.
///
/// Errors: functions that plans cannot call.
pub(super) fn basic(
    func: &AggregateFunc,
    values: &BTreeMap<Value, Diff>,
) -> Result<Value, Undefined> {
    use AggregateFunc as F;
    match func {
        F::StringAgg { order_by } => Ok(string(&ordered(func, order_by, values)?)),
        F::ArrayConcat { order_by } => {
            let mut elements = Vec::new();
            for datum in ordered(func, order_by, values)? {
                match datum {
                    Datum::Array(array) => elements.extend(array.elements().iter()),
                    Datum::Null => {}
                    _ => return Err(wrong(func)),
                }
            }
            Ok(nested::array(&elements))
        }
        F::ListConcat { order_by } => {
            let mut elements = Vec::new();
            for datum in ordered(func, order_by, values)? {
                match datum {
                    Datum::List(list) => elements.extend(list.iter()),
                    Datum::Null => {}
                    _ => return Err(wrong(func)),
                }
            }
            Ok(nested::list(elements.into_iter()))
        }
        func => match window_order(func) {
            Some(order_by) => window(func, records(func, order_by, values)?),
            None => Err(Undefined::Unsupported(format!("the aggregate {func:?}"))),
        },
    }
}

fn wrong(func: &AggregateFunc) -> Undefined {
    Undefined::Unsupported(format!("such an argument of {func:?}"))
}

/// What is aggregated, each as often as it counts, in order.
fn ordered<'a>(
    func: &AggregateFunc,
    order_by: &[ColumnOrder],
    values: &'a BTreeMap<Value, Diff>,
) -> Result<Vec<Datum<'a>>, Undefined> {
    let records = records(func, order_by, values)?.into_iter();
    Ok(records.map(|(payload, _)| payload).collect())
}

/// What is aggregated and the keys of its order, each as often as it counts, in order.
fn records<'a>(
    func: &AggregateFunc,
    order_by: &[ColumnOrder],
    values: &'a BTreeMap<Value, Diff>,
) -> Result<Vec<Record<'a>>, Undefined> {
    let mut items: Vec<Record<'a>> = Vec::new();
    for (value, diff) in values {
        let Datum::List(record) = value.datum() else {
            return Err(wrong(func));
        };
        let mut fields = record.iter();
        let payload = fields.next().ok_or_else(|| wrong(func))?;
        let keys: Vec<Datum<'_>> = fields.collect();
        for _ in 0..*diff {
            if items.len() == LARGEST {
                let text = format!("an aggregate over more than {LARGEST} values");
                return Err(Undefined::Unsupported(text));
            }
            items.push((payload, keys.clone()));
        }
    }
    items.sort_by(|(a, a_keys), (b, b_keys)| {
        compare_columns(order_by, a_keys, b_keys).then_with(|| a.cmp(b))
    });
    Ok(items)
}

/// The texts, each with its own separator before it; the first one has none.
fn string(items: &[Datum<'_>]) -> Value {
    let mut whole: Option<String> = None;
    for item in items {
        let Datum::List(record) = item else { continue };
        let mut fields = record.iter();
        let (Some(Datum::String(text)), separator) = (fields.next(), fields.next()) else {
            continue;
        };
        let separator = match separator {
            Some(Datum::String(separator)) => separator,
            _ => "",
        };
        whole = Some(match whole {
            None => text.to_string(),
            Some(whole) => format!("{whole}{separator}{text}"),
        });
    }
    whole.map_or_else(Value::null, |text| Value::string(&text))
}
