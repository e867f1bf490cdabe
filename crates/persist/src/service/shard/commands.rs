//! The commands of a shard that do not append (`spec/persist.md` §4.3–4.8).
//!
//! Invariant: the since only moves forward, and never past a reader's.

use std::sync::Arc;

use super::CachedShard;
use super::commit::{Applied, CommandKind, RoutineMaintenance, Step};
use crate::format::seqno::SeqNo;
use crate::format::state::{CriticalReader, LeasedReader};
use crate::format::trace::{HollowBatch, MergeOutcome};
use crate::format::wire::state::{ProtoEncodedSchemas, ProtoHandleDebugState, ProtoHollowRollup};
use crate::service::error::PersistError;
use repr::Antichain;

impl CachedShard {
    pub(super) fn debug(&self, purpose: &str) -> Option<ProtoHandleDebugState> {
        Some(ProtoHandleDebugState {
            hostname: self.stores.config.hostname.clone(),
            purpose: purpose.to_string(),
        })
    }

    /// Registers a reader at the shard's since (or the critical readers').
    pub(crate) fn register_leased_reader(
        &self,
        id: &str,
        purpose: &str,
        use_critical_since: bool,
    ) -> Result<(LeasedReader, RoutineMaintenance), PersistError> {
        let config = &self.stores.config;
        let now = config.clock.now_ms();
        let applied = self.apply(CommandKind::Other, |state| {
            let critical = state.critical_readers.values().map(|r| &r.since).min();
            let since = match critical {
                Some(since) if use_critical_since => since.clone(),
                Some(_) | None => state.since().clone(),
            };
            let reader = LeasedReader {
                since,
                seqno: state.seqno.0,
                heartbeat_ms: now,
                lease_ms: config.reader_lease.as_millis() as u64,
                debug: self.debug(purpose),
            };
            state.leased_readers.insert(id.to_string(), reader.clone());
            Ok(Step::Commit(reader))
        })?;
        Ok((applied.result, applied.routine))
    }

    /// Registers a critical reader, or finds the one that is there.
    pub(crate) fn register_critical_reader(
        &self,
        id: &str,
        opaque: i64,
        opaque_codec: &str,
        purpose: &str,
    ) -> Result<(CriticalReader, RoutineMaintenance), PersistError> {
        let applied = self.apply(CommandKind::Other, |state| {
            let debug = self.debug(purpose);
            if let Some(reader) = state.critical_readers.get_mut(id) {
                if reader.debug == debug {
                    return Ok(Step::Break(reader.clone()));
                }
                reader.debug = debug;
                return Ok(Step::Commit(reader.clone()));
            }
            let reader = CriticalReader {
                since: state.since().clone(),
                opaque,
                opaque_codec: opaque_codec.to_string(),
                debug,
            };
            state
                .critical_readers
                .insert(id.to_string(), reader.clone());
            Ok(Step::Commit(reader))
        })?;
        Ok((applied.result, applied.routine))
    }

    /// Removes a leased reader.
    pub(crate) fn expire_leased_reader(
        &self,
        id: &str,
    ) -> Result<RoutineMaintenance, PersistError> {
        let applied = self.apply(CommandKind::Other, |state| {
            Ok(match state.leased_readers.remove(id) {
                Some(_) => Step::Commit(()),
                None => Step::Break(()),
            })
        })?;
        Ok(applied.routine)
    }

    /// Removes a writer.
    pub(crate) fn expire_writer(&self, id: &str) -> Result<RoutineMaintenance, PersistError> {
        let applied = self.apply(CommandKind::Other, |state| {
            Ok(match state.writers.remove(id) {
                Some(_) => Step::Commit(()),
                None => Step::Break(()),
            })
        })?;
        Ok(applied.routine)
    }

    /// The id of a schema for which `equal` holds of the registered ones, or
    /// of the newly registered first one. `None` if only others are
    /// registered.
    pub(crate) fn register_schema(
        &self,
        schema: &Arc<ProtoEncodedSchemas>,
        equal: impl Fn(&ProtoEncodedSchemas) -> bool,
    ) -> Result<(Option<u64>, RoutineMaintenance), PersistError> {
        let applied = self.apply(CommandKind::Other, |state| {
            let found = state.schemas.iter().rev().find(|(_, s)| equal(s));
            if let Some((id, _)) = found {
                return Ok(Step::Break(Some(*id)));
            }
            if state.is_tombstone() || !state.schemas.is_empty() {
                return Ok(Step::Break(None));
            }
            state.schemas.insert(0, Arc::clone(schema));
            Ok(Step::Commit(Some(0)))
        })?;
        Ok((applied.result, applied.routine))
    }

