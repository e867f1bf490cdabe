//! The validator: what a shard consists of, and every rule of
//! `spec/persist.md` that it breaks; and the text of the command
//! `shard inspect|check`.
//!
//! Invariant: checking changes nothing, registers nothing, and reports what is
//! broken instead of failing on it.

mod list;
mod parts;
mod render;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use list::{Examine, Examined, KnownShard, ShardSummary, examine, list_shards};
pub use render::{render_list, render_report};
pub use report::{BatchReport, HandleReport, MergeReport, Report, RollupReport, SchemaReport};

use super::blob::Blob;
use super::consensus::{Consensus, SCAN_ALL, SeqNo, VersionedData};
use super::error::{PersistError, StoreError};
use super::state::{
    Replay, State, StateDiff, can_read, decode_rollup, diff_between, encode_rollup,
};
use super::trace::level_of;
use repr::ShardId;

/// Looks at a shard: its state by the newest rollup, the sizes of its rollups.
/// Errors: the stores do not answer, or there is no shard.
pub fn inspect(
    blob: &Arc<dyn Blob>,
    consensus: &Arc<dyn Consensus>,
    shard: ShardId,
) -> Result<Report, PersistError> {
    let (log, mut report) = begin(consensus, shard, false)?;
    let store = |source: StoreError| PersistError::Store { shard, source };
    let mut checker = Checker::new(blob, &mut report);
    let diffs = checker.diffs(&log);
    if let Some(state) = checker.current(&diffs).map_err(store)? {
        checker.report.describe(&state);
        for (seqno, rollup) in &state.rollups {
            checker.rollup_size(*seqno, &rollup.key).map_err(store)?;
        }
    }
    Ok(report)
}

/// Checks a shard against every rule. Errors: the stores do not answer, or
/// there is no shard.
pub fn check(
    blob: &Arc<dyn Blob>,
    consensus: &Arc<dyn Consensus>,
    shard: ShardId,
) -> Result<Report, PersistError> {
    let (log, mut report) = begin(consensus, shard, true)?;
    let store = |source: StoreError| PersistError::Store { shard, source };
    let earliest = report.earliest;
    let mut checker = Checker::new(blob, &mut report);
    if let Some(state) = checker.follow(&log).map_err(store)? {
        checker.state(&state, earliest).map_err(store)?;
        checker.leftovers().map_err(store)?;
    }
    Ok(report)
}

/// The log of the shard and an empty report.
fn begin(
    consensus: &Arc<dyn Consensus>,
    shard: ShardId,
    checked: bool,
) -> Result<(Vec<VersionedData>, Report), PersistError> {
    let log = consensus
        .scan(&shard.to_string(), SeqNo::MIN, SCAN_ALL)
        .map_err(|source| PersistError::Store { shard, source })?;
    let (Some(first), Some(last)) = (log.first(), log.last()) else {
        return Err(PersistError::Usage {
            shard,
            why: "there is no such shard".into(),
        });
    };
    let report = Report::new(shard, first.seqno, last.seqno, checked);
    Ok((log, report))
}

struct Checker<'a> {
    blob: &'a Arc<dyn Blob>,
    shard: ShardId,
    /// The partial keys that states still in the log name.
    live: BTreeSet<String>,
    report: &'a mut Report,
}

impl<'a> Checker<'a> {
    fn new(blob: &'a Arc<dyn Blob>, report: &'a mut Report) -> Self {
        Checker {
            blob,
            shard: report.shard,
            live: BTreeSet::new(),
            report,
        }
    }
}

