//! Stores that fail, before or after they did what they were asked to. What
//! this file alone can catch: a write that counts twice because its first
//! attempt was believed lost, or a blob deleted that a lost commit names.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use clusterd_fuzz::persist::VersionedData;
use clusterd_fuzz::persist::blob::MemBlob;
use clusterd_fuzz::persist::consensus::{CaSResult, MemConsensus};
use clusterd_fuzz::persist::{
    Blob, Consensus, Maintenance, PersistClient, PersistConfig, SeqNo, SourceDatum, StoreError,
    check,
};
use clusterd_fuzz::repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Fails now and then: half of the time after it was done.
#[derive(Debug)]
struct Unreliable<S> {
    store: Arc<S>,
    chance: Mutex<StdRng>,
}

impl<S> Unreliable<S> {
    fn new(store: &Arc<S>, seed: u64) -> Arc<Self> {
        Arc::new(Unreliable {
            store: Arc::clone(store),
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
        })
    }

    fn run<T>(&self, op: impl FnOnce(&S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let roll: u32 = self.chance.lock().unwrap().random_range(0..100);
        let fail = || StoreError::Indeterminate("unreliable".into());
        match roll {
            0..8 => Err(fail()),
            8..16 => op(&self.store).and_then(|_| Err(fail())),
            16..20 => Err(StoreError::Determinate("unreliable".into())),
            _ => op(&self.store),
        }
    }
}

impl Consensus for Unreliable<MemConsensus> {
    fn head(&self, key: &str) -> Result<Option<VersionedData>, StoreError> {
        self.run(|s| s.head(key))
    }
    fn compare_and_set(&self, key: &str, new: VersionedData) -> Result<CaSResult, StoreError> {
        self.run(|s| s.compare_and_set(key, new))
    }
    fn scan(&self, key: &str, from: SeqNo, limit: u64) -> Result<Vec<VersionedData>, StoreError> {
        self.run(|s| s.scan(key, from, limit))
    }
    fn truncate(&self, key: &str, seqno: SeqNo) -> Result<Option<u64>, StoreError> {
        self.run(|s| s.truncate(key, seqno))
    }
    fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        self.run(|s| s.list_keys())
    }
}

impl Blob for Unreliable<MemBlob> {
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.run(|s| s.get(key))
    }
    fn set(&self, key: &str, value: Bytes) -> Result<(), StoreError> {
        self.run(|s| s.set(key, value))
    }
    fn delete(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.run(|s| s.delete(key))
    }
    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreError> {
        self.run(|s| s.list(prefix))
    }
}

fn desc() -> RelationDesc {
    RelationDesc::from_columns([
        ("writer", SqlScalarType::Int64, false),
        ("n", SqlScalarType::Int64, false),
    ])
}

fn row(writer: i64, n: i64) -> SourceDatum {
    Ok(Row::pack([Datum::Int64(writer), Datum::Int64(n)]))
}

const WRITERS: i64 = 2;
const WRITES: i64 = 120;

fn race(seed: u64) {
    let shard: ShardId = "s00000000-0000-4000-8000-0000000000bb".parse().unwrap();
    let (consensus, blob) = (
        Arc::new(MemConsensus::default()),
        Arc::new(MemBlob::default()),
    );
    let client = |n: u64| {
        let config = PersistConfig {
            maintenance: Maintenance::Inline,
            // Everything is due at once, and parts are blobs.
            rollup_threshold: 8,
            compaction_min_inputs: 2,
            inline_writes_single_max_bytes: 0,
            retry_for: Duration::from_secs(600),
            ..PersistConfig::default()
        };
        PersistClient::new(
            Unreliable::new(&blob, seed * 10 + n),
            Unreliable::new(&consensus, seed * 10 + n + 5),
            config,
        )
    };
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let client = client(writer as u64);
            scope.spawn(move || {
                let mut handle = client.open_writer(shard, &desc(), "racing").unwrap();
                let mut upper = 0;
                let mut n = 0;
                while n < WRITES {
                    let (from, to) = (Antichain::from_elem(upper), Antichain::from_elem(upper + 1));
                    let update = [(row(writer, n), upper, 1)];
                    match handle.compare_and_append(&update, from, to).unwrap() {
                        Ok(()) => {
                            upper += 1;
                            n += 1;
                        }
                        Err(mismatch) => upper = mismatch.current.as_option().unwrap(),
                    }
                }
            });
        }
    });
    let total = WRITERS * WRITES;
    let config = PersistConfig::for_stores("mem:");
    let client = PersistClient::new(
        Arc::<MemBlob>::clone(&blob),
        Arc::<MemConsensus>::clone(&consensus),
        config,
    );
    assert_eq!(
        client.upper(shard).unwrap(),
        Antichain::from_elem(total as u64)
    );
    let reader = client.open_leased_reader(shard, &desc(), "test").unwrap();
    let rows = reader.snapshot(total as u64 - 1).unwrap();
    assert_eq!(rows.len(), total as usize, "seed {seed}");
    assert!(rows.iter().all(|u| u.2 == 1), "seed {seed}");
    let report = check(client.blob(), client.consensus(), shard).unwrap();
    assert_eq!(report.broken, Vec::<String>::new(), "seed {seed}");
}

#[test]
fn writers_on_stores_that_fail_at_random_lose_and_double_nothing() {
    for seed in 0..3 {
        race(seed);
    }
}
