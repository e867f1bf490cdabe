//! Types of relations and of scalars, inferred and checked in one pass. What
//! panics upstream, or would go wrong on a replica, is an error here. Source:
//! `spec/script.md` §4.1 and §4.3, function types `spec/plan.md` §5.
//!
//! Invariant: a plan that passes can be lowered but for the reasons that
//! `LowerError` names, and evaluates without meeting a datum of a wrong type.

use thiserror::Error;

use super::functions::{self, snake_name};
use super::scalar;
use protocol::v26_30::{BinaryFunc, MirScalarExpr, UnaryFunc, UnmaterializableFunc, VariadicFunc};
use repr::{Datum, ReprColumnType, ReprRelationType, ReprScalarType};

/// Columns and unique keys of a relation.
pub type RelationType = ReprRelationType;

/// A plan that means nothing: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TypeError {
    /// The text is upstream's.
    #[error("Cannot fix type of unbound CTE {0}")]
    UnboundLocal(repr::LocalId),
    #[error("{operator}: {problem}")]
    At {
        /// The operator's number: parents before inputs, of bindings the values
        /// before the body.
        node: usize,
        /// The operator's own line in the text form.
        operator: String,
        problem: String,
    },
}

/// A problem without its place.
pub(super) type Problem = String;

/// Whether two types hold the same datums; nullability inside records aside.
pub fn same_type(a: &ReprScalarType, b: &ReprScalarType) -> bool {
    match (a, b) {
        (ReprScalarType::Array(a), ReprScalarType::Array(b)) => same_type(a, b),
        (ReprScalarType::List { element_type: a }, ReprScalarType::List { element_type: b })
        | (ReprScalarType::Range { element_type: a }, ReprScalarType::Range { element_type: b })
        | (ReprScalarType::Map { value_type: a }, ReprScalarType::Map { value_type: b }) => {
            same_type(a, b)
        }
        (ReprScalarType::Record { fields: a }, ReprScalarType::Record { fields: b }) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|(a, b)| same_type(&a.scalar_type, &b.scalar_type))
        }
        (a, b) => a == b,
    }
}

/// Whether a datum may stand in a column of the type; NULL is asked separately.
pub fn datum_fits(datum: &Datum<'_>, typ: &ReprScalarType) -> bool {
    if datum.is_null() {
        return true;
    }
    match typ {
        ReprScalarType::Bool => matches!(datum, Datum::True | Datum::False),
        ReprScalarType::Int16 => matches!(datum, Datum::Int16(_)),
        ReprScalarType::Int32 => matches!(datum, Datum::Int32(_)),
        ReprScalarType::Int64 => matches!(datum, Datum::Int64(_)),
        ReprScalarType::UInt8 => matches!(datum, Datum::UInt8(_)),
        ReprScalarType::UInt16 => matches!(datum, Datum::UInt16(_)),
        ReprScalarType::UInt32 => matches!(datum, Datum::UInt32(_)),
        ReprScalarType::UInt64 => matches!(datum, Datum::UInt64(_)),
        ReprScalarType::Float32 => matches!(datum, Datum::Float32(_)),
        ReprScalarType::Float64 => matches!(datum, Datum::Float64(_)),
        ReprScalarType::Numeric => matches!(datum, Datum::Numeric(_)),
        ReprScalarType::Date => matches!(datum, Datum::Date(_)),
        ReprScalarType::Time => matches!(datum, Datum::Time(_)),
        ReprScalarType::Timestamp => matches!(datum, Datum::Timestamp(_)),
        ReprScalarType::TimestampTz => matches!(datum, Datum::TimestampTz(_)),
        ReprScalarType::MzTimestamp => matches!(datum, Datum::MzTimestamp(_)),
        ReprScalarType::Interval => matches!(datum, Datum::Interval(_)),
        ReprScalarType::Bytes => matches!(datum, Datum::Bytes(_)),
        ReprScalarType::String => matches!(datum, Datum::String(_)),
        ReprScalarType::Uuid => matches!(datum, Datum::Uuid(_)),
        ReprScalarType::MzAclItem => matches!(datum, Datum::MzAclItem(_)),
        ReprScalarType::AclItem => matches!(datum, Datum::AclItem(_)),
        ReprScalarType::Jsonb => match datum {
            Datum::True | Datum::False | Datum::JsonNull | Datum::Numeric(_) => true,
            Datum::String(_) => true,
            Datum::List(list) => list.iter().all(|d| datum_fits(&d, typ)),
            Datum::Map(map) => map.iter().all(|(_, d)| datum_fits(&d, typ)),
            _ => false,
        },
        ReprScalarType::Array(element) => match datum {
            Datum::Array(array) => array.elements().iter().all(|d| datum_fits(&d, element)),
            _ => false,
        },
        ReprScalarType::Int2Vector => matches!(datum, Datum::Array(_)),
        ReprScalarType::List { element_type } => match datum {
            Datum::List(list) => list.iter().all(|d| datum_fits(&d, element_type)),
            _ => false,
        },
        ReprScalarType::Record { fields } => match datum {
            Datum::List(list) => {
                let values: Vec<_> = list.iter().collect();
                values.len() == fields.len()
                    && values.iter().zip(fields.iter()).all(|(d, field)| {
                        datum_fits(d, &field.scalar_type) && (field.nullable || !d.is_null())
                    })
            }
            _ => false,
        },
        ReprScalarType::Map { value_type } => match datum {
            Datum::Map(map) => map.iter().all(|(_, d)| datum_fits(&d, value_type)),
            _ => false,
        },
        ReprScalarType::Range { element_type } => match datum {
            Datum::Range(range) => {
                let (lower, upper) = range.bounds();
                let bounds = [lower, upper];
                bounds.iter().flatten().all(|d| datum_fits(d, element_type))
            }
            _ => false,
        },
    }
}

