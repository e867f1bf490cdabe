//! The shards whose state a client holds, and the two ways in which it hears
//! of commits that others make: from its store, and from PubSub.
//!
//! Invariant: a shard is held once, by all handles of the client. Shards that
//! no handle uses are let go, the oldest first, so that a client that lives
//! through thousands of shards does not grow.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::consensus::CommitListener;
use super::shard::CachedShard;
use crate::format::seqno::SeqNo;
use repr::ShardId;

/// How many shards are held though no handle uses them at the moment.
const IDLE: usize = 64;

#[derive(Debug, Default)]
struct Held {
    known: HashMap<ShardId, Weak<CachedShard>>,
    recent: VecDeque<Arc<CachedShard>>,
}

/// The held shards.
#[derive(Debug, Default)]
pub(crate) struct Shards(Mutex<Held>);

impl Shards {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock()
    }

    pub fn get(&self, id: ShardId) -> Option<Arc<CachedShard>> {
        self.lock().known.get(&id)?.upgrade()
    }

    /// Holds `shard`, unless it is held already: the one that is held then,
    /// and the shards that are not any more.
    pub fn hold(&self, shard: CachedShard) -> (Arc<CachedShard>, Vec<ShardId>) {
        let mut held = self.lock();
        if let Some(known) = held.known.get(&shard.id).and_then(Weak::upgrade) {
            return (known, Vec::new());
        }
        let shard = Arc::new(shard);
        held.known.insert(shard.id, Arc::downgrade(&shard));
        held.recent.push_back(Arc::clone(&shard));
        if held.recent.len() <= IDLE {
            return (shard, Vec::new());
        }
        // Handles may still hold it: then it stays known.
        held.recent.pop_front();
        let gone: Vec<ShardId> = held
            .known
            .iter()
            .filter(|(_, shard)| shard.strong_count() == 0)
            .map(|(id, _)| *id)
            .collect();
        for id in &gone {
            held.known.remove(id);
        }
        (shard, gone)
    }

    fn all(&self) -> Vec<Arc<CachedShard>> {
        self.lock()
            .known
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    pub fn ids(&self) -> Vec<ShardId> {
        self.all().iter().map(|shard| shard.id).collect()
    }

    /// Takes note of a diff that a peer says it committed.
    pub fn receive(&self, id: ShardId, seqno: SeqNo, diff: &Bytes) {
        if let Some(shard) = self.get(id)
            && let Err(error) = shard.receive(seqno, diff)
        {
            tracing::warn!(shard = %id, %error, "ignoring a pushed diff");
        }
    }

    /// Distrusts all states: diffs may have been missed.
    pub fn distrust(&self) {
        for shard in self.all() {
            shard.distrust();
        }
    }
}

impl CommitListener for Shards {
    fn committed(&self, key: &str, seqno: SeqNo) {
        if let Some(shard) = key.parse().ok().and_then(|id| self.get(id)) {
            shard.hear(seqno);
        }
    }
}
