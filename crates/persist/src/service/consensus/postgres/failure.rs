//! What a failed statement means: refused by the server, or lost.

use tokio_postgres::error::SqlState;

use crate::service::error::{StoreError, one_line};

/// Why a statement failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be serialized, and surely did not happen.
    Refused,
    Store(StoreError),
}

impl From<&tokio_postgres::Error> for Failure {
    fn from(error: &tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE) {
            return Failure::Refused;
        }
        Failure::Store(lost(error))
    }
}

/// Any error but the refusal to serialize counts as: may have happened (§1.2).
pub(super) fn lost(e: &tokio_postgres::Error) -> StoreError {
    StoreError::Indeterminate(match e.as_db_error() {
        Some(db) => format!("postgres: {} (SQLSTATE {})", db.message(), db.code().code()),
        None => format!("postgres: {}", one_line(e)),
    })
}
