//! The traces of the indexes of one worker. Source: `spec/replica.md` §3.3,
//! §3.5.
//!
//! Invariants: the since of a trace starts at `[0]` and moves only by
//! `AllowCompaction` or reconciliation; physical merging never changes what is
//! read at or after it.

use differential_dataflow::trace::TraceReader;
use timely::progress::Antichain as TimelyAntichain;

use crate::mutants::CompactionSeams;
use crate::render::{ErrAgent, RowAgent};
use repr::{Antichain, Timestamp};

/// An index: rows and errors.
#[derive(Clone)]
pub struct TraceBundle {
    pub oks: RowAgent<Timestamp>,
    pub errs: ErrAgent<Timestamp>,
    pub seams: CompactionSeams,
}

/// A frontier of timely as one of ours.
pub fn frontier(times: &[Timestamp]) -> Antichain {
    Antichain::from_option(times.iter().copied().min())
}

/// One of ours as timely has it.
pub fn timely_frontier(frontier: &Antichain) -> TimelyAntichain<Timestamp> {
    frontier.as_option().into_iter().collect()
}

/// Up to where a trace is complete.
pub fn upper<Tr: TraceReader<Time = Timestamp>>(trace: &mut Tr) -> Antichain {
    let mut upper = TimelyAntichain::new();
    trace.read_upper(&mut upper);
    frontier(upper.elements())
}

/// Before where a trace may not be read any more.
pub fn since<Tr: TraceReader<Time = Timestamp>>(trace: &mut Tr) -> Antichain {
    frontier(&trace.get_logical_compaction())
}

impl TraceBundle {
    pub fn new(
        oks: RowAgent<Timestamp>,
        errs: ErrAgent<Timestamp>,
        seams: CompactionSeams,
    ) -> Self {
        TraceBundle { oks, errs, seams }
    }

    /// Before where rows or errors may not be read any more.
    pub fn since(&mut self) -> Antichain {
        since(&mut self.oks).join(&since(&mut self.errs))
    }

    /// Lets go of the times before `to`.
    pub fn allow_compaction(&mut self, to: &Antichain) {
        let to = timely_frontier(to);
        self.oks.set_logical_compaction(to.borrow());
        self.errs.set_logical_compaction(to.borrow());
    }

    /// Lets batches merge up to where they are complete.
    pub fn maintain(&mut self) {
        let mut upper = TimelyAntichain::new();
        self.oks.read_upper(&mut upper);
        self.oks.set_physical_compaction(upper.borrow());
        self.errs.read_upper(&mut upper);
        self.errs.set_physical_compaction(upper.borrow());
    }
}
