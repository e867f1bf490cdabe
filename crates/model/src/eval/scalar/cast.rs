//! Casts between booleans, integers, floats and texts. Source: `spec/plan.md`
//! §5.5. Those of decimals and of times are beside their functions.

use super::{Result, Stop, Value, integer};
use protocol::v26_30::{EvalError, ParseError, ParseErrorKind, UnaryFunc};
use repr::Datum;

/// Functions of one argument. `None`: another family's.
pub(super) fn unary(func: &UnaryFunc, a: &Value) -> Option<Result> {
    use UnaryFunc as F;
    Some(match func {
        F::CastBoolToString => boolean(a).map(|b| Value::string(if b { "true" } else { "false" })),
        F::CastBoolToInt32 => boolean(a).map(|b| Value::new(Datum::Int32(b.into()))),
        F::CastBoolToInt64 => boolean(a).map(|b| Value::new(Datum::Int64(b.into()))),
        F::CastInt32ToBool | F::CastInt64ToBool => whole(a).map(|n| Value::bool(n != 0)),
        F::CastFloat32ToInt16 | F::CastFloat64ToInt16 => float_to_signed::<i16>(a),
        F::CastFloat32ToInt32 | F::CastFloat64ToInt32 => float_to_signed::<i32>(a),
        F::CastFloat32ToInt64 | F::CastFloat64ToInt64 => float_to_signed::<i64>(a),
        F::CastFloat32ToFloat64 => float(a).map(|x| Value::new(Datum::Float64(x.wide()))),
        F::CastFloat64ToFloat32 => float(a).and_then(|x| narrowed(x.wide())),
        F::CastFloat32ToString | F::CastFloat64ToString => {
            float(a).map(|x| Value::string(&x.text()))
        }
        F::CastBytesToString => match a.datum() {
            Datum::Bytes(bytes) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(Value::string(&format!("\\x{hex}")))
            }
            _ => Err(Stop::wrong_type()),
        },
        _ => return of_integer(func, a).or_else(|| of_text(func, a)),
    })
}

/// Casts of integers.
fn of_integer(func: &UnaryFunc, a: &Value) -> Option<Result> {
    use UnaryFunc as F;
    Some(match func {
        F::CastInt16ToInt32
        | F::CastInt64ToInt32
        | F::CastUint16ToInt32
        | F::CastUint32ToInt32
        | F::CastUint64ToInt32 => whole(a).and_then(integer::cast::<i32>),
        F::CastInt16ToInt64
        | F::CastInt32ToInt64
        | F::CastUint16ToInt64
        | F::CastUint32ToInt64
        | F::CastUint64ToInt64 => whole(a).and_then(integer::cast::<i64>),
        F::CastInt32ToInt16
        | F::CastInt64ToInt16
        | F::CastUint16ToInt16
        | F::CastUint32ToInt16
        | F::CastUint64ToInt16 => whole(a).and_then(integer::cast::<i16>),
        F::CastInt16ToUint16
        | F::CastInt32ToUint16
        | F::CastInt64ToUint16
        | F::CastUint32ToUint16
        | F::CastUint64ToUint16 => whole(a).and_then(integer::cast::<u16>),
        F::CastInt16ToUint32
        | F::CastInt32ToUint32
        | F::CastInt64ToUint32
        | F::CastUint16ToUint32
        | F::CastUint64ToUint32 => whole(a).and_then(integer::cast::<u32>),
        F::CastInt16ToUint64
        | F::CastInt32ToUint64
        | F::CastInt64ToUint64
        | F::CastUint16ToUint64
        | F::CastUint32ToUint64 => whole(a).and_then(integer::cast::<u64>),
        F::CastInt16ToString
        | F::CastInt32ToString
        | F::CastInt64ToString
        | F::CastUint16ToString
        | F::CastUint32ToString
        | F::CastUint64ToString => whole(a).map(|n| Value::string(&n.to_string())),
        F::CastInt16ToFloat32
        | F::CastInt32ToFloat32
        | F::CastInt64ToFloat32
        | F::CastUint16ToFloat32
        | F::CastUint32ToFloat32
        | F::CastUint64ToFloat32 => whole(a).map(|n| Value::new(Datum::Float32(n as f32))),
        F::CastInt16ToFloat64
        | F::CastInt32ToFloat64
        | F::CastInt64ToFloat64
        | F::CastUint16ToFloat64
        | F::CastUint32ToFloat64
        | F::CastUint64ToFloat64 => whole(a).map(|n| Value::new(Datum::Float64(n as f64))),
        _ => return None,
    })
}

/// Casts of texts.
fn of_text(func: &UnaryFunc, a: &Value) -> Option<Result> {
    use UnaryFunc as F;
    Some(match func {
        F::CastStringToBool => text(a).and_then(text_to_boolean),
        F::CastStringToInt16 => text_to_integer(a, "smallint", Datum::Int16),
        F::CastStringToInt32 => text_to_integer(a, "integer", Datum::Int32),
        F::CastStringToInt64 => text_to_integer(a, "bigint", Datum::Int64),
        F::CastStringToUint16 => text_to_integer(a, "uint2", Datum::UInt16),
        F::CastStringToUint32 => text_to_integer(a, "uint4", Datum::UInt32),
        F::CastStringToUint64 => text_to_integer(a, "uint8", Datum::UInt64),
        F::CastStringToFloat32 => text(a).and_then(|text| {
            let x = text_to_float::<f32>(text, "real", |x| (*x == 0.0, x.is_infinite()))?;
            Ok(Value::new(Datum::Float32(x)))
        }),
        F::CastStringToFloat64 => text(a).and_then(|text| {
            let x =
                text_to_float::<f64>(text, "double precision", |x| (*x == 0.0, x.is_infinite()))?;
            Ok(Value::new(Datum::Float64(x)))
        }),
        _ => return None,
    })
}

