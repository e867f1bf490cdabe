//! Table functions. Source: `spec/plan.md` §2.3, §5.9.
//!
//! Invariants: an input row that fails gives its error and nothing else; the
//! operator gives way after [`FUEL`] rows, however many are still to come, and
//! holds its capability until it is through.

use std::collections::VecDeque;
use std::iter::Peekable;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::CapabilitySet;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

use differential_dataflow::AsCollection;

use super::linear::plan_mfp;
use super::{Bundle, Context, Oks, RenderError, RenderTimestamp, Split, Updates};
use crate::errors::DataflowError;
use crate::eval::{Arena, MfpPlan, Table, TableRows, eval, eval_table, supported, supported_table};
use crate::meter::{Meter, Overrun};
use crate::mutants::FlatMapSeams;
use protocol::v26_30::{Key, MapFilterProject, MirScalarExpr, TableFunc};
use repr::{Datum, Diff, Row, Timestamp};

/// Rows after which the operator lets others go on.
const FUEL: u64 = 4_096;

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
    let seams = ctx.settings.seams.flat_map();
    let (rows, input_errs) = match input_key {
        None => input.raw()?,
        Some(key) => input.flat_map(
            "FlatMapRows",
            Some((key, None)),
            move |entry, time, diff, oks, _| {
                let row = Row::pack(seams.columns(entry));
                oks.push((row, time.clone(), diff));
            },
        )?,
    };
    let expansion = Expansion {
        exprs: exprs.to_vec(),
        func: func.clone(),
        after: plan_mfp(ctx.settings.seams, mfp_after)?,
        until: ctx.settings.until,
        fuel: seams.fuel(FUEL),
        seams,
        meter: ctx.settings.meter.clone(),
        of: ctx.settings.name.clone(),
    };
    let (oks, errs) = expand(rows, expansion);
    Ok(Bundle::from_raw(oks, input_errs.concat(errs)))
}

/// How rows are extended.
struct Expansion {
    exprs: Vec<MirScalarExpr>,
    func: TableFunc,
    after: MfpPlan,
    until: Option<Timestamp>,
    /// The rows that may be made before others go on.
    fuel: u64,
    seams: FlatMapSeams,
    meter: Meter,
    /// The dataflow, for notes.
    of: String,
}

/// A row that is being extended by a series.
struct Extended<T> {
    row: Row,
    time: T,
    diff: Diff,
    extensions: Peekable<TableRows<'static>>,
    made: u64,
}

/// Rows that arrived together and are still to be extended.
struct Work<T: RenderTimestamp> {
    capabilities: (CapabilitySet<T>, CapabilitySet<T>),
    rows: std::vec::IntoIter<(Row, T, Diff)>,
    current: Option<Extended<T>>,
}

/// Updates on their way out of the operator.
struct Made<T> {
    oks: Updates<Row, T>,
    errs: Updates<DataflowError, T>,
}

fn expand<'s, T: RenderTimestamp>(rows: Oks<'s, T>, expansion: Expansion) -> Split<'s, T, Row> {
    let scope = rows.scope();
    let mut builder = OperatorBuilder::new("FlatMap".to_string(), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut input = builder.new_input(rows.inner, Pipeline);
    builder.set_notify_for(0, FrontierInterest::Never);
    let (oks, ok_stream) = builder.new_output();
    let mut oks = OutputBuilder::<_, CapacityContainerBuilder<Updates<Row, T>>>::from(oks);
    let (errs, err_stream) = builder.new_output();
    let mut errs =
        OutputBuilder::<_, CapacityContainerBuilder<Updates<DataflowError, T>>>::from(errs);
    builder.build(move |_| {
        let mut pending: VecDeque<Work<T>> = VecDeque::new();
        let mut made = Made {
            oks: Vec::new(),
            errs: Vec::new(),
        };
        move |_| {
            input.for_each(|capability, data: &mut Vec<_>| {
                pending.push_back(Work {
                    capabilities: (capability.retain_stamp(0), capability.retain_stamp(1)),
                    rows: std::mem::take(data).into_iter(),
                    current: None,
                });
            });
            let mut fuel = expansion.fuel;
            while let Some(work) = pending.front_mut() {
                let end = expansion.work(work, &mut fuel, &mut made);
                if !made.oks.is_empty() {
                    let mut oks = oks.activate();
                    oks.session(&work.capabilities.0)
                        .give_container(&mut made.oks);
                    made.oks.clear();
                }
                if !made.errs.is_empty() {
                    let mut errs = errs.activate();
                    errs.session(&work.capabilities.1)
                        .give_container(&mut made.errs);
                    made.errs.clear();
                }
                match end {
                    Stop::Done => drop(pending.pop_front()),
                    Stop::OutOfFuel => return activator.activate(),
                    // Beyond the limit of the meter it rests for good.
                    Stop::Endless => return,
                }
            }
        }
    });
    (ok_stream.as_collection(), err_stream.as_collection())
}

