//! One collection of a worker: its kind, its dataflow, and the frontiers that were
//! reported of it. Source: `spec/replica.md` §4.
//!
//! Invariants: each kind of frontier is reported only if it advanced, at first
//! only from the as-of on, and after the empty one never again.

use std::cell::RefCell;
use std::rc::Rc;

use super::holds::{Hold, ImportProbe};
use super::start::StartToken;
use crate::sink::{MaterializedView, SubscribeState};
use protocol::v26_30::FrontiersResponse;
use repr::{Antichain, Timestamp};

/// The timely dataflow that several collections may share.
#[derive(Debug)]
pub struct DataflowHandle {
    pub index: usize,
}

/// How far one kind of frontier of a collection was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// Nothing; and nothing before this frontier may be said.
    Not(Antichain),
    Up(Antichain),
}

impl Reported {
    /// Takes note of a frontier; gives it if it is to be reported.
    pub fn advance(&mut self, to: &Antichain) -> Option<Antichain> {
        let advances = match self {
            Reported::Not(lower) => *lower <= *to,
            Reported::Up(reported) => *reported < *to,
        };
        if !advances {
            return None;
        }
        *self = Reported::Up(to.clone());
        Some(to.clone())
    }
}

/// The three kinds.
#[derive(Debug, Clone)]
pub struct ReportedFrontiers {
    pub write: Reported,
    pub input: Reported,
    pub output: Reported,
}

impl ReportedFrontiers {
    pub fn not_before(lower: &Antichain) -> Self {
        ReportedFrontiers {
            write: Reported::Not(lower.clone()),
            input: Reported::Not(lower.clone()),
            output: Reported::Not(lower.clone()),
        }
    }

    /// As if everything had been said.
    pub fn finished() -> Self {
        let done = Reported::Up(Antichain::empty());
        ReportedFrontiers {
            write: done.clone(),
            input: done.clone(),
            output: done,
        }
    }

    /// The response for new frontiers, if it says anything.
    pub fn advance(
        &mut self,
        write: &Antichain,
        input: &Antichain,
        output: &Antichain,
    ) -> Option<FrontiersResponse> {
        let response = FrontiersResponse {
            write_frontier: self.write.advance(write),
            input_frontier: self.input.advance(input),
            output_frontier: self.output.advance(output),
        };
        (response != FrontiersResponse::default()).then_some(response)
    }
}

/// The kinds of collections.
pub enum CollectionKind {
    Index,
    Subscribe(Rc<RefCell<SubscribeState>>),
    View(Rc<MaterializedView>),
}

/// A collection of a worker.
pub struct Collection {
    pub kind: CollectionKind,
    pub as_of: Timestamp,
    pub dataflow: Rc<DataflowHandle>,
    /// Until it was scheduled.
    pub start: Option<StartToken>,
    /// The probes of all imports of the dataflow.
    pub probes: Rc<Vec<ImportProbe>>,
    /// The imports that it keeps alive.
    #[expect(dead_code, reason = "being alive is all that they are for")]
    pub holds: Vec<Hold>,
    pub reported: ReportedFrontiers,
}

impl Collection {
    /// How far the imports of the dataflow that an export holds were read.
    pub fn input_frontier(&self) -> Antichain {
        let frontiers = self.probes.iter().map(ImportProbe::frontier);
        frontiers.min().unwrap_or_else(Antichain::empty)
    }
}
