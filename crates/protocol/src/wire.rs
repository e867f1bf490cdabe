//! How values become payloads: bincode 1.3 with its default options. Source:
//! `spec/ctp.md` §1.7.
//!
//! Invariants: nothing may be left over; what decoding allocates is bounded by
//! the payload, since lengths are believed only as far as there are bytes.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::renumber::{self, Numbering};

/// A payload that is not the announced value.
#[derive(Debug, Error)]
#[error("undecodable payload of {length} bytes: {source}")]
pub struct DecodeError {
    pub length: usize,
    source: bincode::Error,
}

/// A value that a version of the wire has no bytes for.
#[derive(Debug, Error)]
#[error("unencodable value: {0}")]
pub struct EncodeError(bincode::Error);

/// The bytes of a value.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::DefaultOptions::new()
        .serialize(value)
        .expect("mirror types serialize into memory without failing")
}

/// The value of a whole payload.
///
/// Errors: bytes that are no such value, bytes left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    bincode::DefaultOptions::new()
        .deserialize(bytes)
        .map_err(|source| DecodeError {
            length: bytes.len(),
            source,
        })
}

/// The bytes of a value on a wire that numbers variants in its own way.
///
/// Errors: a variant that the wire lacks.
pub fn encode_numbered<T: Serialize>(
    value: &T,
    numbering: &'static Numbering,
) -> Result<Vec<u8>, EncodeError> {
    renumber::encode(value, numbering).map_err(EncodeError)
}

/// The value of a whole payload of a wire that numbers variants in its own way.
///
/// Errors: bytes that are no such value, bytes left over, a variant that the
/// type lacks.
pub fn decode_numbered<T: DeserializeOwned>(
    bytes: &[u8],
    numbering: &'static Numbering,
) -> Result<T, DecodeError> {
    renumber::decode(bytes, numbering).map_err(|source| DecodeError {
        length: bytes.len(),
        source,
    })
}
