//! Conversions between integers, floats, decimals and their texts. Source:
//! `spec/plan.md` §5.4, §5.5.
//!
//! Invariant: no conversion loses a value silently; what does not fit is the
//! error that names the target type.

use std::fmt::Display;

use super::decimal::Decimal;
use protocol::v26_30::{EvalError, ParseError, ParseErrorKind};

/// An integer type.
pub(super) trait Integer: Display + Copy {
    /// As `Parse` errors name the type.
    const NAME: &'static str;
    const BITS: u32;
    /// The error of a value that does not fit, from its text.
    fn out_of_range(text: String) -> EvalError;
    /// The error of a sum, difference or product that does not fit, from its
    /// text.
    fn overflow(text: String) -> EvalError;
    fn from_i128(value: i128) -> Option<Self>;
    /// From a float without fraction, by the bounds of casts.
    fn from_whole_float(value: f64, single: bool) -> Option<Self>;
    fn plus(self, other: Self) -> Option<Self>;
    fn minus(self, other: Self) -> Option<Self>;
    fn times(self, other: Self) -> Option<Self>;
    /// The quotient; `other` is not zero.
    fn over(self, other: Self) -> Option<Self>;
    /// The remainder; `other` is not zero.
    fn remainder(self, other: Self) -> Self;
    fn is_zero(self) -> bool;
}

/// An integer type with negative values.
pub(super) trait Signed: Integer {
    fn negated(self) -> Option<Self>;
    fn absolute(self) -> Option<Self>;
}

/// The arithmetic that is the same for all integer types.
macro_rules! arithmetic {
    () => {
        fn plus(self, other: Self) -> Option<Self> {
            self.checked_add(other)
        }
        fn minus(self, other: Self) -> Option<Self> {
            self.checked_sub(other)
        }
        fn times(self, other: Self) -> Option<Self> {
            self.checked_mul(other)
        }
        fn over(self, other: Self) -> Option<Self> {
            self.checked_div(other)
        }
        fn remainder(self, other: Self) -> Self {
            self.wrapping_rem(other)
        }
        fn is_zero(self) -> bool {
            self == 0
        }
    };
}

macro_rules! signed {
    ($($kind:ty, $name:literal, $error:ident);* $(;)?) => {$(
        impl Integer for $kind {
            const NAME: &'static str = $name;
            const BITS: u32 = <$kind>::BITS;
            fn out_of_range(text: String) -> EvalError {
                EvalError::$error(text)
            }
            fn from_i128(value: i128) -> Option<Self> {
                value.try_into().ok()
            }
            fn from_whole_float(value: f64, _: bool) -> Option<Self> {
                let least = <$kind>::MIN as f64;
                (least <= value && value < -least).then_some(value as $kind)
            }
            fn overflow(_: String) -> EvalError {
                EvalError::NumericFieldOverflow
            }
            arithmetic! {}
        }
        impl Signed for $kind {
            fn negated(self) -> Option<Self> {
                self.checked_neg()
            }
            fn absolute(self) -> Option<Self> {
                self.checked_abs()
            }
        }
    )*};
}
macro_rules! unsigned {
    ($($kind:ty, $name:literal, $error:ident);* $(;)?) => {$(
        impl Integer for $kind {
            const NAME: &'static str = $name;
            const BITS: u32 = <$kind>::BITS;
            fn out_of_range(text: String) -> EvalError {
                EvalError::$error(text)
            }
            fn from_i128(value: i128) -> Option<Self> {
                value.try_into().ok()
            }
            fn from_whole_float(value: f64, single: bool) -> Option<Self> {
                // The bound is the maximum in the source's precision.
                let most = if single {
                    f64::from(<$kind>::MAX as f32)
                } else {
                    <$kind>::MAX as f64
                };
                (0.0 <= value && value <= most).then_some(value as $kind)
            }
            fn overflow(text: String) -> EvalError {
                Self::out_of_range(text)
            }
            arithmetic! {}
        }
    )*};
}

signed! {
    i16, "smallint", Int16OutOfRange;
    i32, "integer", Int32OutOfRange;
    i64, "bigint", Int64OutOfRange;
}
unsigned! {
    u16, "uint2", UInt16OutOfRange;
    u32, "uint4", UInt32OutOfRange;
    u64, "uint8", UInt64OutOfRange;
}

/// Between integer types.
pub(super) fn integer<A: Into<i128> + Display + Copy, B: Integer>(a: A) -> Result<B, EvalError> {
    B::from_i128(a.into()).ok_or_else(|| B::out_of_range(a.to_string()))
}

/// From a float, ties to even.
pub(super) fn from_f64<B: Integer>(a: f64) -> Result<B, EvalError> {
    let rounded = a.round_ties_even();
    B::from_whole_float(rounded, false).ok_or_else(|| B::out_of_range(rounded.to_string()))
}

pub(super) fn from_f32<B: Integer>(a: f32) -> Result<B, EvalError> {
    let rounded = a.round_ties_even();
    B::from_whole_float(rounded.into(), true).ok_or_else(|| B::out_of_range(rounded.to_string()))
}

/// From a decimal, halves away from zero.
pub(super) fn from_decimal<B: Integer>(a: Decimal) -> Result<B, EvalError> {
    let rounded = a.nearest();
    let negative_zero = B::NAME == "uint8" && rounded.is_zero() && rounded.is_negative();
    rounded
        .whole_value()
        .filter(|_| !negative_zero)
        .and_then(B::from_i128)
        .ok_or_else(|| {
            // Sixteen bits are reached through thirty-two.
            let plain = B::BITS == 16
                && rounded
                    .whole_value()
                    .is_some_and(|v| i32::try_from(v).is_ok());
            let text = if plain {
                rounded.to_string()
            } else {
                rounded.scientific()
            };
            B::out_of_range(text)
        })
}

