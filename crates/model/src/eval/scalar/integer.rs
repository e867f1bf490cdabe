//! Integer arithmetic of every width: overflow and division by zero are errors.
//! Source: `spec/plan.md` §5.4.

use super::{Result, Stop, Value};
use protocol::v26_30::{BinaryFunc, EvalError, UnaryFunc};
use repr::Datum;

/// What the arithmetic needs to know of a width.
pub(super) trait Width: Copy + Into<i128> + TryFrom<i128> + std::fmt::Display {
    const SIGNED: bool;
    const BITS: u32;
    fn of(datum: Datum<'_>) -> Option<Self>;
    fn value(self) -> Value;
    /// The width's own complaint.
    fn out_of_range(text: String) -> EvalError;
}

macro_rules! width {
    ($rust:ty, $datum:ident, $error:ident, $signed:literal) => {
        impl Width for $rust {
            const SIGNED: bool = $signed;
            const BITS: u32 = <$rust>::BITS;

            fn of(datum: Datum<'_>) -> Option<Self> {
                match datum {
                    Datum::$datum(n) => Some(n),
                    _ => None,
                }
            }

            fn value(self) -> Value {
                Value::new(Datum::$datum(self))
            }

            fn out_of_range(text: String) -> EvalError {
                EvalError::$error(text.into())
            }
        }
    };
}

width!(i16, Int16, Int16OutOfRange, true);
width!(i32, Int32, Int32OutOfRange, true);
width!(i64, Int64, Int64OutOfRange, true);
width!(u16, UInt16, UInt16OutOfRange, false);
width!(u32, UInt32, UInt32OutOfRange, false);
width!(u64, UInt64, UInt64OutOfRange, false);

fn of<T: Width>(value: &Value) -> Result<T> {
    T::of(value.datum()).ok_or_else(Stop::wrong_type)
}

/// The exact result, if it fits.
fn fit<T: Width>(exact: i128, error: impl FnOnce() -> EvalError) -> Result {
    T::try_from(exact).map(T::value).map_err(|_| error().into())
}

/// The integer that a value is, of whatever width.
pub(super) fn exact(value: &Value) -> Option<i128> {
    Some(match value.datum() {
        Datum::Int16(n) => n.into(),
        Datum::Int32(n) => n.into(),
        Datum::Int64(n) => n.into(),
        Datum::UInt16(n) => n.into(),
        Datum::UInt32(n) => n.into(),
        Datum::UInt64(n) => n.into(),
        _ => return None,
    })
}

/// An integer in another width.
pub(super) fn cast<T: Width>(n: i128) -> Result {
    fit::<T>(n, || T::out_of_range(n.to_string()))
}

#[derive(Clone, Copy)]
enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    And,
    Or,
    Xor,
}

fn arithmetic<T: Width>(op: Op, a: &Value, b: &Value) -> Result {
    let (x, y) = (of::<T>(a)?, of::<T>(b)?);
    let (m, n): (i128, i128) = (x.into(), y.into());
    // Signed overflow has one error for all; unsigned ones name the operation.
    let overflow = |sign: &str| match T::SIGNED {
        true => EvalError::NumericFieldOverflow,
        false => T::out_of_range(format!("{x} {sign} {y}")),
    };
    match op {
        Op::Add => fit::<T>(m + n, || overflow("+")),
        Op::Sub => fit::<T>(m - n, || overflow("-")),
        Op::Mul => fit::<T>(m * n, || overflow("*")),
        Op::Div if n == 0 => Err(EvalError::DivisionByZero.into()),
        Op::Div => fit::<T>(m / n, || T::out_of_range(format!("{x} / {y}"))),
        Op::Mod if n == 0 => Err(EvalError::DivisionByZero.into()),
        Op::Mod => fit::<T>(m % n, || overflow("%")),
        Op::And => fit::<T>(m & n, || overflow("&")),
        Op::Or => fit::<T>(m | n, || overflow("|")),
        Op::Xor => fit::<T>(m ^ n, || overflow("#")),
    }
}

