//! The linear nodes: Get, Mfp, Negate, Union. Source: `spec/plan.md` §2.2.
//!
//! Invariant: an identity passes every form of its input through.

use differential_dataflow::collection::concatenate;

use super::{Bundle, Context, RenderError, RenderTimestamp};
use crate::eval::{Arena, MfpPlan};
use crate::mutants::Seams;
use protocol::neutral::GetPlan;
use protocol::v26_30::{AvailableCollections, Id, Key, MapFilterProject};
use repr::Row;

/// Plans an MFP for updates.
pub fn plan_mfp(seams: Seams, mfp: &MapFilterProject) -> Result<MfpPlan, RenderError> {
    let plan = MfpPlan::create(mfp).map_err(RenderError::Unsupported)?;
    Ok(seams.linear().mfp(plan))
}

/// Applies an MFP to one form of a bundle; gives a raw one.
pub fn apply_mfp<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input: &Bundle<'s, T>,
    form: Option<(&Key, Option<&Row>)>,
    mfp: &MapFilterProject,
) -> Result<Bundle<'s, T>, RenderError> {
    let plan = plan_mfp(ctx.settings.seams, mfp)?;
    if form.is_none() && plan.is_identity() {
        let (oks, errs) = input.raw()?;
        return Ok(Bundle::from_raw(oks, errs));
    }
    let seams = ctx.settings.seams.linear();
    let until = seams.wanted_until(ctx.settings.until);
    let (oks, errs) = input.flat_map("Mfp", form, move |rows, time, diff, oks, errs| {
        let arena = Arena::new();
        let mut datums: Vec<_> = rows.iter().flat_map(|row| row.iter()).collect();
        let now = (time.system(), diff);
        plan.evaluate(
            &mut datums,
            &arena,
            now,
            until,
            |result, at, diff| match result {
                Ok(row) => oks.push((row, time.at_system(at), diff)),
                Err(error) => {
                    let error = seams.row_error(error);
                    errs.extend(error.map(|error| (error.into(), time.at_system(at), diff)));
                }
            },
        );
    })?;
    Ok(Bundle::from_raw(oks, errs))
}

pub fn render_get<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    id: Id,
    keys: &AvailableCollections,
    plan: &GetPlan,
) -> Result<Bundle<'s, T>, RenderError> {
    let bound = ctx
        .bindings
        .get(&id)
        .ok_or_else(|| RenderError::Invalid(format!("Get({id:?}) not found at render time")))?;
    match plan {
        GetPlan::PassArrangements => {
            let mut bundle = Bundle {
                raw: bound.raw.clone(),
                arranged: Default::default(),
            };
            if keys.raw {
                bundle.raw()?;
            }
            for (key, _, _) in &keys.arranged {
                let arrangement = bound.arrangement(key)?.clone();
                bundle.arranged.insert(key.clone(), arrangement);
            }
            Ok(bundle)
        }
        GetPlan::Arrangement(key, literal, mfp) => {
            apply_mfp(ctx, bound, Some((key, literal.as_ref())), mfp)
        }
        GetPlan::Collection(mfp) => apply_mfp(ctx, bound, None, mfp),
    }
}

pub fn render_mfp<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input: Bundle<'s, T>,
    mfp: &MapFilterProject,
    input_key_val: Option<&(Key, Option<Row>)>,
) -> Result<Bundle<'s, T>, RenderError> {
    let plan = plan_mfp(ctx.settings.seams, mfp)?;
    if plan.is_identity() {
        return Ok(input);
    }
    let form = input_key_val.map(|(key, literal)| (key, literal.as_ref()));
    apply_mfp(ctx, &input, form, mfp)
}

pub fn render_negate<'s, T: RenderTimestamp>(
    input: Bundle<'s, T>,
) -> Result<Bundle<'s, T>, RenderError> {
    let (oks, errs) = input.raw()?;
    Ok(Bundle::from_raw(oks.negate(), errs))
}

pub fn render_union<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    inputs: Vec<Bundle<'s, T>>,
    consolidate: bool,
) -> Result<Bundle<'s, T>, RenderError> {
    let raws: Result<Vec<_>, _> = inputs.iter().map(Bundle::raw).collect();
    let (oks, errs): (Vec<_>, Vec<_>) = raws?.into_iter().unzip();
    let errs = ctx.settings.seams.linear().union_errors(errs);
    let mut oks = concatenate(ctx.scope, oks);
    if consolidate {
        oks = oks.consolidate();
    }
    Ok(Bundle::from_raw(oks, concatenate(ctx.scope, errs)))
}
