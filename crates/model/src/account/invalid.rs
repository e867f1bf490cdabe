//! Why a sequence is none that a controller would send, as a person reads it. Source:
//! `spec/replica.md` §2.6, §3.3, §3.6.
//!
//! Invariant: only what ends a replica or makes its answers meaningless is
//! invalid; commands without effect are not.

use thiserror::Error;
use uuid::Uuid;

use repr::{Antichain, GlobalId, Timestamp};

/// Why a command is no part of a valid sequence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Invalid {
    #[error("no session is open")]
    NoSession,
    #[error("create-instance must come first in a session")]
    NoInstance,
    #[error("create-instance came twice in one session")]
    SecondInstance,
    #[error("{0} exists already in this session")]
    IdInUse(GlobalId),
    #[error("{0} is imported but does not exist")]
    UnknownImport(GlobalId),
    #[error("the as_of {as_of} is before the since {since} of the imported index {index}")]
    ImportCompacted {
        index: GlobalId,
        as_of: Timestamp,
        since: Antichain,
    },
    #[error("the as_of {as_of} is before the since {since} of shard `{shard}`")]
    ShardCompacted {
        shard: String,
        as_of: Timestamp,
        since: Timestamp,
    },
    #[error("{object} exports {on}, which is neither imported nor built")]
    UnknownExport { object: GlobalId, on: GlobalId },
    #[error(
        "dataflow `{0}` means something else once it is lowered, as upstream lowers it: known \
         where a filter to a literal or a permuting projection stands directly over an ArrangeBy"
    )]
    MeansOtherwise(String),
    #[error(
        "column {column} of the import of shard `{shard}` is {found}, but was written as {written}"
    )]
    ImportSchema {
        shard: String,
        column: usize,
        found: String,
        written: String,
    },
    #[error("a peek of {0} reads other types than it has, and its rows may go into the stash")]
    StashSchema(GlobalId),
    #[error("the view that writes shard `{0}` reads it, or what is made of it")]
    ViewOfItself(String),
    #[error("{0} is dropped but does not exist")]
    DropOfNothing(GlobalId),
    #[error("{0} is allowed to write but does not exist")]
    WritesOfNothing(GlobalId),
    #[error("the peeked collection {0} does not exist or is no index")]
    PeekOfNothing(GlobalId),
    #[error("the peek {0} was sent already")]
    PeekTwice(Uuid),
    #[error("shard `{shard}` is sealed to {upper} already")]
    WriteBelowUpper { shard: String, upper: Timestamp },
}

/// What a valid sequence of a controller avoids, though a replica survives it:
/// answers become unspecified (`spec/replica.md` §3.6).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unwise {
    #[error("{importer} still reads {id}")]
    Imported { id: GlobalId, importer: GlobalId },
    #[error("a peek of {id} at {ts} still waits")]
    Peeked { id: GlobalId, ts: Timestamp },
}
