//! Parts that a reader was handed: where they are, what of them counts, and
//! fetching them (`spec/persist.md` §5.7, §6.1).
//!
//! Invariant: as long as a leased part exists, its blob does; parts may be
//! fetched on any thread, in any order.

use std::sync::Arc;

use crate::format::description::Description;
use crate::format::rows::stats::{PartStats, decode_stats};
use crate::format::rows::{Update, decode_schemas};
use crate::format::trace::HollowBatch;
use crate::format::wire::state::ProtoHollowBatchPart;
use crate::service::error::PersistError;
use crate::service::part::{fetch_part, flat_parts, part_name, read_as};
use crate::service::shard::{CachedShard, SeqNoLease};
use repr::{RelationDesc, ShardId, Timestamp};

/// What rows are read as.
#[derive(Debug)]
pub(crate) struct ReadSchema {
    pub desc: RelationDesc,
}

impl ReadSchema {
    pub fn new(desc: &RelationDesc) -> Self {
        ReadSchema { desc: desc.clone() }
    }
}

/// Which updates of a part count, and at what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Those at or before the as-of, at the as-of.
    Snapshot { as_of: Timestamp },
    /// Those beyond the as-of that were not emitted before, at their time.
    Listen { as_of: Timestamp, from: Timestamp },
}

/// A part with a hold on it.
#[derive(Debug, Clone)]
pub struct LeasedPart {
    shard: Arc<CachedShard>,
    schema: Arc<ReadSchema>,
    part: ProtoHollowBatchPart,
    registered: Description,
    wanted: Wanted,
    _hold: Arc<SeqNoLease>,
}

/// Hands out every part of `batch`, those of spilled runs too.
pub(super) fn batch_parts(
    shard: &Arc<CachedShard>,
    batch: &HollowBatch,
    schema: &Arc<ReadSchema>,
    hold: &Arc<SeqNoLease>,
    into: &mut Vec<LeasedPart>,
    wanted: impl Fn(LeasedPart) -> LeasedPart,
) -> Result<(), PersistError> {
    for part in flat_parts(shard, batch)? {
        into.push(wanted(LeasedPart {
            shard: Arc::clone(shard),
            schema: Arc::clone(schema),
            part,
            registered: batch.desc.clone(),
            wanted: Wanted::Snapshot { as_of: 0 },
            _hold: Arc::clone(hold),
        }));
    }
    Ok(())
}

impl LeasedPart {
    pub(super) fn into_snapshot(mut self, as_of: Timestamp) -> Self {
        self.wanted = Wanted::Snapshot { as_of };
        self
    }

    pub(super) fn into_listen(mut self, as_of: Timestamp, from: Timestamp) -> Self {
        self.wanted = Wanted::Listen { as_of, from };
        self
    }

    /// The shard that it belongs to.
    pub fn shard(&self) -> ShardId {
        self.shard.id
    }

    /// How many bytes are to be fetched; 0 for a part in the state.
    pub fn encoded_size_bytes(&self) -> u64 {
        self.part.encoded_size_bytes
    }

    /// What the part says of its rows; `None` if it says nothing, or nothing that
    /// can be read.
    pub fn stats(&self) -> Option<PartStats> {
        let stats = self.part.key_stats.as_ref()?;
        let state = self.shard.state();
        let written = decode_schemas(state.schemas.get(&self.part.schema_id?)?).ok()?;
        decode_stats(&written, &self.schema.desc, stats).ok()
    }

    /// No update of it has a time before this one.
    pub fn first_time(&self) -> Timestamp {
        match self.wanted {
            Wanted::Snapshot { as_of } => as_of,
            Wanted::Listen { as_of, from } => from.max(as_of.saturating_add(1)),
        }
    }

    /// A part's name: the key of its blob, or `<inline>`.
    pub fn name(&self) -> String {
        part_name(&self.part)
    }

    /// Fetches the part's updates; neither sorted nor consolidated.
    pub fn fetch(&self) -> Result<Vec<Update>, PersistError> {
        let mut updates = Vec::new();
        self.fetch_into(&mut updates)?;
        Ok(updates)
    }

    /// Fetches the part's updates to the end of `updates`.
    pub fn fetch_into(&self, updates: &mut Vec<Update>) -> Result<(), PersistError> {
        let fetched = fetch_part(&self.shard, &self.part, &self.registered)?;
        let keys = read_as(&self.shard, &self.schema.desc, &self.part, &fetched)?;
        for (i, t, d) in fetched.updates() {
            let t = match self.wanted {
                Wanted::Snapshot { as_of } if t <= as_of => as_of,
                Wanted::Listen { as_of, from } if t > as_of && t >= from => t,
                Wanted::Snapshot { .. } | Wanted::Listen { .. } => continue,
            };
            let key = keys.get(i).map_err(|e| self.shard.corrupt(e))?;
            updates.push((key, t, d));
        }
        Ok(())
    }
}
