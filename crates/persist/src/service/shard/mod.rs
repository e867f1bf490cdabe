//! One shard as this process knows it: the cached state, catching up with the
//! log, committing commands (`spec/persist.md` §3.10, §4).
//!
//! Invariant: the cached state is one that was committed, and only moves
//! forward.

mod append;
mod blobs;
mod commands;
mod commit;
mod fresh;
mod load;

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

pub use append::{AppendOutcome, AppendRequest};
pub(crate) use blobs::ShardBlobs;
use blobs::store_error;
pub(crate) use commit::RoutineMaintenance;
use fresh::Freshness;
pub(crate) use fresh::{Notifications, PubSubStatus};

use super::blob::Blob;
use super::config::PersistConfig;
use super::consensus::Consensus;
use super::error::PersistError;
use super::retry::retry;
use crate::format::corrupt::Corrupt;
use crate::format::seqno::SeqNo;
use crate::format::state::State;
use repr::ShardId;

/// What a committed diff is shown to: the connection to PubSub.
pub(crate) trait Publish: Send + Sync + fmt::Debug {
    /// `diff` is the consensus value of `seqno`, just committed by us.
    fn publish(&self, shard: ShardId, seqno: SeqNo, diff: &Bytes);

    /// This process holds the state of `shard` from now on.
    fn watch(&self, shard: ShardId);

    /// It does so no longer.
    fn unwatch(&self, shard: ShardId);
}

/// What the shards of a client share.
#[derive(Debug)]
pub(crate) struct Stores {
    pub consensus: Arc<dyn Consensus>,
    pub blob: Arc<dyn Blob>,
    pub config: PersistConfig,
    pub publish: RwLock<Option<Arc<dyn Publish>>>,
    pub on_change: RwLock<Vec<Box<dyn ChangeListener>>>,
    pub notifications: Notifications,
}

/// Called after any change of any shard's cached state.
pub trait ChangeListener: Send + Sync + fmt::Debug {
    /// The cached state of `shard` moved forward, or is known to be behind:
    /// the next look at the shard shows something new.
    fn changed(&self, shard: ShardId);
}

/// A shard as this process knows it, and the way to commit to it.
#[derive(Debug)]
pub(crate) struct CachedShard {
    blobs: ShardBlobs,
    /// Held while a command of this process is being committed, so that our
    /// own threads do not make each other's attempts fail.
    committing: Mutex<()>,
    cached: Mutex<Cached>,
    changed: Condvar,
    /// The leases that parts in flight hold on seqnos.
    pub leases: Mutex<HashMap<u64, Leased>>,
    next_lease: AtomicU64,
}

/// A seqno that must not be collected, and for which reader.
#[derive(Debug, Clone)]
pub(crate) struct Leased {
    pub reader: String,
    pub seqno: u64,
}

/// The state as last seen, and how far it is to be believed.
#[derive(Debug)]
struct Cached {
    state: Arc<State>,
    fresh: Freshness,
}

impl Deref for CachedShard {
    type Target = ShardBlobs;

    fn deref(&self) -> &ShardBlobs {
        &self.blobs
    }
}

impl CachedShard {
    /// Opens the shard, creating it if it does not exist.
    pub fn open(id: ShardId, stores: Arc<Stores>) -> Result<CachedShard, PersistError> {
        let state = load::load_or_init(id, &stores)?;
        let fresh = Freshness::new(state.seqno, &stores.config);
        Ok(CachedShard {
            blobs: ShardBlobs::new(id, stores),
            committing: Mutex::new(()),
            cached: Mutex::new(Cached {
                state: Arc::new(state),
                fresh,
            }),
            changed: Condvar::new(),
            leases: Mutex::default(),
            next_lease: AtomicU64::new(0),
        })
    }

    /// Whether the shard exists, without creating it.
    pub fn exists(id: ShardId, stores: &Stores) -> Result<bool, PersistError> {
        let head = retry(stores.config.retry_for, || {
            stores.consensus.head(&id.to_string())
        });
        Ok(head.map_err(|source| store_error(id, source))?.is_some())
    }

