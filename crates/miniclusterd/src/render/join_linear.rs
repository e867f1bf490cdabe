//! Joins that look one relation up after the other. Source: `spec/plan.md`
//! §2.4.
//!
//! Invariant: a source that is arranged by the first stage's key is used as it
//! is; errors are those of the forms that were read, of keys and of closures.

use differential_dataflow::VecCollection;
use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::trace::{BatchCursor, Cursor, Navigable, TraceReader};

use super::join_closure::{Closure, StreamKey};
use super::split::split;
use super::{
    Arrangement, Bundle, Context, Errs, Oks, RenderError, RenderTimestamp, arrange_oks, fallible,
};
use crate::errors::DataflowError;
use crate::eval::Arena;
use protocol::v26_30::{JoinStagePlan, LinearJoinPlan};
use repr::{Diff, Row};

/// The relation that an index of a plan names.
pub fn relation<'b, 's, T: RenderTimestamp>(
    inputs: &'b [Bundle<'s, T>],
    at: usize,
) -> Result<&'b Bundle<'s, T>, RenderError> {
    inputs
        .get(at)
        .ok_or_else(|| RenderError::Invalid(format!("join input {at} of {}", inputs.len())))
}

/// Applies a closure to whole rows.
pub fn close_rows<'s, T: RenderTimestamp>(
    rows: Oks<'s, T>,
    closure: Closure,
    name: &str,
) -> (Oks<'s, T>, Errs<'s, T>) {
    fallible(rows.inner, name, move |data: &mut Vec<_>, oks, errs| {
        for (row, time, diff) in data.drain(..) {
            let row: Row = row;
            let arena = Arena::new();
            match closure.apply(row.iter().collect(), &arena) {
                Ok(Some(row)) => oks.push((row, time, diff)),
                Ok(None) => {}
                Err(error) => errs.push((error.into(), time, diff)),
            }
        }
    })
}

pub fn render_linear_join<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    inputs: &[Bundle<'s, T>],
    plan: &LinearJoinPlan,
) -> Result<Bundle<'s, T>, RenderError> {
    let source = relation(inputs, plan.source_relation)?;
    let mut all_errs = Vec::new();
    let mut stages = plan.stage_plans.iter();
    // The source as the first stage wants it, or as rows.
    let arranged = match (plan.stage_plans.first(), &plan.initial_closure) {
        (Some(stage), None) => source.arranged.get(&stage.stream_key),
        (None, _) | (Some(_), Some(_)) => None,
    };
    let mut stream = match arranged {
        Some(arrangement) => {
            all_errs.push(arrangement.errs());
            let stage = stages.next().expect("an arranged source has a stage");
            stage_over(ctx, inputs, arrangement, stage, &mut all_errs)?
        }
        None => {
            let form = plan.source_key.as_ref().map(|key| (key, None));
            let (rows, errs) =
                source.flat_map("LinearJoinSource", form, |rows, time, diff, oks, _| {
                    let row = Row::pack(rows.iter().flat_map(|row| row.iter()));
                    oks.push((row, time.clone(), diff));
                })?;
            all_errs.push(errs);
            match &plan.initial_closure {
                None => rows,
                Some(closure) => {
                    let closure = Closure::new(ctx, closure)?;
                    let (rows, errs) = close_rows(rows, closure, "LinearJoinInitial");
                    all_errs.push(errs);
                    rows
                }
            }
        }
    };
    for stage in stages {
        let arrangement = arrange_stream(stream, stage, &mut all_errs)?;
        stream = stage_over(ctx, inputs, &arrangement, stage, &mut all_errs)?;
    }
    if let Some(closure) = &plan.final_closure {
        let closure = Closure::new(ctx, closure)?;
        let (rows, errs) = close_rows(stream, closure, "LinearJoinFinal");
        all_errs.push(errs);
        stream = rows;
    }
    let errs = differential_dataflow::collection::concatenate(ctx.scope, all_errs);
    Ok(Bundle::from_raw(stream, errs))
}

