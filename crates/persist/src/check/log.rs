//! The rules of the log (`spec/persist.md` §3.2, §3.3): it has no gaps, every
//! diff is the canonical one between its two states, and the newest rollup and
//! the oldest lead to the same state.

use semver::Version;

use super::validator::Validator;
use crate::format::seqno::VersionedData;
use crate::format::state::{
    KNOWN_UP_TO, Replay, State, StateDiff, can_read, diff_between, encode_rollup,
};
use crate::service::error::StoreError;

impl Validator<'_> {
    /// Decodes the log; the diffs as far as they can be read.
    pub(super) fn diffs(&mut self, log: &[VersionedData]) -> Vec<StateDiff> {
        let known = Version::parse(KNOWN_UP_TO).expect("the constant is a version");
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
            match can_read(&diff.version, &known) {
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

    /// The state at the end of the log, from the newest rollup.
    pub(super) fn current(&mut self, diffs: &[StateDiff]) -> Result<Option<State>, StoreError> {
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
    pub(super) fn follow(&mut self, log: &[VersionedData]) -> Result<Option<State>, StoreError> {
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
}
