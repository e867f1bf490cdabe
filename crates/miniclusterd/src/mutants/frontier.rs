//! Which frontiers are reported, and when.

use std::collections::BTreeMap;

use super::{Mutant, Mutants};
use crate::compute::{Collection, Outgoing, Reported};
use protocol::v26_30::{ComputeResponse, FrontiersResponse, StatusResponse};
use repr::{Antichain, GlobalId, Timestamp};

/// The seams of one worker.
#[derive(Debug, Clone, Copy)]
pub struct FrontierSeams {
    mutants: Mutants,
    worker: usize,
}

impl FrontierSeams {
    pub(super) fn new(mutants: Mutants, worker: usize) -> Self {
        FrontierSeams { mutants, worker }
    }

    /// The write and output frontiers of an index whose trace is complete up to
    /// `upper`: both are the upper.
    pub fn of_index(self, upper: Antichain, as_of: Timestamp) -> (Antichain, Antichain) {
        if upper > Antichain::from_elem(as_of) {
            if self.mutants.is(Mutant::FrontierTooFar) {
                return (beyond(&upper), beyond(&upper));
            }
            if self.mutants.is(Mutant::OutputAhead) {
                let output = beyond(&upper);
                return (upper, output);
            }
        }
        if self.mutants.is(Mutant::OutputBehind)
            && let Some(time) = upper.as_option().filter(|time| *time > as_of + 1)
        {
            return (upper, Antichain::from_elem(time - 1));
        }
        (upper.clone(), upper)
    }

    /// The write frontier of a view: the upper of its shard.
    pub fn of_view(self, upper: Antichain, as_of: Timestamp) -> Antichain {
        if self.mutants.is(Mutant::ViewFrontierAhead) && upper > Antichain::from_elem(as_of) {
            return beyond(&upper);
        }
        upper
    }

    /// What is said of a collection right before its frontiers are reported:
    /// nothing.
    pub fn before_report(
        self,
        id: GlobalId,
        collection: &Collection,
        write: &Antichain,
    ) -> Option<Outgoing> {
        let is_first = |reported: &Reported, now: &Antichain| match reported {
            Reported::Not(lower) => lower <= now,
            Reported::Up(_) => false,
        };
        if self.worker != 0 {
            return None;
        }
        let as_of = collection.as_of;
        let below = Antichain::from_option(as_of.checked_sub(1).filter(|below| *below > 0));
        let after = Antichain::from_elem(as_of + 1);
        if self.mutants.is(Mutant::InputBelowAsOf) {
            let is_first = is_first(&collection.reported.input, &collection.input_frontier());
            return (is_first && !below.is_empty()).then(|| read(id, &below));
        }
        if !is_first(&collection.reported.write, write) {
            return None;
        }
        if self.mutants.is(Mutant::FirstFrontierBelowAsOf) && !below.is_empty() {
            return Some(written(id, &below));
        }
        if self.mutants.is(Mutant::WriteAtAsOf) && as_of > 0 && after <= *write {
            return Some(written(id, &Antichain::from_elem(as_of)));
        }
        let falls_back = self.mutants.is(Mutant::WriteAfterAsOf) && after < *write;
        falls_back.then(|| written(id, &after))
    }

    /// What is said of an index when it is compacted: nothing.
    pub fn on_compaction(
        self,
        id: GlobalId,
        collection: Option<&Collection>,
        to: &Antichain,
    ) -> Option<Outgoing> {
        match &collection?.reported.write {
            Reported::Up(reported) if to < reported => {
                let says = self.mutants.is(Mutant::FrontierRegresses) && self.worker == 0;
                says.then(|| written(id, to))
            }
            Reported::Up(_) | Reported::Not(_) => None,
        }
    }

    /// What is said on a new connection before its initialization is complete:
    /// nothing.
    pub fn before_initialization(
        self,
        collections: &BTreeMap<GlobalId, Collection>,
    ) -> Vec<Outgoing> {
        if self.mutants.is(Mutant::StatusTooEarly) && self.worker == 0 {
            let status = ComputeResponse::Status(StatusResponse::Placeholder);
            return vec![Outgoing::Direct(status)];
        }
        if !self.mutants.is(Mutant::ReportsTooEarly) || self.worker != 0 {
            return Vec::new();
        }
        let reported = |(id, collection): (&GlobalId, &Collection)| match &collection.reported.write
        {
            Reported::Up(write) => Some(written(*id, write)),
            Reported::Not(_) => None,
        };
        collections.iter().filter_map(reported).collect()
    }

    /// What is said of a collection that was dropped: its empty frontiers, as far
    /// as they were not reported.
    pub fn on_drop(self, id: GlobalId, empty: Option<FrontiersResponse>) -> Vec<Outgoing> {
        let Some(empty) = empty.filter(|_| !self.mutants.is(Mutant::DropSilent)) else {
            return Vec::new();
        };
        let mut said = vec![Outgoing::Merged(ComputeResponse::Frontiers(id, empty))];
        if self.mutants.is(Mutant::DropTwice) && self.worker == 0 {
            let again = FrontiersResponse {
                write_frontier: Some(Antichain::empty()),
                input_frontier: Some(Antichain::empty()),
                output_frontier: Some(Antichain::empty()),
            };
            said.push(Outgoing::Direct(ComputeResponse::Frontiers(id, again)));
        }
        said
    }
}

/// One further.
fn beyond(frontier: &Antichain) -> Antichain {
    Antichain::from_option(frontier.as_option().map(|t| t.saturating_add(1)))
}

/// A report of an input frontier, past the reports of the other workers.
fn read(id: GlobalId, input: &Antichain) -> Outgoing {
    let response = FrontiersResponse {
        input_frontier: Some(input.clone()),
        ..FrontiersResponse::default()
    };
    Outgoing::Direct(ComputeResponse::Frontiers(id, response))
}

/// A report of a write frontier, past the reports of the other workers.
fn written(id: GlobalId, write: &Antichain) -> Outgoing {
    let response = FrontiersResponse {
        write_frontier: Some(write.clone()),
        ..FrontiersResponse::default()
    };
    Outgoing::Direct(ComputeResponse::Frontiers(id, response))
}
