//! Compaction: several batches become one, with times advanced and equal
//! updates summed (`spec/persist.md` §4.7).
//!
//! Invariant: at every time at or beyond its since, the output holds exactly
//! what its inputs held.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, StructArray, UInt32Array};
use arrow::compute::{concat, take};
use arrow::error::ArrowError;

use crate::format::corrupt::Corrupt;
use crate::format::description::Description;
use crate::format::part::{Keys, key_order};
use crate::format::trace::{HollowBatch, MergeReq};
use crate::format::wire::state::{ProtoHollowBatchPart, ProtoRunMeta, STRUCTURED_ORDER};
use crate::service::error::PersistError;
use crate::service::part::{WriteSchema, fetch_part, flat_parts, write_part};
use crate::service::shard::{CachedShard, RoutineMaintenance};
use repr::{Diff, Timestamp};

/// Runs a compaction, if it is worth it, and puts its result into the trace.
pub(super) fn compact(
    shard: &Arc<CachedShard>,
    request: &MergeReq,
) -> Result<RoutineMaintenance, PersistError> {
    if !worth_it(shard, request) {
        return Ok(RoutineMaintenance::default());
    }
    let Some(inputs) = Inputs::read(shard, request)? else {
        return Ok(RoutineMaintenance::default());
    };
    let output = Arc::new(inputs.write(shard, &request.desc)?);
    let applied = shard.merge_res(&output)?;
    if !applied.result.applied() {
        let outcome = applied.result;
        tracing::debug!(shard = %shard.id, ?outcome, "a compaction came to nothing");
        // If an earlier attempt may have been committed, the blobs may be in
        // use: better a leftover than a missing blob.
        if !applied.indeterminate {
            for key in output.blob_keys() {
                shard.delete_blob(key)?;
            }
        }
    }
    Ok(applied.routine)
}

fn worth_it(shard: &CachedShard, request: &MergeReq) -> bool {
    let config = &shard.stores.config;
    let batches = || request.inputs.iter().map(|i| &i.batch);
    let parts: usize = batches().map(|b| b.parts.len()).sum();
    let updates = batches().fold(0, |sum: u64, b| sum.saturating_add(b.len));
    config.compaction
        && (request.inputs.len() >= config.compaction_min_inputs
            || parts >= config.compaction_min_parts
            || updates >= config.compaction_min_updates)
}

/// All updates of a compaction's inputs.
struct Inputs {
    keys: StructArray,
    times: Vec<Timestamp>,
    diffs: Vec<Diff>,
    schema_id: Option<u64>,
}

fn arrow(error: ArrowError) -> Corrupt {
    Corrupt::new("batch part", error.to_string())
}

impl Inputs {
    /// Reads the inputs; `None` if there is nothing that can be compacted: no
    /// schema is known, or not all parts are of one type.
    fn read(shard: &CachedShard, request: &MergeReq) -> Result<Option<Inputs>, PersistError> {
        let since = request.desc.since.as_option();
        let Some(since) = since else {
            // No time of it can be read any more.
            return Ok(None);
        };
        let mut schema_id = None;
        let mut arrays: Vec<StructArray> = Vec::new();
        let (mut times, mut diffs) = (Vec::new(), Vec::new());
        for input in &request.inputs {
            let batch = &input.batch;
            schema_id = batch
                .run_meta
                .iter()
                .map(|meta| meta.schema_id)
                .fold(schema_id, Option::max);
            for part in flat_parts(shard, batch)? {
                let fetched = fetch_part(shard, &part, &batch.desc)?;
                let Keys::Structured(keys) = &fetched.columns.keys else {
                    return Ok(None);
                };
                let mut kept = Vec::with_capacity(keys.len());
                for (i, t, d) in fetched.updates() {
                    kept.push(u32::try_from(i).map_err(|_| too_long(shard))?);
                    times.push(t.max(since));
                    diffs.push(d);
                }
                let keys = if kept.len() == keys.len() {
                    keys.clone()
                } else {
                    select(keys, kept).map_err(|e| shard.corrupt(arrow(e)))?
                };
                arrays.push(keys);
            }
        }
        let Some(first) = arrays.first() else {
            return Ok(None);
        };
        if schema_id.is_none() || arrays.iter().any(|a| a.data_type() != first.data_type()) {
            return Ok(None);
        }
        let arrays: Vec<&dyn Array> = arrays.iter().map(|a| a as &dyn Array).collect();
        let keys = concat(&arrays).map_err(|e| shard.corrupt(arrow(e)))?;
        Ok(Some(Inputs {
            keys: StructArray::from(keys.to_data()),
            times,
            diffs,
            schema_id,
        }))
    }

    /// Sorts, sums, and writes one run.
    fn write(self, shard: &CachedShard, desc: &Description) -> Result<HollowBatch, PersistError> {
        let compare = key_order(&self.keys).map_err(|e| shard.corrupt(arrow(e)))?;
        let len = u32::try_from(self.times.len()).map_err(|_| too_long(shard))?;
        let mut order: Vec<u32> = (0..len).collect();
        let time = |i: u32| self.times[i as usize];
        order.sort_unstable_by(|a, b| {
            compare(*a as usize, *b as usize).then_with(|| time(*a).cmp(&time(*b)))
        });
        let (mut kept, mut times, mut diffs) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = &order[..];
        while let Some(first) = rest.first().copied() {
            let same = |i: &&u32| {
                time(**i) == time(first) && compare(**i as usize, first as usize) == Ordering::Equal
            };
            let count = rest.iter().take_while(same).count();
            let sum = rest[..count]
                .iter()
                .fold(0, |sum: Diff, i| sum.wrapping_add(self.diffs[*i as usize]));
            if sum != 0 {
                kept.push(first);
                times.push(time(first));
                diffs.push(sum);
            }
            rest = &rest[count..];
        }
        let parts = self.write_parts(shard, desc, &kept, &times, &diffs)?;
        if parts.is_empty() {
            return Ok(HollowBatch::empty(desc.clone()));
        }
        Ok(HollowBatch {
            desc: desc.clone(),
            len: kept.len() as u64,
            parts,
            runs: Vec::new(),
            run_meta: vec![ProtoRunMeta {
                order: STRUCTURED_ORDER,
                schema_id: self.schema_id,
                ..ProtoRunMeta::default()
            }],
        })
    }

    fn write_parts(
        &self,
        shard: &CachedShard,
        desc: &Description,
        kept: &[u32],
        times: &[Timestamp],
        diffs: &[Diff],
    ) -> Result<Vec<ProtoHollowBatchPart>, PersistError> {
        let bytes = self.keys.get_array_memory_size() / self.times.len().max(1) + 16;
        let rows = (shard.stores.config.blob_target_size / bytes).max(1);
        let schema = WriteSchema::registered(shard, self.schema_id)?;
        let mut parts = Vec::new();
        for (index, kept) in kept.chunks(rows).enumerate() {
            let range = index * rows..index * rows + kept.len();
            let keys = select(&self.keys, kept.to_vec()).map_err(|e| shard.corrupt(arrow(e)))?;
            parts.push(write_part(
                shard,
                desc,
                index as u64,
                &keys,
                &times[range.clone()],
                &diffs[range],
                &schema,
            )?);
        }
        Ok(parts)
    }
}

fn too_long(shard: &CachedShard) -> PersistError {
    shard.usage("a batch of more than 2^32 updates")
}

fn select(keys: &StructArray, places: Vec<u32>) -> Result<StructArray, ArrowError> {
    let taken = take(keys, &UInt32Array::from(places), None)?;
    Ok(StructArray::from(taken.to_data()))
}
