//! The diff between two states, which is what a command commits
//! (`spec/persist.md` §3.3).
//!
//! Invariant: applying `diff_between(a, b)` to `a` gives `b`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::diff::Changes;
use super::{DiffValue, FieldDiff, State, StateDiff};
use crate::format::trace::{HollowBatch, SpineBatch, SpineId, ThinBatch, ThinMerge, Trace};

/// What leads from `from` to `to`. The rollup key is the one that `to` knows.
pub fn diff_between(from: &State, to: &State) -> StateDiff {
    let rollup = to.latest_rollup();
    let mut diff = StateDiff {
        version: to.version.clone(),
        seqno_from: from.seqno.0,
        seqno_to: to.seqno.0,
        latest_rollup_key: rollup.map(|(_, r)| r.key.clone()).unwrap_or_default(),
        walltime_ms: to.walltime_ms,
        hostname: single(&from.hostname, &to.hostname),
        last_gc_req: single(&from.last_gc_req, &to.last_gc_req),
        rollups: map(&from.rollups, &to.rollups),
        active_rollup: option(from.active_rollup, to.active_rollup),
        active_gc: option(from.active_gc, to.active_gc),
        leased_readers: map(&from.leased_readers, &to.leased_readers),
        critical_readers: map(&from.critical_readers, &to.critical_readers),
        writers: map(&from.writers, &to.writers),
        schemas: map(&from.schemas, &to.schemas),
        since: single(&from.trace.since, &to.trace.since),
        ..StateDiff::default()
    };
    trace(&from.trace, &to.trace, &mut diff);
    diff
}

fn single<V: PartialEq + Clone>(from: &V, to: &V) -> Changes<(), V> {
    if from == to {
        return Vec::new();
    }
    vec![FieldDiff {
        key: (),
        value: DiffValue::Update(from.clone(), to.clone()),
    }]
}

fn option<V: PartialEq>(from: Option<V>, to: Option<V>) -> Changes<(), V> {
    let value = match (from, to) {
        (None, None) => return Vec::new(),
        (None, Some(new)) => DiffValue::Insert(new),
        (Some(old), None) => DiffValue::Delete(old),
        (Some(old), Some(new)) if old == new => return Vec::new(),
        (Some(old), Some(new)) => DiffValue::Update(old, new),
    };
    vec![FieldDiff { key: (), value }]
}

fn map<K: Ord + Clone, V: PartialEq + Clone>(
    from: &BTreeMap<K, V>,
    to: &BTreeMap<K, V>,
) -> Changes<K, V> {
    let mut changes = Vec::new();
    let mut old = from.iter().peekable();
    let mut new = to.iter().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let was = if order.is_le() { old.next() } else { None };
        let is = if order.is_ge() { new.next() } else { None };
        let (key, value) = match (was, is) {
            (Some((key, was)), None) => (key, DiffValue::Delete(was.clone())),
            (None, Some((key, is))) => (key, DiffValue::Insert(is.clone())),
            (Some((key, was)), Some((_, is))) if was != is => {
                (key, DiffValue::Update(was.clone(), is.clone()))
            }
            (Some(_), Some(_)) | (None, None) => continue,
        };
        changes.push(FieldDiff {
            key: key.clone(),
            value,
        });
    }
}

/// Where a batch lies: its place counts as much as itself.
type Placed<'a> = BTreeMap<SpineId, (usize, &'a Arc<SpineBatch>)>;

fn trace(from: &Trace, to: &Trace, diff: &mut StateDiff) {
    let placed = |trace| -> Placed<'_> {
        Trace::spine_batches(trace)
            .map(|(level, batch)| (batch.id, (level, batch)))
            .collect()
    };
    let (mut old, mut new) = (placed(from), placed(to));
    // What did not change at all is most of it.
    old.retain(|id, (level, batch)| match new.get(id) {
        Some((l, b)) if l == level && Arc::ptr_eq(batch, b) => {
            new.remove(id);
            false
        }
        _ => true,
    });
    let hollow = |placed: &Placed<'_>, null: bool| -> BTreeMap<SpineId, Arc<HollowBatch>> {
        placed
            .values()
            .flat_map(|(_, b)| &b.parts)
            .filter(|p| (p.batch.desc.lower == p.batch.desc.upper) == null)
            .map(|p| (p.id, Arc::clone(&p.batch)))
            .collect()
    };
    legacy(&hollow(&old, false), &hollow(&new, false), diff);
    diff.hollow_batches = map(&hollow(&old, true), &hollow(&new, true));
    let thin = |placed: &Placed<'_>| -> BTreeMap<SpineId, ThinBatch> {
        let thin = |(id, (level, batch)): (&SpineId, &(usize, &Arc<SpineBatch>))| {
            (*id, thin_batch(*level, batch))
        };
        placed.iter().map(thin).collect()
    };
    diff.spine_batches = map(&thin(&old), &thin(&new));
    diff.spine_merges = map(&merges(from, &old), &merges(to, &new));
}

fn legacy(
    old: &BTreeMap<SpineId, Arc<HollowBatch>>,
    new: &BTreeMap<SpineId, Arc<HollowBatch>>,
    diff: &mut StateDiff,
) {
    // Merging moves batches without changing them.
    let set = |batches: &BTreeMap<SpineId, Arc<HollowBatch>>| -> BTreeSet<Arc<HollowBatch>> {
        batches.values().cloned().collect()
    };
    let (old, new) = (set(old), set(new));
    let changed = old.symmetric_difference(&new);
    diff.legacy_batches = changed
        .map(|batch| FieldDiff {
            key: Arc::clone(batch),
            value: if new.contains(batch) {
                DiffValue::Insert(())
            } else {
                DiffValue::Delete(())
            },
        })
        .collect();
}

fn thin_batch(level: usize, batch: &SpineBatch) -> ThinBatch {
    ThinBatch {
        level,
        desc: batch.desc.clone(),
        parts: batch.parts.iter().map(|p| p.id).collect(),
        descs: batch.parts.iter().map(|p| p.batch.desc.clone()).collect(),
    }
}

/// The running merges of `trace`, and the claims of the batches that changed.
fn merges(trace: &Trace, changed: &Placed<'_>) -> BTreeMap<SpineId, ThinMerge> {
    let claims = changed.iter().filter_map(|(id, (_, batch))| {
        let claim = ThinMerge {
            since: batch.desc.since.clone(),
            remaining_work: 0,
            active_compaction: Some(batch.active_compaction?),
        };
        Some((*id, claim))
    });
    let running = trace.merges().map(|(id, merge)| {
        let thin = ThinMerge {
            since: merge.since.clone(),
            remaining_work: merge.remaining_work,
            active_compaction: None,
        };
        (id, thin)
    });
    claims.chain(running).collect()
}
