//! The error of a function that this evaluator lacks, by which a probe of the
//! function tells that it is lacking.
//!
//! Invariant: no function that is implemented gives this error.

use protocol::v26_30::EvalError;

/// How the text of the error begins that calling an unknown function gives.
const LACKING: &str = "this replica does not implement ";

/// The error of a function that this evaluator lacks.
pub(super) fn lacking(func: &impl std::fmt::Debug) -> EvalError {
    let text = format!("{func:?}");
    let name = text.split([' ', '{', '(']).next().unwrap_or("");
    EvalError::Internal(format!("{LACKING}{name}"))
}

pub(super) fn is_lacking(error: &EvalError) -> Option<&str> {
    let EvalError::Internal(text) = error else {
        return None;
    };
    text.strip_prefix(LACKING)
}
