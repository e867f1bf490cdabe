//! The types of aggregates. Source: `spec/plan.md` §5.
//!
//! Invariant: an aggregate with an order takes a record of the aggregated item
//! and then the keys of the order.

use super::problem::{Problem, expect, non_null, nullable};
use super::scalar::timeless_type;
use super::window::window;
use crate::functions::{AGGREGATES, snake_name};
use crate::text::type_name;
use protocol::v26_30::{AggregateExpr, AggregateFunc, ColumnOrder};
use repr::{ReprColumnType, ReprScalarType};

pub(super) fn aggregate(
    a: &AggregateExpr,
    columns: &[ReprColumnType],
) -> Result<ReprColumnType, Problem> {
    let name = snake_name(&a.func);
    let arg = timeless_type(&a.expr, columns)?;
    if let Some(window) = window(a, &arg) {
        return window;
    }
    match &a.func {
        AggregateFunc::Count => Ok(non_null(ReprScalarType::Int64)),
        AggregateFunc::StringAgg { order_by } => {
            let item = ordered_item(&name, &arg, order_by)?;
            match text_and_separator(&item) {
                Some(text) => Ok(nullable(
                    ReprScalarType::String,
                    text.nullable || item.nullable,
                )),
                None => wrong_item(&name, &item, "a record of two texts"),
            }
        }
        AggregateFunc::ArrayConcat { order_by } => {
            let item = ordered_item(&name, &arg, order_by)?;
            match &item.scalar_type {
                ReprScalarType::Array(_) => Ok(item),
                _ => wrong_item(&name, &item, "an array"),
            }
        }
        AggregateFunc::ListConcat { order_by } => {
            let item = ordered_item(&name, &arg, order_by)?;
            match &item.scalar_type {
                ReprScalarType::List { .. } => Ok(item),
                _ => wrong_item(&name, &item, "a list"),
            }
        }
        other => {
            let entry = AGGREGATES.iter().find(|entry| entry.func == *other);
            let entry = entry.ok_or_else(|| format!("plans cannot aggregate by {name}"))?;
            let what = format!("the argument of {name}");
            expect(&what, &arg.scalar_type, &entry.arg)?;
            Ok(nullable(entry.result.clone(), arg.nullable))
        }
    }
}

fn wrong_item(
    name: &str,
    item: &ReprColumnType,
    expected: &str,
) -> Result<ReprColumnType, Problem> {
    let found = type_name(&item.scalar_type);
    Err(format!(
        "the item of {name} is {found}, expected {expected}"
    ))
}

/// The first field of an argument, and the others, which are the keys of an order.
pub(super) fn item_and_keys<'a>(
    name: &str,
    arg: &'a ReprColumnType,
) -> Result<(&'a ReprColumnType, &'a [ReprColumnType]), Problem> {
    match &arg.scalar_type {
        ReprScalarType::Record { fields } if !arg.nullable => fields.split_first(),
        _ => None,
    }
    .ok_or_else(|| {
        let found = type_name(&arg.scalar_type);
        format!("the argument of {name} is {found}, expected a record")
    })
}

/// The first field of the argument; the others are the keys of the order.
fn ordered_item(
    name: &str,
    arg: &ReprColumnType,
    order_by: &[ColumnOrder],
) -> Result<ReprColumnType, Problem> {
    let (item, keys) = item_and_keys(name, arg)?;
    match order_by.iter().find(|order| order.column >= keys.len()) {
        None => Ok(item.clone()),
        Some(order) => Err(format!(
            "{name} orders by key {}, its argument has {} keys",
            order.column,
            keys.len()
        )),
    }
}

/// The text of an item that is a record of a text and a separator.
fn text_and_separator(item: &ReprColumnType) -> Option<&ReprColumnType> {
    let ReprScalarType::Record { fields } = &item.scalar_type else {
        return None;
    };
    let [text, separator] = &fields[..] else {
        return None;
    };
    let texts = [text, separator].map(|field| field.scalar_type == ReprScalarType::String);
    (texts == [true, true]).then_some(text)
}
