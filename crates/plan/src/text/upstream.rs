//! What upstream's text language of plans can say of ours. Source:
//! `spec/script.md` §3, and §6 for later versions.
//!
//! Invariant: a plan of which nothing is [`unsayable`] prints as a text that
//! upstream's driver of that release reads as the same plan.

use super::aggregates::aggregate_name;
use super::names::{binary_symbol, plain_wrap, type_name};
use super::print_scalar::scalar_text;
use crate::functions::snake_name;
use crate::relation::{JoinImplementation, Relation};
use crate::types::RelationType;
use protocol::Release;
use protocol::v26_30::{
    AggregateFunc, BinaryFunc, EvalError, Id, MirScalarExpr, TableFunc, UnaryFunc,
    UnmaterializableFunc, VariadicFunc,
};
use repr::{Datum, GlobalId, ReprScalarType, Row, SqlScalarType};

/// What the language of upstream's driver of this release lacks for this plan: the
/// first such thing, in words. None if it can say all of it.
pub fn unsayable(plan: &Relation, release: Release) -> Option<String> {
    let mut found = None;
    plan.visit(&mut |operator| {
        if found.is_none() {
            found = operator_lacks(operator, release);
        }
    });
    found
}

fn operator_lacks(operator: &Relation, release: Release) -> Option<String> {
    let scalars = operator.scalars();
    let mut lacking = scalars.into_iter().filter_map(|e| scalar_lacks(e, release));
    match operator {
        Relation::Constant { rows: Err(_), .. } => Some("a Constant that is an error".into()),
        Relation::Constant {
            rows: Ok(rows),
            typ,
        } => type_lacks(typ, release).or_else(|| {
            if rows.iter().any(|(_, time, _)| *time > 0) {
                return Some("rows of a Constant at a time".into());
            }
            let mut rows = rows.iter();
            rows.find_map(|(row, _, _)| row_lacks(row, typ, release))
        }),
        Relation::Get { id, .. } => match id {
            Id::Global(GlobalId::User(_)) | Id::Local(_) => None,
            Id::Global(id) if !release.plans_name_functions() => {
                Some(format!("name for the id {id}, which is none of a user"))
            }
            Id::Global(_) => None,
        },
        Relation::LetRec { bindings, .. } => {
            let limited = bindings.iter().any(|binding| binding.limit.is_some());
            let limited = limited.then(|| "limits of recursions".to_string());
            let mut types = bindings.iter().map(|binding| &binding.typ);
            limited.or_else(|| types.find_map(|typ| type_lacks(typ, release)))
        }
        Relation::FlatMap { func, .. } => table_function_lacks(func, release),
        Relation::Filter { predicates, .. } if predicates.is_empty() => {
            Some("a Filter without predicates".into())
        }
        Relation::Filter { predicates, .. } if predicates.iter().any(is_and) => {
            Some("a predicate that is an AND of its own".into())
        }
        Relation::Join { implementation, .. } => match implementation {
            JoinImplementation::Unimplemented => None,
            JoinImplementation::Differential { .. }
            | JoinImplementation::DeltaQuery(_)
            | JoinImplementation::IndexedFilter { .. } => {
                Some("joins whose implementation is given".into())
            }
        },
        Relation::Reduce { aggregates, .. } => {
            let mut aggregates = aggregates.iter();
            aggregates.find_map(|aggregate| aggregate_lacks(&aggregate.func, release))
        }
        Relation::Filter { .. }
        | Relation::Let { .. }
        | Relation::Project { .. }
        | Relation::Map { .. }
        | Relation::TopK { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. }
        | Relation::ArrangeBy { .. } => None,
    }
    .or_else(|| lacking.next())
}

fn is_and(e: &MirScalarExpr) -> bool {
    matches!(
        e,
        MirScalarExpr::CallVariadic {
            func: VariadicFunc::And,
            ..
        }
    )
}

