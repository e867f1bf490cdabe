//! What is simpler in a dataflow that runs for one time only. Source:
//! `spec/lowering.md` §1.3.
//!
//! Invariant: nothing here changes an answer. The rules of operators select the
//! monotonic plans.

use std::collections::BTreeMap;

use super::lir::{Lir, Op};
use crate::dataflow::DataflowPlan;
use crate::relation::preserves_monotonicity;
use protocol::neutral::TopKPlan;
use protocol::v26_30::{HierarchicalPlan, Id, ReducePlan};
use repr::{Antichain, GlobalId};

/// Whether `until` is the time after the only `as_of`.
pub fn is_single_time(as_of: &Antichain, until: &Antichain) -> bool {
    let ([t], until) = (as_of.elements(), until.elements()) else {
        return false;
    };
    match t.checked_add(1) {
        Some(next) => until == [next],
        None => until.is_empty(),
    }
}

/// Monotonic operators over inputs that never retract need not consolidate.
pub(super) fn relax(dataflow: &DataflowPlan, objects: &mut [(GlobalId, Lir)]) {
    let mut globals = BTreeMap::new();
    for source in &dataflow.sources {
        globals.insert(Id::Global(source.id), source.monotonic);
    }
    for index in &dataflow.indexes {
        let monotonic = globals.entry(Id::Global(index.on)).or_insert(false);
        *monotonic |= index.monotonic;
    }
    for (_, object) in objects {
        relax_node(object, &mut globals.clone(), false);
    }
}

