//! Committing a command: copy the state, change it, compare-and-set the diff
//! (`spec/persist.md` §4.2, §4.9, §4.10).
//!
//! Invariant: a command is judged against the state that it is committed on
//! top of; one that loses the race is judged again.

use std::sync::Arc;

use bytes::Bytes;

use super::{CachedShard, load};
use crate::format::seqno::{SeqNo, VersionedData};
use crate::format::state::{State, StateDiff, diff_between};
use crate::format::trace::MergeReq;
use crate::format::wire::state::ProtoActive;
use crate::service::config::Maintenance;
use crate::service::consensus::{CaSResult, SCAN_ALL};
use crate::service::error::{PersistError, StoreError};
use crate::service::retry::{Retry, retry};

/// What a command wants: the new state committed, or nothing.
#[derive(Debug)]
pub(crate) enum Step<R> {
    Commit(R),
    Break(R),
}

/// What the maintenance and the tombstone rule must know of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandKind {
    Append,
    /// Adds a rollup or closes the shard for good: legal on a tombstone.
    Final,
    Other,
}

/// The maintenance that a commit asks this process for.
#[derive(Debug, Default)]
pub(crate) struct RoutineMaintenance {
    pub write_rollup: bool,
    /// Collect what is below this seqno and not needed any more.
    pub gc_to: Option<u64>,
    pub compactions: Vec<MergeReq>,
}

impl RoutineMaintenance {
    pub fn is_empty(&self) -> bool {
        !self.write_rollup && self.gc_to.is_none() && self.compactions.is_empty()
    }
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Applied<R> {
    /// The state that it was committed as, or judged against.
    pub state: Arc<State>,
    pub result: R,
    pub routine: RoutineMaintenance,
    /// Whether a compare-and-set before this outcome may have happened.
    pub indeterminate: bool,
}

impl CachedShard {
    /// Runs `transition` against the current state until it breaks or its
    /// result is committed. It gets the new state, already one seqno on.
    pub(crate) fn apply<R>(
        &self,
        kind: CommandKind,
        mut transition: impl FnMut(&mut State) -> Result<Step<R>, PersistError>,
    ) -> Result<Applied<R>, PersistError> {
        let _alone = self.committing.lock();
        let config = &self.stores.config;
        let mut pauses: Option<Retry> = None;
        let mut indeterminate = false;
        loop {
            let old = self.state();
            let now = config.clock.now_ms();
            let mut new = self.successor(&old, now);
            let result = match transition(&mut new)? {
                Step::Break(result) => {
                    return Ok(Applied {
                        state: old,
                        result,
                        routine: RoutineMaintenance::default(),
                        indeterminate,
                    });
                }
                Step::Commit(result) => result,
            };
            if old.is_tombstone() && kind != CommandKind::Final {
                return Err(PersistError::Tombstone { shard: self.id });
            }
            expire(&mut new, now);
            let mut routine = RoutineMaintenance::default();
            self.assign(kind, &mut new, &mut routine);
            let diff = diff_between(&old, &new).encode();
            let seqno = new.seqno;
            let value = VersionedData {
                seqno,
                data: diff.clone(),
            };
            match self.stores.consensus.compare_and_set(&self.key, value) {
                Ok(CaSResult::Committed) => {
                    let state = Arc::new(new);
                    self.adopt(Arc::clone(&state));
                    self.publish(seqno, &diff);
                    return Ok(Applied {
                        state,
                        result,
                        routine,
                        indeterminate,
                    });
                }
                Ok(CaSResult::ExpectationMismatch) => {
                    self.refresh().map_err(|e| in_doubt(e, indeterminate))?;
                }
                Err(error) => {
                    indeterminate |= match &error {
                        StoreError::Indeterminate(_) => true,
                        StoreError::Determinate(_) | StoreError::Invalid(_) => false,
                    };
                    pauses
                        .get_or_insert_with(|| Retry::new(config.retry_for))
                        .pause(error)
                        .map_err(|e| in_doubt(self.store_error(e), indeterminate))?;
                    self.refresh().map_err(|e| in_doubt(e, indeterminate))?;
                }
            }
        }
    }

