//! Errors as data: what stands in a collection in place of a row. Source:
//! `spec/plan.md` §4.10, `spec/replica.md` §9.
//!
//! Invariants: equal errors are equal values and have equal bytes; the text is
//! what a peek answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::protocol::v26_30::EvalError;

/// An error in a collection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DataflowError(Kind);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Kind {
    Eval(EvalError),
    /// As a shard holds it.
    Encoded(Vec<u8>),
}

impl DataflowError {
    /// An error that a shard holds, as its bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        DataflowError(Kind::Encoded(bytes))
    }

    /// A violated expectation of an operator: `internal error: {message}`.
    pub fn internal(message: impl Into<String>) -> Self {
        DataflowError(Kind::Eval(EvalError::Internal(message.into())))
    }
}

impl From<EvalError> for DataflowError {
    fn from(error: EvalError) -> Self {
        DataflowError(Kind::Eval(error))
    }
}

impl fmt::Display for DataflowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Eval(error @ EvalError::IfNullError(_)) => write!(f, "{error}"),
            Kind::Eval(error) => write!(f, "Evaluation error: {error}"),
            Kind::Encoded(bytes) => write!(f, "Source error: {}", hex::encode(bytes)),
        }
    }
}

impl fmt::Debug for DataflowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
