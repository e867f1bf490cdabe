//! Whether an old dataflow can stand for a new description. Source:
//! `spec/replica.md` §2.5.1, §2.5.2.
//!
//! Invariant: what counts is what the dataflow computes; `until`, names and
//! hints are ignored, as the real one ignores them.

use std::collections::BTreeMap;

use protocol::neutral::{DataflowDescription, Expr, InstanceConfig, LetFreePlan, RenderPlan};
use protocol::v26_30::Id;
use repr::{Antichain, GlobalId};

/// Whether both build the same, whatever their as-ofs.
pub fn same_plan(old: &DataflowDescription, new: &DataflowDescription) -> bool {
    let (old, new) = (normalised(old), normalised(new));
    old.index_exports == new.index_exports
        && old.sink_exports == new.sink_exports
        && old.objects_to_build == new.objects_to_build
        && old.index_imports == new.index_imports
        && old.source_imports == new.source_imports
        && old.time_dependence == new.time_dependence
}

/// Whether the old as-of can serve the new one.
pub fn as_of_serves(old: &DataflowDescription, new: &DataflowDescription) -> bool {
    match (&old.as_of, &new.as_of) {
        (Some(old), Some(new)) => old <= new,
        (None, _) | (_, None) => false,
    }
}

/// Why a running instance cannot go on under a new configuration.
pub fn instance_differs(old: &InstanceConfig, new: &InstanceConfig) -> bool {
    let (old, new) = (&old.common, &new.common);
    let loosened = match (old.expiration_offset, new.expiration_offset) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => new > old,
    };
    old.logging != new.logging
        || old.peek_stash_persist_location != new.peek_stash_persist_location
        || loosened
}

fn normalised(desc: &DataflowDescription) -> DataflowDescription {
    let mut desc = desc.clone();
    for import in desc.source_imports.values_mut() {
        import.upper = Antichain::empty();
    }
    let outside = |id: &GlobalId| {
        desc.source_imports.contains_key(id)
            || desc.index_imports.contains_key(id)
            || desc.index_exports.contains_key(id)
            || desc.sink_exports.contains_key(id)
    };
    let mut names = BTreeMap::new();
    let mut next = 0;
    let mut visit = |id: &mut GlobalId| {
        if matches!(id, GlobalId::Transient(_)) && !outside(id) {
            let name = names.entry(*id).or_insert_with(|| {
                next += 1;
                GlobalId::Transient(next)
            });
            *id = *name;
        }
    };
    let mut objects = desc.objects_to_build.clone();
    for object in &mut objects {
        visit(&mut object.id);
        visit_plan(&mut object.plan, &mut visit);
    }
    let mut index_exports = desc.index_exports.clone();
    for (index, _) in index_exports.values_mut() {
        visit(&mut index.on_id);
    }
    let mut sink_exports = desc.sink_exports.clone();
    for sink in sink_exports.values_mut() {
        visit(&mut sink.from);
    }
    DataflowDescription {
        objects_to_build: objects,
        index_exports,
        sink_exports,
        ..desc
    }
}

fn visit_plan(plan: &mut RenderPlan, visit: &mut impl FnMut(&mut GlobalId)) {
    for stage in &mut plan.binds {
        for bind in &mut stage.lets {
            visit_let_free(&mut bind.value, visit);
        }
        for bind in &mut stage.recs {
            visit_plan(&mut bind.value, visit);
        }
    }
    visit_let_free(&mut plan.body, visit);
}

fn visit_let_free(plan: &mut LetFreePlan, visit: &mut impl FnMut(&mut GlobalId)) {
    for node in plan.nodes.values_mut() {
        if let Expr::Get {
            id: Id::Global(id), ..
        } = &mut node.expr
        {
            visit(id);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use protocol::neutral::{BuildDesc, GetPlan, Node};
    use protocol::v26_30::{AvailableCollections, IndexDesc, LirId};
    use repr::ReprRelationType;

    /// An index on an object without columns.
    pub fn index(id: u64, as_of: u64) -> DataflowDescription {
        let on_id = GlobalId::Transient(40 + id);
        let node = Node {
            expr: Expr::Get {
                id: Id::Global(GlobalId::User(900)),
                keys: AvailableCollections {
                    raw: true,
                    arranged: Vec::new(),
                },
                plan: GetPlan::PassArrangements,
            },
            parent: None,
            nesting: 0,
        };
        let plan = RenderPlan {
            binds: Vec::new(),
            body: LetFreePlan {
                nodes: BTreeMap::from([(LirId(1), node)]),
                root: LirId(1),
                topological_order: vec![LirId(1)],
            },
        };
        let typ = ReprRelationType {
            column_types: Vec::new(),
            keys: Vec::new(),
        };
        let desc = IndexDesc {
            on_id,
            key: Vec::new(),
        };
        DataflowDescription {
            source_imports: BTreeMap::new(),
            index_imports: BTreeMap::new(),
            objects_to_build: vec![BuildDesc { id: on_id, plan }],
            index_exports: BTreeMap::from([(GlobalId::User(id), (desc, typ))]),
            sink_exports: BTreeMap::new(),
            as_of: Some(Antichain::from_elem(as_of)),
            until: Antichain::empty(),
            initial_storage_as_of: None,
            refresh_schedule: None,
            debug_name: "test".into(),
            time_dependence: None,
        }
    }

    #[test]
    fn transient_names_until_and_debug_names_do_not_count() {
        let old = index(1, 3);
        let mut new = index(1, 5);
        new.until = Antichain::from_elem(9);
        new.debug_name = "other".into();
        new.objects_to_build[0].id = GlobalId::Transient(77);
        if let Some((desc, _)) = new.index_exports.get_mut(&GlobalId::User(1)) {
            desc.on_id = GlobalId::Transient(77);
        }
        assert!(same_plan(&old, &new) && as_of_serves(&old, &new));
        assert!(!as_of_serves(&new, &old));
    }

    #[test]
    fn another_plan_counts() {
        let (old, mut new) = (index(1, 3), index(1, 3));
        new.objects_to_build[0].plan.body.root = LirId(2);
        assert!(!same_plan(&old, &new));
        assert!(!same_plan(&old, &index(2, 3)));
    }
}
