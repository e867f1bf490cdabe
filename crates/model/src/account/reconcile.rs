//! What the replica still has when a new session begins, and which of it the
//! new session keeps. Source: `spec/replica.md` §2.5.
//!
//! Invariant: the baseline is what the last session that completed its
//! initialization left behind; a session that broke off before leaves none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dataflow::Dataflow;
use super::session::{Collection, Permission, Session};
use repr::{Antichain, GlobalId};
use script::event::ExportSpec;

/// The replica's dataflows between sessions, by the ids that they export.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    old: BTreeMap<BTreeSet<GlobalId>, Old>,
}

#[derive(Debug, Clone)]
struct Old {
    dataflow: Arc<Dataflow>,
    /// As the reduced command history has it: the meet of what the exports may
    /// compact to.
    as_of: Antichain,
    /// Compaction frontiers that differ from that.
    leftovers: Vec<Antichain>,
    scheduled: BTreeMap<GlobalId, Permission>,
    writes: BTreeMap<GlobalId, Permission>,
}

impl Baseline {
    /// What a session leaves behind.
    pub fn of(session: &Session) -> Baseline {
        let mut old = BTreeMap::new();
        for dataflow in &session.dataflows {
            let exports: Vec<_> = dataflow
                .spec
                .exports
                .iter()
                .filter_map(|export| session.collections.get(&export.id()))
                .collect();
            let created = Antichain::from_elem(dataflow.spec.as_of);
            let as_of = exports
                .iter()
                .map(|c| c.compaction.clone().unwrap_or_else(|| created.clone()))
                .min()
                .unwrap_or_else(Antichain::empty);
            if as_of.is_empty() {
                continue;
            }
            let leftovers = exports
                .iter()
                .filter_map(|c| c.compaction.clone())
                .filter(|frontier| *frontier != as_of)
                .collect();
            let permissions = |of: fn(&Collection) -> Permission| {
                let kept = exports.iter().map(|c| (c.id, of(c).kept(session.proved)));
                kept.collect()
            };
            old.insert(
                dataflow.export_ids(),
                Old {
                    dataflow: Arc::clone(dataflow),
                    as_of,
                    leftovers,
                    scheduled: permissions(|c| c.scheduled),
                    writes: permissions(|c| c.writes),
                },
            );
        }
        Baseline { old }
    }

    /// Marks what the new session keeps, and hands on what kept things keep:
    /// their schedule and their write permission (`spec/replica.md` §2.5.3).
    /// Gives the dataflows that are not made anew: the old one, and the new one
    /// that it stands for.
    pub fn reconcile(&self, session: &mut Session) -> Vec<(Arc<Dataflow>, Arc<Dataflow>)> {
        let mut kept = Vec::new();
        let mut retained: BTreeSet<GlobalId> = BTreeSet::new();
        for new in session.dataflows.clone() {
            let ids = new.export_ids();
            let Some(old) = self.old.get(&ids) else {
                continue;
            };
            if !old.keeps(&new, &retained) {
                continue;
            }
            for id in &ids {
                if let Some(collection) = session.collections.get_mut(id) {
                    collection.retained = true;
                    if let Some(scheduled) = old.scheduled.get(id) {
                        collection.scheduled = collection.scheduled.or(*scheduled);
                    }
                    if let Some(writes) = old.writes.get(id) {
                        collection.writes = collection.writes.or(*writes);
                    }
                    // What is kept goes on with its own `until`.
                    collection.disturbed |= old.dataflow.until() != new.until();
                }
            }
            retained.extend(ids);
            kept.push((Arc::clone(&old.dataflow), new));
        }
        kept
    }
}

impl Old {
    fn keeps(&self, new: &Dataflow, retained: &BTreeSet<GlobalId>) -> bool {
        let as_of = Antichain::from_elem(new.spec.as_of);
        let compatible = self.dataflow.is_compatible_with(new) && self.as_of.is_le(&as_of);
        let uncompacted = self.leftovers.iter().all(|frontier| frontier.is_le(&as_of));
        let subscribe_free = new.spec.exports.iter().all(|export| match export {
            ExportSpec::Index { .. } | ExportSpec::MaterializedView { .. } => true,
            ExportSpec::Subscribe { .. } => false,
        });
        let dependencies_retained = new
            .imported_indexes()
            .all(|index| retained.contains(&index));
        compatible && uncompacted && subscribe_free && dependencies_retained
    }
}
