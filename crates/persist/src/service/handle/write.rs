//! Writers: `compare_and_append` of updates or of staged batches
//! (`spec/persist.md` §4.4, §4.5).
//!
//! Invariant: nothing is written unless the shard's upper is exactly the
//! expected one.

use std::sync::Arc;

use super::batch::{Batch, BatchBuilder};
use crate::format::description::Description;
use crate::format::rows::{Update, encode_schemas, same_schema};
use crate::format::trace::HollowBatch;
use crate::format::wire::state::ProtoBatch;
use crate::service::client::PersistClient;
use crate::service::config::PartSizes;
use crate::service::error::{PersistError, UpperMismatch};
use crate::service::shard::{AppendOutcome, AppendRequest, CachedShard};
use repr::{Antichain, RelationDesc, ShardId};

/// A writer.
#[derive(Debug)]
pub struct WriteHandle {
    client: Arc<PersistClient>,
    shard: Arc<CachedShard>,
    id: String,
    desc: RelationDesc,
    purpose: String,
    schema_id: Option<u64>,
    sizes: PartSizes,
    wrote: bool,
}

impl PersistClient {
    /// A writer of rows of `desc`. Its entry in the state appears with its
    /// first append.
    pub fn open_writer(
        self: &Arc<Self>,
        shard: ShardId,
        desc: &RelationDesc,
        purpose: &str,
    ) -> Result<WriteHandle, PersistError> {
        Ok(WriteHandle {
            shard: self.shard(shard)?,
            client: Arc::clone(self),
            id: self.config().uuid_text("w"),
            desc: desc.clone(),
            purpose: purpose.to_string(),
            schema_id: None,
            sizes: self.config().part_sizes(),
            wrote: false,
        })
    }

    /// A builder of a batch of rows of `desc` that never becomes a part of its
    /// shard, which need not exist: it is handed on as it is, and read from there.
    /// Its times are at or beyond `lower`.
    pub fn builder_of_staged(
        &self,
        shard: ShardId,
        desc: &RelationDesc,
        lower: Antichain,
        sizes: PartSizes,
    ) -> BatchBuilder {
        BatchBuilder::new(&self.blobs_of(shard), desc, None, sizes, lower)
    }

    /// A staged batch that another process handed on, of a shard that need not
    /// exist.
    pub fn receive_staged(&self, shard: ShardId, batch: ProtoBatch) -> Result<Batch, PersistError> {
        Batch::received(&self.blobs_of(shard), batch)
    }

    /// Registers a shard's schema, or finds it. `SchemaMismatch` if the shard
    /// has another one.
    pub fn register_schema(
        self: &Arc<Self>,
        shard: ShardId,
        desc: &RelationDesc,
    ) -> Result<u64, PersistError> {
        let shard = self.shard(shard)?;
        let encoded = encode_schemas(desc).map_err(|e| shard.corrupt(e))?;
        let encoded = Arc::new(encoded);
        let (id, routine) = shard.register_schema(&encoded, |s| same_schema(s, &encoded, desc))?;
        self.maintain(&shard, routine);
        match id {
            Some(id) => Ok(id),
            None if shard.state().is_tombstone() => {
                Err(PersistError::Tombstone { shard: shard.id })
            }
            None => Err(PersistError::SchemaMismatch { shard: shard.id }),
        }
    }
}

impl WriteHandle {
    /// The shard that is written.
    pub fn shard(&self) -> ShardId {
        self.shard.id
    }

    /// The writer's id, as it is in the state.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The shard's upper as of now.
    pub fn upper(&self) -> Result<Antichain, PersistError> {
        Ok(self.shard.refresh()?.upper().clone())
    }

    /// The shard's upper, as of at most the poll interval ago.
    pub fn recent_upper(&self) -> Result<Antichain, PersistError> {
        Ok(self.shard.recent()?.upper().clone())
    }

    /// Makes the parts of the batches to come this large; by default they are as
    /// the client's settings say.
    pub fn set_part_sizes(&mut self, sizes: PartSizes) {
        self.sizes = sizes;
    }

    fn schema(&mut self) -> Result<u64, PersistError> {
        if let Some(id) = self.schema_id {
            return Ok(id);
        }
        let id = self.client.register_schema(self.shard.id, &self.desc)?;
        self.schema_id = Some(id);
        Ok(id)
    }

    /// A builder of a batch whose times are at or beyond `lower`.
    pub fn builder(&mut self, lower: Antichain) -> Result<BatchBuilder, PersistError> {
        let schema_id = self.schema()?;
        Ok(BatchBuilder::new(
            &self.shard,
            &self.desc,
            Some(schema_id),
            self.sizes,
            lower,
        ))
    }

