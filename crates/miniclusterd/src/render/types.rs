//! The types of collections and arrangements, and how things are arranged.
//! Source: `spec/plan.md` §2.1.
//!
//! Invariant: every arrangement of rows is exchanged by the hash of its key
//! row, so that equal keys meet on one worker whatever arranged them.

use differential_dataflow::VecCollection;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::{
    KeyBatcher, KeyBuilder, KeySpine, ValBatcher, ValBuilder, ValSpine,
};
use differential_dataflow::trace::wrappers::enter::TraceEnter;
use differential_dataflow::trace::wrappers::frontier::TraceFrontier;

use super::RenderTimestamp;
use crate::errors::DataflowError;
use repr::{Diff, Row, Timestamp};

/// Rows.
pub type Oks<'s, T> = VecCollection<'s, T, Row, Diff>;
/// Errors.
pub type Errs<'s, T> = VecCollection<'s, T, DataflowError, Diff>;
/// Keys with values.
pub type KeyVals<'s, T> = VecCollection<'s, T, (Row, Row), Diff>;

/// Rows by key: key row → value row.
pub type RowSpine<T> = ValSpine<Row, Row, T, Diff>;
pub type RowBatcher<T> = ValBatcher<Row, Row, T, Diff>;
pub type RowBuilder<T> = ValBuilder<Row, Row, T, Diff>;
/// Errors, by themselves.
pub type ErrSpine<T> = KeySpine<DataflowError, T, Diff>;
pub type ErrBatcher<T> = KeyBatcher<DataflowError, T, Diff>;
pub type ErrBuilder<T> = KeyBuilder<DataflowError, T, Diff>;

/// A handle of a trace of rows, or of errors.
pub type RowAgent<T> = TraceAgent<RowSpine<T>>;
pub type ErrAgent<T> = TraceAgent<ErrSpine<T>>;

/// The same, of another dataflow's trace, from the as-of on and before the
/// until, brought into the scope of this one.
pub type RowImport<T> = TraceEnter<TraceFrontier<RowAgent<Timestamp>>, T>;
pub type ErrImport<T> = TraceEnter<TraceFrontier<ErrAgent<Timestamp>>, T>;

/// An arrangement of rows made here.
pub type LocalOks<'s, T> = Arranged<'s, RowAgent<T>>;
pub type LocalErrs<'s, T> = Arranged<'s, ErrAgent<T>>;

/// Arranges rows by key.
pub fn arrange_oks<'s, T: RenderTimestamp>(oks: KeyVals<'s, T>, name: &str) -> LocalOks<'s, T> {
    oks.arrange_named::<RowBatcher<T>, RowSpine<T>>(name, ValBatcher::new)
}

/// Arranges errors.
pub fn arrange_errs<'s, T: RenderTimestamp>(errs: Errs<'s, T>, name: &str) -> LocalErrs<'s, T> {
    errs.map(|error| (error, ()))
        .arrange_named::<ErrBatcher<T>, ErrSpine<T>>(name, KeyBatcher::new)
}
