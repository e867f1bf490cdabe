//! What a leased reader holds: a since and a seqno, for as long as it
//! heartbeats (`spec/persist.md` §6).
//!
//! Invariant: the since and the seqno that are held only move forward.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::error::PersistError;
use super::maintenance::MaintenanceRunner;
use super::shard::CachedShard;
use crate::format::state::LeasedReader;
use repr::Antichain;

/// A registered reader: alive as long as this is.
#[derive(Debug)]
pub(crate) struct ReaderLease {
    pub shard: Arc<CachedShard>,
    pub id: String,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    /// What the next heartbeat will hold.
    since: Antichain,
    heartbeat_ms: u64,
    /// The seqno that the last heartbeat held.
    seqno: u64,
    expired: bool,
}

/// A reader whose hold lies this many rollups back heartbeats early, so that
/// the log does not grow for a quarter of a lease behind a busy writer.
const HELD_ROLLUPS: u64 = 2;

impl ReaderLease {
    /// The lease of `reader`, just registered as `id`.
    pub fn new(shard: &Arc<CachedShard>, id: String, reader: LeasedReader) -> Self {
        ReaderLease {
            shard: Arc::clone(shard),
            id,
            held: Mutex::new(Held {
                since: reader.since,
                heartbeat_ms: reader.heartbeat_ms,
                seqno: reader.seqno,
                expired: false,
            }),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock()
    }

    /// The since that the next heartbeat will hold.
    pub fn since(&self) -> Antichain {
        self.held().since.clone()
    }

    /// Lets the next heartbeat hold `since`.
    pub fn advance(&self, since: &Antichain) {
        let mut held = self.held();
        held.since = held.since.join(since);
    }

    /// Commits the held since, the seqno hold and a heartbeat.
    pub fn heartbeat(&self, maintenance: &MaintenanceRunner) -> Result<(), PersistError> {
        let since = self.since();
        let hold = self.possible_hold();
        let outstanding = self.shard.outstanding(&self.id);
        let (now_held, routine) = self.shard.downgrade_since(&self.id, outstanding, &since)?;
        maintenance.submit(&self.shard, routine);
        let mut held = self.held();
        held.heartbeat_ms = self.shard.stores.config.clock.now_ms();
        held.seqno = held.seqno.max(hold);
        if now_held.is_empty() && !since.is_empty() {
            held.expired = true;
            return Err(PersistError::ReaderExpired {
                shard: self.shard.id,
                reader: self.id.clone(),
            });
        }
        Ok(())
    }

    /// The newest seqno that a heartbeat could hold instead.
    fn possible_hold(&self) -> u64 {
        let current = self.shard.state().seqno.0;
        let outstanding = self.shard.outstanding(&self.id);
        outstanding.map_or(current, |held| held.min(current))
    }

    /// [`heartbeat`](Self::heartbeat) if a quarter of the lease has passed, or
    /// if the reader holds back the log.
    pub fn heartbeat_if_due(&self, maintenance: &MaintenanceRunner) -> Result<(), PersistError> {
        let config = &self.shard.stores.config;
        let quarter = config.reader_lease.as_millis() as u64 / 4;
        let now = config.clock.now_ms();
        let lag = config.rollup_threshold.saturating_mul(HELD_ROLLUPS);
        let hold = self.possible_hold();
        {
            let held = self.held();
            let due = now.saturating_sub(held.heartbeat_ms) >= quarter
                || hold.saturating_sub(held.seqno) > lag;
            if held.expired || !due {
                return Ok(());
            }
        }
        self.heartbeat(maintenance)
    }
}
