//! Which function renders which node.
//!
//! Invariant: each node's output is used once (sharing is by bindings), so
//! inputs are taken out of what was rendered.

use std::collections::BTreeMap;

use super::arrange_by::render_arrange_by;
use super::constant::render_constant;
use super::flat_map::render_flat_map;
use super::join_delta::render_delta_join;
use super::join_linear::render_linear_join;
use super::linear::{render_get, render_mfp, render_negate, render_union};
use super::reduce::render_reduce;
use super::threshold::render_threshold;
use super::top_k::render_top_k;
use super::{Bundle, Context, RenderError, RenderTimestamp};
use protocol::neutral::{Expr, JoinPlan};
use protocol::v26_30::LirId;

/// Takes the rendered inputs of a node.
fn take<'s, T: RenderTimestamp>(
    done: &mut BTreeMap<LirId, Bundle<'s, T>>,
    id: LirId,
) -> Result<Bundle<'s, T>, RenderError> {
    done.remove(&id)
        .ok_or_else(|| RenderError::Invalid(format!("node {} comes after its user", id.0)))
}

fn take_all<'s, T: RenderTimestamp>(
    done: &mut BTreeMap<LirId, Bundle<'s, T>>,
    ids: &[LirId],
) -> Result<Vec<Bundle<'s, T>>, RenderError> {
    ids.iter().map(|id| take(done, *id)).collect()
}

impl<'s, T: RenderTimestamp> Context<'s, T> {
    /// Renders one node over its rendered inputs.
    pub fn render_expr(
        &self,
        expr: &Expr,
        done: &mut BTreeMap<LirId, Bundle<'s, T>>,
    ) -> Result<Bundle<'s, T>, RenderError> {
        match expr {
            Expr::Constant { rows } => Ok(render_constant(self, rows)),
            Expr::Get { id, keys, plan } => render_get(self, *id, keys, plan),
            Expr::Mfp {
                input,
                mfp,
                input_key_val,
            } => render_mfp(self, take(done, *input)?, mfp, input_key_val.as_ref()),
            Expr::FlatMap {
                input_key,
                input,
                exprs,
                func,
                mfp_after,
            } => {
                let input = take(done, *input)?;
                render_flat_map(self, input_key.as_ref(), input, exprs, func, mfp_after)
            }
            Expr::Join { inputs, plan } => {
                let inputs = take_all(done, inputs)?;
                match plan {
                    JoinPlan::Linear(plan) => render_linear_join(self, &inputs, plan),
                    JoinPlan::Delta(plan) => render_delta_join(self, &inputs, plan),
                }
            }
            Expr::Reduce {
                input_key,
                input,
                key_val_plan,
                plan,
                mfp_after,
                temporal_bucketing_strategy: _,
            } => {
                let input = take(done, *input)?;
                render_reduce(
                    self,
                    input_key.as_ref(),
                    input,
                    key_val_plan,
                    plan,
                    mfp_after,
                )
            }
            Expr::TopK {
                input,
                top_k_plan,
                temporal_bucketing_strategy: _,
            } => render_top_k(self, take(done, *input)?, top_k_plan),
            Expr::Negate { input } => render_negate(take(done, *input)?),
            Expr::Threshold {
                input,
                threshold_plan,
            } => render_threshold(self, take(done, *input)?, threshold_plan),
            Expr::Union {
                inputs,
                consolidate_output,
                temporal_bucketing_strategies: _,
            } => render_union(self, take_all(done, inputs)?, *consolidate_output),
            Expr::ArrangeBy {
                input_key,
                input,
                input_mfp,
                forms,
                strategy: _,
            } => {
                let input = take(done, *input)?;
                render_arrange_by(self, input_key.as_ref(), input, input_mfp, forms)
            }
        }
    }
}
