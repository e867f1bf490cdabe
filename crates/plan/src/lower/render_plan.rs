//! From the tree to the flat plan of the wire. Source: `spec/lowering.md` §1.6,
//! invariants of the result `spec/plan.md` §1.1.
//!
//! Invariant: what has bindings below another operator is refused.

use std::collections::BTreeMap;

use super::lir::{Lir, Op, Reading};
use protocol::neutral::{
    BindStage, Expr, GetPlan, LetBind, LetFreePlan, Node, RecBind, RenderPlan,
};
use protocol::v26_30::LirId;

/// `None` if the bindings are not all at the top.
pub(super) fn convert(mut root: Lir) -> Option<RenderPlan> {
    let mut binds = Vec::new();
    loop {
        let mut stage = BindStage {
            lets: Vec::new(),
            recs: Vec::new(),
        };
        while let Op::Let { .. } = root.op {
            let Op::Let { id, value, body } = root.op else {
                return None;
            };
            let value = let_free(*value)?;
            stage.lets.push(LetBind { id, value });
            root = *body;
        }
        if let Op::LetRec { bindings, body } = root.op {
            for (id, value, limit) in bindings {
                let value = convert(value)?;
                stage.recs.push(RecBind { id, value, limit });
            }
            root = *body;
        }
        if stage.lets.is_empty() && stage.recs.is_empty() {
            break;
        }
        binds.push(stage);
    }
    let body = let_free(root)?;
    Some(RenderPlan { binds, body })
}

fn let_free(root: Lir) -> Option<LetFreePlan> {
    let mut plan = LetFreePlan {
        nodes: BTreeMap::new(),
        root: LirId(root.id),
        topological_order: Vec::new(),
    };
    flatten(root, None, 0, &mut plan)?;
    Some(plan)
}

/// Adds the node and everything below it.
fn flatten(node: Lir, parent: Option<LirId>, nesting: u8, plan: &mut LetFreePlan) -> Option<LirId> {
    let id = LirId(node.id);
    let mut below = |input: Lir| flatten(input, Some(id), nesting.saturating_add(1), plan);
    let expr = match node.op {
        Op::Let { .. } | Op::LetRec { .. } => return None,
        Op::Constant(rows) => Expr::Constant { rows },
        Op::Get { id, keys, plan } => Expr::Get {
            id,
            keys,
            plan: match plan {
                Reading::Pass => GetPlan::PassArrangements,
                Reading::Arrangement(key, row, m) => GetPlan::Arrangement(key, row, m.into()),
                Reading::Collection(m) => GetPlan::Collection(m.into()),
            },
        },
        Op::Join { inputs, plan } => Expr::Join {
            inputs: inputs.into_iter().map(below).collect::<Option<_>>()?,
            plan,
        },
        Op::Union {
            inputs,
            consolidate_output,
            strategies,
        } => Expr::Union {
            inputs: inputs.into_iter().map(below).collect::<Option<_>>()?,
            consolidate_output,
            temporal_bucketing_strategies: strategies,
        },
        Op::ArrangeBy {
            input_key,
            input,
            input_mfp,
            forms,
            strategy,
        } => Expr::ArrangeBy {
            input_key,
            input: below(*input)?,
            input_mfp: input_mfp.into(),
            forms,
            strategy,
        },
        op @ (Op::Mfp { .. }
        | Op::FlatMap { .. }
        | Op::Reduce { .. }
        | Op::TopK { .. }
        | Op::Negate { .. }
        | Op::Threshold { .. }) => unary(op, below)?,
    };
    plan.topological_order.push(id);
    plan.nodes.insert(
        id,
        Node {
            expr,
            parent,
            nesting,
        },
    );
    Some(id)
}

/// An operator that computes on one input, whose id `below` tells.
fn unary(op: Op, mut below: impl FnMut(Lir) -> Option<LirId>) -> Option<Expr> {
    Some(match op {
        Op::Mfp {
            input,
            mfp,
            input_key_val,
        } => Expr::Mfp {
            input: below(*input)?,
            mfp: mfp.into(),
            input_key_val,
        },
        Op::FlatMap {
            input_key,
            input,
            exprs,
            func,
            mfp_after,
        } => Expr::FlatMap {
            input_key,
            input: below(*input)?,
            exprs,
            func,
            mfp_after: mfp_after.into(),
        },
        Op::Reduce {
            input_key,
            input,
            key_val_plan,
            plan: reduce,
            mfp_after,
            strategy,
        } => Expr::Reduce {
            input_key,
            input: below(*input)?,
            key_val_plan,
            plan: reduce,
            mfp_after: mfp_after.into(),
            temporal_bucketing_strategy: strategy,
        },
        Op::TopK {
            input,
            plan: top_k_plan,
            strategy,
        } => Expr::TopK {
            input: below(*input)?,
            top_k_plan,
            temporal_bucketing_strategy: strategy,
        },
        Op::Negate { input } => Expr::Negate {
            input: below(*input)?,
        },
        Op::Threshold {
            input,
            plan: threshold_plan,
        } => Expr::Threshold {
            input: below(*input)?,
            threshold_plan,
        },
        Op::Let { .. }
        | Op::LetRec { .. }
        | Op::Constant(_)
        | Op::Get { .. }
        | Op::Join { .. }
        | Op::Union { .. }
        | Op::ArrangeBy { .. } => return None,
    })
}
