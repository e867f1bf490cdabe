//! The functions that plans may call, with the types of their arguments and
//! results and their names in the text form. Source: variant tables of
//! `spec/plan.md` §4, meaning §5.
//!
//! Invariant: a function that is not listed here is refused by the type
//! checker, so that no plan reaches a replica (or the model) with a call whose
//! meaning is written down nowhere.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::scalar;
use protocol::v26_30::{AggregateFunc, BinaryFunc, MirScalarExpr, UnaryFunc, UnmaterializableFunc};
use repr::ReprScalarType;

/// A function of one strict argument: NULL gives NULL.
pub struct Unary {
    pub func: UnaryFunc,
    pub arg: ReprScalarType,
    pub result: ReprScalarType,
}

/// A function of two strict arguments: NULL on either side gives NULL.
pub struct Binary {
    pub func: BinaryFunc,
    pub args: [ReprScalarType; 2],
    pub result: ReprScalarType,
}

/// An aggregate whose argument and result types are fixed.
pub struct Aggregate {
    pub func: AggregateFunc,
    pub arg: ReprScalarType,
    pub result: ReprScalarType,
}

macro_rules! unary {
    ($($func:ident $(($payload:expr))?: $arg:ident => $result:ident;)*) => {
        vec![$(Unary {
            func: UnaryFunc::$func $(($payload))?,
            arg: ReprScalarType::$arg,
            result: ReprScalarType::$result,
        }),*]
    };
}

macro_rules! binary {
    ($($func:ident: $a:ident, $b:ident => $result:ident;)*) => {
        vec![$(Binary {
            func: BinaryFunc::$func,
            args: [ReprScalarType::$a, ReprScalarType::$b],
            result: ReprScalarType::$result,
        }),*]
    };
}

macro_rules! aggregates {
    ($($func:ident: $arg:ident => $result:ident;)*) => {
        vec![$(Aggregate {
            func: AggregateFunc::$func,
            arg: ReprScalarType::$arg,
            result: ReprScalarType::$result,
        }),*]
    };
}

