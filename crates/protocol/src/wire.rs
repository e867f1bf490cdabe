//! How values become payloads: bincode 1.3 with its default options. Source:
//! `spec/ctp.md` §1.7.
//!
//! Invariants: nothing may be left over; what decoding allocates is bounded by
//! the payload, since lengths are believed only as far as there are bytes.

use std::marker::PhantomData;

use bincode::Options;
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};
use thiserror::Error;

/// A payload that is not the announced value.
#[derive(Debug, Error)]
#[error("undecodable payload of {length} bytes: {source}")]
pub struct DecodeError {
    pub length: usize,
    source: bincode::Error,
}

/// A value that its version of the wire has no bytes for.
#[derive(Debug, Error)]
#[error("unencodable value: {0}")]
pub struct EncodeError(#[source] bincode::Error);

/// The bytes of a value. Panics if its version has none for it.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    try_encode(value).expect("mirror types serialize into memory without failing")
}

/// The bytes of a value.
///
/// Errors: a variant that its version of the wire lacks.
pub fn try_encode<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let encoded = bincode::DefaultOptions::new().serialize(value);
    encoded.map_err(EncodeError)
}

/// The number of bytes of a value.
///
/// Errors: a variant that its version of the wire lacks.
pub fn encoded_size<T: Serialize>(value: &T) -> Result<u64, EncodeError> {
    let size = bincode::DefaultOptions::new().serialized_size(value);
    size.map_err(EncodeError)
}

/// The value of a whole payload.
///
/// Errors: bytes that are no such value, bytes left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_seed(PhantomData, bytes)
}

/// What a seed makes of a whole payload; errors as of `decode`.
pub(crate) fn decode_seed<'a, S: DeserializeSeed<'a>>(
    seed: S,
    bytes: &'a [u8],
) -> Result<S::Value, DecodeError> {
    bincode::DefaultOptions::new()
        .deserialize_seed(seed, bytes)
        .map_err(|source| DecodeError {
            length: bytes.len(),
            source,
        })
}
