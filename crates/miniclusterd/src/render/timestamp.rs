//! The times that dataflows run with: system time alone, or system time with
//! iteration counters. Source: `spec/plan.md` §2.2 (times), §2.7.
//!
//! Invariant: only the system part of a time is ever moved by a plan.

use differential_dataflow::VecCollection;
use differential_dataflow::dynamic::feedback_summary;
use differential_dataflow::dynamic::pointstamp::PointStamp;
use differential_dataflow::lattice::Lattice;
use timely::dataflow::Scope;
use timely::order::Product;
use timely::progress::Timestamp as TimelyTimestamp;
use timely::progress::timestamp::Refines;

use super::{ErrAgent, LocalErrs, LocalOks, RowAgent, arrange_errs, arrange_oks};
use repr::{Diff, Row, Timestamp};

/// The time of a dataflow with recursive bindings.
pub type RecursiveTime = Product<Timestamp, PointStamp<Timestamp>>;

/// A time that a plan can be rendered over.
pub trait RenderTimestamp: TimelyTimestamp + Lattice + Refines<Timestamp> + Ord {
    /// Its system part.
    fn system(&self) -> Timestamp;

    /// The same time with another system part.
    fn at_system(&self, system: Timestamp) -> Self;

    /// A time before this one, from which on "before this" can be told from
    /// "not before this".
    fn step_back(&self) -> Self;

    /// What one more iteration at nesting `level` (from 1) does to a time; None
    /// if there are no iterations.
    fn feedback(level: usize) -> Option<Self::Summary>;

    /// The iteration, from 0, at nesting `level`.
    fn iteration(&self, level: usize) -> u64;

    /// Brings a collection out of the iterations at nesting `level`.
    fn leave<'s, D: differential_dataflow::Data>(
        collection: VecCollection<'s, Self, D, Diff>,
        level: usize,
    ) -> VecCollection<'s, Self, D, Diff>;

    /// The traces of an arrangement over system time: itself, or what is left
    /// of it outside of the iterations, arranged anew.
    fn export<'s>(
        outer: Scope<'s, Timestamp>,
        oks: &LocalOks<'_, Self>,
        errs: &LocalErrs<'_, Self>,
    ) -> (RowAgent<Timestamp>, ErrAgent<Timestamp>);
}

impl RenderTimestamp for Timestamp {
    fn system(&self) -> Timestamp {
        *self
    }

    fn at_system(&self, system: Timestamp) -> Self {
        system
    }

    fn step_back(&self) -> Self {
        self.saturating_sub(1)
    }

    fn feedback(_: usize) -> Option<Self::Summary> {
        None
    }

    fn iteration(&self, _: usize) -> u64 {
        0
    }

    fn leave<'s, D: differential_dataflow::Data>(
        collection: VecCollection<'s, Self, D, Diff>,
        _: usize,
    ) -> VecCollection<'s, Self, D, Diff> {
        collection
    }

    fn export<'s>(
        _outer: Scope<'s, Timestamp>,
        oks: &LocalOks<'_, Self>,
        errs: &LocalErrs<'_, Self>,
    ) -> (RowAgent<Timestamp>, ErrAgent<Timestamp>) {
        (oks.trace.clone(), errs.trace.clone())
    }
}

impl RenderTimestamp for RecursiveTime {
    fn system(&self) -> Timestamp {
        self.outer
    }

    fn at_system(&self, system: Timestamp) -> Self {
        Product::new(system, self.inner.clone())
    }

    fn step_back(&self) -> Self {
        Product::new(self.outer.saturating_sub(1), PointStamp::default())
    }

    fn feedback(level: usize) -> Option<Self::Summary> {
        Some(Product::new(
            Default::default(),
            feedback_summary::<Timestamp>(level, 1),
        ))
    }

    fn iteration(&self, level: usize) -> u64 {
        let counters = self.inner.clone().into_inner();
        counters.get(level - 1).copied().unwrap_or(0)
    }

    fn leave<'s, D: differential_dataflow::Data>(
        collection: VecCollection<'s, Self, D, Diff>,
        level: usize,
    ) -> VecCollection<'s, Self, D, Diff> {
        collection.leave_dynamic(level)
    }

    fn export<'s>(
        outer: Scope<'s, Timestamp>,
        oks: &LocalOks<'_, Self>,
        errs: &LocalErrs<'_, Self>,
    ) -> (RowAgent<Timestamp>, ErrAgent<Timestamp>) {
        let oks = oks.clone().as_vecs::<Row, Row>().leave(outer);
        let errs = errs.clone().as_collection(|error, &()| error.clone());
        let oks = arrange_oks(oks, "Export");
        let errs = arrange_errs(errs.leave(outer), "Export errors");
        (oks.trace, errs.trace)
    }
}
