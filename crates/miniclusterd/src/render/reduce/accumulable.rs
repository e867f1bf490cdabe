//! Sums, counts, any and all. Source: `spec/plan.md` §2.5, §5.8.
//!
//! Invariant: accumulations travel in the diff, so that a change costs nothing
//! that grows with its group.

use differential_dataflow::difference::{IsZero, Semigroup};
use differential_dataflow::trace::implementations::{KeyBatcher, KeySpine};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::vec::Map;

use super::after::{After, Reduced, after_error};
use crate::errors::DataflowError;
use crate::eval::{Accum, is_accumulable, pack};
use crate::mutants::ReduceSeams;
use crate::render::split::{reduce_errs, reduce_rows};
use crate::render::{Context, KeyVals, RenderError, RenderTimestamp, arrange_oks};
use protocol::v26_30::{AccumulablePlan, AggregateFunc};
use repr::{Datum, Diff, Row};

/// The sum of a key's updates: how many there are, and one accumulation
/// for each aggregate (none at all is zero).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Accums {
    total: Diff,
    accums: Vec<Accum>,
}

impl IsZero for Accums {
    fn is_zero(&self) -> bool {
        self.total == 0 && self.accums.iter().all(Accum::is_zero)
    }
}

impl Semigroup for Accums {
    fn plus_equals(&mut self, rhs: &Self) {
        self.total = self.total.wrapping_add(rhs.total);
        if self.accums.is_empty() {
            self.accums.clone_from(&rhs.accums);
            return;
        }
        for (accum, other) in self.accums.iter_mut().zip(&rhs.accums) {
            accum.plus(other);
        }
    }
}

/// The aggregates of a plan.
#[derive(Clone)]
struct Aggregates {
    funcs: Vec<AggregateFunc>,
    seams: ReduceSeams,
}

impl Aggregates {
    /// The accumulations of one update, with the arguments at `columns`.
    fn of<'a>(&self, columns: impl Iterator<Item = (usize, Datum<'a>)>, diff: Diff) -> Accums {
        let mut accums: Vec<Accum> = self.funcs.iter().map(Accum::zero).collect();
        let diff = self.seams.accumulated(diff);
        for (at, datum) in columns {
            let Some(func) = self.funcs.get(at) else {
                continue;
            };
            let argument = self.seams.argument(func, datum);
            accums[at] = Accum::of(func, argument).times(self.seams.times(func, diff));
        }
        Accums {
            total: diff,
            accums,
        }
    }

    /// The results of a key, and whether an unsigned sum is negative.
    fn finish(&self, accums: &Accums) -> (Row, bool) {
        let mut negative = false;
        let results = self.funcs.iter().zip(&accums.accums).map(|(func, accum)| {
            let (result, complains) = accum.finish(func, accums.total);
            negative |= complains;
            self.seams.result(func, result)
        });
        (pack(results.collect::<Vec<_>>()), negative)
    }
}

type Accumulated<'s, T> = VecCollection<'s, T, (Row, ()), Accums>;

pub fn render_accumulable<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    keyed: KeyVals<'s, T>,
    plan: &AccumulablePlan,
    after: After,
) -> Result<Reduced<'s, T>, RenderError> {
    let aggregates = Aggregates {
        funcs: plan
            .full_aggrs
            .iter()
            .map(|aggr| aggr.func.clone())
            .collect(),
        seams: ctx.settings.seams.reduce(),
    };
    if let Some(func) = aggregates.funcs.iter().find(|func| !is_accumulable(func)) {
        return Err(RenderError::Invalid(format!(
            "{func:?} in an accumulable Reduce"
        )));
    }
    let mut parts: Vec<Accumulated<'s, T>> = Vec::new();
    if !plan.simple_aggrs.is_empty() || plan.distinct_aggrs.is_empty() {
        let simple = plan.simple_aggrs.iter().map(|(at, _)| *at).collect();
        parts.push(accumulate_all(keyed.clone(), simple, aggregates.clone()));
    }
    for (at, _) in &plan.distinct_aggrs {
        parts.push(accumulate_distinct(keyed.clone(), *at, aggregates.clone()));
    }
    let accumulated = differential_dataflow::collection::concatenate(ctx.scope, parts);
    Ok(finished(accumulated, aggregates, after))
}

