//! The types of scalar expressions. What panics upstream, or would go wrong on a
//! replica, is an error here. Source: `spec/script.md` §4.3, function types
//! `spec/plan.md` §5.
//!
//! Invariant: an expression that has a type evaluates without meeting a datum of
//! another one.

use super::problem::{Arguments, Problem, expect, non_null, nullable};
use crate::functions::{self, snake_name};
use crate::scalar;
use crate::text::{binary_symbol, scalar_text, type_name};
use crate::types::datum_fits;
use protocol::v26_30::{BinaryFunc, MirScalarExpr, UnaryFunc, UnmaterializableFunc, VariadicFunc};
use repr::{ColumnName, Datum, ReprColumnType, ReprScalarType};

const STRING: ReprScalarType = ReprScalarType::String;
const INT32: ReprScalarType = ReprScalarType::Int32;
const BOOL: ReprScalarType = ReprScalarType::Bool;

/// The type of an expression over the given columns. `mz_now()` has a type;
/// where it may stand is the relation's business.
pub fn scalar_type(
    e: &MirScalarExpr,
    columns: &[ReprColumnType],
) -> Result<ReprColumnType, Problem> {
    match e {
        MirScalarExpr::Column(c, _) => columns.get(*c).cloned().ok_or_else(|| {
            let n = columns.len();
            format!("column #{c} is out of range, the input has {n} columns")
        }),
        MirScalarExpr::Literal(Ok(row), typ) => {
            let mut datums = row.iter();
            let (Some(datum), None) = (datums.next(), datums.next()) else {
                return Err("a literal holds exactly one value".into());
            };
            let null = datum == Datum::Null;
            if !datum_fits(&datum, &typ.scalar_type) || null && !typ.nullable {
                let text = scalar_text(e);
                return Err(format!(
                    "literal {text} is no {}",
                    type_name(&typ.scalar_type)
                ));
            }
            Ok(typ.clone())
        }
        MirScalarExpr::Literal(Err(_), typ) => Ok(typ.clone()),
        MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow) => {
            Ok(non_null(ReprScalarType::MzTimestamp))
        }
        MirScalarExpr::CallUnmaterializable(func) => Err(format!(
            "{}() cannot be evaluated by a replica",
            snake_name(func)
        )),
        MirScalarExpr::CallUnary { func, expr } => unary_type(func, scalar_type(expr, columns)?),
        MirScalarExpr::CallBinary { func, expr1, expr2 } => {
            let a = scalar_type(expr1, columns)?;
            let b = scalar_type(expr2, columns)?;
            binary_type(func, a, b)
        }
        MirScalarExpr::CallVariadic { func, exprs } => {
            let args = exprs
                .iter()
                .map(|e| scalar_type(e, columns))
                .collect::<Result<Vec<_>, _>>()?;
            variadic_type(func, args)
        }
        MirScalarExpr::If { cond, then, els } => {
            let cond = scalar_type(cond, columns)?;
            let then = scalar_type(then, columns)?;
            let els = scalar_type(els, columns)?;
            expect("the condition of `case`", &cond.scalar_type, &BOOL)?;
            expect("`else`", &els.scalar_type, &then.scalar_type)?;
            Ok(nullable(then.scalar_type, then.nullable || els.nullable))
        }
    }
}

/// The type of an expression that a replica evaluates on a row alone.
pub(super) fn timeless_type(
    e: &MirScalarExpr,
    columns: &[ReprColumnType],
) -> Result<ReprColumnType, Problem> {
    let typ = scalar_type(e, columns)?;
    if scalar::is_temporal(e) {
        return Err("mz_now() may only stand in a comparison of a Filter".into());
    }
    Ok(typ)
}

fn unary_type(func: &UnaryFunc, arg: ReprColumnType) -> Result<ReprColumnType, Problem> {
    let what = || format!("the argument of {}", snake_name(func));
    match func {
        UnaryFunc::IsNull => Ok(non_null(BOOL)),
        UnaryFunc::IsTrue | UnaryFunc::IsFalse => {
            expect(&what(), &arg.scalar_type, &BOOL)?;
            Ok(non_null(BOOL))
        }
        UnaryFunc::RecordGet(i) => match &arg.scalar_type {
            ReprScalarType::Record { fields } => match fields.get(*i) {
                Some(field) => Ok(nullable(
                    field.scalar_type.clone(),
                    field.nullable || arg.nullable,
                )),
                None => Err(format!("record_get[{i}] of {} fields", fields.len())),
            },
            other => Err(format!(
                "{} is {}, expected a record",
                what(),
                type_name(other)
            )),
        },
        UnaryFunc::ListLength => match &arg.scalar_type {
            ReprScalarType::List { .. } => Ok(nullable(ReprScalarType::Int32, arg.nullable)),
            other => Err(format!(
                "{} is {}, expected a list",
                what(),
                type_name(other)
            )),
        },
        other => {
            let entry = functions::UNARY.iter().find(|entry| entry.func == *other);
            let entry = entry.ok_or_else(|| format!("plans cannot call {}", snake_name(func)))?;
            expect(&what(), &arg.scalar_type, &entry.arg)?;
            Ok(nullable(entry.result.clone(), arg.nullable))
        }
    }
}

