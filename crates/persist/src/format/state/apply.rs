//! Following the log: applying diffs to a state (`spec/persist.md` §3.3).
//!
//! Invariant: application is strict. An insert needs absence, an update or a
//! delete needs the stored value to equal the old one; anything else is an
//! error, as it would be a panic upstream.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use super::diff::Changes;
use super::{DiffValue, State, StateDiff};
use crate::format::corrupt::Corrupt;
use crate::format::seqno::SeqNo;
use crate::format::trace::{FlatTrace, HollowBatch, Trace};

/// A state to which diffs are applied; the trace is rebuilt once, at the end.
#[derive(Debug)]
pub struct Replay {
    state: State,
    flat: Option<FlatTrace>,
}

impl Replay {
    /// Starts at `state`.
    pub fn new(state: State) -> Self {
        Replay { state, flat: None }
    }

    /// The seqno that was reached.
    pub fn seqno(&self) -> SeqNo {
        self.state.seqno
    }

    /// Everything but the trace, as of now.
    pub fn state_without_trace(&self) -> &State {
        &self.state
    }

    /// Every batch, as of now.
    pub fn batches(&mut self) -> impl Iterator<Item = &Arc<HollowBatch>> {
        let flat = self.flat();
        flat.legacy_batches
            .iter()
            .chain(flat.hollow_batches.values())
    }

    fn flat(&mut self) -> &mut FlatTrace {
        let trace = &self.state.trace;
        self.flat.get_or_insert_with(|| trace.flatten())
    }

    /// Applies the diff of the next seqno. One that is already applied is
    /// passed over.
    pub fn apply(&mut self, diff: StateDiff) -> Result<(), Corrupt> {
        let state = &mut self.state;
        if state.seqno.0 == diff.seqno_to {
            return Ok(());
        }
        if state.seqno.0 != diff.seqno_from || diff.seqno_to != diff.seqno_from + 1 {
            return Err(Corrupt::new(
                "state diff",
                format!(
                    "it leads from v{} to v{}, the state is at {}",
                    diff.seqno_from, diff.seqno_to, state.seqno
                ),
            ));
        }
        state.seqno = SeqNo(diff.seqno_to);
        state.walltime_ms = diff.walltime_ms;
        state.version = diff.version;
        for change in diff.hostname {
            match change.value {
                DiffValue::Update(_, new) => state.hostname = new,
                DiffValue::Insert(_) | DiffValue::Delete(_) => return Err(only_update("hostname")),
            }
        }
        single("last_gc_req", &mut state.last_gc_req, diff.last_gc_req)?;
        map("rollups", &mut state.rollups, diff.rollups)?;
        option(
            "active_rollup",
            &mut state.active_rollup,
            diff.active_rollup,
        )?;
        option("active_gc", &mut state.active_gc, diff.active_gc)?;
        map(
            "leased_readers",
            &mut state.leased_readers,
            diff.leased_readers,
        )?;
        map(
            "critical_readers",
            &mut state.critical_readers,
            diff.critical_readers,
        )?;
        map("writers", &mut state.writers, diff.writers)?;
        map("schemas", &mut state.schemas, diff.schemas)?;
        let untouched = diff.since.is_empty()
            && diff.legacy_batches.is_empty()
            && diff.hollow_batches.is_empty()
            && diff.spine_batches.is_empty()
            && diff.spine_merges.is_empty();
        if untouched {
            return Ok(());
        }
        let flat = self.flat();
        single("since", &mut flat.since, diff.since)?;
        set(&mut flat.legacy_batches, diff.legacy_batches)?;
        map(
            "hollow_batches",
            &mut flat.hollow_batches,
            diff.hollow_batches,
        )?;
        map("spine_batches", &mut flat.spine_batches, diff.spine_batches)?;
        map("spine_merges", &mut flat.merges, diff.spine_merges)
    }

    /// The state that was reached.
    pub fn finish(mut self) -> Result<State, Corrupt> {
        if let Some(flat) = self.flat {
            self.state.trace = Trace::unflatten(flat)?;
        }
        Ok(self.state)
    }
}

fn only_update(field: &str) -> Corrupt {
    Corrupt::new("state diff", format!("{field} can only be updated"))
}

fn unclean(field: &str, key: impl Debug, why: &str) -> Corrupt {
    Corrupt::new(
        "state diff",
        format!("it does not apply cleanly: {field} {key:?} {why}"),
    )
}

fn single<V: PartialEq>(field: &str, into: &mut V, changes: Changes<(), V>) -> Result<(), Corrupt> {
    for change in changes {
        match change.value {
            DiffValue::Update(old, new) => {
                if *into != old {
                    return Err(unclean(field, (), "has another old value"));
                }
                *into = new;
            }
            DiffValue::Insert(_) | DiffValue::Delete(_) => return Err(only_update(field)),
        }
    }
    Ok(())
}

fn option<V: PartialEq>(
    field: &str,
    into: &mut Option<V>,
    changes: Changes<(), V>,
) -> Result<(), Corrupt> {
    for change in changes {
        let (old, new) = match change.value {
            DiffValue::Insert(new) => (None, Some(new)),
            DiffValue::Update(old, new) => (Some(old), Some(new)),
            DiffValue::Delete(old) => (Some(old), None),
        };
        if *into != old {
            return Err(unclean(field, (), "has another old value"));
        }
        *into = new;
    }
    Ok(())
}

fn map<K: Ord + Debug, V: PartialEq>(
    field: &str,
    into: &mut BTreeMap<K, V>,
    changes: Changes<K, V>,
) -> Result<(), Corrupt> {
    for change in changes {
        let key = change.key;
        let (old, new) = match change.value {
            DiffValue::Insert(new) => (None, Some(new)),
            DiffValue::Update(old, new) => (Some(old), Some(new)),
            DiffValue::Delete(old) => (Some(old), None),
        };
        match (into.get(&key), &old) {
            (Some(_), None) => return Err(unclean(field, key, "is already there")),
            (None, Some(_)) => return Err(unclean(field, key, "is not there")),
            (Some(stored), Some(old)) if stored != old => {
                return Err(unclean(field, key, "has another old value"));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        match new {
            Some(new) => into.insert(key, new),
            None => into.remove(&key),
        };
    }
    Ok(())
}

fn set(
    into: &mut BTreeSet<Arc<HollowBatch>>,
    changes: Changes<Arc<HollowBatch>, ()>,
) -> Result<(), Corrupt> {
    for change in changes {
        let desc = change.key.desc.clone();
        let field = "legacy_batches";
        match change.value {
            DiffValue::Insert(()) => {
                if !into.insert(change.key) {
                    return Err(unclean(field, desc, "is already there"));
                }
            }
            DiffValue::Delete(()) => {
                if !into.remove(&change.key) {
                    return Err(unclean(field, desc, "is not there"));
                }
            }
            DiffValue::Update((), ()) => {
                return Err(Corrupt::new("state diff", "a batch cannot be updated"));
            }
        }
    }
    Ok(())
}
