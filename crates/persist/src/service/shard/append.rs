//! Appending (`spec/persist.md` §4.5).
//!
//! Invariant: the upper moves from exactly the batch's lower to its upper, and
//! a write counts once, however often its commit had to be tried.

use std::sync::Arc;

use super::CachedShard;
use super::commit::{CommandKind, RoutineMaintenance, Step};
use crate::format::description::Description;
use crate::format::state::{SENTINEL_TOKEN, State, Writer};
use crate::format::trace::{HollowBatch, MergeReq};
use crate::service::config::Maintenance;
use crate::service::error::{PersistError, StoreError};
use repr::Antichain;

/// One `compare_and_append`.
#[derive(Debug, Clone)]
pub struct AppendRequest {
    pub writer: String,
    pub purpose: String,
    /// Fresh for each call, kept over retries.
    pub token: String,
    pub heartbeat_ms: u64,
    /// Its lower is the expected upper, its upper the new one.
    pub batch: Arc<HollowBatch>,
}

/// What came of a `compare_and_append`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendOutcome {
    Appended,
    /// The shard's upper is another one; nothing was written.
    UpperMismatch(Antichain),
    /// The state has no room for more inline bytes.
    InlineBackpressure,
}

/// The outcome of one attempt.
#[derive(Debug)]
struct Attempt {
    outcome: AppendOutcome,
    /// The upper of this writer's last write before.
    writers_upper: Antichain,
    compactions: Vec<MergeReq>,
}

impl CachedShard {
    /// Appends a batch iff the shard's upper is the batch's lower.
    pub(crate) fn compare_and_append(
        &self,
        request: &AppendRequest,
    ) -> Result<(AppendOutcome, RoutineMaintenance), PersistError> {
        let desc = &request.batch.desc;
        if desc.upper < desc.lower {
            return Err(self.usage(format!(
                "the new upper {} is before the expected upper {}",
                desc.upper, desc.lower
            )));
        }
        if desc.upper == desc.lower && !request.batch.parts.is_empty() {
            return Err(self.usage(format!(
                "updates for the empty interval [{}, {})",
                desc.lower, desc.upper
            )));
        }
        let mut refreshed = false;
        let mut indeterminate = false;
        loop {
            let applied = self
                .apply(CommandKind::Append, |state| self.append(state, request))
                .map_err(|error| self.append_failed(error, desc, indeterminate))?;
            indeterminate |= applied.indeterminate;
            let mut routine = applied.routine;
            let attempt = applied.result;
            routine.compactions = attempt.compactions;
            if let AppendOutcome::UpperMismatch(current) = &attempt.outcome {
                if !refreshed {
                    // The cached state may simply be old.
                    refreshed = true;
                    let refreshed = self
                        .refresh()
                        .map_err(|error| self.append_failed(error, desc, indeterminate))?;
                    if refreshed.seqno > applied.state.seqno {
                        continue;
                    }
                }
                if indeterminate && attempt.writers_upper >= desc.upper {
                    return Err(PersistError::Indeterminate {
                        shard: self.id,
                        upper: desc.upper.clone(),
                        why: format!("the upper is {current}"),
                    });
                }
            }
            return Ok((attempt.outcome, routine));
        }
    }

    /// The error of an append: one of the stores leaves it in doubt if a
    /// commit was lost, be it this one or an earlier one.
    fn append_failed(&self, error: PersistError, desc: &Description, lost: bool) -> PersistError {
        match error {
            PersistError::Store { source, .. }
                if lost || matches!(source, StoreError::Indeterminate(_)) =>
            {
                PersistError::Indeterminate {
                    shard: self.id,
                    upper: desc.upper.clone(),
                    why: source.text().to_string(),
                }
            }
            other => other,
        }
    }

    fn append(
        &self,
        state: &mut State,
        request: &AppendRequest,
    ) -> Result<Step<Attempt>, PersistError> {
        let config = &self.stores.config;
        let desc = &request.batch.desc;
        let end = |outcome, writers_upper| {
            Ok(Step::Break(Attempt {
                outcome,
                writers_upper,
                compactions: Vec::new(),
            }))
        };
        if state.is_tombstone() {
            let closed = AppendOutcome::UpperMismatch(Antichain::empty());
            return end(closed, Antichain::minimum());
        }
        let writer = state
            .writers
            .entry(request.writer.clone())
            .or_insert_with(|| Writer {
                heartbeat_ms: request.heartbeat_ms,
                lease_ms: config.writer_lease.as_millis() as u64,
                token: SENTINEL_TOKEN.to_string(),
                upper: Antichain::minimum(),
                debug: self.debug(&request.purpose),
            });
        let writers_upper = writer.upper.clone();
        if writer.token == request.token {
            // An earlier attempt did happen.
            return end(AppendOutcome::Appended, writers_upper);
        }
        if *state.trace.upper() != desc.lower {
            let mismatch = AppendOutcome::UpperMismatch(state.trace.upper().clone());
            return end(mismatch, writers_upper);
        }
        let inline = request.batch.inline_bytes();
        if inline > 0 && state.trace.inline_bytes() + inline >= config.inline_writes_total_max_bytes
        {
            return end(AppendOutcome::InlineBackpressure, writers_upper);
        }
        writer.token.clone_from(&request.token);
        writer.upper.clone_from(&desc.upper);
        writer.heartbeat_ms = writer.heartbeat_ms.max(request.heartbeat_ms);
        let heartbeat = writer.heartbeat_ms;
        let mut compactions = Vec::new();
        if desc.upper != desc.lower {
            let requests = state.trace.push(Arc::clone(&request.batch));
            compactions = requests.map_err(|why| self.usage(why))?;
            if config.compaction && config.maintenance != Maintenance::Off {
                for request in &compactions {
                    // It may already be part of a larger batch.
                    state.trace.claim(request.id, heartbeat);
                }
            } else {
                compactions.clear();
            }
        }
        Ok(Step::Commit(Attempt {
            outcome: AppendOutcome::Appended,
            writers_upper,
            compactions,
        }))
    }
}
