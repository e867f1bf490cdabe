//! Printing plans in the text form. Source: `spec/script.md` §3.
//!
//! Invariant: what is printed of a plan that passes the type checker parses
//! back to the same plan; a plan that upstream's language can say is printed in
//! that language.

use super::aggregates::{aggregate_list, orders_text};
use super::names::{columns_text, table_function_name};
use super::print_scalar::{error_text, scalar_list, scalar_text};
use super::values::value_text;
use crate::relation::{JoinImplementation, Lookup, RecBinding, Relation};
use crate::types::RelationType;
use protocol::v26_30::{Id, LetRecLimit, MirScalarExpr, VariadicFunc};
use repr::{Diff, Row, Timestamp};

/// The whole plan, from column 0, each line ended.
pub fn print(relation: &Relation) -> String {
    let mut out = String::new();
    write(relation, 0, &mut out);
    out
}

fn line(indent: usize, text: &str, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
    out.push_str(text);
    out.push('\n');
}

fn write(r: &Relation, indent: usize, out: &mut String) {
    if let Relation::Let { .. } = r {
        return write_lets(r, indent, out);
    }
    if let Relation::LetRec { bindings, body } = r {
        return write_recursive(bindings, body, indent, out);
    }
    line(indent, &header(r), out);
    if let Relation::Constant {
        rows: Ok(rows),
        typ,
    } = r
    {
        for row in rows {
            line(indent + 2, &row_text(row, typ), out);
        }
    }
    for child in r.children() {
        write(child, indent + 2, out);
    }
}

fn write_recursive(bindings: &[RecBinding], body: &Relation, indent: usize, out: &mut String) {
    line(indent, "With Mutually Recursive", out);
    for RecBinding {
        id,
        typ,
        value,
        limit,
    } in bindings
    {
        let limit = limit_text(limit);
        let head = format!("cte {limit}{id} = {}", annotation(typ));
        line(indent + 2, &head, out);
        write(value, indent + 4, out);
    }
    line(indent, "Return", out);
    write(body, indent + 2, out);
}

/// A chain of bindings with ascending ids is one `With`.
fn write_lets(r: &Relation, indent: usize, out: &mut String) {
    line(indent, "With", out);
    let mut rest = r;
    let mut last = None;
    while let Relation::Let { id, value, body } = rest
        && last.is_none_or(|last| last < *id)
    {
        line(indent + 2, &format!("cte {id} ="), out);
        write(value, indent + 4, out);
        last = Some(*id);
        rest = body;
    }
    line(indent, "Return", out);
    write(rest, indent + 2, out);
}

fn limit_text(limit: &Option<LetRecLimit>) -> String {
    match limit {
        None => String::new(),
        Some(LetRecLimit {
            max_iters,
            return_at_limit,
        }) => {
            let and = if *return_at_limit {
                ", return_at_recursion_limit"
            } else {
                ""
            };
            format!("[recursion_limit={max_iters}{and}] ")
        }
    }
}

fn annotation(typ: &RelationType) -> String {
    let types = columns_text(&typ.column_types);
    let keys = if typ.keys.is_empty() {
        String::new()
    } else {
        let keys: Vec<String> = typ.keys.iter().map(|key| format!("{key:?}")).collect();
        format!(", keys: \"({})\"", keys.join(", "))
    };
    format!("// {{ types: \"({types})\"{keys} }}")
}

fn row_text((row, time, diff): &(Row, Timestamp, Diff), typ: &RelationType) -> String {
    let values: Vec<String> = row
        .iter()
        .zip(&typ.column_types)
        .map(|(datum, column)| {
            let null = matches!(datum, repr::Datum::Null);
            if null {
                "null".to_string()
            } else {
                value_text(&Row::pack([datum]), &column.scalar_type)
            }
        })
        .collect();
    let values = values.join(", ");
    match (time, diff) {
        (0, 1) => format!("- ({values})"),
        (0, _) => format!("- (({values}) x {diff})"),
        _ => format!("- (({values}) x {diff} @ {time})"),
    }
}

/// The operator's own line, without its inputs.
pub fn header(r: &Relation) -> String {
    let name = match r {
        Relation::Join { equivalences, .. } if equivalences.is_empty() => "CrossJoin",
        other => other.name(),
    };
    let mut words = vec![name.to_string()];
    words.extend(attributes(r).into_iter().filter(|word| !word.is_empty()));
    words.join(" ")
}

