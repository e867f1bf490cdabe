//! Between datums and the Rust types that functions are written over, and the
//! rule by which strict functions treat errors, NULLs and wrong types. Source:
//! `spec/plan.md` §5.2.
//!
//! Invariant: a wrong type is reported before an argument's error, an error
//! before a NULL, and a function body sees neither.

use super::Arena;
use super::decimal::Decimal;
use protocol::v26_30::EvalError;
use repr::{Array, CivilTimestamp, Datum, Interval, List, Time};

/// The value of an expression, or why it has none.
pub type Evaluated<'a> = Result<Datum<'a>, EvalError>;

/// A type that an argument may have.
pub(super) trait Argument<'a>: Sized {
    /// None if the datum has another type.
    fn read(datum: Datum<'a>) -> Option<Self>;
}

/// A type that a result may have.
pub(super) trait Outcome<'a> {
    fn datum(self, arena: &'a Arena) -> Datum<'a>;
}

/// Days since 2000-01-01.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date(pub i32);
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp(pub CivilTimestamp);
#[derive(Debug, Clone, Copy)]
pub(super) struct StampTz(pub CivilTimestamp);
#[derive(Debug, Clone, Copy)]
pub(super) struct MzStamp(pub u64);

macro_rules! plain {
    ($($kind:ty => $variant:ident),* $(,)?) => {$(
        impl<'a> Argument<'a> for $kind {
            fn read(datum: Datum<'a>) -> Option<Self> {
                match datum {
                    Datum::$variant(value) => Some(value),
                    _ => None,
                }
            }
        }
        impl<'a> Outcome<'a> for $kind {
            fn datum(self, _: &'a Arena) -> Datum<'a> {
                Datum::$variant(self)
            }
        }
    )*};
}

plain! {
    i16 => Int16, i32 => Int32, i64 => Int64,
    u16 => UInt16, u32 => UInt32, u64 => UInt64,
    f32 => Float32, f64 => Float64,
    Time => Time, Interval => Interval,
    &'a str => String, &'a [u8] => Bytes, List<'a> => List, Array<'a> => Array,
}

macro_rules! wrapped {
    ($($kind:ident => $variant:ident),* $(,)?) => {$(
        impl<'a> Argument<'a> for $kind {
            fn read(datum: Datum<'a>) -> Option<Self> {
                match datum {
                    Datum::$variant(value) => Some($kind(value)),
                    _ => None,
                }
            }
        }
        impl<'a> Outcome<'a> for $kind {
            fn datum(self, _: &'a Arena) -> Datum<'a> {
                Datum::$variant(self.0)
            }
        }
    )*};
}

wrapped! { Date => Date, Stamp => Timestamp, StampTz => TimestampTz, MzStamp => MzTimestamp }

impl<'a> Argument<'a> for bool {
    fn read(datum: Datum<'a>) -> Option<Self> {
        match datum {
            Datum::True => Some(true),
            Datum::False => Some(false),
            _ => None,
        }
    }
}

impl<'a> Outcome<'a> for bool {
    fn datum(self, _: &'a Arena) -> Datum<'a> {
        self.into()
    }
}

impl<'a> Argument<'a> for Decimal {
    fn read(datum: Datum<'a>) -> Option<Self> {
        match datum {
            Datum::Numeric(value) => Some(Decimal::from(value)),
            _ => None,
        }
    }
}

impl<'a> Outcome<'a> for Decimal {
    fn datum(self, _: &'a Arena) -> Datum<'a> {
        Datum::Numeric(self.numeric())
    }
}

/// Any type at all.
impl<'a> Argument<'a> for Datum<'a> {
    fn read(datum: Datum<'a>) -> Option<Self> {
        Some(datum)
    }
}

impl<'a> Outcome<'a> for Datum<'a> {
    fn datum(self, _: &'a Arena) -> Datum<'a> {
        self
    }
}

impl<'a> Outcome<'a> for String {
    fn datum(self, arena: &'a Arena) -> Datum<'a> {
        arena.string(&self)
    }
}

impl<'a> Outcome<'a> for Vec<u8> {
    fn datum(self, arena: &'a Arena) -> Datum<'a> {
        arena.datum(|packer| packer.push(Datum::Bytes(&self)))
    }
}

impl<'a, T: Outcome<'a>> Outcome<'a> for Option<T> {
    fn datum(self, arena: &'a Arena) -> Datum<'a> {
        self.map_or(Datum::Null, |value| value.datum(arena))
    }
}

pub(super) fn wrong_type() -> EvalError {
    EvalError::Internal("invalid input type".into())
}

/// The value of an argument that is neither NULL nor an error. NULL gives None.
fn read<'a, T: Argument<'a>>(argument: &Evaluated<'a>) -> Result<Option<T>, EvalError> {
    match argument {
        Ok(Datum::Null) | Err(_) => Ok(None),
        Ok(datum) => T::read(*datum).map(Some).ok_or_else(wrong_type),
    }
}

/// A strict function of one argument.
pub(super) fn strict1<'a, A: Argument<'a>, R: Outcome<'a>>(
    arena: &'a Arena,
    a: Evaluated<'a>,
    call: impl FnOnce(A) -> Result<R, EvalError>,
) -> Evaluated<'a> {
    match read(&a)? {
        Some(value) => Ok(call(value)?.datum(arena)),
        None => a,
    }
}

/// A strict function of two arguments.
pub(super) fn strict2<'a, A: Argument<'a>, B: Argument<'a>, R: Outcome<'a>>(
    arena: &'a Arena,
    a: Evaluated<'a>,
    b: Evaluated<'a>,
    call: impl FnOnce(A, B) -> Result<R, EvalError>,
) -> Evaluated<'a> {
    let (first, second) = (read(&a)?, read(&b)?);
    a?;
    b?;
    match (first, second) {
        (Some(first), Some(second)) => Ok(call(first, second)?.datum(arena)),
        _ => Ok(Datum::Null),
    }
}

/// A strict function of three arguments.
pub(super) fn strict3<'a, A: Argument<'a>, B: Argument<'a>, C: Argument<'a>, R: Outcome<'a>>(
    arena: &'a Arena,
    [a, b, c]: [Evaluated<'a>; 3],
    call: impl FnOnce(A, B, C) -> Result<R, EvalError>,
) -> Evaluated<'a> {
    let (first, second, third) = (read(&a)?, read(&b)?, read(&c)?);
    a?;
    b?;
    c?;
    match (first, second, third) {
        (Some(first), Some(second), Some(third)) => Ok(call(first, second, third)?.datum(arena)),
        _ => Ok(Datum::Null),
    }
}