/// Arranges the stream for a stage.
fn arrange_stream<'s, T: RenderTimestamp>(
    stream: Oks<'s, T>,
    stage: &JoinStagePlan,
    all_errs: &mut Vec<Errs<'s, T>>,
) -> Result<Arrangement<'s, T>, RenderError> {
    let key = StreamKey::new(&stage.stream_key, &stage.stream_thinning)?;
    let (keyed, errs) = fallible(
        stream.inner,
        "LinearJoinKey",
        move |data: &mut Vec<(Row, T, Diff)>, oks, errs| {
            for (row, time, diff) in data.drain(..) {
                match key.split(&row) {
                    Ok(pair) => oks.push((pair, time, diff)),
                    Err(error) => errs.push((error.into(), time, diff)),
                }
            }
        },
    );
    // The errors go on as a collection; the arrangement needs none of its own.
    let none = keyed.clone().flat_map(|_| None::<DataflowError>);
    all_errs.push(errs);
    Ok(Arrangement::Local {
        oks: arrange_oks(keyed, "LinearJoinStream"),
        errs: super::arrange_errs(none, "LinearJoinStream errors"),
    })
}

/// One stage over an arranged stream.
fn stage_over<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    inputs: &[Bundle<'s, T>],
    stream: &Arrangement<'s, T>,
    stage: &JoinStagePlan,
    all_errs: &mut Vec<Errs<'s, T>>,
) -> Result<Oks<'s, T>, RenderError> {
    let lookup = relation(inputs, stage.lookup_relation)?.arrangement(&stage.lookup_key)?;
    all_errs.push(lookup.errs());
    let closure = Closure::new(ctx, &stage.closure)?;
    let results = match (stream, lookup) {
        (Arrangement::Local { oks: a, .. }, Arrangement::Local { oks: b, .. }) => {
            matches(ctx, a.clone(), b.clone(), closure)
        }
        (Arrangement::Local { oks: a, .. }, Arrangement::Imported { oks: b, .. }) => {
            matches(ctx, a.clone(), b.clone(), closure)
        }
        (Arrangement::Imported { oks: a, .. }, Arrangement::Local { oks: b, .. }) => {
            matches(ctx, a.clone(), b.clone(), closure)
        }
        (Arrangement::Imported { oks: a, .. }, Arrangement::Imported { oks: b, .. }) => {
            matches(ctx, a.clone(), b.clone(), closure)
        }
    };
    let (oks, errs) = split(results, "LinearJoin");
    all_errs.push(errs);
    Ok(oks)
}

type Results<'s, T> = VecCollection<'s, T, Result<Row, DataflowError>, Diff>;

/// The matches of two arrangements, each through the closure.
fn matches<'s, T, A, B>(
    ctx: &Context<'s, T>,
    stream: Arranged<'s, A>,
    lookup: Arranged<'s, B>,
    closure: Closure,
) -> Results<'s, T>
where
    T: RenderTimestamp,
    A: TraceReader<Time = T, Batch: Navigable> + Clone + 'static,
    B: TraceReader<Time = T, Batch: Navigable> + Clone + 'static,
    BatchCursor<A>: Cursor<Time = T, Diff = Diff, KeyContainer = Vec<Row>>,
    BatchCursor<B>: Cursor<Time = T, Diff = Diff, KeyContainer = Vec<Row>>,
    for<'a> BatchCursor<A>: Cursor<Key<'a> = &'a Row, Val<'a> = &'a Row>,
    for<'a> BatchCursor<B>: Cursor<Key<'a> = &'a Row, Val<'a> = &'a Row>,
{
    let seams = ctx.settings.seams.join();
    let heard = seams.heard(stream.clone(), &lookup);
    let lookup = seams.heard(lookup, &stream);
    heard.join_core(lookup, move |key: &Row, a: &Row, b: &Row| {
        let datums = seams.matched(key, a, b)?;
        let arena = Arena::new();
        match closure.apply(datums, &arena) {
            Ok(row) => row.map(Ok),
            Err(error) => Some(Err(error.into())),
        }
    })
}
