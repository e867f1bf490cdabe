//! Evaluation errors as shards hold them: `ProtoDataflowError` with
//! `eval_error`. Source: `spec/plan.md` §4.9, §4.10.
//!
//! Invariant: one error has one encoding: the one of the field.

use super::proto::Fields;
use protocol::v26_30::{
    DomainLimit, EvalError, InvalidArrayError, InvalidRangeError, ParseErrorKind, ParseHexError,
};

/// The bytes of `ProtoDataflowError { eval_error }`.
pub fn eval_error(error: &EvalError) -> Vec<u8> {
    Fields::default().bytes(2, &member(error).0).0
}

fn empty(field: u32) -> Fields {
    Fields::default().bytes(field, &[])
}

fn text(field: u32, text: &str) -> Fields {
    Fields::default().bytes(field, text.as_bytes())
}

fn message(field: u32, fields: Fields) -> Fields {
    Fields::default().bytes(field, &fields.0)
}

/// A message whose only field is a string.
fn value(field: u32, text: &str) -> Fields {
    message(field, Fields::default().plain_string(1, text))
}

fn strings(field: u32, texts: &[&str]) -> Fields {
    let fields = texts
        .iter()
        .zip(1..)
        .fold(Fields::default(), |fields, (text, at)| {
            fields.plain_string(at, text)
        });
    message(field, fields)
}

/// A signed number as varints hold it.
fn signed(value: i64) -> u64 {
    value as u64
}

