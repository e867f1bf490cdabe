//! Scalar expressions over typed columns: mostly columns and small literals,
//! so that predicates are sometimes true and keys meet. Source: `spec/plan.md`
//! §5.
//!
//! Invariants: what is drawn is well typed and of the type asked for; every
//! function in it is one that the model evaluates, which is asked of the model
//! itself, so that what it learns is drawn from then on.

use std::sync::LazyLock;

use super::choices::Choices;
use super::values;
use crate::model::eval::scalar::{self as reference, Stop};
use crate::plan::functions::{self, Binary, Unary};
use crate::plan::scalar::{binary, column, literal};
use crate::protocol::v26_30::{
    BinaryFunc, MirScalarExpr, UnaryFunc, UnmaterializableFunc, VariadicFunc,
};
use crate::repr::{Datum, Numeric, ReprColumnType, ReprScalarType, Timestamp};

/// The columns over which an expression is drawn, and how bold it may be.
#[derive(Clone, Copy)]
pub struct Over<'a> {
    pub columns: &'a [ReprColumnType],
    /// Functions that fail on some values may occur.
    pub fallible: bool,
    /// Nothing may fail, be it by overflow: columns and literals only.
    pub careful: bool,
}

/// A call of one argument.
pub fn unary(func: UnaryFunc, expr: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallUnary {
        func,
        expr: Box::new(expr),
    }
}

/// A call of any number of arguments.
pub fn variadic(func: VariadicFunc, exprs: Vec<MirScalarExpr>) -> MirScalarExpr {
    MirScalarExpr::CallVariadic { func, exprs }
}

/// The columns of this type.
pub fn columns_of(columns: &[ReprColumnType], typ: &ReprScalarType) -> Vec<usize> {
    (0..columns.len())
        .filter(|c| columns[*c].scalar_type == *typ)
        .collect()
}

/// A small value of the type; NULL of a type without one.
pub fn value(choices: &mut dyn Choices, typ: &ReprScalarType) -> MirScalarExpr {
    let small = [1, 0, 2, -1, 3][choices.index("literal", 5)];
    let text = ["a", "b", "", "ab"][choices.index("literal text", 4)];
    let datum = match typ {
        ReprScalarType::Bool => Datum::from(small % 2 != 0),
        ReprScalarType::Int16 => Datum::Int16(small as i16),
        ReprScalarType::Int32 => Datum::Int32(small as i32),
        ReprScalarType::Int64 => Datum::Int64(small),
        ReprScalarType::UInt32 => Datum::UInt32(small.unsigned_abs() as u32),
        ReprScalarType::UInt64 => Datum::UInt64(small.unsigned_abs()),
        ReprScalarType::Float64 => Datum::Float64(small as f64 / 2.0),
        ReprScalarType::Numeric => half(small),
        ReprScalarType::Date => Datum::Date(small as i32),
        ReprScalarType::MzTimestamp => Datum::MzTimestamp(2 * small.unsigned_abs()),
        ReprScalarType::String => Datum::String(text),
        ReprScalarType::Bytes => Datum::Bytes(text.as_bytes()),
        _ => return literal_row(typ, small.unsigned_abs() as usize),
    };
    literal(datum, typ.clone())
}

/// A value that columns of the type have; NULL of a type that no column has.
fn literal_row(typ: &ReprScalarType, place: usize) -> MirScalarExpr {
    let row = values::literal(typ, place);
    let datum = row.as_ref().and_then(|row| row.iter().next());
    literal(datum.unwrap_or(Datum::Null), typ.clone())
}

/// Half of a number, as a decimal.
fn half(n: i64) -> Datum<'static> {
    let half = match n % 2 {
        0 => Numeric::new((n / 2).into(), 0),
        _ => Numeric::new((n * 5).into(), -1),
    };
    half.map_or(Datum::Null, Datum::Numeric)
}

