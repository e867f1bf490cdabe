//! What a worker was told, reduced to what still matters: the baseline of a
//! reconciliation. Source: `spec/replica.md` §2.5.
//!
//! Invariant: a worker that applies a reduced history comes to the same
//! collections as one that applied all of it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use protocol::neutral::{ComputeCommand, DataflowDescription, InstanceConfig};
use protocol::v26_30::{ComputeParameters, Peek};
use repr::{Antichain, GlobalId};

/// The commands of one iteration.
#[derive(Debug, Default)]
pub struct History {
    commands: Vec<ComputeCommand>,
    reduced: usize,
}

/// The commands that still matter, by what they are about.
#[derive(Debug, Default)]
pub struct Baseline {
    pub instance: Option<InstanceConfig>,
    pub configuration: Option<ComputeParameters>,
    /// With their as-ofs as far as compaction was allowed.
    pub dataflows: Vec<DataflowDescription>,
    pub schedules: Vec<GlobalId>,
    pub peeks: BTreeMap<Uuid, Peek>,
    /// The compactions that no as-of expresses.
    pub compactions: BTreeMap<GlobalId, Antichain>,
    pub writes: BTreeSet<GlobalId>,
}

/// The ids that a description exports.
pub fn exports(desc: &DataflowDescription) -> BTreeSet<GlobalId> {
    let indexes = desc.index_exports.keys();
    indexes.chain(desc.sink_exports.keys()).copied().collect()
}

impl History {
    /// A history that is exactly these commands.
    pub fn of(commands: Vec<ComputeCommand>) -> Self {
        let reduced = commands.len();
        History { commands, reduced }
    }

    pub fn push(&mut self, command: ComputeCommand) {
        self.commands.push(command);
        if self.commands.len() > 2 * self.reduced + 16 {
            let commands = std::mem::take(&mut self.commands);
            self.commands = Baseline::of(commands).into_commands();
            self.reduced = self.commands.len();
        }
    }

    pub fn reduce(&mut self) -> Baseline {
        self.reduced = 0;
        Baseline::of(std::mem::take(&mut self.commands))
    }
}

impl Baseline {
    fn of(commands: Vec<ComputeCommand>) -> Self {
        let mut reduced = Baseline::default();
        for command in commands {
            match command {
                ComputeCommand::Hello { .. } | ComputeCommand::InitializationComplete => {}
                ComputeCommand::CreateInstance(config) => reduced.instance = Some(*config),
                ComputeCommand::UpdateConfiguration(newer) => {
                    match &mut reduced.configuration {
                        Some(older) => merge(older, *newer),
                        None => reduced.configuration = Some(*newer),
                    };
                }
                ComputeCommand::CreateDataflow(desc) => {
                    // An id that was dropped and is used again starts over.
                    let ids = exports(&desc);
                    let compactions = &mut reduced.compactions;
                    reduced.dataflows.retain(|old| {
                        let all_dropped = exports(old)
                            .iter()
                            .all(|id| compactions.get(id).is_some_and(Antichain::is_empty));
                        !(all_dropped && exports(old).intersection(&ids).next().is_some())
                    });
                    ids.iter().for_each(|id| {
                        compactions.remove(id);
                    });
                    reduced.dataflows.push(*desc);
                }
                ComputeCommand::Schedule(id) => reduced.schedules.push(id),
                ComputeCommand::AllowWrites(id) => {
                    reduced.writes.insert(id);
                }
                ComputeCommand::AllowCompaction { id, frontier } => {
                    reduced.compactions.insert(id, frontier);
                }
                ComputeCommand::Peek(peek) => {
                    reduced.peeks.insert(peek.uuid, *peek);
                }
                ComputeCommand::CancelPeek { uuid } => {
                    reduced.peeks.remove(&uuid);
                }
            }
        }
        let compactions = &mut reduced.compactions;
        reduced.dataflows.retain_mut(|desc| {
            let created = desc.as_of.clone().unwrap_or_default();
            let allowed = |id: &GlobalId| compactions.get(id).unwrap_or(&created).clone();
            let as_of = exports(desc).iter().map(allowed).min().unwrap_or_default();
            for id in exports(desc) {
                if compactions.get(&id) == Some(&as_of) {
                    compactions.remove(&id);
                }
            }
            desc.as_of = Some(as_of.clone());
            !as_of.is_empty()
        });
        let live: BTreeSet<GlobalId> = reduced.dataflows.iter().flat_map(exports).collect();
        reduced.schedules.retain(|id| live.contains(id));
        reduced.writes.retain(|id| live.contains(id));
        reduced
    }