    /// A batch that was staged in another process.
    pub fn receive(&self, batch: ProtoBatch) -> Result<Batch, PersistError> {
        Batch::received(&self.shard, batch)
    }

    /// Writes `updates`, all at times in `[expected_upper, new_upper)`, iff
    /// the shard's upper is `expected_upper`; it is `new_upper` then.
    pub fn compare_and_append(
        &mut self,
        updates: &[Update],
        expected_upper: Antichain,
        new_upper: Antichain,
    ) -> Result<Result<(), UpperMismatch>, PersistError> {
        let mut builder = self.builder(expected_upper.clone())?;
        for (key, time, diff) in updates {
            builder.add(key, *time, *diff)?;
        }
        let mut batches = [builder.finish(new_upper.clone())?];
        let outcome = self.append(&mut batches, expected_upper, new_upper)?;
        if outcome.is_err() {
            let [batch] = batches;
            batch.delete()?;
        }
        Ok(outcome)
    }

    /// Appends staged batches as one, iff the shard's upper is `lower`. Each
    /// must cover `[lower, upper)`; what lies outside of it is cut off. After
    /// a mismatch the batches are as good as before.
    pub fn append(
        &mut self,
        batches: &mut [Batch],
        lower: Antichain,
        upper: Antichain,
    ) -> Result<Result<(), UpperMismatch>, PersistError> {
        self.schema()?;
        for batch in batches.iter() {
            let desc = &batch.hollow.desc;
            if batch.shard.id != self.shard.id {
                return Err(self.shard.usage("a batch of another shard"));
            }
            if lower < desc.lower || desc.upper < upper {
                return Err(self.shard.usage(format!(
                    "a batch of {desc} does not cover [{lower}, {upper})"
                )));
            }
        }
        let mut request = AppendRequest {
            writer: self.id.clone(),
            purpose: self.purpose.clone(),
            token: self.client.config().uuid_text("i"),
            heartbeat_ms: self.client.config().clock.now_ms(),
            batch: Arc::new(joined(batches, &lower, &upper)),
        };
        loop {
            let (outcome, routine) = self.shard.compare_and_append(&request)?;
            self.client.maintain(&self.shard, routine);
            return Ok(match outcome {
                AppendOutcome::Appended => {
                    self.wrote = true;
                    Ok(())
                }
                AppendOutcome::UpperMismatch(current) => Err(UpperMismatch {
                    expected: lower,
                    current,
                }),
                AppendOutcome::InlineBackpressure => {
                    for batch in batches.iter_mut() {
                        batch.spill_inline(&self.desc)?;
                    }
                    request.batch = Arc::new(joined(batches, &lower, &upper));
                    continue;
                }
            });
        }
    }

    /// Moves the upper to `upper` with nothing, from wherever it is. Does
    /// nothing if it is there or beyond.
    pub fn advance_upper(&mut self, upper: &Antichain) -> Result<(), PersistError> {
        let mut current = self.shard.state().upper().clone();
        while current < *upper {
            match self.append(&mut [], current, upper.clone())? {
                Ok(()) => return Ok(()),
                Err(mismatch) => current = mismatch.current,
            }
        }
        Ok(())
    }

    /// Takes the writer out of the state. (Dropping does the same and forgets
    /// errors.)
    pub fn expire(mut self) -> Result<(), PersistError> {
        self.expire_now()
    }

    fn expire_now(&mut self) -> Result<(), PersistError> {
        if !std::mem::take(&mut self.wrote) {
            return Ok(());
        }
        let routine = self.shard.expire_writer(&self.id)?;
        self.client.maintain(&self.shard, routine);
        Ok(())
    }
}

impl Drop for WriteHandle {
    fn drop(&mut self) {
        if let Err(error) = self.expire_now() {
            tracing::debug!(%error, "expiring a writer");
        }
    }
}

/// One batch of all parts and runs.
fn joined(batches: &[Batch], lower: &Antichain, upper: &Antichain) -> HollowBatch {
    let mut all = HollowBatch::empty(Description::of_write(lower.clone(), upper.clone()));
    for batch in batches {
        let hollow = &batch.hollow;
        let offset = all.parts.len() as u64;
        if hollow.parts.is_empty() {
            continue;
        }
        if offset > 0 {
            all.runs.push(offset);
        }
        all.runs
            .extend(hollow.runs.iter().map(|split| split + offset));
        all.parts.extend(hollow.parts.iter().cloned());
        all.run_meta.extend(hollow.run_meta.iter().cloned());
        all.len += hollow.len;
    }
    // A part that is cut sums to more than the batch holds.
    for batch in batches {
        let desc = &batch.hollow.desc;
        if desc.lower != *lower || desc.upper != *upper {
            for part in &mut all.parts {
                part.diffs_sum = None;
            }
        }
    }
    all
}
