//! Consensus: per key, a gap-free log of small values with compare-and-set
//! (`spec/persist.md` §1.1). Three stores: memory, SQLite, Postgres.
//!
//! Invariant: of several callers that set the same seqno of a key, at most
//! one is told that it committed, across threads and processes.

mod mem;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Weak};

pub use mem::MemConsensus;
pub use postgres::PostgresConsensus;
pub use sqlite::SqliteConsensus;

use super::error::{LocationError, StoreError};
use crate::format::seqno::{SeqNo, VersionedData};

/// The outcome of a compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaSResult {
    Committed,
    ExpectationMismatch,
}

/// No limit for [`Consensus::scan`].
pub const SCAN_ALL: u64 = i64::MAX as u64;

/// The contract of `spec/persist.md` §1.1. Calls block.
pub trait Consensus: Send + Sync + fmt::Debug {
    /// The entry with the largest seqno, if there is one.
    fn head(&self, key: &str) -> Result<Option<VersionedData>, StoreError>;

    /// Appends `new` iff the largest seqno of `key` is `new.seqno - 1`, or,
    /// for seqno 0, iff there is no entry.
    fn compare_and_set(&self, key: &str, new: VersionedData) -> Result<CaSResult, StoreError>;

    /// The entries with seqno at or above `from`, ascending, at most `limit`.
    fn scan(&self, key: &str, from: SeqNo, limit: u64) -> Result<Vec<VersionedData>, StoreError>;

    /// Deletes the entries below `seqno`; an error if that is above the head.
    /// How many were deleted, where the store knows.
    fn truncate(&self, key: &str, seqno: SeqNo) -> Result<Option<u64>, StoreError>;

    /// Every key that has an entry.
    fn list_keys(&self) -> Result<Vec<String>, StoreError>;

    /// Tells `listener` of every commit from now on, also of those of other
    /// clients, on the committing thread and before its call returns. `false`:
    /// this store cannot do that, it has to be asked.
    fn tell(&self, listener: Weak<dyn CommitListener>) -> bool {
        drop(listener);
        false
    }
}

/// Hears of commits.
pub trait CommitListener: Send + Sync + fmt::Debug {
    /// `seqno` was appended to the log of `key`. Must not call the store.
    fn committed(&self, key: &str, seqno: SeqNo);
}

/// Opens the store that a URL names: `mem:` (private), `mem://NAME` (shared
/// within this process), `sqlite:PATH`, `postgres://…`.
pub fn open_consensus(url: &str) -> Result<Arc<dyn Consensus>, LocationError> {
    let bad = |why: String| LocationError {
        what: "consensus",
        url: without_password(url),
        why,
    };
    let (scheme, rest) = url
        .split_once(':')
        .ok_or_else(|| bad("expected mem:, sqlite:PATH or postgres://…".into()))?;
    match scheme {
        "mem" => MemConsensus::open(rest).map_err(bad),
        "sqlite" => Ok(Arc::new(SqliteConsensus::open(rest).map_err(bad)?)),
        "postgres" | "postgresql" => Ok(Arc::new(PostgresConsensus::open(url).map_err(bad)?)),
        other => Err(bad(format!(
            "unknown scheme `{other}`, expected mem:, sqlite:PATH or postgres://…"
        ))),
    }
}

/// The URL as it may be shown.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_string();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((who, place)) => match who.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***@{place}{rest}"),
            None => url.to_string(),
        },
        None => url.to_string(),
    }
}

pub(crate) fn check_seqno(seqno: SeqNo) -> Result<i64, StoreError> {
    i64::try_from(seqno.0)
        .map_err(|_| StoreError::Indeterminate(format!("seqno {seqno} is above i64::MAX")))
}

pub(crate) fn truncate_too_high(seqno: SeqNo) -> StoreError {
    StoreError::Invalid(format!(
        "upper bound too high for truncate: SeqNo({})",
        seqno.0
    ))
}
