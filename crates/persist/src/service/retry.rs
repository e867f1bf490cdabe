//! Trying again (`spec/persist.md` §1.3): from 4 ms, doubling, at most 16 s
//! apart.
//!
//! Invariant: what cannot succeed is not tried again.

use std::time::{Duration, Instant};

use super::error::StoreError;

/// The pauses of one operation.
#[derive(Debug)]
pub struct Retry {
    deadline: Instant,
    backoff: Duration,
}

impl Retry {
    /// Retries for `limit` from now.
    pub fn new(limit: Duration) -> Self {
        Retry {
            deadline: Instant::now() + limit,
            backoff: Duration::from_millis(4),
        }
    }

    /// Waits for the next try. `Err(error)` if time is up, or if it is an
    /// error that stays.
    pub fn pause(&mut self, error: StoreError) -> Result<(), StoreError> {
        match &error {
            StoreError::Invalid(_) => return Err(error),
            StoreError::Determinate(_) | StoreError::Indeterminate(_) => {}
        }
        if Instant::now() >= self.deadline {
            return Err(error);
        }
        tracing::debug!(%error, "retrying");
        std::thread::sleep(self.backoff);
        self.backoff = (self.backoff * 2).min(Duration::from_secs(16));
        Ok(())
    }
}

/// Repeats `op` until it succeeds, fails for good, or time is up.
pub fn retry<T>(
    limit: Duration,
    mut op: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut pauses: Option<Retry> = None;
    loop {
        match op() {
            Ok(value) => return Ok(value),
            Err(error) => pauses
                .get_or_insert_with(|| Retry::new(limit))
                .pause(error)?,
        }
    }
}
