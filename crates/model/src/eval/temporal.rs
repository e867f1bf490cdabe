//! Predicates on `mz_now()`: from when and until when a row is valid. Source:
//! `spec/plan.md` §3.3.
//!
//! Invariants: a bound that fails is an error from the row's own time on. An
//! upper bound is not looked at where the row has no time left before. Whether
//! that is so may depend on the order in which bounds are looked at, which is
//! the replica's, and on the row's own time, which the evaluator of one time
//! does not know: then the error is possible, not certain.

use super::Fault;
use super::scalar::{self, Stop};
use crate::answer::Undefined;
use plan::Relation;
use protocol::v26_30::{BinaryFunc, EvalError, MirScalarExpr, UnmaterializableFunc};
use repr::{Datum, Timestamp};

/// `mz_now() op e` of a predicate that compares with `mz_now()`, on whichever
/// side it stands.
pub(super) fn comparison(predicate: &MirScalarExpr) -> Option<(BinaryFunc, &MirScalarExpr)> {
    let MirScalarExpr::CallBinary { func, expr1, expr2 } = predicate else {
        return None;
    };
    let turned = match func {
        BinaryFunc::Eq => BinaryFunc::Eq,
        BinaryFunc::Lt => BinaryFunc::Gt,
        BinaryFunc::Lte => BinaryFunc::Gte,
        BinaryFunc::Gt => BinaryFunc::Lt,
        BinaryFunc::Gte => BinaryFunc::Lte,
        _ => return None,
    };
    match (is_now(expr1), is_now(expr2)) {
        (true, false) => Some((func.clone(), expr2)),
        (false, true) => Some((turned, expr1)),
        (true, true) | (false, false) => None,
    }
}

fn is_now(expr: &MirScalarExpr) -> bool {
    let now = UnmaterializableFunc::MzNow;
    matches!(expr, MirScalarExpr::CallUnmaterializable(func) if *func == now)
}

/// Whether an operator computes something of `mz_now()`, other than to compare with
/// it.
pub(super) fn tells_the_time(operator: &Relation) -> bool {
    let is_filter = matches!(operator, Relation::Filter { .. });
    operator.scalars().into_iter().any(|expr| {
        let compared = comparison(expr).filter(|_| is_filter);
        let mut found = false;
        let beside = compared.map_or(expr, |(_, beside)| beside);
        plan::scalar::visit(beside, &mut |node| found |= is_now(node));
        found
    })
}

/// The times at which a comparison of `mz_now()` with `bound` may turn out
/// otherwise.
pub(super) fn turns(bound: Timestamp) -> [Timestamp; 2] {
    [bound, bound.saturating_add(1)]
}

/// What the bounds of a row say at one time.
pub(super) struct Lifetime {
    /// Whether the row is valid, or why that cannot be said.
    pub now: Result<bool, Fault>,
    /// Errors that a replica may raise or not.
    pub possible: Vec<Fault>,
}

/// A bound: a time, or NULL.
type Limit = scalar::Result<Option<Timestamp>>;

/// A bound that is looked at when it is needed.
type Bound<'a> = Box<dyn Fn() -> Limit + 'a>;

/// The row's validity at `ts`, of a row that is there at `ts`. Bounds come as
/// (operator, value) of `mz_now() op value`.
pub(super) fn lifetime<F: Fn() -> scalar::Result>(
    bounds: Vec<(&BinaryFunc, F)>,
    ts: Timestamp,
) -> Result<Lifetime, Undefined> {
    let (lower, upper) = by_side(&bounds)?;
    let mut out = Lifetime {
        now: Ok(true),
        possible: Vec::new(),
    };
    // The row begins at `from` or at its own time, whichever is later; that one
    // is not after `ts`.
    let mut from = Timestamp::MIN;
    let mut never = false;
    for bound in lower {
        match bound() {
            Ok(Some(time)) => from = from.max(time),
            Ok(None) => never = true,
            Err(stop) => match (stop.fault()?, &out.now) {
                // One of them ends the row; which one is the replica's choice.
                (fault, Err(_)) => out.possible.push(fault),
                (fault, Ok(_)) => out.now = Err(fault),
            },
        }
    }
    if out.now.is_err() {
        return Ok(out);
    }
    out.now = Ok(!never);
    // Not before a time that a dataflow may stop at, which is not known here.
    let later = from > ts;
    let mut until = None::<Timestamp>;
    let mut failed = None::<Fault>;
    for bound in upper {
        match bound() {
            Ok(Some(time)) => until = Some(until.map_or(time, |until| until.min(time))),
            Ok(None) => out.now = Ok(false),
            Err(stop) => match (stop.fault()?, &failed) {
                (fault, Some(_)) => out.possible.push(fault),
                (fault, None) => failed = Some(fault),
            },
        }
    }
    if let Some(fault) = failed {
        if later || until.is_some_and(|until| until <= ts) {
            out.possible.push(fault);
            out.now = Ok(false);
        } else {
            out.now = Err(fault);
        }
        return Ok(out);
    }
    if later || until.is_some_and(|until| until <= ts) {
        out.now = Ok(false);
    }
    Ok(out)
}

