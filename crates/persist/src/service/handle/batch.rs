//! Building batches: updates become parts, small ones for the state, large
//! ones in blob (`spec/persist.md` §5.6, §5.10).
//!
//! Invariant: a batch's blobs are written before it can be appended.

use arrow::array::{Array, StructArray};
use arrow::compute::concat;

use crate::format::corrupt::Corrupt;
use crate::format::description::Description;
use crate::format::part::{Keys, PartDesc, decode_inline, encode_inline};
use crate::format::rows::{KeyBuilder, SourceDatum, Update, encode_schemas};
use crate::format::trace::HollowBatch;
use crate::format::wire::state::{
    PartKind, ProtoBatch, ProtoHollowBatchPart, ProtoRunMeta, UNORDERED_ORDER,
};
use crate::service::config::PartSizes;
use crate::service::error::PersistError;
use crate::service::part::{WriteSchema, fetch_part, flat_parts, read_as, write_part};
use crate::service::shard::ShardBlobs;
use repr::{Antichain, Diff, RelationDesc, ShardId, Timestamp};

/// Times and diffs take 16 bytes of a row's size.
const TIME_AND_DIFF: usize = 16;

/// A batch in the making. It may be filled on any thread.
#[derive(Debug)]
pub struct BatchBuilder {
    shard: ShardBlobs,
    schema: WriteSchema,
    sizes: PartSizes,
    lower: Antichain,
    keys: KeyBuilder,
    times: Vec<Timestamp>,
    diffs: Vec<Diff>,
    max_time: Option<Timestamp>,
    parts: Vec<ProtoHollowBatchPart>,
    len: u64,
    added: usize,
}

impl BatchBuilder {
    pub(super) fn new(
        shard: &ShardBlobs,
        desc: &RelationDesc,
        schema_id: Option<u64>,
        sizes: PartSizes,
        lower: Antichain,
    ) -> Self {
        BatchBuilder {
            shard: shard.clone(),
            schema: WriteSchema {
                id: schema_id,
                desc: Some(desc.clone()),
            },
            sizes,
            lower,
            keys: KeyBuilder::new(desc),
            times: Vec::new(),
            diffs: Vec::new(),
            max_time: None,
            parts: Vec::new(),
            len: 0,
            added: 0,
        }
    }

    /// Adds an update. Its time must be at or beyond the lower; one with diff
    /// 0 is nothing.
    pub fn add(
        &mut self,
        key: &SourceDatum,
        time: Timestamp,
        diff: Diff,
    ) -> Result<(), PersistError> {
        let index = self.added;
        self.added += 1;
        if !self.lower.less_equal(time) {
            return Err(self.shard.usage(format!(
                "update {index} at {time} is before the lower {}",
                self.lower
            )));
        }
        if diff == 0 {
            return Ok(());
        }
        self.keys.push(key).map_err(|why| PersistError::Row {
            shard: self.shard.id,
            index,
            why,
        })?;
        self.times.push(time);
        self.diffs.push(diff);
        self.max_time = self.max_time.max(Some(time));
        if self.goodbytes() >= self.sizes.target {
            self.flush()?;
        }
        Ok(())
    }

    fn goodbytes(&self) -> usize {
        self.keys.goodbytes() + TIME_AND_DIFF * self.times.len()
    }

    fn flush(&mut self) -> Result<(), PersistError> {
        if self.times.is_empty() {
            return Ok(());
        }
        let size = self.goodbytes();
        let keys = self.keys.finish();
        let times = std::mem::take(&mut self.times);
        let diffs = std::mem::take(&mut self.diffs);
        self.len += times.len() as u64;
        let desc = PartDesc::of_write(self.lower.clone(), Antichain::empty());
        let small = size < self.sizes.inline_below;
        let part = if small {
            let bytes = encode_inline(&desc, &keys, &times, &diffs);
            ProtoHollowBatchPart {
                kind: Some(PartKind::Inline(bytes.map_err(|e| self.shard.corrupt(e))?)),
                schema_id: self.schema.id,
                ..ProtoHollowBatchPart::default()
            }
        } else {
            let index = self.parts.len() as u64;
            write_part(
                &self.shard,
                &desc,
                index,
                &keys,
                &times,
                &diffs,
                &self.schema,
            )?
        };
        self.parts.push(part);
        Ok(())
    }

    /// The batch of everything added, which covers `[lower, upper)`.
    pub fn finish(mut self, upper: Antichain) -> Result<Batch, PersistError> {
        if upper < self.lower {
            return Err(self.shard.usage(format!(
                "the upper {upper} is before the lower {}",
                self.lower
            )));
        }
        if let Some(time) = self.max_time
            && upper.less_equal(time)
        {
            return Err(self.shard.usage(format!(
                "an update at {time} is not before the upper {upper}"
            )));
        }
        self.flush()?;
        let runs = self.parts.len();
        let meta = ProtoRunMeta {
            order: UNORDERED_ORDER,
            schema_id: self.schema.id,
            ..ProtoRunMeta::default()
        };
        Ok(Batch {
            hollow: HollowBatch {
                desc: Description::of_write(self.lower, upper),
                len: self.len,
                parts: self.parts,
                // Nothing is sorted, so that each part is a run of its own.
                runs: (1..runs as u64).collect(),
                run_meta: vec![meta; runs],
            },
            desc: self.schema.desc,
            shard: self.shard,
        })
    }
}

