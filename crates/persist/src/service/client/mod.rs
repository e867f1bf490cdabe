//! A process's access to a persist location: one cached state per shard,
//! shared by all handles.
//!
//! Invariant: two handles of one client never see a shard go backwards.

mod connection;

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::format::rows::decode_schemas;
use crate::format::seqno::SeqNo;
use crate::format::state::State;
use crate::service::blob::{Blob, open_blob};
use crate::service::config::PersistConfig;
use crate::service::consensus::{Consensus, open_consensus};
use crate::service::error::PersistError;
use crate::service::lease::ReaderLease;
use crate::service::maintenance::MaintenanceRunner;
use crate::service::pubsub::Subscription;
use crate::service::shard::{
    CachedShard, ChangeListener, Notifications, RoutineMaintenance, ShardBlobs, Stores,
};
use crate::service::shards::Shards;
use repr::{Antichain, RelationDesc, ShardId};

/// A client of one persist location.
#[derive(Debug)]
pub struct PersistClient {
    stores: Arc<Stores>,
    /// The shards that it holds.
    pub(super) shards: Arc<Shards>,
    /// Every reader that must be kept alive.
    readers: Mutex<Vec<Weak<ReaderLease>>>,
    maintenance: MaintenanceRunner,
    /// The connection to PubSub, if there is one.
    subscription: Mutex<Option<Subscription>>,
}

impl PersistClient {
    /// Opens the location of two URLs, with the settings that fit them.
    pub fn open(blob_url: &str, consensus_url: &str) -> Result<Arc<Self>, PersistError> {
        PersistClient::open_with(
            blob_url,
            consensus_url,
            PersistConfig::for_stores(consensus_url),
        )
    }

    /// Opens the location of two URLs.
    pub fn open_with(
        blob_url: &str,
        consensus_url: &str,
        config: PersistConfig,
    ) -> Result<Arc<Self>, PersistError> {
        let blob = open_blob(blob_url)?;
        let consensus = open_consensus(consensus_url)?;
        Ok(PersistClient::new(blob, consensus, config))
    }

    /// A client of two stores.
    pub fn new(
        blob: Arc<dyn Blob>,
        consensus: Arc<dyn Consensus>,
        config: PersistConfig,
    ) -> Arc<Self> {
        let maintenance = MaintenanceRunner::new(config.maintenance);
        let shards = Arc::new(Shards::default());
        let listener = Arc::downgrade(&shards);
        let notifications = Notifications {
            consensus: consensus.tell(listener),
            pubsub: Default::default(),
        };
        let stores = Arc::new(Stores {
            consensus,
            blob,
            config,
            publish: Default::default(),
            on_change: Default::default(),
            notifications,
        });
        Arc::new(PersistClient {
            stores,
            shards,
            readers: Mutex::default(),
            maintenance,
            subscription: Mutex::default(),
        })
    }

    /// The settings.
    pub fn config(&self) -> &PersistConfig {
        &self.stores.config
    }

    /// The log store.
    pub fn consensus(&self) -> &Arc<dyn Consensus> {
        &self.stores.consensus
    }

    /// The value store.
    pub fn blob(&self) -> &Arc<dyn Blob> {
        &self.stores.blob
    }

    /// Calls `listener` after any change of any shard that is seen here. It
    /// must not call back into the client.
    pub fn on_change(&self, listener: Box<dyn ChangeListener>) {
        self.stores.on_change.write().push(listener);
    }

    /// The shard, which is created if it does not exist.
    pub(crate) fn shard(&self, id: ShardId) -> Result<Arc<CachedShard>, PersistError> {
        if let Some(shard) = self.shards.get(id) {
            return Ok(shard);
        }
        // Not under a lock: other shards need not wait for this one.
        let shard = CachedShard::open(id, Arc::clone(&self.stores))?;
        let (shard, gone) = self.shards.hold(shard);
        if let Some(publish) = self.stores.publish.read().as_ref() {
            publish.watch(id);
            for id in gone {
                publish.unwatch(id);
                // Another thread may just have opened it again.
                if self.shards.get(id).is_some() {
                    publish.watch(id);
                }
            }
        }
        Ok(shard)
    }

