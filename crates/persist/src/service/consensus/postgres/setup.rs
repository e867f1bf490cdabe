//! Opening: reading the URL, and creating the table where it is missing.
//!
//! Invariant: opening twice at once, also from two processes, is the same as
//! opening once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

use super::pool::Pool;
use crate::service::error::one_line;

/// How long a server that does not answer is waited for: it may be starting.
const PATIENCE: Duration = Duration::from_secs(10);

/// The settings of a URL. Errors name what is wrong with it.
pub(super) fn config(url: &str) -> Result<Config, String> {
    let mut config: Config = url.parse().map_err(|e| one_line(&e))?;
    if config.get_user().is_none_or(str::is_empty) {
        return Err("expected a user, postgres://USER@HOST:PORT/DATABASE".into());
    }
    if config.get_hosts().is_empty() {
        return Err("expected a host, postgres://USER@HOST:PORT/DATABASE".into());
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(5));
    }
    if config.get_application_name().is_none() {
        config.application_name("clusterd-fuzz");
    }
    config
        .tcp_user_timeout(Duration::from_secs(30))
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(5);
    Ok(config)
}

/// What stands in the way of opening.
enum Obstacle {
    /// It may go away by itself: a race with another process, a server that
    /// is starting.
    Passing(String),
    Lasting(String),
}

/// Makes sure that the table is there.
pub(super) async fn open(pool: &Arc<Pool>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(4);
    loop {
        match attempt(pool).await {
            Ok(()) => return Ok(()),
            Err(Obstacle::Lasting(why)) => return Err(why),
            Err(Obstacle::Passing(why)) if Instant::now() >= deadline => return Err(why),
            Err(Obstacle::Passing(why)) => {
                tracing::debug!(why, "opening Postgres again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(500));
            }
        }
    }
}

fn obstacle(error: &tokio_postgres::Error) -> Obstacle {
    let Some(db) = error.as_db_error() else {
        return Obstacle::Passing(one_line(error));
    };
    let why = format!("{} (SQLSTATE {})", db.message(), db.code().code());
    // Two processes that create the same thing, `IF NOT EXISTS` or not.
    let races = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_SCHEMA,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
    ];
    if races.contains(db.code()) || why.contains("concurrently") {
        Obstacle::Passing(why)
    } else {
        Obstacle::Lasting(why)
    }
}

async fn attempt(pool: &Arc<Pool>) -> Result<(), Obstacle> {
    // Not through the pool: its errors are those of operations.
    let connected = pool.config().connect(tokio_postgres::NoTls).await;
    let (client, connection) = connected.map_err(|e| obstacle(&e))?;
    let driver = tokio::spawn(connection);
    let outcome = create(pool, &client).await;
    drop(client);
    // It ends with the client.
    let _ = driver.await;
    outcome
}

async fn create(pool: &Arc<Pool>, client: &tokio_postgres::Client) -> Result<(), Obstacle> {
    let exists = "SELECT to_regclass('consensus') IS NOT NULL, version()";
    let row = client
        .query_one(exists, &[])
        .await
        .map_err(|e| obstacle(&e))?;
    let exists: bool = row.try_get(0).map_err(|e| obstacle(&e))?;
    if exists {
        return Ok(());
    }
    let version: String = row.try_get(1).map_err(|e| obstacle(&e))?;
    let user = pool.config().get_user().unwrap_or_default();
    let user = format!("\"{}\"", user.replace('"', "\"\""));
    let schema = format!("CREATE SCHEMA IF NOT EXISTS consensus AUTHORIZATION {user}");
    let cockroach = version.starts_with("CockroachDB");
    let storage = if cockroach {
        " WITH (sql_stats_automatic_collection_enabled = false)"
    } else {
        ""
    };
    let table = format!(
        "CREATE TABLE IF NOT EXISTS consensus (
            shard text NOT NULL,
            sequence_number bigint NOT NULL,
            data bytea NOT NULL,
            PRIMARY KEY (shard, sequence_number)
        ){storage}"
    );
    let mut steps = vec![schema, table];
    if cockroach {
        steps.push("ALTER TABLE consensus CONFIGURE ZONE USING gc.ttlseconds = 600".into());
    }
    for step in steps {
        client
            .batch_execute(&step)
            .await
            .map_err(|e| match obstacle(&e) {
                Obstacle::Lasting(why) => {
                    Obstacle::Lasting(format!("cannot create the table consensus: {why}"))
                }
                passing @ Obstacle::Passing(_) => passing,
            })?;
    }
    Ok(())
}
