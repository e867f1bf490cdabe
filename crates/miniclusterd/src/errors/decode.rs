//! The texts of errors that shards hold. Source: `spec/plan.md` §4.9, §4.10.
//!
//! Invariant: bytes that are no error give `None`.

use super::proto::{Value, find, number, read, string};
use protocol::v26_30::{
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

/// The error of a `ProtoEvalError`.
pub fn eval_error(bytes: &[u8]) -> Option<EvalError> {
    let fields = read(bytes)?;
    let (field, value) = *fields.last()?;
    let text = || value.string();
    // A message's fields, its first string, and pairs of strings.
    let inner = || read(value.bytes()?);
    let wrapped = || string(&inner()?, 1);
    let pair = || Some((string(&inner()?, 1)?, string(&inner()?, 2)?));
    Some(match field {
        1 => EvalError::CharacterNotValidForEncoding(value.number()? as i32),
        2 => EvalError::CharacterTooLargeForEncoding(value.number()? as i32),
        3 => EvalError::DateBinOutOfRange(text()?),
        4 => EvalError::DivisionByZero,
        5 => EvalError::Unsupported {
            feature: wrapped()?,
            discussion_no: match find(&inner()?, 2) {
                Some(n) => Some(size(n.number()?)?),
                None => None,
            },
        },
        6 => EvalError::FloatOverflow,
        7 => EvalError::FloatUnderflow,
        8 => EvalError::NumericFieldOverflow,
        9 => EvalError::Float32OutOfRange(wrapped()?),
        10 => EvalError::Float64OutOfRange(wrapped()?),
        11 => EvalError::Int16OutOfRange(wrapped()?),
        12 => EvalError::Int32OutOfRange(wrapped()?),
        13 => EvalError::Int64OutOfRange(wrapped()?),
        14 => EvalError::OidOutOfRange(wrapped()?),
        15 => EvalError::IntervalOutOfRange(wrapped()?),
        16 => EvalError::TimestampOutOfRange,
        17 => EvalError::CharOutOfRange,
        18 => EvalError::InvalidBase64Equals,
        19 => EvalError::InvalidBase64Symbol(char_of(value)?),
        20 => EvalError::InvalidBase64EndSequence,
        21 => EvalError::InvalidTimezone(text()?),
        22 => EvalError::InvalidTimezoneInterval,
        23 => EvalError::InvalidTimezoneConversion,
        24 => EvalError::InvalidLayer {
            max_layer: size(number(&inner()?, 1)?)?,
            val: number(&inner()?, 2)? as i64,
        },
        25 => EvalError::InvalidArray(match *inner()?.last()? {
            (1, n) => InvalidArrayError::TooManyDimensions(size(n.number()?)?),
            (2, message) => {
                let fields = read(message.bytes()?)?;
                InvalidArrayError::WrongCardinality {
                    actual: size(number(&fields, 1)?)?,
                    expected: size(number(&fields, 2)?)?,
                }
            }
            _ => return None,
        }),
        26 => EvalError::InvalidEncodingName(text()?),
        27 => EvalError::InvalidHashAlgorithm(text()?),
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
        30 => EvalError::InvalidRegex(text()?),
        31 => EvalError::InvalidRegexFlag(char_of(value)?),
        32 => EvalError::InvalidParameterValue(text()?),
        33 => EvalError::NegSqrt,
        34 => EvalError::NullCharacterNotPermitted,
        35 => EvalError::UnknownUnits(text()?),
        36 => {
            let (units, typ) = pair()?;
            EvalError::UnsupportedUnits(units, typ)
        }
        37 => EvalError::UnterminatedLikeEscapeSequence,
        38 => {
            let fields = inner()?;
            EvalError::Parse(ParseError {
                kind: match find(&fields, 1) {
                    Some(_) => ParseErrorKind::OutOfRange,
                    None => ParseErrorKind::InvalidInputSyntax,
                },
                type_name: string(&fields, 1001)?,
                input: string(&fields, 1002)?,
                details: match find(&fields, 1003) {
                    Some(details) => Some(details.string()?),
                    None => None,
                },
            })
        }
        39 => EvalError::ParseHex(match *inner()?.last()? {
            (1, digit) => ParseHexError::InvalidHexDigit(char_of(digit)?),
            _ => ParseHexError::OddLength,
        }),
        40 => EvalError::Internal(text()?),
        41 => EvalError::InfinityOutOfDomain(text()?),
        42 => EvalError::NegativeOutOfDomain(text()?),
        43 => EvalError::ZeroOutOfDomain(text()?),
        44 => {
            let fields = inner()?;
            EvalError::OutOfDomain(
                limit(find(&fields, 1)?.bytes()?)?,
                limit(find(&fields, 2)?.bytes()?)?,
                string(&fields, 3)?,
            )
        }
        45 => EvalError::ComplexOutOfRange(text()?),
        46 => EvalError::MultipleRowsFromSubquery,
        47 => EvalError::Undefined(text()?),
        48 => EvalError::LikePatternTooLong,
        49 => EvalError::LikeEscapeTooLong,
        50 => EvalError::StringValueTooLong {
            target_type: wrapped()?,
            length: size(number(&inner()?, 2)?)?,
        },
        51 => EvalError::MultidimensionalArrayRemovalNotSupported,
        52 => EvalError::IncompatibleArrayDimensions {
            dims: match find(&inner()?, 1) {
                Some(dims) => {
                    let fields = read(dims.bytes()?)?;
                    Some((size(number(&fields, 1)?)?, size(number(&fields, 2)?)?))
                }
                None => None,
            },
        },
        53 => EvalError::TypeFromOid(text()?),
        54 => EvalError::IndexOutOfRange {
            provided: number(&inner()?, 1)? as i32,
            valid_end: number(&inner()?, 2)? as i32,
        },
        55 => EvalError::UInt16OutOfRange(wrapped()?),
        56 => EvalError::UInt32OutOfRange(wrapped()?),
        57 => EvalError::UInt64OutOfRange(wrapped()?),
        58 => EvalError::DateOutOfRange,
        59 => EvalError::MzTimestampOutOfRange(wrapped()?),
        60 => EvalError::MzTimestampStepOverflow,
        61 => EvalError::TimestampCannotBeNan,
        62 => EvalError::InvalidRange(match *inner()?.last()? {
            (1, _) => InvalidRangeError::MisorderedRangeBounds,
            (2, text) => InvalidRangeError::CanonicalizationOverflow(text.string()?),
            (3, _) => InvalidRangeError::InvalidRangeBoundFlags,
            (4, _) => InvalidRangeError::DiscontiguousUnion,
            (5, _) => InvalidRangeError::DiscontiguousDifference,
            _ => InvalidRangeError::NullRangeBoundFlags,
        }),
        63 => EvalError::InvalidRoleId(text()?),
        64 => EvalError::InvalidPrivileges(text()?),
        65 => EvalError::LetRecLimitExceeded(text()?),
        66 => EvalError::MultiDimensionalArraySearch,
        67 => EvalError::MustNotBeNull(text()?),
        68 => EvalError::InvalidIdentifier {
            ident: wrapped()?,
            detail: match find(&inner()?, 2) {
                Some(detail) => Some(detail.string()?),
                None => None,
            },
        },
        69 => EvalError::ArrayFillWrongArraySubscripts,
        70 => EvalError::MaxArraySizeExceeded(size(value.number()?)?),
        71 => EvalError::InvalidDatePart(text()?),
        72 => EvalError::DateDiffOverflow {
            unit: wrapped()?,
            a: string(&inner()?, 2)?,
            b: string(&inner()?, 3)?,
        },
        73 => EvalError::IfNullError(text()?),
        74 => EvalError::LengthTooLarge,
        75 => EvalError::AclArrayNullElement,
        76 => EvalError::MzAclArrayNullElement,
        77 => EvalError::InvalidIanaTimezoneId(text()?),
        78 => EvalError::PrettyError(text()?),
        79 => EvalError::NegLimit,
        80 => EvalError::KeyCannotBeNull,
        81 => EvalError::InvalidCatalogJson(text()?),
        82 => EvalError::RedactError(text()?),
        83 => EvalError::NegativeRowsFromSubquery,
        _ => return None,
    })
}

fn limit(bytes: &[u8]) -> Option<DomainLimit> {
    Some(match *read(bytes)?.last()? {
        (2, v) => DomainLimit::Inclusive(v.number()? as i64),
        (3, v) => DomainLimit::Exclusive(v.number()? as i64),
        _ => DomainLimit::None,
    })
}
