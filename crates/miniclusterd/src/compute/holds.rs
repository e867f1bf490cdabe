//! Which imports an export keeps alive. Source: `spec/replica.md` §4.3.
//!
//! An export holds what it reads, through bindings that are used and objects of
//! the dataflow; what is another name of an imported index holds nothing. An
//! import that nothing holds, or nothing holds any more, is shut down, and does
//! not hold back the input frontier of the dataflow.
//!
//! Invariant: a hold lives exactly as long as the collection that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

use timely::dataflow::operators::probe::Handle as ProbeHandle;

use super::traces::frontier;
use protocol::neutral::{DataflowDescription, Expr, LetFreePlan, RenderPlan};
use protocol::v26_30::Id;
use repr::{Antichain, GlobalId, Timestamp};

/// Keeps an import alive.
pub type Hold = Rc<()>;

/// How far an import was read, as long as an export holds it.
pub struct ImportProbe {
    pub probe: ProbeHandle<Timestamp>,
    pub held: Weak<()>,
}

impl ImportProbe {
    /// `[]` once nothing holds the import.
    pub fn frontier(&self) -> Antichain {
        match self.held.strong_count() {
            0 => Antichain::empty(),
            _ => self.probe.with_frontier(|f| frontier(&f)),
        }
    }
}

/// The holds of a dataflow in the making, by the id under which an import is
/// read.
pub struct Holds {
    holds: BTreeMap<GlobalId, Hold>,
    /// The imports that each object reads.
    reads: BTreeMap<GlobalId, BTreeSet<GlobalId>>,
}

impl Holds {
    pub fn new(desc: &DataflowDescription) -> Holds {
        let indexes = desc.index_imports.values().map(|import| import.desc.on_id);
        let imports = desc.source_imports.keys().copied().chain(indexes);
        let holds: BTreeMap<_, _> = imports.map(|id| (id, Hold::default())).collect();
        let mut reads: BTreeMap<GlobalId, BTreeSet<GlobalId>> =
            holds.keys().map(|id| (*id, [*id].into())).collect();
        for object in &desc.objects_to_build {
            let mut read = BTreeSet::new();
            for id in plan_gets(&object.plan) {
                if let Id::Global(id) = id {
                    read.extend(reads.get(&id).into_iter().flatten().copied());
                }
            }
            reads.insert(object.id, read);
        }
        Holds { holds, reads }
    }

    /// Alive as long as an export holds `import`, the id under which plans read it.
    pub fn watch(&self, import: GlobalId) -> Weak<()> {
        self.holds
            .get(&import)
            .map(Rc::downgrade)
            .unwrap_or_default()
    }

    /// The holds of an export of the object `on`.
    pub fn of(&self, on: GlobalId) -> Vec<Hold> {
        let read = self.reads.get(&on).into_iter().flatten();
        read.filter_map(|id| self.holds.get(id).cloned()).collect()
    }
}

/// The ids that a plan reads. Its own bindings are left out, and so are the ids
/// that only unused bindings read.
fn plan_gets(plan: &RenderPlan) -> BTreeSet<Id> {
    let mut read = gets(&plan.body);
    for stage in plan.binds.iter().rev() {
        let mut used = BTreeSet::new();
        // A binding that is used may use others of its stage.
        while let Some(rec) = stage
            .recs
            .iter()
            .find(|rec| read.contains(&Id::Local(rec.id)) && !used.contains(&rec.id))
        {
            used.insert(rec.id);
            read.extend(plan_gets(&rec.value));
        }
        for rec in &stage.recs {
            read.remove(&Id::Local(rec.id));
        }
        for bind in stage.lets.iter().rev() {
            if read.remove(&Id::Local(bind.id)) {
                read.extend(gets(&bind.value));
            }
        }
    }
    read
}

fn gets(plan: &LetFreePlan) -> BTreeSet<Id> {
    let nodes = plan.nodes.values();
    nodes
        .filter_map(|node| match &node.expr {
            Expr::Get { id, .. } => Some(*id),
            Expr::Constant { .. }
            | Expr::Mfp { .. }
            | Expr::FlatMap { .. }
            | Expr::Join { .. }
            | Expr::Reduce { .. }
            | Expr::TopK { .. }
            | Expr::Negate { .. }
            | Expr::Threshold { .. }
            | Expr::Union { .. }
            | Expr::ArrangeBy { .. } => None,
        })
        .collect()
}
