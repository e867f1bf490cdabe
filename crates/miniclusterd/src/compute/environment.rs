//! What a worker works with: persist, the seams of its mutants, the place to
//! post the end of the replica.
//!
//! Invariant: nothing here differs between the workers of a replica but the
//! place of the end.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use semver::Version;

use crate::halt::Fate;
use crate::meter::Meter;
use crate::mutants::Seams;
use persist::{PersistClient, PersistConfig, PersistError};
use protocol::Release;
use protocol::v26_30::PersistLocation;

/// How shards are reached, and whether a thread or the caller waits for them.
#[derive(Clone)]
pub enum Host {
    /// One client, whatever location a description names; sources are polled.
    InProcess(Arc<PersistClient>),
    /// A client per location; sources have threads.
    Process(Arc<Clients>),
}

/// The persist clients of a process.
#[derive(Debug)]
pub struct Clients {
    clients: Mutex<HashMap<(String, String), Arc<PersistClient>>>,
    pubsub_url: String,
    version: Version,
}

impl Clients {
    /// Clients that hear of changes from the server at `pubsub_url`, if there
    /// is one; otherwise they poll. They read and write shards as a program of this
    /// version.
    pub fn new(pubsub_url: String, version: Version) -> Self {
        Clients {
            clients: Mutex::default(),
            pubsub_url,
            version,
        }
    }

    /// The client of a location, which is opened if it is new.
    pub fn get(&self, location: &PersistLocation) -> Result<Arc<PersistClient>, PersistError> {
        let key = (location.blob_uri.clone(), location.consensus_uri.clone());
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        let config = PersistConfig::for_stores(&key.1).of_version(self.version.clone());
        let client = PersistClient::open_with(&key.0, &key.1, config)?;
        let caller = std::env::var("HOSTNAME").unwrap_or_else(|_| "miniclusterd".into());
        if let Err(error) = client.connect_pubsub(&self.pubsub_url, &caller) {
            tracing::warn!(%error, "going without PubSub");
        }
        clients.insert(key, Arc::clone(&client));
        Ok(client)
    }

    /// All clients that are open.
    pub fn all(&self) -> Vec<Arc<PersistClient>> {
        let clients = self.clients.lock();
        clients.values().cloned().collect()
    }
}

impl Host {
    pub fn client(&self, location: &PersistLocation) -> Result<Arc<PersistClient>, PersistError> {
        match self {
            Host::InProcess(client) => Ok(Arc::clone(client)),
            Host::Process(clients) => clients.get(location),
        }
    }
}

/// What a worker works with.
#[derive(Clone)]
pub struct Environment {
    pub host: Host,
    pub seams: Seams,
    /// The release that the replica is one of.
    pub release: Release,
    pub fate: Fate,
    pub meter: Meter,
}
