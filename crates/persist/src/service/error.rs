//! What can go wrong in persist, typed.
//!
//! Invariant: every message is one line that says where and what. Errors of
//! the stores carry whether the operation may have happened
//! (`spec/persist.md` §1.1).

use thiserror::Error;

use crate::format::corrupt::Corrupt;
use repr::{Antichain, ShardId};

/// A URL that names no store, or a store that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} URL `{url}`: {why}")]
pub struct LocationError {
    /// `consensus` or `blob`.
    pub what: &'static str,
    pub url: String,
    pub why: String,
}

/// An operation on a store failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// It surely did not happen; trying again is always right.
    #[error("{0}")]
    Determinate(String),
    /// It may have happened.
    #[error("{0} (it may have happened)")]
    Indeterminate(String),
    /// It cannot succeed, however often it is tried.
    #[error("{0}")]
    Invalid(String),
}

impl StoreError {
    /// What the store said.
    pub fn text(&self) -> &str {
        match self {
            StoreError::Determinate(text)
            | StoreError::Indeterminate(text)
            | StoreError::Invalid(text) => text,
        }
    }
}

/// An error with its causes, on one line.
pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}

/// The outcome of a `compare_and_append` that lost.
///
/// The text is the one of the field (`spec/script.md` §2.8).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected upper {expected:?} did not match current upper {current:?}")]
pub struct UpperMismatch {
    pub expected: Antichain,
    pub current: Antichain,
}

/// Anything that a call of this room can fail with.
#[derive(Debug, Error)]
pub enum PersistError {
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error("{shard}: {source}")]
    Store {
        shard: ShardId,
        #[source]
        source: StoreError,
    },
    #[error("{shard}: bad {source}")]
    Corrupt {
        shard: ShardId,
        #[source]
        source: Corrupt,
    },
    /// The shard belongs to a newer program (`spec/persist.md` §9).
    #[error("{shard}: code at version {ours} cannot read data with version {data}")]
    Version {
        shard: ShardId,
        ours: String,
        data: String,
    },
    /// The shard holds something else than rows.
    #[error("{shard}: codecs are {actual}, expected {expected}")]
    CodecMismatch {
        shard: ShardId,
        actual: String,
        expected: String,
    },
    /// Another schema is registered; appends need an equal one.
    #[error("{shard}: the shard's registered schema differs from the writer's")]
    SchemaMismatch { shard: ShardId },
    /// The part's schema cannot be read as the reader's.
    #[error("{shard}: could not decode part {part} with schema: {why}")]
    Incompatible {
        shard: ShardId,
        part: String,
        why: String,
    },
    /// The time was compacted away.
    #[error("{shard} cannot serve requested as_of {as_of:?}: Since({since:?})")]
    Since {
        shard: ShardId,
        as_of: Antichain,
        since: Antichain,
    },
    /// The time is not complete yet.
    #[error("{shard}: as_of {as_of:?} is not before the upper {upper:?}")]
    NotReady {
        shard: ShardId,
        as_of: Antichain,
        upper: Antichain,
    },
    /// The reader's lease ran out and a commit removed it.
    #[error("{shard}: reader {reader} has expired")]
    ReaderExpired { shard: ShardId, reader: String },
    /// A blob that the state names is not there.
    #[error("{shard}: batch fetcher could not fetch batch part {key}")]
    MissingBlob { shard: ShardId, key: String },
    /// A commit was lost, and it cannot be told (any more) whether it happened.
    #[error("{shard}: the append to {upper} may or may not have happened: {why}")]
    Indeterminate {
        shard: ShardId,
        upper: Antichain,
        why: String,
    },
    /// The shard was finalized.
    #[error("{shard}: the shard is a tombstone")]
    Tombstone { shard: ShardId },
    /// The call itself is wrong.
    #[error("{shard}: {why}")]
    Usage { shard: ShardId, why: String },
    /// The row does not fit the schema.
    #[error("{shard}: row {index} does not fit the schema: {why}")]
    Row {
        shard: ShardId,
        index: usize,
        why: String,
    },
}

/// PubSub cannot be had.
#[derive(Debug, Error)]
pub enum PubSubError {
    #[error("PubSub URL `{url}`: {why}")]
    Url { url: String, why: String },
    #[error("PubSub server on {addr}: {why}")]
    Listen {
        addr: std::net::SocketAddr,
        why: String,
    },
    #[error("PubSub: {0}")]
    System(String),
}
