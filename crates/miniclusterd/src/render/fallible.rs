//! The workhorse of rendering: one input, two outputs, rows and errors.
//!
//! Invariant: what leaves is not before what it was made of, so the input's
//! capability carries it.

use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::trace::{BatchCursor, Cursor, Navigable, TraceReader};
use differential_dataflow::{AsCollection, Data, VecCollection};
use timely::Container;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

use super::{Errs, RenderTimestamp};
use crate::errors::DataflowError;
use repr::{Diff, Row};

/// Updates on their way out of an operator.
pub type Updates<D, T> = Vec<(D, T, Diff)>;

/// Results and errors of one operator.
pub type Split<'s, T, D> = (VecCollection<'s, T, D, Diff>, Errs<'s, T>);

/// Applies `logic` to every container; it pushes results and errors.
pub fn fallible<'s, T, C, D, L>(
    stream: Stream<'s, T, C>,
    name: &str,
    mut logic: L,
) -> Split<'s, T, D>
where
    T: RenderTimestamp,
    C: Container + Clone,
    D: Data,
    L: FnMut(&mut C, &mut Updates<D, T>, &mut Updates<DataflowError, T>) + 'static,
{
    let mut builder = OperatorBuilder::new(name.to_string(), stream.scope());
    let mut input = builder.new_input(stream, Pipeline);
    builder.set_notify_for(0, FrontierInterest::Never);
    let (oks, ok_stream) = builder.new_output();
    let mut oks = OutputBuilder::<_, CapacityContainerBuilder<Updates<D, T>>>::from(oks);
    let (errs, err_stream) = builder.new_output();
    let mut errs =
        OutputBuilder::<_, CapacityContainerBuilder<Updates<DataflowError, T>>>::from(errs);
    builder.build(move |_| {
        let mut ok_buffer = Vec::new();
        let mut err_buffer = Vec::new();
        move |_| {
            let mut oks = oks.activate();
            let mut errs = errs.activate();
            input.for_each(|capability, data| {
                logic(data, &mut ok_buffer, &mut err_buffer);
                if !ok_buffer.is_empty() {
                    oks.session(&capability).give_container(&mut ok_buffer);
                    ok_buffer.clear();
                }
                if !err_buffer.is_empty() {
                    errs.session(&capability).give_container(&mut err_buffer);
                    err_buffer.clear();
                }
            });
        }
    });
    (ok_stream.as_collection(), err_stream.as_collection())
}

/// Applies `logic` to every update of an arrangement, as `[key, value]`; with
/// `literal`, only to those of that key.
pub fn fallible_batches<'s, T, Tr, D, L>(
    arranged: Arranged<'s, Tr>,
    name: &str,
    literal: Option<Row>,
    mut logic: L,
) -> Split<'s, T, D>
where
    T: RenderTimestamp,
    Tr: TraceReader<Time = T> + 'static,
    Tr::Batch: Navigable,
    for<'a> BatchCursor<Tr>: Cursor<Key<'a> = &'a Row, Val<'a> = &'a Row, Time = T, Diff = Diff>,
    D: Data,
    L: FnMut(&[&Row], &T, Diff, &mut Updates<D, T>, &mut Updates<DataflowError, T>) + 'static,
{
    fallible(
        arranged.stream,
        name,
        move |spans: &mut Vec<_>, oks, errs| {
            for span in spans.drain(..) {
                let Some(batch) = &span.inner else { continue };
                let mut cursor = batch.cursor();
                if let Some(literal) = &literal {
                    cursor.seek_key(batch, literal);
                }
                while let Some(key) = cursor.get_key(batch) {
                    if literal.as_ref().is_some_and(|literal| literal != key) {
                        break;
                    }
                    while let Some(value) = cursor.get_val(batch) {
                        let mut changes = Vec::new();
                        cursor.map_times(batch, |time, diff| {
                            changes.push((
                                <BatchCursor<Tr> as Cursor>::owned_time(time),
                                <BatchCursor<Tr> as Cursor>::owned_diff(diff),
                            ));
                        });
                        // An import moves times together.
                        differential_dataflow::consolidation::consolidate(&mut changes);
                        for (time, diff) in &changes {
                            logic(&[key, value], time, *diff, oks, errs);
                        }
                        cursor.step_val(batch);
                    }
                    cursor.step_key(batch);
                }
            }
        },
    )
}
