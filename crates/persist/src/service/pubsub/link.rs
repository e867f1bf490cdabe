//! What a client has to say to the server: which shards it wants, which diffs
//! it has committed.
//!
//! Invariant: a commit never waits for PubSub. Subscriptions are never
//! lost; diffs are dropped, oldest first, while there is no connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::proto::{Body, ProtoPubSubMessage, ProtoPushDiff, ProtoSubscribe};
use super::switchboard::{LinkId, Switchboard};
use crate::format::seqno::SeqNo;
use crate::service::shard::Publish;
use repr::ShardId;

/// How many diffs wait to be sent.
const MAX_DIFFS: usize = 256;

#[derive(Debug, Default)]
struct Queue {
    /// Whether each shard is wanted from now on.
    wishes: BTreeMap<ShardId, bool>,
    diffs: VecDeque<(ShardId, SeqNo, Bytes)>,
}

/// What is to be sent by gRPC.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    pub filled: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    /// A new connection: every shard is wanted anew, and diffs that were not
    /// sent are stale.
    pub fn restart(&self, shards: Vec<ShardId>) {
        let mut queue = self.lock();
        // A shard that was opened a moment ago is among them, or wished for.
        queue.wishes.retain(|_, wanted| *wanted);
        queue
            .wishes
            .extend(shards.into_iter().map(|shard| (shard, true)));
        queue.diffs.clear();
        drop(queue);
        self.filled.notify_one();
    }

    /// Everything that is to be sent now, wishes first.
    pub fn take(&self) -> Vec<ProtoPubSubMessage> {
        let mut queue = self.lock();
        let wishes = std::mem::take(&mut queue.wishes);
        let diffs = std::mem::take(&mut queue.diffs);
        drop(queue);
        let wishes = wishes.into_iter().map(|(shard, wanted)| {
            let shard_id = shard.to_string();
            if wanted {
                Body::Subscribe(ProtoSubscribe { shard_id })
            } else {
                Body::Unsubscribe(ProtoSubscribe { shard_id })
            }
        });
        let diffs = diffs.into_iter().map(|(shard, seqno, diff)| {
            Body::PushDiff(ProtoPushDiff {
                shard_id: shard.to_string(),
                seqno: seqno.0,
                diff,
            })
        });
        wishes.chain(diffs).map(ProtoPubSubMessage::now).collect()
    }
}

impl Publish for Outbox {
    fn publish(&self, shard: ShardId, seqno: SeqNo, diff: &Bytes) {
        let mut queue = self.lock();
        if queue.diffs.len() == MAX_DIFFS {
            queue.diffs.pop_front();
        }
        queue.diffs.push_back((shard, seqno, diff.clone()));
        drop(queue);
        self.filled.notify_one();
    }

    fn watch(&self, shard: ShardId) {
        self.lock().wishes.insert(shard, true);
        self.filled.notify_one();
    }

    fn unwatch(&self, shard: ShardId) {
        self.lock().wishes.insert(shard, false);
        self.filled.notify_one();
    }
}

/// A connection within the process.
#[derive(Debug)]
pub(super) struct LocalLink {
    pub switchboard: Arc<Switchboard>,
    pub id: LinkId,
}

impl Publish for LocalLink {
    fn publish(&self, shard: ShardId, seqno: SeqNo, diff: &Bytes) {
        self.switchboard.push(self.id, shard, seqno, diff);
    }

    fn watch(&self, shard: ShardId) {
        self.switchboard.subscribe(self.id, shard);
    }

    fn unwatch(&self, shard: ShardId) {
        self.switchboard.unsubscribe(self.id, shard);
    }
}

impl Drop for LocalLink {
    fn drop(&mut self) {
        self.switchboard.disconnect(self.id);
    }
}
