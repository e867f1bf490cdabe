//! Functions of two arguments. Source: `spec/plan.md` §4.4, §5.2 to §5.6.
//!
//! Invariant: every function of the wire is named here, the lacking ones too.

use std::ops::{BitAnd, BitOr, BitXor};

use super::convert::{Date, Evaluated, Stamp, StampTz, strict2};
use super::decimal::Decimal;
use super::lacking::lacking;
use super::number::{Integer, checked_float};
use super::{Arena, calendar, extract, moment, text};
use protocol::v26_30::{BinaryFunc, EvalError};
use repr::{Datum, Interval, Time};

type Result<T> = std::result::Result<T, EvalError>;

/// Makes `call` of a table. `by_type` has functions that differ in the types of
/// their arguments alone: one body and the functions it computes, each with its
/// type. All functions are strict.
macro_rules! functions {
    (
        by_type { $($body:ident { $($typed:ident<$kind:ty>),* $(,)? })* }
        one_by_one { $($one:pat => $call:expr;)* }
        lacking { $($lacking:pat_param),* $(,)? }
    ) => {
        /// Calls a function on evaluated arguments.
        ///
        /// Errors: the arguments', the function's, or that the function is lacking.
        pub(super) fn call<'a>(
            func: &'a BinaryFunc,
            a: Evaluated<'a>,
            b: Evaluated<'a>,
            arena: &'a Arena,
        ) -> Evaluated<'a> {
            use BinaryFunc::*;
            match func {
                $($($typed => strict2(arena, a, b, $body::<$kind>),)*)*
                $($one => strict2(arena, a, b, $call),)*
                $($lacking)|* => Err(lacking(func)),
            }
        }
    };
}