/// The text form of a type.
pub(super) fn shown(typ: &ReprScalarType) -> String {
    super::text::type_name(typ)
}

pub(super) fn expect(
    what: &str,
    found: &ReprScalarType,
    expected: &ReprScalarType,
) -> Result<(), Problem> {
    if same_type(found, expected) {
        Ok(())
    } else {
        Err(format!(
            "{what} is {}, expected {}",
            shown(found),
            shown(expected)
        ))
    }
}

fn nullable(scalar_type: ReprScalarType, nullable: bool) -> ReprColumnType {
    ReprColumnType {
        scalar_type,
        nullable,
    }
}

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
                let text = super::text::scalar_text(e);
                return Err(format!("literal {text} is no {}", shown(&typ.scalar_type)));
            }
            Ok(typ.clone())
        }
        MirScalarExpr::Literal(Err(_), typ) => Ok(typ.clone()),
        MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow) => {
            Ok(nullable(ReprScalarType::MzTimestamp, false))
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
            expect(
                "the condition of `case`",
                &cond.scalar_type,
                &ReprScalarType::Bool,
            )?;
            expect("`else`", &els.scalar_type, &then.scalar_type)?;
            Ok(nullable(then.scalar_type, then.nullable || els.nullable))
        }
    }
}

fn unary_type(func: &UnaryFunc, arg: ReprColumnType) -> Result<ReprColumnType, Problem> {
    let what = || format!("the argument of {}", snake_name(func));
    match func {
        UnaryFunc::IsNull => Ok(nullable(ReprScalarType::Bool, false)),
        UnaryFunc::IsTrue | UnaryFunc::IsFalse => {
            expect(&what(), &arg.scalar_type, &ReprScalarType::Bool)?;
            Ok(nullable(ReprScalarType::Bool, false))
        }
        UnaryFunc::RecordGet(i) => match &arg.scalar_type {
            ReprScalarType::Record { fields } => match fields.get(*i) {
                Some(field) => Ok(nullable(
                    field.scalar_type.clone(),
                    field.nullable || arg.nullable,
                )),
                None => Err(format!("record_get[{i}] of {} fields", fields.len())),
            },
            other => Err(format!("{} is {}, expected a record", what(), shown(other))),
        },
        UnaryFunc::ListLength => match &arg.scalar_type {
            ReprScalarType::List { .. } => Ok(nullable(ReprScalarType::Int32, arg.nullable)),
            other => Err(format!("{} is {}, expected a list", what(), shown(other))),
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
    let name = || super::text::binary_symbol(func).map_or_else(|| snake_name(func), str::to_string);
    let nulls = a.nullable || b.nullable;
    if functions::is_comparison(func) {
        let what = format!("the right side of {}", name());
        expect(&what, &b.scalar_type, &a.scalar_type)?;
        return Ok(nullable(ReprScalarType::Bool, nulls));
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
    let name = snake_name(func);
    let what = |i: usize| format!("argument {} of {name}", i + 1);
    let any_null = args.iter().any(|arg| arg.nullable);
    let all_of = |expected: &ReprScalarType| -> Result<(), Problem> {
        args.iter()
            .enumerate()
            .try_for_each(|(i, arg)| expect(&what(i), &arg.scalar_type, expected))
    };
    let exactly = |expected: &[ReprScalarType]| -> Result<(), Problem> {
        if args.len() != expected.len() {
            let (n, m) = (args.len(), expected.len());
            return Err(format!("{name} has {n} arguments, expected {m}"));
        }
        args.iter()
            .zip(expected)
            .enumerate()
            .try_for_each(|(i, (arg, expected))| expect(&what(i), &arg.scalar_type, expected))
    };
    let first = || {
        let first = args.first().map(|arg| arg.scalar_type.clone());
        first.ok_or_else(|| format!("{name} needs at least one argument"))
    };
    const STRING: ReprScalarType = ReprScalarType::String;
    const INT32: ReprScalarType = ReprScalarType::Int32;
    match func {
        VariadicFunc::And | VariadicFunc::Or => {
            all_of(&ReprScalarType::Bool)?;
            Ok(nullable(ReprScalarType::Bool, any_null))
        }
        VariadicFunc::Coalesce => {
            all_of(&first()?)?;
            let all_null = args.iter().all(|arg| arg.nullable);
            Ok(nullable(first()?, all_null))
        }
        VariadicFunc::Greatest | VariadicFunc::Least => {
            all_of(&first()?)?;
            Ok(nullable(first()?, any_null))
        }
        VariadicFunc::Concat => {
            all_of(&STRING)?;
            Ok(nullable(STRING, false))
        }
        VariadicFunc::Replace => {
            exactly(&[STRING, STRING, STRING])?;
            Ok(nullable(STRING, any_null))
        }
        VariadicFunc::Substr => {
            match args.len() {
                2 => exactly(&[STRING, INT32])?,
                _ => exactly(&[STRING, INT32, INT32])?,
            }
            Ok(nullable(STRING, any_null))
        }
        VariadicFunc::ErrorIfNull => {
            exactly(&[first()?, STRING])?;
            Ok(nullable(first()?, false))
        }
        VariadicFunc::ListCreate { elem_type } => {
            let element = elem_type.to_repr();
            all_of(&element)?;
            let element_type = Box::new(element);
            Ok(nullable(ReprScalarType::List { element_type }, false))
        }
        VariadicFunc::ArrayCreate { elem_type } => {
            let element = elem_type.to_repr();
            all_of(&element)?;
            Ok(nullable(ReprScalarType::Array(Box::new(element)), false))
        }
        VariadicFunc::RecordCreate { field_names } => {
            if field_names.len() != args.len() {
                let (n, m) = (args.len(), field_names.len());
                return Err(format!("{name} names {m} fields but has {n} arguments"));
            }
            let fields = args.into();
            Ok(nullable(ReprScalarType::Record { fields }, false))
        }
        _ => Err(format!("plans cannot call {name}")),
    }
}

/// The columns that are not NULL where the predicate is true.
pub(super) fn non_null_where_true(predicate: &MirScalarExpr, columns: &mut Vec<usize>) {
    if let MirScalarExpr::CallUnary {
        func: UnaryFunc::Not,
        expr,
    } = predicate
        && let MirScalarExpr::CallUnary {
            func: UnaryFunc::IsNull,
            expr,
        } = &**expr
    {
        columns.extend(scalar::as_column(expr));
    }
    non_null_requirements(predicate, columns);
}

/// The columns that are not NULL where the expression is not NULL.
fn non_null_requirements(e: &MirScalarExpr, columns: &mut Vec<usize>) {
    match e {
        MirScalarExpr::Column(c, _) => columns.push(*c),
        MirScalarExpr::Literal(..) | MirScalarExpr::CallUnmaterializable(_) => {}
        MirScalarExpr::CallUnary { func, expr } => {
            let of_null = [UnaryFunc::IsNull, UnaryFunc::IsTrue, UnaryFunc::IsFalse];
            if !of_null.contains(func) {
                non_null_requirements(expr, columns);
            }
        }
        MirScalarExpr::CallBinary { expr1, expr2, .. } => {
            non_null_requirements(expr1, columns);
            non_null_requirements(expr2, columns);
        }
        MirScalarExpr::CallVariadic { func, exprs } => {
            if matches!(func, VariadicFunc::Replace | VariadicFunc::Substr) {
                for e in exprs {
                    non_null_requirements(e, columns);
                }
            }
        }
        MirScalarExpr::If { .. } => {}
    }
}
