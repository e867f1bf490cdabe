//! Reporting frontiers. Source: `spec/replica.md` §4.
//!
//! Invariant: write is read before input, so that one worker never says that it
//! wrote more than it read.

use super::collection::{Kind, Reported};
use super::state::{Instance, Outgoing};
use super::traces::{frontier, upper};
use crate::mutants::Mutant;
use protocol::v26_30::{ComputeResponse, FrontiersResponse};
use repr::Antichain;

/// One further.
fn beyond(frontier: &Antichain) -> Antichain {
    Antichain::from_option(frontier.as_option().map(|t| t.saturating_add(1)))
}

impl Instance {
    /// Reports what advanced, in ascending order of ids.
    pub fn report_frontiers(&mut self) {
        let mutants = self.env.mutants;
        for (id, collection) in &mut self.collections {
            let (write, output) = match &collection.kind {
                Kind::Subscribe(_) => continue,
                Kind::View(view) => {
                    let write = view.write_frontier();
                    let probe = view.probe.with_frontier(|f| frontier(&f));
                    let output = if view.writable() {
                        write.meet(&probe)
                    } else {
                        probe
                    };
                    // Mutant: more is said to be written than is.
                    let ahead = mutants.is(Mutant::ViewFrontierAhead)
                        && write > Antichain::from_elem(collection.as_of);
                    (if ahead { beyond(&write) } else { write }, output)
                }
                Kind::Index => {
                    let Some(trace) = self.traces.get_mut(id) else {
                        continue;
                    };
                    let write = upper(&mut trace.oks);
                    (write.clone(), write)
                }
            };
            let input = collection.input_frontier();
            // Mutants: further than it is, but only once it is anywhere.
            let somewhere = write > Antichain::from_elem(collection.as_of);
            let index = matches!(collection.kind, Kind::Index);
            let somewhere = somewhere && index;
            let (write, output) = if mutants.is(Mutant::FrontierTooFar) && somewhere {
                (beyond(&write), beyond(&output))
            } else if mutants.is(Mutant::OutputAhead) && somewhere {
                let ahead = beyond(&output);
                (write, ahead)
            } else {
                (write, output)
            };
            let first = matches!(collection.reported.write, Reported::Not(_));
            let Some(response) = collection.reported.advance(&write, &input, &output) else {
                continue;
            };
            // Mutant: the first word is of a time before the as-of.
            if mutants.is(Mutant::FirstFrontierBelowAsOf)
                && first
                && self.worker == 0
                && collection.as_of >= 2
                && response.write_frontier.is_some()
            {
                let below = FrontiersResponse {
                    write_frontier: Some(Antichain::from_elem(collection.as_of - 1)),
                    ..FrontiersResponse::default()
                };
                self.out
                    .push(Outgoing::Direct(ComputeResponse::Frontiers(*id, below)));
            }
            self.out
                .push(Outgoing::Merged(ComputeResponse::Frontiers(*id, response)));
        }
    }

    /// Mutant: says where everything is, out of turn.
    pub fn say_all_frontiers(&mut self) {
        if self.worker != 0 {
            return;
        }
        for (id, collection) in &self.collections {
            if let Reported::Up(write) = &collection.reported.write {
                let response = FrontiersResponse {
                    write_frontier: Some(write.clone()),
                    ..FrontiersResponse::default()
                };
                self.out
                    .push(Outgoing::Direct(ComputeResponse::Frontiers(*id, response)));
            }
        }
    }
}
