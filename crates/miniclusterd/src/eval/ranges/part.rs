//! Whether a map-filter-project gives anything for the rows of a part.
//!
//! Invariant: steps are taken in the order in which an evaluation takes them, so
//! that what is evaluated behind a filter that no row passes does not count.

use super::interpret::Interpreter;
use super::{Possible, Values};
use crate::eval::{Arena, MfpPlan};
use crate::mutants::PushdownSeams;
use repr::{Datum, Timestamp};

/// The rows of a part, as far as they are known.
pub struct PartRows<'a> {
    /// What their columns may be, none of which fails.
    pub columns: Vec<Possible<'a>>,
    /// No row has a time before this one.
    pub from: Timestamp,
}

/// Whether evaluating `plan` may give a row or an error before `until` for one of
/// the rows.
pub fn may_give<'a>(
    plan: &'a MfpPlan,
    rows: PartRows<'a>,
    until: Option<Timestamp>,
    arena: &'a Arena,
    seams: PushdownSeams,
) -> bool {
    let interpreter = Interpreter { arena, seams };
    let mut columns = rows.columns;
    match passes(plan, &mut columns, interpreter) {
        Passes::None => return false,
        Passes::OrFails => return true,
        Passes::Some => {}
    }
    let mut never = false;
    let mut first = rows.from;
    for bound in &plan.lower_bounds {
        let Some((least, _)) = times(interpreter.interpret(bound, &columns), &mut never) else {
            return true;
        };
        first = first.max(least);
    }
    if until.is_some_and(|until| first >= until) {
        return false;
    }
    let mut end: Option<Timestamp> = None;
    for bound in &plan.upper_bounds {
        let Some((_, most)) = times(interpreter.interpret(bound, &columns), &mut never) else {
            return true;
        };
        if let Some(most) = most {
            end = Some(end.map_or(most, |end| end.min(most)));
        }
    }
    !never && end.is_none_or(|end| end > first)
}

/// Which rows pass the predicates.
enum Passes {
    None,
    Some,
    /// Some, or some fails.
    OrFails,
}

fn passes<'a>(
    plan: &'a MfpPlan,
    columns: &mut Vec<Possible<'a>>,
    interpreter: Interpreter<'a>,
) -> Passes {
    let mfp = &plan.mfp.mfp;
    let arity = columns.len();
    // Appends the mapped columns up to one; whether one of them may fail.
    let map_until = |until: usize, columns: &mut Vec<Possible<'a>>| {
        let mut fails = false;
        while columns.len() < until.min(arity + mfp.expressions.len()) {
            let at = columns.len() - arity;
            let value = match plan.is_read(at) {
                true => interpreter.interpret(&mfp.expressions[at], columns),
                // It is never evaluated.
                false => Possible::just(Datum::Null),
            };
            fails |= value.error;
            columns.push(Possible {
                error: false,
                ..value
            });
        }
        fails
    };
    for (position, predicate) in &mfp.predicates {
        if map_until(*position, columns) {
            return Passes::OrFails;
        }
        let holds = interpreter.interpret(predicate, columns);
        if holds.error {
            return Passes::OrFails;
        }
        if !holds.values.may_be(Datum::True) {
            return Passes::None;
        }
    }
    match map_until(usize::MAX, columns) {
        true => Passes::OrFails,
        false => Passes::Some,
    }
}

/// The least and the greatest time that a bound may be, no greatest if that is not
/// known; `None` if it may fail. `never` becomes true if it is NULL for every row.
fn times(bound: Possible<'_>, never: &mut bool) -> Option<(Timestamp, Option<Timestamp>)> {
    if bound.error {
        return None;
    }
    match bound.values {
        Values::None => {
            *never = true;
            Some((0, None))
        }
        Values::Between(Datum::MzTimestamp(least), Datum::MzTimestamp(most)) => {
            Some((least, Some(most)))
        }
        Values::Between(..) | Values::Any => Some((0, None)),
    }
}