/// A column of the type if there is one, else a literal, or a column of another type
/// that is cast.
pub fn leaf(choices: &mut dyn Choices, over: Over<'_>, typ: &ReprScalarType) -> MirScalarExpr {
    let fitting = columns_of(over.columns, typ);
    let casts = casts(over, typ);
    if fitting.is_empty() && !casts.is_empty() && choices.chance("cast column", 1, 2) {
        let cast = casts[choices.index("cast", casts.len())];
        let columns = columns_of(over.columns, &cast.arg);
        let of = column(columns[choices.index("column", columns.len())]);
        return unary(cast.func.clone(), of);
    }
    if !fitting.is_empty() && !choices.chance("literal instead of a column", 1, 4) {
        return column(fitting[choices.index("column", fitting.len())]);
    }
    match choices.chance("null literal", 1, 12) {
        true => literal(Datum::Null, typ.clone()),
        false => value(choices, typ),
    }
}

/// The functions that make a value of the type of a column, where something may fail.
fn casts(over: Over<'_>, typ: &ReprScalarType) -> Vec<&'static Unary> {
    if !over.fallible || over.careful {
        return Vec::new();
    }
    let all = EVALUATED.unary.iter().copied();
    all.filter(|f| f.result == *typ && f.arg != *typ)
        .filter(|f| !columns_of(over.columns, &f.arg).is_empty())
        .filter(|f| functions::snake_name(&f.func).starts_with("cast_"))
        .collect()
}

/// An expression of the type, at most `depth` calls deep.
pub fn draw(
    choices: &mut dyn Choices,
    over: Over<'_>,
    typ: &ReprScalarType,
    depth: usize,
) -> MirScalarExpr {
    if depth == 0 || over.careful {
        return leaf(choices, over, typ);
    }
    let below = depth - 1;
    match choices.weighted("form of scalar", &[5, 6, 1, 1, 1, 2]) {
        Some(1) if *typ == ReprScalarType::Bool => predicate(choices, over, below),
        Some(1) if *typ == ReprScalarType::String && over.fallible => {
            text_of_parts(choices, over, below)
        }
        Some(1) => match arithmetic(choices, over, typ, below) {
            Some(expr) => expr,
            None => leaf(choices, over, typ),
        },
        Some(2) => MirScalarExpr::If {
            cond: Box::new(predicate(choices, over, below)),
            then: Box::new(draw(choices, over, typ, below)),
            els: Box::new(draw(choices, over, typ, below)),
        },
        Some(3) => {
            let exprs = several(choices, over, typ, below);
            variadic(VariadicFunc::Coalesce, exprs)
        }
        Some(4) => {
            let func = match choices.chance("least", 1, 2) {
                true => VariadicFunc::Least,
                false => VariadicFunc::Greatest,
            };
            let exprs = several(choices, over, typ, below);
            variadic(func, exprs)
        }
        Some(5) => call(choices, over, typ, below).unwrap_or_else(|| leaf(choices, over, typ)),
        _ => leaf(choices, over, typ),
    }
}

fn several(
    choices: &mut dyn Choices,
    over: Over<'_>,
    typ: &ReprScalarType,
    depth: usize,
) -> Vec<MirScalarExpr> {
    let count = choices.between("arguments", 2, 3);
    (0..count)
        .map(|_| draw(choices, over, typ, depth))
        .collect()
}

/// A boolean expression that is not a bare literal where that can be helped.
pub fn predicate(choices: &mut dyn Choices, over: Over<'_>, depth: usize) -> MirScalarExpr {
    let bools = columns_of(over.columns, &ReprScalarType::Bool);
    match choices.weighted("form of predicate", &[6, 2, 1, 1, 2]) {
        Some(1) if !over.columns.is_empty() => {
            let c = choices.index("tested column", over.columns.len());
            let test = unary(UnaryFunc::IsNull, column(c));
            match choices.chance("not null", 1, 2) {
                true => unary(UnaryFunc::Not, test),
                false => test,
            }
        }
        Some(2) if !bools.is_empty() => {
            let expr = column(bools[choices.index("column", bools.len())]);
            match choices.weighted("test of a boolean", &[2, 1, 1, 1]) {
                Some(1) => unary(UnaryFunc::Not, expr),
                Some(2) => unary(UnaryFunc::IsTrue, expr),
                Some(3) => unary(UnaryFunc::IsFalse, expr),
                _ => expr,
            }
        }
        Some(3) if depth > 0 => {
            let inner = predicate(choices, over, depth - 1);
            unary(UnaryFunc::Not, inner)
        }
        Some(4) if depth > 0 => {
            let func = match choices.chance("or", 1, 2) {
                true => VariadicFunc::Or,
                false => VariadicFunc::And,
            };
            let exprs = vec![
                predicate(choices, over, depth - 1),
                predicate(choices, over, depth - 1),
            ];
            variadic(func, exprs)
        }
        _ => comparison(choices, over, depth),
    }
}

fn comparison(choices: &mut dyn Choices, over: Over<'_>, depth: usize) -> MirScalarExpr {
    let typ = match over.columns.len() {
        0 => ReprScalarType::Int64,
        n => {
            let c = choices.index("compared column", n);
            over.columns[c].scalar_type.clone()
        }
    };
    // Those that hold for many values are the likely ones.
    const FUNCS: [BinaryFunc; 6] = [
        BinaryFunc::Eq,
        BinaryFunc::NotEq,
        BinaryFunc::Lt,
        BinaryFunc::Lte,
        BinaryFunc::Gt,
        BinaryFunc::Gte,
    ];
    let drawn = choices.weighted("operator", &[2, 3, 1, 3, 1, 3]);
    let func = FUNCS[drawn.unwrap_or(0)].clone();
    let fitting = columns_of(over.columns, &typ);
    let left = match fitting.is_empty() {
        true => leaf(choices, over, &typ),
        false => column(fitting[choices.index("compared column", fitting.len())]),
    };
    let right = match choices.chance("compare with a literal", 1, 2) {
        true => value(choices, &typ),
        false => draw(choices, over, &typ, depth.min(1)),
    };
    binary(func, left, right)
}

/// Addition and its like; `None` for types that have none.
fn arithmetic(
    choices: &mut dyn Choices,
    over: Over<'_>,
    typ: &ReprScalarType,
    depth: usize,
) -> Option<MirScalarExpr> {
    let [add, sub, mul, div, rem] = match typ {
        ReprScalarType::Int16 => [
            BinaryFunc::AddInt16,
            BinaryFunc::SubInt16,
            BinaryFunc::MulInt16,
            BinaryFunc::DivInt16,
            BinaryFunc::ModInt16,
        ],
        ReprScalarType::Int32 => [
            BinaryFunc::AddInt32,
            BinaryFunc::SubInt32,
            BinaryFunc::MulInt32,
            BinaryFunc::DivInt32,
            BinaryFunc::ModInt32,
        ],
        ReprScalarType::Int64 => [
            BinaryFunc::AddInt64,
            BinaryFunc::SubInt64,
            BinaryFunc::MulInt64,
            BinaryFunc::DivInt64,
            BinaryFunc::ModInt64,
        ],
        ReprScalarType::Numeric if over.fallible => [
            BinaryFunc::AddNumeric,
            BinaryFunc::SubNumeric,
            BinaryFunc::MulNumeric,
            BinaryFunc::DivNumeric,
            BinaryFunc::ModNumeric,
        ],
        ReprScalarType::Float64 if over.fallible => [
            BinaryFunc::AddFloat64,
            BinaryFunc::SubFloat64,
            BinaryFunc::MulFloat64,
            BinaryFunc::DivFloat64,
            BinaryFunc::ModFloat64,
        ],
        _ => return None,
    };
    let left = draw(choices, over, typ, depth);
    Some(match choices.weighted("arithmetic", &[4, 2, 2, 1, 3]) {
        Some(1) => binary(sub, left, leaf(choices, over, typ)),
        Some(2) => binary(mul, left, leaf(choices, over, typ)),
        Some(form @ (3 | 4)) => {
            let func = if form == 3 { div } else { rem };
            let right = match over.fallible && choices.chance("divisor of any value", 1, 2) {
                true => leaf(choices, over, typ),
                false => divisor(choices, typ),
            };
            binary(func, left, right)
        }
        _ => binary(add, left, leaf(choices, over, typ)),
    })
}

/// A part of a text, or a text with other parts.
fn text_of_parts(choices: &mut dyn Choices, over: Over<'_>, depth: usize) -> MirScalarExpr {
    let whole = draw(choices, over, &ReprScalarType::String, depth);
    let text = |choices: &mut dyn Choices| leaf(choices, over, &ReprScalarType::String);
    let number = |choices: &mut dyn Choices| match choices.chance("number of any value", 1, 3) {
        true => leaf(choices, over, &ReprScalarType::Int32),
        false => {
            let number = choices.draw("number of characters", 5) as i32;
            literal(Datum::Int32(number), ReprScalarType::Int32)
        }
    };
    match choices.weighted("text of parts", &[2, 2, 2, 2]) {
        Some(1) => {
            let exprs = vec![whole, text(choices), text(choices)];
            variadic(VariadicFunc::Replace, exprs)
        }
        Some(2) => {
            let mut exprs = vec![whole, number(choices)];
            if choices.chance("pad", 1, 2) {
                exprs.push(text(choices));
            }
            variadic(VariadicFunc::PadLeading, exprs)
        }
        Some(3) => {
            let exprs = vec![whole, text(choices), number(choices)];
            variadic(VariadicFunc::SplitPart, exprs)
        }
        _ => {
            let mut exprs = vec![whole, number(choices)];
            if choices.chance("length", 1, 2) {
                exprs.push(number(choices));
            }
            variadic(VariadicFunc::Substr, exprs)
        }
    }
}

/// A number that is not zero, nor the one whose quotient overflows.
fn divisor(choices: &mut dyn Choices, typ: &ReprScalarType) -> MirScalarExpr {
    let n = 2 + choices.index("divisor", 2) as i64;
    let datum = match typ {
        ReprScalarType::Int16 => Datum::Int16(n as i16),
        ReprScalarType::Int32 => Datum::Int32(n as i32),
        ReprScalarType::Float64 => Datum::Float64(n as f64),
        ReprScalarType::Numeric => Numeric::new(n.into(), 0).map_or(Datum::Null, Datum::Numeric),
        _ => Datum::Int64(n),
    };
    literal(datum, typ.clone())
}

/// A function of the table that the model knows.
fn call(
    choices: &mut dyn Choices,
    over: Over<'_>,
    typ: &ReprScalarType,
    depth: usize,
) -> Option<MirScalarExpr> {
    let of_columns = |arg: &ReprScalarType| {
        !columns_of(over.columns, arg).is_empty() || depth > 0 && !casts(over, arg).is_empty()
    };
    let unaries: Vec<&Unary> = EVALUATED
        .unary
        .iter()
        .copied()
        .filter(|f| f.result == *typ && of_columns(&f.arg))
        .filter(|f| over.fallible || !may_fail(&format!("{:?}", f.func)))
        .collect();
    let binaries: Vec<&Binary> = EVALUATED
        .binary
        .iter()
        .copied()
        .filter(|f| f.result == *typ && f.args.iter().any(&of_columns))
        .filter(|f| over.fallible || !may_fail(&format!("{:?}", f.func)))
        .collect();
    let index = choices.index("function", unaries.len() + binaries.len());
    if let Some(f) = unaries.get(index) {
        let arg = draw(choices, over, &f.arg, depth);
        return Some(unary(f.func.clone(), arg));
    }
    let f = binaries.get(index - unaries.len().min(index))?;
    let a = draw(choices, over, &f.args[0], depth);
    let b = draw(choices, over, &f.args[1], 0);
    Some(binary(f.func.clone(), a, b))
}

/// Functions that fail on values of the small domain, by name.
fn may_fail(name: &str) -> bool {
    let casts_down = name.starts_with("CastString")
        || name.contains("ToUint")
        || name.contains("ToMzTimestamp") && !name.starts_with("CastUint");
    casts_down || name.starts_with("Div") || name.starts_with("Mod")
}

/// `mz_now()`.
pub fn now() -> MirScalarExpr {
    MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow)
}