fn boolean(a: &Value) -> Result<bool> {
    match a.datum() {
        Datum::True => Ok(true),
        Datum::False => Ok(false),
        _ => Err(Stop::wrong_type()),
    }
}

fn whole(a: &Value) -> Result<i128> {
    integer::exact(a).ok_or_else(Stop::wrong_type)
}

pub(super) fn text(a: &Value) -> Result<&str> {
    match a.datum() {
        Datum::String(text) => Ok(text),
        _ => Err(Stop::wrong_type()),
    }
}

/// A float of either width.
#[derive(Clone, Copy)]
enum Float {
    Narrow(f32),
    Wide(f64),
}

fn float(a: &Value) -> Result<Float> {
    match a.datum() {
        Datum::Float32(x) => Ok(Float::Narrow(x)),
        Datum::Float64(x) => Ok(Float::Wide(x)),
        _ => Err(Stop::wrong_type()),
    }
}

impl Float {
    fn wide(self) -> f64 {
        match self {
            Float::Narrow(x) => x.into(),
            Float::Wide(x) => x,
        }
    }

    /// The shortest text that reads back; with an exponent far from the point.
    fn text(self) -> String {
        let (scientific, smallest, largest) = match self {
            Float::Narrow(x) => (format!("{x:e}"), -6, 13),
            Float::Wide(x) => (format!("{x:e}"), -5, 16),
        };
        let x = self.wide();
        if x.is_nan() {
            return "NaN".to_string();
        }
        if x.is_infinite() {
            return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_string();
        }
        let Some((digits, exponent)) = scientific.split_once('e') else {
            return scientific;
        };
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if (smallest..largest).contains(&exponent) {
            // Rust's plain form has neither exponent nor needless zeros.
            return match self {
                Float::Narrow(x) => x.to_string(),
                Float::Wide(x) => x.to_string(),
            };
        }
        format!("{digits}e{exponent:+}")
    }
}

fn float_to_signed<T: integer::Width>(a: &Value) -> Result {
    let (rounded, shown) = match float(a)? {
        Float::Narrow(x) => (
            f64::from(x.round_ties_even()),
            x.round_ties_even().to_string(),
        ),
        Float::Wide(x) => (x.round_ties_even(), x.round_ties_even().to_string()),
    };
    let bound = 2_f64.powi(T::BITS as i32 - 1);
    // Negative infinity and NaN are in no range.
    match rounded >= -bound && rounded < bound {
        true => integer::cast::<T>(rounded as i128),
        false => Err(T::out_of_range(shown).into()),
    }
}

fn narrowed(x: f64) -> Result {
    let narrow = x as f32;
    if narrow.is_infinite() && x.is_finite() {
        return Err(EvalError::FloatOverflow.into());
    }
    if narrow == 0.0 && x != 0.0 {
        return Err(EvalError::FloatUnderflow.into());
    }
    Ok(Value::new(Datum::Float32(narrow)))
}

fn unreadable(kind: ParseErrorKind, name: &str, input: &str, details: Option<String>) -> Stop {
    EvalError::Parse(ParseError {
        kind,
        type_name: name.to_string(),
        input: input.to_string(),
        details,
    })
    .into()
}

fn text_to_boolean(text: &str) -> Result {
    let word = text.trim().to_lowercase();
    match word.as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Ok(Value::bool(true)),
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => {
            Ok(Value::bool(false))
        }
        _ => {
            let kind = ParseErrorKind::InvalidInputSyntax;
            Err(unreadable(kind, "boolean", text, None))
        }
    }
}

fn text_to_integer<T: std::str::FromStr<Err = std::num::ParseIntError>>(
    a: &Value,
    name: &str,
    datum: fn(T) -> Datum<'static>,
) -> Result {
    let text = text(a)?;
    match text.trim().parse() {
        Ok(n) => Ok(Value::new(datum(n))),
        Err(error) => {
            let kind = ParseErrorKind::InvalidInputSyntax;
            Err(unreadable(kind, name, text, Some(error.to_string())))
        }
    }
}

/// `class` says whether a float is zero, and whether it is infinite.
fn text_to_float<T: std::str::FromStr>(
    text: &str,
    name: &str,
    class: fn(&T) -> (bool, bool),
) -> Result<T> {
    let trimmed = text.trim();
    let Ok(x) = trimmed.parse::<T>() else {
        let kind = ParseErrorKind::InvalidInputSyntax;
        return Err(unreadable(kind, name, text, None));
    };
    let (zero, infinite) = class(&x);
    let lower = trimmed.to_ascii_lowercase();
    let says_infinite = lower.contains("inf");
    let mantissa = lower.split('e').next().unwrap_or_default();
    let says_zero = !mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    if infinite && !says_infinite || zero && !says_zero {
        return Err(unreadable(ParseErrorKind::OutOfRange, name, text, None));
    }
    Ok(x)
}
