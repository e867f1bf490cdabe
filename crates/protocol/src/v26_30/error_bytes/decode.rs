//! The texts of errors that shards hold. Source: `spec/plan.md` §4.9, §4.10.
//!
//! Invariant: bytes that are no error give `None`.

use super::members::members;
use super::proto::{Value, find, number, read, string};
use crate::v26_30::{
    DomainLimit, EvalError, InvalidArrayError, InvalidRangeError, ParseError, ParseErrorKind,
    ParseHexError,
};

/// The text of a `ProtoDataflowError`, with its prefix.
pub fn text(bytes: &[u8]) -> Option<String> {
    let fields = read(bytes)?;
    let (field, value) = *fields.last()?;
    let inner = value.bytes()?;
    match field {
        1 => Some(format!("Decode error: {}", decode_error(inner)?)),
        2 => Some(match eval_error(inner)? {
            error @ EvalError::IfNullError(_) => error.to_string(),
            error => format!("Evaluation error: {error}"),
        }),
        3 => Some(format!("Source error: {}", source_error(inner)?)),
        4 => Some(format!("Envelope error: {}", envelope_error(inner)?)),
        _ => None,
    }
}

fn decode_error(bytes: &[u8]) -> Option<String> {
    let fields = read(bytes)?;
    let (_, kind) = *read(find(&fields, 1)?.bytes()?)?.last()?;
    let kind = kind.string()?;
    let raw = find(&fields, 2).and_then(Value::bytes).unwrap_or(&[]);
    let shown = hex::encode(raw);
    Some(match std::str::from_utf8(raw) {
        Ok(original) => {
            let original = original.replace('\0', "NULL");
            format!("{kind} (original text: {original}, original bytes: {shown:?})")
        }
        Err(_) => format!("{kind} (original bytes: {shown:?})"),
    })
}

fn source_error(bytes: &[u8]) -> Option<String> {
    let (field, value) = *read(find(&read(bytes)?, 2)?.bytes()?)?.last()?;
    let text = value.string()?;
    Some(match field {
        1 => format!("failed during initialization, source must be dropped and recreated: {text}"),
        _ => format!("source must be dropped and recreated due to failure: {text}"),
    })
}

fn envelope_error(bytes: &[u8]) -> Option<String> {
    let (field, value) = *read(bytes)?.last()?;
    match field {
        3 => Some(format!("Flat: {}", value.string()?)),
        2 => {
            let (kind, inner) = *read(value.bytes()?)?.last()?;
            let inner = inner.bytes()?;
            Some(match kind {
                1 => format!("Upsert: Key decode: {}", decode_error(inner)?),
                2 => {
                    let fields = read(inner)?;
                    let error = decode_error(find(&fields, 1)?.bytes()?)?;
                    format!("Upsert: Value error: {error}")
                }
                _ => "Upsert: Null key".to_string(),
            })
        }
        _ => None,
    }
}

fn char_of(value: Value<'_>) -> Option<char> {
    char::from_u32(u32::try_from(value.number()?).ok()?)
}

fn size(value: u64) -> Option<usize> {
    usize::try_from(value).ok()
}

macro_rules! decoder {
    (
        empty { $($e:literal $empty:ident),* $(,)? }
        text { $($t:literal $text:ident),* $(,)? }
        message { $($m:literal $message:ident),* $(,)? }
    ) => {
        /// The error of a `ProtoEvalError`.
        pub fn eval_error(bytes: &[u8]) -> Option<EvalError> {
            let fields = read(bytes)?;
            let (field, value) = *fields.last()?;
            Some(match field {
                $($e => EvalError::$empty,)*
                $($t => EvalError::$text(value.string()?),)*
                $($m => EvalError::$message(string(&read(value.bytes()?)?, 1)?),)*
                _ => return structured(field, value),
            })
        }
    };
}
members!(decoder);

