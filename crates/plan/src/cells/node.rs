//! The cell of one node. Source: the plans of `spec/plan.md` §1.

use super::cell::{PlanCell, cell};
use crate::Mfp;
use protocol::neutral::{Expr, GetPlan, JoinPlan, LetFreePlan, Node, TopKPlan};
use protocol::v26_30::{
    ArrangementStrategy, AvailableCollections, BasicPlan, HierarchicalPlan, JoinStagePlan, LirId,
    MapFilterProject, MirScalarExpr, ReducePlan,
};
use repr::Row;

type Key = Vec<MirScalarExpr>;

/// Arrangements that exist anyway, or for this node alone.
const JOIN_READS: [&str; 2] = ["shared arrangements", "own arrangements"];
const THRESHOLD_READS: [&str; 2] = ["shared arrangement", "own arrangement"];

pub(super) fn of_node(node: &Node, plan: &LetFreePlan) -> PlanCell {
    let input_of = |id: &LirId| plan.nodes.get(id).map(|node| &node.expr);
    let arranged_here = |id: &LirId| matches!(input_of(id), Some(Expr::ArrangeBy { .. }));
    match &node.expr {
        Expr::Constant { rows } => cell("Constant", constant_variant(rows), "-", "-"),
        Expr::Get { keys, plan, .. } => get(keys, plan),
        Expr::Mfp {
            mfp, input_key_val, ..
        } => cell("Mfp", plain_or_temporal(mfp), mfp_read(input_key_val), "-"),
        Expr::FlatMap {
            input_key,
            input,
            mfp_after,
            ..
        } => {
            let read = flat_map_read(by_key(input_key), input_of(input));
            cell("FlatMap", plain_or_temporal(mfp_after), read, "-")
        }
        Expr::Join { inputs, plan } => {
            let own = inputs.iter().all(arranged_here);
            cell(
                "Join",
                join_variant(plan),
                JOIN_READS[usize::from(own)],
                "-",
            )
        }
        Expr::Reduce {
            input_key,
            plan,
            mfp_after,
            temporal_bucketing_strategy: strategy,
            ..
        } => {
            let variant = reduce_variant(plan, mfp_after);
            cell(
                "Reduce",
                variant,
                by_key(input_key),
                arranged_once(strategy),
            )
        }
        Expr::TopK {
            top_k_plan,
            temporal_bucketing_strategy: strategy,
            ..
        } => cell(
            "TopK",
            top_k_variant(top_k_plan),
            "raw",
            arranged_once(strategy),
        ),
        Expr::Negate { .. } => cell("Negate", "plain", "raw", "-"),
        Expr::Threshold { input, .. } => {
            let read = THRESHOLD_READS[usize::from(arranged_here(input))];
            cell("Threshold", "plain", read, "one")
        }
        Expr::Union {
            consolidate_output,
            temporal_bucketing_strategies: strategies,
            ..
        } => union(*consolidate_output, strategies),
        Expr::ArrangeBy {
            input_key: key,
            forms,
            strategy,
            ..
        } => arrange_by(by_key(key), forms, strategy),
    }
}

fn arrange_by(
    read: &'static str,
    forms: &AvailableCollections,
    strategy: &ArrangementStrategy,
) -> PlanCell {
    let bucketed = *strategy == ArrangementStrategy::TemporalBucketing;
    let arranges = match (forms.arranged.len(), bucketed) {
        (0, false) => "none",
        (0, true) => "none, bucketed",
        (1, false) => "one",
        (1, true) => "one, bucketed",
        (_, false) => "several",
        (_, true) => "several, bucketed",
    };
    cell("ArrangeBy", "plain", read, arranges)
}

fn constant_variant<T, E>(rows: &Result<Vec<T>, E>) -> &'static str {
    match rows {
        Err(_) => "error",
        Ok(rows) if rows.is_empty() => "empty",
        Ok(_) => "rows",
    }
}

/// A table function without a key may still stand over a lookup.
fn flat_map_read(read: &'static str, input: Option<&Expr>) -> &'static str {
    match read {
        "raw" if input.is_some_and(is_lookup) => "lookup",
        read => read,
    }
}

fn mfp_read(input_key_val: &Option<(Key, Option<Row>)>) -> &'static str {
    match input_key_val {
        None => "raw",
        Some((_, None)) => "arrangement",
        Some((_, Some(_))) => "lookup",
    }
}

fn get(keys: &AvailableCollections, plan: &GetPlan) -> PlanCell {
    let with = |m: &MapFilterProject| if is_temporal(m) { "temporal" } else { "mfp" };
    match plan {
        GetPlan::PassArrangements => cell("Get", "pass", passed(keys), "-"),
        GetPlan::Collection(m) => cell("Get", with(m), "raw", "-"),
        GetPlan::Arrangement(_, None, m) => cell("Get", with(m), "arrangement", "-"),
        GetPlan::Arrangement(_, Some(_), m) => cell("Get", with(m), "lookup", "-"),
    }
}