/// Shifts: the count is taken modulo the width, 16-bit ones compute in 32.
fn shift<T: Width, C: Width>(left: bool, a: &Value, b: &Value) -> Result {
    let (x, count) = (of::<T>(a)?, of::<C>(b)?);
    let (x, count): (i128, i128) = (x.into(), count.into());
    let bits = i128::from(T::BITS.max(32));
    let count = count.rem_euclid(bits);
    let mask = (1_i128 << T::BITS) - 1;
    let shifted = if left { x << count } else { x >> count };
    let low = shifted & mask;
    let negative = T::SIGNED && low >> (T::BITS - 1) == 1;
    let wrapped = if negative {
        low - (1_i128 << T::BITS)
    } else {
        low
    };
    fit::<T>(wrapped, || EvalError::NumericFieldOverflow)
}

fn negated<T: Width>(a: &Value) -> Result {
    let x = of::<T>(a)?;
    fit::<T>(-x.into(), || T::out_of_range(x.to_string()))
}

fn absolute<T: Width>(a: &Value) -> Result {
    let x = of::<T>(a)?;
    fit::<T>(x.into().abs(), || T::out_of_range(x.to_string()))
}

fn inverted<T: Width>(a: &Value) -> Result {
    let x: i128 = of::<T>(a)?.into();
    let inverted = if T::SIGNED {
        !x
    } else {
        !x & ((1_i128 << T::BITS) - 1)
    };
    fit::<T>(inverted, || EvalError::NumericFieldOverflow)
}

/// Integer functions of one argument. `None`: another family's.
pub(super) fn unary(func: &UnaryFunc, a: &Value) -> Option<Result> {
    Some(match func {
        UnaryFunc::NegInt16 => negated::<i16>(a),
        UnaryFunc::NegInt32 => negated::<i32>(a),
        UnaryFunc::NegInt64 => negated::<i64>(a),
        UnaryFunc::AbsInt16 => absolute::<i16>(a),
        UnaryFunc::AbsInt32 => absolute::<i32>(a),
        UnaryFunc::AbsInt64 => absolute::<i64>(a),
        UnaryFunc::BitNotInt16 => inverted::<i16>(a),
        UnaryFunc::BitNotInt32 => inverted::<i32>(a),
        UnaryFunc::BitNotInt64 => inverted::<i64>(a),
        UnaryFunc::BitNotUint16 => inverted::<u16>(a),
        UnaryFunc::BitNotUint32 => inverted::<u32>(a),
        UnaryFunc::BitNotUint64 => inverted::<u64>(a),
        _ => return None,
    })
}

