//! Where the blobs of a shard lie, and errors that name the shard. What is written
//! there need not be in the shard's state, nor the shard exist.
//!
//! Invariant: an operation that fails is tried again for as long as the settings
//! say.

use std::sync::Arc;

use bytes::Bytes;

use super::Stores;
use crate::format::corrupt::Corrupt;
use crate::service::error::{PersistError, StoreError};
use crate::service::retry::retry;
use repr::ShardId;

/// The blobs of one shard.
#[derive(Debug, Clone)]
pub(crate) struct ShardBlobs {
    pub id: ShardId,
    /// What the shard is called in both stores.
    pub key: String,
    pub stores: Arc<Stores>,
}

impl ShardBlobs {
    pub fn new(id: ShardId, stores: Arc<Stores>) -> Self {
        ShardBlobs {
            id,
            key: id.to_string(),
            stores,
        }
    }

    pub fn store_error(&self, source: StoreError) -> PersistError {
        store_error(self.id, source)
    }

    pub fn corrupt(&self, source: Corrupt) -> PersistError {
        let shard = self.id;
        PersistError::Corrupt { shard, source }
    }

    pub fn usage(&self, why: impl Into<String>) -> PersistError {
        let (shard, why) = (self.id, why.into());
        PersistError::Usage { shard, why }
    }

    /// The full key of a partial one.
    pub fn blob_key(&self, partial: &str) -> String {
        format!("{}/{partial}", self.key)
    }

    pub fn get_blob(&self, partial: &str) -> Result<Option<Bytes>, PersistError> {
        let key = self.blob_key(partial);
        retry(self.stores.config.retry_for, || self.stores.blob.get(&key))
            .map_err(|e| self.store_error(e))
    }

    pub fn set_blob(&self, partial: &str, value: &Bytes) -> Result<(), PersistError> {
        let key = self.blob_key(partial);
        retry(self.stores.config.retry_for, || {
            self.stores.blob.set(&key, value.clone())
        })
        .map_err(|e| self.store_error(e))
    }

    pub fn delete_blob(&self, partial: &str) -> Result<(), PersistError> {
        let key = self.blob_key(partial);
        retry(self.stores.config.retry_for, || {
            self.stores.blob.delete(&key)
        })
        .map(|_| ())
        .map_err(|e| self.store_error(e))
    }
}

/// An error of a store, about this shard.
pub(super) fn store_error(shard: ShardId, source: StoreError) -> PersistError {
    PersistError::Store { shard, source }
}
