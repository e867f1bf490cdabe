//! A new connection brings its own commands: what of the old may live on.
//! Source: `spec/replica.md` §2.5.
//!
//! Invariant: afterwards the worker behaves as if it had been given the new
//! commands alone, except that kept dataflows need not read their inputs again.

use std::collections::{BTreeMap, BTreeSet};

use timely::worker::Worker as TimelyWorker;

use super::collection::Kinds;
use super::compat::{as_of_serves, instance_differs, same_plan};
use super::history::{History, exports};
use super::state::Instance;
use super::traces::upper;
use crate::halt::End;
use crate::mutants::Mutant;
use protocol::v26_30::{ComputeCommand, ComputeSinkConnection, DataflowDescription};
use repr::{Antichain, GlobalId};

impl Instance {
    /// Takes over the commands of a new iteration.
    ///
    /// Errors: how the replica ends.
    pub fn reconcile(
        &mut self,
        timely: &mut TimelyWorker,
        commands: Vec<ComputeCommand>,
    ) -> Result<(), End> {
        let mutants = self.env.mutants;
        let old = self.history.reduce();
        let mut old_dataflows: BTreeMap<BTreeSet<GlobalId>, DataflowDescription> = old
            .dataflows
            .into_iter()
            .map(|desc| (exports(&desc), desc))
            .collect();
        let mut kept: BTreeMap<GlobalId, Antichain> = BTreeMap::new();
        let mut queue = Vec::new();
        for command in &commands {
            match command {
                ComputeCommand::CreateInstance(config) => {
                    if instance_differs(&self.config, config) {
                        return Err(End::halt(format!(
                            "new instance configuration not compatible with existing instance configuration: {:?} vs {:?}",
                            config, self.config
                        )));
                    }
                }
                ComputeCommand::CreateDataflow(desc) => {
                    let ids = exports(desc);
                    let retained = old_dataflows.get(&ids).is_some_and(|old_desc| {
                        // Mutants: what differs does not count.
                        (same_plan(old_desc, desc) || mutants.is(Mutant::KeepsIncompatible))
                            && (as_of_serves(old_desc, desc) || mutants.is(Mutant::KeepsLowerAsOf))
                            && uncompacted(&old.compactions, &ids, desc)
                            && !desc.sink_exports.values().any(|sink| {
                                // Mutant: a subscribe goes on instead of starting over.
                                restarts(sink) && !mutants.is(Mutant::KeepsSubscribe)
                            })
                            && desc.index_imports.keys().all(|id| kept.contains_key(id))
                    });
                    let created = ids.iter().all(|id| self.collections.contains_key(id));
                    if retained && created {
                        old_dataflows.remove(&ids);
                        let as_of = desc.as_of.clone().unwrap_or_default();
                        kept.extend(ids.into_iter().map(|id| (id, as_of.clone())));
                    } else {
                        queue.push(command.clone());
                    }
                }
                ComputeCommand::Hello { .. }
                | ComputeCommand::InitializationComplete
                | ComputeCommand::UpdateConfiguration(_)
                | ComputeCommand::Schedule(_)
                | ComputeCommand::AllowWrites(_)
                | ComputeCommand::AllowCompaction { .. }
                | ComputeCommand::Peek(_)
                | ComputeCommand::CancelPeek { .. } => queue.push(command.clone()),
            }
        }
        // Mutant: old peeks go on.
        if !mutants.is(Mutant::LeaksOldPeeks) {
            self.peeks.clear();
        }
        self.out.clear();
        let created: BTreeSet<GlobalId> = queue
            .iter()
            .filter_map(|command| match command {
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
            })
            .flatten()
            .collect();
        let ids: Vec<GlobalId> = self.collections.keys().copied().collect();
        for id in ids {
            let Some(collection) = self.collections.get_mut(&id) else {
                continue;
            };
            if let Some(as_of) = kept.get(&id) {
                // Mutant: what was said before is not said again.
                if !mutants.is(Mutant::FrontiersNotReset) {
                    collection.reported = Kinds::not_before(as_of);
                }
                collection.as_of = as_of.as_option().unwrap_or(0);
                // Mutant: compacted as far as it is complete.
                let to = match self.traces.get_mut(&id) {
                    Some(trace) if mutants.is(Mutant::OverCompacts) => {
                        let sealed = upper(&mut trace.oks).as_option();
                        Antichain::from_option(sealed.or(as_of.as_option())).join(as_of)
                    }
                    Some(_) | None => as_of.clone(),
                };
                self.allow_compaction(id, &to);
            } else {
                collection.reported = Kinds::finished();
                // Mutant: what is not mentioned runs on, and says so.
                if mutants.is(Mutant::ForgetsDrop) && !created.contains(&id) {
                    let as_of = Antichain::from_elem(collection.as_of);
                    collection.reported = Kinds::not_before(&as_of);
                    continue;
                }
                self.drop_collection(timely, id)?;
            }
        }
        self.out.clear();
        for command in queue {
            self.apply(timely, command)?;
        }
        self.history = History::of(commands);
        Ok(())
    }
}

/// Whether compaction went no further than the new as-of.
fn uncompacted(
    compactions: &BTreeMap<GlobalId, Antichain>,
    ids: &BTreeSet<GlobalId>,
    desc: &DataflowDescription,
) -> bool {
    let as_of = desc.as_of.clone().unwrap_or_default();
    ids.iter().all(|id| {
        compactions
            .get(id)
            .is_none_or(|frontier| *frontier <= as_of)
    })
}

/// Whether a sink must start over.
fn restarts(sink: &protocol::v26_30::ComputeSinkDesc) -> bool {
    match sink.connection {
        ComputeSinkConnection::Subscribe(_) | ComputeSinkConnection::CopyToS3Oneshot(_) => true,
        ComputeSinkConnection::MaterializedView(_) => false,
    }
}
