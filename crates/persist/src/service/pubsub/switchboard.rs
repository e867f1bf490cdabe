//! The heart of the server: the connections, which shards each subscribes to,
//! and passing diffs on (`spec/persist.md` §7.2).
//!
//! Invariant: a diff goes to every other subscriber once and never back to its
//! sender. Nothing is buffered for later subscribers, and a slow one is not
//! waited for: what does not fit is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::mpsc;

use super::proto::{Body, ProtoPubSubMessage, ProtoPushDiff};
use crate::format::seqno::SeqNo;
use crate::service::shard::PubSubStatus;
use crate::service::shards::Shards;
use repr::ShardId;

/// How many messages wait for one connection.
pub const CHANNEL: usize = 25;

/// A connection's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(u64);

/// The other end of a connection.
#[derive(Debug, Clone)]
pub enum Link {
    /// By gRPC.
    Remote(mpsc::Sender<ProtoPubSubMessage>),
    /// In this process. It is live while another one is connected too.
    Local {
        shards: Weak<Shards>,
        live: Arc<PubSubStatus>,
    },
}

#[derive(Debug, Default)]
struct Links {
    next: u64,
    links: BTreeMap<LinkId, Link>,
    wanted: BTreeMap<ShardId, BTreeSet<LinkId>>,
    closed: bool,
}

/// The connections and their subscriptions.
#[derive(Debug, Default)]
pub struct Switchboard {
    links: Mutex<Links>,
    changed: Condvar,
}

impl Switchboard {
    fn lock(&self) -> MutexGuard<'_, Links> {
        self.links.lock()
    }

    /// Adds a connection. `None`: the server is closed.
    pub fn connect(&self, link: Link) -> Option<LinkId> {
        let mut links = self.lock();
        if links.closed {
            return None;
        }
        let id = LinkId(links.next);
        links.next += 1;
        links.links.insert(id, link);
        self.changed(links);
        Some(id)
    }

    /// Removes a connection with all that it wants.
    pub fn disconnect(&self, id: LinkId) {
        let mut links = self.lock();
        links.links.remove(&id);
        links.wanted.retain(|_, wanting| {
            wanting.remove(&id);
            !wanting.is_empty()
        });
        self.changed(links);
    }

    fn changed(&self, links: MutexGuard<'_, Links>) {
        let others = links.links.len() > 1;
        for link in links.links.values() {
            match link {
                Link::Local { live, .. } => live.set(others),
                Link::Remote(_) => {}
            }
        }
        drop(links);
        self.changed.notify_all();
    }

    /// Hangs up on every connection, for good.
    pub fn close(&self) {
        let mut links = self.lock();
        links.closed = true;
        links.wanted.clear();
        for link in std::mem::take(&mut links.links).into_values() {
            match link {
                Link::Local { live, .. } => live.set(false),
                Link::Remote(_) => {}
            }
        }
    }

    pub fn subscribe(&self, id: LinkId, shard: ShardId) {
        let mut links = self.lock();
        if links.links.contains_key(&id) {
            links.wanted.entry(shard).or_default().insert(id);
        }
        drop(links);
        self.changed.notify_all();
    }

    pub fn unsubscribe(&self, id: LinkId, shard: ShardId) {
        let mut links = self.lock();
        if let Some(wanting) = links.wanted.get_mut(&shard) {
            wanting.remove(&id);
            if wanting.is_empty() {
                links.wanted.remove(&shard);
            }
        }
        drop(links);
        self.changed.notify_all();
    }

    /// Passes a diff on.
    pub fn push(&self, from: LinkId, shard: ShardId, seqno: SeqNo, diff: &Bytes) {
        let to: Vec<Link> = {
            let links = self.lock();
            let wanting = links.wanted.get(&shard).into_iter().flatten();
            wanting
                .filter(|id| **id != from)
                .filter_map(|id| links.links.get(id).cloned())
                .collect()
        };
        for link in to {
            match link {
                Link::Remote(sender) => {
                    let message = ProtoPubSubMessage::now(Body::PushDiff(ProtoPushDiff {
                        shard_id: shard.to_string(),
                        seqno: seqno.0,
                        diff: diff.clone(),
                    }));
                    if sender.try_send(message).is_err() {
                        tracing::debug!(%shard, %seqno, "a subscriber is behind: diff dropped");
                    }
                }
                Link::Local { shards, .. } => {
                    if let Some(shards) = shards.upgrade() {
                        shards.receive(shard, seqno, diff);
                    }
                }
            }
        }
    }

    /// How many connections want `shard`.
    pub fn subscribers(&self, shard: ShardId) -> usize {
        self.lock().wanted.get(&shard).map_or(0, BTreeSet::len)
    }

    /// Waits until at least `count` connections want `shard`.
    pub fn wait_for_subscribers(&self, shard: ShardId, count: usize, timeout: Duration) -> bool {
        let enough = |links: &Links| links.wanted.get(&shard).map_or(0, BTreeSet::len) >= count;
        let mut links = self.lock();
        self.changed
            .wait_while_for(&mut links, |links| !enough(links), timeout);
        enough(&links)
    }
}
