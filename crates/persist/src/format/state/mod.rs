//! The state of a shard at one seqno (`spec/persist.md` §3).
//!
//! Invariant: every field that upstream stores is kept, so that a diff made
//! here applies cleanly to the state that a peer holds.

mod apply;
mod between;
mod diff;
mod fields;
mod rollup;

use std::collections::BTreeMap;
use std::sync::Arc;

use semver::Version;

pub use apply::Replay;
pub use between::diff_between;
pub use diff::{DiffValue, FieldDiff, StateDiff};
pub use rollup::{decode_rollup, encode_rollup};

use super::trace::Trace;
use super::wire::state::{
    ProtoActive, ProtoEncodedSchemas, ProtoHandleDebugState, ProtoHollowRollup,
};
use crate::format::corrupt::Corrupt;
use crate::format::seqno::SeqNo;
use repr::{Antichain, ShardId};

/// The newest version whose states are known to be written like these
/// (`spec/v26_39.md` §6.3).
pub const KNOWN_UP_TO: &str = "26.39.0-dev.0";

/// The names of the codecs of a shard of rows, as they are compared (§3.4).
pub const CODECS: [&str; 4] = ["protobuf[SourceData]", "()", "u64", "i64"];

/// The token of a writer that never wrote.
pub const SENTINEL_TOKEN: &str = "i11111111-1111-1111-1111-111111111111";

/// The lease of a reader whose message has none, in ms.
pub const DEFAULT_READER_LEASE_MS: u64 = 900_000;

/// A reader with a lease.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedReader {
    pub since: Antichain,
    /// No state from here on is collected while the reader lives.
    pub seqno: u64,
    pub heartbeat_ms: u64,
    pub lease_ms: u64,
    pub debug: Option<ProtoHandleDebugState>,
}

/// A reader that is never expired.
#[derive(Debug, Clone, PartialEq)]
pub struct CriticalReader {
    pub since: Antichain,
    /// The fence: eight bytes, little-endian, that only its owner interprets.
    pub opaque: i64,
    pub opaque_codec: String,
    pub debug: Option<ProtoHandleDebugState>,
}

/// A writer that has written.
#[derive(Debug, Clone, PartialEq)]
pub struct Writer {
    pub heartbeat_ms: u64,
    pub lease_ms: u64,
    pub token: String,
    pub upper: Antichain,
    pub debug: Option<ProtoHandleDebugState>,
}

/// The state of a shard.
#[derive(Debug, Clone)]
pub struct State {
    pub shard: ShardId,
    pub seqno: SeqNo,
    /// The version of the state format, as text that parses.
    pub version: String,
    pub hostname: String,
    pub walltime_ms: u64,
    pub last_gc_req: u64,
    pub rollups: BTreeMap<u64, ProtoHollowRollup>,
    pub active_rollup: Option<ProtoActive>,
    pub active_gc: Option<ProtoActive>,
    pub leased_readers: BTreeMap<String, LeasedReader>,
    pub critical_readers: BTreeMap<String, CriticalReader>,
    pub writers: BTreeMap<String, Writer>,
    pub schemas: BTreeMap<u64, Arc<ProtoEncodedSchemas>>,
    pub trace: Trace,
}

impl State {
    /// The state before a shard's first: nothing, at seqno 0.
    pub fn initial(shard: ShardId, version: &Version, hostname: &str, walltime_ms: u64) -> Self {
        State {
            shard,
            seqno: SeqNo::MIN,
            version: version.to_string(),
            hostname: hostname.to_string(),
            walltime_ms,
            last_gc_req: 0,
            rollups: BTreeMap::new(),
            active_rollup: None,
            active_gc: None,
            leased_readers: BTreeMap::new(),
            critical_readers: BTreeMap::new(),
            writers: BTreeMap::new(),
            schemas: BTreeMap::new(),
            trace: Trace::default(),
        }
    }

    /// The upper of the shard.
    pub fn upper(&self) -> &Antichain {
        self.trace.upper()
    }

    /// The since of the shard.
    pub fn since(&self) -> &Antichain {
        &self.trace.since
    }

    /// The rollup with the largest seqno.
    pub fn latest_rollup(&self) -> Option<(u64, &ProtoHollowRollup)> {
        self.rollups.last_key_value().map(|(s, r)| (*s, r))
    }

    /// No state below it is needed by any reader.
    pub fn seqno_since(&self) -> u64 {
        let holds = self.leased_readers.values().map(|r| r.seqno);
        holds.fold(self.seqno.0, u64::min)
    }

    /// Whether the shard is closed for good (§4.8).
    pub fn is_tombstone(&self) -> bool {
        self.upper().is_empty()
            && self.since().is_empty()
            && self.writers.is_empty()
            && self.leased_readers.is_empty()
            && self.critical_readers.is_empty()
    }

    /// Sets the since to the least of the readers', if there are any.
    pub fn recompute_since(&mut self) {
        let leased = self.leased_readers.values().map(|r| &r.since);
        let critical = self.critical_readers.values().map(|r| &r.since);
        if let Some(least) = leased.chain(critical).min() {
            // A reader starts at or after the since, so this only regresses if a
            // writer broke that rule.
            if self.trace.since < *least {
                self.trace.since = least.clone();
            }
        }
    }
}

/// Whether a program of version `ours` may read a state of this version (§9); `Err`
/// if it is no version. Empty means 0.0.0.
pub fn can_read(version: &str, ours: &Version) -> Result<bool, Corrupt> {
    let data = if version.is_empty() {
        Version::new(0, 0, 0)
    } else {
        Version::parse(version).map_err(|e| Corrupt::new("version", format!("`{version}`: {e}")))?
    };
    Ok(data.cmp_precedence(ours).is_le())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_states_are_not_read() {
        let ours = Version::parse("26.30.0-dev.0").unwrap();
        let can_read = |version| can_read(version, &ours);
        assert_eq!(can_read("26.30.0-dev.0"), Ok(true));
        assert_eq!(can_read("26.30.0"), Ok(false));
        assert_eq!(can_read("26.39.0-dev.0"), Ok(false));
        assert_eq!(can_read("26.29.9"), Ok(true));
        assert_eq!(can_read("26.30.0-dev.0+build"), Ok(true));
        assert_eq!(can_read(""), Ok(true));
        assert!(can_read("new").is_err());
    }
}
