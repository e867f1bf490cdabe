//! PubSub: committed diffs are passed on to whoever holds the shard, so that
//! nobody has to poll (`spec/persist.md` §7). One server, hosted by the driver;
//! one connection per client, by gRPC or within the process.
//!
//! Invariant: this only makes things faster. Messages that are lost, late,
//! doubled or out of order never change what a reader sees in the end, and
//! only a diff that was committed is ever sent.

mod client;
mod link;
mod proto;
mod server;
mod service;
mod switchboard;
#[cfg(test)]
mod tests;

use std::time::Duration;

use thiserror::Error;

pub(crate) use client::Subscription;
pub use server::PubSubServer;

use super::client::PersistClient;

/// PubSub cannot be had.
#[derive(Debug, Error)]
pub enum PubSubError {
    #[error("PubSub URL `{url}`: {why}")]
    Url { url: String, why: String },
    #[error("PubSub server on {addr}: {why}")]
    Listen {
        addr: std::net::SocketAddr,
        why: String,
    },
    #[error("PubSub: {0}")]
    System(String),
}

impl PersistClient {
    /// Keeps a connection to the PubSub server at `url` (`http://HOST:PORT`)
    /// from now on, and connects again whenever it is lost. Does not wait for
    /// it. `caller` shows in the server's log. A connection that was there is
    /// given up. Errors: a URL that is none.
    pub fn connect_pubsub(&self, url: &str, caller: &str) -> Result<(), PubSubError> {
        self.disconnect_pubsub();
        let subscription = Subscription::start(self, url, caller)?;
        self.keep(subscription);
        Ok(())
    }

    /// Connects to a server of this process, without a socket.
    pub fn attach_pubsub(&self, server: &PubSubServer) {
        self.disconnect_pubsub();
        self.keep(Subscription::attach(self, server.switchboard()));
    }

    /// Gives the connection up: from now on consensus is polled.
    pub fn disconnect_pubsub(&self) {
        if let Ok(mut slot) = self.stores.publish.write() {
            *slot = None;
        }
        let old = self.subscription.lock().ok().and_then(|mut s| s.take());
        drop(old);
        self.stores.tidings.pubsub.set(false);
    }

    /// Whether diffs of others arrive without polling at the moment.
    pub fn pubsub_connected(&self) -> bool {
        self.stores.tidings.pubsub.get()
    }

    /// Waits until [`pubsub_connected`](Self::pubsub_connected) is `wanted`.
    pub fn wait_for_pubsub(&self, wanted: bool, timeout: Duration) -> bool {
        self.stores.tidings.pubsub.wait_for(wanted, timeout)
    }

    fn keep(&self, subscription: Subscription) {
        if let Ok(mut slot) = self.stores.publish.write() {
            *slot = Some(subscription.publish());
        }
        if let Ok(mut slot) = self.subscription.lock() {
            *slot = Some(subscription);
        }
        // Those that were opened before there was anybody to tell.
        let publish = self.stores.publish.read();
        if let Some(publish) = publish.ok().as_deref().and_then(Option::as_ref) {
            for id in self.shards.ids() {
                publish.watch(id);
            }
        }
        self.shards.distrust();
    }
}