/// A time that is computed of a number: a column, moved or scaled.
fn computed_moment(choices: &mut dyn Choices, over: Over<'_>) -> Option<MirScalarExpr> {
    let numeric = ReprScalarType::Numeric;
    let casts = casts(over, &numeric);
    let cast = *choices.pick("number of a bound", &casts)?;
    let columns = columns_of(over.columns, &cast.arg);
    let number = column(columns[choices.index("column", columns.len())]);
    let number = unary(cast.func.clone(), number);
    let by = value(choices, &numeric);
    let computed = match choices.weighted("computed bound", &[8, 8, 1, 1]) {
        Some(1) => binary(BinaryFunc::DivNumeric, number, divisor(choices, &numeric)),
        Some(2) => binary(BinaryFunc::AddNumeric, number, by),
        Some(3) => binary(BinaryFunc::SubNumeric, number, by),
        _ => binary(BinaryFunc::MulNumeric, number, by),
    };
    Some(unary(UnaryFunc::CastNumericToMzTimestamp, computed))
}

/// A time that no shard which the driver writes comes to.
const FAR: Timestamp = 200;

/// A bound for `mz_now()`: a column, something cast to a time, or a literal.
pub fn moment(choices: &mut dyn Choices, over: Over<'_>) -> MirScalarExpr {
    let typ = ReprScalarType::MzTimestamp;
    // Only what has ended already comes as far as that.
    if choices.chance("far bound", 1, 8) {
        return literal(Datum::MzTimestamp(FAR), typ);
    }
    if columns_of(over.columns, &typ).is_empty() && !over.careful {
        let over = Over {
            fallible: true,
            ..over
        };
        if choices.chance("computed bound", 2, 3)
            && let Some(expr) = computed_moment(choices, over)
        {
            return expr;
        }
        if let Some(expr) = call(choices, over, &typ, 0) {
            return expr;
        }
    }
    leaf(choices, over, &typ)
}

