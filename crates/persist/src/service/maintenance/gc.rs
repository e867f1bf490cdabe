//! Garbage collection: blobs that no state needs any more, then the log below
//! a rollup, then the rollups before it (`spec/persist.md` §4.10).
//!
//! Invariant: a blob that a state at or above the collected seqno names is
//! never deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message;

use crate::format::corrupt::Corrupt;
use crate::format::seqno::SeqNo;
use crate::format::state::{DiffValue, Replay, StateDiff};
use crate::format::trace::HollowBatch;
use crate::format::wire::state::{PartKind, ProtoHollowBatchPart, ProtoHollowRun};
use crate::service::error::PersistError;
use crate::service::retry::retry;
use crate::service::shard::{CachedShard, RoutineMaintenance};

/// Collects what is below `target`, as far as there is a rollup.
pub(super) fn collect(
    shard: &Arc<CachedShard>,
    target: u64,
) -> Result<RoutineMaintenance, PersistError> {
    // Most requests come between two rollups and find nothing to do.
    let known = shard.state();
    if known.rollups.range(..=target).nth(1).is_none() && known.active_gc.is_none() {
        return Ok(RoutineMaintenance::default());
    }
    let state = shard.refresh()?;
    let rollups: Vec<_> = state
        .rollups
        .range(..=target)
        .map(|(seqno, rollup)| (*seqno, rollup.clone()))
        .collect();
    if rollups.len() <= 1 {
        return shard.remove_rollups(&[]);
    }
    let log = shard.live_diffs()?;
    let Some(earliest) = log.first() else {
        return Ok(RoutineMaintenance::default());
    };
    let Some(first) = state.rollups.get(&earliest.seqno.0) else {
        // Another process has collected, and removed or will remove it.
        return remove(shard, rollups);
    };
    let Some(start) = shard.fetch_rollup(&first.key)? else {
        return Ok(RoutineMaintenance::default());
    };
    let mut replay = Replay::new(start);
    let mut log = log.into_iter().peekable();
    let mut dead = Dead::default();
    for (seqno, _) in &rollups {
        while let Some(entry) = log.next_if(|e| e.seqno.0 <= *seqno) {
            if entry.seqno <= replay.seqno() {
                continue;
            }
            let diff = shard.decode_diff(&entry)?;
            dead.note(&diff);
            replay.apply(diff).map_err(|e| shard.corrupt(e))?;
        }
        if replay.seqno().0 != *seqno {
            return Err(shard.corrupt(Corrupt::new(
                "state",
                format!("there is no way from {} to v{seqno}", replay.seqno()),
            )));
        }
        dead.delete(shard, &mut replay)?;
        truncate(shard, SeqNo(*seqno))?;
    }
    remove(shard, rollups)
}

/// Unlinks all rollups but the last.
fn remove(
    shard: &CachedShard,
    mut rollups: Vec<(u64, crate::format::wire::state::ProtoHollowRollup)>,
) -> Result<RoutineMaintenance, PersistError> {
    rollups.pop();
    shard.remove_rollups(&rollups)
}

fn truncate(shard: &CachedShard, seqno: SeqNo) -> Result<(), PersistError> {
    retry(shard.stores.config.retry_for, || {
        shard.stores.consensus.truncate(&shard.key, seqno)
    })
    .map(|_| ())
    .map_err(|e| shard.store_error(e))
}

/// What the diffs so far took out of the state.
#[derive(Default)]
struct Dead {
    parts: Vec<ProtoHollowBatchPart>,
    rollups: BTreeSet<String>,
}

impl Dead {
    fn note(&mut self, diff: &StateDiff) {
        let mut removed: Vec<&Arc<HollowBatch>> = Vec::new();
        for change in &diff.legacy_batches {
            match change.value {
                DiffValue::Delete(()) => removed.push(&change.key),
                DiffValue::Insert(()) | DiffValue::Update((), ()) => {}
            }
        }
        for change in &diff.hollow_batches {
            match &change.value {
                DiffValue::Delete(old) | DiffValue::Update(old, _) => removed.push(old),
                DiffValue::Insert(_) => {}
            }
        }
        self.parts
            .extend(removed.iter().flat_map(|b| b.parts.iter().cloned()));
        for change in &diff.rollups {
            match &change.value {
                DiffValue::Delete(old) | DiffValue::Update(old, _) => {
                    self.rollups.insert(old.key.clone());
                }
                DiffValue::Insert(_) => {}
            }
        }
    }

    /// Deletes what was taken out and is not there again.
    fn delete(&mut self, shard: &CachedShard, replay: &mut Replay) -> Result<(), PersistError> {
        let live: BTreeSet<String> = replay
            .batches()
            .flat_map(|b| b.blob_keys().map(String::from).collect::<Vec<_>>())
            .collect();
        let mut parts = std::mem::take(&mut self.parts);
        while let Some(part) = parts.pop() {
            let key = match &part.kind {
                Some(PartKind::Key(key)) => key,
                Some(PartKind::RunRef(run)) => {
                    // The parts of a spilled run go with it.
                    if !live.contains(&run.key)
                        && let Some(bytes) = shard.get_blob(&run.key)?
                    {
                        let run = ProtoHollowRun::decode(bytes)
                            .map_err(|e| shard.corrupt(Corrupt::new("run", e.to_string())))?;
                        parts.extend(run.parts);
                    }
                    &run.key
                }
                Some(PartKind::Inline(_)) | None => continue,
            };
            if !live.contains(key) {
                shard.delete_blob(key)?;
            }
        }
        let listed: BTreeSet<&String> = replay
            .state_without_trace()
            .rollups
            .values()
            .map(|r| &r.key)
            .collect();
        for key in std::mem::take(&mut self.rollups) {
            if !listed.contains(&key) {
                shard.delete_blob(&key)?;
            }
        }
        Ok(())
    }
}
