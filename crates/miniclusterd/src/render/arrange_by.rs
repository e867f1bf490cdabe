//! Arranging a collection by keys. Source: `spec/plan.md` §2.1, §2.2.
//!
//! Invariants: a key that exists already is kept as it is; what goes wrong
//! with a key goes to the errors of its arrangement alone.

use super::linear::apply_mfp;
use super::{
    Arrangement, Bundle, Context, RenderError, RenderTimestamp, arrange_errs, arrange_oks, fallible,
};
use crate::eval::{Arena, eval, pack, supported};
use protocol::v26_30::{AvailableCollections, Key, MapFilterProject, MirScalarExpr};
use repr::{Datum, Row};

pub fn render_arrange_by<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input_key: Option<&Key>,
    mut input: Bundle<'s, T>,
    input_mfp: &MapFilterProject,
    forms: &AvailableCollections,
) -> Result<Bundle<'s, T>, RenderError> {
    if !forms.raw && forms.arranged.is_empty() {
        return Ok(input);
    }
    let missing = |input: &Bundle<'s, T>, key: &Key| !input.arranged.contains_key(key);
    let builds = forms
        .arranged
        .iter()
        .any(|(key, _, _)| missing(&input, key));
    if input.raw.is_none() && (forms.raw || builds) {
        let form = input_key.map(|key| (key, None));
        input.raw = apply_mfp(ctx, &input, form, input_mfp)?.raw;
    }
    for (key, _, thinning) in &forms.arranged {
        if missing(&input, key) {
            let arrangement = arrange(ctx, &input, key, thinning)?;
            input.arranged.insert(key.clone(), arrangement);
        }
    }
    Ok(input)
}

/// Arranges the raw collection by `key`, keeping the columns `thinning` as
/// values.
pub fn arrange<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input: &Bundle<'s, T>,
    key: &Key,
    thinning: &[usize],
) -> Result<Arrangement<'s, T>, RenderError> {
    key.iter()
        .try_for_each(supported)
        .map_err(RenderError::Unsupported)?;
    let (oks, errs) = input.raw()?;
    let seams = ctx.settings.seams.arrangement();
    let (keyed, key_errs) = {
        let key = seams.key(key, ctx.settings.worker);
        let thinning = thinning.to_vec();
        fallible(
            oks.inner,
            "ArrangeBy",
            move |data: &mut Vec<(Row, T, _)>, oks, errs| {
                for (row, time, diff) in data.drain(..) {
                    let datums: Vec<Datum<'_>> = row.iter().collect();
                    let value = || pack(thinning.iter().map(|c| column(&datums, *c)));
                    let arena = Arena::new();
                    match key_datums(&key, &datums, &arena) {
                        Ok(key) if seams.holds(&key) => {
                            oks.push(((pack(key), value()), time, diff));
                        }
                        Ok(_) => {}
                        Err(error) => errs.push((error.into(), time, diff)),
                    }
                }
            },
        )
    };
    Ok(Arrangement::Local {
        oks: arrange_oks(keyed, "ArrangeBy"),
        errs: arrange_errs(errs.concat(key_errs), "ArrangeBy errors"),
    })
}

fn column<'a>(datums: &[Datum<'a>], at: usize) -> Datum<'a> {
    datums.get(at).copied().unwrap_or(Datum::Null)
}

fn key_datums<'a>(
    key: &'a [MirScalarExpr],
    datums: &[Datum<'a>],
    arena: &'a Arena,
) -> Result<Vec<Datum<'a>>, protocol::v26_30::EvalError> {
    key.iter().map(|expr| eval(expr, datums, arena)).collect()
}