/// The functions that the model evaluates.
struct Evaluated {
    unary: Vec<&'static Unary>,
    binary: Vec<&'static Binary>,
}

static EVALUATED: LazyLock<Evaluated> = LazyLock::new(|| Evaluated {
    unary: functions::UNARY
        .iter()
        .filter(|f| sample(&f.arg).is_some_and(|arg| known(&unary(f.func.clone(), arg))))
        .collect(),
    binary: functions::BINARY
        .iter()
        .filter(|f| match (sample(&f.args[0]), sample(&f.args[1])) {
            (Some(a), Some(b)) => known(&binary(f.func.clone(), a, b)),
            (Some(_) | None, _) => false,
        })
        .collect(),
});

/// A value on which to try a function.
fn sample(typ: &ReprScalarType) -> Option<MirScalarExpr> {
    if *typ == ReprScalarType::String {
        return Some(literal(Datum::String("1"), typ.clone()));
    }
    let mut simplest = super::ByteChoices::new(&[]);
    let value = value(&mut simplest, typ);
    let null = literal(Datum::Null, typ.clone());
    (value != null).then_some(value)
}

fn known(expr: &MirScalarExpr) -> bool {
    !matches!(reference::eval(expr, &[], 0), Err(Stop::Unsupported(_)))
}