/// A batch whose updates are stored but in no shard yet. It can be sent to
/// another thread, or, encoded, to another process.
#[derive(Debug)]
pub struct Batch {
    pub(super) shard: ShardBlobs,
    pub(super) hollow: HollowBatch,
    /// What it was written as; unknown of one that came from another process.
    desc: Option<RelationDesc>,
}

impl Batch {
    /// The shard that it is for.
    pub fn shard(&self) -> ShardId {
        self.shard.id
    }

    /// The times that it covers: `[lower, upper)`.
    pub fn bounds(&self) -> (&Antichain, &Antichain) {
        (&self.hollow.desc.lower, &self.hollow.desc.upper)
    }

    /// How many updates it holds.
    pub fn len(&self) -> u64 {
        self.hollow.len
    }

    /// Whether it holds no updates.
    pub fn is_empty(&self) -> bool {
        self.hollow.len == 0
    }

    /// The bytes of its parts, wherever they are.
    pub fn encoded_size_bytes(&self) -> u64 {
        let parts = self.hollow.parts.iter();
        let in_blob: u64 = parts.map(|part| part.encoded_size_bytes).sum();
        in_blob + self.hollow.inline_bytes() as u64
    }

    /// What is sent to another process. The sender lets go of it: from then on the
    /// blobs are the receiver's to delete.
    pub fn into_transmittable(self) -> Result<ProtoBatch, PersistError> {
        let schemas = self.desc.as_ref().map(encode_schemas).transpose();
        let schemas = schemas.map_err(|e| self.shard.corrupt(e))?;
        let (key_schema, val_schema) = schemas.map(|s| (s.key, s.val)).unwrap_or_default();
        Ok(ProtoBatch {
            shard_id: self.shard.id.to_string(),
            version: self.shard.stores.config.version.to_string(),
            batch: Some(self.hollow.to_proto()),
            key_schema,
            val_schema,
        })
    }

    pub(crate) fn received(shard: &ShardBlobs, proto: ProtoBatch) -> Result<Self, PersistError> {
        let bad = |why: String| shard.corrupt(Corrupt::new("staged batch", why));
        if proto.shard_id != shard.id.to_string() {
            return Err(bad(format!("it is for shard `{}`", proto.shard_id)));
        }
        let batch = proto.batch.ok_or_else(|| bad("it is empty".into()))?;
        Ok(Batch {
            shard: shard.clone(),
            hollow: HollowBatch::from_proto(batch).map_err(|e| shard.corrupt(e))?,
            desc: None,
        })
    }

    /// Its updates, read as rows of `desc`; neither sorted nor consolidated.
    pub fn updates(&self, desc: &RelationDesc) -> Result<Vec<Update>, PersistError> {
        let mut updates = Vec::new();
        for part in flat_parts(&self.shard, &self.hollow)? {
            let fetched = fetch_part(&self.shard, &part, &self.hollow.desc)?;
            let keys = read_as(&self.shard, desc, &part, &fetched)?;
            for (i, t, d) in fetched.updates() {
                let key = keys.get(i).map_err(|e| self.shard.corrupt(e))?;
                updates.push((key, t, d));
            }
        }
        Ok(updates)
    }

    /// Deletes the blobs of a batch that is not going to be appended.
    pub fn delete(self) -> Result<(), PersistError> {
        for key in self.hollow.blob_keys() {
            self.shard.delete_blob(key)?;
        }
        Ok(())
    }

    /// Moves what was meant for the state into one blob: the state is full.
    pub(super) fn spill_inline(&mut self, written: &RelationDesc) -> Result<(), PersistError> {
        let shard = self.shard.clone();
        let corrupt = |e| shard.corrupt(e);
        let (mut keys, mut times, mut diffs) = (Vec::new(), Vec::new(), Vec::new());
        let (mut parts, mut metas) = (Vec::new(), Vec::new());
        let mut meta = None;
        let mut schema_id = None;
        let mut lower: Option<Antichain> = None;
        for (run_meta, run) in self.hollow.run_parts() {
            for part in run {
                if let Some(PartKind::Inline(bytes)) = &part.kind {
                    let (desc, columns) = decode_inline(bytes).map_err(corrupt)?;
                    let Keys::Structured(array) = columns.keys else {
                        return Err(shard.usage("an inline part of our own is not structured"));
                    };
                    lower = Some(lower.map_or(desc.lower.clone(), |l| l.meet(&desc.lower)));
                    keys.push(array);
                    times.extend(columns.times);
                    diffs.extend(columns.diffs);
                    schema_id = part.schema_id;
                    meta = Some(run_meta.clone());
                } else {
                    parts.push(part.clone());
                    metas.push(run_meta.clone());
                }
            }
        }
        let (Some(meta), Some(lower)) = (meta, lower) else {
            return Ok(());
        };
        let arrays: Vec<&dyn Array> = keys.iter().map(|k| k as &dyn Array).collect();
        let joined =
            concat(&arrays).map_err(|e| corrupt(Corrupt::new("inline part", e.to_string())))?;
        let joined = StructArray::from(joined.to_data());
        let desc = PartDesc::of_write(lower, Antichain::empty());
        let schema = WriteSchema {
            id: schema_id,
            desc: Some(written.clone()),
        };
        let part = write_part(&shard, &desc, 0, &joined, &times, &diffs, &schema)?;
        parts.push(part);
        metas.push(meta);
        self.hollow.runs = (1..parts.len() as u64).collect();
        self.hollow.parts = parts;
        self.hollow.run_meta = metas;
        Ok(())
    }
}
