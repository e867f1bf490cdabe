//! One kind of thing that a replica renders, as a name of four parts.

use std::fmt;

/// One kind of thing that a replica renders. The order is the catalogue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanCell {
    pub operator: &'static str,
    pub variant: &'static str,
    /// `raw`, `arrangement`, `lookup`; `-` if nothing is read.
    pub read: &'static str,
    /// What is arranged, and `bucketed` if updates of the future wait in
    /// temporal buckets before; `-` if nothing is arranged.
    pub arranges: &'static str,
}

impl fmt::Display for PlanCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PlanCell {
            operator,
            variant,
            read,
            arranges,
        } = self;
        write!(f, "{operator}/{variant}/{read}/{arranges}")
    }
}

pub(super) const fn cell(
    operator: &'static str,
    variant: &'static str,
    read: &'static str,
    arranges: &'static str,
) -> PlanCell {
    PlanCell {
        operator,
        variant,
        read,
        arranges,
    }
}