    fn cached(&self) -> MutexGuard<'_, Cached> {
        self.cached.lock()
    }

    /// The state as last seen.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.cached().state)
    }

    /// The state as of now.
    pub fn refresh(&self) -> Result<Arc<State>, PersistError> {
        let (known, heard) = {
            let cached = self.cached();
            (Arc::clone(&cached.state), cached.fresh.heard())
        };
        let newer = load::refresh(self.id, &self.stores, &known)?;
        let config = &self.stores.config;
        self.cached().fresh.asked(heard, newer.is_some(), config);
        Ok(match newer {
            Some(state) => self.adopt(Arc::new(state)),
            None => self.state(),
        })
    }

    /// The state as of now, or of a moment ago (`PersistConfig::poll_max`).
    /// Never a state that is known to be old.
    pub fn recent(&self) -> Result<Arc<State>, PersistError> {
        {
            let cached = self.cached();
            if self.remaining(&cached) != Some(Duration::ZERO) {
                return Ok(Arc::clone(&cached.state));
            }
        }
        self.refresh()
    }

    fn remaining(&self, cached: &Cached) -> Option<Duration> {
        let stores = &self.stores;
        let seqno = cached.state.seqno;
        cached
            .fresh
            .remaining(seqno, &stores.notifications, &stores.config)
    }

    /// Takes over a state that was committed, unless a newer one is known.
    fn adopt(&self, state: Arc<State>) -> Arc<State> {
        let mut cached = self.cached();
        if state.seqno <= cached.state.seqno {
            return Arc::clone(&cached.state);
        }
        cached.state = Arc::clone(&state);
        drop(cached);
        self.tell();
        state
    }

    /// Wakes the threads that wait for a change.
    fn tell(&self) {
        self.changed.notify_all();
        let listeners = self.stores.on_change.read();
        for listener in listeners.iter() {
            listener.changed(self.id);
        }
    }

    /// Takes note that `seqno` was committed, by this process or another.
    pub fn hear(&self, seqno: SeqNo) {
        let mut cached = self.cached();
        if seqno <= cached.state.seqno {
            return;
        }
        cached.fresh.hear(seqno);
        drop(cached);
        self.tell();
    }

    /// Distrusts the cached state: something may have been missed.
    pub fn distrust(&self) {
        let next = self.state().seqno.next();
        self.hear(next);
    }

    /// Applies a diff that a peer says it committed, if it is the next one. If
    /// some before it are missing, the next look asks consensus.
    pub fn receive(&self, seqno: SeqNo, diff: &Bytes) -> Result<(), Corrupt> {
        let known = self.state();
        match load::apply_received(&known, diff, &self.stores.config.version)? {
            Some(state) => {
                self.adopt(Arc::new(state));
            }
            None => self.hear(seqno),
        }
        Ok(())
    }

    /// Waits until `ready` holds of the state, or until `timeout`. Woken by
    /// every change that this process makes or is told of; otherwise asks
    /// consensus now and then ([`Freshness`]).
    pub fn wait(
        &self,
        timeout: Duration,
        mut ready: impl FnMut(&State) -> bool,
    ) -> Result<Option<Arc<State>>, PersistError> {
        let deadline = Instant::now() + timeout;
        let mut state = self.refresh()?;
        self.cached().fresh.hurry(&self.stores.config);
        loop {
            if ready(&state) {
                return Ok(Some(state));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let mut cached = self.cached();
            if cached.state.seqno > state.seqno {
                state = Arc::clone(&cached.state);
                continue;
            }
            let pause = self.remaining(&cached).unwrap_or(left).min(left);
            if !pause.is_zero() {
                self.changed.wait_for(&mut cached, pause);
            }
            drop(cached);
            state = self.recent()?;
        }
    }

    /// Holds `seqno` for `reader` until the guard is dropped.
    pub fn lease(self: &Arc<Self>, reader: &str, seqno: SeqNo) -> SeqNoLease {
        let id = self.next_lease.fetch_add(1, Ordering::Relaxed);
        let leased = Leased {
            reader: reader.to_string(),
            seqno: seqno.0,
        };
        self.lock_leases().insert(id, leased);
        SeqNoLease {
            shard: Arc::clone(self),
            id,
        }
    }

    /// The oldest seqno that parts of `reader` in flight hold.
    pub fn outstanding(&self, reader: &str) -> Option<u64> {
        let leases = self.lock_leases();
        let held = leases.values().filter(|l| l.reader == reader);
        held.map(|l| l.seqno).min()
    }

    fn lock_leases(&self) -> MutexGuard<'_, HashMap<u64, Leased>> {
        self.leases.lock()
    }
}

/// A hold on a seqno; dropping it lets go.
#[derive(Debug)]
pub(crate) struct SeqNoLease {
    shard: Arc<CachedShard>,
    id: u64,
}

impl Drop for SeqNoLease {
    fn drop(&mut self) {
        self.shard.lock_leases().remove(&self.id);
    }
}