/// The bounds from which on, and those before which a row is valid.
fn by_side<'a, F: Fn() -> scalar::Result>(
    bounds: &'a [(&BinaryFunc, F)],
) -> Result<(Vec<Bound<'a>>, Vec<Bound<'a>>), Undefined> {
    let (mut lower, mut upper): (Vec<Bound<'a>>, Vec<Bound<'a>>) = Default::default();
    for (func, value) in bounds {
        let exactly = move || limit(value());
        let after = move || step(limit(value()));
        match func {
            BinaryFunc::Eq => {
                lower.push(Box::new(exactly));
                upper.push(Box::new(after));
            }
            BinaryFunc::Lt => upper.push(Box::new(exactly)),
            BinaryFunc::Lte => upper.push(Box::new(after)),
            BinaryFunc::Gt => lower.push(Box::new(after)),
            BinaryFunc::Gte => lower.push(Box::new(exactly)),
            other => return Err(Undefined::Unsupported(format!("mz_now() under {other:?}"))),
        }
    }
    Ok((lower, upper))
}

fn limit(value: scalar::Result) -> Limit {
    match value?.datum() {
        Datum::MzTimestamp(time) => Ok(Some(time)),
        Datum::Null => Ok(None),
        other => Err(Stop::Unsupported(format!("the bound {other} of mz_now()"))),
    }
}

fn step(limit: Limit) -> Limit {
    let next = |time: Timestamp| {
        time.checked_add(1)
            .ok_or(Stop::Error(EvalError::MzTimestampStepOverflow))
    };
    limit?.map(next).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::scalar::Value;

    fn at(ts: Timestamp, bounds: &[(BinaryFunc, Option<Timestamp>)]) -> Lifetime {
        let bounds = bounds.iter().map(|(func, time)| {
            let value = match time {
                Some(time) => Value::new(Datum::MzTimestamp(*time)),
                None => Value::null(),
            };
            (func, move || Ok(value.clone()))
        });
        lifetime(bounds.collect(), ts).unwrap()
    }

    #[test]
    fn a_row_is_valid_between_its_bounds() {
        let bounds = [(BinaryFunc::Gte, Some(3)), (BinaryFunc::Lte, Some(5))];
        let valid = |ts| at(ts, &bounds).now;
        assert_eq!(
            [valid(2), valid(3), valid(5), valid(6)].map(|now| now == Ok(true)),
            [false, true, true, false]
        );
        assert_eq!(at(3, &[(BinaryFunc::Eq, None)]).now, Ok(false));
    }

    #[test]
    fn a_bound_that_overflows_is_an_error_and_no_row() {
        let overflow = || Err(Fault::Eval(EvalError::MzTimestampStepOverflow));
        let most = Some(Timestamp::MAX);
        assert_eq!(at(3, &[(BinaryFunc::Gt, most)]).now, overflow());
        assert_eq!(at(3, &[(BinaryFunc::Lte, most)]).now, overflow());
        // A NULL elsewhere does not hide it.
        let bounds = [(BinaryFunc::Gte, None), (BinaryFunc::Lte, most)];
        assert_eq!(at(3, &bounds).now, overflow());
        // The last moment itself can be a bound.
        assert_eq!(at(3, &[(BinaryFunc::Lt, most)]).now, Ok(true));
    }

    #[test]
    fn of_several_bounds_that_fail_any_may_be_told() {
        let most = Value::new(Datum::MzTimestamp(Timestamp::MAX));
        let failed = || Err(Stop::Error(EvalError::DivisionByZero));
        type Bound<'a> = (&'a BinaryFunc, Box<dyn Fn() -> scalar::Result>);
        let bounds: Vec<Bound<'_>> = vec![
            (&BinaryFunc::Gte, Box::new(failed)),
            (&BinaryFunc::Gt, Box::new(move || Ok(most.clone()))),
        ];
        let both = lifetime(bounds, 3).unwrap();
        assert_eq!(both.now, Err(Fault::Eval(EvalError::DivisionByZero)));
        let overflow = Fault::Eval(EvalError::MzTimestampStepOverflow);
        assert_eq!(both.possible, [overflow]);
    }

    #[test]
    fn an_upper_bound_need_not_be_read_where_the_row_has_no_time_left() {
        let most = Some(Timestamp::MAX);
        let bounds = |from| {
            [
                (BinaryFunc::Gte, Some(from)),
                (BinaryFunc::Lt, Some(2)),
                (BinaryFunc::Lte, most),
            ]
        };
        // The other bound may be looked at first.
        let none_left = at(3, &bounds(2));
        assert_eq!((none_left.now, none_left.possible.len()), (Ok(false), 1));
        // Whether it began before 2 depends on the time of the row.
        let unknown = at(3, &bounds(1));
        assert_eq!((unknown.now, unknown.possible.len()), (Ok(false), 1));
    }
}
