//! What all readers of a source have in common moves into the source. Source:
//! `spec/lowering.md` §1.2.
//!
//! Invariant: a source that anyone reads whole is left alone.

use std::collections::BTreeMap;

use super::lir::{Lir, Op, Reading};
use crate::dataflow::DataflowPlan;
use crate::mfp::{Mfp, extract_common};
use protocol::v26_30::{Id, MapFilterProject};
use repr::GlobalId;

/// Rewrites the readers in place; returns what each source then applies.
pub(super) fn refine(
    dataflow: &DataflowPlan,
    objects: &mut [(GlobalId, Lir)],
) -> BTreeMap<GlobalId, Option<MapFilterProject>> {
    let mut operators = BTreeMap::new();
    for source in &dataflow.sources {
        let refined = refine_one(dataflow, objects, source.id, source.operators.clone());
        operators.insert(source.id, refined.map(MapFilterProject::from));
    }
    operators
}

fn refine_one(
    dataflow: &DataflowPlan,
    objects: &mut [(GlobalId, Lir)],
    source: GlobalId,
    old: Option<Mfp>,
) -> Option<Mfp> {
    let exported = dataflow.index_exports.iter().any(|e| e.on == source)
        || dataflow.sink_from.contains(&source);
    let mut read_whole = exported;
    let mut mfps = Vec::new();
    visit_readers(objects, source, &mut |plan| match plan {
        Reading::Pass | Reading::Arrangement(..) => read_whole = true,
        Reading::Collection(m) => mfps.push(m.clone()),
    });
    if read_whole || mfps.is_empty() {
        return old;
    }
    let common = extract_common(&mut mfps);
    let mut rest = mfps.into_iter();
    visit_readers(objects, source, &mut |plan| {
        if let (Reading::Collection(m), Some(new)) = (plan, rest.next()) {
            *m = new;
        }
    });
    let mut refined = match old {
        Some(old) => old.compose(common),
        None => common,
    };
    refined.optimize();
    Some(refined)
}

fn visit_readers(
    objects: &mut [(GlobalId, Lir)],
    source: GlobalId,
    f: &mut impl FnMut(&mut Reading),
) {
    for (_, object) in objects {
        object.visit_mut(&mut |node| {
            if let Op::Get {
                id: Id::Global(id),
                plan,
                ..
            } = &mut node.op
                && *id == source
            {
                f(plan);
            }
        });
    }
}
