//! A few connections, each with its prepared statements.
//!
//! Invariant: a connection goes back into the pool only if the server has
//! answered everything that was asked on it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};

use super::failure::Failure;
use crate::service::error::{StoreError, one_line};

/// Commands of one process on one shard wait for each other anyway.
const MAX_CONNECTIONS: usize = 8;

/// After this long a connection is replaced, so that a restarted or scaled
/// database is found again.
const LIFETIME: Duration = Duration::from_secs(300);

/// What is asked of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statement {
    Head,
    Scan,
    First,
    Append,
    Truncate,
    Keys,
}

impl Statement {
    const COUNT: usize = 6;

    /// The text and the types of its parameters.
    fn text(self) -> (&'static str, &'static [Type]) {
        match self {
            Statement::Head => (
                "SELECT sequence_number, data FROM consensus
                 WHERE shard = $1 ORDER BY sequence_number DESC LIMIT 1",
                &[Type::TEXT],
            ),
            Statement::Scan => (
                "SELECT sequence_number, data FROM consensus
                 WHERE shard = $1 AND sequence_number >= $2
                 ORDER BY sequence_number ASC LIMIT $3",
                &[Type::TEXT, Type::INT8, Type::INT8],
            ),
            Statement::First => (
                "INSERT INTO consensus (shard, sequence_number, data)
                 SELECT $1, 0, $2
                 WHERE NOT EXISTS (SELECT 1 FROM consensus WHERE shard = $1)
                 ON CONFLICT DO NOTHING",
                &[Type::TEXT, Type::BYTEA],
            ),
            Statement::Append => (
                "INSERT INTO consensus (shard, sequence_number, data)
                 SELECT $1, $2, $3
                 WHERE $4 = (
                    SELECT sequence_number FROM consensus
                    WHERE shard = $1 ORDER BY sequence_number DESC LIMIT 1
                 )
                 ON CONFLICT DO NOTHING",
                &[Type::TEXT, Type::INT8, Type::BYTEA, Type::INT8],
            ),
            // Programs from 26.31 on keep a sentinel at -1 (`spec/v26_39.md` §6.2).
            Statement::Truncate => (
                "DELETE FROM consensus
                 WHERE shard = $1 AND sequence_number BETWEEN 0 AND $2 - 1 AND EXISTS (
                    SELECT 1 FROM consensus WHERE shard = $1 AND sequence_number >= $2
                 )",
                &[Type::TEXT, Type::INT8],
            ),
            Statement::Keys => ("SELECT DISTINCT shard FROM consensus", &[]),
        }
    }
}

struct PreparedClient {
    client: Client,
    born: Instant,
    prepared: [Option<tokio_postgres::Statement>; Statement::COUNT],
}

/// The connections to one database.
pub(super) struct Pool {
    config: Config,
    idle: Mutex<Vec<PreparedClient>>,
    permits: Arc<Semaphore>,
}

impl fmt::Display for Pool {
    /// The place, without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.config.get_user().unwrap_or("");
        let database = self.config.get_dbname().unwrap_or(user);
        write!(
            f,
            "{user}@{:?}:{:?}/{database}",
            self.config.get_hosts(),
            self.config.get_ports()
        )
    }
}

impl Pool {
    pub fn new(config: Config) -> Self {
        Pool {
            config,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    fn take_idle(&self) -> Option<PreparedClient> {
        let mut idle = self.idle.lock();
        idle.retain(|s| !s.client.is_closed() && s.born.elapsed() < LIFETIME);
        idle.pop()
    }

    /// A connection, waiting for one if all are in use. An error means that
    /// nothing was asked of the server yet.
    pub async fn get(self: &Arc<Self>) -> Result<Connection, Failure> {
        let unasked =
            |why: String| Failure::Store(StoreError::Determinate(format!("postgres: {why}")));
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| unasked("the pool is closed".into()))?;
        let session = match self.take_idle() {
            Some(session) => session,
            None => self.connect().await.map_err(|e| unasked(one_line(&e)))?,
        };
        Ok(Connection {
            pool: Arc::clone(self),
            session,
            _permit: permit,
        })
    }

    async fn connect(&self) -> Result<PreparedClient, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        // Ends when the client is dropped, or with an error that the client's
        // pending calls return.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to Postgres ended");
            }
        });
        // A scan of the whole (small) table would take a predicate lock on all
        // of it, and let commands on different shards refuse each other.
        client
            .batch_execute(
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            )
            .await?;
        if let Err(error) = client.batch_execute("SET enable_seqscan = off").await {
            tracing::debug!(%error, "not Postgres proper");
        }
        Ok(PreparedClient {
            client,
            born: Instant::now(),
            prepared: [const { None }; Statement::COUNT],
        })
    }
}

/// A connection in use.
pub(super) struct Connection {
    pool: Arc<Pool>,
    session: PreparedClient,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn prepare(
        &mut self,
        statement: Statement,
    ) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
        let place = statement as usize;
        if let Some(Some(prepared)) = self.session.prepared.get(place) {
            return Ok(prepared.clone());
        }
        let (text, types) = statement.text();
        let prepared = self.session.client.prepare_typed(text, types).await?;
        if let Some(slot) = self.session.prepared.get_mut(place) {
            *slot = Some(prepared.clone());
        }
        Ok(prepared)
    }

    pub async fn query(
        mut self,
        statement: Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let outcome = match self.prepare(statement).await {
            Ok(prepared) => self.session.client.query(&prepared, params).await,
            Err(error) => Err(error),
        };
        self.done(outcome)
    }

    pub async fn execute(
        mut self,
        statement: Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Failure> {
        let outcome = match self.prepare(statement).await {
            Ok(prepared) => self.session.client.execute(&prepared, params).await,
            Err(error) => Err(error),
        };
        self.done(outcome)
    }

    /// Gives the connection back, unless it is the connection that failed.
    fn done<T>(self, outcome: Result<T, tokio_postgres::Error>) -> Result<T, Failure> {
        let answered = match &outcome {
            Ok(_) => true,
            Err(error) => error.as_db_error().is_some(),
        };
        if answered && !self.session.client.is_closed() {
            let mut idle = self.pool.idle.lock();
            idle.push(self.session);
        }
        outcome.map_err(|e| Failure::from(&e))
    }
}
