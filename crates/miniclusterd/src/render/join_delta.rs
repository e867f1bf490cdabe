//! Joins in which every relation's changes look up all the others. Source:
//! `spec/plan.md` §2.4.
//!
//! Invariants: of two changes at one time, that of the later relation sees the
//! other's; results are stamped with the joined time only when they leave, so
//! that every lookup of a path is made at the time of its source. The
//! contents at the as-of go through the path of the first relation alone: the
//! others could only repeat them, and raise errors of rows that join nothing.

use std::collections::BTreeSet;

use differential_dataflow::VecCollection;
use differential_dataflow::collection::concatenate;

use super::half_join::{Lookup, half_join};
use super::join_closure::{Closure, StreamKey};
use super::join_linear::relation;
use super::{Arrangement, Bundle, Context, Errs, Oks, RenderError, RenderTimestamp, fallible};
use crate::errors::DataflowError;
use crate::eval::Arena;
use protocol::neutral::{DeltaJoinPlan, DeltaPathPlan};
use protocol::v26_30::JoinStagePlan;
use repr::{Datum, Diff, Row};

/// Rows with the time at which they count.
type Timed<'s, T> = VecCollection<'s, T, (Row, T), Diff>;

pub fn render_delta_join<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    inputs: &[Bundle<'s, T>],
    plan: &DeltaJoinPlan,
) -> Result<Bundle<'s, T>, RenderError> {
    let mut paths = Vec::new();
    let mut all_errs = Vec::new();
    let mut used = BTreeSet::new();
    let seams = ctx.settings.seams.join();
    for (at, path) in plan.path_plans.iter().enumerate() {
        used.insert((path.source_relation, path.source_key.as_ref()));
        for stage in &path.stage_plans {
            used.insert((stage.lookup_relation, Some(&stage.lookup_key)));
        }
        if seams.follows_path(at, plan.path_plans.len()) {
            paths.push(render_path(ctx, inputs, path, &mut all_errs)?);
        }
    }
    for (at, key) in used {
        let relation = relation(inputs, at)?;
        all_errs.push(match key {
            Some(key) => relation.arrangement(key)?.errs(),
            None => relation.raw()?.1,
        });
    }
    Ok(Bundle::from_raw(
        concatenate(ctx.scope, paths),
        concatenate(ctx.scope, all_errs),
    ))
}

fn render_path<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    inputs: &[Bundle<'s, T>],
    path: &DeltaPathPlan,
    all_errs: &mut Vec<Errs<'s, T>>,
) -> Result<Oks<'s, T>, RenderError> {
    let source = relation(inputs, path.source_relation)?;
    let initial = Closure::new(ctx, &path.initial_closure)?;
    let as_of = T::to_inner(ctx.settings.as_of);
    let seams = ctx.settings.seams.join();
    let whole = seams.begins_with_snapshot(path.source_relation);
    let form = path.source_key.as_ref().map(|key| (key, None));
    let (rows, errs) = source.computed("DeltaPath", form, move |rows, time, diff, oks, errs| {
        if !whole && *time == as_of {
            return;
        }
        let arena = Arena::new();
        let datums: Vec<Datum<'_>> = rows.iter().flat_map(|row| row.iter()).collect();
        match initial.apply(datums, &arena) {
            Ok(Some(row)) => oks.push(((row, time.clone()), time.clone(), diff)),
            Ok(None) => {}
            Err(error) => errs.push((error.into(), time.clone(), diff)),
        }
    })?;
    all_errs.push(errs);
    let mut rows: Timed<'s, T> = rows;
    for stage in &path.stage_plans {
        rows = render_stage(ctx, inputs, path.source_relation, rows, stage, all_errs)?;
    }
    let last = path.final_closure.as_ref();
    let last = last.map(|closure| Closure::new(ctx, closure)).transpose()?;
    let (rows, errs) = fallible(
        rows.inner,
        "DeltaFinal",
        move |data: &mut Vec<((Row, T), T, Diff)>, oks, errs| {
            for ((row, at), _, diff) in data.drain(..) {
                let Some(closure) = &last else {
                    oks.push((row, at, diff));
                    continue;
                };
                let arena = Arena::new();
                match closure.apply(row.iter().collect(), &arena) {
                    Ok(Some(row)) => oks.push((row, at, diff)),
                    Ok(None) => {}
                    Err(error) => errs.push((error.into(), at, diff)),
                }
            }
        },
    );
    all_errs.push(errs);
    Ok(rows)
}

fn render_stage<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    inputs: &[Bundle<'s, T>],
    source: usize,
    rows: Timed<'s, T>,
    stage: &JoinStagePlan,
    all_errs: &mut Vec<Errs<'s, T>>,
) -> Result<Timed<'s, T>, RenderError> {
    let key = StreamKey::new(&stage.stream_key, &stage.stream_thinning)?;
    let (keyed, errs) = fallible(
        rows.inner,
        "DeltaKey",
        move |data: &mut Vec<((Row, T), T, Diff)>, oks, errs| {
            for ((row, at), time, diff) in data.drain(..) {
                match key.split(&row) {
                    Ok((key, value)) => oks.push(((key, value, at), time, diff)),
                    Err(error) => errs.push((error.into(), at, diff)),
                }
            }
        },
    );
    all_errs.push(errs);
    let keyed: Lookup<'s, T> = keyed;
    let seams = ctx.settings.seams.join();
    let inclusive = seams.sees_simultaneous(source, stage.lookup_relation);
    let closure = Closure::new(ctx, &stage.closure)?;
    let logic = move |key: &Row, value: &Row, entry: &Row| {
        let datums = key.iter().chain(value.iter()).chain(entry.iter());
        let arena = Arena::new();
        match closure.apply(datums.collect(), &arena) {
            Ok(row) => row.map(Ok),
            Err(error) => Some(Err(DataflowError::from(error))),
        }
    };
    let lookup = relation(inputs, stage.lookup_relation)?.arrangement(&stage.lookup_key)?;
    let results = match lookup {
        Arrangement::Local { oks, .. } => half_join(keyed, oks.clone(), inclusive, logic),
        Arrangement::Imported { oks, .. } => half_join(keyed, oks.clone(), inclusive, logic),
    };
    let (rows, errs) = fallible(
        results.inner,
        "DeltaStage",
        |data: &mut Vec<_>, oks, errs| {
            for ((result, at), time, diff) in data.drain(..) {
                match result {
                    Ok(row) => oks.push(((row, at), time, diff)),
                    Err(error) => errs.push((error, at, diff)),
                }
            }
        },
    );
    all_errs.push(errs);
    Ok(rows)
}
