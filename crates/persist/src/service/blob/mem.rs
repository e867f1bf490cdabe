//! Blob in memory, private to a client or shared by name within the process.
//!
//! Invariant: a named store lives exactly as long as a handle to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Weak};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::Blob;
use crate::service::error::StoreError;

static NAMED: LazyLock<Mutex<HashMap<String, Weak<MemBlob>>>> = LazyLock::new(Mutex::default);

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemBlob {
    values: Mutex<BTreeMap<String, Bytes>>,
}

impl MemBlob {
    pub(super) fn open(rest: &str) -> Arc<dyn Blob> {
        let name = rest.strip_prefix("//").unwrap_or(rest);
        let name = name.split('?').next().unwrap_or("");
        if name.is_empty() {
            return Arc::new(MemBlob::default());
        }
        MemBlob::named(name)
    }

    /// The store of this process with this name.
    pub fn named(name: &str) -> Arc<MemBlob> {
        let mut named = NAMED.lock();
        if let Some(store) = named.get(name).and_then(Weak::upgrade) {
            return store;
        }
        named.retain(|_, store| store.strong_count() > 0);
        let store = Arc::new(MemBlob::default());
        named.insert(name.to_string(), Arc::downgrade(&store));
        store
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.values.lock()
    }
}

impl Blob for MemBlob {
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.lock().get(key).cloned())
    }

    fn set(&self, key: &str, value: Bytes) -> Result<(), StoreError> {
        self.lock().insert(key.to_string(), value);
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.lock().remove(key).map(|value| value.len() as u64))
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self
            .lock()
            .range(prefix.to_string()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.len() as u64))
            .collect())
    }
}