/// Decimal digits of a float, as casts to numeric read it.
pub(super) fn decimal_from_float(
    text: String,
    finite_name: &str,
    scale: Option<u8>,
) -> Result<Decimal, EvalError> {
    let value = Decimal::parse(&text).unwrap_or_else(Decimal::nan);
    if value.is_infinite() {
        return Err(EvalError::InfinityOutOfDomain(format!(
            "casting {finite_name} to numeric"
        )));
    }
    let places = text.split_once('.').map_or(0, |(_, places)| places.len());
    if scale.is_none() && places > 255 {
        return Err(EvalError::NumericFieldOverflow);
    }
    value.cast(scale)
}

pub(super) fn decimal_to_f64(a: &Decimal) -> Result<f64, EvalError> {
    let value: f64 = a.to_string().parse().unwrap_or(f64::NAN);
    if value.is_infinite() {
        return Err(EvalError::Float64OutOfRange(value.to_string()));
    }
    Ok(value)
}

pub(super) fn decimal_to_f32(a: &Decimal) -> Result<f32, EvalError> {
    let value: f32 = a.to_string().parse().unwrap_or(f32::NAN);
    if value.is_infinite() {
        return Err(EvalError::Float32OutOfRange(value.to_string()));
    }
    Ok(value)
}

/// Shortest text that reads back; with an exponent outside of `range`.
fn shortest(scientific: String, plain: String, value: f64, range: std::ops::Range<f64>) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    if value == 0.0 || range.contains(&value.abs()) {
        return plain;
    }
    match scientific.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => scientific,
    }
}

pub(super) fn f64_text(value: f64) -> String {
    shortest(format!("{value:e}"), value.to_string(), value, 1e-5..1e16)
}

pub(super) fn f32_text(value: f32) -> String {
    // The bound in single precision, widened exactly.
    let least = f64::from(1e-6f32);
    shortest(
        format!("{value:e}"),
        value.to_string(),
        value.into(),
        least..f64::from(1e13f32),
    )
}

/// A text that does not read as a value of a type.
pub(super) fn syntax(type_name: &str, input: &str, details: Option<String>) -> EvalError {
    parse_error(
        ParseErrorKind::InvalidInputSyntax,
        type_name,
        input,
        details,
    )
}

pub(super) fn parse_error(
    kind: ParseErrorKind,
    type_name: &str,
    input: &str,
    details: Option<String>,
) -> EvalError {
    EvalError::Parse(ParseError {
        kind,
        type_name: type_name.into(),
        input: input.into(),
        details,
    })
}

pub(super) fn parse_integer<B>(text: &str) -> Result<B, EvalError>
where
    B: Integer + std::str::FromStr<Err = std::num::ParseIntError>,
{
    text.trim()
        .parse()
        .map_err(|e: std::num::ParseIntError| syntax(B::NAME, text, Some(e.to_string())))
}

/// The parts of reading a float that do not depend on its width: whether the
/// text spells an infinity, and whether it spells a zero.
fn spelled(text: &str) -> (bool, bool) {
    let unsigned = text.trim_start_matches(['+', '-']);
    let infinite = unsigned.to_ascii_lowercase().starts_with("inf");
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or("");
    (infinite, mantissa.chars().all(|c| c == '0' || c == '.'))
}

macro_rules! parse_float {
    ($name:ident, $kind:ty, $type_name:literal) => {
        pub(super) fn $name(text: &str) -> Result<$kind, EvalError> {
            let trimmed = text.trim();
            let value: $kind = trimmed
                .parse()
                .map_err(|_| syntax($type_name, text, None))?;
            let (infinite, zero) = spelled(trimmed);
            if value.is_infinite() && !infinite || value == 0.0 && !zero {
                return Err(parse_error(
                    ParseErrorKind::OutOfRange,
                    $type_name,
                    text,
                    None,
                ));
            }
            Ok(value)
        }
    };
}
parse_float!(parse_f32, f32, "real");
parse_float!(parse_f64, f64, "double precision");

pub(super) fn parse_decimal(text: &str, scale: Option<u8>) -> Result<Decimal, EvalError> {
    let value = Decimal::parse(text.trim())
        .filter(|value| !(value.is_infinite() || value.is_nan() && value.is_negative()))
        .ok_or_else(|| syntax("numeric", text, None))?;
    if value.beyond_type() {
        return Err(parse_error(
            ParseErrorKind::OutOfRange,
            "numeric",
            text,
            Some("exceeds maximum precision 39".into()),
        ));
    }
    match scale {
        None => Ok(value.rounded_to_type()),
        some => value.rounded_to_type().cast(some),
    }
}

/// Addition and its like on floats: infinite from finite is an overflow; with
/// `shrinks`, zero from nonzero is an underflow.
pub(super) fn checked_float(result: f64, finite: bool, nonzero: bool) -> Result<f64, EvalError> {
    if result.is_infinite() && finite {
        Err(EvalError::FloatOverflow)
    } else if result == 0.0 && nonzero {
        Err(EvalError::FloatUnderflow)
    } else {
        Ok(result)
    }
}

/// A whole number of milliseconds; a negative zero is none.
pub(super) fn decimal_to_mz(a: &Decimal) -> Result<u64, EvalError> {
    a.whole_value()
        .filter(|_| !(a.is_zero() && a.is_negative()))
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| EvalError::MzTimestampOutOfRange(a.scientific()))
}
