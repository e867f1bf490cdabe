//! Table functions that may make rows without end. A replica that works may be
//! at work on them for ever, and owes nothing that depends on them.
//!
//! Invariant: what is not found here makes few rows, whatever it reads.

use plan::{Relation, scalar};
use protocol::v26_30::{BinaryFunc, MirScalarExpr, TableFunc, UnaryFunc};
use repr::Datum;

/// How many rows the table functions of a plan make of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Length {
    /// Few, whatever they read.
    Short,
    /// That depends on what they read.
    Unknown,
    /// Too many to be waited for, whatever they read.
    Endless,
}

impl Length {
    pub fn of(plan: &Relation) -> Length {
        let mut length = Length::Short;
        plan.visit(&mut |relation| {
            if let Relation::FlatMap { func, exprs, .. } = relation
                && !makes_few(func, exprs)
            {
                length = length.max(match exprs.iter().all(scalar::is_literal) {
                    true => Length::Endless,
                    false => Length::Unknown,
                });
            }
        });
        length
    }
}

/// The table functions of a plan that may make many rows, whatever they read.
pub fn endless_calls(plan: &Relation) -> Vec<String> {
    let mut calls = Vec::new();
    plan.visit(&mut |relation| {
        if let Relation::FlatMap { func, exprs, .. } = relation
            && !makes_few(func, exprs)
        {
            calls.push(format!("{func:?} {exprs:?}"));
        }
    });
    calls
}

fn makes_few(func: &TableFunc, exprs: &[MirScalarExpr]) -> bool {
    match func {
        TableFunc::GenerateSeriesInt32
        | TableFunc::GenerateSeriesInt64
        | TableFunc::GenerateSeriesTimestamp
        | TableFunc::GenerateSeriesTimestampTz => exprs.iter().take(2).all(is_bounded),
        TableFunc::RepeatRow | TableFunc::RepeatRowNonNegative => exprs.iter().all(is_bounded),
        TableFunc::WithOrdinality { inner } => makes_few(inner, exprs),
        // As many as their argument has parts.
        TableFunc::AclExplode
        | TableFunc::MzAclExplode
        | TableFunc::JsonbEach
        | TableFunc::JsonbEachStringify
        | TableFunc::JsonbObjectKeys
        | TableFunc::JsonbArrayElements
        | TableFunc::JsonbArrayElementsStringify
        | TableFunc::RegexpExtract(_)
        | TableFunc::CsvExtract(_)
        | TableFunc::GuardSubquerySize { .. }
        | TableFunc::UnnestArray { .. }
        | TableFunc::UnnestList { .. }
        | TableFunc::UnnestMap { .. }
        | TableFunc::Wrap { .. }
        | TableFunc::GenerateSubscriptsArray
        | TableFunc::TabletizedScalar { .. }
        | TableFunc::RegexpMatches => true,
    }
}

/// Whether a number is within a few thousand of zero, whatever the columns.
fn is_bounded(expr: &MirScalarExpr) -> bool {
    const MOST: i64 = 1_000;
    match expr {
        MirScalarExpr::Literal(Err(_), _) => true,
        MirScalarExpr::Literal(Ok(row), _) => row.iter().all(|datum| match datum {
            Datum::Null => true,
            Datum::Int16(n) => i64::from(n).abs() <= MOST,
            Datum::Int32(n) => i64::from(n).abs() <= MOST,
            Datum::Int64(n) => (-MOST..=MOST).contains(&n),
            _ => false,
        }),
        MirScalarExpr::CallBinary { func, expr1, expr2 } => match func {
            BinaryFunc::ModInt16 | BinaryFunc::ModInt32 | BinaryFunc::ModInt64 => {
                scalar::is_literal(expr2) && is_bounded(expr2)
            }
            BinaryFunc::MulInt64 | BinaryFunc::AddInt64 | BinaryFunc::SubInt64 => {
                is_bounded(expr1) && is_bounded(expr2)
            }
            _ => false,
        },
        MirScalarExpr::CallUnary { func, expr } => {
            matches!(func, UnaryFunc::NegInt64 | UnaryFunc::AbsInt64) && is_bounded(expr)
        }
        MirScalarExpr::If { then, els, .. } => is_bounded(then) && is_bounded(els),
        MirScalarExpr::Column(..)
        | MirScalarExpr::CallUnmaterializable(_)
        | MirScalarExpr::CallVariadic { .. } => false,
    }
}