    fn into_commands(self) -> Vec<ComputeCommand> {
        let instance = self.instance.into_iter();
        let configuration = self.configuration.into_iter();
        instance
            .map(|config| ComputeCommand::CreateInstance(Box::new(config)))
            .chain(configuration.map(|c| ComputeCommand::UpdateConfiguration(Box::new(c))))
            .chain(
                self.dataflows
                    .into_iter()
                    .map(|desc| ComputeCommand::CreateDataflow(Box::new(desc))),
            )
            .chain(self.schedules.into_iter().map(ComputeCommand::Schedule))
            .chain(
                self.peeks
                    .into_values()
                    .map(|peek| ComputeCommand::Peek(Box::new(peek))),
            )
            .chain(
                self.compactions
                    .into_iter()
                    .map(|(id, frontier)| ComputeCommand::AllowCompaction { id, frontier }),
            )
            .chain(self.writes.into_iter().map(ComputeCommand::AllowWrites))
            .collect()
    }
}

fn merge(older: &mut ComputeParameters, newer: ComputeParameters) {
    if newer.workload_class.is_some() {
        older.workload_class = newer.workload_class;
    }
    if newer.max_result_size.is_some() {
        older.max_result_size = newer.max_result_size;
    }
    if newer.tracing != Default::default() {
        older.tracing = newer.tracing;
    }
    if newer.grpc_client != Default::default() {
        older.grpc_client = newer.grpc_client;
    }
    older
        .dyncfg_updates
        .updates
        .extend(newer.dyncfg_updates.updates);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataflow(id: u64, as_of: u64) -> ComputeCommand {
        ComputeCommand::CreateDataflow(Box::new(super::super::compat::tests::index(id, as_of)))
    }

    fn compact(id: u64, to: Option<u64>) -> ComputeCommand {
        ComputeCommand::AllowCompaction {
            id: GlobalId::User(id),
            frontier: Antichain::from_option(to),
        }
    }

    #[test]
    fn compaction_moves_the_as_of_and_a_drop_forgets_the_dataflow() {
        let mut history = History::default();
        for command in [
            dataflow(1, 0),
            dataflow(2, 0),
            ComputeCommand::Schedule(GlobalId::User(1)),
            ComputeCommand::Schedule(GlobalId::User(2)),
            compact(1, Some(7)),
            compact(2, None),
        ] {
            history.push(command);
        }
        let reduced = history.reduce();
        let as_ofs: Vec<_> = reduced.dataflows.iter().map(|d| d.as_of.clone()).collect();
        assert_eq!(as_ofs, vec![Some(Antichain::from_elem(7))]);
        assert_eq!(reduced.schedules, vec![GlobalId::User(1)]);
        assert!(reduced.compactions.is_empty());
    }

    #[test]
    fn an_id_that_is_used_again_is_the_newer_dataflow() {
        let mut history = History::default();
        for command in [dataflow(1, 0), compact(1, None), dataflow(1, 5)] {
            history.push(command);
        }
        let reduced = history.reduce();
        assert_eq!(reduced.dataflows.len(), 1);
        assert_eq!(reduced.dataflows[0].as_of, Some(Antichain::from_elem(5)));
    }
}
