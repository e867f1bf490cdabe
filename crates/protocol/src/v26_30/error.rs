//! Errors of evaluation, in wire order, with their texts. Source:
//! `spec/plan.md` §4.9.
//!
//! Invariants: a variant's position is its number on the wire and its place in
//! the order by which AND and OR choose an error; texts are the field's.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why an expression has no value; 83 variants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Error)]
pub enum EvalError {
    #[error("requested character not valid for encoding: {0}")]
    CharacterNotValidForEncoding(i32),
    #[error("requested character too large for encoding: {0}")]
    CharacterTooLargeForEncoding(i32),
    #[error("{0}")]
    DateBinOutOfRange(String),
    #[error("division by zero")]
    DivisionByZero,
    #[error("{feature} not yet supported{}", discussion(*.discussion_no))]
    Unsupported {
        feature: String,
        discussion_no: Option<usize>,
    },
    #[error("value out of range: overflow")]
    FloatOverflow,
    #[error("value out of range: underflow")]
    FloatUnderflow,
    #[error("numeric field overflow")]
    NumericFieldOverflow,
    #[error("{} real out of range", quoted(.0))]
    Float32OutOfRange(String),
    #[error("{} double precision out of range", quoted(.0))]
    Float64OutOfRange(String),
    #[error("{} smallint out of range", quoted(.0))]
    Int16OutOfRange(String),
    #[error("{} integer out of range", quoted(.0))]
    Int32OutOfRange(String),
    #[error("{} bigint out of range", quoted(.0))]
    Int64OutOfRange(String),
    #[error("{} uint2 out of range", quoted(.0))]
    UInt16OutOfRange(String),
    #[error("{} uint4 out of range", quoted(.0))]
    UInt32OutOfRange(String),
    #[error("{} uint8 out of range", quoted(.0))]
    UInt64OutOfRange(String),
    #[error("{} mz_timestamp out of range", quoted(.0))]
    MzTimestampOutOfRange(String),
    #[error("step mz_timestamp overflow")]
    MzTimestampStepOverflow,
    #[error("{} OID out of range", quoted(.0))]
    OidOutOfRange(String),
    #[error("{} interval out of range", quoted(.0))]
    IntervalOutOfRange(String),
    #[error("timestamp cannot be NaN")]
    TimestampCannotBeNan,
    #[error("timestamp out of range")]
    TimestampOutOfRange,
    #[error("date out of range")]
    DateOutOfRange,
    #[error("\"char\" out of range")]
    CharOutOfRange,
    #[error("index {provided} out of valid range, 0..{valid_end}")]
    IndexOutOfRange { provided: i32, valid_end: i32 },
    #[error("unexpected \"=\" while decoding base64 sequence")]
    InvalidBase64Equals,
    #[error("invalid symbol \"{}\" found while decoding base64 sequence", .0.escape_default())]
    InvalidBase64Symbol(char),
    #[error("invalid base64 end sequence")]
    InvalidBase64EndSequence,
    #[error("invalid time zone '{0}'")]
    InvalidTimezone(String),
    #[error("timezone interval must not contain months or years")]
    InvalidTimezoneInterval,
    #[error("invalid timezone conversion")]
    InvalidTimezoneConversion,
    #[error("invalid IANA Time Zone Database identifier: '{0}'")]
    InvalidIanaTimezoneId(String),
    #[error("invalid layer: {val}; must use value within [1, {max_layer}]")]
    InvalidLayer { max_layer: usize, val: i64 },
    #[error("{0}")]
    InvalidArray(InvalidArrayError),
    #[error("invalid encoding name '{0}'")]
    InvalidEncodingName(String),
    #[error("invalid hash algorithm '{0}'")]
    InvalidHashAlgorithm(String),
    #[error("invalid byte sequence '{byte_sequence}' for encoding '{encoding_name}'")]
    InvalidByteSequence {
        byte_sequence: String,
        encoding_name: String,
    },
    #[error("cannot cast jsonb {from} to type {to}")]
    InvalidJsonbCast { from: String, to: String },
    #[error("invalid regular expression: {0}")]
    InvalidRegex(String),
    #[error("invalid regular expression flag: {0}")]
    InvalidRegexFlag(char),
    #[error("{0}")]
    InvalidParameterValue(String),
    #[error("invalid datepart {}", quoted(.0))]
    InvalidDatePart(String),
    #[error("key cannot be null")]
    KeyCannotBeNull,
    #[error("cannot take square root of a negative number")]
    NegSqrt,
    #[error("LIMIT must not be negative")]
    NegLimit,
    #[error("null character not permitted")]
    NullCharacterNotPermitted,
    #[error("unit '{0}' not recognized")]
    UnknownUnits(String),
    #[error("unit '{0}' not supported for type {1}")]
    UnsupportedUnits(String, String),
    #[error("unterminated escape sequence in LIKE")]
    UnterminatedLikeEscapeSequence,
    #[error("{0}")]
    Parse(ParseError),
    #[error("{0}")]
    ParseHex(ParseHexError),
    #[error("internal error: {0}")]
    Internal(String),
    #[error("function {0} is only defined for finite arguments")]
    InfinityOutOfDomain(String),
    #[error("function {0} is not defined for negative numbers")]
    NegativeOutOfDomain(String),
    #[error("function {0} is not defined for zero")]
    ZeroOutOfDomain(String),
    #[error("function {id} is defined for numbers {}", domain(.0, .1), id = .2)]
    OutOfDomain(DomainLimit, DomainLimit, String),
    #[error("function {0} cannot return complex numbers")]
    ComplexOutOfRange(String),
    #[error("more than one record produced in subquery")]
    MultipleRowsFromSubquery,
    #[error("negative number of rows produced in subquery")]
    NegativeRowsFromSubquery,
    #[error("{0} is undefined")]
    Undefined(String),
    #[error("LIKE pattern exceeds maximum length")]
    LikePatternTooLong,
    #[error("invalid escape string")]
    LikeEscapeTooLong,
    #[error("value too long for type {target_type}({length})")]
    StringValueTooLong { target_type: String, length: usize },
    #[error("removing elements from multidimensional arrays is not supported")]
    MultidimensionalArrayRemovalNotSupported,
    #[error("cannot concatenate incompatible arrays")]
    IncompatibleArrayDimensions { dims: Option<(usize, usize)> },
    #[error("{0}")]
    TypeFromOid(String),
    #[error("{0}")]
    InvalidRange(InvalidRangeError),
    #[error("{0}")]
    InvalidRoleId(String),
    #[error("unrecognized privilege type: {0}")]
    InvalidPrivileges(String),
    #[error("invalid catalog JSON: {0}")]
    InvalidCatalogJson(String),
    #[error(
        "Recursive query exceeded the recursion limit {0}. (Use RETURN AT RECURSION LIMIT to not error, but return the current state as the final result when reaching the limit.)"
    )]
    LetRecLimitExceeded(String),
    #[error("searching for elements in multidimensional arrays is not supported")]
    MultiDimensionalArraySearch,
    #[error("{0} must not be null")]
    MustNotBeNull(String),
    #[error("string is not a valid identifier: {}", quoted(.ident))]
    InvalidIdentifier {
        ident: String,
        detail: Option<String>,
    },
    #[error("wrong number of array subscripts")]
    ArrayFillWrongArraySubscripts,
    #[error("array size exceeds the maximum allowed ({0} bytes)")]
    MaxArraySizeExceeded(usize),
    #[error("datediff overflow, {unit} of {a}, {b}")]
    DateDiffOverflow { unit: String, a: String, b: String },
    #[error("{0}")]
    IfNullError(String),
    #[error("requested length too large")]
    LengthTooLarge,
    #[error("ACL arrays must not contain null values")]
    AclArrayNullElement,
    #[error("MZ_ACL arrays must not contain null values")]
    MzAclArrayNullElement,
    #[error("{0}")]
    PrettyError(String),
    #[error("{0}")]
    RedactError(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ParseError {
    pub kind: ParseErrorKind,
    pub type_name: String,
    pub input: String,
    pub details: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ParseErrorKind {
    OutOfRange,
    InvalidInputSyntax,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ParseHexError {
    InvalidHexDigit(char),
    OddLength,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum InvalidArrayError {
    TooManyDimensions(usize),
    WrongCardinality { actual: usize, expected: usize },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum InvalidRangeError {
    MisorderedRangeBounds,
    CanonicalizationOverflow(String),
    InvalidRangeBoundFlags,
    DiscontiguousUnion,
    DiscontiguousDifference,
    NullRangeBoundFlags,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DomainLimit {
    None,
    Inclusive(i64),
    Exclusive(i64),
}

/// A text in double quotes, with quotes inside escaped.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

/// Where an unsupported feature is discussed.
fn discussion(number: Option<usize>) -> String {
    number.map_or_else(String::new, |n| {
        format!(
            ", see https://github.com/MaterializeInc/materialize/discussions/{n} for more details"
        )
    })
}

/// The numbers between two limits.
fn domain(lower: &DomainLimit, upper: &DomainLimit) -> String {
    match (lower, upper) {
        (DomainLimit::Inclusive(n), DomainLimit::None) => format!("greater than or equal to {n}"),
        (DomainLimit::Exclusive(n), DomainLimit::None) => format!("greater than {n}"),
        (DomainLimit::None, DomainLimit::Inclusive(n)) => format!("less than or equal to {n}"),
        (DomainLimit::None, DomainLimit::Exclusive(n)) => format!("less than {n}"),
        (DomainLimit::Inclusive(a), DomainLimit::Inclusive(b)) => {
            format!("between {a} and {b} inclusive")
        }
        (DomainLimit::Exclusive(a), DomainLimit::Exclusive(b)) => {
            format!("between {a} and {b} exclusive")
        }
        (DomainLimit::Inclusive(a), DomainLimit::Exclusive(b)) => {
            format!("between {a} inclusive and {b} exclusive")
        }
        (DomainLimit::Exclusive(a), DomainLimit::Inclusive(b)) => {
            format!("between {a} exclusive and {b} inclusive")
        }
        (DomainLimit::None, DomainLimit::None) => "without limits".into(),
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = quoted(&self.input);
        match (self.kind, &self.details) {
            (ParseErrorKind::OutOfRange, None) => {
                write!(f, "{input} is out of range for type {}", self.type_name)
            }
            (ParseErrorKind::OutOfRange, Some(details)) => write!(
                f,
                "{input} is out of range for type {}: {details}",
                self.type_name
            ),
            (ParseErrorKind::InvalidInputSyntax, None) => write!(
                f,
                "invalid input syntax for type {}: {input}",
                self.type_name
            ),
            (ParseErrorKind::InvalidInputSyntax, Some(details)) => write!(
                f,
                "invalid input syntax for type {}: {details}: {input}",
                self.type_name
            ),
        }
    }
}

impl fmt::Display for ParseHexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseHexError::InvalidHexDigit(c) => {
                write!(f, "invalid hexadecimal digit: \"{}\"", c.escape_default())
            }
            ParseHexError::OddLength => {
                f.write_str("invalid hexadecimal data: odd number of digits")
            }
        }
    }
}

impl fmt::Display for InvalidArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidArrayError::TooManyDimensions(n) => write!(
                f,
                "number of array dimensions ({n}) exceeds the maximum allowed (6)"
            ),
            InvalidArrayError::WrongCardinality { actual, expected } => write!(
                f,
                "number of array elements ({actual}) does not match declared cardinality ({expected})"
            ),
        }
    }
}

impl fmt::Display for InvalidRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidRangeError::MisorderedRangeBounds => {
                f.write_str("range lower bound must be less than or equal to range upper bound")
            }
            InvalidRangeError::CanonicalizationOverflow(s) => write!(f, "{s} out of range"),
            InvalidRangeError::InvalidRangeBoundFlags => f.write_str("invalid range bound flags"),
            InvalidRangeError::DiscontiguousUnion => {
                f.write_str("result of range union would not be contiguous")
            }
            InvalidRangeError::DiscontiguousDifference => {
                f.write_str("result of range difference would not be contiguous")
            }
            InvalidRangeError::NullRangeBoundFlags => {
                f.write_str("range constructor flags argument must not be null")
            }
        }
    }
}
