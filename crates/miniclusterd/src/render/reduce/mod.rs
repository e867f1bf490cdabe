//! Reductions: what goes into them, which kind does the work, and Distinct.
//! Source: `spec/plan.md` §2.5.
//!
//! Invariants: a key whose rows are all gone has no output; an update that fails
//! contributes its error alone; the output is arranged by the key.

mod accumulable;
mod after;
mod basic;
mod hierarchical;

pub use hierarchical::monotonic;

use super::split::{reduce_errs, reduce_rows};
use super::{
    Arrangement, Bundle, Context, Errs, KeyVals, RenderError, RenderTimestamp, arrange_errs,
    arrange_oks,
};
use crate::errors::DataflowError;
use crate::eval::{Arena, eval_safe, supported_mfp};
use accumulable::render_accumulable;
use after::{After, Reduced, after_error};
use basic::{render_multiple, render_single};
use hierarchical::{render_bucketed, render_monotonic};
use protocol::v26_30::{
    BasicPlan, HierarchicalPlan, Key, KeyValPlan, MapFilterProject, MirScalarExpr, ReducePlan,
};
use repr::{Datum, Diff, Row};

pub fn render_reduce<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input_key: Option<&Key>,
    input: Bundle<'s, T>,
    key_val_plan: &KeyValPlan,
    plan: &ReducePlan,
    mfp_after: &MapFilterProject,
) -> Result<Bundle<'s, T>, RenderError> {
    let (keyed, errs) = keyed(input_key, input, key_val_plan)?;
    let key_width = key_val_plan.key_plan.mfp.projection.len();
    let after = After::new(mfp_after, key_width)?;
    let (oks, new_errs) = match plan {
        ReducePlan::Distinct => render_distinct(ctx, keyed, after),
        ReducePlan::Accumulable(plan) => render_accumulable(ctx, keyed, plan, after)?,
        ReducePlan::Hierarchical(HierarchicalPlan::Monotonic(plan)) => {
            render_monotonic(ctx, keyed, plan, after)?
        }
        ReducePlan::Hierarchical(HierarchicalPlan::Bucketed(plan)) => {
            render_bucketed(ctx, keyed, plan, after)?
        }
        ReducePlan::Basic(BasicPlan::Single(plan)) => render_single(ctx, keyed, plan, after)?,
        ReducePlan::Basic(BasicPlan::Multiple(aggrs)) => render_multiple(ctx, keyed, aggrs, after)?,
    };
    let key = (0..key_width).map(MirScalarExpr::column).collect();
    let errs = arrange_errs(errs.concat(new_errs), "Reduce errors");
    Ok(Bundle::from_arrangement(
        key,
        Arrangement::Local { oks, errs },
    ))
}

/// Splits the input into keys and arguments.
fn keyed<'s, T: RenderTimestamp>(
    input_key: Option<&Key>,
    input: Bundle<'s, T>,
    plans: &KeyValPlan,
) -> Result<(KeyVals<'s, T>, Errs<'s, T>), RenderError> {
    for plan in [&plans.key_plan, &plans.val_plan] {
        supported_mfp(&plan.mfp).map_err(RenderError::Unsupported)?;
    }
    let plans = plans.clone();
    let form = input_key.map(|key| (key, None));
    input.flat_map("ReduceKey", form, move |rows, time, diff, oks, errs| {
        let arena = Arena::new();
        let mut datums: Vec<Datum<'_>> = rows.iter().flat_map(|row| row.iter()).collect();
        let columns = datums.len();
        let key = eval_safe(&plans.key_plan, &mut datums, &arena);
        datums.truncate(columns);
        match key.and_then(|key| Ok((key, eval_safe(&plans.val_plan, &mut datums, &arena)?))) {
            Ok((Some(key), Some(arguments))) => oks.push(((key, arguments), time.clone(), diff)),
            // Neither plan has predicates.
            Ok((_, _)) => {}
            Err(error) => errs.push((error.into(), time.clone(), diff)),
        }
    })
}

fn render_distinct<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    keyed: KeyVals<'s, T>,
    after: After,
) -> Reduced<'s, T> {
    let seams = ctx.settings.seams.reduce();
    let arranged = arrange_oks(seams.distinct_input(keyed), "Distinct");
    let complaints = after.clone();
    let oks = reduce_rows(
        arranged.clone(),
        "Distinct",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
            if let Ok(Some(row)) = after.apply(key, Row::default()) {
                output.push((row, seams.distinct_count(input)));
            }
        },
    );
    let errs = reduce_errs(
        arranged,
        "DistinctErrors",
        move |key: &Row, input: &[(&Row, Diff)], output: &mut Vec<(DataflowError, Diff)>| {
            if input.iter().any(|(_, count)| *count <= 0) {
                let complaint = "Non-positive multiplicity in DistinctBy";
                output.push((DataflowError::internal(complaint), 1));
            }
            if let Err(error) = after_error(&complaints, key, Row::default) {
                output.push((error, 1));
            }
        },
    );
    (oks, errs)
}