/// The members with more structure than a string.
fn structured(field: u32, value: Value<'_>) -> Option<EvalError> {
    // A message's fields, its first string, and pairs of strings.
    let inner = || read(value.bytes()?);
    let wrapped = || string(&inner()?, 1);
    let pair = || Some((string(&inner()?, 1)?, string(&inner()?, 2)?));
    Some(match field {
        1 => EvalError::CharacterNotValidForEncoding(value.number()? as i32),
        2 => EvalError::CharacterTooLargeForEncoding(value.number()? as i32),
        5 => EvalError::Unsupported {
            feature: wrapped()?,
            discussion_no: optional(find(&inner()?, 2), |n| size(n.number()?))?,
        },
        19 => EvalError::InvalidBase64Symbol(char_of(value)?),
        24 => EvalError::InvalidLayer {
            max_layer: size(number(&inner()?, 1)?)?,
            val: number(&inner()?, 2)? as i64,
        },
        25 => EvalError::InvalidArray(invalid_array(&inner()?)?),
        28 => {
            let (byte_sequence, encoding_name) = pair()?;
            EvalError::InvalidByteSequence {
                byte_sequence,
                encoding_name,
            }
        }
        29 => {
            let (from, to) = pair()?;
            EvalError::InvalidJsonbCast { from, to }
        }
        31 => EvalError::InvalidRegexFlag(char_of(value)?),
        36 => {
            let (units, typ) = pair()?;
            EvalError::UnsupportedUnits(units, typ)
        }
        38 => EvalError::Parse(parse(&inner()?)?),
        39 => EvalError::ParseHex(match *inner()?.last()? {
            (1, digit) => ParseHexError::InvalidHexDigit(char_of(digit)?),
            _ => ParseHexError::OddLength,
        }),
        44 => out_of_domain(&inner()?)?,
        50 => EvalError::StringValueTooLong {
            target_type: wrapped()?,
            length: size(number(&inner()?, 2)?)?,
        },
        52 => EvalError::IncompatibleArrayDimensions {
            dims: optional(find(&inner()?, 1), sizes)?,
        },
        54 => EvalError::IndexOutOfRange {
            provided: number(&inner()?, 1)? as i32,
            valid_end: number(&inner()?, 2)? as i32,
        },
        62 => EvalError::InvalidRange(invalid_range(&inner()?)?),
        68 => EvalError::InvalidIdentifier {
            ident: wrapped()?,
            detail: optional(find(&inner()?, 2), Value::string)?,
        },
        70 => EvalError::MaxArraySizeExceeded(size(value.number()?)?),
        72 => EvalError::DateDiffOverflow {
            unit: wrapped()?,
            a: string(&inner()?, 2)?,
            b: string(&inner()?, 3)?,
        },
        _ => return None,
    })
}

/// What `read` gives for a field, if there is one. None if it cannot be read.
fn optional<'a, T>(
    value: Option<Value<'a>>,
    read: impl FnOnce(Value<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match value {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

/// The sizes in fields 1 and 2 of a message.
fn sizes(message: Value<'_>) -> Option<(usize, usize)> {
    let fields = read(message.bytes()?)?;
    Some((size(number(&fields, 1)?)?, size(number(&fields, 2)?)?))
}

fn invalid_array(fields: &[(u32, Value<'_>)]) -> Option<InvalidArrayError> {
    match *fields.last()? {
        (1, n) => Some(InvalidArrayError::TooManyDimensions(size(n.number()?)?)),
        (2, message) => {
            let (actual, expected) = sizes(message)?;
            Some(InvalidArrayError::WrongCardinality { actual, expected })
        }
        _ => None,
    }
}

fn parse(fields: &[(u32, Value<'_>)]) -> Option<ParseError> {
    Some(ParseError {
        kind: match find(fields, 1) {
            Some(_) => ParseErrorKind::OutOfRange,
            None => ParseErrorKind::InvalidInputSyntax,
        },
        type_name: string(fields, 1001)?,
        input: string(fields, 1002)?,
        details: optional(find(fields, 1003), Value::string)?,
    })
}

fn out_of_domain(fields: &[(u32, Value<'_>)]) -> Option<EvalError> {
    Some(EvalError::OutOfDomain(
        limit(find(fields, 1)?.bytes()?)?,
        limit(find(fields, 2)?.bytes()?)?,
        string(fields, 3)?,
    ))
}

fn invalid_range(fields: &[(u32, Value<'_>)]) -> Option<InvalidRangeError> {
    Some(match *fields.last()? {
        (1, _) => InvalidRangeError::MisorderedRangeBounds,
        (2, text) => InvalidRangeError::CanonicalizationOverflow(text.string()?),
        (3, _) => InvalidRangeError::InvalidRangeBoundFlags,
        (4, _) => InvalidRangeError::DiscontiguousUnion,
        (5, _) => InvalidRangeError::DiscontiguousDifference,
        _ => InvalidRangeError::NullRangeBoundFlags,
    })
}

fn limit(bytes: &[u8]) -> Option<DomainLimit> {
    Some(match *read(bytes)?.last()? {
        (2, v) => DomainLimit::Inclusive(v.number()? as i64),
        (3, v) => DomainLimit::Exclusive(v.number()? as i64),
        _ => DomainLimit::None,
    })
}
