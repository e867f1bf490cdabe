//! The rules of the current state (`spec/persist.md` §3): its rollups, what its
//! readers hold, its spine, and the blobs that it names.

use super::validator::Validator;
use crate::format::seqno::SeqNo;
use crate::format::state::{State, encode_rollup};
use crate::format::trace::level_of;
use crate::service::error::StoreError;

impl Validator<'_> {
    /// Every rollup of the current state is there and says what the log says.
    pub(super) fn rollups(&mut self, current: &State, states: &[State]) -> Result<(), StoreError> {
        let known: Vec<_> = current.rollups.iter().collect();
        for (seqno, rollup) in known {
            let size = self.rollup_size(*seqno, &rollup.key)?;
            if size.is_none() {
                self.broken(format!("rollup {} is not there", rollup.key));
                continue;
            }
            if rollup.encoded_size_bytes.is_some() && rollup.encoded_size_bytes != size {
                self.broken(format!("rollup {} has another size", rollup.key));
            }
            let Some(stored) = self.rollup(&rollup.key)? else {
                continue;
            };
            if stored.seqno.0 != *seqno {
                self.broken(format!("rollup {} is of {}", rollup.key, stored.seqno));
            }
            let replayed = states.iter().find(|s| s.seqno.0 == *seqno);
            if let Some(replayed) = replayed
                && encode_rollup(replayed, None) != encode_rollup(&stored, None)
            {
                self.broken(format!("rollup {} differs from the log", rollup.key));
            }
        }
        Ok(())
    }

    /// What must hold of the current state.
    pub(super) fn state(&mut self, state: &State, earliest: SeqNo) -> Result<(), StoreError> {
        self.report.describe(state);
        let readers: Vec<_> = state
            .leased_readers
            .iter()
            .map(|(id, r)| (id, &r.since, Some(r.seqno)))
            .chain(
                state
                    .critical_readers
                    .iter()
                    .map(|(id, r)| (id, &r.since, None)),
            )
            .collect();
        for (id, since, hold) in readers {
            if since < state.since() {
                self.broken(format!("the since {} is past reader {id}", state.since()));
            }
            if let Some(hold) = hold {
                if hold > state.seqno.0 {
                    self.broken(format!("reader {id} holds v{hold}, which is to come"));
                }
                if hold < earliest.0 {
                    self.broken(format!("reader {id} holds v{hold}, which is collected"));
                }
            }
        }
        for (level, batch) in state.trace.spine_batches() {
            if level_of(batch.len()) > level {
                self.broken(format!(
                    "spine batch {} of {} updates lies at level {level}",
                    batch.id,
                    batch.len()
                ));
            }
            for part in &batch.parts {
                if part.batch.desc.since > *state.since() {
                    self.broken(format!("batch {} is compacted too far", part.batch.desc));
                }
            }
        }
        for batch in state.trace.batches() {
            self.parts(state, batch)?;
        }
        Ok(())
    }

    /// Blobs that no state in the log names: normal, but worth knowing.
    pub(super) fn leftovers(&mut self) -> Result<(), StoreError> {
        let prefix = format!("{}/", self.shard);
        for (key, size) in self.blob.list(&self.shard.to_string())? {
            let Some(partial) = key.strip_prefix(&prefix) else {
                continue;
            };
            if !self.live.contains(partial) {
                self.report.leftovers.push((partial.to_string(), size));
            }
        }
        Ok(())
    }
}