/// Why the work on some rows stopped.
enum Stop {
    Done,
    OutOfFuel,
    /// A row gives more than is allowed.
    Endless,
}

impl Expansion {
    fn work<T: RenderTimestamp>(
        &self,
        work: &mut Work<T>,
        fuel: &mut u64,
        made: &mut Made<T>,
    ) -> Stop {
        loop {
            if let Some(current) = &mut work.current {
                let end = self.go_on(current, fuel, made);
                if !matches!(end, Stop::Done) {
                    return end;
                }
                work.current = None;
            }
            if *fuel == 0 {
                return Stop::OutOfFuel;
            }
            let Some((row, time, diff)) = work.rows.next() else {
                return Stop::Done;
            };
            *fuel -= 1;
            work.current = self.begin(row, time, diff, made);
        }
    }

    /// Extends a row, unless that is a series that may be long.
    fn begin<T: RenderTimestamp>(
        &self,
        row: Row,
        time: T,
        diff: Diff,
        made: &mut Made<T>,
    ) -> Option<Extended<T>> {
        let long = {
            let arena = Arena::new();
            let datums: Vec<Datum<'_>> = row.iter().collect();
            let arguments: Result<Vec<_>, _> = self
                .exprs
                .iter()
                .map(|expr| eval(expr, &datums, &arena))
                .collect();
            match arguments.and_then(|arguments| eval_table(&self.func, &arguments)) {
                Err(error) => {
                    made.errs.push((error.into(), time, diff));
                    return None;
                }
                Ok(Table::Long(extensions)) => extensions,
                Ok(Table::Short(extensions)) => {
                    let mut extensions = extensions.peekable();
                    let mut count = 0;
                    while let Some(extension) = extensions.next() {
                        let last = extensions.peek().is_none();
                        self.emit(&row, &time, diff, (extension, count, last), made);
                        count += 1;
                    }
                    return None;
                }
            }
        };
        Some(Extended {
            row,
            time,
            diff,
            extensions: long.peekable(),
            made: 0,
        })
    }

    fn go_on<T: RenderTimestamp>(
        &self,
        current: &mut Extended<T>,
        fuel: &mut u64,
        made: &mut Made<T>,
    ) -> Stop {
        while let Some(extension) = current.extensions.next() {
            let in_one_go = self.fuel - *fuel;
            if !self.meter.allows_in_one_go(in_one_go) {
                self.meter.note(|| {
                    let made = self.described(&current.row);
                    format!("{made} more than {in_one_go} rows and gives way to nothing meanwhile")
                });
                // On a thread of its own it would go on here.
                std::panic::resume_unwind(Box::new(Overrun));
            }
            if !self.meter.allows(current.made) {
                self.meter.note(|| {
                    let made = self.described(&current.row);
                    format!("{made} more than {} rows", current.made)
                });
                return Stop::Endless;
            }
            let last = current.extensions.peek().is_none();
            let number = current.made;
            self.emit(
                &current.row,
                &current.time,
                current.diff,
                (extension, number, last),
                made,
            );
            current.made += 1;
            *fuel = fuel.saturating_sub(1);
            if *fuel == 0 {
                return Stop::OutOfFuel;
            }
        }
        Stop::Done
    }

    /// The beginning of a note.
    fn described(&self, row: &Row) -> String {
        let Expansion { func, of, .. } = self;
        format!("the table function {func:?} of the dataflow of {of} makes of the row {row}")
    }

    /// One extension of a row: its number, and whether it is the last.
    fn emit<T: RenderTimestamp>(
        &self,
        row: &Row,
        time: &T,
        diff: Diff,
        ((extension, times), number, last): ((Row, Diff), u64, bool),
        made: &mut Made<T>,
    ) {
        if !self.seams.makes(number, last) {
            return;
        }
        let diff = self.seams.multiplicity(diff);
        let arena = Arena::new();
        let mut all: Vec<Datum<'_>> = row.iter().chain(extension.iter()).collect();
        let now = (time.system(), diff.wrapping_mul(times));
        let Made { oks, errs } = made;
        self.after.evaluate(
            &mut all,
            &arena,
            now,
            self.until,
            |result, at, diff| match result {
                Ok(row) => oks.push((row, time.at_system(at), diff)),
                Err(error) => errs.push((error.into(), time.at_system(at), diff)),
            },
        );
    }
}