/// Accumulates the arguments at the columns `simple` of every update.
fn accumulate_all<'s, T: RenderTimestamp>(
    keyed: KeyVals<'s, T>,
    simple: Vec<usize>,
    aggregates: Aggregates,
) -> Accumulated<'s, T> {
    let stream = keyed.inner.map(move |((key, arguments), time, diff)| {
        let columns = arguments.iter().enumerate();
        let columns = columns.filter(|(at, _)| simple.contains(at));
        ((key, ()), time, aggregates.of(columns, diff))
    });
    stream.as_collection()
}

/// Accumulates every distinct argument at column `at` once.
fn accumulate_distinct<'s, T: RenderTimestamp>(
    keyed: KeyVals<'s, T>,
    at: usize,
    aggregates: Aggregates,
) -> Accumulated<'s, T> {
    let seams = aggregates.seams;
    let arguments = keyed.map(move |(key, arguments)| {
        let argument = arguments.iter().nth(at).unwrap_or(Datum::Null);
        (key, Row::pack([argument]))
    });
    let distinct = reduce_rows(
        arrange_oks(arguments, "ReduceDistinctArguments"),
        "ReduceDistinctArguments",
        move |_: &Row, input: &[(&Row, Diff)], output: &mut Vec<(Row, Diff)>| {
            for (argument, count) in input {
                let count = seams.distinct_argument_count(*count);
                output.push(((*argument).clone(), count));
            }
        },
    );
    let stream = distinct
        .as_collection(|key, argument| (key.clone(), argument.clone()))
        .inner
        .map(move |((key, argument), time, diff)| {
            let columns = argument.iter().map(|datum| (at, datum));
            ((key, ()), time, aggregates.of(columns, diff))
        });
    stream.as_collection()
}

/// The results of the accumulations of each key, and complaints.
fn finished<'s, T: RenderTimestamp>(
    accumulated: Accumulated<'s, T>,
    aggregates: Aggregates,
    after: After,
) -> Reduced<'s, T> {
    let arranged = accumulated
        .arrange_named::<KeyBatcher<Row, T, Accums>, KeySpine<Row, T, Accums>>(
            "ReduceAccumulable",
            KeyBatcher::new,
        );
    let (complaining, complaining_after) = (aggregates.clone(), after.clone());
    let oks = reduce_rows(
        arranged.clone(),
        "ReduceAccumulable",
        move |key: &Row, input: &[(&(), Accums)], output: &mut Vec<(Row, Diff)>| {
            for (_, accums) in input {
                let (results, _) = aggregates.finish(accums);
                if let Ok(Some(row)) = after.apply(key, results) {
                    output.push((row, 1));
                }
            }
        },
    );
    let errs = reduce_errs(
        arranged,
        "ReduceAccumulableErrors",
        move |key: &Row, input: &[(&(), Accums)], output: &mut Vec<(DataflowError, Diff)>| {
            for (_, accums) in input {
                complaints(&complaining, &complaining_after, key, accums, output);
            }
        },
    );
    (oks, errs)
}

fn complaints(
    aggregates: &Aggregates,
    after: &After,
    key: &Row,
    accums: &Accums,
    output: &mut Vec<(DataflowError, Diff)>,
) {
    let (results, negative) = aggregates.finish(accums);
    let mut complain = |text: String| output.push((DataflowError::internal(text), 1));
    if accums.total == 0 {
        complain(format!(
            "Invalid data in source, saw net-zero records for key {key} \
             with non-zero accumulation in accumulable aggregate"
        ));
    }
    if negative {
        complain(format!(
            "Invalid data in source, saw negative accumulation with unsigned type for key {key}"
        ));
    }
    if let Err(error) = after_error(after, key, || results) {
        output.push((error, 1));
    }
}