    /// Heartbeats a leased reader, moves its since and its hold on seqnos.
    /// Its since afterwards; `[]` if it has expired.
    pub(crate) fn downgrade_since(
        &self,
        id: &str,
        outstanding: Option<u64>,
        since: &Antichain,
    ) -> Result<(Antichain, RoutineMaintenance), PersistError> {
        let now = self.stores.config.clock.now_ms();
        let applied = self.apply(CommandKind::Other, |state| {
            let seqno = state.seqno.0;
            let Some(reader) = state.leased_readers.get_mut(id) else {
                return Ok(Step::Break(Antichain::empty()));
            };
            reader.heartbeat_ms = reader.heartbeat_ms.max(now);
            let hold = outstanding.map_or(seqno, |held| held.min(seqno));
            reader.seqno = reader.seqno.max(hold);
            if reader.since < *since {
                reader.since.clone_from(since);
                let since = since.clone();
                state.recompute_since();
                return Ok(Step::Commit(since));
            }
            Ok(Step::Commit(reader.since.clone()))
        })?;
        Ok((applied.result, applied.routine))
    }

    /// Fences with the opaque and moves the since. `Err` is the opaque and
    /// since that are there, if the expected opaque is not.
    #[allow(clippy::type_complexity)]
    pub(crate) fn compare_and_downgrade_since(
        &self,
        id: &str,
        expected: (i64, &str),
        opaque: i64,
        since: &Antichain,
    ) -> Result<(Result<Antichain, (i64, Antichain)>, RoutineMaintenance), PersistError> {
        let applied = self.apply(CommandKind::Other, |state| {
            let Some(reader) = state.critical_readers.get_mut(id) else {
                return Err(self.usage(format!("there is no critical reader {id}")));
            };
            if (reader.opaque, reader.opaque_codec.as_str()) != expected {
                let current = (reader.opaque, reader.since.clone());
                return Ok(Step::Break(Err(current)));
            }
            reader.opaque = opaque;
            if reader.since < *since {
                reader.since.clone_from(since);
                let since = since.clone();
                state.recompute_since();
                return Ok(Step::Commit(Ok(since)));
            }
            Ok(Step::Commit(Ok(reader.since.clone())))
        })?;
        Ok((applied.result, applied.routine))
    }

    /// Links a rollup whose blob is written. Whether the state holds it now.
    pub(crate) fn add_rollup(
        &self,
        seqno: SeqNo,
        rollup: &ProtoHollowRollup,
    ) -> Result<Applied<bool>, PersistError> {
        self.apply(CommandKind::Final, |state| {
            if let Some(known) = state.rollups.get(&seqno.0) {
                return Ok(Step::Break(known.key == rollup.key));
            }
            let oldest = state.rollups.keys().next().copied().unwrap_or(0);
            if seqno.0 < oldest {
                return Ok(Step::Break(false));
            }
            state.rollups.insert(seqno.0, rollup.clone());
            state.active_rollup = None;
            Ok(Step::Commit(true))
        })
    }

    /// Unlinks rollups after a garbage collection.
    pub(crate) fn remove_rollups(
        &self,
        remove: &[(u64, ProtoHollowRollup)],
    ) -> Result<RoutineMaintenance, PersistError> {
        let applied = self.apply(CommandKind::Other, |state| {
            let before = state.rollups.len();
            for (seqno, rollup) in remove {
                // Never the last one: readers need it.
                if state.rollups.len() > 1
                    && state
                        .rollups
                        .get(seqno)
                        .is_some_and(|r| r.key == rollup.key)
                {
                    state.rollups.remove(seqno);
                }
            }
            let had_gc = state.active_gc.take().is_some();
            if state.is_tombstone() || (state.rollups.len() == before && !had_gc) {
                return Ok(Step::Break(()));
            }
            Ok(Step::Commit(()))
        })?;
        Ok(applied.routine)
    }

    /// Puts a compaction's result in the place of its inputs.
    pub(crate) fn merge_res(
        &self,
        output: &Arc<HollowBatch>,
    ) -> Result<Applied<MergeOutcome>, PersistError> {
        self.apply(CommandKind::Other, |state| {
            if state.is_tombstone() {
                return Ok(Step::Break(MergeOutcome::NotApplied));
            }
            let outcome = state.trace.apply_merge(output);
            Ok(if outcome.applied() {
                Step::Commit(outcome)
            } else {
                Step::Break(outcome)
            })
        })
    }
}
