//! Functions of one argument. Source: `spec/plan.md` §4.3, §5.2 to §5.7.
//!
//! Invariant: every function of the wire is named here, the lacking ones too.

use super::calendar::{self, midnight, round};
use super::convert::{Date, Evaluated, MzStamp, Stamp, StampTz, strict1};
use super::decimal::Decimal;
use super::lacking::lacking;
use super::number::{self, Signed, from_decimal, from_f32, from_f64, integer, parse_integer};
use super::{Arena, extract, text, time_text};
use protocol::v26_30::{EvalError, UnaryFunc};
use repr::{Datum, Interval, List, NumericMaxScale, Time};

type Result<T> = std::result::Result<T, EvalError>;

/// Makes `call` of a table. `lenient` functions see NULLs and errors; all others
/// are strict. `by_type` has functions that differ in types alone: one body and
/// the functions it computes, each with its types.
macro_rules! functions {
    (
        lenient { $($lenient:pat => $whole:expr;)* }
        by_type { $($body:ident { $($typed:ident<$($kind:ty),+>),* $(,)? })* }
        one_by_one { $($one:pat => $call:expr;)* }
        lacking { $($lacking:pat_param),* $(,)? }
    ) => {
        /// Calls a function on an evaluated argument.
        ///
        /// Errors: the argument's, the function's, or that the function is lacking.
        pub(super) fn call<'a>(
            func: &'a UnaryFunc,
            a: Evaluated<'a>,
            arena: &'a Arena,
        ) -> Evaluated<'a> {
            use UnaryFunc::*;
            match func {
                $($lenient => a.map($whole),)*
                $($($typed => strict1(arena, a, $body::<$($kind),+>),)*)*
                $($one => strict1(arena, a, $call),)*
                $($lacking)|* => Err(lacking(func)),
            }
        }
    };
}

