//! Answers that are too large to be sent: their rows go into a batch of a shard
//! that is named after the peek, and the answer says where the batch is. Source:
//! `spec/replica.md` §5.6, `spec/ctp.md` §3.4.
//!
//! Invariant: the batch of an answer is its receiver's; what was written for an
//! answer that is an error in the end is deleted here.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use super::environment::Host;
use super::stash_wire::on_the_wire;
use crate::mutants::PeekSeams;
use persist::{BatchBuilder, PartSizes};
use protocol::v26_30::{
    ConfigUpdates, ConfigVal, Peek, PeekResponse, PersistLocation, RowCollection,
    StashedPeekResponse,
};
use repr::{Antichain, Diff, Row, ShardId};

/// When a worker uses the stash, as it was told.
#[derive(Debug, Clone, Copy)]
pub struct StashSettings {
    /// `enable_compute_peek_response_stash`
    enabled: bool,
    /// `compute_peek_response_stash_threshold_bytes`
    threshold_bytes: usize,
}

impl Default for StashSettings {
    fn default() -> Self {
        StashSettings {
            enabled: true,
            threshold_bytes: 10 * 1024,
        }
    }
}

impl StashSettings {
    /// Takes over what updates say. Their types were checked.
    pub fn update(&mut self, updates: &ConfigUpdates) {
        let told = |name: &str| updates.updates.get(name);
        if let Some(ConfigVal::Bool(enabled)) = told("enable_compute_peek_response_stash") {
            self.enabled = *enabled;
        }
        let threshold = told("compute_peek_response_stash_threshold_bytes");
        if let Some(ConfigVal::Usize(bytes)) = threshold {
            self.threshold_bytes = *bytes;
        }
    }

    /// Beyond how many bytes the rows of this peek go into the stash; `None` for
    /// never. What reads them back has no order, so that none may be asked for.
    pub fn threshold_of(&self, peek: &Peek, seams: PeekSeams) -> Option<u64> {
        let finishing = &peek.finishing;
        let columns = peek.result_desc.arity();
        let is_whole = finishing.project.iter().copied().eq(0..columns);
        let streams = finishing.order_by.is_empty() && is_whole;
        let uses = seams.uses_stash(self.enabled) && streams;
        uses.then_some(self.threshold_bytes as u64)
    }
}

/// Where a worker stashes: at the location that its instance was told.
pub struct Stash<'a> {
    pub host: &'a Host,
    pub location: &'a PersistLocation,
    pub part_sizes: PartSizes,
}

impl Stash<'_> {
    /// The upload of the answer of a peek.
    ///
    /// Errors: why there can be none.
    pub fn upload(&self, peek: &Peek, seams: PeekSeams) -> Result<Upload, String> {
        let client = self.host.client(self.location).map_err(|e| e.to_string())?;
        let shard_id = ShardId(peek.uuid);
        let lower = Antichain::minimum();
        let builder = client.builder_of_staged(shard_id, &peek.result_desc, lower, self.part_sizes);
        let limit = peek.finishing.limit;
        let limit = limit.map(|limit| u64::try_from(limit).unwrap_or(0));
        let offset = peek.finishing.offset as u64;
        Ok(Upload {
            builder,
            shard_id,
            needed: limit.map(|limit| seams.stash_needs(limit, offset)),
            rows: 0,
            seams,
        })
    }
}

/// The rows of one answer on their way into the stash.
pub struct Upload {
    builder: BatchBuilder,
    shard_id: ShardId,
    /// How many rows are enough; `None` for all.
    needed: Option<u64>,
    rows: u64,
    seams: PeekSeams,
}

impl Upload {
    /// Takes a row. Breaks when there are enough, or with the reason why it cannot
    /// be written.
    pub fn push(&mut self, row: Row, copies: NonZeroUsize) -> ControlFlow<Result<(), String>> {
        let count = Diff::try_from(copies.get()).unwrap_or(Diff::MAX);
        if let Err(error) = self.builder.add(&Ok(row), 0, count) {
            return ControlFlow::Break(Err(error.to_string()));
        }
        self.rows += self.seams.stash_counts(copies.get() as u64);
        match self.needed {
            Some(needed) if self.rows >= needed => ControlFlow::Break(Ok(())),
            Some(_) | None => ControlFlow::Continue(()),
        }
    }

    /// Deletes what was written.
    pub fn abandon(self) {
        let batch = self.builder.finish(Antichain::from_elem(1));
        let deleted = batch.and_then(|batch| batch.delete());
        if let Err(error) = deleted {
            tracing::warn!(%error, "abandoning a stashed answer");
        }
    }

    /// The answer that says where the rows are.
    ///
    /// Errors: why they could not be written.
    pub fn answer(self, peek: &Peek) -> Result<PeekResponse, String> {
        let batch = self.builder.finish(Antichain::from_elem(1));
        let batch = batch.map_err(|error| error.to_string())?;
        let bytes = batch.encoded_size_bytes();
        let sent = batch.into_transmittable().map_err(|e| e.to_string())?;
        Ok(PeekResponse::Stashed(Box::new(StashedPeekResponse {
            num_rows_batches: self.rows,
            encoded_size_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            relation_desc: peek.result_desc.clone(),
            shard_id: self.shard_id,
            batches: vec![on_the_wire(sent)],
            inline_rows: vec![RowCollection::default()],
        })))
    }
}