fn union(consolidates: bool, strategies: &[ArrangementStrategy]) -> PlanCell {
    let bucketed = strategies.contains(&ArrangementStrategy::TemporalBucketing);
    match (consolidates, bucketed) {
        (false, _) => cell("Union", "plain", "raw", "-"),
        (true, false) => cell("Union", "consolidating", "raw", "-"),
        (true, true) => cell("Union", "consolidating", "raw", "bucketed"),
    }
}

fn plain_or_temporal(m: &MapFilterProject) -> &'static str {
    if is_temporal(m) { "temporal" } else { "plain" }
}

fn passed(keys: &AvailableCollections) -> &'static str {
    match (keys.raw, keys.arranged.len()) {
        (true, 0) => "raw",
        (true, _) => "raw and arrangements",
        (false, 0 | 1) => "arrangement",
        (false, _) => "several arrangements",
    }
}

fn is_lookup(input: &Expr) -> bool {
    matches!(
        input,
        Expr::Get {
            plan: GetPlan::Arrangement(_, Some(_), _),
            ..
        } | Expr::Mfp {
            input_key_val: Some((_, Some(_))),
            ..
        }
    )
}

fn arranged_once(strategy: &ArrangementStrategy) -> &'static str {
    match strategy {
        ArrangementStrategy::Direct => "one",
        ArrangementStrategy::TemporalBucketing => "one, bucketed",
    }
}

fn join_variant(plan: &JoinPlan) -> &'static str {
    let crosses = |stages: &[JoinStagePlan]| stages.iter().any(|s| s.lookup_key.is_empty());
    match plan {
        JoinPlan::Linear(plan) => match plan.stage_plans.as_slice() {
            [] => "linear, no stage",
            stages if crosses(stages) => "linear, cross",
            [_] => "linear, one stage",
            _ => "linear, stages",
        },
        JoinPlan::Delta(plan) => {
            if plan.path_plans.iter().any(|p| crosses(&p.stage_plans)) {
                "delta, cross"
            } else if plan.path_plans.len() <= 2 {
                "delta, two paths"
            } else {
                "delta, paths"
            }
        }
    }
}

fn reduce_variant(plan: &ReducePlan, mfp_after: &MapFilterProject) -> &'static str {
    if !Mfp::from(mfp_after.clone()).is_identity() {
        return "mfp inside";
    }
    match plan {
        ReducePlan::Distinct => "distinct",
        ReducePlan::Accumulable(plan) if plan.distinct_aggrs.is_empty() => "accumulable",
        ReducePlan::Accumulable(plan) if plan.simple_aggrs.is_empty() => "accumulable, distinct",
        ReducePlan::Accumulable(_) => "accumulable, both",
        ReducePlan::Hierarchical(HierarchicalPlan::Monotonic(plan)) => {
            if plan.must_consolidate {
                "monotonic, consolidating"
            } else {
                "monotonic"
            }
        }
        ReducePlan::Hierarchical(HierarchicalPlan::Bucketed(plan)) => {
            if plan.buckets.is_empty() {
                "bucketed, no bucket"
            } else {
                "bucketed"
            }
        }
        ReducePlan::Basic(BasicPlan::Single(plan)) if plan.fused_unnest_list => "basic, fused",
        ReducePlan::Basic(BasicPlan::Single(_)) => "basic single",
        ReducePlan::Basic(BasicPlan::Multiple(_)) => "basic multiple",
    }
}

fn top_k_variant(plan: &TopKPlan) -> &'static str {
    match plan {
        TopKPlan::MonotonicTop1(plan) if plan.must_consolidate => "top 1, consolidating",
        TopKPlan::MonotonicTop1(_) => "top 1",
        TopKPlan::MonotonicTopK(plan) => match (plan.limit.is_some(), plan.must_consolidate) {
            (true, false) => "monotonic",
            (true, true) => "monotonic, consolidating",
            (false, false) => "monotonic, unlimited",
            (false, true) => "monotonic, unlimited, consolidating",
        },
        TopKPlan::Basic(plan) => match (plan.limit.is_some(), plan.offset > 0) {
            (true, false) => "basic",
            (true, true) => "basic, offset",
            (false, true) => "basic, offset, unlimited",
            (false, false) => "basic, unlimited",
        },
    }
}

pub(super) fn is_temporal(m: &MapFilterProject) -> bool {
    Mfp::from(m.clone()).has_temporal_predicate()
}

fn by_key<K>(input_key: &Option<K>) -> &'static str {
    match input_key {
        None => "raw",
        Some(_) => "arrangement",
    }
}
