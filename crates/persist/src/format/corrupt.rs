//! The one error of this room: bytes that are not what they should be.

use thiserror::Error;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}: {why}")]
pub struct Corrupt {
    /// Which bytes: `state diff`, `rollup`, `batch part`, …
    pub what: &'static str,
    pub why: String,
}

impl Corrupt {
    pub(crate) fn new(what: &'static str, why: impl Into<String>) -> Self {
        Corrupt {
            what,
            why: why.into(),
        }
    }
}