    /// Where the blobs of a shard lie; the shard need not exist.
    pub(crate) fn blobs_of(&self, id: ShardId) -> ShardBlobs {
        ShardBlobs::new(id, Arc::clone(&self.stores))
    }

    /// Where the maintenance of its shards is done.
    pub(crate) fn maintenance(&self) -> &MaintenanceRunner {
        &self.maintenance
    }

    /// Does the maintenance that a commit asked for, now or soon.
    pub(crate) fn maintain(&self, shard: &Arc<CachedShard>, routine: RoutineMaintenance) {
        self.maintenance.submit(shard, routine);
    }

    pub(crate) fn keep_alive(&self, reader: &Arc<ReaderLease>) {
        let mut readers = self.readers.lock();
        readers.retain(|r| r.strong_count() > 0);
        readers.push(Arc::downgrade(reader));
    }

    /// Waits until the maintenance that earlier calls caused is done (that of the
    /// background; inline, it is done already). Whether it is, at `timeout` at
    /// the latest.
    pub fn settle(&self, timeout: Duration) -> bool {
        self.maintenance.settle(timeout)
    }

    /// Heartbeats every reader of this client whose heartbeat is due (every
    /// quarter of a lease). Call it now and then; polling a listen does it for
    /// its own reader.
    pub fn heartbeat(&self) -> Result<(), PersistError> {
        let readers: Vec<_> = {
            let readers = self.readers.lock();
            readers.iter().filter_map(Weak::upgrade).collect()
        };
        for reader in readers {
            reader.heartbeat_if_due(&self.maintenance)?;
        }
        Ok(())
    }

    /// Whether the shard exists; does not create it.
    pub fn shard_exists(&self, shard: ShardId) -> Result<bool, PersistError> {
        CachedShard::exists(shard, &self.stores)
    }

    /// The upper as of now: times at or beyond it are still to come.
    pub fn upper(&self, shard: ShardId) -> Result<Antichain, PersistError> {
        Ok(self.shard(shard)?.refresh()?.upper().clone())
    }

    /// The since as of now: times before it can no longer be read.
    pub fn since(&self, shard: ShardId) -> Result<Antichain, PersistError> {
        Ok(self.shard(shard)?.refresh()?.since().clone())
    }

    /// The schema that is registered last, if there is one.
    pub fn schema(&self, shard: ShardId) -> Result<Option<RelationDesc>, PersistError> {
        let shard = self.shard(shard)?;
        let state = shard.refresh()?;
        let last = state.schemas.values().next_back();
        last.map(|s| decode_schemas(s).map_err(|e| shard.corrupt(e)))
            .transpose()
    }

    /// The whole state as of now.
    pub fn state(&self, shard: ShardId) -> Result<Arc<State>, PersistError> {
        self.shard(shard)?.refresh()
    }

    /// Waits until the shard's state is beyond `seqno`; the seqno then, or
    /// `None` after `timeout`.
    pub fn wait_for_change(
        &self,
        shard: ShardId,
        seqno: SeqNo,
        timeout: Duration,
    ) -> Result<Option<SeqNo>, PersistError> {
        let shard = self.shard(shard)?;
        let state = shard.wait(timeout, |state| state.seqno > seqno)?;
        Ok(state.map(|s| s.seqno))
    }

    /// Waits until `time` is complete in the shard (its upper is beyond);
    /// the upper then, or `None` after `timeout`.
    pub fn wait_for_upper_past(
        &self,
        shard: ShardId,
        time: u64,
        timeout: Duration,
    ) -> Result<Option<Antichain>, PersistError> {
        let shard = self.shard(shard)?;
        let state = shard.wait(timeout, |state| !state.upper().less_equal(time))?;
        Ok(state.map(|s| s.upper().clone()))
    }
}
