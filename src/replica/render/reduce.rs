//! Reduce, for now of counts alone. Source: `spec/plan.md` §2.5, §5.8.
//!
//! Invariant: the counts travel in the diff, so that a change costs nothing
//! that grows with its group.

use differential_dataflow::VecCollection;
use differential_dataflow::trace::implementations::{KeyBatcher, KeySpine};

use super::{
    Arrangement, Bundle, Context, RenderError, RenderTimestamp, RowBuilder, RowSpine, arrange_errs,
};
use crate::protocol::v26_30::{
    AggregateFunc, Key, KeyValPlan, MapFilterProject, MirScalarExpr, ReducePlan,
};
use crate::replica::eval::{Arena, MfpPlan, eval_safe, supported_mfp};
use crate::replica::mutants::Mutant;
use crate::repr::{Datum, Diff, Row};

pub fn render_reduce<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    input_key: Option<&Key>,
    input: Bundle<'s, T>,
    key_val_plan: &KeyValPlan,
    plan: &ReducePlan,
    mfp_after: &MapFilterProject,
) -> Result<Bundle<'s, T>, RenderError> {
    let ReducePlan::Accumulable(accumulable) = plan else {
        return Err(RenderError::Unsupported(
            "a Reduce other than of counts".into(),
        ));
    };
    let counts_only = accumulable.distinct_aggrs.is_empty()
        && accumulable
            .full_aggrs
            .iter()
            .all(|aggregate| aggregate.func == AggregateFunc::Count);
    let after = MfpPlan::create(mfp_after).map_err(RenderError::Unsupported)?;
    if !counts_only || !after.is_identity() {
        return Err(RenderError::Unsupported(
            "a Reduce other than of counts".into(),
        ));
    }
    let width = accumulable.full_aggrs.len();
    let plans = key_val_plan.clone();
    for plan in [&plans.key_plan, &plans.val_plan] {
        supported_mfp(&plan.mfp).map_err(RenderError::Unsupported)?;
    }
    let arity = plans.key_plan.mfp.projection.len();
    // Mutant: a retraction counts like an insertion.
    let ignore_sign = ctx.settings.mutants.is(Mutant::CountsIgnoreRetractions);
    let form = input_key.map(|key| (key, None));
    let (keyed, errs) = input.flat_map("Reduce", form, move |rows, time, diff, oks, errs| {
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
    })?;
    let counted: VecCollection<'s, T, (Row, ()), Vec<Diff>> =
        keyed.explode(move |(key, arguments)| {
            let present = arguments.iter().map(|datum| Diff::from(!datum.is_null()));
            let counts: Vec<Diff> = std::iter::once(1).chain(present).collect();
            Some(((key, ()), counts))
        });
    let oks = counted
        .arrange_named::<KeyBatcher<Row, T, Vec<Diff>>, KeySpine<Row, T, Vec<Diff>>>(
            "ReduceAccumulable",
            KeyBatcher::new,
        )
        .reduce_abelian::<_, RowBuilder<T>, RowSpine<T>, _, _>(
            "ReduceAccumulable",
            move |_key, input, output| {
                let Some((_, counts)) = input.first() else {
                    return;
                };
                let counts = counts.get(1..).unwrap_or(&[]);
                let sign = |n: &Diff| if ignore_sign { n.abs() } else { *n };
                let datum = |at: usize| Datum::Int64(counts.get(at).map_or(0, sign));
                output.push((Row::pack((0..width).map(datum)), 1));
            },
            |chunk, key, updates| {
                chunk.clear();
                chunk.extend(
                    updates
                        .drain(..)
                        .map(|(value, time, diff)| ((key.clone(), value), time, diff)),
                );
            },
        );
    let key = (0..arity).map(MirScalarExpr::column).collect();
    let errs = arrange_errs(errs, "Reduce errors");
    Ok(Bundle::from_arrangement(
        key,
        Arrangement::Local { oks, errs },
    ))
}
