//! From a collection of results to rows and errors, and from an arrangement to
//! another one with the complaints beside it.
//!
//! Invariant: a reduction and its complaints read one arrangement, so they are
//! right at the same times.

use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::trace::{
    BatchCursor, BatchDiff, BatchVal, Cursor, Navigable, TraceReader,
};
use differential_dataflow::{Data, VecCollection};

use super::{Errs, LocalOks, RenderTimestamp, RowBuilder, RowSpine, fallible};
use crate::errors::DataflowError;
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use repr::{Diff, Row};

/// Rows, and the errors in place of rows.
pub fn split<'s, T: RenderTimestamp, D: Data>(
    results: VecCollection<'s, T, Result<D, DataflowError>, Diff>,
    name: &str,
) -> (VecCollection<'s, T, D, Diff>, Errs<'s, T>) {
    fallible(results.inner, name, |data: &mut Vec<_>, oks, errs| {
        for (result, time, diff) in data.drain(..) {
            match result {
                Ok(row) => oks.push((row, time, diff)),
                Err(error) => errs.push((error, time, diff)),
            }
        }
    })
}

/// Reduces an arrangement: `logic` pushes the value rows of a key with their
/// diffs.
pub fn reduce_rows<'s, T, Tr, L>(
    arranged: Arranged<'s, Tr>,
    name: &str,
    logic: L,
) -> LocalOks<'s, T>
where
    T: RenderTimestamp,
    Tr: TraceReader<Time = T, Batch: Navigable> + 'static,
    BatchCursor<Tr>: Cursor<Time = T, KeyContainer = Vec<Row>>,
    for<'a> BatchCursor<Tr>: Cursor<Key<'a> = &'a Row>,
    L: FnMut(&Row, &[(BatchVal<'_, Tr>, BatchDiff<Tr>)], &mut Vec<(Row, Diff)>) + 'static,
{
    arranged.reduce_abelian::<_, RowBuilder<T>, RowSpine<T>, _, _>(
        name,
        logic,
        |chunk, key: &Row, updates| {
            chunk.clear();
            let update = |(value, time, diff)| ((key.clone(), value), time, diff);
            chunk.extend(updates.drain(..).map(update));
        },
    )
}

/// Reduces an arrangement to errors: `logic` pushes the complaints about a key.
pub fn reduce_errs<'s, T, Tr, L>(arranged: Arranged<'s, Tr>, name: &str, logic: L) -> Errs<'s, T>
where
    T: RenderTimestamp,
    Tr: TraceReader<Time = T, Batch: Navigable> + 'static,
    BatchCursor<Tr>: Cursor<Time = T, KeyContainer = Vec<Row>>,
    for<'a> BatchCursor<Tr>: Cursor<Key<'a> = &'a Row>,
    L: FnMut(&Row, &[(BatchVal<'_, Tr>, BatchDiff<Tr>)], &mut Vec<(DataflowError, Diff)>) + 'static,
{
    arranged
        .reduce_abelian::<_, ErrorBuilder<T>, ErrorSpine<T>, _, _>(
            name,
            logic,
            |chunk, key: &Row, updates| {
                chunk.clear();
                let update = |(error, time, diff)| ((key.clone(), error), time, diff);
                chunk.extend(updates.drain(..).map(update));
            },
        )
        .as_collection(|_, error: &DataflowError| error.clone())
}

type ErrorSpine<T> = ValSpine<Row, DataflowError, T, Diff>;
type ErrorBuilder<T> = ValBuilder<Row, DataflowError, T, Diff>;
