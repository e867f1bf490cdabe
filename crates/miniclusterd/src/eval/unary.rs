//! Functions of one argument. Source: `spec/plan.md` §4.3, §5.2 to §5.7.
//!
//! Invariant: every function of the wire is named here, the lacking ones too.

use super::convert::{Evaluated, MzStamp, strict1};
use super::decimal::Decimal;
use super::scalar::lacking;
use super::{Arena, calendar, number, text};
use protocol::v26_30::{EvalError, UnaryFunc};
use repr::{Datum, List, NumericMaxScale};

fn scale(scale: Option<NumericMaxScale>) -> Option<u8> {
    scale.map(|scale| scale.0)
}

/// Calls a function on an evaluated argument.
///
/// Errors: the argument's, the function's, or that the function is lacking.
pub(super) fn call<'a>(func: &'a UnaryFunc, a: Evaluated<'a>, arena: &'a Arena) -> Evaluated<'a> {
    match func {
        UnaryFunc::Not => strict1(arena, a, |a: bool| Ok(!a)),
        UnaryFunc::IsNull => Ok(a?.is_null().into()),
        UnaryFunc::IsTrue => Ok((a? == Datum::True).into()),
        UnaryFunc::IsFalse => Ok((a? == Datum::False).into()),
        UnaryFunc::BitNotInt16 => strict1(arena, a, |a: i16| Ok(!a)),
        UnaryFunc::BitNotInt32 => strict1(arena, a, |a: i32| Ok(!a)),
        UnaryFunc::BitNotInt64 => strict1(arena, a, |a: i64| Ok(!a)),
        UnaryFunc::BitNotUint16 => strict1(arena, a, |a: u16| Ok(!a)),
        UnaryFunc::BitNotUint32 => strict1(arena, a, |a: u32| Ok(!a)),
        UnaryFunc::BitNotUint64 => strict1(arena, a, |a: u64| Ok(!a)),
        UnaryFunc::NegInt16 => strict1(arena, a, |a: i16| {
            a.checked_neg()
                .ok_or_else(|| EvalError::Int16OutOfRange(a.to_string()))
        }),
        UnaryFunc::NegInt32 => strict1(arena, a, |a: i32| {
            a.checked_neg()
                .ok_or_else(|| EvalError::Int32OutOfRange(a.to_string()))
        }),
        UnaryFunc::NegInt64 => strict1(arena, a, |a: i64| {
            a.checked_neg()
                .ok_or_else(|| EvalError::Int64OutOfRange(a.to_string()))
        }),
        UnaryFunc::NegFloat32 => strict1(arena, a, |a: f32| Ok(-a)),
        UnaryFunc::NegFloat64 => strict1(arena, a, |a: f64| Ok(-a)),
        UnaryFunc::NegNumeric => strict1(arena, a, |a: Decimal| Ok(a.negated())),
        UnaryFunc::AbsInt16 => strict1(arena, a, |a: i16| {
            a.checked_abs()
                .ok_or_else(|| EvalError::Int16OutOfRange(a.to_string()))
        }),
        UnaryFunc::AbsInt32 => strict1(arena, a, |a: i32| {
            a.checked_abs()
                .ok_or_else(|| EvalError::Int32OutOfRange(a.to_string()))
        }),
        UnaryFunc::AbsInt64 => strict1(arena, a, |a: i64| {
            a.checked_abs()
                .ok_or_else(|| EvalError::Int64OutOfRange(a.to_string()))
        }),
        UnaryFunc::AbsFloat32 => strict1(arena, a, |a: f32| Ok(a.abs())),
        UnaryFunc::AbsFloat64 => strict1(arena, a, |a: f64| Ok(a.abs())),
        UnaryFunc::AbsNumeric => strict1(arena, a, |a: Decimal| Ok(a.absolute())),
        UnaryFunc::CastBoolToString => strict1(arena, a, |a: bool| Ok(a.to_string())),
        UnaryFunc::CastBoolToStringNonstandard => {
            strict1(arena, a, |a: bool| Ok(if a { "t" } else { "f" }))
        }
        UnaryFunc::CastBoolToInt32 => strict1(arena, a, |a: bool| Ok(i32::from(a))),
        UnaryFunc::CastBoolToInt64 => strict1(arena, a, |a: bool| Ok(i64::from(a))),
        UnaryFunc::CastInt16ToFloat32 => strict1(arena, a, |a: i16| Ok(a as f32)),
        UnaryFunc::CastInt16ToFloat64 => strict1(arena, a, |a: i16| Ok(f64::from(a))),
        UnaryFunc::CastInt16ToInt32 => strict1(arena, a, |a: i16| number::integer::<_, i32>(a)),
        UnaryFunc::CastInt16ToInt64 => strict1(arena, a, |a: i16| number::integer::<_, i64>(a)),
        UnaryFunc::CastInt16ToUint16 => strict1(arena, a, |a: i16| number::integer::<_, u16>(a)),
        UnaryFunc::CastInt16ToUint32 => strict1(arena, a, |a: i16| number::integer::<_, u32>(a)),
        UnaryFunc::CastInt16ToUint64 => strict1(arena, a, |a: i16| number::integer::<_, u64>(a)),
        UnaryFunc::CastInt16ToString => strict1(arena, a, |a: i16| Ok(a.to_string())),
        UnaryFunc::CastInt32ToBool => strict1(arena, a, |a: i32| Ok(a != 0)),
        UnaryFunc::CastInt32ToFloat32 => strict1(arena, a, |a: i32| Ok(a as f32)),
        UnaryFunc::CastInt32ToFloat64 => strict1(arena, a, |a: i32| Ok(a as f64)),
        UnaryFunc::CastInt32ToInt16 => strict1(arena, a, |a: i32| number::integer::<_, i16>(a)),
        UnaryFunc::CastInt32ToInt64 => strict1(arena, a, |a: i32| number::integer::<_, i64>(a)),
        UnaryFunc::CastInt32ToUint16 => strict1(arena, a, |a: i32| number::integer::<_, u16>(a)),
        UnaryFunc::CastInt32ToUint32 => strict1(arena, a, |a: i32| number::integer::<_, u32>(a)),
        UnaryFunc::CastInt32ToUint64 => strict1(arena, a, |a: i32| number::integer::<_, u64>(a)),
        UnaryFunc::CastInt32ToString => strict1(arena, a, |a: i32| Ok(a.to_string())),
        UnaryFunc::CastOidToInt32 => strict1(arena, a, |a: u32| Ok(a as i32)),
        UnaryFunc::CastOidToInt64 => strict1(arena, a, |a: u32| Ok(i64::from(a))),
        UnaryFunc::CastOidToString | UnaryFunc::CastUint32ToString => {
            strict1(arena, a, |a: u32| Ok(a.to_string()))
        }
        UnaryFunc::CastOidToRegClass
        | UnaryFunc::CastRegClassToOid
        | UnaryFunc::CastOidToRegProc
        | UnaryFunc::CastRegProcToOid
        | UnaryFunc::CastOidToRegType
        | UnaryFunc::CastRegTypeToOid => strict1(arena, a, |a: u32| Ok(a)),
        UnaryFunc::CastInt64ToInt16 => strict1(arena, a, |a: i64| number::integer::<_, i16>(a)),
        UnaryFunc::CastInt64ToInt32 => strict1(arena, a, |a: i64| number::integer::<_, i32>(a)),
        UnaryFunc::CastInt64ToUint16 => strict1(arena, a, |a: i64| number::integer::<_, u16>(a)),
        UnaryFunc::CastInt64ToUint32 => strict1(arena, a, |a: i64| number::integer::<_, u32>(a)),
        UnaryFunc::CastInt64ToUint64 => strict1(arena, a, |a: i64| number::integer::<_, u64>(a)),
        UnaryFunc::CastInt16ToNumeric(s) => {
            strict1(arena, a, |a: i16| Decimal::from(a).cast(scale(*s)))
        }
        UnaryFunc::CastInt32ToNumeric(s) => {
            strict1(arena, a, |a: i32| Decimal::from(a).cast(scale(*s)))
        }
        UnaryFunc::CastInt64ToBool => strict1(arena, a, |a: i64| Ok(a != 0)),
        UnaryFunc::CastInt64ToNumeric(s) => {
            strict1(arena, a, |a: i64| Decimal::from(a).cast(scale(*s)))
        }
        UnaryFunc::CastInt64ToFloat32 => strict1(arena, a, |a: i64| Ok(a as f32)),
        UnaryFunc::CastInt64ToFloat64 => strict1(arena, a, |a: i64| Ok(a as f64)),
        UnaryFunc::CastInt64ToString => strict1(arena, a, |a: i64| Ok(a.to_string())),
        UnaryFunc::CastUint16ToUint32 => strict1(arena, a, |a: u16| number::integer::<_, u32>(a)),
        UnaryFunc::CastUint16ToUint64 => strict1(arena, a, |a: u16| number::integer::<_, u64>(a)),
        UnaryFunc::CastUint16ToInt16 => strict1(arena, a, |a: u16| number::integer::<_, i16>(a)),
        UnaryFunc::CastUint16ToInt32 => strict1(arena, a, |a: u16| number::integer::<_, i32>(a)),
        UnaryFunc::CastUint16ToInt64 => strict1(arena, a, |a: u16| number::integer::<_, i64>(a)),
        UnaryFunc::CastUint16ToNumeric(s) => {
            strict1(arena, a, |a: u16| Decimal::from(a).cast(scale(*s)))
        }
        UnaryFunc::CastUint16ToFloat32 => strict1(arena, a, |a: u16| Ok(a as f32)),
        UnaryFunc::CastUint16ToFloat64 => strict1(arena, a, |a: u16| Ok(a as f64)),
        UnaryFunc::CastUint16ToString => strict1(arena, a, |a: u16| Ok(a.to_string())),
        UnaryFunc::CastUint32ToUint16 => strict1(arena, a, |a: u32| number::integer::<_, u16>(a)),
        UnaryFunc::CastUint32ToUint64 => strict1(arena, a, |a: u32| number::integer::<_, u64>(a)),
        UnaryFunc::CastUint32ToInt16 => strict1(arena, a, |a: u32| number::integer::<_, i16>(a)),
        UnaryFunc::CastUint32ToInt32 => strict1(arena, a, |a: u32| number::integer::<_, i32>(a)),
        UnaryFunc::CastUint32ToInt64 => strict1(arena, a, |a: u32| number::integer::<_, i64>(a)),
        UnaryFunc::CastUint32ToNumeric(s) => {
            strict1(arena, a, |a: u32| Decimal::from(a).cast(scale(*s)))
        }
        UnaryFunc::CastUint32ToFloat32 => strict1(arena, a, |a: u32| Ok(a as f32)),
        UnaryFunc::CastUint32ToFloat64 => strict1(arena, a, |a: u32| Ok(a as f64)),
        UnaryFunc::CastUint64ToUint16 => strict1(arena, a, |a: u64| number::integer::<_, u16>(a)),
        UnaryFunc::CastUint64ToUint32 => strict1(arena, a, |a: u64| number::integer::<_, u32>(a)),
        UnaryFunc::CastUint64ToInt16 => strict1(arena, a, |a: u64| number::integer::<_, i16>(a)),
        UnaryFunc::CastUint64ToInt32 => strict1(arena, a, |a: u64| number::integer::<_, i32>(a)),
        UnaryFunc::CastUint64ToInt64 => strict1(arena, a, |a: u64| number::integer::<_, i64>(a)),
        UnaryFunc::CastUint64ToNumeric(s) => {
            strict1(arena, a, |a: u64| Decimal::from(a).cast(scale(*s)))
        }
        UnaryFunc::CastUint64ToFloat32 => strict1(arena, a, |a: u64| Ok(a as f32)),
        UnaryFunc::CastUint64ToFloat64 => strict1(arena, a, |a: u64| Ok(a as f64)),
        UnaryFunc::CastUint64ToString => strict1(arena, a, |a: u64| Ok(a.to_string())),
        UnaryFunc::CastFloat32ToInt16 => strict1(arena, a, |a: f32| number::from_f32::<i16>(a)),
        UnaryFunc::CastFloat32ToInt32 => strict1(arena, a, |a: f32| number::from_f32::<i32>(a)),
        UnaryFunc::CastFloat32ToInt64 => strict1(arena, a, |a: f32| number::from_f32::<i64>(a)),
        UnaryFunc::CastFloat32ToUint16 => strict1(arena, a, |a: f32| number::from_f32::<u16>(a)),
        UnaryFunc::CastFloat32ToUint32 => strict1(arena, a, |a: f32| number::from_f32::<u32>(a)),
        UnaryFunc::CastFloat32ToUint64 => strict1(arena, a, |a: f32| number::from_f32::<u64>(a)),
        UnaryFunc::CastFloat32ToFloat64 => strict1(arena, a, |a: f32| Ok(f64::from(a))),
        UnaryFunc::CastFloat32ToString => strict1(arena, a, |a: f32| Ok(number::f32_text(a))),
        UnaryFunc::CastFloat32ToNumeric(s) => strict1(arena, a, |a: f32| {
            number::decimal_from_float(a.to_string(), "real", scale(*s))
        }),
        UnaryFunc::CastFloat64ToNumeric(s) => strict1(arena, a, |a: f64| {
            number::decimal_from_float(a.to_string(), "double precision", scale(*s))
        }),
        UnaryFunc::CastFloat64ToInt16 => strict1(arena, a, |a: f64| number::from_f64::<i16>(a)),
        UnaryFunc::CastFloat64ToInt32 => strict1(arena, a, |a: f64| number::from_f64::<i32>(a)),
        UnaryFunc::CastFloat64ToInt64 => strict1(arena, a, |a: f64| number::from_f64::<i64>(a)),
        UnaryFunc::CastFloat64ToUint16 => strict1(arena, a, |a: f64| number::from_f64::<u16>(a)),
        UnaryFunc::CastFloat64ToUint32 => strict1(arena, a, |a: f64| number::from_f64::<u32>(a)),
        UnaryFunc::CastFloat64ToUint64 => strict1(arena, a, |a: f64| number::from_f64::<u64>(a)),
        UnaryFunc::CastFloat64ToFloat32 => strict1(arena, a, |a: f64| {
            number::checked_float((a as f32).into(), a.is_finite(), a != 0.0).map(|_| a as f32)
        }),
        UnaryFunc::CastFloat64ToString => strict1(arena, a, |a: f64| Ok(number::f64_text(a))),
        UnaryFunc::CastNumericToFloat32 => {
            strict1(arena, a, |a: Decimal| number::decimal_to_f32(&a))
        }
        UnaryFunc::CastNumericToFloat64 => {
            strict1(arena, a, |a: Decimal| number::decimal_to_f64(&a))
        }
        UnaryFunc::CastNumericToInt16 => {
            strict1(arena, a, |a: Decimal| number::from_decimal::<i16>(a))
        }
        UnaryFunc::CastNumericToInt32 => {
            strict1(arena, a, |a: Decimal| number::from_decimal::<i32>(a))
        }
        UnaryFunc::CastNumericToInt64 => {
            strict1(arena, a, |a: Decimal| number::from_decimal::<i64>(a))
        }
        UnaryFunc::CastNumericToUint16 => {
            strict1(arena, a, |a: Decimal| number::from_decimal::<u16>(a))
        }
        UnaryFunc::CastNumericToUint32 => {
            strict1(arena, a, |a: Decimal| number::from_decimal::<u32>(a))
        }
        UnaryFunc::CastNumericToUint64 => {
            strict1(arena, a, |a: Decimal| number::from_decimal::<u64>(a))
        }
        UnaryFunc::CastNumericToString => strict1(arena, a, |a: Decimal| Ok(a.to_string())),
        UnaryFunc::CastMzTimestampToString => strict1(arena, a, |a: MzStamp| Ok(a.0.to_string())),
        UnaryFunc::CastUint64ToMzTimestamp => strict1(arena, a, |a: u64| Ok(MzStamp(a))),
        UnaryFunc::CastUint32ToMzTimestamp => strict1(arena, a, |a: u32| Ok(MzStamp(a.into()))),
        UnaryFunc::CastInt64ToMzTimestamp => strict1(arena, a, |a: i64| {
            u64::try_from(a)
                .map(MzStamp)
                .map_err(|_| EvalError::MzTimestampOutOfRange(a.to_string()))
        }),
        UnaryFunc::CastInt32ToMzTimestamp => strict1(arena, a, |a: i32| {
            u64::try_from(a)
                .map(MzStamp)
                .map_err(|_| EvalError::MzTimestampOutOfRange(a.to_string()))
        }),
        UnaryFunc::CastNumericToMzTimestamp => strict1(arena, a, |a: Decimal| {
            number::decimal_to_mz(&a).map(MzStamp)
        }),
        UnaryFunc::CastStringToBool => strict1(arena, a, |a: &str| text::parse_bool(a)),
        UnaryFunc::CastStringToBytes => strict1(arena, a, |a: &str| text::parse_bytes(a)),
        UnaryFunc::CastStringToInt16 => {
            strict1(arena, a, |a: &str| number::parse_integer::<i16>(a))
        }
        UnaryFunc::CastStringToInt32 => {
            strict1(arena, a, |a: &str| number::parse_integer::<i32>(a))
        }
        UnaryFunc::CastStringToInt64 => {
            strict1(arena, a, |a: &str| number::parse_integer::<i64>(a))
        }
        UnaryFunc::CastStringToUint16 => {
            strict1(arena, a, |a: &str| number::parse_integer::<u16>(a))
        }
        UnaryFunc::CastStringToUint32 => {
            strict1(arena, a, |a: &str| number::parse_integer::<u32>(a))
        }
        UnaryFunc::CastStringToUint64 => {
            strict1(arena, a, |a: &str| number::parse_integer::<u64>(a))
        }
        UnaryFunc::CastStringToFloat32 => strict1(arena, a, |a: &str| number::parse_f32(a)),
        UnaryFunc::CastStringToFloat64 => strict1(arena, a, |a: &str| number::parse_f64(a)),
        UnaryFunc::CastStringToNumeric(s) => {
            strict1(arena, a, |a: &str| number::parse_decimal(a, scale(*s)))
        }
        UnaryFunc::CastCharToString | UnaryFunc::CastVarCharToString => {
            strict1(arena, a, |a: &'a str| Ok(a))
        }
        UnaryFunc::CastBytesToString => strict1(arena, a, |a: &[u8]| Ok(text::hex_text(a))),
        UnaryFunc::CeilFloat32 => strict1(arena, a, |a: f32| Ok(a.ceil())),
        UnaryFunc::CeilFloat64 => strict1(arena, a, |a: f64| Ok(a.ceil())),
        UnaryFunc::CeilNumeric => strict1(arena, a, |a: Decimal| Ok(a.ceil())),
        UnaryFunc::FloorFloat32 => strict1(arena, a, |a: f32| Ok(a.floor())),
        UnaryFunc::FloorFloat64 => strict1(arena, a, |a: f64| Ok(a.floor())),
        UnaryFunc::FloorNumeric => strict1(arena, a, |a: Decimal| Ok(a.floor())),
        UnaryFunc::BitLengthBytes => strict1(arena, a, |a: &[u8]| text::length(a.len() * 8)),
        UnaryFunc::BitLengthString => strict1(arena, a, |a: &str| text::length(a.len() * 8)),
        UnaryFunc::ByteLengthBytes => strict1(arena, a, |a: &[u8]| text::length(a.len())),
        UnaryFunc::ByteLengthString => strict1(arena, a, |a: &str| text::length(a.len())),
        UnaryFunc::CharLength => strict1(arena, a, |a: &str| text::length(a.chars().count())),
        UnaryFunc::IsLikeMatch(s) => strict1(arena, a, |a: &str| {
            text::like(a, &s.pattern, s.case_insensitive)
        }),
        UnaryFunc::RoundFloat32 => strict1(arena, a, |a: f32| Ok(a.round_ties_even())),
        UnaryFunc::RoundFloat64 => strict1(arena, a, |a: f64| Ok(a.round_ties_even())),
        UnaryFunc::RoundNumeric => strict1(arena, a, |a: Decimal| Ok(a.round())),
        UnaryFunc::TruncFloat32 => strict1(arena, a, |a: f32| Ok(a.trunc())),
        UnaryFunc::TruncFloat64 => strict1(arena, a, |a: f64| Ok(a.trunc())),
        UnaryFunc::TruncNumeric => strict1(arena, a, |a: Decimal| Ok(a.trunc())),
        UnaryFunc::TrimWhitespace => strict1(arena, a, |a: &'a str| Ok(a.trim_matches(' '))),
        UnaryFunc::TrimLeadingWhitespace => {
            strict1(arena, a, |a: &'a str| Ok(a.trim_start_matches(' ')))
        }
        UnaryFunc::TrimTrailingWhitespace => {
            strict1(arena, a, |a: &'a str| Ok(a.trim_end_matches(' ')))
        }
        UnaryFunc::RecordGet(s) => strict1(arena, a, |a: List<'a>| {
            Ok(a.iter().nth(*s).unwrap_or(Datum::Null))
        }),
        UnaryFunc::ListLength => strict1(arena, a, |a: List<'_>| text::length(a.iter().count())),
        UnaryFunc::Upper => strict1(arena, a, |a: &str| Ok(a.to_uppercase())),
        UnaryFunc::Lower => strict1(arena, a, |a: &str| Ok(a.to_lowercase())),
        UnaryFunc::AdjustNumericScale(s) => strict1(arena, a, |a: Decimal| a.rescaled(s.0.into())),
        UnaryFunc::StepMzTimestamp => strict1(arena, a, |a: MzStamp| {
            a.0.checked_add(1)
                .map(MzStamp)
                .ok_or(EvalError::MzTimestampStepOverflow)
        }),
        UnaryFunc::Reverse => strict1(arena, a, |a: &str| Ok(a.chars().rev().collect::<String>())),
        UnaryFunc::NegInterval
        | UnaryFunc::CastMzTimestampToTimestamp
        | UnaryFunc::CastMzTimestampToTimestampTz
        | UnaryFunc::CastStringToMzTimestamp
        | UnaryFunc::CastTimestampToMzTimestamp
        | UnaryFunc::CastTimestampTzToMzTimestamp
        | UnaryFunc::CastDateToMzTimestamp
        | UnaryFunc::CastStringToDate
        | UnaryFunc::CastStringToTime
        | UnaryFunc::CastStringToTimestamp(..)
        | UnaryFunc::CastStringToTimestampTz(..)
        | UnaryFunc::CastStringToInterval
        | UnaryFunc::CastDateToTimestamp(..)
        | UnaryFunc::CastDateToTimestampTz(..)
        | UnaryFunc::CastDateToString
        | UnaryFunc::CastTimeToInterval
        | UnaryFunc::CastTimeToString
        | UnaryFunc::CastIntervalToString
        | UnaryFunc::CastIntervalToTime
        | UnaryFunc::CastTimestampToDate
        | UnaryFunc::AdjustTimestampPrecision { .. }
        | UnaryFunc::CastTimestampToTimestampTz { .. }
        | UnaryFunc::CastTimestampToString
        | UnaryFunc::CastTimestampToTime
        | UnaryFunc::CastTimestampTzToDate
        | UnaryFunc::CastTimestampTzToTimestamp { .. }
        | UnaryFunc::AdjustTimestampTzPrecision { .. }
        | UnaryFunc::CastTimestampTzToString
        | UnaryFunc::CastTimestampTzToTime
        | UnaryFunc::ExtractInterval(..)
        | UnaryFunc::ExtractTime(..)
        | UnaryFunc::ExtractTimestamp(..)
        | UnaryFunc::ExtractTimestampTz(..)
        | UnaryFunc::ExtractDate(..)
        | UnaryFunc::DateTruncTimestamp(..)
        | UnaryFunc::DateTruncTimestampTz(..) => calendar::unary(func, a, arena),
        UnaryFunc::SqrtFloat64
        | UnaryFunc::SqrtNumeric
        | UnaryFunc::CbrtFloat64
        | UnaryFunc::CastInt2VectorToArray
        | UnaryFunc::CastInt32ToOid
        | UnaryFunc::CastInt32ToPgLegacyChar
        | UnaryFunc::CastInt64ToOid
        | UnaryFunc::CastStringToPgLegacyChar
        | UnaryFunc::CastStringToPgLegacyName
        | UnaryFunc::CastStringToInt2Vector
        | UnaryFunc::CastStringToOid
        | UnaryFunc::CastStringToArray { .. }
        | UnaryFunc::CastStringToList { .. }
        | UnaryFunc::CastStringToMap { .. }
        | UnaryFunc::CastStringToRange { .. }
        | UnaryFunc::CastStringToUuid
        | UnaryFunc::CastStringToChar { .. }
        | UnaryFunc::PadChar { .. }
        | UnaryFunc::CastStringToVarChar { .. }
        | UnaryFunc::CastPgLegacyCharToString
        | UnaryFunc::CastPgLegacyCharToChar
        | UnaryFunc::CastPgLegacyCharToVarChar
        | UnaryFunc::CastPgLegacyCharToInt32
        | UnaryFunc::CastStringToJsonb
        | UnaryFunc::CastJsonbToString
        | UnaryFunc::CastJsonbableToJsonb
        | UnaryFunc::CastJsonbToInt16
        | UnaryFunc::CastJsonbToInt32
        | UnaryFunc::CastJsonbToInt64
        | UnaryFunc::CastJsonbToFloat32
        | UnaryFunc::CastJsonbToFloat64
        | UnaryFunc::CastJsonbToNumeric(..)
        | UnaryFunc::CastJsonbToBool
        | UnaryFunc::CastUuidToString
        | UnaryFunc::CastRecordToString { .. }
        | UnaryFunc::CastRecord1ToRecord2 { .. }
        | UnaryFunc::CastArrayToArray { .. }
        | UnaryFunc::CastArrayToJsonb { .. }
        | UnaryFunc::CastArrayToString { .. }
        | UnaryFunc::CastListToString { .. }
        | UnaryFunc::CastListToJsonb { .. }
        | UnaryFunc::CastList1ToList2 { .. }
        | UnaryFunc::CastArrayToListOneDim
        | UnaryFunc::CastMapToString { .. }
        | UnaryFunc::CastInt2VectorToString
        | UnaryFunc::CastRangeToString { .. }
        | UnaryFunc::Ascii
        | UnaryFunc::BitCountBytes
        | UnaryFunc::Chr
        | UnaryFunc::IsRegexpMatch(..)
        | UnaryFunc::RegexpMatch(..)
        | UnaryFunc::DatePartInterval(..)
        | UnaryFunc::DatePartTime(..)
        | UnaryFunc::DatePartTimestamp(..)
        | UnaryFunc::DatePartTimestampTz(..)
        | UnaryFunc::TimezoneTimestamp(..)
        | UnaryFunc::TimezoneTimestampTz(..)
        | UnaryFunc::TimezoneTime { .. }
        | UnaryFunc::ToTimestamp
        | UnaryFunc::ToCharTimestamp { .. }
        | UnaryFunc::ToCharTimestampTz { .. }
        | UnaryFunc::JustifyDays
        | UnaryFunc::JustifyHours
        | UnaryFunc::JustifyInterval
        | UnaryFunc::JsonbArrayLength
        | UnaryFunc::JsonbTypeof
        | UnaryFunc::JsonbStripNulls
        | UnaryFunc::JsonbPretty
        | UnaryFunc::ParseCatalogAclMode
        | UnaryFunc::ParseCatalogCreateSql
        | UnaryFunc::ParseCatalogId
        | UnaryFunc::ParseCatalogPrivileges
        | UnaryFunc::RedactSql
        | UnaryFunc::Initcap
        | UnaryFunc::MapLength
        | UnaryFunc::MapBuildFromRecordList { .. }
        | UnaryFunc::Cos
        | UnaryFunc::Acos
        | UnaryFunc::Cosh
        | UnaryFunc::Acosh
        | UnaryFunc::Sin
        | UnaryFunc::Asin
        | UnaryFunc::Sinh
        | UnaryFunc::Asinh
        | UnaryFunc::Tan
        | UnaryFunc::Atan
        | UnaryFunc::Tanh
        | UnaryFunc::Atanh
        | UnaryFunc::Cot
        | UnaryFunc::Degrees
        | UnaryFunc::Radians
        | UnaryFunc::Log10
        | UnaryFunc::Log10Numeric
        | UnaryFunc::Ln
        | UnaryFunc::LnNumeric
        | UnaryFunc::Exp
        | UnaryFunc::ExpNumeric
        | UnaryFunc::Sleep
        | UnaryFunc::Panic
        | UnaryFunc::PgColumnSize
        | UnaryFunc::MzRowSize
        | UnaryFunc::MzTypeName
        | UnaryFunc::RangeLower
        | UnaryFunc::RangeUpper
        | UnaryFunc::RangeEmpty
        | UnaryFunc::RangeLowerInc
        | UnaryFunc::RangeUpperInc
        | UnaryFunc::RangeLowerInf
        | UnaryFunc::RangeUpperInf
        | UnaryFunc::MzAclItemGrantor
        | UnaryFunc::MzAclItemGrantee
        | UnaryFunc::MzAclItemPrivileges
        | UnaryFunc::MzFormatPrivileges
        | UnaryFunc::MzValidatePrivileges
        | UnaryFunc::MzValidateRolePrivilege
        | UnaryFunc::AclItemGrantor
        | UnaryFunc::AclItemGrantee
        | UnaryFunc::AclItemPrivileges
        | UnaryFunc::QuoteIdent
        | UnaryFunc::TryParseMonotonicIso8601Timestamp
        | UnaryFunc::RegexpSplitToArray(..)
        | UnaryFunc::PgSizePretty
        | UnaryFunc::Crc32Bytes
        | UnaryFunc::Crc32String
        | UnaryFunc::KafkaMurmur2Bytes
        | UnaryFunc::KafkaMurmur2String
        | UnaryFunc::SeahashBytes
        | UnaryFunc::SeahashString => Err(lacking(func)),
    }
}