/// All unary functions but the polymorphic `is_null`, and `is_true`,
/// `is_false`, which never give NULL.
pub static UNARY: LazyLock<Vec<Unary>> = LazyLock::new(|| {
    unary! {
        Not: Bool => Bool;
        BitNotInt16: Int16 => Int16;
        BitNotInt32: Int32 => Int32;
        BitNotInt64: Int64 => Int64;
        NegInt16: Int16 => Int16;
        NegInt32: Int32 => Int32;
        NegInt64: Int64 => Int64;
        NegFloat32: Float32 => Float32;
        NegFloat64: Float64 => Float64;
        NegNumeric: Numeric => Numeric;
        AbsInt16: Int16 => Int16;
        AbsInt32: Int32 => Int32;
        AbsInt64: Int64 => Int64;
        AbsFloat32: Float32 => Float32;
        AbsFloat64: Float64 => Float64;
        AbsNumeric: Numeric => Numeric;
        CastBoolToString: Bool => String;
        CastBoolToInt32: Bool => Int32;
        CastBoolToInt64: Bool => Int64;
        CastInt16ToFloat32: Int16 => Float32;
        CastInt16ToFloat64: Int16 => Float64;
        CastInt16ToInt32: Int16 => Int32;
        CastInt16ToInt64: Int16 => Int64;
        CastInt16ToUint16: Int16 => UInt16;
        CastInt16ToUint32: Int16 => UInt32;
        CastInt16ToUint64: Int16 => UInt64;
        CastInt16ToString: Int16 => String;
        CastInt16ToNumeric(None): Int16 => Numeric;
        CastInt32ToBool: Int32 => Bool;
        CastInt32ToFloat32: Int32 => Float32;
        CastInt32ToFloat64: Int32 => Float64;
        CastInt32ToInt16: Int32 => Int16;
        CastInt32ToInt64: Int32 => Int64;
        CastInt32ToUint16: Int32 => UInt16;
        CastInt32ToUint32: Int32 => UInt32;
        CastInt32ToUint64: Int32 => UInt64;
        CastInt32ToString: Int32 => String;
        CastInt32ToNumeric(None): Int32 => Numeric;
        CastInt64ToInt16: Int64 => Int16;
        CastInt64ToInt32: Int64 => Int32;
        CastInt64ToUint16: Int64 => UInt16;
        CastInt64ToUint32: Int64 => UInt32;
        CastInt64ToUint64: Int64 => UInt64;
        CastInt64ToBool: Int64 => Bool;
        CastInt64ToFloat32: Int64 => Float32;
        CastInt64ToFloat64: Int64 => Float64;
        CastInt64ToString: Int64 => String;
        CastInt64ToNumeric(None): Int64 => Numeric;
        CastUint64ToInt64: UInt64 => Int64;
        CastUint64ToString: UInt64 => String;
        CastFloat32ToFloat64: Float32 => Float64;
        CastFloat32ToInt64: Float32 => Int64;
        CastFloat32ToString: Float32 => String;
        CastFloat64ToInt16: Float64 => Int16;
        CastFloat64ToInt32: Float64 => Int32;
        CastFloat64ToInt64: Float64 => Int64;
        CastFloat64ToFloat32: Float64 => Float32;
        CastFloat64ToString: Float64 => String;
        CastFloat64ToNumeric(None): Float64 => Numeric;
        CastNumericToInt16: Numeric => Int16;
        CastNumericToInt32: Numeric => Int32;
        CastNumericToInt64: Numeric => Int64;
        CastNumericToFloat64: Numeric => Float64;
        CastNumericToString: Numeric => String;
        CastMzTimestampToString: MzTimestamp => String;
        CastMzTimestampToTimestamp: MzTimestamp => Timestamp;
        CastUint64ToMzTimestamp: UInt64 => MzTimestamp;
        CastUint32ToMzTimestamp: UInt32 => MzTimestamp;
        CastInt64ToMzTimestamp: Int64 => MzTimestamp;
        CastInt32ToMzTimestamp: Int32 => MzTimestamp;
        CastNumericToMzTimestamp: Numeric => MzTimestamp;
        CastTimestampToMzTimestamp: Timestamp => MzTimestamp;
        CastTimestampTzToMzTimestamp: TimestampTz => MzTimestamp;
        CastDateToMzTimestamp: Date => MzTimestamp;
        CastStringToBool: String => Bool;
        CastStringToInt16: String => Int16;
        CastStringToInt32: String => Int32;
        CastStringToInt64: String => Int64;
        CastStringToFloat32: String => Float32;
        CastStringToFloat64: String => Float64;
        CastDateToTimestamp(None): Date => Timestamp;
        CastDateToString: Date => String;
        CastTimestampToDate: Timestamp => Date;
        CastTimestampToString: Timestamp => String;
        CastBytesToString: Bytes => String;
        CeilFloat32: Float32 => Float32;
        CeilFloat64: Float64 => Float64;
        FloorFloat32: Float32 => Float32;
        FloorFloat64: Float64 => Float64;
        BitLengthString: String => Int32;
        ByteLengthBytes: Bytes => Int32;
        ByteLengthString: String => Int32;
        CharLength: String => Int32;
        RoundFloat32: Float32 => Float32;
        RoundFloat64: Float64 => Float64;
        TruncFloat32: Float32 => Float32;
        TruncFloat64: Float64 => Float64;
        TrimWhitespace: String => String;
        TrimLeadingWhitespace: String => String;
        TrimTrailingWhitespace: String => String;
        Upper: String => String;
        Lower: String => String;
        StepMzTimestamp: MzTimestamp => MzTimestamp;
        Reverse: String => String;
    }
});

