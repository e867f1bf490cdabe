//! The shards whose state a client holds, and the two ways in which it hears
//! of commits that others make: from its store, and from PubSub.
//!
//! Invariant: a shard is held once, by all handles of the client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::consensus::{CommitListener, SeqNo};
use super::shard::Shard;
use crate::repr::ShardId;

/// The held shards.
#[derive(Debug, Default)]
pub(crate) struct Shards(Mutex<HashMap<ShardId, Arc<Shard>>>);

impl Shards {
    fn lock(&self) -> MutexGuard<'_, HashMap<ShardId, Arc<Shard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, id: ShardId) -> Option<Arc<Shard>> {
        self.lock().get(&id).cloned()
    }

    /// Holds `shard`, unless it is held already: the one that is held then.
    pub fn hold(&self, shard: Shard) -> Arc<Shard> {
        let mut shards = self.lock();
        Arc::clone(shards.entry(shard.id).or_insert_with(|| Arc::new(shard)))
    }

    pub fn ids(&self) -> Vec<ShardId> {
        self.lock().keys().copied().collect()
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
        let shards: Vec<_> = self.lock().values().cloned().collect();
        for shard in shards {
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