/// Integer functions of two arguments. `None`: another family's.
pub(super) fn binary(func: &BinaryFunc, a: &Value, b: &Value) -> Option<Result> {
    use BinaryFunc as F;
    Some(match func {
        F::AddInt16 => arithmetic::<i16>(Op::Add, a, b),
        F::AddInt32 => arithmetic::<i32>(Op::Add, a, b),
        F::AddInt64 => arithmetic::<i64>(Op::Add, a, b),
        F::AddUint16 => arithmetic::<u16>(Op::Add, a, b),
        F::AddUint32 => arithmetic::<u32>(Op::Add, a, b),
        F::AddUint64 => arithmetic::<u64>(Op::Add, a, b),
        F::SubInt16 => arithmetic::<i16>(Op::Sub, a, b),
        F::SubInt32 => arithmetic::<i32>(Op::Sub, a, b),
        F::SubInt64 => arithmetic::<i64>(Op::Sub, a, b),
        F::SubUint16 => arithmetic::<u16>(Op::Sub, a, b),
        F::SubUint32 => arithmetic::<u32>(Op::Sub, a, b),
        F::SubUint64 => arithmetic::<u64>(Op::Sub, a, b),
        F::MulInt16 => arithmetic::<i16>(Op::Mul, a, b),
        F::MulInt32 => arithmetic::<i32>(Op::Mul, a, b),
        F::MulInt64 => arithmetic::<i64>(Op::Mul, a, b),
        F::MulUint16 => arithmetic::<u16>(Op::Mul, a, b),
        F::MulUint32 => arithmetic::<u32>(Op::Mul, a, b),
        F::MulUint64 => arithmetic::<u64>(Op::Mul, a, b),
        F::DivInt16 => arithmetic::<i16>(Op::Div, a, b),
        F::DivInt32 => arithmetic::<i32>(Op::Div, a, b),
        F::DivInt64 => arithmetic::<i64>(Op::Div, a, b),
        F::DivUint16 => arithmetic::<u16>(Op::Div, a, b),
        F::DivUint32 => arithmetic::<u32>(Op::Div, a, b),
        F::DivUint64 => arithmetic::<u64>(Op::Div, a, b),
        F::ModInt16 => arithmetic::<i16>(Op::Mod, a, b),
        F::ModInt32 => arithmetic::<i32>(Op::Mod, a, b),
        F::ModInt64 => arithmetic::<i64>(Op::Mod, a, b),
        F::ModUint16 => arithmetic::<u16>(Op::Mod, a, b),
        F::ModUint32 => arithmetic::<u32>(Op::Mod, a, b),
        F::ModUint64 => arithmetic::<u64>(Op::Mod, a, b),
        F::BitAndInt16 => arithmetic::<i16>(Op::And, a, b),
        F::BitAndInt32 => arithmetic::<i32>(Op::And, a, b),
        F::BitAndInt64 => arithmetic::<i64>(Op::And, a, b),
        F::BitAndUint16 => arithmetic::<u16>(Op::And, a, b),
        F::BitAndUint32 => arithmetic::<u32>(Op::And, a, b),
        F::BitAndUint64 => arithmetic::<u64>(Op::And, a, b),
        F::BitOrInt16 => arithmetic::<i16>(Op::Or, a, b),
        F::BitOrInt32 => arithmetic::<i32>(Op::Or, a, b),
        F::BitOrInt64 => arithmetic::<i64>(Op::Or, a, b),
        F::BitOrUint16 => arithmetic::<u16>(Op::Or, a, b),
        F::BitOrUint32 => arithmetic::<u32>(Op::Or, a, b),
        F::BitOrUint64 => arithmetic::<u64>(Op::Or, a, b),
        F::BitXorInt16 => arithmetic::<i16>(Op::Xor, a, b),
        F::BitXorInt32 => arithmetic::<i32>(Op::Xor, a, b),
        F::BitXorInt64 => arithmetic::<i64>(Op::Xor, a, b),
        F::BitXorUint16 => arithmetic::<u16>(Op::Xor, a, b),
        F::BitXorUint32 => arithmetic::<u32>(Op::Xor, a, b),
        F::BitXorUint64 => arithmetic::<u64>(Op::Xor, a, b),
        F::BitShiftLeftInt16 => shift::<i16, i32>(true, a, b),
        F::BitShiftLeftInt32 => shift::<i32, i32>(true, a, b),
        F::BitShiftLeftInt64 => shift::<i64, i32>(true, a, b),
        F::BitShiftLeftUint16 => shift::<u16, u32>(true, a, b),
        F::BitShiftLeftUint32 => shift::<u32, u32>(true, a, b),
        F::BitShiftLeftUint64 => shift::<u64, u32>(true, a, b),
        F::BitShiftRightInt16 => shift::<i16, i32>(false, a, b),
        F::BitShiftRightInt32 => shift::<i32, i32>(false, a, b),
        F::BitShiftRightInt64 => shift::<i64, i32>(false, a, b),
        F::BitShiftRightUint16 => shift::<u16, u32>(false, a, b),
        F::BitShiftRightUint32 => shift::<u32, u32>(false, a, b),
        F::BitShiftRightUint64 => shift::<u64, u32>(false, a, b),
        _ => return None,
    })
}
