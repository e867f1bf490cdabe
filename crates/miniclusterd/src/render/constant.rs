//! Constants. Source: `spec/plan.md` §2.2.
//!
//! Invariant: rows were split over the workers beforehand; an error is with
//! worker 0 alone.

use differential_dataflow::AsCollection;
use timely::dataflow::operators::vec::ToStream;
use timely::progress::timestamp::Refines;

use super::{Bundle, Context, RenderTimestamp};
use crate::errors::DataflowError;
use protocol::v26_30::EvalError;
use repr::{Diff, Row, Timestamp};

pub fn render_constant<'s, T: RenderTimestamp>(
    ctx: &Context<'s, T>,
    rows: &Result<Vec<(Row, Timestamp, Diff)>, EvalError>,
) -> Bundle<'s, T> {
    let as_of = ctx.settings.as_of;
    let (oks, errs) = match rows {
        Ok(rows) => {
            let rows = rows
                .iter()
                .map(|(row, time, diff)| (row.clone(), (*time).max(as_of), *diff))
                .filter(|(_, time, _)| ctx.wanted(*time));
            (rows.collect(), Vec::new())
        }
        Err(error) => {
            let error = DataflowError::from(error.clone());
            (Vec::new(), vec![(error, as_of, 1)])
        }
    };
    let enter = |time| <T as Refines<Timestamp>>::to_inner(time);
    let oks: Vec<(Row, T, Diff)> = oks
        .into_iter()
        .map(|(row, time, diff)| (row, enter(time), diff))
        .collect();
    let errs: Vec<(DataflowError, T, Diff)> = errs
        .into_iter()
        .map(|(error, time, diff)| (error, enter(time), diff))
        .collect();
    Bundle::from_raw(
        oks.to_stream(ctx.scope).as_collection(),
        errs.to_stream(ctx.scope).as_collection(),
    )
}
