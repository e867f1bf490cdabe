//! Following a shard (`spec/persist.md` §6.2, §6.3).
//!
//! Invariant: every update beyond the as-of comes exactly once, before the
//! frontier that passes its time.

use super::part::{LeasedPart, batch_parts};
use super::read::ReadHandle;
use crate::format::rows::Update;
use crate::service::error::PersistError;
use repr::{Antichain, ShardId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// One step of a listen: some updates, then the frontier before which there
/// are no more.
#[derive(Debug)]
pub struct ListenEvent {
    pub parts: Vec<LeasedPart>,
    pub frontier: Antichain,
}

impl ListenEvent {
    /// Fetches the updates: neither sorted nor consolidated.
    pub fn updates(&self) -> Result<Vec<Update>, PersistError> {
        let mut updates = Vec::new();
        for part in &self.parts {
            part.fetch_into(&mut updates)?;
        }
        Ok(updates)
    }
}

/// A reader that follows a shard.
#[derive(Debug)]
pub struct Listen {
    reader: ReadHandle,
    as_of: Timestamp,
    frontier: Antichain,
    first: bool,
}

impl ReadHandle {
    /// Follows the shard after `as_of`: every update beyond it, batch by
    /// batch. The reader belongs to the listen from now on: its since moves
    /// along.
    pub fn listen(self, as_of: Timestamp) -> Result<Listen, PersistError> {
        Listen::new(self, as_of)
    }
}

impl Listen {
    fn new(reader: ReadHandle, as_of: Timestamp) -> Result<Self, PersistError> {
        let frontier = Antichain::from_elem(as_of);
        let shard = &reader.lease.shard;
        let since = shard.recent()?.since().clone();
        if frontier < reader.since() || frontier < since {
            return Err(PersistError::Since {
                shard: shard.id,
                as_of: frontier,
                since: reader.since().join(&since),
            });
        }
        reader.lease.advance(&frontier);
        reader.lease.heartbeat(reader.client.maintenance())?;
        Ok(Listen {
            reader,
            as_of,
            frontier,
            first: true,
        })
    }

    /// The shard that is followed.
    pub fn shard(&self) -> ShardId {
        self.reader.shard()
    }

    /// What has been emitted is complete up to here (at first: the as-of,
    /// itself not included).
    pub fn frontier(&self) -> &Antichain {
        &self.frontier
    }

    /// Waits until `time` is complete; `None` after `timeout`.
    pub fn wait_for_upper_past(
        &self,
        time: Timestamp,
        timeout: Duration,
    ) -> Result<Option<Antichain>, PersistError> {
        self.reader.wait_for_upper_past(time, timeout)
    }

    /// The next batch, if there is one already. Never waits longer than one
    /// look at consensus, and asks consensus at most once per poll interval.
    pub fn poll_next(&mut self) -> Result<Option<ListenEvent>, PersistError> {
        let Some(from) = self.frontier.as_option() else {
            return Ok(None);
        };
        let reader = &self.reader;
        reader.lease.heartbeat_if_due(reader.client.maintenance())?;
        let shard = &reader.lease.shard;
        let mut state = shard.state();
        if state.upper().less_equal(from) {
            state = shard.recent()?;
            if state.upper().less_equal(from) {
                return Ok(None);
            }
        }
        // The hold first, then the batches found in that state.
        let seqno = Arc::new(shard.lease(&reader.lease.id, state.seqno));
        let batch = state
            .trace
            .batches()
            .find(|b| b.desc.lower.less_equal(from) && !b.desc.upper.less_equal(from));
        let Some(batch) = batch else {
            return Ok(None);
        };
        let since = &batch.desc.since;
        let readable = if self.first {
            since.less_equal(from)
        } else {
            since.less_than(from)
        };
        if !readable {
            return Err(PersistError::Since {
                shard: shard.id,
                as_of: self.frontier.clone(),
                since: since.clone(),
            });
        }
        let as_of = self.as_of;
        let mut parts = Vec::new();
        batch_parts(shard, batch, &reader.schema, &seqno, &mut parts, |part| {
            part.into_listen(as_of, from)
        })?;
        self.first = false;
        self.frontier.clone_from(&batch.desc.upper);
        // The largest time still before the frontier of the batch before.
        reader.lease.advance(&Antichain::from_elem(from));
        Ok(Some(ListenEvent {
            parts,
            frontier: self.frontier.clone(),
        }))
    }

    /// Gives the reader back.
    pub fn into_reader(self) -> ReadHandle {
        self.reader
    }
}
