//! Writing the whole state to blob (`spec/persist.md` §4.9).
//!
//! Invariant: the blob is written before the state names it, and deleted if
//! the state does not take it.

use std::sync::Arc;

use crate::format::state::encode_rollup;
use crate::format::wire::state::ProtoHollowRollup;
use crate::service::error::PersistError;
use crate::service::shard::{CachedShard, RoutineMaintenance};

/// Writes a rollup of the current state and links it.
pub(super) fn write(shard: &Arc<CachedShard>) -> Result<RoutineMaintenance, PersistError> {
    let state = shard.refresh()?;
    let latest = state.latest_rollup().map_or(0, |(seqno, _)| seqno);
    if latest >= state.seqno.0 {
        return Ok(RoutineMaintenance::default());
    }
    let mut diffs = shard.live_diffs()?;
    diffs.retain(|d| d.seqno.0 > latest && d.seqno <= state.seqno);
    if diffs.first().is_none_or(|d| d.seqno.0 != latest + 1) {
        // Truncated meanwhile: another process wrote a newer rollup.
        return Ok(RoutineMaintenance::default());
    }
    let bytes = encode_rollup(&state, Some(&diffs));
    let rollup = ProtoHollowRollup {
        key: format!("{}/{}", state.seqno, shard.stores.config.uuid_text("r")),
        encoded_size_bytes: Some(bytes.len() as u64),
    };
    shard.set_blob(&rollup.key, &bytes)?;
    let applied = shard.add_rollup(state.seqno, &rollup)?;
    // A rollup that may have been linked by an attempt that was lost stays.
    if !applied.result && !applied.indeterminate {
        shard.delete_blob(&rollup.key)?;
    }
    Ok(applied.routine)
}