/// All binary functions but the six comparisons, which compare two values of
/// one type, whatever it is.
pub static BINARY: LazyLock<Vec<Binary>> = LazyLock::new(|| {
    binary! {
        AddInt16: Int16, Int16 => Int16;
        AddInt32: Int32, Int32 => Int32;
        AddInt64: Int64, Int64 => Int64;
        AddUint64: UInt64, UInt64 => UInt64;
        AddFloat32: Float32, Float32 => Float32;
        AddFloat64: Float64, Float64 => Float64;
        AddNumeric: Numeric, Numeric => Numeric;
        AddInterval: Interval, Interval => Interval;
        AddTimestampInterval: Timestamp, Interval => Timestamp;
        AddDateInterval: Date, Interval => Timestamp;
        AddDateTime: Date, Time => Timestamp;
        SubInt16: Int16, Int16 => Int16;
        SubInt32: Int32, Int32 => Int32;
        SubInt64: Int64, Int64 => Int64;
        SubUint64: UInt64, UInt64 => UInt64;
        SubFloat32: Float32, Float32 => Float32;
        SubFloat64: Float64, Float64 => Float64;
        SubNumeric: Numeric, Numeric => Numeric;
        SubInterval: Interval, Interval => Interval;
        SubTimestamp: Timestamp, Timestamp => Interval;
        SubTimestampInterval: Timestamp, Interval => Timestamp;
        SubDate: Date, Date => Int32;
        SubDateInterval: Date, Interval => Timestamp;
        MulInt16: Int16, Int16 => Int16;
        MulInt32: Int32, Int32 => Int32;
        MulInt64: Int64, Int64 => Int64;
        MulFloat32: Float32, Float32 => Float32;
        MulFloat64: Float64, Float64 => Float64;
        MulNumeric: Numeric, Numeric => Numeric;
        DivInt16: Int16, Int16 => Int16;
        DivInt32: Int32, Int32 => Int32;
        DivInt64: Int64, Int64 => Int64;
        DivFloat32: Float32, Float32 => Float32;
        DivFloat64: Float64, Float64 => Float64;
        DivNumeric: Numeric, Numeric => Numeric;
        ModInt16: Int16, Int16 => Int16;
        ModInt32: Int32, Int32 => Int32;
        ModInt64: Int64, Int64 => Int64;
        ModFloat32: Float32, Float32 => Float32;
        ModFloat64: Float64, Float64 => Float64;
        ModNumeric: Numeric, Numeric => Numeric;
        BitAndInt16: Int16, Int16 => Int16;
        BitAndInt32: Int32, Int32 => Int32;
        BitAndInt64: Int64, Int64 => Int64;
        BitOrInt16: Int16, Int16 => Int16;
        BitOrInt32: Int32, Int32 => Int32;
        BitOrInt64: Int64, Int64 => Int64;
        BitXorInt16: Int16, Int16 => Int16;
        BitXorInt32: Int32, Int32 => Int32;
        BitXorInt64: Int64, Int64 => Int64;
        BitShiftLeftInt32: Int32, Int32 => Int32;
        BitShiftLeftInt64: Int64, Int32 => Int64;
        BitShiftRightInt32: Int32, Int32 => Int32;
        BitShiftRightInt64: Int64, Int32 => Int64;
        TextConcat: String, String => String;
        Left: String, Int32 => String;
        Right: String, Int32 => String;
        Position: String, String => Int32;
        Strpos: String, String => Int32;
        Trim: String, String => String;
        TrimLeading: String, String => String;
        TrimTrailing: String, String => String;
        StartsWith: String, String => Bool;
        IsLikeMatchCaseSensitive: String, String => Bool;
        IsLikeMatchCaseInsensitive: String, String => Bool;
    }
});

