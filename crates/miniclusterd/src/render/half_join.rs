//! Half of a join: updates of a stream look up what an arrangement held at
//! their time, and later changes of the arrangement do not come back to them.
//! Source: `spec/plan.md` §2.4 (time rule of delta joins).
//!
//! Invariants: an update waits until the arrangement is complete up to its time;
//! the arrangement is not compacted past the step before any update that may
//! still come, so that "before" can be told from "at".

use std::cmp::Ordering;

use differential_dataflow::hashable::Hashable;
use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::trace::cursor::cursor_list;
use differential_dataflow::trace::{BatchCursor, Cursor, Navigable, TraceReader};
use differential_dataflow::{AsCollection, VecCollection};
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::{CapabilitySet, Operator};
use timely::progress::Antichain;

use super::RenderTimestamp;
use repr::{Diff, Row};

/// A key to look up, a value to keep, and the time at which a match counts. The
/// update's own time is that of the path's source.
pub type Lookup<'s, T> = VecCollection<'s, T, (Row, Row, T), Diff>;

/// An update of a stream that waits to look something up.
type Waiting<T> = ((Row, Row, T), T, Diff);

/// Looks updates up. Each match of an update at time `t` with an entry at a
/// time before `t` (or at `t`, if `inclusive`) under the total order of times
/// goes through `logic`; the result counts at the join of both times.
pub fn half_join<'s, T, Tr, R, L>(
    stream: Lookup<'s, T>,
    arranged: Arranged<'s, Tr>,
    inclusive: bool,
    logic: L,
) -> VecCollection<'s, T, (R, T), Diff>
where
    T: RenderTimestamp,
    Tr: TraceReader<Time = T, Batch: Navigable> + Clone + 'static,
    BatchCursor<Tr>: Cursor<Time = T, Diff = Diff>,
    for<'a> BatchCursor<Tr>: Cursor<Key<'a> = &'a Row, Val<'a> = &'a Row>,
    R: differential_dataflow::Data,
    L: Fn(&Row, &Row, &Row) -> Option<R> + 'static,
{
    let meets = move |entry: &T, update: &T| entry.cmp(update) <= latest(inclusive);
    // As arrangements exchange their keys.
    let exchange = Exchange::new(|((key, _, _), _, _): &((Row, Row, T), T, Diff)| key.hashed());
    let mut trace = Some(arranged.trace);
    stream
        .inner
        .binary_frontier(
            arranged.stream,
            exchange,
            Pipeline,
            "HalfJoin",
            move |_, _| {
                let mut capabilities = CapabilitySet::<T>::default();
                let mut pending: Vec<Waiting<T>> = Vec::new();
                move |(input, frontier), (changes, arranged_frontier), output| {
                    input.for_each(|capability, data| {
                        for capability in capability.retain_stamp(0).iter() {
                            capabilities.insert(capability.clone());
                        }
                        pending.append(data);
                    });
                    // The trace holds the changes; only the frontier matters.
                    changes.for_each(|_, _| {});
                    let complete = |time: &T| {
                        !arranged_frontier
                            .frontier()
                            .iter()
                            .any(|still| meets(still, time))
                    };
                    let Some(reader) = trace.as_mut() else {
                        return;
                    };
                    let is_ready = |(_, time, _): &mut Waiting<T>| complete(time);
                    let mut ready: Vec<_> = pending.extract_if(.., is_ready).collect();
                    if !ready.is_empty() {
                        ready.sort();
                        look_up(reader, ready, &meets, &logic, |result, time, diff| {
                            let capability = capabilities.delayed(&time);
                            output.session(&capability).give((result, time, diff));
                        });
                    }
                    let mut held: Antichain<T> =
                        pending.iter().map(|(_, time, _)| time.clone()).collect();
                    capabilities.downgrade(held.iter().cloned());
                    held.extend(frontier.frontier().iter().cloned());
                    if held.is_empty() {
                        trace = None;
                        return;
                    }
                    compact(reader, &held);
                    reader.set_physical_compaction(arranged_frontier.frontier());
                }
            },
        )
        .as_collection()
}

/// How late the time of an entry may be, compared with that of an update which it
/// meets.
#[inline]
fn latest(inclusive: bool) -> Ordering {
    match inclusive {
        true => Ordering::Equal,
        false => Ordering::Less,
    }
}

/// Compacts a trace as far as updates at `held` or later allow, which look up the
/// times before theirs.
fn compact<T, Tr>(trace: &mut Tr, held: &Antichain<T>)
where
    T: RenderTimestamp,
    Tr: TraceReader<Time = T>,
{
    let mut since = Antichain::new();
    for time in held.iter() {
        for current in trace.get_logical_compaction().iter() {
            since.insert(time.step_back().join(current));
        }
    }
    trace.set_logical_compaction(since.borrow());
}

/// Looks updates up that are sorted by key.
fn look_up<T, Tr, R: Clone>(
    trace: &mut Tr,
    updates: Vec<Waiting<T>>,
    meets: &impl Fn(&T, &T) -> bool,
    logic: &impl Fn(&Row, &Row, &Row) -> Option<R>,
    mut emit: impl FnMut((R, T), T, Diff),
) where
    T: RenderTimestamp,
    Tr: TraceReader<Time = T, Batch: Navigable>,
    BatchCursor<Tr>: Cursor<Time = T, Diff = Diff>,
    for<'a> BatchCursor<Tr>: Cursor<Key<'a> = &'a Row, Val<'a> = &'a Row>,
{
    let mut batches = Vec::new();
    trace.map_spans(|span| batches.extend(span.inner.clone()));
    let (mut cursor, storage) = cursor_list(batches);
    for ((key, value, at), time, diff) in updates {
        cursor.seek_key(&storage, &key);
        if cursor.get_key(&storage) != Some(&key) {
            continue;
        }
        cursor.rewind_vals(&storage);
        while let Some(entry) = cursor.get_val(&storage) {
            let mut counts: Vec<(T, Diff)> = Vec::new();
            cursor.map_times(&storage, |entry_time, entry_diff| {
                let entry_time = <BatchCursor<Tr> as Cursor>::owned_time(entry_time);
                if meets(&entry_time, &time) {
                    let entry_diff = <BatchCursor<Tr> as Cursor>::owned_diff(entry_diff);
                    counts.push((at.join(&entry_time), entry_diff.wrapping_mul(diff)));
                }
            });
            differential_dataflow::consolidation::consolidate(&mut counts);
            if !counts.is_empty()
                && let Some(result) = logic(&key, &value, entry)
            {
                for (at, diff) in counts {
                    emit((result.clone(), at), time.clone(), diff);
                }
            }
            cursor.step_val(&storage);
        }
    }
}