fn is_named_type(typ: &ReprScalarType, release: Release) -> bool {
    match typ {
        ReprScalarType::Int64
        | ReprScalarType::Int32
        | ReprScalarType::Int16
        | ReprScalarType::Bool
        | ReprScalarType::Float64
        | ReprScalarType::String => true,
        ReprScalarType::Numeric | ReprScalarType::Jsonb => release.plans_name_functions(),
        _ => false,
    }
}

fn type_lacks(typ: &RelationType, release: Release) -> Option<String> {
    if !release.plans_name_functions() && !typ.keys.is_empty() {
        return Some("keys of a relation".into());
    }
    let mut types = typ.column_types.iter().map(|column| &column.scalar_type);
    let unnamed = types.find(|typ| !is_named_type(typ, release))?;
    Some(format!("the type {}", type_name(unnamed)))
}

/// What is lacking for the values of a Constant.
fn row_lacks(row: &Row, typ: &RelationType, release: Release) -> Option<String> {
    let mut columns = row.iter().zip(&typ.column_types);
    columns.find_map(|(datum, column)| value_lacks(datum, &column.scalar_type, release))
}

/// Integers are bigint and decimals double precision, unless a type is told.
fn value_lacks(datum: Datum<'_>, typ: &ReprScalarType, release: Release) -> Option<String> {
    let said = match datum {
        // How upstream's driver reads a literal of JSON was not seen.
        Datum::True | Datum::False | Datum::String(_) | Datum::Numeric(_)
            if *typ == ReprScalarType::Jsonb =>
        {
            false
        }
        Datum::Null | Datum::True | Datum::False | Datum::Int64(_) | Datum::String(_) => true,
        Datum::Float64(x) => x.is_finite(),
        Datum::Int16(_) | Datum::Int32(_) | Datum::Numeric(_) => release.plans_name_functions(),
        _ => false,
    };
    (!said).then(|| format!("the value {datum} of the type {}", type_name(typ)))
}

fn scalar_lacks(e: &MirScalarExpr, release: Release) -> Option<String> {
    let lacks = match e {
        MirScalarExpr::Column(..) | MirScalarExpr::If { .. } => None,
        MirScalarExpr::Literal(Ok(row), typ) => {
            let datum = row.iter().next().unwrap_or(Datum::Null);
            match is_named_type(&typ.scalar_type, release) {
                true => value_lacks(datum, &typ.scalar_type, release),
                false => Some(format!("the type {}", type_name(&typ.scalar_type))),
            }
        }
        MirScalarExpr::Literal(Err(EvalError::Internal(_)), typ)
            if typ.scalar_type == ReprScalarType::Bool =>
        {
            None
        }
        MirScalarExpr::Literal(Err(_), _) => Some(format!("the error {}", scalar_text(e))),
        MirScalarExpr::CallUnmaterializable(func) => {
            let said = match func {
                UnmaterializableFunc::MzNow => release.plans_name_functions(),
                _ => false,
            };
            (!said).then(|| format!("`{}()`", snake_name(func)))
        }
        MirScalarExpr::CallUnary { func, .. } => {
            let said = matches!(
                func,
                UnaryFunc::Not
                    | UnaryFunc::IsNull
                    | UnaryFunc::IsTrue
                    | UnaryFunc::IsFalse
                    | UnaryFunc::AbsInt64
            );
            function_lacks(said, &snake_name(func), release)
        }
        MirScalarExpr::CallBinary { func, .. } => {
            let said = binary_symbol(func).is_some() || *func == BinaryFunc::TrimLeading;
            function_lacks(said, &snake_name(func), release)
        }
        MirScalarExpr::CallVariadic { func, exprs } => {
            let said = match func {
                // Of fewer there is no infix form, and nested ones are one.
                VariadicFunc::And | VariadicFunc::Or => {
                    let nests = |inner: &MirScalarExpr| matches!(inner, MirScalarExpr::CallVariadic { func: f, .. } if f == func);
                    exprs.len() >= 2 && !exprs.iter().any(nests)
                }
                VariadicFunc::Greatest | VariadicFunc::Coalesce => true,
                VariadicFunc::ListCreate { elem_type }
                | VariadicFunc::ArrayCreate { elem_type } => *elem_type == SqlScalarType::Int64,
                _ => false,
            };
            function_lacks(said, &snake_name(func), release)
        }
    };
    lacks.or_else(|| {
        let children = crate::scalar::children(e);
        let mut lacking = children
            .into_iter()
            .filter_map(|e| scalar_lacks(e, release));
        lacking.next()
    })
}

