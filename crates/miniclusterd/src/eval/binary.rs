//! Functions of two arguments. Source: `spec/plan.md` §4.4, §5.2 to §5.6.
//!
//! Invariant: every function of the wire is named here, the lacking ones too.

use super::convert::{Evaluated, strict2};
use super::decimal::Decimal;
use super::scalar::lacking;
use super::{Arena, calendar, number, text};
use protocol::v26_30::{BinaryFunc, EvalError};
use repr::Datum;

/// Calls a function on evaluated arguments.
///
/// Errors: the arguments', the function's, or that the function is lacking.
pub(super) fn call<'a>(
    func: &'a BinaryFunc,
    a: Evaluated<'a>,
    b: Evaluated<'a>,
    arena: &'a Arena,
) -> Evaluated<'a> {
    match func {
        BinaryFunc::AddInt16 => strict2(arena, a, b, |a: i16, b: i16| {
            a.checked_add(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::AddInt32 => strict2(arena, a, b, |a: i32, b: i32| {
            a.checked_add(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::AddInt64 => strict2(arena, a, b, |a: i64, b: i64| {
            a.checked_add(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::AddUint16 => strict2(arena, a, b, |a: u16, b: u16| {
            a.checked_add(b)
                .ok_or_else(|| EvalError::UInt16OutOfRange(format!("{a} + {b}")))
        }),
        BinaryFunc::AddUint32 => strict2(arena, a, b, |a: u32, b: u32| {
            a.checked_add(b)
                .ok_or_else(|| EvalError::UInt32OutOfRange(format!("{a} + {b}")))
        }),
        BinaryFunc::AddUint64 => strict2(arena, a, b, |a: u64, b: u64| {
            a.checked_add(b)
                .ok_or_else(|| EvalError::UInt64OutOfRange(format!("{a} + {b}")))
        }),
        BinaryFunc::AddFloat32 => strict2(arena, a, b, |a: f32, b: f32| {
            number::checked_float(f64::from(a + b), a.is_finite() && b.is_finite(), false)
                .map(|v| v as f32)
        }),
        BinaryFunc::AddFloat64 => strict2(arena, a, b, |a: f64, b: f64| {
            number::checked_float(a + b, a.is_finite() && b.is_finite(), false)
        }),
        BinaryFunc::AddNumeric => strict2(arena, a, b, |a: Decimal, b: Decimal| a.checked_add(&b)),
        BinaryFunc::BitAndInt16 => strict2(arena, a, b, |a: i16, b: i16| Ok(a & b)),
        BinaryFunc::BitAndInt32 => strict2(arena, a, b, |a: i32, b: i32| Ok(a & b)),
        BinaryFunc::BitAndInt64 => strict2(arena, a, b, |a: i64, b: i64| Ok(a & b)),
        BinaryFunc::BitAndUint16 => strict2(arena, a, b, |a: u16, b: u16| Ok(a & b)),
        BinaryFunc::BitAndUint32 => strict2(arena, a, b, |a: u32, b: u32| Ok(a & b)),
        BinaryFunc::BitAndUint64 => strict2(arena, a, b, |a: u64, b: u64| Ok(a & b)),
        BinaryFunc::BitOrInt16 => strict2(arena, a, b, |a: i16, b: i16| Ok(a | b)),
        BinaryFunc::BitOrInt32 => strict2(arena, a, b, |a: i32, b: i32| Ok(a | b)),
        BinaryFunc::BitOrInt64 => strict2(arena, a, b, |a: i64, b: i64| Ok(a | b)),
        BinaryFunc::BitOrUint16 => strict2(arena, a, b, |a: u16, b: u16| Ok(a | b)),
        BinaryFunc::BitOrUint32 => strict2(arena, a, b, |a: u32, b: u32| Ok(a | b)),
        BinaryFunc::BitOrUint64 => strict2(arena, a, b, |a: u64, b: u64| Ok(a | b)),
        BinaryFunc::BitXorInt16 => strict2(arena, a, b, |a: i16, b: i16| Ok(a ^ b)),
        BinaryFunc::BitXorInt32 => strict2(arena, a, b, |a: i32, b: i32| Ok(a ^ b)),
        BinaryFunc::BitXorInt64 => strict2(arena, a, b, |a: i64, b: i64| Ok(a ^ b)),
        BinaryFunc::BitXorUint16 => strict2(arena, a, b, |a: u16, b: u16| Ok(a ^ b)),
        BinaryFunc::BitXorUint32 => strict2(arena, a, b, |a: u32, b: u32| Ok(a ^ b)),
        BinaryFunc::BitXorUint64 => strict2(arena, a, b, |a: u64, b: u64| Ok(a ^ b)),
        BinaryFunc::BitShiftLeftInt16 => strict2(arena, a, b, |a: i16, b: i32| {
            Ok(i32::from(a).wrapping_shl(b as u32) as i16)
        }),
        BinaryFunc::BitShiftLeftInt32 => {
            strict2(arena, a, b, |a: i32, b: i32| Ok(a.wrapping_shl(b as u32)))
        }
        BinaryFunc::BitShiftLeftInt64 => {
            strict2(arena, a, b, |a: i64, b: i32| Ok(a.wrapping_shl(b as u32)))
        }
        BinaryFunc::BitShiftLeftUint16 => strict2(arena, a, b, |a: u16, b: u32| {
            Ok(u32::from(a).wrapping_shl(b) as u16)
        }),
        BinaryFunc::BitShiftLeftUint32 => {
            strict2(arena, a, b, |a: u32, b: u32| Ok(a.wrapping_shl(b)))
        }
        BinaryFunc::BitShiftLeftUint64 => {
            strict2(arena, a, b, |a: u64, b: u32| Ok(a.wrapping_shl(b)))
        }
        BinaryFunc::BitShiftRightInt16 => strict2(arena, a, b, |a: i16, b: i32| {
            Ok(i32::from(a).wrapping_shr(b as u32) as i16)
        }),
        BinaryFunc::BitShiftRightInt32 => {
            strict2(arena, a, b, |a: i32, b: i32| Ok(a.wrapping_shr(b as u32)))
        }
        BinaryFunc::BitShiftRightInt64 => {
            strict2(arena, a, b, |a: i64, b: i32| Ok(a.wrapping_shr(b as u32)))
        }
        BinaryFunc::BitShiftRightUint16 => strict2(arena, a, b, |a: u16, b: u32| {
            Ok(u32::from(a).wrapping_shr(b) as u16)
        }),
        BinaryFunc::BitShiftRightUint32 => {
            strict2(arena, a, b, |a: u32, b: u32| Ok(a.wrapping_shr(b)))
        }
        BinaryFunc::BitShiftRightUint64 => {
            strict2(arena, a, b, |a: u64, b: u32| Ok(a.wrapping_shr(b)))
        }
        BinaryFunc::SubInt16 => strict2(arena, a, b, |a: i16, b: i16| {
            a.checked_sub(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::SubInt32 => strict2(arena, a, b, |a: i32, b: i32| {
            a.checked_sub(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::SubInt64 => strict2(arena, a, b, |a: i64, b: i64| {
            a.checked_sub(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::SubUint16 => strict2(arena, a, b, |a: u16, b: u16| {
            a.checked_sub(b)
                .ok_or_else(|| EvalError::UInt16OutOfRange(format!("{a} - {b}")))
        }),
        BinaryFunc::SubUint32 => strict2(arena, a, b, |a: u32, b: u32| {
            a.checked_sub(b)
                .ok_or_else(|| EvalError::UInt32OutOfRange(format!("{a} - {b}")))
        }),
        BinaryFunc::SubUint64 => strict2(arena, a, b, |a: u64, b: u64| {
            a.checked_sub(b)
                .ok_or_else(|| EvalError::UInt64OutOfRange(format!("{a} - {b}")))
        }),
        BinaryFunc::SubFloat32 => strict2(arena, a, b, |a: f32, b: f32| {
            number::checked_float(f64::from(a - b), a.is_finite() && b.is_finite(), false)
                .map(|v| v as f32)
        }),
        BinaryFunc::SubFloat64 => strict2(arena, a, b, |a: f64, b: f64| {
            number::checked_float(a - b, a.is_finite() && b.is_finite(), false)
        }),
        BinaryFunc::SubNumeric => strict2(arena, a, b, |a: Decimal, b: Decimal| a.checked_sub(&b)),
        BinaryFunc::MulInt16 => strict2(arena, a, b, |a: i16, b: i16| {
            a.checked_mul(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::MulInt32 => strict2(arena, a, b, |a: i32, b: i32| {
            a.checked_mul(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::MulInt64 => strict2(arena, a, b, |a: i64, b: i64| {
            a.checked_mul(b).ok_or(EvalError::NumericFieldOverflow)
        }),
        BinaryFunc::MulUint16 => strict2(arena, a, b, |a: u16, b: u16| {
            a.checked_mul(b)
                .ok_or_else(|| EvalError::UInt16OutOfRange(format!("{a} * {b}")))
        }),
        BinaryFunc::MulUint32 => strict2(arena, a, b, |a: u32, b: u32| {
            a.checked_mul(b)
                .ok_or_else(|| EvalError::UInt32OutOfRange(format!("{a} * {b}")))
        }),
        BinaryFunc::MulUint64 => strict2(arena, a, b, |a: u64, b: u64| {
            a.checked_mul(b)
                .ok_or_else(|| EvalError::UInt64OutOfRange(format!("{a} * {b}")))
        }),
        BinaryFunc::MulFloat32 => strict2(arena, a, b, |a: f32, b: f32| {
            number::checked_float(
                f64::from(a * b),
                a.is_finite() && b.is_finite(),
                a != 0.0 && b != 0.0,
            )
            .map(|v| v as f32)
        }),
        BinaryFunc::MulFloat64 => strict2(arena, a, b, |a: f64, b: f64| {
            number::checked_float(a * b, a.is_finite() && b.is_finite(), a != 0.0 && b != 0.0)
        }),
        BinaryFunc::MulNumeric => strict2(arena, a, b, |a: Decimal, b: Decimal| a.checked_mul(&b)),
        BinaryFunc::DivInt16 => strict2(arena, a, b, |a: i16, b: i16| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                a.checked_div(b)
                    .ok_or_else(|| EvalError::Int16OutOfRange(format!("{a} / {b}")))
            }
        }),
        BinaryFunc::DivInt32 => strict2(arena, a, b, |a: i32, b: i32| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                a.checked_div(b)
                    .ok_or_else(|| EvalError::Int32OutOfRange(format!("{a} / {b}")))
            }
        }),
        BinaryFunc::DivInt64 => strict2(arena, a, b, |a: i64, b: i64| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                a.checked_div(b)
                    .ok_or_else(|| EvalError::Int64OutOfRange(format!("{a} / {b}")))
            }
        }),
        BinaryFunc::DivUint16 => strict2(arena, a, b, |a: u16, b: u16| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                a.checked_div(b)
                    .ok_or_else(|| EvalError::UInt16OutOfRange(format!("{a} / {b}")))
            }
        }),
        BinaryFunc::DivUint32 => strict2(arena, a, b, |a: u32, b: u32| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                a.checked_div(b)
                    .ok_or_else(|| EvalError::UInt32OutOfRange(format!("{a} / {b}")))
            }
        }),
        BinaryFunc::DivUint64 => strict2(arena, a, b, |a: u64, b: u64| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                a.checked_div(b)
                    .ok_or_else(|| EvalError::UInt64OutOfRange(format!("{a} / {b}")))
            }
        }),
        BinaryFunc::DivFloat32 => strict2(arena, a, b, |a: f32, b: f32| {
            if b == 0.0 && !a.is_nan() {
                Err(EvalError::DivisionByZero)
            } else {
                number::checked_float(f64::from(a / b), a.is_finite(), a != 0.0 && b.is_finite())
                    .map(|v| v as f32)
            }
        }),
        BinaryFunc::DivFloat64 => strict2(arena, a, b, |a: f64, b: f64| {
            if b == 0.0 && !a.is_nan() {
                Err(EvalError::DivisionByZero)
            } else {
                number::checked_float(a / b, a.is_finite(), a != 0.0 && b.is_finite())
            }
        }),
        BinaryFunc::DivNumeric => strict2(arena, a, b, |a: Decimal, b: Decimal| a.checked_div(&b)),
        BinaryFunc::ModInt16 => strict2(arena, a, b, |a: i16, b: i16| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                Ok(a.wrapping_rem(b))
            }
        }),
        BinaryFunc::ModInt32 => strict2(arena, a, b, |a: i32, b: i32| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                Ok(a.wrapping_rem(b))
            }
        }),
        BinaryFunc::ModInt64 => strict2(arena, a, b, |a: i64, b: i64| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                Ok(a.wrapping_rem(b))
            }
        }),
        BinaryFunc::ModUint16 => strict2(arena, a, b, |a: u16, b: u16| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                Ok(a.wrapping_rem(b))
            }
        }),
        BinaryFunc::ModUint32 => strict2(arena, a, b, |a: u32, b: u32| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                Ok(a.wrapping_rem(b))
            }
        }),
        BinaryFunc::ModUint64 => strict2(arena, a, b, |a: u64, b: u64| {
            if b == 0 {
                Err(EvalError::DivisionByZero)
            } else {
                Ok(a.wrapping_rem(b))
            }
        }),
        BinaryFunc::ModFloat32 => strict2(arena, a, b, |a: f32, b: f32| {
            if b == 0.0 {
                Err(EvalError::DivisionByZero)
            } else {
                Ok(a % b)
            }
        }),
        BinaryFunc::ModFloat64 => strict2(arena, a, b, |a: f64, b: f64| {
            if b == 0.0 {
                Err(EvalError::DivisionByZero)
            } else {
                Ok(a % b)
            }
        }),
        BinaryFunc::ModNumeric => strict2(arena, a, b, |a: Decimal, b: Decimal| a.checked_rem(&b)),
        BinaryFunc::RoundNumeric => strict2(arena, a, b, |a: Decimal, b: i32| a.round_to(b)),
        BinaryFunc::Eq => strict2(arena, a, b, |a: Datum<'_>, b: Datum<'_>| Ok(a == b)),
        BinaryFunc::NotEq => strict2(arena, a, b, |a: Datum<'_>, b: Datum<'_>| Ok(a != b)),
        BinaryFunc::Lt => strict2(arena, a, b, |a: Datum<'_>, b: Datum<'_>| Ok(a < b)),
        BinaryFunc::Lte => strict2(arena, a, b, |a: Datum<'_>, b: Datum<'_>| Ok(a <= b)),
        BinaryFunc::Gt => strict2(arena, a, b, |a: Datum<'_>, b: Datum<'_>| Ok(a > b)),
        BinaryFunc::Gte => strict2(arena, a, b, |a: Datum<'_>, b: Datum<'_>| Ok(a >= b)),
        BinaryFunc::LikeEscape => strict2(arena, a, b, |a: &str, b: &str| text::like_escape(a, b)),
        BinaryFunc::IsLikeMatchCaseInsensitive => {
            strict2(arena, a, b, |a: &str, b: &str| text::like(a, b, true))
        }
        BinaryFunc::IsLikeMatchCaseSensitive => {
            strict2(arena, a, b, |a: &str, b: &str| text::like(a, b, false))
        }
        BinaryFunc::TextConcat => strict2(arena, a, b, |a: &str, b: &str| text::concat(a, b)),
        BinaryFunc::Left => strict2(arena, a, b, |a: &'a str, b: i32| Ok(text::left(a, b))),
        BinaryFunc::Position => strict2(arena, a, b, |a: &str, b: &str| text::position(a, b)),
        BinaryFunc::Strpos => strict2(arena, a, b, |a: &str, b: &str| text::position(b, a)),
        BinaryFunc::Right => strict2(arena, a, b, |a: &'a str, b: i32| Ok(text::right(a, b))),
        BinaryFunc::Trim => strict2(arena, a, b, |a: &'a str, b: &str| {
            Ok(a.trim_matches(|c| b.contains(c)))
        }),
        BinaryFunc::TrimLeading => strict2(arena, a, b, |a: &'a str, b: &str| {
            Ok(a.trim_start_matches(|c| b.contains(c)))
        }),
        BinaryFunc::TrimTrailing => strict2(arena, a, b, |a: &'a str, b: &str| {
            Ok(a.trim_end_matches(|c| b.contains(c)))
        }),
        BinaryFunc::StartsWith => strict2(arena, a, b, |a: &str, b: &str| Ok(a.starts_with(b))),
        BinaryFunc::AddInterval
        | BinaryFunc::AddTimestampInterval
        | BinaryFunc::AddTimestampTzInterval
        | BinaryFunc::AddDateInterval
        | BinaryFunc::AddDateTime
        | BinaryFunc::AddTimeInterval
        | BinaryFunc::AgeTimestamp
        | BinaryFunc::AgeTimestampTz
        | BinaryFunc::SubInterval
        | BinaryFunc::SubTimestamp
        | BinaryFunc::SubTimestampTz
        | BinaryFunc::SubTimestampInterval
        | BinaryFunc::SubTimestampTzInterval
        | BinaryFunc::SubDate
        | BinaryFunc::SubDateInterval
        | BinaryFunc::SubTime
        | BinaryFunc::SubTimeInterval
        | BinaryFunc::MulInterval
        | BinaryFunc::DivInterval
        | BinaryFunc::ExtractInterval
        | BinaryFunc::ExtractTime
        | BinaryFunc::ExtractTimestamp
        | BinaryFunc::ExtractTimestampTz
        | BinaryFunc::ExtractDate
        | BinaryFunc::DateTruncTimestamp
        | BinaryFunc::DateTruncTimestampTz
        | BinaryFunc::DateTruncInterval => calendar::binary(func, a, b, arena),
        BinaryFunc::IsRegexpMatchCaseSensitive
        | BinaryFunc::IsRegexpMatchCaseInsensitive
        | BinaryFunc::ToCharTimestamp
        | BinaryFunc::ToCharTimestampTz
        | BinaryFunc::DateBinTimestamp
        | BinaryFunc::DateBinTimestampTz
        | BinaryFunc::DatePartInterval
        | BinaryFunc::DatePartTime
        | BinaryFunc::DatePartTimestamp
        | BinaryFunc::DatePartTimestampTz
        | BinaryFunc::TimezoneTimestampBinary
        | BinaryFunc::TimezoneTimestampTzBinary
        | BinaryFunc::TimezoneIntervalTimestampBinary
        | BinaryFunc::TimezoneIntervalTimestampTzBinary
        | BinaryFunc::TimezoneIntervalTimeBinary
        | BinaryFunc::TimezoneOffset
        | BinaryFunc::JsonbGetInt64
        | BinaryFunc::JsonbGetInt64Stringify
        | BinaryFunc::JsonbGetString
        | BinaryFunc::JsonbGetStringStringify
        | BinaryFunc::JsonbGetPath
        | BinaryFunc::JsonbGetPathStringify
        | BinaryFunc::JsonbContainsString
        | BinaryFunc::JsonbConcat
        | BinaryFunc::JsonbContainsJsonb
        | BinaryFunc::JsonbDeleteInt64
        | BinaryFunc::JsonbDeleteString
        | BinaryFunc::MapContainsKey
        | BinaryFunc::MapGetValue
        | BinaryFunc::MapContainsAllKeys
        | BinaryFunc::MapContainsAnyKeys
        | BinaryFunc::MapContainsMap
        | BinaryFunc::ConvertFrom
        | BinaryFunc::RepeatString
        | BinaryFunc::Normalize
        | BinaryFunc::EncodedBytesCharLength
        | BinaryFunc::ListLengthMax { .. }
        | BinaryFunc::ArrayContains
        | BinaryFunc::ArrayContainsArray
        | BinaryFunc::ArrayContainsArrayRev
        | BinaryFunc::ArrayLength
        | BinaryFunc::ArrayLower
        | BinaryFunc::ArrayRemove
        | BinaryFunc::ArrayUpper
        | BinaryFunc::ArrayArrayConcat
        | BinaryFunc::ListListConcat
        | BinaryFunc::ListElementConcat
        | BinaryFunc::ElementListConcat
        | BinaryFunc::ListRemove
        | BinaryFunc::ListContainsList
        | BinaryFunc::ListContainsListRev
        | BinaryFunc::DigestString
        | BinaryFunc::DigestBytes
        | BinaryFunc::MzRenderTypmod
        | BinaryFunc::Encode
        | BinaryFunc::Decode
        | BinaryFunc::LogNumeric
        | BinaryFunc::Power
        | BinaryFunc::PowerNumeric
        | BinaryFunc::GetBit
        | BinaryFunc::GetByte
        | BinaryFunc::ConstantTimeEqBytes
        | BinaryFunc::ConstantTimeEqString
        | BinaryFunc::RangeContainsDate
        | BinaryFunc::RangeContainsDateRev
        | BinaryFunc::RangeContainsI32
        | BinaryFunc::RangeContainsI32Rev
        | BinaryFunc::RangeContainsI64
        | BinaryFunc::RangeContainsI64Rev
        | BinaryFunc::RangeContainsNumeric
        | BinaryFunc::RangeContainsNumericRev
        | BinaryFunc::RangeContainsRange
        | BinaryFunc::RangeContainsRangeRev
        | BinaryFunc::RangeContainsTimestamp
        | BinaryFunc::RangeContainsTimestampRev
        | BinaryFunc::RangeContainsTimestampTz
        | BinaryFunc::RangeContainsTimestampTzRev
        | BinaryFunc::RangeOverlaps
        | BinaryFunc::RangeAfter
        | BinaryFunc::RangeBefore
        | BinaryFunc::RangeOverleft
        | BinaryFunc::RangeOverright
        | BinaryFunc::RangeAdjacent
        | BinaryFunc::RangeUnion
        | BinaryFunc::RangeIntersection
        | BinaryFunc::RangeDifference
        | BinaryFunc::UuidGenerateV5
        | BinaryFunc::MzAclItemContainsPrivilege
        | BinaryFunc::ParseIdent
        | BinaryFunc::PrettySql
        | BinaryFunc::RegexpReplace { .. } => Err(lacking(func)),
    }
}
