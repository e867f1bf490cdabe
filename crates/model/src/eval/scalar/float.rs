//! Floating-point arithmetic: what leaves the finite numbers is an error.
//! Source: `spec/plan.md` §5.4.

use super::{Result, Stop, Value};
use protocol::v26_30::{BinaryFunc, EvalError, UnaryFunc};
use repr::Datum;

#[derive(Clone, Copy)]
enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

#[derive(Clone, Copy)]
enum Change {
    Negate,
    Absolute,
    /// To the nearest integer, ties to the even one.
    Round,
    Ceil,
    Floor,
    Trunc,
}

/// A float of either width; arithmetic is done in that width.
trait Float: Copy {
    fn of(datum: Datum<'_>) -> Option<Self>;
    fn value(self) -> Value;
    fn wide(self) -> f64;
    fn combine(op: Op, a: Self, b: Self) -> Self;
    fn change(self, how: Change) -> Self;
}

macro_rules! float {
    ($rust:ident, $datum:ident) => {
        impl Float for $rust {
            fn of(datum: Datum<'_>) -> Option<Self> {
                match datum {
                    Datum::$datum(x) => Some(x),
                    _ => None,
                }
            }

            fn value(self) -> Value {
                Value::new(Datum::$datum(self))
            }

            fn wide(self) -> f64 {
                self.into()
            }

            fn combine(op: Op, a: Self, b: Self) -> Self {
                match op {
                    Op::Add => a + b,
                    Op::Sub => a - b,
                    Op::Mul => a * b,
                    Op::Div => a / b,
                    Op::Mod => a % b,
                }
            }

            fn change(self, how: Change) -> Self {
                match how {
                    Change::Negate => -self,
                    Change::Absolute => self.abs(),
                    Change::Round => self.round_ties_even(),
                    Change::Ceil => self.ceil(),
                    Change::Floor => self.floor(),
                    Change::Trunc => self.trunc(),
                }
            }
        }
    };
}

float!(f32, Float32);
float!(f64, Float64);

fn arithmetic<T: Float>(op: Op, a: &Value, b: &Value) -> Result {
    let of = |value: &Value| T::of(value.datum()).ok_or_else(Stop::wrong_type);
    let (a, b) = (of(a)?, of(b)?);
    let (x, y) = (a.wide(), b.wide());
    match op {
        Op::Div if y == 0.0 && !x.is_nan() => return Err(EvalError::DivisionByZero.into()),
        Op::Mod if y == 0.0 => return Err(EvalError::DivisionByZero.into()),
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Mod => {}
    }
    let result = T::combine(op, a, b);
    let z = result.wide();
    let inputs_finite = match op {
        Op::Add | Op::Sub | Op::Mul => x.is_finite() && y.is_finite(),
        Op::Div => x.is_finite(),
        Op::Mod => false,
    };
    let vanished = match op {
        Op::Mul => x != 0.0 && y != 0.0,
        Op::Div => x != 0.0 && y.is_finite(),
        Op::Add | Op::Sub | Op::Mod => false,
    };
    if z.is_infinite() && inputs_finite {
        return Err(EvalError::FloatOverflow.into());
    }
    if z == 0.0 && vanished {
        return Err(EvalError::FloatUnderflow.into());
    }
    Ok(result.value())
}

fn changed<T: Float>(how: Change, a: &Value) -> Result {
    match T::of(a.datum()) {
        Some(x) => Ok(x.change(how).value()),
        None => Err(Stop::wrong_type()),
    }
}

/// Functions of one argument. `None`: another family's.
pub(super) fn unary(func: &UnaryFunc, a: &Value) -> Option<Result> {
    Some(match func {
        UnaryFunc::NegFloat32 => changed::<f32>(Change::Negate, a),
        UnaryFunc::NegFloat64 => changed::<f64>(Change::Negate, a),
        UnaryFunc::AbsFloat32 => changed::<f32>(Change::Absolute, a),
        UnaryFunc::AbsFloat64 => changed::<f64>(Change::Absolute, a),
        UnaryFunc::RoundFloat32 => changed::<f32>(Change::Round, a),
        UnaryFunc::RoundFloat64 => changed::<f64>(Change::Round, a),
        UnaryFunc::CeilFloat32 => changed::<f32>(Change::Ceil, a),
        UnaryFunc::CeilFloat64 => changed::<f64>(Change::Ceil, a),
        UnaryFunc::FloorFloat32 => changed::<f32>(Change::Floor, a),
        UnaryFunc::FloorFloat64 => changed::<f64>(Change::Floor, a),
        UnaryFunc::TruncFloat32 => changed::<f32>(Change::Trunc, a),
        UnaryFunc::TruncFloat64 => changed::<f64>(Change::Trunc, a),
        _ => return None,
    })
}

/// Functions of two arguments. `None`: another family's.
pub(super) fn binary(func: &BinaryFunc, a: &Value, b: &Value) -> Option<Result> {
    use BinaryFunc as F;
    Some(match func {
        F::AddFloat32 => arithmetic::<f32>(Op::Add, a, b),
        F::AddFloat64 => arithmetic::<f64>(Op::Add, a, b),
        F::SubFloat32 => arithmetic::<f32>(Op::Sub, a, b),
        F::SubFloat64 => arithmetic::<f64>(Op::Sub, a, b),
        F::MulFloat32 => arithmetic::<f32>(Op::Mul, a, b),
        F::MulFloat64 => arithmetic::<f64>(Op::Mul, a, b),
        F::DivFloat32 => arithmetic::<f32>(Op::Div, a, b),
        F::DivFloat64 => arithmetic::<f64>(Op::Div, a, b),
        F::ModFloat32 => arithmetic::<f32>(Op::Mod, a, b),
        F::ModFloat64 => arithmetic::<f64>(Op::Mod, a, b),
        _ => return None,
    })
}
