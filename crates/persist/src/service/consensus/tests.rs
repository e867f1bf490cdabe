//! The contract of consensus, asked of every store.

use std::sync::Arc;

use bytes::Bytes;

use super::*;

#[path = "../../../../../tests/support/postgres.rs"]
mod postgres_server;

fn put(store: &dyn Consensus, key: &str, seqno: u64) -> CaSResult {
    let data = Bytes::from(format!("{key} {seqno}"));
    store
        .compare_and_set(
            key,
            VersionedData {
                seqno: SeqNo(seqno),
                data,
            },
        )
        .unwrap()
}

/// Every rule of `spec/persist.md` §1.1 that one caller can see.
pub(super) fn contract(store: &dyn Consensus) {
    use CaSResult::{Committed, ExpectationMismatch};
    assert_eq!(store.head("a").unwrap(), None);
    assert!(store.scan("a", SeqNo(0), SCAN_ALL).unwrap().is_empty());
    assert!(store.truncate("a", SeqNo(0)).is_err());
    assert_eq!(put(store, "a", 1), ExpectationMismatch);
    assert_eq!(put(store, "a", 0), Committed);
    assert_eq!(put(store, "a", 0), ExpectationMismatch);
    assert_eq!(put(store, "a", 2), ExpectationMismatch);
    for n in 1..6 {
        assert_eq!(put(store, "a", n), Committed);
    }
    assert_eq!(put(store, "b", 0), Committed);
    assert_eq!(store.head("a").unwrap().unwrap().seqno, SeqNo(5));
    let some = store.scan("a", SeqNo(2), 2).unwrap();
    assert_eq!(some.len(), 2);
    assert_eq!(some[0].seqno, SeqNo(2));
    assert_eq!(&some[1].data[..], b"a 3");
    let err = store.truncate("a", SeqNo(6)).unwrap_err();
    assert_eq!(
        err.to_string(),
        "upper bound too high for truncate: SeqNo(6)"
    );
    assert_eq!(store.truncate("a", SeqNo(3)).unwrap(), Some(3));
    assert_eq!(store.truncate("a", SeqNo(3)).unwrap(), Some(0));
    assert_eq!(store.scan("a", SeqNo(0), SCAN_ALL).unwrap().len(), 3);
    assert_eq!(put(store, "a", 0), ExpectationMismatch);
    let mut keys = store.list_keys().unwrap();
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
    let beyond = VersionedData {
        seqno: SeqNo(u64::MAX),
        data: Bytes::new(),
    };
    assert!(store.compare_and_set("a", beyond).is_err());
}

/// Threads that race on every seqno: each is won exactly once.
pub(super) fn race(open: impl Fn() -> Arc<dyn Consensus>) {
    let wins: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let store = open();
                scope.spawn(move || {
                    (0..50)
                        .filter(|n| put(&*store, "race", *n) == CaSResult::Committed)
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    let log = open().scan("race", SeqNo(0), SCAN_ALL).unwrap();
    assert_eq!(wins, log.len());
    assert!(log.iter().enumerate().all(|(i, e)| e.seqno.0 == i as u64));
}

#[test]
fn memory_keeps_the_contract() {
    contract(&MemConsensus::default());
    let store = Arc::new(MemConsensus::default());
    race(|| Arc::<MemConsensus>::clone(&store));
}

#[test]
fn sqlite_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("consensus.db").display());
    contract(&*open_consensus(&url).unwrap());
    race(|| open_consensus(&url).unwrap());
}

#[test]
fn postgres_keeps_the_contract() {
    let Some(server) = postgres_server::server("postgres_keeps_the_contract") else {
        return;
    };
    contract(&*open_consensus(&server.url()).unwrap());
    race(|| open_consensus(&server.url()).unwrap());
    // One store with one pool, and threads.
    let store = open_consensus(&server.plain_url()).unwrap();
    assert!(store.head("race").unwrap().is_none(), "another schema");
    race(|| Arc::clone(&store));
}

#[test]
fn postgres_that_is_opened_by_many_at_once_is_made_once() {
    let Some(server) = postgres_server::server("postgres_that_is_opened_by_many_at_once") else {
        return;
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| open_consensus(&server.url()).unwrap());
        }
    });
}

#[test]
fn postgres_that_drops_its_connections_is_found_again() {
    let Ok(server) = postgres_server::Postgres::start() else {
        return eprintln!("postgres_that_drops_its_connections: skipped, no server");
    };
    let store = open_consensus(&server.url()).unwrap();
    assert_eq!(put(&*store, "a", 0), CaSResult::Committed);
    let url = server.url();
    let runtime = crate::service::runtime::handle().unwrap();
    crate::service::runtime::wait(&runtime, async move {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND application_name = 'clusterd-fuzz'";
        client.query(others, &[]).await.unwrap()
    })
    .unwrap();
    // An operation on a connection that just went may fail, the next one not.
    let head = crate::service::retry::retry(std::time::Duration::from_secs(30), || store.head("a"));
    assert_eq!(head.unwrap().unwrap().seqno, SeqNo(0));
    drop(server);
    let gone = store.head("a").unwrap_err().to_string();
    assert!(
        gone.starts_with("postgres: ") && !gone.contains('\n'),
        "{gone}"
    );
}

#[test]
fn a_named_memory_store_is_shared_while_it_is_held() {
    let first = open_consensus("mem://consensus-tests-shared").unwrap();
    put(&*first, "a", 0);
    let second = open_consensus("mem://consensus-tests-shared").unwrap();
    assert!(second.head("a").unwrap().is_some());
    let private = open_consensus("mem:").unwrap();
    assert!(private.head("a").unwrap().is_none());
    drop((first, second));
    let fresh = open_consensus("mem://consensus-tests-shared").unwrap();
    assert!(fresh.head("a").unwrap().is_none());
}

#[test]
fn what_names_no_store_says_so_in_one_line() {
    let message = |url| open_consensus(url).unwrap_err().to_string();
    assert_eq!(
        message("memory"),
        "consensus URL `memory`: expected mem:, sqlite:PATH or postgres://…"
    );
    assert_eq!(
        message("mysql://x"),
        "consensus URL `mysql://x`: unknown scheme `mysql`, expected mem:, sqlite:PATH or postgres://…"
    );
    assert_eq!(
        message("sqlite:"),
        "consensus URL `sqlite:`: expected a file path after sqlite:"
    );
    assert!(!message("sqlite:/nowhere/at/all/x.db").contains('\n'));
    assert_eq!(
        message("postgres://localhost/x"),
        "consensus URL `postgres://localhost/x`: expected a user, postgres://USER@HOST:PORT/DATABASE"
    );
    assert_eq!(
        message("postgres://:secret@h/x"),
        "consensus URL `postgres://:***@h/x`: expected a user, postgres://USER@HOST:PORT/DATABASE"
    );
    let unparsable = message("postgres://u@h:port/x");
    assert!(unparsable.contains("port"), "{unparsable}");
}
