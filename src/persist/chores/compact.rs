//! Compaction (being built).
use crate::persist::error::PersistError;
use crate::persist::shard::{Routine, Shard};
use crate::persist::trace::MergeReq;
use std::sync::Arc;

/// Runs a compaction.
pub(super) fn compact(_shard: &Arc<Shard>, _request: &MergeReq) -> Result<Routine, PersistError> {
    Ok(Routine::default())
}
