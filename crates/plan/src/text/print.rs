//! Printing plans in the text form. Source: `spec/script.md` §3.
//!
//! Invariant: what is printed of a plan that passes the type checker parses
//! back to the same plan; a plan that upstream's language can say is printed in
//! that language.

use super::errors;
use super::names::{binary_symbol, columns_text, table_function_name};
use super::values::{quoted, value_text};
use crate::functions::snake_name;
use crate::relation::{JoinImplementation, Lookup, RecBinding, Relation};
use crate::types::RelationType;
use protocol::v26_30::{
    AggregateExpr, AggregateFunc, BinaryFunc, ColumnOrder, EvalError, Id, LetRecLimit,
    MirScalarExpr, UnaryFunc, VariadicFunc,
};
use repr::{Diff, ReprScalarType, Row, SqlScalarType, Timestamp};

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
    match r {
        Relation::Let { .. } => return write_lets(r, indent, out),
        Relation::LetRec { bindings, body } => {
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
            return write(body, indent + 2, out);
        }
        _ => {}
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
    let mut text = r.name().to_string();
    let mut push = |part: String| {
        if !part.is_empty() {
            text.push(' ');
            text.push_str(&part);
        }
    };
    match r {
        Relation::Constant { rows, typ } => {
            match rows {
                Ok(rows) if rows.is_empty() => push("<empty>".into()),
                Ok(_) => {}
                Err(error) => push(error_text(error)),
            }
            push(annotation(typ));
        }
        Relation::Get { id, .. } => push(match id {
            Id::Local(id) => id.to_string(),
            Id::Global(id) => id.to_string(),
        }),
        Relation::Let { .. }
        | Relation::LetRec { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. } => {}
        Relation::Project { outputs, .. } => push(format!("({})", columns(outputs))),
        Relation::Map { scalars, .. } => push(format!("({})", scalar_list(scalars))),
        Relation::FlatMap { func, exprs, .. } => {
            let exprs = scalar_list(exprs);
            push(format!("{}({exprs})", table_function_name(func)));
        }
        Relation::Filter { predicates, .. } => push(predicates_text(predicates)),
        Relation::Join {
            equivalences,
            implementation,
            ..
        } => {
            if equivalences.is_empty() {
                text = "CrossJoin".to_string();
            } else {
                text.push_str(&format!(" on=({})", classes_text(equivalences)));
            }
            let implementation = implementation_text(implementation);
            if !implementation.is_empty() {
                text.push_str(&format!(" impl={implementation}"));
            }
        }
        Relation::Reduce {
            group_key,
            aggregates,
            monotonic,
            expected_group_size,
            ..
        } => {
            let key = scalar_list(group_key);
            match (group_key.is_empty(), aggregates.is_empty()) {
                (true, _) => {}
                (false, true) => push(format!("project=[{key}]")),
                (false, false) => push(format!("group_by=[{key}]")),
            }
            if !aggregates.is_empty() {
                let all: Vec<String> = aggregates.iter().map(aggregate_text).collect();
                push(format!("aggregates=[{}]", all.join(", ")));
            }
            push(flags_text(*monotonic, *expected_group_size));
        }
        Relation::TopK {
            group_key,
            order_key,
            limit,
            offset,
            monotonic,
            expected_group_size,
            ..
        } => {
            if !group_key.is_empty() {
                push(format!("group_by=[{}]", columns(group_key)));
            }
            if !order_key.is_empty() {
                push(format!("order_by=[{}]", orders_text(order_key)));
            }
            if let Some(limit) = limit {
                push(format!("limit={}", scalar_text(limit)));
            }
            if *offset > 0 {
                push(format!("offset={offset}"));
            }
            push(flags_text(*monotonic, *expected_group_size));
        }
        Relation::ArrangeBy { keys, .. } => {
            let keys: Vec<String> = keys.iter().map(|key| key_text(key)).collect();
            push(format!("keys=[{}]", keys.join(", ")));
        }
    }
    text
}

fn columns(columns: &[usize]) -> String {
    let all: Vec<String> = columns.iter().map(|c| format!("#{c}")).collect();
    all.join(", ")
}