/// Later versions read every function by its name.
fn function_lacks(said: bool, name: &str, release: Release) -> Option<String> {
    (!said && !release.plans_name_functions()).then(|| format!("the function `{name}`"))
}

fn table_function_lacks(func: &TableFunc, release: Release) -> Option<String> {
    let said = if let TableFunc::UnnestList { el_typ } | TableFunc::UnnestArray { el_typ } = func {
        *el_typ == SqlScalarType::Int64
    } else if let TableFunc::Wrap { width, .. } = func {
        (1..=3).contains(width) && *func == plain_wrap(*width)
    } else {
        let first = [TableFunc::GenerateSeriesInt64, TableFunc::JsonbObjectKeys];
        let later = release.plans_name_functions() && *func == TableFunc::GenerateSeriesInt32;
        first.contains(func) || later
    };
    (!said).then(|| format!("the table function `{}`", super::table_function_name(func)))
}

fn aggregate_lacks(func: &AggregateFunc, release: Release) -> Option<String> {
    let first = matches!(
        func,
        AggregateFunc::Count
            | AggregateFunc::SumInt64
            | AggregateFunc::MaxInt64
            | AggregateFunc::MinInt64
            | AggregateFunc::Any
            | AggregateFunc::All
    );
    let later = matches!(
        func,
        AggregateFunc::MaxInt32
            | AggregateFunc::MinInt32
            | AggregateFunc::SumInt16
            | AggregateFunc::SumInt32
    );
    let said = first || later && release.plans_name_functions();
    (!said).then(|| format!("the aggregate `{}`", aggregate_name(func)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    #[test]
    fn what_upstream_cannot_say_is_named_by_release() {
        let lacks = |text: &str| {
            let plan = read(text).unwrap();
            [Release::V26_30, Release::V26_39].map(|release| unsayable(&plan, release))
        };
        let function = |name: &str| Some(format!("the function `{name}`"));
        for (text, first, later) in [
            ("Filter (#0 < 3) AND (#1) IS NOT NULL\n  Get u1", None, None),
            ("Map ((#0 + 1), abs(#0))\n  Get u1", None, None),
            (
                "Map (add_int32(#0, #1))\n  Get u1",
                function("add_int32"),
                None,
            ),
            (
                "Map (5::integer)\n  Get u1",
                Some("the value 5 of the type integer".into()),
                None,
            ),
            (
                "Reduce aggregates=[max_int32(#0)]\n  Get u1",
                Some("the aggregate `max_int32`".into()),
                None,
            ),
            (
                "Reduce aggregates=[max_uint32(#0)]\n  Get u1",
                Some("the aggregate `max_uint32`".into()),
                Some("the aggregate `max_uint32`".into()),
            ),
            (
                "Reduce aggregates=[lag[order_by=[]](#0)]\n  Get u1",
                Some("the aggregate `lag`".into()),
                Some("the aggregate `lag`".into()),
            ),
            (
                "Constant // { types: \"(date)\" }\n  - (\"2024-02-29\")",
                Some("the type date".into()),
                Some("the type date".into()),
            ),
        ] {
            assert_eq!(lacks(text), [first, later], "{text}");
        }
    }
}