impl Checker<'_> {
    fn broken(&mut self, what: String) {
        self.report.broken.push(what);
    }

    /// Decodes the log; the diffs as far as they can be read.
    fn diffs(&mut self, log: &[VersionedData]) -> Vec<StateDiff> {
        let mut diffs: Vec<StateDiff> = Vec::new();
        for entry in log {
            let seqno = entry.seqno;
            let diff = match StateDiff::decode(&entry.data) {
                Ok(diff) => diff,
                Err(error) => {
                    self.broken(format!("{seqno}: {error}"));
                    return diffs;
                }
            };
            let from = seqno.0.saturating_sub(1);
            if diff.seqno_to != seqno.0 || diff.seqno_from != from {
                let (from, to) = (diff.seqno_from, diff.seqno_to);
                self.broken(format!("{seqno}: the diff leads from v{from} to v{to}"));
            }
            match can_read(&diff.version) {
                Ok(true) => {}
                Ok(false) => self.broken(format!("{seqno}: version {} is newer", diff.version)),
                Err(error) => self.broken(format!("{seqno}: {error}")),
            }
            if let Some(before) = diffs.last() {
                if before.seqno_to + 1 != diff.seqno_to {
                    self.broken(format!("{seqno}: the log has a gap before it"));
                }
                if before.walltime_ms >= diff.walltime_ms {
                    self.broken(format!("{seqno}: the wall clock did not advance"));
                }
            }
            diffs.push(diff);
        }
        diffs
    }

    fn rollup(&mut self, key: &str) -> Result<Option<State>, StoreError> {
        let Some(bytes) = self.blob.get(&format!("{}/{key}", self.shard))? else {
            return Ok(None);
        };
        match decode_rollup(self.shard, bytes) {
            Ok((state, _, _)) => Ok(Some(state)),
            Err(error) => {
                self.broken(format!("rollup {key}: {error}"));
                Ok(None)
            }
        }
    }

    /// The state at the end of the log, from the newest rollup.
    fn current(&mut self, diffs: &[StateDiff]) -> Result<Option<State>, StoreError> {
        let Some(last) = diffs.last() else {
            return Ok(None);
        };
        let newest = last.latest_rollup_key.clone();
        let Some(from_newest) = self.rollup(&newest)? else {
            self.broken(format!("rollup {newest} of the last diff is not there"));
            return Ok(None);
        };
        let current = self.replay(from_newest, diffs, None);
        if let Some(current) = &current
            && current.seqno.0 != last.seqno_to
        {
            let seqno = current.seqno;
            self.broken(format!("the newest rollup leads to {seqno} only"));
            return Ok(None);
        }
        Ok(current)
    }

    /// Replays the log from its first entry; the state at its end.
    fn follow(&mut self, log: &[VersionedData]) -> Result<Option<State>, StoreError> {
        let diffs = self.diffs(log);
        let Some(first) = diffs.first() else {
            return Ok(None);
        };
        // The current state knows where the log starts.
        let Some(current) = self.current(&diffs)? else {
            return Ok(None);
        };
        let earliest = first.seqno_to;
        let Some(start) = current.rollups.get(&earliest) else {
            self.broken(format!(
                "the log starts at v{earliest}, which has no rollup"
            ));
            return Ok(Some(current));
        };
        let start = start.key.clone();
        let Some(start) = self.rollup(&start)? else {
            self.broken(format!("rollup {start} of the first diff is not there"));
            return Ok(Some(current));
        };
        let mut states = vec![start.clone()];
        if let Some(from_first) = self.replay(start, &diffs, Some(&mut states))
            && encode_rollup(&from_first, None) != encode_rollup(&current, None)
        {
            self.broken("the first and the last rollup lead to different states".into());
        }
        self.history(&states, &diffs);
        self.rollups(&current, &states)?;
        Ok(Some(current))
    }

    fn replay(
        &mut self,
        from: State,
        diffs: &[StateDiff],
        mut states: Option<&mut Vec<State>>,
    ) -> Option<State> {
        let mut state = from;
        for diff in diffs {
            if diff.seqno_to != state.seqno.0 + 1 {
                continue;
            }
            let mut replay = Replay::new(state);
            let next = replay.apply(diff.clone()).and_then(|()| replay.finish());
            match next {
                Ok(next) => state = next,
                Err(error) => {
                    self.broken(format!("v{}: {error}", diff.seqno_to));
                    return None;
                }
            }
            if let Some(states) = &mut states {
                states.push(state.clone());
            }
        }
        Some(state)
    }

    /// What must hold from one state to the next.
    fn history(&mut self, states: &[State], diffs: &[StateDiff]) {
        for state in states {
            self.live
                .extend(state.rollups.values().map(|r| r.key.clone()));
            for batch in state.trace.batches() {
                self.live.extend(batch.blob_keys().map(String::from));
            }
        }
        for pair in states.windows(2) {
            let [before, after] = pair else { continue };
            let at = after.seqno;
            if after.since() < before.since() {
                self.broken(format!("{at}: the since regressed to {}", after.since()));
            }
            if after.upper() < before.upper() {
                self.broken(format!("{at}: the upper regressed to {}", after.upper()));
            }
            let Some(diff) = diffs.iter().find(|d| d.seqno_to == at.0) else {
                continue;
            };
            let named = after.latest_rollup().map(|(_, r)| r.key.as_str());
            if named != Some(&diff.latest_rollup_key) {
                let key = &diff.latest_rollup_key;
                self.broken(format!("{at}: latest_rollup_key {key} is not the latest"));
            }
            if diff_between(before, after).encode() != diff.encode() {
                self.broken(format!("{at}: the diff is not the canonical one"));
            }
        }
    }

    fn rollup_size(&mut self, seqno: u64, key: &str) -> Result<Option<u64>, StoreError> {
        let blob = self.blob.get(&format!("{}/{key}", self.shard))?;
        let size = blob.map(|b| b.len() as u64);
        self.report.rollups.push(RollupReport {
            seqno: SeqNo(seqno),
            key: key.to_string(),
            size,
        });
        Ok(size)
    }

    /// Every rollup of the current state is there and says what the log says.
    fn rollups(&mut self, current: &State, states: &[State]) -> Result<(), StoreError> {
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
    fn state(&mut self, state: &State, earliest: SeqNo) -> Result<(), StoreError> {
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
    fn leftovers(&mut self) -> Result<(), StoreError> {
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
