//! Batches that a join takes for merged away. Its arrangement may be compacted to
//! where the other input has come; changes that cancel there are gone from it, and
//! still count for who reads at finer times (`spec/replica.md` §11 B01).
//!
//! Invariant: what is passed over is passed over whole, as a batch of the same times
//! without updates, so that the join misses no bound.

use differential_dataflow::lattice::Lattice;
use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::trace::{BatchCursor, Cursor, Navigable, SpanOf, TraceReader};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::progress::Antichain;

use repr::Diff;

/// An arrangement, of whose stream a join hears only what does not cancel by the
/// time that the other one has reached.
pub(super) fn pass_over_cancelled<'s, A, B>(
    arranged: Arranged<'s, A>,
    other: Arranged<'s, B>,
) -> Arranged<'s, A>
where
    A: TraceReader<Batch: Navigable> + Clone + 'static,
    B: TraceReader<Time = A::Time> + Clone + 'static,
    BatchCursor<A>: Cursor<Time = A::Time, Diff = Diff>,
{
    let stream = arranged.stream.binary_frontier(
        other.stream,
        Pipeline,
        Pipeline,
        "PassOverCancelled",
        |_, _| {
            move |(input, _), (other, reached), output| {
                other.for_each(|_, _| {});
                let reached = reached.frontier().to_owned();
                input.for_each(|capability, spans: &mut Vec<SpanOf<A>>| {
                    for span in spans.iter_mut() {
                        let overtaken = !reached.is_empty()
                            && span.lower().elements() != reached.elements()
                            && span
                                .inner
                                .as_ref()
                                .is_some_and(|b| cancels::<A>(b, &reached));
                        if overtaken {
                            span.inner = None;
                        }
                    }
                    output.session(&capability).give_container(spans);
                });
            }
        },
    );
    Arranged {
        stream,
        trace: arranged.trace,
    }
}

/// Whether nothing is left of a batch that is compacted to a frontier.
fn cancels<A>(batch: &A::Batch, to: &Antichain<A::Time>) -> bool
where
    A: TraceReader<Batch: Navigable>,
    BatchCursor<A>: Cursor<Time = A::Time, Diff = Diff>,
{
    let mut cursor = batch.cursor();
    while cursor.key_valid(batch) {
        while cursor.val_valid(batch) {
            let mut sums: Vec<(A::Time, Diff)> = Vec::new();
            cursor.map_times(batch, |time, diff| {
                let mut time: A::Time = BatchCursor::<A>::owned_time(time);
                time.advance_by(to.borrow());
                let diff = BatchCursor::<A>::owned_diff(diff);
                match sums.iter_mut().find(|(known, _)| *known == time) {
                    Some((_, sum)) => *sum += diff,
                    None => sums.push((time, diff)),
                }
            });
            if sums.iter().any(|(_, sum)| *sum != 0) {
                return false;
            }
            cursor.step_val(batch);
        }
        cursor.step_key(batch);
    }
    true
}
