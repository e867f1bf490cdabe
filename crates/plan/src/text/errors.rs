//! Errors that plans can name: the literal `error("…")` with the text that the
//! error displays. Source: `spec/script.md` §3.3, `spec/plan.md` §4.9.
//!
//! Invariant: an error that has a text here is given back by it.

use protocol::v26_30::EvalError;

const INTERNAL: &str = "internal error: ";

const FIXED: [(&str, EvalError); 8] = [
    ("division by zero", EvalError::DivisionByZero),
    ("numeric field overflow", EvalError::NumericFieldOverflow),
    ("value out of range: overflow", EvalError::FloatOverflow),
    ("value out of range: underflow", EvalError::FloatUnderflow),
    (
        "step mz_timestamp overflow",
        EvalError::MzTimestampStepOverflow,
    ),
    ("timestamp out of range", EvalError::TimestampOutOfRange),
    ("LIMIT must not be negative", EvalError::NegLimit),
    ("requested length too large", EvalError::LengthTooLarge),
];

/// The text of an error, if the text form has one.
pub(super) fn text_of(error: &EvalError) -> Option<String> {
    if let EvalError::Internal(message) = error {
        return Some(format!("{INTERNAL}{message}"));
    }
    let found = FIXED.iter().find(|(_, known)| known == error);
    found.map(|(text, _)| (*text).to_string())
}

/// The error with this text.
pub(super) fn from_text(text: &str) -> Option<EvalError> {
    if let Some(message) = text.strip_prefix(INTERNAL) {
        return Some(EvalError::Internal(message.into()));
    }
    let found = FIXED.iter().find(|(known, _)| *known == text);
    found.map(|(_, error)| error.clone())
}
