//! The settings of a persist client; the defaults are upstream's dyncfgs
//! (`spec/persist.md` §8).
//!
//! Invariant: none of them changes what a shard contains, only how it is
//! stored and how fast it is seen.

use std::sync::Arc;
use std::time::Duration;

use semver::{Prerelease, Version};

use super::clock::{Clock, Ids, RandomIds, SystemClock};

/// Where a shard's rollups, garbage collection and compaction are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// On the thread whose commit caused them, before its call returns: for
    /// in-process runs, which then repeat exactly.
    Inline,
    /// On a thread of the client.
    Background,
    /// Not by this client; other clients of the shard may do them.
    Off,
}

/// How large the parts of a writer's batches are, in bytes as §5.6 counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartSizes {
    /// A part below this size goes into the state.
    pub inline_below: usize,
    /// A part that reaches this size is cut.
    pub target: usize,
}

impl Default for PartSizes {
    /// Upstream's.
    fn default() -> Self {
        PartSizes {
            inline_below: 4096,
            target: 128 << 20,
        }
    }
}

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct PersistConfig {
    /// The version of the program that the client is part of: what it creates has
    /// this version, and what is newer it does not read (§9).
    pub version: Version,
    /// Shown in the state; `NAME 26.30.0-dev.0` by convention.
    pub hostname: String,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub maintenance: Maintenance,
    /// Whether completed merges are claimed and executed.
    pub compaction: bool,
    /// A part below this size (see `part::goodbytes`) goes into the state.
    pub inline_writes_single_max_bytes: usize,
    /// The inline bytes that one shard's state may hold.
    pub inline_writes_total_max_bytes: usize,
    /// The size at which a part is cut.
    pub blob_target_size: usize,
    /// Whether parts in blob say what their rows may be.
    pub stats_collection: bool,
    /// The bytes that the statistics of a part may have.
    pub stats_budget_bytes: usize,
    /// The bytes that the least key of a part may have; longer ones lose columns.
    pub structured_key_lower_len: usize,
    pub reader_lease: Duration,
    pub writer_lease: Duration,
    /// Seqnos between rollups.
    pub rollup_threshold: u64,
    /// After this long another process may write an assigned rollup.
    pub rollup_fallback: Duration,
    /// How many seqnos one garbage collection may cover.
    pub gc_max_versions: u64,
    /// A compaction runs if any of these is reached.
    pub compaction_min_inputs: usize,
    pub compaction_min_parts: usize,
    pub compaction_min_updates: u64,
    /// The size of the first scan of a shard's log.
    pub recent_live_diffs_limit: u64,
    /// How long a cached state is believed before consensus is asked again
    /// when something just happened or a wait just began. While
    /// nothing happens, the pause grows to one of the next two. A store that
    /// tells of commits by itself (`mem:`) is not polled at all.
    pub poll_first: Duration,
    /// The longest pause without PubSub.
    pub poll_max: Duration,
    /// The longest pause while PubSub brings the diffs of others.
    pub poll_max_pubsub: Duration,
    /// How long an operation on a store is retried before its error is
    /// returned. (Upstream retries for ever.)
    pub retry_for: Duration,
}

impl Default for PersistConfig {
    fn default() -> Self {
        let sizes = PartSizes::default();
        let version = Version {
            pre: Prerelease::new("dev.0").expect("it is one"),
            ..Version::new(26, 30, 0)
        };
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "unknown".into());
        PersistConfig {
            hostname: format!("{host} {version}"),
            version,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            maintenance: Maintenance::Background,
            compaction: true,
            inline_writes_single_max_bytes: sizes.inline_below,
            inline_writes_total_max_bytes: 1 << 20,
            blob_target_size: sizes.target,
            stats_collection: true,
            stats_budget_bytes: 1024,
            structured_key_lower_len: 256,
            reader_lease: Duration::from_secs(900),
            writer_lease: Duration::from_secs(3600),
            rollup_threshold: 128,
            rollup_fallback: Duration::from_secs(5),
            gc_max_versions: 128_000,
            compaction_min_inputs: 8,
            compaction_min_parts: 8,
            compaction_min_updates: 1024,
            recent_live_diffs_limit: 30 * 128,
            poll_first: Duration::from_millis(1),
            poll_max: Duration::from_millis(20),
            poll_max_pubsub: Duration::from_millis(500),
            retry_for: Duration::from_secs(60),
        }
    }
}

impl PersistConfig {
    /// The same for a program of this version.
    pub fn of_version(mut self, version: Version) -> Self {
        let host = self.hostname.split(' ').next().unwrap_or_default();
        self.hostname = format!("{host} {version}");
        self.version = version;
        self
    }

    /// The settings that fit the stores: for memory, everything happens on the
    /// calling thread and is seen at once.
    pub fn for_stores(consensus_url: &str) -> Self {
        let mut config = PersistConfig::default();
        if consensus_url.starts_with("mem:") {
            config.maintenance = Maintenance::Inline;
        }
        config
    }

    /// How large parts are unless a writer is told otherwise.
    pub fn part_sizes(&self) -> PartSizes {
        PartSizes {
            inline_below: self.inline_writes_single_max_bytes,
            target: self.blob_target_size,
        }
    }

    pub(crate) fn uuid_text(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.ids.uuid().hyphenated())
    }
}
