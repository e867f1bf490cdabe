//! A client's connection to PubSub.
//!
//! Invariant: without a connection, and after each change of it, consensus is
//! asked: a diff may have been missed.

use std::sync::Arc;
use std::time::Duration;

use super::PersistClient;
use crate::service::error::PubSubError;
use crate::service::pubsub::{PubSubServer, Subscription};
use crate::service::shard::PubSubStatus;

impl PersistClient {
    /// Keeps a connection to the PubSub server at `url` (`http://HOST:PORT`)
    /// from now on, and connects again whenever it is lost. Does not wait for
    /// it. `caller` shows in the server's log. A connection that was there is
    /// given up. Errors: a URL that is none.
    pub fn connect_pubsub(&self, url: &str, caller: &str) -> Result<(), PubSubError> {
        self.disconnect_pubsub();
        let subscription = Subscription::start(&self.shards, self.live(), url, caller)?;
        self.keep(subscription);
        Ok(())
    }

    /// Connects to a server of this process, without a socket.
    pub fn attach_pubsub(&self, server: &PubSubServer) {
        self.disconnect_pubsub();
        self.keep(Subscription::attach(&self.shards, self.live(), server));
    }

    /// Gives the connection up: from now on consensus is polled.
    pub fn disconnect_pubsub(&self) {
        *self.stores.publish.write() = None;
        *self.subscription.lock() = None;
        self.live().set(false);
    }

    /// Whether diffs of others arrive without polling at the moment.
    pub fn pubsub_connected(&self) -> bool {
        self.live().get()
    }

    /// Waits until [`pubsub_connected`](Self::pubsub_connected) is `wanted`.
    pub fn wait_for_pubsub(&self, wanted: bool, timeout: Duration) -> bool {
        self.live().wait_for(wanted, timeout)
    }

    fn live(&self) -> &Arc<PubSubStatus> {
        &self.stores.notifications.pubsub
    }

    fn keep(&self, subscription: Subscription) {
        *self.stores.publish.write() = Some(subscription.publish());
        *self.subscription.lock() = Some(subscription);
        // Shards that were opened while there was no connection.
        if let Some(publish) = self.stores.publish.read().as_ref() {
            for id in self.shards.ids() {
                publish.watch(id);
            }
        }
        self.shards.distrust();
    }
}
