//! The log of a shard: its states are numbered without gaps, and each entry
//! holds the bytes of one state diff.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

/// The number of a state in a shard's log; text form `v17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SeqNo(pub u64);

impl SeqNo {
    /// The first state.
    pub const MIN: SeqNo = SeqNo(0);
    /// The largest number that a store accepts.
    pub const MAX: SeqNo = SeqNo(i64::MAX as u64);

    /// The following number.
    pub fn next(self) -> SeqNo {
        SeqNo(self.0.saturating_add(1))
    }
}

impl fmt::Display for SeqNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl FromStr for SeqNo {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        s.strip_prefix('v')
            .and_then(|n| n.parse().ok())
            .map(SeqNo)
            .ok_or_else(|| format!("`{s}` is not a seqno like v17"))
    }
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedData {
    pub seqno: SeqNo,
    pub data: Bytes,
}
