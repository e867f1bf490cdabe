//! Threshold: rows that count positively, as often as they count. Source:
//! `spec/plan.md` §2.2.
//!
//! Invariant: a row whose count is not positive is absent, without complaint.

use super::split::reduce_rows;
use super::{Arrangement, Bundle, Context, RenderError, RenderTimestamp, arrange_errs};
use protocol::v26_30::ThresholdPlan;
use repr::{Diff, Row};

pub fn render_threshold<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input: Bundle<'s, T>,
    plan: &ThresholdPlan,
) -> Result<Bundle<'s, T>, RenderError> {
    let ThresholdPlan::Basic(plan) = plan;
    let (key, _, _) = &plan.ensure_arrangement;
    let arrangement = input.arrangement(key)?;
    let seams = ctx.settings.seams.threshold();
    let logic = move |_: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
        for (value, count) in input {
            if let Some(count) = seams.passes(*count) {
                output.push(((*value).clone(), count));
            }
        }
    };
    let oks = match arrangement {
        Arrangement::Local { oks, .. } => reduce_rows(oks.clone(), "Threshold", logic),
        Arrangement::Imported { oks, .. } => reduce_rows(oks.clone(), "Threshold", logic),
    };
    let errs = arrange_errs(arrangement.errs(), "Threshold errors");
    Ok(Bundle::from_arrangement(
        key.clone(),
        Arrangement::Local { oks, errs },
    ))
}
