//! Consensus in one SQLite file, for newcomers and tests without a server.
//! Our own extension: a real clusterd cannot open it (`spec/persist.md` §1.4).
//!
//! Invariant: compare-and-set runs inside an immediate transaction, so that
//! the writers of several processes are serialized by SQLite's file lock.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{CaSResult, Consensus, check_seqno, truncate_too_high};
use crate::format::seqno::{SeqNo, VersionedData};
use crate::service::error::StoreError;

/// How long an operation waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// A store in a SQLite file.
pub struct SqliteConsensus {
    path: String,
    connection: Mutex<Connection>,
}

impl fmt::Debug for SqliteConsensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteConsensus({})", self.path)
    }
}

impl SqliteConsensus {
    /// Opens or creates the file of a URL's rest (`PATH[?sync=MODE]`). The
    /// folder must exist.
    ///
    /// `sync=normal` (the default) survives a crash of the process, and loses
    /// the last commits at most when the machine itself goes down; `sync=full`
    /// loses nothing; `sync=off`, for scratch stores, may then ruin the file.
    pub(super) fn open(path: &str) -> Result<Self, String> {
        let (path, mode) = match path.split_once("?sync=") {
            None => (path, "NORMAL"),
            Some((path, "off")) => (path, "OFF"),
            Some((path, "normal")) => (path, "NORMAL"),
            Some((path, "full")) => (path, "FULL"),
            Some((_, other)) => {
                return Err(format!("sync={other}: expected off, normal or full"));
            }
        };
        let file = path.strip_prefix("//").unwrap_or(path);
        if file.is_empty() {
            return Err("expected a file path after sqlite:".into());
        }
        if Path::new(file).is_dir() {
            return Err("the path is a directory".into());
        }
        let connection = Connection::open(file)
            .and_then(|c| init(&c, mode).map(|()| c))
            .map_err(|e| e.to_string())?;
        Ok(SqliteConsensus {
            path: file.to_string(),
            connection: Mutex::new(connection),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock()
    }
}

fn init(connection: &Connection, sync: &str) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Switching the journal needs the file alone and does not wait for it, so
    // that processes that open a new file at once meet an error here. The
    // first does it for all; the file remembers it.
    let mut tries = 0;
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| {
            row.get::<_, String>(0)
        });
        match mode {
            Ok(_) => break,
            Err(rusqlite::Error::SqliteFailure(e, _))
                if e.code == rusqlite::ErrorCode::DatabaseBusy && tries < 2000 =>
            {
                tries += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(e) => return Err(e),
        }
    }
    connection.pragma_update(None, "synchronous", sync)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS consensus (
            shard TEXT NOT NULL,
            sequence_number INTEGER NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (shard, sequence_number)
        ) WITHOUT ROWID",
    )
}

/// SQLite reports before it commits, so a failed operation did not happen,
/// except where the disk itself failed.
fn store_error(e: rusqlite::Error) -> StoreError {
    match &e {
        rusqlite::Error::SqliteFailure(code, _)
            if matches!(
                code.code,
                rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked
            ) =>
        {
            StoreError::Determinate(format!("sqlite: {e}"))
        }
        _ => StoreError::Indeterminate(format!("sqlite: {e}")),
    }
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<VersionedData> {
    let seqno: i64 = row.get(0)?;
    let data: Vec<u8> = row.get(1)?;
    Ok(VersionedData {
        seqno: SeqNo(u64::try_from(seqno).unwrap_or(0)),
        data: Bytes::from(data),
    })
}

const HEAD: &str = "SELECT sequence_number, data FROM consensus
    WHERE shard = ?1 ORDER BY sequence_number DESC LIMIT 1";
const HEAD_SEQNO: &str = "SELECT max(sequence_number) FROM consensus WHERE shard = ?1";

impl Consensus for SqliteConsensus {
    fn head(&self, key: &str) -> Result<Option<VersionedData>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(HEAD).map_err(store_error)?;
        query
            .query_row(params![key], entry)
            .optional()
            .map_err(store_error)
    }

    fn compare_and_set(&self, key: &str, new: VersionedData) -> Result<CaSResult, StoreError> {
        let seqno = check_seqno(new.seqno)?;
        let mut connection = self.lock();
        let tx = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(store_error)?;
        let head: Option<i64> = tx
            .prepare_cached(HEAD_SEQNO)
            .and_then(|mut q| q.query_row(params![key], |row| row.get(0)))
            .map_err(store_error)?;
        if head != seqno.checked_sub(1).filter(|n| *n >= 0) {
            return Ok(CaSResult::ExpectationMismatch);
        }
        tx.prepare_cached(
            "INSERT INTO consensus (shard, sequence_number, data) VALUES (?1, ?2, ?3)",
        )
        .and_then(|mut q| q.execute(params![key, seqno, &new.data[..]]))
        .map_err(store_error)?;
        tx.commit().map_err(store_error)?;
        Ok(CaSResult::Committed)
    }

    fn scan(&self, key: &str, from: SeqNo, limit: u64) -> Result<Vec<VersionedData>, StoreError> {
        let from = check_seqno(from)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let connection = self.lock();
        let mut query = connection
            .prepare_cached(
                "SELECT sequence_number, data FROM consensus
                 WHERE shard = ?1 AND sequence_number >= ?2
                 ORDER BY sequence_number LIMIT ?3",
            )
            .map_err(store_error)?;
        let rows = query
            .query_map(params![key, from, limit], entry)
            .map_err(store_error)?;
        rows.collect::<Result<_, _>>().map_err(store_error)
    }

    fn truncate(&self, key: &str, seqno: SeqNo) -> Result<Option<u64>, StoreError> {
        let bound = check_seqno(seqno)?;
        let mut connection = self.lock();
        let tx = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(store_error)?;
        let head: Option<i64> = tx
            .prepare_cached(HEAD_SEQNO)
            .and_then(|mut q| q.query_row(params![key], |row| row.get(0)))
            .map_err(store_error)?;
        if head.is_none_or(|head| bound > head) {
            return Err(truncate_too_high(seqno));
        }
        let count = tx
            .prepare_cached("DELETE FROM consensus WHERE shard = ?1 AND sequence_number < ?2")
            .and_then(|mut q| q.execute(params![key, bound]))
            .map_err(store_error)?;
        tx.commit().map_err(store_error)?;
        Ok(Some(count as u64))
    }

    fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        let connection = self.lock();
        let mut query = connection
            .prepare_cached("SELECT DISTINCT shard FROM consensus")
            .map_err(store_error)?;
        let rows = query.query_map([], |row| row.get(0)).map_err(store_error)?;
        rows.collect::<Result<_, _>>().map_err(store_error)
    }
}
