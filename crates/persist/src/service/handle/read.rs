//! Leased readers: they hold the since and a seqno, and are expired when they
//! do not heartbeat (`spec/persist.md` §6).
//!
//! Invariant: what a reader was promised (its since, the blobs of the parts
//! that it was handed) stays until it moves on, expires, or is dropped.

use std::sync::Arc;
use std::time::Duration;

use super::part::{LeasedPart, ReadSchema, batch_parts};
use crate::format::rows::{Update, consolidate};
use crate::format::state::State;
use crate::service::client::PersistClient;
use crate::service::error::PersistError;
use crate::service::lease::ReaderLease;
use repr::{Antichain, RelationDesc, ShardId, Timestamp};

/// A leased reader.
#[derive(Debug)]
pub struct ReadHandle {
    pub(super) client: Arc<PersistClient>,
    pub(super) lease: Arc<ReaderLease>,
    pub(super) schema: Arc<ReadSchema>,
    expired: bool,
}

impl PersistClient {
    /// Registers a leased reader at the shard's since. Rows are read as
    /// `desc`, which must be readable from what is registered.
    pub fn open_leased_reader(
        self: &Arc<Self>,
        shard: ShardId,
        desc: &RelationDesc,
        purpose: &str,
    ) -> Result<ReadHandle, PersistError> {
        let shard = self.shard(shard)?;
        let id = self.config().uuid_text("r");
        let (reader, routine) = shard.register_leased_reader(&id, purpose, false)?;
        let lease = Arc::new(ReaderLease::new(&shard, id, reader));
        self.keep_alive(&lease);
        self.maintain(&shard, routine);
        Ok(ReadHandle {
            client: Arc::clone(self),
            lease,
            schema: Arc::new(ReadSchema::new(desc)),
            expired: false,
        })
    }
}

impl ReadHandle {
    /// The shard that is read.
    pub fn shard(&self) -> ShardId {
        self.lease.shard.id
    }

    /// The reader's id, as it is in the state.
    pub fn id(&self) -> &str {
        &self.lease.id
    }

    /// The since that this reader holds.
    pub fn since(&self) -> Antichain {
        self.lease.since()
    }

    /// The shard's upper, as of at most the poll interval ago. Does not block
    /// longer than one look at consensus.
    pub fn recent_upper(&self) -> Result<Antichain, PersistError> {
        Ok(self.lease.shard.recent()?.upper().clone())
    }

    /// Waits until `time` is complete; `None` after `timeout`.
    pub fn wait_for_upper_past(
        &self,
        time: Timestamp,
        timeout: Duration,
    ) -> Result<Option<Antichain>, PersistError> {
        self.client.wait_for_upper_past(self.shard(), time, timeout)
    }

    /// The contents at `as_of`: every update at or before it, at `as_of`,
    /// consolidated and in row order. `NotReady` if the upper is not beyond
    /// `as_of`, `Since` if the since is.
    pub fn snapshot(&self, as_of: Timestamp) -> Result<Vec<Update>, PersistError> {
        let mut updates = Vec::new();
        for part in self.snapshot_parts(as_of)? {
            part.fetch_into(&mut updates)?;
        }
        consolidate(&mut updates);
        Ok(updates)
    }

    /// The parts of [`snapshot`](Self::snapshot), to be fetched anywhere, in
    /// any order; their updates are not consolidated.
    pub fn snapshot_parts(&self, as_of: Timestamp) -> Result<Vec<LeasedPart>, PersistError> {
        let shard = &self.lease.shard;
        let as_of_frontier = Antichain::from_elem(as_of);
        let state = self.ready_state(as_of)?;
        if as_of_frontier < *state.since() {
            return Err(PersistError::Since {
                shard: shard.id,
                as_of: as_of_frontier,
                since: state.since().clone(),
            });
        }
        let seqno = Arc::new(shard.lease(&self.lease.id, state.seqno));
        let mut parts = Vec::new();
        for batch in state.trace.batches() {
            if batch.desc.lower.less_equal(as_of) {
                let schema = &self.schema;
                batch_parts(shard, batch, schema, &seqno, &mut parts, |part| {
                    part.into_snapshot(as_of)
                })?;
            }
        }
        Ok(parts)
    }

    fn ready_state(&self, as_of: Timestamp) -> Result<Arc<State>, PersistError> {
        let shard = &self.lease.shard;
        let mut state = shard.recent()?;
        if state.upper().less_equal(as_of) {
            state = shard.refresh()?;
        }
        if state.upper().less_equal(as_of) {
            return Err(PersistError::NotReady {
                shard: shard.id,
                as_of: Antichain::from_elem(as_of),
                upper: state.upper().clone(),
            });
        }
        Ok(state)
    }

    /// Lets go of the times before `since`. Returns what is held then.
    pub fn downgrade_since(&mut self, since: &Antichain) -> Result<Antichain, PersistError> {
        self.lease.advance(since);
        self.lease.heartbeat(self.client.maintenance())?;
        Ok(self.lease.since())
    }

    /// Heartbeats now.
    pub fn heartbeat(&self) -> Result<(), PersistError> {
        self.lease.heartbeat(self.client.maintenance())
    }

    /// Takes the reader out of the state. (Dropping does the same and forgets
    /// errors.)
    pub fn expire(mut self) -> Result<(), PersistError> {
        self.expire_now()
    }

    fn expire_now(&mut self) -> Result<(), PersistError> {
        if std::mem::replace(&mut self.expired, true) {
            return Ok(());
        }
        let shard = &self.lease.shard;
        let routine = shard.expire_leased_reader(&self.lease.id)?;
        self.client.maintain(shard, routine);
        Ok(())
    }
}

impl Drop for ReadHandle {
    fn drop(&mut self) {
        if let Err(error) = self.expire_now() {
            tracing::debug!(%error, "expiring a reader");
        }
    }
}
