//! Reading and writing the parts of a shard's batches (`spec/persist.md` §5.6,
//! §5.7).
//!
//! Invariant: what a part holds beyond the bounds of its batch is not seen.

use arrow::array::StructArray;
use bytes::Bytes;
use prost::Message;

use super::config::PersistConfig;
use super::error::PersistError;
use super::shard::{CachedShard, ShardBlobs};
use crate::format::corrupt::Corrupt;
use crate::format::description::{Description, frontier_from_proto};
use crate::format::part::{Columns, PartDesc, decode_inline, decode_parquet, encode_parquet};
use crate::format::rows::stats::{encode_key_lower, encode_stats};
use crate::format::rows::{KeyReader, decode_schemas};
use crate::format::trace::{HollowBatch, check_part};
use crate::format::wire::state::{
    Empty, PartFormat, PartKind, ProtoHollowBatchPart, ProtoHollowRun,
};
use repr::{Antichain, Diff, RelationDesc, Timestamp};

/// How deep runs may refer to runs.
const MAX_RUN_DEPTH: usize = 16;

/// The writer key of our code version (§2).
const WRITER_KEY: &str = "n2603000";

/// The parts of a batch with references to runs resolved.
pub(crate) fn flat_parts(
    shard: &ShardBlobs,
    batch: &HollowBatch,
) -> Result<Vec<ProtoHollowBatchPart>, PersistError> {
    let mut parts = Vec::with_capacity(batch.parts.len());
    resolve(shard, &batch.parts, 0, &mut parts)?;
    Ok(parts)
}

fn resolve(
    shard: &ShardBlobs,
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

fn missing(shard: &ShardBlobs, key: &str) -> PersistError {
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
    shard: &ShardBlobs,
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

/// The keys of a part that was fetched, as rows of `desc`.
pub(crate) fn read_as<'k>(
    shard: &ShardBlobs,
    desc: &RelationDesc,
    part: &ProtoHollowBatchPart,
    fetched: &'k Fetched,
) -> Result<KeyReader<'k>, PersistError> {
    KeyReader::new(desc, &fetched.columns.keys).map_err(|why| PersistError::Incompatible {
        shard: shard.id,
        part: part_name(part),
        why,
    })
}

/// What a part says of its keys beside them: statistics, and its least key.
#[derive(Default)]
struct Hints {
    key_stats: Option<Bytes>,
    structured_key_lower: Option<Bytes>,
}

/// The hints of keys of this schema. None where the schema is not known.
fn hints(
    config: &PersistConfig,
    keys: &StructArray,
    desc: Option<&RelationDesc>,
) -> Result<Hints, Corrupt> {
    let (true, Some(desc)) = (config.stats_collection, desc) else {
        return Ok(Hints::default());
    };
    let stats = encode_stats(desc, keys, config.stats_budget_bytes)?;
    Ok(Hints {
        key_stats: Some(stats),
        structured_key_lower: encode_key_lower(keys, config.structured_key_lower_len)?,
    })
}

/// The schema that a part's keys are written with: its number in the state, where
/// it is registered there, and what it says, where that is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteSchema {
    pub id: Option<u64>,
    pub desc: Option<RelationDesc>,
}

impl WriteSchema {
    /// The one with this number in the shard's state.
    pub fn registered(shard: &CachedShard, id: Option<u64>) -> Result<Self, PersistError> {
        let state = shard.state();
        let encoded = id.and_then(|id| state.schemas.get(&id));
        let desc = encoded.map(|encoded| decode_schemas(encoded)).transpose();
        Ok(WriteSchema {
            id,
            desc: desc.map_err(|e| shard.corrupt(e))?,
        })
    }
}

/// Writes a part to blob.
pub(crate) fn write_part(
    shard: &ShardBlobs,
    desc: &PartDesc,
    index: u64,
    keys: &StructArray,
    times: &[Timestamp],
    diffs: &[Diff],
    schema: &WriteSchema,
) -> Result<ProtoHollowBatchPart, PersistError> {
    let bytes = encode_parquet(desc, index, keys, times, diffs).map_err(|e| shard.corrupt(e))?;
    let key = format!("{WRITER_KEY}/{}", shard.stores.config.uuid_text("p"));
    shard.set_blob(&key, &bytes)?;
    let config = &shard.stores.config;
    let hints = hints(config, keys, schema.desc.as_ref()).map_err(|e| shard.corrupt(e))?;
    Ok(ProtoHollowBatchPart {
        kind: Some(PartKind::Key(key)),
        encoded_size_bytes: bytes.len() as u64,
        diffs_sum: Some(diffs.iter().fold(0, |sum: i64, d| sum.wrapping_add(*d))),
        format: Some(PartFormat::Structured(Empty {})),
        schema_id: schema.id,
        key_stats: hints.key_stats,
        structured_key_lower: hints.structured_key_lower,
        ..ProtoHollowBatchPart::default()
    })
}

/// A part as errors name it.
pub(crate) fn part_name(part: &ProtoHollowBatchPart) -> String {
    match &part.kind {
        Some(PartKind::Key(key)) => key.clone(),
        Some(PartKind::RunRef(run)) => run.key.clone(),
        Some(PartKind::Inline(_)) | None => "<inline>".into(),
    }
}
