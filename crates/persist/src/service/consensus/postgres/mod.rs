//! Consensus in the table `consensus` of a Postgres (or CockroachDB) database,
//! the one that real processes use (`spec/persist.md` §1.2).
//!
//! Invariant: every operation is one statement in a SERIALIZABLE transaction
//! of its own, so that a lost race is a serialization failure or a mismatch,
//! never a double commit. Under a weaker isolation a compare-and-set could
//! pass a truncation and commit a seqno that is long gone.

mod failure;
mod pool;
mod setup;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{CaSResult, Consensus, check_seqno, truncate_too_high};
use crate::format::seqno::{SeqNo, VersionedData};
use crate::service::error::StoreError;
use crate::service::runtime;
use failure::{Failure, lost};
use pool::{Pool, Statement};

/// How long one operation may take before it counts as lost.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a statement that the server refused to serialize is repeated at
/// once. Beyond that the caller's own retries apply.
const SERIALIZATION_RETRIES: u32 = 20;

/// A store in a Postgres table.
pub struct PostgresConsensus {
    pool: Arc<Pool>,
    runtime: Handle,
}

impl fmt::Debug for PostgresConsensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresConsensus({})", self.pool)
    }
}

impl PostgresConsensus {
    /// Opens the table that the URL leads to; creates it if it is not there.
    pub(super) fn open(url: &str) -> Result<Self, String> {
        let config = setup::config(url)?;
        let runtime = runtime::handle().map_err(|e| format!("no threads: {e}"))?;
        let pool = Arc::new(Pool::new(config));
        let opening = Arc::clone(&pool);
        runtime::wait(&runtime, async move { setup::open(&opening).await })
            .ok_or("opening it panicked")??;
        Ok(PostgresConsensus { pool, runtime })
    }

    /// Runs a statement until the server has serialized it.
    fn run<T: Send + 'static, F>(
        &self,
        op: impl Fn(Arc<Pool>) -> F + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let pool = Arc::clone(&self.pool);
        let result = runtime::wait(&self.runtime, async move {
            let mut pause = Duration::from_millis(1);
            for _ in 0..SERIALIZATION_RETRIES {
                let outcome = tokio::time::timeout(OPERATION_TIMEOUT, op(Arc::clone(&pool))).await;
                match outcome {
                    Ok(Err(Failure::Refused)) => {
                        let jitter = rand::random_range(0.5..1.5);
                        tokio::time::sleep(pause.mul_f64(jitter)).await;
                        pause = (pause * 2).min(Duration::from_millis(32));
                    }
                    Ok(Err(Failure::Store(error))) => return Err(error),
                    Ok(Ok(value)) => return Ok(value),
                    Err(_) => {
                        return Err(StoreError::Indeterminate(
                            "postgres: timeout, no answer within 30 s".into(),
                        ));
                    }
                }
            }
            Err(StoreError::Determinate(format!(
                "postgres: could not serialize access, {SERIALIZATION_RETRIES} times in a row"
            )))
        });
        result.unwrap_or_else(|| Err(StoreError::Indeterminate("postgres: panicked".into())))
    }

    fn rows(
        &self,
        statement: Statement,
        params: Vec<Param>,
    ) -> Result<Vec<VersionedData>, StoreError> {
        self.run(move |pool| {
            let params = params.clone();
            async move {
                let connection = pool.get().await?;
                let rows = connection.query(statement, &refs(&params)).await?;
                rows.iter()
                    .map(|row| entry(row).map_err(Failure::Store))
                    .collect()
            }
        })
    }

    fn count(&self, statement: Statement, params: Vec<Param>) -> Result<u64, StoreError> {
        self.run(move |pool| {
            let params = params.clone();
            async move {
                let connection = pool.get().await?;
                connection.execute(statement, &refs(&params)).await
            }
        })
    }
}

/// A parameter that can be sent again.
type Param = Arc<dyn ToSql + Sync + Send>;

fn param(value: impl ToSql + Sync + Send + 'static) -> Param {
    Arc::new(value)
}

fn refs(params: &[Param]) -> Vec<&(dyn ToSql + Sync)> {
    params
        .iter()
        .map(|p| {
            let p: &(dyn ToSql + Sync) = p.as_ref();
            p
        })
        .collect()
}

fn entry(row: &Row) -> Result<VersionedData, StoreError> {
    let seqno: i64 = row.try_get(0).map_err(|e| lost(&e))?;
    let data: &[u8] = row.try_get(1).map_err(|e| lost(&e))?;
    let seqno = u64::try_from(seqno)
        .map_err(|_| StoreError::Invalid(format!("postgres: sequence number {seqno}")))?;
    Ok(VersionedData {
        seqno: SeqNo(seqno),
        data: Bytes::copy_from_slice(data),
    })
}

impl Consensus for PostgresConsensus {
    fn head(&self, key: &str) -> Result<Option<VersionedData>, StoreError> {
        let rows = self.rows(Statement::Head, vec![param(key.to_string())])?;
        Ok(rows.into_iter().next())
    }

    fn compare_and_set(&self, key: &str, new: VersionedData) -> Result<CaSResult, StoreError> {
        let seqno = check_seqno(new.seqno)?;
        let key = param(key.to_string());
        let data = param(new.data.to_vec());
        let inserted = match seqno.checked_sub(1).filter(|n| *n >= 0) {
            None => self.count(Statement::First, vec![key, data])?,
            Some(expected) => self.count(
                Statement::Append,
                vec![key, param(seqno), data, param(expected)],
            )?,
        };
        Ok(match inserted {
            0 => CaSResult::ExpectationMismatch,
            _ => CaSResult::Committed,
        })
    }

    fn scan(&self, key: &str, from: SeqNo, limit: u64) -> Result<Vec<VersionedData>, StoreError> {
        let from = check_seqno(from)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let key = param(key.to_string());
        self.rows(Statement::Scan, vec![key, param(from), param(limit)])
    }

    fn truncate(&self, key: &str, seqno: SeqNo) -> Result<Option<u64>, StoreError> {
        let bound = check_seqno(seqno)?;
        let deleted = self.count(
            Statement::Truncate,
            vec![param(key.to_string()), param(bound)],
        )?;
        if deleted == 0 {
            // Nothing to do, or too high?
            let head = self.head(key)?;
            if head.is_none_or(|head| seqno > head.seqno) {
                return Err(truncate_too_high(seqno));
            }
        }
        Ok(Some(deleted))
    }

    fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        self.run(|pool| async move {
            let connection = pool.get().await?;
            let rows = connection.query(Statement::Keys, &[]).await?;
            rows.iter()
                .map(|row| row.try_get(0).map_err(|e| Failure::from(&e)))
                .collect()
        })
    }
}
