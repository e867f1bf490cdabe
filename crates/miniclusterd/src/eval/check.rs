//! Whether a whole plan can be answered, asked before it is rendered. Source:
//! `spec/plan.md` §1, `spec/replica.md` §9.
//!
//! Invariant: a plan that passes calls no function that the evaluator lacks.

use super::{MfpPlan, supported, supported_aggregate, supported_mfp, supported_table};
use protocol::neutral::{Expr, GetPlan, JoinPlan, LetFreePlan, RenderPlan, TopKPlan};
use protocol::v26_30::{
    AvailableCollections, BasicPlan, HierarchicalPlan, JoinClosure, JoinStagePlan, KeyValPlan,
    MapFilterProject, MirScalarExpr, ReducePlan, ThresholdPlan,
};

type Check = Result<(), String>;

/// Checks every expression of a plan.
///
/// Errors: the first thing that has no implementation, by name.
pub fn supported_plan(plan: &RenderPlan) -> Check {
    for stage in &plan.binds {
        for bind in &stage.lets {
            let_free(&bind.value)?;
        }
        for bind in &stage.recs {
            supported_plan(&bind.value)?;
        }
    }
    let_free(&plan.body)
}

fn let_free(plan: &LetFreePlan) -> Check {
    plan.nodes
        .values()
        .try_for_each(|node| node_expr(&node.expr))
}

fn all(exprs: &[MirScalarExpr]) -> Check {
    exprs.iter().try_for_each(supported)
}

fn updates(mfp: &MapFilterProject) -> Check {
    MfpPlan::create(mfp).map(|_| ())
}

fn forms(forms: &AvailableCollections) -> Check {
    forms.arranged.iter().try_for_each(|(key, _, _)| all(key))
}

fn closure(closure: &JoinClosure) -> Check {
    closure
        .ready_equivalences
        .iter()
        .try_for_each(|class| all(class))?;
    supported_mfp(&closure.before.mfp)
}

fn stages(stages: &[JoinStagePlan]) -> Check {
    for stage in stages {
        all(&stage.stream_key)?;
        all(&stage.lookup_key)?;
        closure(&stage.closure)?;
    }
    Ok(())
}

fn node_expr(expr: &Expr) -> Check {
    match expr {
        Expr::Constant { .. } | Expr::Negate { .. } | Expr::Union { .. } => Ok(()),
        Expr::Get { keys, plan, .. } => {
            forms(keys)?;
            match plan {
                GetPlan::PassArrangements => Ok(()),
                GetPlan::Arrangement(_, _, mfp) | GetPlan::Collection(mfp) => updates(mfp),
            }
        }
        Expr::Mfp { mfp, .. } => updates(mfp),
        Expr::FlatMap {
            exprs,
            func,
            mfp_after,
            ..
        } => {
            all(exprs)?;
            supported_table(func)?;
            updates(mfp_after)
        }
        Expr::Join { plan, .. } => join(plan),
        Expr::Reduce {
            key_val_plan: KeyValPlan { key_plan, val_plan },
            plan,
            mfp_after,
            ..
        } => {
            supported_mfp(&key_plan.mfp)?;
            supported_mfp(&val_plan.mfp)?;
            supported_mfp(mfp_after)?;
            reduce(plan)
        }
        Expr::TopK { top_k_plan, .. } => match top_k_plan {
            TopKPlan::MonotonicTop1(_) => Ok(()),
            TopKPlan::MonotonicTopK(plan) => plan.limit.iter().try_for_each(supported),
            TopKPlan::Basic(plan) => plan.limit.iter().try_for_each(supported),
        },
        Expr::Threshold {
            threshold_plan: ThresholdPlan::Basic(plan),
            ..
        } => all(&plan.ensure_arrangement.0),
        Expr::ArrangeBy {
            input_mfp,
            forms: requested,
            ..
        } => {
            forms(requested)?;
            updates(input_mfp)
        }
    }
}

fn join(plan: &JoinPlan) -> Check {
    match plan {
        JoinPlan::Linear(plan) => {
            plan.initial_closure.iter().try_for_each(closure)?;
            stages(&plan.stage_plans)?;
            plan.final_closure.iter().try_for_each(closure)
        }
        JoinPlan::Delta(plan) => plan.path_plans.iter().try_for_each(|path| {
            closure(&path.initial_closure)?;
            stages(&path.stage_plans)?;
            path.final_closure.iter().try_for_each(closure)
        }),
    }
}

fn reduce(plan: &ReducePlan) -> Check {
    match plan {
        ReducePlan::Distinct => Ok(()),
        ReducePlan::Accumulable(plan) => plan
            .full_aggrs
            .iter()
            .try_for_each(|aggr| supported_aggregate(&aggr.func)),
        ReducePlan::Hierarchical(HierarchicalPlan::Monotonic(plan)) => {
            plan.aggr_funcs.iter().try_for_each(supported_aggregate)
        }
        ReducePlan::Hierarchical(HierarchicalPlan::Bucketed(plan)) => {
            plan.aggr_funcs.iter().try_for_each(supported_aggregate)
        }
        ReducePlan::Basic(BasicPlan::Single(plan)) => supported_aggregate(&plan.expr.func),
        ReducePlan::Basic(BasicPlan::Multiple(aggrs)) => aggrs
            .iter()
            .try_for_each(|aggr| supported_aggregate(&aggr.func)),
    }
}
