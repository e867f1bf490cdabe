//! Errors as data: what stands in a collection in place of a row. Source:
//! `spec/plan.md` §4.10, `spec/replica.md` §9.
//!
//! Invariants: an error is the bytes that a shard holds for it, so equal errors
//! are equal wherever they come from, and their order is that of the bytes; the
//! text is what a peek answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use persist::DataflowErrorBytes;
use protocol::v26_30::{EvalError, dataflow_error_text, encode_eval_error};

/// An error in a collection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DataflowError(Box<[u8]>);

impl DataflowError {
    /// An error that a shard holds.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        DataflowError(bytes.into_boxed_slice())
    }

    /// As a shard holds it.
    pub fn to_persist(&self) -> DataflowErrorBytes {
        DataflowErrorBytes(self.0.to_vec())
    }

    /// A violated expectation of an operator: `internal error: {message}`.
    pub fn internal(message: impl Into<String>) -> Self {
        DataflowError::from(EvalError::Internal(message.into()))
    }
}

impl From<EvalError> for DataflowError {
    fn from(error: EvalError) -> Self {
        DataflowError(encode_eval_error(&error).into_boxed_slice())
    }
}

impl fmt::Display for DataflowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match dataflow_error_text(&self.0) {
            Some(text) => f.write_str(&text),
            None => write!(f, "an error that cannot be read: {}", hex::encode(&self.0)),
        }
    }
}

impl fmt::Debug for DataflowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_error_is_shown_as_its_bytes() {
        let error = DataflowError::from_bytes(vec![0x12, 0x7f]);
        assert_eq!(error.to_string(), "an error that cannot be read: 127f");
    }
}