    /// The state after `old`, before any command.
    fn successor(&self, old: &State, now: u64) -> State {
        let mut new = old.clone();
        new.seqno = old.seqno.next();
        new.walltime_ms = now.max(old.walltime_ms.saturating_add(1));
        new.hostname.clone_from(&self.stores.config.hostname);
        new
    }

    /// Shows PubSub a diff that was committed here.
    fn publish(&self, seqno: SeqNo, diff: &Bytes) {
        if let Some(publish) = self.stores.publish.read().as_ref() {
            publish.publish(self.id, seqno, diff);
        }
    }

    /// Decides which maintenance this process takes over with this commit.
    fn assign(&self, kind: CommandKind, state: &mut State, routine: &mut RoutineMaintenance) {
        let config = &self.stores.config;
        if config.maintenance == Maintenance::Off {
            return;
        }
        let seqno = state.seqno.0;
        if let Some((latest, _)) = state.latest_rollup() {
            let due = seqno.saturating_sub(latest) > config.rollup_threshold;
            let fallback = config.rollup_fallback.as_millis() as u64;
            let free = state
                .active_rollup
                .is_none_or(|a| state.walltime_ms.saturating_sub(a.start_ms) > fallback);
            if due && free {
                state.active_rollup = Some(ProtoActive {
                    seqno,
                    start_ms: state.walltime_ms,
                });
                routine.write_rollup = true;
            }
            if state.is_tombstone() && latest + 1 < seqno {
                routine.write_rollup = true;
            }
        }
        // The smallest power of two that reaches the seqno, at least one.
        let threshold = match seqno {
            0..=2 => 1,
            n => u64::from(u64::BITS - (n - 1).leading_zeros()),
        };
        let since = state.seqno_since();
        let target = since.min(state.last_gc_req.saturating_add(config.gc_max_versions));
        let due = since.saturating_sub(state.last_gc_req) >= threshold
            && (kind == CommandKind::Append || state.writers.is_empty());
        if due || state.is_tombstone() {
            state.last_gc_req = target;
            routine.gc_to = Some(target);
        }
    }

    /// The state of every seqno still in the log, one after the other.
    pub(crate) fn live_diffs(&self) -> Result<Vec<VersionedData>, PersistError> {
        retry(self.stores.config.retry_for, || {
            self.stores.consensus.scan(&self.key, SeqNo::MIN, SCAN_ALL)
        })
        .map_err(|e| self.store_error(e))
    }

    pub(crate) fn decode_diff(&self, entry: &VersionedData) -> Result<StateDiff, PersistError> {
        load::decode_diff(self.id, entry, &self.stores.config.version)
    }

    pub(crate) fn fetch_rollup(&self, key: &str) -> Result<Option<State>, PersistError> {
        load::fetch_rollup(self.id, &self.stores, key)
    }
}

/// An error of the stores says whether the transition may have happened: it
/// may if a commit was `lost`, whatever failed since.
fn in_doubt(error: PersistError, lost: bool) -> PersistError {
    match error {
        PersistError::Store { shard, source } => PersistError::Store {
            shard,
            source: match source {
                StoreError::Determinate(text) | StoreError::Indeterminate(text) if lost => {
                    StoreError::Indeterminate(text)
                }
                // What was lost is a look, which changes nothing.
                StoreError::Indeterminate(text) => StoreError::Determinate(text),
                StoreError::Determinate(_) | StoreError::Invalid(_) => source,
            },
        },
        other => other,
    }
}

/// Drops the handles whose lease ran out. The since stays.
fn expire(state: &mut State, now: u64) {
    let alive = |heartbeat: u64, lease: u64| heartbeat.saturating_add(lease) >= now;
    state
        .leased_readers
        .retain(|_, r| alive(r.heartbeat_ms, r.lease_ms));
    state
        .writers
        .retain(|_, w| alive(w.heartbeat_ms, w.lease_ms));
}
