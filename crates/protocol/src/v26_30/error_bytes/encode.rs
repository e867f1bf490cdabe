//! Evaluation errors as shards hold them: `ProtoDataflowError` with
//! `eval_error`. Source: `spec/plan.md` §4.9, §4.10.
//!
//! Invariant: one error has one encoding: the one of the field.

use super::members::members;
use super::proto::Fields;
use crate::v26_30::{
    DomainLimit, EvalError, InvalidArrayError, InvalidRangeError, ParseError, ParseErrorKind,
    ParseHexError,
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

/// A message of two numbers.
fn numbers(a: u64, b: u64) -> Fields {
    Fields::default().plain_number(1, a).plain_number(2, b)
}

fn number(field: u32, value: u64) -> Fields {
    Fields::default().number(field, value)
}

fn code(field: u32, c: char) -> Fields {
    number(field, u32::from(c).into())
}

/// Fields, and a string behind them if there is one.
fn with(fields: Fields, field: u32, text: Option<&str>) -> Fields {
    match text {
        Some(text) => fields.bytes(field, text.as_bytes()),
        None => fields,
    }
}

/// A signed number as varints hold it.
fn signed(value: i64) -> u64 {
    value as u64
}

macro_rules! encoder {
    (
        empty { $($e:literal $empty:ident),* $(,)? }
        text { $($t:literal $text:ident),* $(,)? }
        message { $($m:literal $message:ident),* $(,)? }
    ) => {
        /// The one member of `ProtoEvalError`.
        fn member(error: &EvalError) -> Fields {
            use EvalError::*;
            match error {
                $($empty => empty($e),)*
                $($text(s) => text($t, s),)*
                $($message(s) => value($m, s),)*
                CharacterNotValidForEncoding(v) => number(1, signed((*v).into())),
                CharacterTooLargeForEncoding(v) => number(2, signed((*v).into())),
                Unsupported { feature, discussion_no } => {
                    message(5, unsupported(feature, *discussion_no))
                }
                InvalidBase64Symbol(c) => code(19, *c),
                InvalidLayer { max_layer, val } => {
                    message(24, numbers(*max_layer as u64, signed(*val)))
                }
                InvalidArray(array) => message(25, invalid_array(array)),
                InvalidByteSequence { byte_sequence, encoding_name } => {
                    strings(28, &[byte_sequence, encoding_name])
                }
                InvalidJsonbCast { from, to } => strings(29, &[from, to]),
                InvalidRegexFlag(c) => code(31, *c),
                UnsupportedUnits(units, typ) => strings(36, &[units, typ]),
                Parse(error) => message(38, parse(error)),
                ParseHex(error) => message(39, parse_hex(error)),
                OutOfDomain(lower, upper, id) => message(
                    44,
                    Fields::default()
                        .bytes(1, &limit(lower).0)
                        .bytes(2, &limit(upper).0)
                        .plain_string(3, id),
                ),
                StringValueTooLong { target_type, length } => message(
                    50,
                    Fields::default()
                        .plain_string(1, target_type)
                        .plain_number(2, *length as u64),
                ),
                IncompatibleArrayDimensions { dims } => message(
                    52,
                    match dims {
                        Some((a, b)) => message(1, numbers(*a as u64, *b as u64)),
                        None => Fields::default(),
                    },
                ),
                IndexOutOfRange { provided, valid_end } => {
                    let (provided, end) = (signed((*provided).into()), signed((*valid_end).into()));
                    message(54, numbers(provided, end))
                }
                InvalidRange(range) => message(62, invalid_range(range)),
                InvalidIdentifier { ident, detail } => {
                    let fields = Fields::default().plain_string(1, ident);
                    message(68, with(fields, 2, detail.as_deref()))
                }
                MaxArraySizeExceeded(n) => number(70, *n as u64),
                DateDiffOverflow { unit, a, b } => strings(72, &[unit, a, b]),
            }
        }
    };
}
members!(encoder);

fn unsupported(feature: &str, discussion_no: Option<usize>) -> Fields {
    let fields = Fields::default().plain_string(1, feature);
    match discussion_no {
        Some(n) => fields.number(2, n as u64),
        None => fields,
    }
}

fn invalid_array(error: &InvalidArrayError) -> Fields {
    match error {
        InvalidArrayError::TooManyDimensions(n) => number(1, *n as u64),
        InvalidArrayError::WrongCardinality { actual, expected } => {
            message(2, numbers(*actual as u64, *expected as u64))
        }
    }
}

fn parse(error: &ParseError) -> Fields {
    let kind = match error.kind {
        ParseErrorKind::OutOfRange => 1,
        ParseErrorKind::InvalidInputSyntax => 2,
    };
    let fields = empty(kind)
        .plain_string(1001, &error.type_name)
        .plain_string(1002, &error.input);
    with(fields, 1003, error.details.as_deref())
}

fn parse_hex(error: &ParseHexError) -> Fields {
    match error {
        ParseHexError::InvalidHexDigit(c) => code(1, *c),
        ParseHexError::OddLength => empty(2),
    }
}

fn invalid_range(error: &InvalidRangeError) -> Fields {
    match error {
        InvalidRangeError::MisorderedRangeBounds => empty(1),
        InvalidRangeError::CanonicalizationOverflow(s) => text(2, s),
        InvalidRangeError::InvalidRangeBoundFlags => empty(3),
        InvalidRangeError::DiscontiguousUnion => empty(4),
        InvalidRangeError::DiscontiguousDifference => empty(5),
        InvalidRangeError::NullRangeBoundFlags => empty(6),
    }
}

fn limit(limit: &DomainLimit) -> Fields {
    match limit {
        DomainLimit::None => empty(1),
        DomainLimit::Inclusive(v) => Fields::default().number(2, signed(*v)),
        DomainLimit::Exclusive(v) => Fields::default().number(3, signed(*v)),
    }
}