functions! {
    by_type {
        add { AddInt16<i16>, AddInt32<i32>, AddInt64<i64>, AddUint16<u16>, AddUint32<u32>, AddUint64<u64> }
        sub { SubInt16<i16>, SubInt32<i32>, SubInt64<i64>, SubUint16<u16>, SubUint32<u32>, SubUint64<u64> }
        mul { MulInt16<i16>, MulInt32<i32>, MulInt64<i64>, MulUint16<u16>, MulUint32<u32>, MulUint64<u64> }
        div { DivInt16<i16>, DivInt32<i32>, DivInt64<i64>, DivUint16<u16>, DivUint32<u32>, DivUint64<u64> }
        rem { ModInt16<i16>, ModInt32<i32>, ModInt64<i64>, ModUint16<u16>, ModUint32<u32>, ModUint64<u64> }
        and {
            BitAndInt16<i16>, BitAndInt32<i32>, BitAndInt64<i64>,
            BitAndUint16<u16>, BitAndUint32<u32>, BitAndUint64<u64>,
        }
        or {
            BitOrInt16<i16>, BitOrInt32<i32>, BitOrInt64<i64>,
            BitOrUint16<u16>, BitOrUint32<u32>, BitOrUint64<u64>,
        }
        xor {
            BitXorInt16<i16>, BitXorInt32<i32>, BitXorInt64<i64>,
            BitXorUint16<u16>, BitXorUint32<u32>, BitXorUint64<u64>,
        }
    }
    one_by_one {
        // Floats.
        AddFloat32 => |a: f32, b: f32| sum_f32(a, b, a + b);
        AddFloat64 => |a: f64, b: f64| sum_f64(a, b, a + b);
        SubFloat32 => |a: f32, b: f32| sum_f32(a, b, a - b);
        SubFloat64 => |a: f64, b: f64| sum_f64(a, b, a - b);
        MulFloat32 => |a: f32, b: f32| {
            let (finite, nonzero) = (a.is_finite() && b.is_finite(), a != 0.0 && b != 0.0);
            checked_float(f64::from(a * b), finite, nonzero).map(|v| v as f32)
        };
        MulFloat64 => |a: f64, b: f64| {
            checked_float(a * b, a.is_finite() && b.is_finite(), a != 0.0 && b != 0.0)
        };
        DivFloat32 => |a: f32, b: f32| {
            divisor(b == 0.0 && !a.is_nan())?;
            checked_float(f64::from(a / b), a.is_finite(), a != 0.0 && b.is_finite())
                .map(|v| v as f32)
        };
        DivFloat64 => |a: f64, b: f64| {
            divisor(b == 0.0 && !a.is_nan())?;
            checked_float(a / b, a.is_finite(), a != 0.0 && b.is_finite())
        };
        ModFloat32 => |a: f32, b: f32| divisor(b == 0.0).map(|()| a % b);
        ModFloat64 => |a: f64, b: f64| divisor(b == 0.0).map(|()| a % b);
        // Decimals.
        AddNumeric => |a: Decimal, b: Decimal| a.checked_add(&b);
        SubNumeric => |a: Decimal, b: Decimal| a.checked_sub(&b);
        MulNumeric => |a: Decimal, b: Decimal| a.checked_mul(&b);
        DivNumeric => |a: Decimal, b: Decimal| a.checked_div(&b);
        ModNumeric => |a: Decimal, b: Decimal| a.checked_rem(&b);
        RoundNumeric => |a: Decimal, b: i32| a.round_to(b);
        // Shifts: those of 16 bits go through 32.
        BitShiftLeftInt16 => |a: i16, b: i32| Ok(i32::from(a).wrapping_shl(b as u32) as i16);
        BitShiftLeftInt32 => |a: i32, b: i32| Ok(a.wrapping_shl(b as u32));
        BitShiftLeftInt64 => |a: i64, b: i32| Ok(a.wrapping_shl(b as u32));
        BitShiftLeftUint16 => |a: u16, b: u32| Ok(u32::from(a).wrapping_shl(b) as u16);
        BitShiftLeftUint32 => |a: u32, b: u32| Ok(a.wrapping_shl(b));
        BitShiftLeftUint64 => |a: u64, b: u32| Ok(a.wrapping_shl(b));
        BitShiftRightInt16 => |a: i16, b: i32| Ok(i32::from(a).wrapping_shr(b as u32) as i16);
        BitShiftRightInt32 => |a: i32, b: i32| Ok(a.wrapping_shr(b as u32));
        BitShiftRightInt64 => |a: i64, b: i32| Ok(a.wrapping_shr(b as u32));
        BitShiftRightUint16 => |a: u16, b: u32| Ok(u32::from(a).wrapping_shr(b) as u16);
        BitShiftRightUint32 => |a: u32, b: u32| Ok(a.wrapping_shr(b));
        BitShiftRightUint64 => |a: u64, b: u32| Ok(a.wrapping_shr(b));
        // Comparisons.
        Eq => |a: Datum<'_>, b: Datum<'_>| Ok(a == b);
        NotEq => |a: Datum<'_>, b: Datum<'_>| Ok(a != b);
        Lt => |a: Datum<'_>, b: Datum<'_>| Ok(a < b);
        Lte => |a: Datum<'_>, b: Datum<'_>| Ok(a <= b);
        Gt => |a: Datum<'_>, b: Datum<'_>| Ok(a > b);
        Gte => |a: Datum<'_>, b: Datum<'_>| Ok(a >= b);
        // Texts.
        LikeEscape => |a: &str, b: &str| text::like_escape(a, b);
        IsLikeMatchCaseInsensitive => |a: &str, b: &str| text::like(a, b, true);
        IsLikeMatchCaseSensitive => |a: &str, b: &str| text::like(a, b, false);
        TextConcat => |a: &str, b: &str| text::concat(a, b);
        Left => |a: &'a str, b: i32| Ok(text::left(a, b));
        Right => |a: &'a str, b: i32| Ok(text::right(a, b));
        Position => |a: &str, b: &str| text::position(a, b);
        Strpos => |a: &str, b: &str| text::position(b, a);
        StartsWith => |a: &str, b: &str| Ok(a.starts_with(b));
        Trim => |a: &'a str, b: &str| Ok(a.trim_matches(|c| b.contains(c)));
        TrimLeading => |a: &'a str, b: &str| Ok(a.trim_start_matches(|c| b.contains(c)));
        TrimTrailing => |a: &'a str, b: &str| Ok(a.trim_end_matches(|c| b.contains(c)));
        // Dates, times and intervals.
        AddInterval => calendar::add_intervals;
        SubInterval => calendar::subtract_intervals;
        AddTimestampInterval => |a: Stamp, b| calendar::shift(a.0, b).map(Stamp);
        AddTimestampTzInterval => |a: StampTz, b| calendar::shift(a.0, b).map(StampTz);
        SubTimestampInterval => |a: Stamp, b| calendar::shift_back(a.0, b).map(Stamp);
        SubTimestampTzInterval => |a: StampTz, b| calendar::shift_back(a.0, b).map(StampTz);
        AddDateInterval => |a, b| calendar::date_plus(a, b).map(Stamp);
        SubDateInterval => |a, b| calendar::date_minus(a, b).map(Stamp);
        AddDateTime => |a, b| calendar::date_at(a, b).map(Stamp);
        SubTimestamp => |a: Stamp, b: Stamp| calendar::between(a.0, b.0);
        SubTimestampTz => |a: StampTz, b: StampTz| calendar::between(a.0, b.0);
        SubDate => |a: Date, b: Date| Ok(a.0.wrapping_sub(b.0));
        AddTimeInterval => |a: Time, b: Interval| Ok(moment::time_plus(a, b.micros.into()));
        SubTimeInterval => |a: Time, b: Interval| Ok(moment::time_plus(a, -i128::from(b.micros)));
        SubTime => calendar::between_times;
        ExtractInterval => |a: &str, b| extract::from_interval(&extract::units(a)?, b);
        ExtractTime => |a: &str, b| extract::from_time(&extract::units(a)?, b);
        ExtractTimestamp => |a: &str, b: Stamp| extract::from_timestamp(&extract::units(a)?, b.0);
        ExtractTimestampTz => |a: &str, b: StampTz| extract::from_timestamp(&extract::units(a)?, b.0);
        ExtractDate => |a: &str, b: Date| extract::from_date(&extract::units(a)?, b.0.into());
        DateTruncTimestamp => |a: &str, b: Stamp| extract::truncate(&extract::units(a)?, b.0).map(Stamp);
        DateTruncTimestampTz => |a: &str, b: StampTz| extract::truncate(&extract::units(a)?, b.0).map(StampTz);
        DateTruncInterval => extract::truncate_interval;
    }
    lacking {
        AgeTimestamp, AgeTimestampTz, MulInterval, DivInterval, IsRegexpMatchCaseSensitive,
        IsRegexpMatchCaseInsensitive, ToCharTimestamp, ToCharTimestampTz, DateBinTimestamp,
        DateBinTimestampTz, DatePartInterval, DatePartTime, DatePartTimestamp,
        DatePartTimestampTz, TimezoneTimestampBinary, TimezoneTimestampTzBinary,
        TimezoneIntervalTimestampBinary, TimezoneIntervalTimestampTzBinary,
        TimezoneIntervalTimeBinary, TimezoneOffset, JsonbGetInt64, JsonbGetInt64Stringify,
        JsonbGetString, JsonbGetStringStringify, JsonbGetPath, JsonbGetPathStringify,
        JsonbContainsString, JsonbConcat, JsonbContainsJsonb, JsonbDeleteInt64, JsonbDeleteString,
        MapContainsKey, MapGetValue, MapContainsAllKeys, MapContainsAnyKeys, MapContainsMap,
        ConvertFrom, RepeatString, Normalize, EncodedBytesCharLength, ListLengthMax { .. },
        ArrayContains, ArrayContainsArray, ArrayContainsArrayRev, ArrayLength, ArrayLower,
        ArrayRemove, ArrayUpper, ArrayArrayConcat, ListListConcat, ListElementConcat,
        ElementListConcat, ListRemove, ListContainsList, ListContainsListRev, DigestString,
        DigestBytes, MzRenderTypmod, Encode, Decode, LogNumeric, Power, PowerNumeric, GetBit,
        GetByte, ConstantTimeEqBytes, ConstantTimeEqString, RangeContainsDate,
        RangeContainsDateRev, RangeContainsI32, RangeContainsI32Rev, RangeContainsI64,
        RangeContainsI64Rev, RangeContainsNumeric, RangeContainsNumericRev, RangeContainsRange,
        RangeContainsRangeRev, RangeContainsTimestamp, RangeContainsTimestampRev,
        RangeContainsTimestampTz, RangeContainsTimestampTzRev, RangeOverlaps, RangeAfter,
        RangeBefore, RangeOverleft, RangeOverright, RangeAdjacent, RangeUnion, RangeIntersection,
        RangeDifference, UuidGenerateV5, MzAclItemContainsPrivilege, ParseIdent, PrettySql,
        RegexpReplace { .. },
    }
}

