//! What is simpler in a dataflow that runs for one time only. Source:
//! `spec/lowering.md` §1.3.
//!
//! Invariant: nothing here changes an answer; it selects monotonic plans.

use std::collections::BTreeMap;

use super::lir::{Lir, Op};
use crate::dataflow::DataflowPlan;
use crate::relation::preserves_monotonicity;
use crate::scalar;
use protocol::v26_30::{
    HierarchicalPlan, Id, MonotonicPlan, MonotonicTop1Plan, MonotonicTopKPlan, ReducePlan, TopKPlan,
};
use repr::{Antichain, Datum, GlobalId};

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

/// Both passes, over every object.
pub(super) fn refine(dataflow: &DataflowPlan, objects: &mut [(GlobalId, Lir)]) {
    for (_, object) in objects.iter_mut() {
        select_monotonic(object);
    }
    let mut globals = BTreeMap::new();
    for source in &dataflow.sources {
        globals.insert(Id::Global(source.id), source.monotonic);
    }
    for index in &dataflow.indexes {
        let monotonic = globals.entry(Id::Global(index.on)).or_insert(false);
        *monotonic |= index.monotonic;
    }
    for (_, object) in objects {
        relax(object, &mut globals.clone(), false);
    }
}

fn select_monotonic(node: &mut Lir) {
    match &mut node.op {
        Op::Reduce {
            plan: ReducePlan::Hierarchical(plan),
            ..
        } => {
            let aggr_funcs = match plan {
                HierarchicalPlan::Monotonic(plan) => std::mem::take(&mut plan.aggr_funcs),
                HierarchicalPlan::Bucketed(plan) => std::mem::take(&mut plan.aggr_funcs),
            };
            *plan = HierarchicalPlan::Monotonic(MonotonicPlan {
                aggr_funcs,
                must_consolidate: true,
            });
        }
        Op::TopK { plan, .. } => match plan {
            TopKPlan::MonotonicTop1(plan) => plan.must_consolidate = true,
            TopKPlan::MonotonicTopK(plan) => plan.must_consolidate = true,
            TopKPlan::Basic(basic) if basic.offset == 0 => {
                let group_key = std::mem::take(&mut basic.group_key);
                let order_key = std::mem::take(&mut basic.order_key);
                let limit = basic.limit.take();
                let one = limit
                    .as_ref()
                    .and_then(scalar::as_literal)
                    .is_some_and(|row| row.iter().next() == Some(Datum::Int64(1)));
                *plan = if one {
                    TopKPlan::MonotonicTop1(MonotonicTop1Plan {
                        group_key,
                        order_key,
                        must_consolidate: true,
                    })
                } else {
                    TopKPlan::MonotonicTopK(MonotonicTopKPlan {
                        group_key,
                        order_key,
                        limit,
                        arity: basic.arity,
                        must_consolidate: true,
                    })
                };
            }
            TopKPlan::Basic(_) => {}
        },
        // Recursive values run for many inner times: only the body is visited.
        Op::LetRec { body, .. } => return select_monotonic(body),
        Op::Constant(_)
        | Op::Get { .. }
        | Op::Let { .. }
        | Op::Mfp { .. }
        | Op::FlatMap { .. }
        | Op::Join { .. }
        | Op::Reduce { .. }
        | Op::Negate { .. }
        | Op::Threshold { .. }
        | Op::Union { .. }
        | Op::ArrangeBy { .. } => {}
    }
    for child in node.children_mut() {
        select_monotonic(child);
    }
}

/// Whether the node's output never retracts; on the way, monotonic operators
/// over such inputs need not consolidate.
fn relax(node: &mut Lir, known: &mut BTreeMap<Id, bool>, recursive: bool) -> bool {
    match &mut node.op {
        Op::Constant(Err(_)) => true,
        Op::Constant(Ok(rows)) => rows.iter().all(|(_, _, diff)| *diff > 0),
        Op::Get { id, .. } => known.get(id).copied().unwrap_or(false),
        Op::Let { id, value, body } => {
            let monotonic = relax(value, known, recursive);
            known.insert(Id::Local(*id), monotonic);
            relax(body, known, recursive)
        }
        Op::LetRec { bindings, body } => {
            for (id, _, _) in bindings.iter() {
                known.insert(Id::Local(*id), false);
            }
            for (_, value, _) in bindings {
                relax(value, known, true);
            }
            relax(body, known, recursive)
        }
        Op::Mfp { input, mfp, .. } => {
            relax(input, known, recursive) && !mfp.has_temporal_predicate()
        }
        Op::FlatMap {
            input,
            func,
            mfp_after,
            ..
        } => {
            relax(input, known, recursive)
                && preserves_monotonicity(func)
                && !mfp_after.has_temporal_predicate()
        }
        Op::Join { inputs, .. } | Op::Union { inputs, .. } => {
            let mut all = true;
            for input in inputs {
                all &= relax(input, known, recursive);
            }
            all
        }
        Op::Reduce { input, plan, .. } => {
            let monotonic = relax(input, known, recursive);
            if let ReducePlan::Hierarchical(HierarchicalPlan::Monotonic(plan)) = plan
                && monotonic
            {
                plan.must_consolidate = false;
            }
            !recursive
        }
        Op::TopK { input, plan, .. } => {
            if relax(input, known, recursive) {
                match plan {
                    TopKPlan::MonotonicTop1(plan) => plan.must_consolidate = false,
                    TopKPlan::MonotonicTopK(plan) => plan.must_consolidate = false,
                    TopKPlan::Basic(_) => {}
                }
            }
            !recursive
        }
        Op::Threshold { input, .. } => {
            relax(input, known, recursive);
            !recursive
        }
        Op::Negate { input } => {
            relax(input, known, recursive);
            false
        }
        Op::ArrangeBy { input, .. } => relax(input, known, recursive),
    }
}
