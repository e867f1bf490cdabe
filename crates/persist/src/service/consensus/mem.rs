//! Consensus in memory, private to a client or shared by name within the
//! process (`spec/persist.md` §1.4).
//!
//! Invariant: a named store lives exactly as long as a handle to it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::{Mutex, MutexGuard};

use super::{CaSResult, CommitListener, Consensus, check_seqno, truncate_too_high};
use crate::format::seqno::{SeqNo, VersionedData};
use crate::service::error::StoreError;

static NAMED: LazyLock<Mutex<HashMap<String, Weak<MemConsensus>>>> = LazyLock::new(Mutex::default);

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemConsensus {
    logs: Mutex<BTreeMap<String, VecDeque<VersionedData>>>,
    listeners: Mutex<Vec<Weak<dyn CommitListener>>>,
}

impl MemConsensus {
    /// The store of a URL's rest: a new one for `` and `//`, else the one of
    /// that name.
    pub(super) fn open(rest: &str) -> Result<Arc<dyn Consensus>, String> {
        let name = rest.strip_prefix("//").unwrap_or(rest);
        if name.is_empty() {
            return Ok(Arc::new(MemConsensus::default()));
        }
        Ok(MemConsensus::named(name))
    }

    /// The store of this process with this name.
    pub fn named(name: &str) -> Arc<MemConsensus> {
        let mut named = NAMED.lock();
        if let Some(store) = named.get(name).and_then(Weak::upgrade) {
            return store;
        }
        named.retain(|_, store| store.strong_count() > 0);
        let store = Arc::new(MemConsensus::default());
        named.insert(name.to_string(), Arc::downgrade(&store));
        store
    }

    /// Puts an entry as it is, without any check: for loading a recording.
    pub fn load(&self, key: &str, entry: VersionedData) {
        self.lock()
            .entry(key.to_string())
            .or_default()
            .push_back(entry);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<VersionedData>>> {
        self.logs.lock()
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Weak<dyn CommitListener>>> {
        self.listeners.lock()
    }
}

impl Consensus for MemConsensus {
    fn head(&self, key: &str) -> Result<Option<VersionedData>, StoreError> {
        Ok(self.lock().get(key).and_then(|log| log.back().cloned()))
    }

    fn compare_and_set(&self, key: &str, new: VersionedData) -> Result<CaSResult, StoreError> {
        check_seqno(new.seqno)?;
        let mut logs = self.lock();
        let head = logs.get(key).and_then(|log| log.back()).map(|e| e.seqno);
        let expected = new.seqno.0.checked_sub(1).map(SeqNo);
        if head != expected {
            return Ok(CaSResult::ExpectationMismatch);
        }
        let seqno = new.seqno;
        match logs.get_mut(key) {
            Some(log) => log.push_back(new),
            None => {
                logs.insert(key.to_string(), VecDeque::from([new]));
            }
        }
        drop(logs);
        let mut listeners = self.listeners();
        listeners.retain(|l| l.strong_count() > 0);
        let listening: Vec<_> = listeners.iter().filter_map(Weak::upgrade).collect();
        drop(listeners);
        for listener in listening {
            listener.committed(key, seqno);
        }
        Ok(CaSResult::Committed)
    }

    fn scan(&self, key: &str, from: SeqNo, limit: u64) -> Result<Vec<VersionedData>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let logs = self.lock();
        let Some(log) = logs.get(key) else {
            return Ok(Vec::new());
        };
        let start = log.partition_point(|e| e.seqno < from);
        Ok(log.range(start..).take(limit).cloned().collect())
    }

    fn truncate(&self, key: &str, seqno: SeqNo) -> Result<Option<u64>, StoreError> {
        let mut logs = self.lock();
        let log = logs.get_mut(key);
        match log {
            Some(log) if log.back().is_some_and(|head| seqno <= head.seqno) => {
                let count = log.partition_point(|e| e.seqno < seqno);
                log.drain(..count);
                Ok(Some(count as u64))
            }
            Some(_) | None => Err(truncate_too_high(seqno)),
        }
    }

    fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.lock().keys().cloned().collect())
    }

    fn tell(&self, listener: Weak<dyn CommitListener>) -> bool {
        self.listeners().push(listener);
        true
    }
}