functions! {
    lenient {
        IsNull => |a| a.is_null().into();
        IsTrue => |a| (a == Datum::True).into();
        IsFalse => |a| (a == Datum::False).into();
    }
    by_type {
        bit_not {
            BitNotInt16<i16>, BitNotInt32<i32>, BitNotInt64<i64>, BitNotUint16<u16>,
            BitNotUint32<u32>, BitNotUint64<u64>,
        }
        negate { NegInt16<i16>, NegInt32<i32>, NegInt64<i64> }
        absolute { AbsInt16<i16>, AbsInt32<i32>, AbsInt64<i64> }
        integer {
            CastInt16ToInt32<i16, i32>, CastInt16ToInt64<i16, i64>, CastInt16ToUint16<i16, u16>,
            CastInt16ToUint32<i16, u32>, CastInt16ToUint64<i16, u64>,
            CastInt32ToInt16<i32, i16>, CastInt32ToInt64<i32, i64>, CastInt32ToUint16<i32, u16>,
            CastInt32ToUint32<i32, u32>, CastInt32ToUint64<i32, u64>,
            CastInt64ToInt16<i64, i16>, CastInt64ToInt32<i64, i32>, CastInt64ToUint16<i64, u16>,
            CastInt64ToUint32<i64, u32>, CastInt64ToUint64<i64, u64>,
            CastUint16ToUint32<u16, u32>, CastUint16ToUint64<u16, u64>,
            CastUint16ToInt16<u16, i16>, CastUint16ToInt32<u16, i32>, CastUint16ToInt64<u16, i64>,
            CastUint32ToUint16<u32, u16>, CastUint32ToUint64<u32, u64>,
            CastUint32ToInt16<u32, i16>, CastUint32ToInt32<u32, i32>, CastUint32ToInt64<u32, i64>,
            CastUint64ToUint16<u64, u16>, CastUint64ToUint32<u64, u32>,
            CastUint64ToInt16<u64, i16>, CastUint64ToInt32<u64, i32>, CastUint64ToInt64<u64, i64>,
        }
        from_f32 {
            CastFloat32ToInt16<i16>, CastFloat32ToInt32<i32>, CastFloat32ToInt64<i64>,
            CastFloat32ToUint16<u16>, CastFloat32ToUint32<u32>, CastFloat32ToUint64<u64>,
        }
        from_f64 {
            CastFloat64ToInt16<i16>, CastFloat64ToInt32<i32>, CastFloat64ToInt64<i64>,
            CastFloat64ToUint16<u16>, CastFloat64ToUint32<u32>, CastFloat64ToUint64<u64>,
        }
        from_decimal {
            CastNumericToInt16<i16>, CastNumericToInt32<i32>, CastNumericToInt64<i64>,
            CastNumericToUint16<u16>, CastNumericToUint32<u32>, CastNumericToUint64<u64>,
        }
        parse_integer {
            CastStringToInt16<i16>, CastStringToInt32<i32>, CastStringToInt64<i64>,
            CastStringToUint16<u16>, CastStringToUint32<u32>, CastStringToUint64<u64>,
        }
        plain_text {
            CastBoolToString<bool>, CastInt16ToString<i16>, CastInt32ToString<i32>,
            CastOidToString<u32>, CastUint32ToString<u32>, CastInt64ToString<i64>,
            CastUint16ToString<u16>, CastUint64ToString<u64>, CastNumericToString<Decimal>,
        }
        mz_timestamp {
            CastUint64ToMzTimestamp<u64>, CastUint32ToMzTimestamp<u32>,
            CastInt64ToMzTimestamp<i64>, CastInt32ToMzTimestamp<i32>,
        }
    }
    one_by_one {
        Not => |a: bool| Ok(!a);
        // Integers.
        CastBoolToInt32 => |a: bool| Ok(i32::from(a));
        CastBoolToInt64 => |a: bool| Ok(i64::from(a));
        CastInt32ToBool => |a: i32| Ok(a != 0);
        CastInt64ToBool => |a: i64| Ok(a != 0);
        CastOidToInt32 => |a: u32| Ok(a as i32);
        CastOidToInt64 => |a: u32| Ok(i64::from(a));
        CastOidToRegClass | CastRegClassToOid | CastOidToRegProc => |a: u32| Ok(a);
        CastRegProcToOid | CastOidToRegType | CastRegTypeToOid => |a: u32| Ok(a);
        // Floats.
        NegFloat32 => |a: f32| Ok(-a);
        NegFloat64 => |a: f64| Ok(-a);
        AbsFloat32 => |a: f32| Ok(a.abs());
        AbsFloat64 => |a: f64| Ok(a.abs());
        CeilFloat32 => |a: f32| Ok(a.ceil());
        CeilFloat64 => |a: f64| Ok(a.ceil());
        FloorFloat32 => |a: f32| Ok(a.floor());
        FloorFloat64 => |a: f64| Ok(a.floor());
        RoundFloat32 => |a: f32| Ok(a.round_ties_even());
        RoundFloat64 => |a: f64| Ok(a.round_ties_even());
        TruncFloat32 => |a: f32| Ok(a.trunc());
        TruncFloat64 => |a: f64| Ok(a.trunc());
        CastInt16ToFloat32 => |a: i16| Ok(a as f32);
        CastInt16ToFloat64 => |a: i16| Ok(f64::from(a));
        CastInt32ToFloat32 => |a: i32| Ok(a as f32);
        CastInt32ToFloat64 => |a: i32| Ok(a as f64);
        CastInt64ToFloat32 => |a: i64| Ok(a as f32);
        CastInt64ToFloat64 => |a: i64| Ok(a as f64);
        CastUint16ToFloat32 => |a: u16| Ok(a as f32);
        CastUint16ToFloat64 => |a: u16| Ok(a as f64);
        CastUint32ToFloat32 => |a: u32| Ok(a as f32);
        CastUint32ToFloat64 => |a: u32| Ok(a as f64);
        CastUint64ToFloat32 => |a: u64| Ok(a as f32);
        CastUint64ToFloat64 => |a: u64| Ok(a as f64);
        CastFloat32ToFloat64 => |a: f32| Ok(f64::from(a));
        CastFloat64ToFloat32 => |a: f64| {
            number::checked_float((a as f32).into(), a.is_finite(), a != 0.0).map(|_| a as f32)
        };
        CastFloat32ToString => |a: f32| Ok(number::f32_text(a));
        CastFloat64ToString => |a: f64| Ok(number::f64_text(a));
        CastStringToFloat32 => |a: &str| number::parse_f32(a);
        CastStringToFloat64 => |a: &str| number::parse_f64(a);
        CastNumericToFloat32 => |a: Decimal| number::decimal_to_f32(&a);
        CastNumericToFloat64 => |a: Decimal| number::decimal_to_f64(&a);
        // Decimals.
        NegNumeric => |a: Decimal| Ok(a.negated());
        AbsNumeric => |a: Decimal| Ok(a.absolute());
        CeilNumeric => |a: Decimal| Ok(a.ceil());
        FloorNumeric => |a: Decimal| Ok(a.floor());
        RoundNumeric => |a: Decimal| Ok(a.round());
        TruncNumeric => |a: Decimal| Ok(a.trunc());
        AdjustNumericScale(s) => |a: Decimal| a.rescaled(s.0.into());
        CastInt16ToNumeric(s) => |a: i16| decimal(a, *s);
        CastInt32ToNumeric(s) => |a: i32| decimal(a, *s);
        CastInt64ToNumeric(s) => |a: i64| decimal(a, *s);
        CastUint16ToNumeric(s) => |a: u16| decimal(a, *s);
        CastUint32ToNumeric(s) => |a: u32| decimal(a, *s);
        CastUint64ToNumeric(s) => |a: u64| decimal(a, *s);
        CastFloat32ToNumeric(s) => |a: f32| number::decimal_from_float(a.to_string(), "real", scale(*s));
        CastFloat64ToNumeric(s) => |a: f64| {
            number::decimal_from_float(a.to_string(), "double precision", scale(*s))
        };
        CastStringToNumeric(s) => |a: &str| number::parse_decimal(a, scale(*s));
        // Texts and bytes.
        CastBoolToStringNonstandard => |a: bool| Ok(if a { "t" } else { "f" });
        CastStringToBool => |a: &str| text::parse_bool(a);
        CastStringToBytes => |a: &str| text::parse_bytes(a);
        CastBytesToString => |a: &[u8]| Ok(text::hex_text(a));
        CastCharToString | CastVarCharToString => |a: &'a str| Ok(a);
        BitLengthBytes => |a: &[u8]| text::length(a.len() * 8);
        BitLengthString => |a: &str| text::length(a.len() * 8);
        ByteLengthBytes => |a: &[u8]| text::length(a.len());
        ByteLengthString => |a: &str| text::length(a.len());
        CharLength => |a: &str| text::length(a.chars().count());
        IsLikeMatch(s) => |a: &str| text::like(a, &s.pattern, s.case_insensitive);
        TrimWhitespace => |a: &'a str| Ok(a.trim_matches(' '));
        TrimLeadingWhitespace => |a: &'a str| Ok(a.trim_start_matches(' '));
        TrimTrailingWhitespace => |a: &'a str| Ok(a.trim_end_matches(' '));
        Upper => |a: &str| Ok(a.to_uppercase());
        Lower => |a: &str| Ok(a.to_lowercase());
        Reverse => |a: &str| Ok(a.chars().rev().collect::<String>());
        // Lists and records.
        RecordGet(at) => |a: List<'a>| Ok(a.iter().nth(*at).unwrap_or(Datum::Null));
        ListLength => |a: List<'_>| text::length(a.iter().count());
        // Times of the system.
        StepMzTimestamp => step;
        CastMzTimestampToString => |a: MzStamp| Ok(a.0.to_string());
        CastStringToMzTimestamp => calendar::parse_mz;
        CastNumericToMzTimestamp => |a: Decimal| number::decimal_to_mz(&a).map(MzStamp);
        CastDateToMzTimestamp => calendar::date_millis;
        CastTimestampToMzTimestamp => |a: Stamp| calendar::stamp_millis(a.0, "");
        CastTimestampTzToMzTimestamp => |a: StampTz| calendar::stamp_millis(a.0, " UTC");
        CastMzTimestampToTimestamp => |a| calendar::from_millis(a).map(Stamp);
        CastMzTimestampToTimestampTz => |a| calendar::from_millis(a).map(StampTz);
        // Dates, times and intervals.
        NegInterval => calendar::negate_interval;
        CastStringToDate => calendar::parse_date;
        CastStringToTime => time_text::parse_time;
        CastStringToTimestamp(to) => |a: &str| round(time_text::parse_timestamp(a)?, *to).map(Stamp);
        CastStringToTimestampTz(to) => |a: &str| round(time_text::parse_timestamp_tz(a)?, *to).map(StampTz);
        CastDateToTimestamp(to) => |a| round(midnight(a), *to).map(Stamp);
        CastDateToTimestampTz(to) => |a| round(midnight(a), *to).map(StampTz);
        CastTimestampToDate => |a: Stamp| calendar::date_of(a.0);
        CastTimestampTzToDate => |a: StampTz| calendar::date_of(a.0);
        CastTimestampToTime => |a: Stamp| Ok(calendar::time_of(a.0));
        CastTimestampTzToTime => |a: StampTz| Ok(calendar::time_of(a.0));
        AdjustTimestampPrecision { to, .. } => |a: Stamp| round(a.0.into(), *to).map(Stamp);
        AdjustTimestampTzPrecision { to, .. } => |a: StampTz| round(a.0.into(), *to).map(StampTz);
        CastTimestampToTimestampTz { to, .. } => |a: Stamp| round(a.0.into(), *to).map(StampTz);
        CastTimestampTzToTimestamp { to, .. } => |a: StampTz| round(a.0.into(), *to).map(Stamp);
        CastTimeToInterval => calendar::time_to_interval;
        CastIntervalToTime => |a: Interval| Ok(calendar::interval_to_time(a));
        CastDateToString => |a: Date| Ok(time_text::date(a.0.into()));
        CastTimeToString => |a: Time| Ok(time_text::time(a.secs, a.nanos));
        CastIntervalToString => |a: Interval| Ok(time_text::interval(a));
        CastTimestampToString => |a: Stamp| Ok(time_text::timestamp(a.0.into()));
        CastTimestampTzToString => |a: StampTz| Ok(time_text::timestamp_tz(a.0.into()));
        ExtractInterval(units) => |a| extract::from_interval(units, a);
        ExtractTime(units) => |a| extract::from_time(units, a);
        ExtractTimestamp(units) => |a: Stamp| extract::from_timestamp(units, a.0);
        ExtractTimestampTz(units) => |a: StampTz| extract::from_timestamp(units, a.0);
        ExtractDate(units) => |a: Date| extract::from_date(units, a.0.into());
        DateTruncTimestamp(units) => |a: Stamp| extract::truncate(units, a.0).map(Stamp);
        DateTruncTimestampTz(units) => |a: StampTz| extract::truncate(units, a.0).map(StampTz);
    }
    lacking {
        CastStringToInterval, SqrtFloat64, SqrtNumeric, CbrtFloat64, CastInt2VectorToArray,
        CastInt32ToOid, CastInt32ToPgLegacyChar, CastInt64ToOid, CastStringToPgLegacyChar,
        CastStringToPgLegacyName, CastStringToInt2Vector, CastStringToOid,
        CastStringToArray { .. }, CastStringToList { .. }, CastStringToMap { .. },
        CastStringToRange { .. }, CastStringToUuid, CastStringToChar { .. }, PadChar { .. },
        CastStringToVarChar { .. }, CastPgLegacyCharToString, CastPgLegacyCharToChar,
        CastPgLegacyCharToVarChar, CastPgLegacyCharToInt32, CastStringToJsonb, CastJsonbToString,
        CastJsonbableToJsonb, CastJsonbToInt16, CastJsonbToInt32, CastJsonbToInt64,
        CastJsonbToFloat32, CastJsonbToFloat64, CastJsonbToNumeric(..), CastJsonbToBool,
        CastUuidToString, CastRecordToString { .. }, CastRecord1ToRecord2 { .. },
        CastArrayToArray { .. }, CastArrayToJsonb { .. }, CastArrayToString { .. },
        CastListToString { .. }, CastListToJsonb { .. }, CastList1ToList2 { .. },
        CastArrayToListOneDim, CastMapToString { .. }, CastInt2VectorToString,
        CastRangeToString { .. }, Ascii, BitCountBytes, Chr, IsRegexpMatch(..), RegexpMatch(..),
        DatePartInterval(..), DatePartTime(..), DatePartTimestamp(..), DatePartTimestampTz(..),
        TimezoneTimestamp(..), TimezoneTimestampTz(..), TimezoneTime { .. }, ToTimestamp,
        ToCharTimestamp { .. }, ToCharTimestampTz { .. }, JustifyDays, JustifyHours,
        JustifyInterval, JsonbArrayLength, JsonbTypeof, JsonbStripNulls, JsonbPretty,
        ParseCatalogAclMode, ParseCatalogCreateSql, ParseCatalogId, ParseCatalogPrivileges,
        RedactSql, Initcap, MapLength, MapBuildFromRecordList { .. }, Cos, Acos, Cosh, Acosh, Sin,
        Asin, Sinh, Asinh, Tan, Atan, Tanh, Atanh, Cot, Degrees, Radians, Log10, Log10Numeric, Ln,
        LnNumeric, Exp, ExpNumeric, Sleep, Panic, PgColumnSize, MzRowSize, MzTypeName, RangeLower,
        RangeUpper, RangeEmpty, RangeLowerInc, RangeUpperInc, RangeLowerInf, RangeUpperInf,
        MzAclItemGrantor, MzAclItemGrantee, MzAclItemPrivileges, MzFormatPrivileges,
        MzValidatePrivileges, MzValidateRolePrivilege, AclItemGrantor, AclItemGrantee,
        AclItemPrivileges, QuoteIdent, TryParseMonotonicIso8601Timestamp, RegexpSplitToArray(..),
        PgSizePretty, Crc32Bytes, Crc32String, KafkaMurmur2Bytes, KafkaMurmur2String,
        SeahashBytes, SeahashString,
    }
}

fn bit_not<T: std::ops::Not<Output = T>>(a: T) -> Result<T> {
    Ok(!a)
}

fn negate<T: Signed>(a: T) -> Result<T> {
    a.negated().ok_or_else(|| T::out_of_range(a.to_string()))
}

fn absolute<T: Signed>(a: T) -> Result<T> {
    a.absolute().ok_or_else(|| T::out_of_range(a.to_string()))
}

fn plain_text<T: ToString>(a: T) -> Result<String> {
    Ok(a.to_string())
}

fn decimal(a: impl Into<Decimal>, to: Option<NumericMaxScale>) -> Result<Decimal> {
    a.into().cast(scale(to))
}

fn scale(scale: Option<NumericMaxScale>) -> Option<u8> {
    scale.map(|scale| scale.0)
}

fn mz_timestamp<T: TryInto<u64> + ToString + Copy>(a: T) -> Result<MzStamp> {
    a.try_into()
        .map(MzStamp)
        .map_err(|_| EvalError::MzTimestampOutOfRange(a.to_string()))
}

fn step(a: MzStamp) -> Result<MzStamp> {
    let next = a.0.checked_add(1).map(MzStamp);
    next.ok_or(EvalError::MzTimestampStepOverflow)
}
