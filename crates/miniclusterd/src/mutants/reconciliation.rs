//! What of the old lives on after a reconnect.

use std::collections::{BTreeMap, BTreeSet};

use super::{Mutant, Mutants};
use crate::compute::{Collection, exports};
use protocol::neutral::ComputeCommand;
use repr::{Antichain, GlobalId};

#[derive(Debug, Clone, Copy)]
pub struct ReconciliationSeams(pub(super) Mutants);

impl ReconciliationSeams {
    /// Whether an old dataflow builds what a new description says.
    pub fn same_plan(self, same: bool) -> bool {
        same || self.0.is(Mutant::KeepsIncompatible)
    }

    /// Whether the as-of of an old dataflow can serve the new one.
    pub fn as_of_serves(self, serves: bool) -> bool {
        serves || self.0.is(Mutant::KeepsLowerAsOf)
    }

    /// Whether a sink must start over on a new connection.
    pub fn restarts(self, restarts: bool) -> bool {
        restarts && !self.0.is(Mutant::KeepsSubscribe)
    }

    /// Whether the peeks of the old connection are forgotten.
    pub fn forgets_peeks(self) -> bool {
        !self.0.is(Mutant::LeaksOldPeeks)
    }

    /// Whether the frontiers of a kept collection are reported anew.
    pub fn reports_anew(self) -> bool {
        !self.0.is(Mutant::FrontiersNotReset)
    }

    /// To where a kept index with this upper is compacted: to the new as-of.
    pub fn compacts_to(self, as_of: &Antichain, upper: &Antichain) -> Antichain {
        if self.0.is(Mutant::OverCompacts) && !upper.is_empty() {
            return upper.join(as_of);
        }
        as_of.clone()
    }

    /// Collections that are kept, with their as-ofs, although the new commands do
    /// not mention them: none.
    pub fn kept_unmentioned(
        self,
        collections: &BTreeMap<GlobalId, Collection>,
        commands: &[ComputeCommand],
    ) -> Vec<(GlobalId, Antichain)> {
        if !self.0.is(Mutant::ForgetsDrop) {
            return Vec::new();
        }
        let mentioned = mentioned(commands);
        let unmentioned = collections.iter().filter(|(id, _)| !mentioned.contains(id));
        unmentioned
            .map(|(id, collection)| (*id, Antichain::from_elem(collection.as_of)))
            .collect()
    }
}

/// The exports of the dataflows that are created.
fn mentioned(commands: &[ComputeCommand]) -> BTreeSet<GlobalId> {
    let exports = commands.iter().filter_map(|command| match command {
        ComputeCommand::CreateDataflow(desc) => Some(exports(desc)),
        ComputeCommand::Hello { .. }
        | ComputeCommand::CreateInstance(_)
        | ComputeCommand::InitializationComplete
        | ComputeCommand::UpdateConfiguration(_)
        | ComputeCommand::Schedule(_)
        | ComputeCommand::AllowWrites(_)
        | ComputeCommand::AllowCompaction { .. }
        | ComputeCommand::Peek(_)
        | ComputeCommand::CancelPeek { .. } => None,
    });
    exports.flatten().collect()
}
