//! Functions over decimals, and casts to and from them. Source: `spec/plan.md`
//! §5.4, §5.5.

use super::{Result, Stop, Value};
use crate::decimal::Decimal;
use protocol::v26_30::{BinaryFunc, EvalError, UnaryFunc};
use repr::{Datum, Numeric};

/// More digits behind the point than this do not read as a decimal.
const LONGEST_FRACTION: usize = 255;

fn of(value: &Value) -> Result<Decimal> {
    match value.datum() {
        Datum::Numeric(n) => Ok(n.into()),
        _ => Err(Stop::wrong_type()),
    }
}

fn value(decimal: Decimal) -> Result {
    let numeric: Numeric = decimal.try_into()?;
    Ok(Value::new(Datum::Numeric(numeric)))
}

/// Functions of one argument. `None`: another family's.
pub(super) fn unary(func: &UnaryFunc, a: &Value) -> Option<Result> {
    use EvalError as E;
    use UnaryFunc as F;
    let integer = |error: fn(String) -> E| move |n: &Decimal| error(n.scientific()).into();
    Some(match func {
        F::NegNumeric => of(a).and_then(|n| value(n.negated())),
        F::AbsNumeric => of(a).and_then(|n| value(n.absolute())),
        F::CastInt16ToNumeric(None)
        | F::CastInt32ToNumeric(None)
        | F::CastInt64ToNumeric(None)
        | F::CastUint16ToNumeric(None)
        | F::CastUint32ToNumeric(None)
        | F::CastUint64ToNumeric(None) => match super::integer::exact(a) {
            Some(n) => value(Decimal::integer(n)),
            None => Err(Stop::wrong_type()),
        },
        F::CastFloat32ToNumeric(None) => match a.datum() {
            Datum::Float32(x) => from_float(x.into(), &x.to_string(), "real"),
            _ => Err(Stop::wrong_type()),
        },
        F::CastFloat64ToNumeric(None) => match a.datum() {
            Datum::Float64(x) => from_float(x, &x.to_string(), "double precision"),
            _ => Err(Stop::wrong_type()),
        },
        F::CastNumericToInt16 => of(a).and_then(|n| {
            // The text is that of a 32-bit integer, if it is one.
            let n = n.nearest_integer();
            match n.as_i128().map(i32::try_from) {
                Some(Ok(wide)) => match i16::try_from(wide) {
                    Ok(n) => Ok(Value::new(Datum::Int16(n))),
                    Err(_) => Err(E::Int16OutOfRange(wide.to_string()).into()),
                },
                Some(Err(_)) | None => Err(E::Int16OutOfRange(n.scientific()).into()),
            }
        }),
        F::CastNumericToInt32 => to_integer(a, Datum::Int32, integer(E::Int32OutOfRange)),
        F::CastNumericToInt64 => to_integer(a, Datum::Int64, integer(E::Int64OutOfRange)),
        F::CastNumericToFloat32 => of(a).and_then(|n| {
            let x: f32 = nearest(&n).unwrap_or(f32::NAN);
            match x.is_infinite() {
                true => Err(E::Float32OutOfRange(x.to_string()).into()),
                false => Ok(Value::new(Datum::Float32(x))),
            }
        }),
        F::CastNumericToFloat64 => of(a).and_then(|n| {
            let x: f64 = nearest(&n).unwrap_or(f64::NAN);
            match x.is_infinite() {
                true => Err(E::Float64OutOfRange(x.to_string()).into()),
                false => Ok(Value::new(Datum::Float64(x))),
            }
        }),
        F::CastNumericToString => of(a).map(|n| Value::string(&n.plain())),
        F::CastNumericToMzTimestamp => of(a).and_then(|n| {
            let negative_zero = n.is_zero() && n.is_negative();
            let time = n.as_i128().filter(|_| !negative_zero).map(u64::try_from);
            match time {
                Some(Ok(time)) => Ok(Value::new(Datum::MzTimestamp(time))),
                Some(Err(_)) | None => Err(E::MzTimestampOutOfRange(n.scientific()).into()),
            }
        }),
        _ => return None,
    })
}

/// The nearest integer, half away from zero, in a width's range.
fn to_integer<T: TryFrom<i128>>(
    a: &Value,
    datum: fn(T) -> Datum<'static>,
    error: impl Fn(&Decimal) -> Stop,
) -> Result {
    let n = of(a)?.nearest_integer();
    match n.as_i128().map(T::try_from) {
        Some(Ok(n)) => Ok(Value::new(datum(n))),
        Some(Err(_)) | None => Err(error(&n)),
    }
}

/// The float that a decimal's text reads as; NaN does not read.
fn nearest<T: std::str::FromStr>(n: &Decimal) -> Option<T> {
    n.scientific().parse().ok()
}

/// `shown` is the float's shortest text without an exponent.
fn from_float(x: f64, shown: &str, name: &str) -> Result {
    if x.is_infinite() {
        let text = format!("casting {name} to numeric");
        return Err(EvalError::InfinityOutOfDomain(text).into());
    }
    if x.is_nan() {
        return value(Decimal::Nan);
    }
    let fraction = shown
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let decimal = Decimal::parse(shown).filter(|_| fraction <= LONGEST_FRACTION);
    match decimal.map(Decimal::rounded).filter(|n| !n.overflows()) {
        Some(n) => value(n.normalised()),
        None => Err(EvalError::NumericFieldOverflow.into()),
    }
}

/// Functions of two arguments. `None`: another family's.
pub(super) fn binary(func: &BinaryFunc, a: &Value, b: &Value) -> Option<Result> {
    let apply = |op: fn(&Decimal, &Decimal) -> std::result::Result<Decimal, EvalError>| {
        let (a, b) = (of(a)?, of(b)?);
        value(op(&a, &b)?)
    };
    Some(match func {
        BinaryFunc::AddNumeric => apply(Decimal::plus),
        BinaryFunc::SubNumeric => apply(Decimal::minus),
        BinaryFunc::MulNumeric => apply(Decimal::times),
        BinaryFunc::DivNumeric => apply(Decimal::divided_by),
        BinaryFunc::ModNumeric => apply(Decimal::remainder),
        _ => return None,
    })
}
