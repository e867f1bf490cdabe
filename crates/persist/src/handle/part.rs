//! Parts that a reader was handed: where they are, what of them counts, and
//! fetching them (`spec/persist.md` §5.7, §6.1).
//!
//! Invariant: as long as a leased part exists, its blob does; parts may be
//! fetched on any thread, in any order.

use std::sync::Arc;

use prost::Message;

use crate::error::{Corrupt, PersistError};
use crate::part::{Columns, decode_inline, decode_parquet};
use crate::rows::{KeyReader, Update};
use crate::shard::{SeqNoLease, Shard};
use crate::trace::{Description, HollowBatch, check_part, frontier_from_proto};
use crate::wire::state::{PartKind, ProtoHollowBatchPart, ProtoHollowRun};
use repr::{Antichain, Diff, RelationDesc, ShardId, Timestamp};

/// How deep runs may refer to runs.
const MAX_RUN_DEPTH: usize = 16;

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
    shard: Arc<Shard>,
    schema: Arc<ReadSchema>,
    part: ProtoHollowBatchPart,
    registered: Description,
    wanted: Wanted,
    _hold: Arc<SeqNoLease>,
}

/// Hands out every part of `batch`, those of spilled runs too.
pub(super) fn batch_parts(
    shard: &Arc<Shard>,
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

/// The parts of a batch with references to runs resolved.
pub(crate) fn flat_parts(
    shard: &Shard,
    batch: &HollowBatch,
) -> Result<Vec<ProtoHollowBatchPart>, PersistError> {
    let mut parts = Vec::with_capacity(batch.parts.len());
    resolve(shard, &batch.parts, 0, &mut parts)?;
    Ok(parts)
}

fn resolve(
    shard: &Shard,
    from: &[ProtoHollowBatchPart],
    depth: usize,
    into: &mut Vec<ProtoHollowBatchPart>,
) -> Result<(), PersistError> {
    for part in from {
        check_part(part).map_err(|e| shard.corrupt(e))?;
        match &part.kind {
            Some(PartKind::RunRef(run)) => {
                if depth == MAX_RUN_DEPTH {
                    let why = format!("runs refer to runs {MAX_RUN_DEPTH} times");
                    return Err(shard.corrupt(Corrupt::new("run", why)));
                }
                let bytes = shard
                    .get_blob(&run.key)?
                    .ok_or_else(|| missing(shard, &run.key))?;
                let run = ProtoHollowRun::decode(bytes)
                    .map_err(|e| shard.corrupt(Corrupt::new("run", e.to_string())))?;
                resolve(shard, &run.parts, depth + 1, into)?;
            }
            Some(PartKind::Key(_) | PartKind::Inline(_)) | None => into.push(part.clone()),
        }
    }
    Ok(())
}

fn missing(shard: &Shard, key: &str) -> PersistError {
    PersistError::MissingBlob {
        shard: shard.id,
        key: shard.blob_key(key),
    }
}

/// The updates of a part and which of them its batch holds.
pub(crate) struct Fetched {
    pub columns: Columns,
    /// Times before it count as it.
    rewrite: Option<Timestamp>,
    /// Only times within it belong to the batch.
    within: Option<Description>,
}

impl Fetched {
    /// The updates that belong to the batch: place, time, diff.
    pub fn updates(&self) -> impl Iterator<Item = (usize, Timestamp, Diff)> {
        let times = self.columns.times.iter().zip(&self.columns.diffs);
        times.enumerate().filter_map(|(i, (t, d))| {
            let t = self.rewrite.map_or(*t, |least| least.max(*t));
            let within = self
                .within
                .as_ref()
                .is_none_or(|w| w.lower.less_equal(t) && !w.upper.less_equal(t));
            (within && *d != 0).then_some((i, t, *d))
        })
    }
}

/// Fetches a part that is no reference to a run.
pub(crate) fn fetch_part(
    shard: &Shard,
    part: &ProtoHollowBatchPart,
    registered: &Description,
) -> Result<Fetched, PersistError> {
    let (inner, columns) = match &part.kind {
        Some(PartKind::Inline(bytes)) => decode_inline(bytes).map_err(|e| shard.corrupt(e))?,
        Some(PartKind::Key(key)) => {
            let bytes = shard.get_blob(key)?.ok_or_else(|| missing(shard, key))?;
            decode_parquet(&bytes).map_err(|e| shard.corrupt(e))?
        }
        Some(PartKind::RunRef(_)) | None => {
            return Err(shard.usage("a run was fetched as a part"));
        }
    };
    let rewrite = match &part.ts_rewrite {
        None => None,
        Some(frontier) => frontier_from_proto(Some(frontier), "batch part")
            .map_err(|e| shard.corrupt(e))?
            .as_option(),
    };
    let truncate = inner.lower != registered.lower || inner.upper != registered.upper;
    if truncate && inner.since != Antichain::minimum() {
        let why = format!("a compacted part of {inner} in a batch of {registered}");
        return Err(shard.corrupt(Corrupt::new("batch part", why)));
    }
    Ok(Fetched {
        columns,
        rewrite,
        within: truncate.then(|| registered.clone()),
    })
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

    /// Fetches the part's updates; neither sorted nor consolidated.
    pub fn fetch(&self) -> Result<Vec<Update>, PersistError> {
        let mut updates = Vec::new();
        self.fetch_into(&mut updates)?;
        Ok(updates)
    }

    /// Fetches the part's updates to the end of `updates`.
    pub fn fetch_into(&self, updates: &mut Vec<Update>) -> Result<(), PersistError> {
        let fetched = fetch_part(&self.shard, &self.part, &self.registered)?;
        let keys = KeyReader::new(&self.schema.desc, &fetched.columns.keys).map_err(|why| {
            PersistError::Incompatible {
                shard: self.shard.id,
                part: part_name(&self.part),
                why,
            }
        })?;
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

pub(crate) fn part_name(part: &ProtoHollowBatchPart) -> String {
    match &part.kind {
        Some(PartKind::Key(key)) => key.clone(),
        Some(PartKind::RunRef(run)) => run.key.clone(),
        Some(PartKind::Inline(_)) | None => "<inline>".into(),
    }
}