/// The one member of `ProtoEvalError`.
fn member(error: &EvalError) -> Fields {
    let number = |field, value: u64| Fields::default().number(field, value);
    match error {
        EvalError::CharacterNotValidForEncoding(v) => number(1, signed((*v).into())),
        EvalError::CharacterTooLargeForEncoding(v) => number(2, signed((*v).into())),
        EvalError::DateBinOutOfRange(s) => text(3, s),
        EvalError::DivisionByZero => empty(4),
        EvalError::Unsupported {
            feature,
            discussion_no,
        } => {
            let fields = Fields::default().plain_string(1, feature);
            message(
                5,
                match discussion_no {
                    Some(n) => fields.number(2, *n as u64),
                    None => fields,
                },
            )
        }
        EvalError::FloatOverflow => empty(6),
        EvalError::FloatUnderflow => empty(7),
        EvalError::NumericFieldOverflow => empty(8),
        EvalError::Float32OutOfRange(s) => value(9, s),
        EvalError::Float64OutOfRange(s) => value(10, s),
        EvalError::Int16OutOfRange(s) => value(11, s),
        EvalError::Int32OutOfRange(s) => value(12, s),
        EvalError::Int64OutOfRange(s) => value(13, s),
        EvalError::UInt16OutOfRange(s) => value(55, s),
        EvalError::UInt32OutOfRange(s) => value(56, s),
        EvalError::UInt64OutOfRange(s) => value(57, s),
        EvalError::MzTimestampOutOfRange(s) => value(59, s),
        EvalError::MzTimestampStepOverflow => empty(60),
        EvalError::OidOutOfRange(s) => value(14, s),
        EvalError::IntervalOutOfRange(s) => value(15, s),
        EvalError::TimestampCannotBeNan => empty(61),
        EvalError::TimestampOutOfRange => empty(16),
        EvalError::DateOutOfRange => empty(58),
        EvalError::CharOutOfRange => empty(17),
        EvalError::IndexOutOfRange {
            provided,
            valid_end,
        } => message(
            54,
            Fields::default()
                .plain_number(1, signed((*provided).into()))
                .plain_number(2, signed((*valid_end).into())),
        ),
        EvalError::InvalidBase64Equals => empty(18),
        EvalError::InvalidBase64Symbol(c) => number(19, (*c as u32).into()),
        EvalError::InvalidBase64EndSequence => empty(20),
        EvalError::InvalidTimezone(s) => text(21, s),
        EvalError::InvalidTimezoneInterval => empty(22),
        EvalError::InvalidTimezoneConversion => empty(23),
        EvalError::InvalidIanaTimezoneId(s) => text(77, s),
        EvalError::InvalidLayer { max_layer, val } => message(
            24,
            Fields::default()
                .plain_number(1, *max_layer as u64)
                .plain_number(2, signed(*val)),
        ),
        EvalError::InvalidArray(inner) => message(
            25,
            match inner {
                InvalidArrayError::TooManyDimensions(n) => Fields::default().number(1, *n as u64),
                InvalidArrayError::WrongCardinality { actual, expected } => message(
                    2,
                    Fields::default()
                        .plain_number(1, *actual as u64)
                        .plain_number(2, *expected as u64),
                ),
            },
        ),
        EvalError::InvalidEncodingName(s) => text(26, s),
        EvalError::InvalidHashAlgorithm(s) => text(27, s),
        EvalError::InvalidByteSequence {
            byte_sequence,
            encoding_name,
        } => strings(28, &[byte_sequence, encoding_name]),
        EvalError::InvalidJsonbCast { from, to } => strings(29, &[from, to]),
        EvalError::InvalidRegex(s) => text(30, s),
        EvalError::InvalidRegexFlag(c) => number(31, (*c as u32).into()),
        EvalError::InvalidParameterValue(s) => text(32, s),
        EvalError::InvalidDatePart(s) => text(71, s),
        EvalError::KeyCannotBeNull => empty(80),
        EvalError::NegSqrt => empty(33),
        EvalError::NegLimit => empty(79),
        EvalError::NullCharacterNotPermitted => empty(34),
        EvalError::UnknownUnits(s) => text(35, s),
        EvalError::UnsupportedUnits(units, typ) => strings(36, &[units, typ]),
        EvalError::UnterminatedLikeEscapeSequence => empty(37),
        EvalError::Parse(parse) => {
            let kind = match parse.kind {
                ParseErrorKind::OutOfRange => 1,
                ParseErrorKind::InvalidInputSyntax => 2,
            };
            let fields = empty(kind)
                .plain_string(1001, &parse.type_name)
                .plain_string(1002, &parse.input);
            message(
                38,
                match &parse.details {
                    Some(details) => fields.bytes(1003, details.as_bytes()),
                    None => fields,
                },
            )
        }
        EvalError::ParseHex(inner) => message(
            39,
            match inner {
                ParseHexError::InvalidHexDigit(c) => {
                    Fields::default().number(1, (*c as u32).into())
                }
                ParseHexError::OddLength => empty(2),
            },
        ),
        EvalError::Internal(s) => text(40, s),
        EvalError::InfinityOutOfDomain(s) => text(41, s),
        EvalError::NegativeOutOfDomain(s) => text(42, s),
        EvalError::ZeroOutOfDomain(s) => text(43, s),
        EvalError::OutOfDomain(lower, upper, id) => message(
            44,
            Fields::default()
                .bytes(1, &limit(lower).0)
                .bytes(2, &limit(upper).0)
                .plain_string(3, id),
        ),
        EvalError::ComplexOutOfRange(s) => text(45, s),
        EvalError::MultipleRowsFromSubquery => empty(46),
        EvalError::NegativeRowsFromSubquery => empty(83),
        EvalError::Undefined(s) => text(47, s),
        EvalError::LikePatternTooLong => empty(48),
        EvalError::LikeEscapeTooLong => empty(49),
        EvalError::StringValueTooLong {
            target_type,
            length,
        } => message(
            50,
            Fields::default()
                .plain_string(1, target_type)
                .plain_number(2, *length as u64),
        ),
        EvalError::MultidimensionalArrayRemovalNotSupported => empty(51),
        EvalError::IncompatibleArrayDimensions { dims } => message(
            52,
            match dims {
                Some((a, b)) => message(
                    1,
                    Fields::default()
                        .plain_number(1, *a as u64)
                        .plain_number(2, *b as u64),
                ),
                None => Fields::default(),
            },
        ),
        EvalError::TypeFromOid(s) => text(53, s),
        EvalError::InvalidRange(inner) => message(
            62,
            match inner {
                InvalidRangeError::MisorderedRangeBounds => empty(1),
                InvalidRangeError::CanonicalizationOverflow(s) => text(2, s),
                InvalidRangeError::InvalidRangeBoundFlags => empty(3),
                InvalidRangeError::DiscontiguousUnion => empty(4),
                InvalidRangeError::DiscontiguousDifference => empty(5),
                InvalidRangeError::NullRangeBoundFlags => empty(6),
            },
        ),
        EvalError::InvalidRoleId(s) => text(63, s),
        EvalError::InvalidPrivileges(s) => text(64, s),
        EvalError::InvalidCatalogJson(s) => text(81, s),
        EvalError::LetRecLimitExceeded(s) => text(65, s),
        EvalError::MultiDimensionalArraySearch => empty(66),
        EvalError::MustNotBeNull(s) => text(67, s),
        EvalError::InvalidIdentifier { ident, detail } => {
            let fields = Fields::default().plain_string(1, ident);
            message(
                68,
                match detail {
                    Some(detail) => fields.bytes(2, detail.as_bytes()),
                    None => fields,
                },
            )
        }
        EvalError::ArrayFillWrongArraySubscripts => empty(69),
        EvalError::MaxArraySizeExceeded(n) => number(70, *n as u64),
        EvalError::DateDiffOverflow { unit, a, b } => strings(72, &[unit, a, b]),
        EvalError::IfNullError(s) => text(73, s),
        EvalError::LengthTooLarge => empty(74),
        EvalError::AclArrayNullElement => empty(75),
        EvalError::MzAclArrayNullElement => empty(76),
        EvalError::PrettyError(s) => text(78, s),
        EvalError::RedactError(s) => text(82, s),
    }
}

fn limit(limit: &DomainLimit) -> Fields {
    match limit {
        DomainLimit::None => empty(1),
        DomainLimit::Inclusive(v) => Fields::default().number(2, signed(*v)),
        DomainLimit::Exclusive(v) => Fields::default().number(3, signed(*v)),
    }
}