/// Whether the node's output never retracts; on the way, monotonic operators
/// over such inputs need not consolidate.
fn relax_node(node: &mut Lir, known: &mut BTreeMap<Id, bool>, recursive: bool) -> bool {
    match &mut node.op {
        Op::Constant(Err(_)) => true,
        Op::Constant(Ok(rows)) => rows.iter().all(|(_, _, diff)| *diff > 0),
        Op::Get { id, .. } => known.get(id).copied().unwrap_or(false),
        Op::Let { id, value, body } => {
            let monotonic = relax_node(value, known, recursive);
            known.insert(Id::Local(*id), monotonic);
            relax_node(body, known, recursive)
        }
        Op::LetRec { bindings, body } => {
            for (id, _, _) in bindings.iter() {
                known.insert(Id::Local(*id), false);
            }
            for (_, value, _) in bindings {
                relax_node(value, known, true);
            }
            relax_node(body, known, recursive)
        }
        Op::Mfp { input, mfp, .. } => {
            relax_node(input, known, recursive) && !mfp.has_temporal_predicate()
        }
        Op::FlatMap {
            input,
            func,
            mfp_after,
            ..
        } => {
            relax_node(input, known, recursive)
                && preserves_monotonicity(func)
                && !mfp_after.has_temporal_predicate()
        }
        Op::Join { inputs, .. } | Op::Union { inputs, .. } => {
            let mut all = true;
            for input in inputs {
                all &= relax_node(input, known, recursive);
            }
            all
        }
        Op::Reduce { input, plan, .. } => {
            let monotonic = relax_node(input, known, recursive);
            if let ReducePlan::Hierarchical(HierarchicalPlan::Monotonic(plan)) = plan
                && monotonic
            {
                plan.must_consolidate = false;
            }
            !recursive
        }
        Op::TopK { input, plan, .. } => {
            if relax_node(input, known, recursive) {
                match plan {
                    TopKPlan::MonotonicTop1(plan) => plan.must_consolidate = false,
                    TopKPlan::MonotonicTopK(plan) => plan.must_consolidate = false,
                    TopKPlan::Basic(_) => {}
                }
            }
            !recursive
        }
        Op::Threshold { input, .. } => {
            relax_node(input, known, recursive);
            !recursive
        }
        Op::Negate { input } => {
            relax_node(input, known, recursive);
            false
        }
        Op::ArrangeBy { input, .. } => relax_node(input, known, recursive),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        DataflowPlan, JoinKind, LowerOptions, LoweredDataflow, SourceImport, lower_dataflow,
    };
    use super::*;
    use crate::{Globals, RelationType, parse};
    use protocol::Release;
    use protocol::neutral::{Expr, JoinPlan, RenderPlan, Top1Form};
    use repr::{ReprColumnType, ReprScalarType};

    /// Lowers a plan over u1 and u2, which have two columns, for the time 3 alone.
    fn lowered(text: &str, release: Release) -> LoweredDataflow {
        let column = ReprColumnType {
            scalar_type: ReprScalarType::Int64,
            nullable: false,
        };
        let typ = RelationType {
            column_types: vec![column; 2],
            keys: vec![],
        };
        let sources = [GlobalId::User(1), GlobalId::User(2)];
        let globals: Globals = sources.map(|id| (id, typ.clone())).into();
        let (relation, _) = parse(text, &globals).unwrap();
        let dataflow = DataflowPlan {
            sources: Vec::from(sources.map(|id| SourceImport {
                id,
                typ: typ.clone(),
                monotonic: false,
                operators: None,
            })),
            objects: vec![(GlobalId::User(3), relation)],
            as_of: Antichain::from_elem(3),
            until: Antichain::from_elem(4),
            ..DataflowPlan::default()
        };
        let options = LowerOptions {
            optimize: true,
            join: Some(JoinKind::Delta),
            release,
            ..LowerOptions::default()
        };
        lower_dataflow(&dataflow, &options).unwrap()
    }

    fn operators(lowered: &LoweredDataflow) -> Vec<&Expr> {
        let [(_, RenderPlan { binds, body })] = &lowered.objects[..] else {
            panic!("one object was lowered");
        };
        assert!(binds.is_empty(), "{binds:?}");
        body.nodes.values().map(|node| &node.expr).collect()
    }

    #[test]
    fn from_26_39_on_a_delta_join_has_one_path_over_raw_rows() {
        let join = "Join on=(#0 = #2)\n  Get u1\n  Get u2\n";
        let paths = |release| {
            let lowered = lowered(join, release);
            let plan = operators(&lowered).into_iter().find_map(|expr| match expr {
                Expr::Join { plan, .. } => Some(plan.clone()),
                _ => None,
            });
            let Some(JoinPlan::Delta(plan)) = plan else {
                panic!("no delta join in {lowered:?}");
            };
            let arranged = plan.path_plans.iter().map(|path| path.source_key.is_some());
            arranged.collect::<Vec<bool>>()
        };
        assert_eq!(paths(Release::V26_30), [true, true]);
        assert_eq!(paths(Release::V26_39), [false]);
    }

    #[test]
    fn from_26_39_on_what_reads_a_top_1_names_its_arrangement() {
        let top_1 = "Filter (#1 > 5)\n  TopK group_by=[#0] limit=1\n    Get u1\n";
        let forms = |release| {
            let lowered = lowered(top_1, release);
            let mut read = None;
            let mut offered = None;
            for expr in operators(&lowered) {
                match expr {
                    Expr::TopK { top_k_plan, .. } => {
                        let TopKPlan::MonotonicTop1(plan) = top_k_plan else {
                            panic!("no monotonic plan in {lowered:?}");
                        };
                        assert!(plan.must_consolidate);
                        offered = Some(plan.offers);
                    }
                    Expr::Mfp { input_key_val, .. } => {
                        read = Some(input_key_val.as_ref().map(|(key, _)| key.len()));
                    }
                    _ => {}
                }
            }
            (offered.unwrap(), read.unwrap())
        };
        assert_eq!(forms(Release::V26_30), (Top1Form::Raw, None));
        let arranged = Top1Form::Arranged { arity: 2 };
        assert_eq!(forms(Release::V26_39), (arranged, Some(1)));
    }
}