fn scalar_list(exprs: &[MirScalarExpr]) -> String {
    let all: Vec<String> = exprs.iter().map(scalar_text).collect();
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

fn classes_text(classes: &[Vec<MirScalarExpr>]) -> String {
    let all: Vec<String> = classes
        .iter()
        .map(|class| {
            let members: Vec<String> = class.iter().map(scalar_text).collect();
            members.join(" = ")
        })
        .collect();
    all.join(" AND ")
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
            format!("linear({first}{comma}{rest})")
        }
        JoinImplementation::DeltaQuery(orders) => {
            let all: Vec<String> = orders
                .iter()
                .map(|order| format!("({})", lookups_text(order)))
                .collect();
            format!("delta({})", all.join(", "))
        }
        JoinImplementation::IndexedFilter { key } => format!("lookup({})", key_text(key)),
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

fn orders_text(orders: &[ColumnOrder]) -> String {
    let all: Vec<String> = orders
        .iter()
        .map(|order| {
            let direction = if order.desc { "desc" } else { "asc" };
            let nulls = if order.nulls_last { "last" } else { "first" };
            format!("#{} {direction} nulls_{nulls}", order.column)
        })
        .collect();
    all.join(", ")
}

fn aggregate_text(a: &AggregateExpr) -> String {
    let ordered = |name: &str, order_by: &[ColumnOrder]| {
        if order_by.is_empty() {
            name.to_string()
        } else {
            format!("{name}[{}]", orders_text(order_by))
        }
    };
    let name = match &a.func {
        AggregateFunc::Count => "count".into(),
        AggregateFunc::SumInt64 => "sum".into(),
        AggregateFunc::MaxInt64 => "max".into(),
        AggregateFunc::MinInt64 => "min".into(),
        AggregateFunc::StringAgg { order_by } => ordered("string_agg", order_by),
        AggregateFunc::ArrayConcat { order_by } => ordered("array_concat", order_by),
        AggregateFunc::ListConcat { order_by } => ordered("list_concat", order_by),
        other => snake_name(other),
    };
    let whole =
        a.func == AggregateFunc::Count && !a.distinct && a.expr == crate::scalar::boolean(true);
    if whole {
        return "count(*)".into();
    }
    let distinct = if a.distinct { "distinct " } else { "" };
    format!("{name}({distinct}{})", scalar_text(&a.expr))
}

fn error_text(error: &EvalError) -> String {
    let text = errors::text_of(error).unwrap_or_else(|| format!("{error:?}"));
    format!("error({})", quoted(&text))
}

/// A scalar expression, as an operand.
pub fn scalar_text(e: &MirScalarExpr) -> String {
    match e {
        MirScalarExpr::Column(c, _) => format!("#{c}"),
        MirScalarExpr::Literal(Ok(row), typ) => value_text(row, &typ.scalar_type),
        MirScalarExpr::Literal(Err(error), typ) => {
            let text = error_text(error);
            if typ.scalar_type == ReprScalarType::Bool {
                text
            } else {
                format!("{text}::{}", super::names::type_name(&typ.scalar_type))
            }
        }
        MirScalarExpr::CallUnmaterializable(func) => format!("{}()", snake_name(func)),
        MirScalarExpr::CallUnary { func, expr } => unary_text(func, expr),
        MirScalarExpr::CallBinary { func, expr1, expr2 } => {
            let (a, b) = (scalar_text(expr1), scalar_text(expr2));
            match (binary_symbol(func), func) {
                (Some(symbol), _) => format!("({a} {symbol} {b})"),
                (None, BinaryFunc::TrimLeading) => format!("ltrim({a}, {b})"),
                (None, _) => format!("{}({a}, {b})", snake_name(func)),
            }
        }
        MirScalarExpr::CallVariadic { func, exprs } => variadic_text(func, exprs),
        MirScalarExpr::If { cond, then, els } => format!(
            "case when {} then {} else {} end",
            scalar_text(cond),
            scalar_text(then),
            scalar_text(els)
        ),
    }
}

fn unary_text(func: &UnaryFunc, expr: &MirScalarExpr) -> String {
    let inner = scalar_text(expr);
    match func {
        UnaryFunc::IsNull => format!("({inner} IS NULL)"),
        UnaryFunc::IsTrue => format!("({inner} IS TRUE)"),
        UnaryFunc::IsFalse => format!("({inner} IS FALSE)"),
        UnaryFunc::AbsInt64 => format!("abs({inner})"),
        UnaryFunc::RecordGet(i) => format!("record_get[{i}]({inner})"),
        other => format!("{}({inner})", snake_name(other)),
    }
}

fn variadic_text(func: &VariadicFunc, exprs: &[MirScalarExpr]) -> String {
    let nested = |e: &MirScalarExpr| matches!(e, MirScalarExpr::CallVariadic { func: inner, .. } if inner == func);
    let infix = match func {
        VariadicFunc::And => Some(" AND "),
        VariadicFunc::Or => Some(" OR "),
        _ => None,
    };
    if let Some(infix) = infix
        && exprs.len() >= 2
        && !exprs.iter().any(nested)
    {
        let all: Vec<String> = exprs.iter().map(scalar_text).collect();
        return format!("({})", all.join(infix));
    }
    let args = scalar_list(exprs);
    match func {
        VariadicFunc::ListCreate {
            elem_type: SqlScalarType::Int64,
        } => format!("list[{args}]"),
        VariadicFunc::ArrayCreate {
            elem_type: SqlScalarType::Int64,
        } => format!("array[{args}]"),
        VariadicFunc::ListCreate { elem_type } | VariadicFunc::ArrayCreate { elem_type } => {
            let typ = super::names::type_name(&elem_type.to_repr());
            format!("{}[{typ}]({args})", snake_name(func))
        }
        VariadicFunc::RecordCreate { field_names } => {
            let names: Vec<String> = field_names.iter().map(|name| quoted(&name.0)).collect();
            format!("record_create[{}]({args})", names.join(", "))
        }
        other => format!("{}({args})", snake_name(other)),
    }
}