/// What follows the operator's name; empty parts count for nothing.
fn attributes(r: &Relation) -> Vec<String> {
    match r {
        Relation::Constant { rows, typ } => {
            let contents = match rows {
                Ok(rows) if rows.is_empty() => "<empty>".into(),
                Ok(_) => String::new(),
                Err(error) => error_text(error),
            };
            vec![contents, annotation(typ)]
        }
        Relation::Get { id, .. } => vec![match id {
            Id::Local(id) => id.to_string(),
            Id::Global(id) => id.to_string(),
        }],
        Relation::Let { .. }
        | Relation::LetRec { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. } => Vec::new(),
        Relation::Project { outputs, .. } => vec![format!("({})", columns(outputs))],
        Relation::Map { scalars, .. } => vec![format!("({})", scalar_list(scalars))],
        Relation::FlatMap { func, exprs, .. } => {
            let exprs = scalar_list(exprs);
            vec![format!("{}({exprs})", table_function_name(func))]
        }
        Relation::Filter { predicates, .. } => vec![predicates_text(predicates)],
        Relation::Join {
            equivalences,
            implementation,
            ..
        } => vec![
            classes_text(equivalences),
            implementation_text(implementation),
        ],
        Relation::Reduce {
            group_key,
            aggregates,
            monotonic,
            expected_group_size,
            ..
        } => {
            let distinct = aggregates.is_empty();
            let key_name = if distinct { "project" } else { "group_by" };
            vec![
                named(key_name, group_key, scalar_list),
                named("aggregates", aggregates, aggregate_list),
                flags_text(*monotonic, *expected_group_size),
            ]
        }
        Relation::TopK {
            group_key,
            order_key,
            limit,
            offset,
            monotonic,
            expected_group_size,
            ..
        } => vec![
            named("group_by", group_key, columns),
            named("order_by", order_key, orders_text),
            limit_and_offset(limit.as_ref(), *offset),
            flags_text(*monotonic, *expected_group_size),
        ],
        Relation::ArrangeBy { keys, .. } => {
            let keys: Vec<String> = keys.iter().map(|key| key_text(key)).collect();
            vec![format!("keys=[{}]", keys.join(", "))]
        }
    }
}

/// `name=[…]`; nothing if the list is empty.
fn named<T>(name: &str, list: &[T], text: impl Fn(&[T]) -> String) -> String {
    if list.is_empty() {
        String::new()
    } else {
        format!("{name}=[{}]", text(list))
    }
}

fn limit_and_offset(limit: Option<&MirScalarExpr>, offset: usize) -> String {
    let limit = limit.map(|limit| format!("limit={}", scalar_text(limit)));
    let offset = (offset > 0).then(|| format!("offset={offset}"));
    let parts: Vec<String> = limit.into_iter().chain(offset).collect();
    parts.join(" ")
}

fn columns(columns: &[usize]) -> String {
    let all: Vec<String> = columns.iter().map(|c| format!("#{c}")).collect();
    all.join(", ")
}

fn key_text(key: &[MirScalarExpr]) -> String {
    format!("[{}]", scalar_list(key))
}

fn predicates_text(predicates: &[MirScalarExpr]) -> String {
    let splits = |p: &MirScalarExpr| {
        matches!(
            p,
            MirScalarExpr::CallVariadic {
                func: VariadicFunc::And,
                ..
            }
        )
    };
    if predicates.is_empty() || predicates.iter().any(splits) {
        return format!("predicates=[{}]", scalar_list(predicates));
    }
    let all: Vec<String> = predicates.iter().map(scalar_text).collect();
    all.join(" AND ")
}

/// `on=(…)`; nothing if there are no classes.
fn classes_text(classes: &[Vec<MirScalarExpr>]) -> String {
    if classes.is_empty() {
        return String::new();
    }
    let all: Vec<String> = classes
        .iter()
        .map(|class| {
            let members: Vec<String> = class.iter().map(scalar_text).collect();
            members.join(" = ")
        })
        .collect();
    format!("on=({})", all.join(" AND "))
}

fn lookups_text(lookups: &[Lookup]) -> String {
    let all: Vec<String> = lookups
        .iter()
        .map(|(input, key)| format!("{input} {}", key_text(key)))
        .collect();
    all.join(", ")
}

fn implementation_text(implementation: &JoinImplementation) -> String {
    match implementation {
        JoinImplementation::Unimplemented => String::new(),
        JoinImplementation::Differential {
            start,
            start_key,
            order,
        } => {
            let first = match start_key {
                Some(key) => format!("{start} {}", key_text(key)),
                None => start.to_string(),
            };
            let rest = lookups_text(order);
            let comma = if rest.is_empty() { "" } else { ", " };
            format!("impl=linear({first}{comma}{rest})")
        }
        JoinImplementation::DeltaQuery(orders) => {
            let all: Vec<String> = orders
                .iter()
                .map(|order| format!("({})", lookups_text(order)))
                .collect();
            format!("impl=delta({})", all.join(", "))
        }
        JoinImplementation::IndexedFilter { key } => format!("impl=lookup({})", key_text(key)),
    }
}

fn flags_text(monotonic: bool, expected_group_size: Option<u64>) -> String {
    let mut parts = Vec::new();
    if monotonic {
        parts.push("monotonic".to_string());
    }
    if let Some(size) = expected_group_size {
        parts.push(format!("exp_group_size={size}"));
    }
    parts.join(" ")
}