fn binary_type(
    func: &BinaryFunc,
    a: ReprColumnType,
    b: ReprColumnType,
) -> Result<ReprColumnType, Problem> {
    let name = || binary_symbol(func).map_or_else(|| snake_name(func), str::to_string);
    let nulls = a.nullable || b.nullable;
    if functions::is_comparison(func) {
        let what = format!("the right side of {}", name());
        expect(&what, &b.scalar_type, &a.scalar_type)?;
        return Ok(nullable(BOOL, nulls));
    }
    let entry = functions::BINARY.iter().find(|entry| entry.func == *func);
    let entry = entry.ok_or_else(|| format!("plans cannot call {}", name()))?;
    for (arg, (expected, side)) in [a, b].iter().zip(entry.args.iter().zip(["left", "right"])) {
        let what = format!("the {side} side of {}", name());
        expect(&what, &arg.scalar_type, expected)?;
    }
    Ok(nullable(entry.result.clone(), nulls))
}

fn variadic_type(
    func: &VariadicFunc,
    args: Vec<ReprColumnType>,
) -> Result<ReprColumnType, Problem> {
    let call = Arguments {
        name: snake_name(func),
        args: &args,
    };
    let any_null = args.iter().any(|arg| arg.nullable);
    let all_null = args.iter().all(|arg| arg.nullable);
    let text = |()| nullable(STRING, any_null);
    match func {
        VariadicFunc::And | VariadicFunc::Or => {
            call.all_of(&BOOL).map(|()| nullable(BOOL, any_null))
        }
        VariadicFunc::Coalesce => Ok(nullable(call.all_alike()?, all_null)),
        VariadicFunc::Greatest | VariadicFunc::Least => Ok(nullable(call.all_alike()?, any_null)),
        VariadicFunc::Concat => call.all_of(&STRING).map(|()| non_null(STRING)),
        VariadicFunc::Replace => call.exactly(&[STRING, STRING, STRING]).map(text),
        VariadicFunc::Substr if args.len() == 2 => call.exactly(&[STRING, INT32]).map(text),
        VariadicFunc::Substr => call.exactly(&[STRING, INT32, INT32]).map(text),
        VariadicFunc::PadLeading if args.len() == 2 => call.exactly(&[STRING, INT32]).map(text),
        VariadicFunc::PadLeading => call.exactly(&[STRING, INT32, STRING]).map(text),
        VariadicFunc::SplitPart => call.exactly(&[STRING, STRING, INT32]).map(text),
        VariadicFunc::ErrorIfNull => {
            let value = call.first()?;
            call.exactly(&[value.clone(), STRING])
                .map(|()| non_null(value))
        }
        VariadicFunc::ListCreate { elem_type } => {
            let element_type = Box::new(call.all_elements(elem_type)?);
            Ok(non_null(ReprScalarType::List { element_type }))
        }
        VariadicFunc::ArrayCreate { elem_type } => {
            let element = Box::new(call.all_elements(elem_type)?);
            Ok(non_null(ReprScalarType::Array(element)))
        }
        VariadicFunc::RecordCreate { field_names } => record_type(&call.name, field_names, &args),
        VariadicFunc::ConcatWs
        | VariadicFunc::MakeTimestamp
        | VariadicFunc::JsonbBuildArray
        | VariadicFunc::JsonbBuildObject
        | VariadicFunc::MapBuild { .. }
        | VariadicFunc::ArrayToString { .. }
        | VariadicFunc::ArrayIndex { .. }
        | VariadicFunc::ListIndex
        | VariadicFunc::ListSliceLinear
        | VariadicFunc::RegexpMatch
        | VariadicFunc::HmacString
        | VariadicFunc::HmacBytes
        | VariadicFunc::DateBinTimestamp
        | VariadicFunc::DateBinTimestampTz
        | VariadicFunc::DateDiffTimestamp
        | VariadicFunc::DateDiffTimestampTz
        | VariadicFunc::DateDiffDate
        | VariadicFunc::DateDiffTime
        | VariadicFunc::RangeCreate { .. }
        | VariadicFunc::MakeAclItem
        | VariadicFunc::MakeMzAclItem
        | VariadicFunc::Translate
        | VariadicFunc::ArrayPosition
        | VariadicFunc::ArrayFill { .. }
        | VariadicFunc::StringToArray
        | VariadicFunc::TimezoneTimeVariadic
        | VariadicFunc::RegexpSplitToArray
        | VariadicFunc::RegexpReplace
        | VariadicFunc::CaseLiteral { .. } => Err(format!("plans cannot call {}", call.name)),
    }
}

fn record_type(
    name: &str,
    field_names: &[ColumnName],
    args: &[ReprColumnType],
) -> Result<ReprColumnType, Problem> {
    if field_names.len() != args.len() {
        let (n, m) = (args.len(), field_names.len());
        return Err(format!("{name} names {m} fields but has {n} arguments"));
    }
    let fields = args.into();
    Ok(non_null(ReprScalarType::Record { fields }))
}
