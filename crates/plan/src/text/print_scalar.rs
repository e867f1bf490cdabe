//! Printing of scalar expressions in the text form. Source:
//! `spec/script.md` §3.4.
//!
//! Invariant: what is printed parses back to the same expression.

use super::errors;
use super::names::{binary_symbol, type_name};
use super::values::{quoted, value_text};
use crate::functions::snake_name;
use protocol::v26_30::{BinaryFunc, EvalError, MirScalarExpr, UnaryFunc, VariadicFunc};
use repr::{ReprScalarType, SqlScalarType};

/// Expressions, separated by commas.
pub(super) fn scalar_list(exprs: &[MirScalarExpr]) -> String {
    let all: Vec<String> = exprs.iter().map(scalar_text).collect();
    all.join(", ")
}

/// `error("…")`
pub(super) fn error_text(error: &EvalError) -> String {
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
                format!("{text}::{}", type_name(&typ.scalar_type))
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
    let infixes = [(VariadicFunc::And, " AND "), (VariadicFunc::Or, " OR ")];
    let infix = infixes.iter().find(|(known, _)| known == func);
    if let Some((_, infix)) = infix
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
            let typ = type_name(&elem_type.to_repr());
            format!("{}[{typ}]({args})", snake_name(func))
        }
        VariadicFunc::RecordCreate { field_names } => {
            let names: Vec<String> = field_names.iter().map(|name| quoted(&name.0)).collect();
            format!("record_create[{}]({args})", names.join(", "))
        }
        other => format!("{}({args})", snake_name(other)),
    }
}