fn add<T: Integer>(a: T, b: T) -> Result<T> {
    a.plus(b).ok_or_else(|| T::overflow(format!("{a} + {b}")))
}

fn sub<T: Integer>(a: T, b: T) -> Result<T> {
    a.minus(b).ok_or_else(|| T::overflow(format!("{a} - {b}")))
}

fn mul<T: Integer>(a: T, b: T) -> Result<T> {
    a.times(b).ok_or_else(|| T::overflow(format!("{a} * {b}")))
}

fn div<T: Integer>(a: T, b: T) -> Result<T> {
    divisor(b.is_zero())?;
    a.over(b)
        .ok_or_else(|| T::out_of_range(format!("{a} / {b}")))
}

fn rem<T: Integer>(a: T, b: T) -> Result<T> {
    divisor(b.is_zero())?;
    Ok(a.remainder(b))
}

fn and<T: BitAnd<Output = T>>(a: T, b: T) -> Result<T> {
    Ok(a & b)
}

fn or<T: BitOr<Output = T>>(a: T, b: T) -> Result<T> {
    Ok(a | b)
}

fn xor<T: BitXor<Output = T>>(a: T, b: T) -> Result<T> {
    Ok(a ^ b)
}

/// Refuses a divisor that is zero.
fn divisor(zero: bool) -> Result<()> {
    if zero {
        return Err(EvalError::DivisionByZero);
    }
    Ok(())
}

fn sum_f32(a: f32, b: f32, sum: f32) -> Result<f32> {
    sum_f64(a.into(), b.into(), sum.into()).map(|sum| sum as f32)
}

/// The sum or difference of two floats: infinite from finite is an overflow.
fn sum_f64(a: f64, b: f64, sum: f64) -> Result<f64> {
    checked_float(sum, a.is_finite() && b.is_finite(), false)
}
