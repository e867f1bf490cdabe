//! Errors of evaluation, in wire order, with their texts. Source:
//! `spec/plan.md` §4.9.
//!
//! Invariants: a variant's position is its number on the wire and its place in
//! the order by which AND and OR choose an error; texts are the field's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an expression has no value; 83 variants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EvalError {
    CharacterNotValidForEncoding(i32),
    CharacterTooLargeForEncoding(i32),
    DateBinOutOfRange(String),
    DivisionByZero,
    Unsupported {
        feature: String,
        discussion_no: Option<usize>,
    },
    FloatOverflow,
    FloatUnderflow,
    NumericFieldOverflow,
    Float32OutOfRange(String),
    Float64OutOfRange(String),
    Int16OutOfRange(String),
    Int32OutOfRange(String),
    Int64OutOfRange(String),
    UInt16OutOfRange(String),
    UInt32OutOfRange(String),
    UInt64OutOfRange(String),
    MzTimestampOutOfRange(String),
    MzTimestampStepOverflow,
    OidOutOfRange(String),
    IntervalOutOfRange(String),
    TimestampCannotBeNan,
    TimestampOutOfRange,
    DateOutOfRange,
    CharOutOfRange,
    IndexOutOfRange {
        provided: i32,
        valid_end: i32,
    },
    InvalidBase64Equals,
    InvalidBase64Symbol(char),
    InvalidBase64EndSequence,
    InvalidTimezone(String),
    InvalidTimezoneInterval,
    InvalidTimezoneConversion,
    InvalidIanaTimezoneId(String),
    InvalidLayer {
        max_layer: usize,
        val: i64,
    },
    InvalidArray(InvalidArrayError),
    InvalidEncodingName(String),
    InvalidHashAlgorithm(String),
    InvalidByteSequence {
        byte_sequence: String,
        encoding_name: String,
    },
    InvalidJsonbCast {
        from: String,
        to: String,
    },
    InvalidRegex(String),
    InvalidRegexFlag(char),
    InvalidParameterValue(String),
    InvalidDatePart(String),
    KeyCannotBeNull,
    NegSqrt,
    NegLimit,
    NullCharacterNotPermitted,
    UnknownUnits(String),
    UnsupportedUnits(String, String),
    UnterminatedLikeEscapeSequence,
    Parse(ParseError),
    ParseHex(ParseHexError),
    Internal(String),
    InfinityOutOfDomain(String),
    NegativeOutOfDomain(String),
    ZeroOutOfDomain(String),
    OutOfDomain(DomainLimit, DomainLimit, String),
    ComplexOutOfRange(String),
    MultipleRowsFromSubquery,
    NegativeRowsFromSubquery,
    Undefined(String),
    LikePatternTooLong,
    LikeEscapeTooLong,
    StringValueTooLong {
        target_type: String,
        length: usize,
    },
    MultidimensionalArrayRemovalNotSupported,
    IncompatibleArrayDimensions {
        dims: Option<(usize, usize)>,
    },
    TypeFromOid(String),
    InvalidRange(InvalidRangeError),
    InvalidRoleId(String),
    InvalidPrivileges(String),
    InvalidCatalogJson(String),
    LetRecLimitExceeded(String),
    MultiDimensionalArraySearch,
    MustNotBeNull(String),
    InvalidIdentifier {
        ident: String,
        detail: Option<String>,
    },
    ArrayFillWrongArraySubscripts,
    MaxArraySizeExceeded(usize),
    DateDiffOverflow {
        unit: String,
        a: String,
        b: String,
    },
    IfNullError(String),
    LengthTooLarge,
    AclArrayNullElement,
    MzAclArrayNullElement,
    PrettyError(String),
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

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvalError::Unsupported {
                feature,
                discussion_no,
            } => {
                write!(f, "{feature} not yet supported")?;
                match discussion_no {
                    Some(n) => write!(
                        f,
                        ", see https://github.com/MaterializeInc/materialize/discussions/{n} for more details"
                    ),
                    None => Ok(()),
                }
            }
            EvalError::OutOfDomain(lower, upper, id) => {
                write!(f, "function {id} is defined for numbers ")?;
                match (lower, upper) {
                    (DomainLimit::Inclusive(n), DomainLimit::None) => {
                        write!(f, "greater than or equal to {n}")
                    }
                    (DomainLimit::Exclusive(n), DomainLimit::None) => write!(f, "greater than {n}"),
                    (DomainLimit::None, DomainLimit::Inclusive(n)) => {
                        write!(f, "less than or equal to {n}")
                    }
                    (DomainLimit::None, DomainLimit::Exclusive(n)) => write!(f, "less than {n}"),
                    (DomainLimit::Inclusive(a), DomainLimit::Inclusive(b)) => {
                        write!(f, "between {a} and {b} inclusive")
                    }
                    (DomainLimit::Exclusive(a), DomainLimit::Exclusive(b)) => {
                        write!(f, "between {a} and {b} exclusive")
                    }
                    (DomainLimit::Inclusive(a), DomainLimit::Exclusive(b)) => {
                        write!(f, "between {a} inclusive and {b} exclusive")
                    }
                    (DomainLimit::Exclusive(a), DomainLimit::Inclusive(b)) => {
                        write!(f, "between {a} exclusive and {b} inclusive")
                    }
                    (DomainLimit::None, DomainLimit::None) => f.write_str("without limits"),
                }
            }
            EvalError::CharacterNotValidForEncoding(v) => {
                write!(f, "requested character not valid for encoding: {v}")
            }
            EvalError::CharacterTooLargeForEncoding(v) => {
                write!(f, "requested character too large for encoding: {v}")
            }
            EvalError::DateBinOutOfRange(s) => write!(f, "{s}"),
            EvalError::DivisionByZero => f.write_str("division by zero"),
            EvalError::FloatOverflow => f.write_str("value out of range: overflow"),
            EvalError::FloatUnderflow => f.write_str("value out of range: underflow"),
            EvalError::NumericFieldOverflow => f.write_str("numeric field overflow"),
            EvalError::Float32OutOfRange(s) => write!(f, "{} real out of range", quoted(s)),
            EvalError::Float64OutOfRange(s) => {
                write!(f, "{} double precision out of range", quoted(s))
            }
            EvalError::Int16OutOfRange(s) => write!(f, "{} smallint out of range", quoted(s)),
            EvalError::Int32OutOfRange(s) => write!(f, "{} integer out of range", quoted(s)),
            EvalError::Int64OutOfRange(s) => write!(f, "{} bigint out of range", quoted(s)),
            EvalError::UInt16OutOfRange(s) => write!(f, "{} uint2 out of range", quoted(s)),
            EvalError::UInt32OutOfRange(s) => write!(f, "{} uint4 out of range", quoted(s)),
            EvalError::UInt64OutOfRange(s) => write!(f, "{} uint8 out of range", quoted(s)),
            EvalError::MzTimestampOutOfRange(s) => {
                write!(f, "{} mz_timestamp out of range", quoted(s))
            }
            EvalError::MzTimestampStepOverflow => f.write_str("step mz_timestamp overflow"),
            EvalError::OidOutOfRange(s) => write!(f, "{} OID out of range", quoted(s)),
            EvalError::IntervalOutOfRange(s) => write!(f, "{} interval out of range", quoted(s)),
            EvalError::TimestampCannotBeNan => f.write_str("timestamp cannot be NaN"),
            EvalError::TimestampOutOfRange => f.write_str("timestamp out of range"),
            EvalError::DateOutOfRange => f.write_str("date out of range"),
            EvalError::CharOutOfRange => f.write_str("\"char\" out of range"),
            EvalError::IndexOutOfRange {
                provided,
                valid_end,
            } => write!(f, "index {provided} out of valid range, 0..{valid_end}"),
            EvalError::InvalidBase64Equals => {
                f.write_str("unexpected \"=\" while decoding base64 sequence")
            }
            EvalError::InvalidBase64Symbol(c) => write!(
                f,
                "invalid symbol \"{}\" found while decoding base64 sequence",
                c.escape_default()
            ),
            EvalError::InvalidBase64EndSequence => f.write_str("invalid base64 end sequence"),
            EvalError::InvalidTimezone(s) => write!(f, "invalid time zone '{s}'"),
            EvalError::InvalidTimezoneInterval => {
                f.write_str("timezone interval must not contain months or years")
            }
            EvalError::InvalidTimezoneConversion => f.write_str("invalid timezone conversion"),
            EvalError::InvalidIanaTimezoneId(s) => {
                write!(f, "invalid IANA Time Zone Database identifier: '{s}'")
            }
            EvalError::InvalidLayer { max_layer, val } => write!(
                f,
                "invalid layer: {val}; must use value within [1, {max_layer}]"
            ),
            EvalError::InvalidArray(e) => write!(f, "{e}"),
            EvalError::InvalidEncodingName(s) => write!(f, "invalid encoding name '{s}'"),
            EvalError::InvalidHashAlgorithm(s) => write!(f, "invalid hash algorithm '{s}'"),
            EvalError::InvalidByteSequence {
                byte_sequence,
                encoding_name,
            } => write!(
                f,
                "invalid byte sequence '{byte_sequence}' for encoding '{encoding_name}'"
            ),
            EvalError::InvalidJsonbCast { from, to } => {
                write!(f, "cannot cast jsonb {from} to type {to}")
            }
            EvalError::InvalidRegex(s) => write!(f, "invalid regular expression: {s}"),
            EvalError::InvalidRegexFlag(c) => write!(f, "invalid regular expression flag: {c}"),
            EvalError::InvalidParameterValue(s) => write!(f, "{s}"),
            EvalError::InvalidDatePart(s) => write!(f, "invalid datepart {}", quoted(s)),
            EvalError::KeyCannotBeNull => f.write_str("key cannot be null"),
            EvalError::NegSqrt => f.write_str("cannot take square root of a negative number"),
            EvalError::NegLimit => f.write_str("LIMIT must not be negative"),
            EvalError::NullCharacterNotPermitted => f.write_str("null character not permitted"),
            EvalError::UnknownUnits(s) => write!(f, "unit '{s}' not recognized"),
            EvalError::UnsupportedUnits(a, b) => {
                write!(f, "unit '{}' not supported for type {}", a, b)
            }
            EvalError::UnterminatedLikeEscapeSequence => {
                f.write_str("unterminated escape sequence in LIKE")
            }
            EvalError::Parse(e) => write!(f, "{e}"),
            EvalError::ParseHex(e) => write!(f, "{e}"),
            EvalError::Internal(s) => write!(f, "internal error: {s}"),
            EvalError::InfinityOutOfDomain(s) => {
                write!(f, "function {s} is only defined for finite arguments")
            }
            EvalError::NegativeOutOfDomain(s) => {
                write!(f, "function {s} is not defined for negative numbers")
            }
            EvalError::ZeroOutOfDomain(s) => write!(f, "function {s} is not defined for zero"),
            EvalError::ComplexOutOfRange(s) => {
                write!(f, "function {s} cannot return complex numbers")
            }
            EvalError::MultipleRowsFromSubquery => {
                f.write_str("more than one record produced in subquery")
            }
            EvalError::NegativeRowsFromSubquery => {
                f.write_str("negative number of rows produced in subquery")
            }
            EvalError::Undefined(s) => write!(f, "{s} is undefined"),
            EvalError::LikePatternTooLong => f.write_str("LIKE pattern exceeds maximum length"),
            EvalError::LikeEscapeTooLong => f.write_str("invalid escape string"),
            EvalError::StringValueTooLong {
                target_type,
                length,
            } => write!(f, "value too long for type {target_type}({length})"),
            EvalError::MultidimensionalArrayRemovalNotSupported => {
                f.write_str("removing elements from multidimensional arrays is not supported")
            }
            EvalError::IncompatibleArrayDimensions { .. } => {
                f.write_str("cannot concatenate incompatible arrays")
            }
            EvalError::TypeFromOid(s) => write!(f, "{s}"),
            EvalError::InvalidRange(e) => write!(f, "{e}"),
            EvalError::InvalidRoleId(s) => write!(f, "{s}"),
            EvalError::InvalidPrivileges(s) => write!(f, "unrecognized privilege type: {s}"),
            EvalError::InvalidCatalogJson(s) => write!(f, "invalid catalog JSON: {s}"),
            EvalError::LetRecLimitExceeded(s) => write!(
                f,
                "Recursive query exceeded the recursion limit {s}. (Use RETURN AT RECURSION LIMIT to not error, but return the current state as the final result when reaching the limit.)"
            ),
            EvalError::MultiDimensionalArraySearch => {
                f.write_str("searching for elements in multidimensional arrays is not supported")
            }
            EvalError::MustNotBeNull(s) => write!(f, "{s} must not be null"),
            EvalError::InvalidIdentifier { ident, .. } => {
                write!(f, "string is not a valid identifier: {}", quoted(ident))
            }
            EvalError::ArrayFillWrongArraySubscripts => {
                f.write_str("wrong number of array subscripts")
            }
            EvalError::MaxArraySizeExceeded(n) => {
                write!(f, "array size exceeds the maximum allowed ({n} bytes)")
            }
            EvalError::DateDiffOverflow { unit, a, b } => {
                write!(f, "datediff overflow, {unit} of {a}, {b}")
            }
            EvalError::IfNullError(s) => write!(f, "{s}"),
            EvalError::LengthTooLarge => f.write_str("requested length too large"),
            EvalError::AclArrayNullElement => {
                f.write_str("ACL arrays must not contain null values")
            }
            EvalError::MzAclArrayNullElement => {
                f.write_str("MZ_ACL arrays must not contain null values")
            }
            EvalError::PrettyError(s) => write!(f, "{s}"),
            EvalError::RedactError(s) => write!(f, "{s}"),
        }
    }
}

impl std::error::Error for EvalError {}

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
