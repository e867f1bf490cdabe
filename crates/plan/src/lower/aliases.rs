//! Exported indexes that are nothing but another name of an imported one: the
//! replica arranges nothing for them. Source: `spec/replica.md` §4.3.
//!
//! Invariant: only what passes an arrangement on as it is keeps it: a read of all
//! forms, an `ArrangeBy` whose key is there already, and bindings.

use std::collections::{BTreeMap, BTreeSet};

use protocol::neutral::{DataflowDescription, Expr, GetPlan, LetFreePlan, RenderPlan};
use protocol::v26_30::{Id, Key, LirId};
use repr::GlobalId;

/// The imported arrangements that can be read under an id, by key.
type Imported = BTreeMap<Id, BTreeSet<Key>>;

/// The index exports of a dataflow that are aliases.
pub fn aliases(dataflow: &DataflowDescription) -> BTreeSet<GlobalId> {
    let mut imported = Imported::new();
    for import in dataflow.index_imports.values() {
        let keys = imported.entry(Id::Global(import.desc.on_id)).or_default();
        keys.insert(import.desc.key.clone());
    }
    for object in &dataflow.objects_to_build {
        let keys = passed_by_plan(&object.plan, &imported);
        imported.insert(Id::Global(object.id), keys);
    }
    let exports = dataflow.index_exports.iter();
    exports
        .filter(|(id, (index, _))| {
            let keys = imported.get(&Id::Global(**id));
            keys.is_some_and(|keys| keys.contains(&index.key))
        })
        .map(|(id, _)| *id)
        .collect()
}

fn passed_by_plan(plan: &RenderPlan, imported: &Imported) -> BTreeSet<Key> {
    let mut scope = imported.clone();
    for bind in plan.binds.iter().flat_map(|stage| &stage.lets) {
        let keys = passed(&bind.value, &scope);
        scope.insert(Id::Local(bind.id), keys);
    }
    passed(&plan.body, &scope)
}

fn passed(plan: &LetFreePlan, scope: &Imported) -> BTreeSet<Key> {
    let mut known: BTreeMap<LirId, BTreeSet<Key>> = BTreeMap::new();
    for id in &plan.topological_order {
        let Some(node) = plan.nodes.get(id) else {
            continue;
        };
        let keys = match &node.expr {
            Expr::Get {
                id,
                keys,
                plan: GetPlan::PassArrangements,
            } => {
                let bound = scope.get(id).cloned().unwrap_or_default();
                let passes = |key: &Key| keys.arranged.iter().any(|(passed, _, _)| passed == key);
                bound.into_iter().filter(passes).collect()
            }
            Expr::ArrangeBy { input, .. } => known.get(input).cloned().unwrap_or_default(),
            Expr::Constant { .. }
            | Expr::Get { .. }
            | Expr::Mfp { .. }
            | Expr::FlatMap { .. }
            | Expr::Join { .. }
            | Expr::Reduce { .. }
            | Expr::TopK { .. }
            | Expr::Negate { .. }
            | Expr::Threshold { .. }
            | Expr::Union { .. } => BTreeSet::new(),
        };
        known.insert(*id, keys);
    }
    known.remove(&plan.root).unwrap_or_default()
}
