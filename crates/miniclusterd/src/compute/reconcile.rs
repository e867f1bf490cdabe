//! Reconciliation: which of the running dataflows live on under the commands of a
//! new connection. Source: `spec/replica.md` §2.5.
//!
//! Invariant: afterwards the worker behaves as if it had been given the new
//! commands alone, except that kept dataflows need not read their inputs again.

use std::collections::{BTreeMap, BTreeSet};

use timely::worker::Worker as TimelyWorker;

use super::collection::ReportedFrontiers;
use super::compat::{as_of_serves, instance_differs, same_plan};
use super::history::{History, exports};
use super::instance::Instance;
use super::traces::upper;
use crate::halt::End;
use protocol::neutral::{ComputeCommand, DataflowDescription};
use protocol::v26_30::ComputeSinkConnection;
use repr::{Antichain, GlobalId};

/// Which collections a new iteration keeps, and which commands are still to be
/// applied.
struct Reconciliation {
    /// The collections that live on, with their new as-ofs.
    kept: BTreeMap<GlobalId, Antichain>,
    queue: Vec<ComputeCommand>,
}

impl Instance {
    /// Takes over the commands of a new iteration.
    ///
    /// Errors: how the replica ends.
    pub fn reconcile(
        &mut self,
        timely: &mut TimelyWorker,
        commands: Vec<ComputeCommand>,
    ) -> Result<(), End> {
        let Reconciliation { kept, queue } = self.plan_reconciliation(&commands)?;
        if self.env.seams.reconciliation().forgets_peeks() {
            self.peeks.clear();
        }
        let ids: Vec<GlobalId> = self.collections.keys().copied().collect();
        for id in ids {
            match kept.get(&id) {
                Some(as_of) => self.keep(id, as_of),
                None => self.forget(timely, id)?,
            }
        }
        self.out.clear();
        for command in queue {
            self.apply(timely, command)?;
        }
        self.history = History::of(commands);
        Ok(())
    }

    /// Decides which dataflows live on.
    ///
    /// Errors: the new instance differs from the running one.
    fn plan_reconciliation(&mut self, commands: &[ComputeCommand]) -> Result<Reconciliation, End> {
        let seams = self.env.seams.reconciliation();
        let old = self.history.reduce();
        let mut old_dataflows: BTreeMap<BTreeSet<GlobalId>, DataflowDescription> = old
            .dataflows
            .into_iter()
            .map(|desc| (exports(&desc), desc))
            .collect();
        let mut kept: BTreeMap<GlobalId, Antichain> = BTreeMap::new();
        let mut queue = Vec::new();
        for command in commands {
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
                        let mut sinks = desc.sink_exports.values();
                        seams.same_plan(same_plan(old_desc, desc))
                            && seams.as_of_serves(as_of_serves(old_desc, desc))
                            && uncompacted(&old.compactions, &ids, desc)
                            && !seams.restarts(sinks.any(restarts))
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
        kept.extend(seams.kept_unmentioned(&self.collections, commands));
        Ok(Reconciliation { kept, queue })
    }

    /// Lets a collection live on under a new as-of.
    fn keep(&mut self, id: GlobalId, as_of: &Antichain) {
        let seams = self.env.seams.reconciliation();
        if let Some(collection) = self.collections.get_mut(&id) {
            if seams.reports_anew() {
                collection.reported = ReportedFrontiers::not_before(as_of);
            }
            collection.as_of = as_of.as_option().unwrap_or(0);
        }
        if let Some(trace) = self.traces.get_mut(&id) {
            let to = seams.compacts_to(as_of, &upper(&mut trace.oks));
            self.allow_compaction(id, &to);
        }
    }

    /// Drops a collection, of which the new client never hears.
    fn forget(&mut self, timely: &mut TimelyWorker, id: GlobalId) -> Result<(), End> {
        if let Some(collection) = self.collections.get_mut(&id) {
            collection.reported = ReportedFrontiers::finished();
        }
        self.drop_collection(timely, id)
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
