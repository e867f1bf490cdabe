//! What is known of functions beside what they give: how they behave between two
//! arguments at which they are known.
//!
//! Invariant: a function that is not named here is taken for one of which nothing
//! is known.

use protocol::v26_30::{BinaryFunc, UnaryFunc};

/// Where a function fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    Never,
    /// If it fails between two arguments, then at one of them, too: what is too
    /// large or too small for a type is so at an end.
    AtAnEnd,
    Anywhere,
}

/// How a function behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape<const N: usize> {
    /// In which of its arguments it never turns: as the argument grows, whatever
    /// the others are, the result only grows or only shrinks.
    pub monotone: [bool; N],
    pub fails: Fails,
    /// Whether that holds for NaN and the infinities, too.
    pub specials: bool,
}

const fn shape<const N: usize>(monotone: [bool; N], fails: Fails) -> Shape<N> {
    Shape {
        monotone,
        fails,
        specials: false,
    }
}

/// The shape of a function of one argument.
pub(super) fn unary(func: &UnaryFunc) -> Shape<1> {
    use UnaryFunc::*;
    match func {
        IsNull | IsTrue | IsFalse => Shape {
            specials: true,
            ..shape([true], Fails::Never)
        },
        // Fractions have no time, and very small numbers no float of 32 bits.
        CastNumericToMzTimestamp
        | CastFloat64ToFloat32
        | CastNumericToInt16
        | CastNumericToInt32
        | CastNumericToInt64
        | CastNumericToFloat64
        | CastDateToMzTimestamp
        | CastTimestampToMzTimestamp
        | CastTimestampTzToMzTimestamp => shape([true], Fails::Anywhere),
        BitNotInt16
        | BitNotInt32
        | BitNotInt64
        | AbsFloat32
        | AbsFloat64
        | AbsNumeric
        | CastBoolToString
        | CastBoolToInt32
        | CastBoolToInt64
        | CastInt16ToString
        | CastInt32ToString
        | CastInt64ToString
        | CastInt32ToBool
        | CastInt64ToBool
        | Upper
        | Lower
        | TrimWhitespace
        | TrimLeadingWhitespace
        | TrimTrailingWhitespace
        | Reverse => shape([false], Fails::Never),
        other if never_turns_nor_fails(other) => shape([true], Fails::Never),
        other if may_leave_its_type(other) => shape([true], Fails::AtAnEnd),
        _ => shape([false], Fails::Anywhere),
    }
}

/// Monotone functions that have a value for every argument.
fn never_turns_nor_fails(func: &UnaryFunc) -> bool {
    use UnaryFunc::*;
    matches!(
        func,
        Not | CastInt16ToInt32
            | CastInt16ToInt64
            | CastInt32ToInt64
            | CastUint16ToUint32
            | CastUint16ToUint64
            | CastUint32ToUint64
            | CastUint16ToInt32
            | CastUint16ToInt64
            | CastUint32ToInt64
            | CastInt16ToFloat32
            | CastInt16ToFloat64
            | CastInt32ToFloat32
            | CastInt32ToFloat64
            | CastInt64ToFloat32
            | CastInt64ToFloat64
            | CastFloat32ToFloat64
            | CastInt16ToNumeric(None)
            | CastInt32ToNumeric(None)
            | CastInt64ToNumeric(None)
            | CastUint64ToNumeric(None)
            | CastUint64ToMzTimestamp
            | CastUint32ToMzTimestamp
            | NegFloat32
            | NegFloat64
            | NegNumeric
            | CeilFloat32
            | CeilFloat64
            | FloorFloat32
            | FloorFloat64
            | RoundFloat32
            | RoundFloat64
            | TruncFloat32
            | TruncFloat64
    )
}

/// Monotone functions that fail where the result is too large or too small.
fn may_leave_its_type(func: &UnaryFunc) -> bool {
    use UnaryFunc::*;
    matches!(
        func,
        NegInt16
            | NegInt32
            | NegInt64
            | CastInt16ToUint16
            | CastInt16ToUint32
            | CastInt16ToUint64
            | CastInt32ToInt16
            | CastInt32ToUint16
            | CastInt32ToUint32
            | CastInt32ToUint64
            | CastInt64ToInt16
            | CastInt64ToInt32
            | CastInt64ToUint16
            | CastInt64ToUint32
            | CastInt64ToUint64
            | CastUint64ToInt64
            | CastInt32ToMzTimestamp
            | CastInt64ToMzTimestamp
            | StepMzTimestamp
            | CastFloat32ToInt16
            | CastFloat32ToInt32
            | CastFloat32ToInt64
            | CastFloat64ToInt16
            | CastFloat64ToInt32
            | CastFloat64ToInt64
    )
}

/// The shape of a function of two arguments.
pub(super) fn binary(func: &BinaryFunc) -> Shape<2> {
    use BinaryFunc::*;
    match func {
        // Every value has its place in the order, NaN too.
        Lt | Lte | Gt | Gte => Shape {
            specials: true,
            ..shape([true, true], Fails::Never)
        },
        AddInt16 | AddInt32 | AddInt64 | AddUint16 | AddUint32 | AddUint64 | SubInt16
        | SubInt32 | SubInt64 | SubUint16 | SubUint32 | SubUint64 | MulInt16 | MulInt32
        | MulInt64 | MulUint16 | MulUint32 | MulUint64 | AddFloat32 | AddFloat64 | SubFloat32
        | SubFloat64 => shape([true, true], Fails::AtAnEnd),
        // The divisor has a pole.
        DivInt16 | DivInt32 | DivInt64 => shape([true, false], Fails::AtAnEnd),
        // A product of small numbers may be too small for its type.
        AddNumeric | SubNumeric | MulNumeric | MulFloat32 | MulFloat64 => {
            shape([true, true], Fails::Anywhere)
        }
        DivNumeric | DivFloat32 | DivFloat64 => shape([true, false], Fails::Anywhere),
        Eq | NotEq | BitAndInt16 | BitAndInt32 | BitAndInt64 | BitOrInt16 | BitOrInt32
        | BitOrInt64 | BitXorInt16 | BitXorInt32 | BitXorInt64 | StartsWith | Position | Strpos => {
            shape([false, false], Fails::Never)
        }
        _ => shape([false, false], Fails::Anywhere),
    }
}
