//! Table functions. Source: `spec/plan.md` §2.3, §5.9.
//!
//! Invariant: an input row that fails gives its error and nothing else.

use super::linear::plan_mfp;
use super::{Bundle, Context, RenderError, RenderTimestamp};
use crate::protocol::v26_30::{Key, MapFilterProject, MirScalarExpr, TableFunc};
use crate::replica::eval::{Arena, eval, eval_table, supported, supported_table};
use crate::replica::mutants::Mutant;
use crate::repr::Datum;

pub fn render_flat_map<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input_key: Option<&Key>,
    input: Bundle<'s, T>,
    exprs: &[MirScalarExpr],
    func: &TableFunc,
    mfp_after: &MapFilterProject,
) -> Result<Bundle<'s, T>, RenderError> {
    exprs
        .iter()
        .try_for_each(supported)
        .and_then(|()| supported_table(func))
        .map_err(RenderError::Unsupported)?;
    let (exprs, func) = (exprs.to_vec(), func.clone());
    let until = ctx.settings.until;
    let mutants = ctx.settings.mutants;
    let after = plan_mfp(mutants, mfp_after)?;
    // Mutant: the key stands behind the value instead of before it.
    let misplaced = mutants.is(Mutant::FlatMapMisplacesKey) && input_key.is_some();
    // Mutant: an input row counts once, whatever its multiplicity.
    let once = mutants.is(Mutant::FlatMapIgnoresMultiplicity);
    // Mutant: the last extension row is lost if there are several.
    let short = mutants.is(Mutant::FlatMapDropsLastRow);
    let form = input_key.map(|key| (key, None));
    let (oks, errs) = input.flat_map("FlatMap", form, move |rows, time, diff, oks, errs| {
        let arena = Arena::new();
        let mut datums: Vec<Datum<'_>> = rows.iter().flat_map(|row| row.iter()).collect();
        if misplaced {
            let key_width = rows.first().map_or(0, |key| key.iter().count());
            datums.rotate_left(key_width);
        }
        let arguments: Result<Vec<_>, _> = exprs
            .iter()
            .map(|expr| eval(expr, &datums, &arena))
            .collect();
        let extensions = match arguments.and_then(|arguments| eval_table(&func, &arguments)) {
            Ok(extensions) => extensions,
            Err(error) => return errs.push((error.into(), time.clone(), diff)),
        };
        let diff = if once { diff.signum() } else { diff };
        let mut extensions = extensions.peekable();
        let mut first = true;
        while let Some((extension, times)) = extensions.next() {
            if short && !first && extensions.peek().is_none() {
                break;
            }
            first = false;
            let arena = Arena::new();
            let mut all: Vec<Datum<'_>> = datums.iter().copied().chain(extension.iter()).collect();
            let now = (time.system(), diff.wrapping_mul(times));
            after.evaluate(
                &mut all,
                &arena,
                now,
                until,
                |result, at, diff| match result {
                    Ok(row) => oks.push((row, time.at_system(at), diff)),
                    Err(error) => errs.push((error.into(), time.at_system(at), diff)),
                },
            );
        }
    })?;
    Ok(Bundle::from_raw(oks, errs))
}