/// All aggregates but `count` (of anything) and the ones over records.
pub static AGGREGATES: LazyLock<Vec<Aggregate>> = LazyLock::new(|| {
    aggregates! {
        MaxNumeric: Numeric => Numeric;
        MaxInt16: Int16 => Int16;
        MaxInt32: Int32 => Int32;
        MaxInt64: Int64 => Int64;
        MaxUInt16: UInt16 => UInt16;
        MaxUInt32: UInt32 => UInt32;
        MaxUInt64: UInt64 => UInt64;
        MaxMzTimestamp: MzTimestamp => MzTimestamp;
        MaxFloat32: Float32 => Float32;
        MaxFloat64: Float64 => Float64;
        MaxBool: Bool => Bool;
        MaxString: String => String;
        MaxDate: Date => Date;
        MaxTimestamp: Timestamp => Timestamp;
        MaxTimestampTz: TimestampTz => TimestampTz;
        MaxInterval: Interval => Interval;
        MaxTime: Time => Time;
        MinNumeric: Numeric => Numeric;
        MinInt16: Int16 => Int16;
        MinInt32: Int32 => Int32;
        MinInt64: Int64 => Int64;
        MinUInt16: UInt16 => UInt16;
        MinUInt32: UInt32 => UInt32;
        MinUInt64: UInt64 => UInt64;
        MinMzTimestamp: MzTimestamp => MzTimestamp;
        MinFloat32: Float32 => Float32;
        MinFloat64: Float64 => Float64;
        MinBool: Bool => Bool;
        MinString: String => String;
        MinDate: Date => Date;
        MinTimestamp: Timestamp => Timestamp;
        MinTimestampTz: TimestampTz => TimestampTz;
        MinInterval: Interval => Interval;
        MinTime: Time => Time;
        SumInt16: Int16 => Int64;
        SumInt32: Int32 => Int64;
        SumInt64: Int64 => Numeric;
        SumUInt16: UInt16 => UInt64;
        SumUInt32: UInt32 => UInt64;
        SumUInt64: UInt64 => Numeric;
        SumFloat32: Float32 => Float32;
        SumFloat64: Float64 => Float64;
        SumNumeric: Numeric => Numeric;
        Any: Bool => Bool;
        All: Bool => Bool;
    }
});

/// The unmaterializable functions that the text form knows.
pub const UNMATERIALIZABLE: [UnmaterializableFunc; 2] = [
    UnmaterializableFunc::MzNow,
    UnmaterializableFunc::MzEnvironmentId,
];

/// Whether the function compares two values of one type.
pub fn is_comparison(func: &BinaryFunc) -> bool {
    matches!(
        func,
        BinaryFunc::Eq
            | BinaryFunc::NotEq
            | BinaryFunc::Lt
            | BinaryFunc::Lte
            | BinaryFunc::Gt
            | BinaryFunc::Gte
    )
}

/// The names of the functions that an expression calls; `if` is one.
pub fn names_in(expr: &MirScalarExpr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    scalar::visit(expr, &mut |expr| {
        names.extend(match expr {
            MirScalarExpr::CallUnary { func, .. } => Some(snake_name(func)),
            MirScalarExpr::CallBinary { func, .. } => Some(snake_name(func)),
            MirScalarExpr::CallVariadic { func, .. } => Some(snake_name(func)),
            MirScalarExpr::CallUnmaterializable(func) => Some(snake_name(func)),
            MirScalarExpr::If { .. } => Some("if".to_string()),
            MirScalarExpr::Column(..) | MirScalarExpr::Literal(..) => None,
        });
    });
    names
}

/// The snake-case name of a function or aggregate: `AbsInt64` is `abs_int64`.
/// Payloads are left out.
pub fn snake_name(func: &impl std::fmt::Debug) -> String {
    let debug = format!("{func:?}");
    let variant = debug.split(['(', '{', ' ']).next().unwrap_or_default();
    let mut name = String::new();
    for c in variant.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    // `UInt16` is one word.
    name.replace("u_int", "uint")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_the_field_s_and_no_two_functions_share_one() {
        assert_eq!(snake_name(&UnaryFunc::AbsInt64), "abs_int64");
        assert_eq!(
            snake_name(&UnaryFunc::CastInt32ToNumeric(None)),
            "cast_int32_to_numeric"
        );
        assert_eq!(snake_name(&AggregateFunc::SumUInt16), "sum_uint16");
        let unary = UNARY.iter().map(|f| (1, snake_name(&f.func)));
        let binary = BINARY.iter().map(|f| (2, snake_name(&f.func)));
        let names: Vec<_> = unary.chain(binary).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        let aggregates: BTreeSet<_> = AGGREGATES.iter().map(|f| snake_name(&f.func)).collect();
        assert_eq!(aggregates.len(), AGGREGATES.len());
    }
}
