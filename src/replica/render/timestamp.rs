//! The times that dataflows run with: system time alone, or system time with
//! iteration counters. Source: `spec/plan.md` §2.2 (times).
//!
//! Invariant: only the system part of a time is ever moved by a plan.

use differential_dataflow::dynamic::pointstamp::PointStamp;
use differential_dataflow::lattice::Lattice;
use timely::order::Product;
use timely::progress::Timestamp as TimelyTimestamp;
use timely::progress::timestamp::Refines;

use crate::repr::Timestamp;

/// The time of a dataflow with recursive bindings.
pub type RecursiveTime = Product<Timestamp, PointStamp<Timestamp>>;

/// A time that a plan can be rendered over.
pub trait RenderTimestamp: TimelyTimestamp + Lattice + Refines<Timestamp> + Ord {
    /// Its system part.
    fn system(&self) -> Timestamp;

    /// The same time with another system part.
    fn at_system(&self, system: Timestamp) -> Self;
}

impl RenderTimestamp for Timestamp {
    fn system(&self) -> Timestamp {
        *self
    }

    fn at_system(&self, system: Timestamp) -> Self {
        system
    }
}

impl RenderTimestamp for RecursiveTime {
    fn system(&self) -> Timestamp {
        self.outer
    }

    fn at_system(&self, system: Timestamp) -> Self {
        Product::new(system, self.inner.clone())
    }
}
