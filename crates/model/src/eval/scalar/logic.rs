//! Logic and the other lazy functions: what they skip, they do not evaluate.
//! Source: `spec/plan.md` §5.2.

use super::{Result, Stop, Value};
use protocol::v26_30::{EvalError, UnaryFunc, VariadicFunc};
use repr::Datum;

/// Functions of one argument that see NULL. `None`: another family's.
pub(super) fn unary(func: &UnaryFunc, a: &Value) -> Option<Result> {
    Some(match func {
        UnaryFunc::IsNull => Ok(Value::bool(a.is_null())),
        UnaryFunc::IsTrue => Ok(Value::bool(a.datum() == Datum::True)),
        UnaryFunc::IsFalse => Ok(Value::bool(a.datum() == Datum::False)),
        UnaryFunc::Not => match a.datum() {
            Datum::True => Ok(Value::bool(false)),
            Datum::False => Ok(Value::bool(true)),
            Datum::Null => Ok(Value::null()),
            _ => Err(Stop::wrong_type()),
        },
        _ => return None,
    })
}

/// Functions that evaluate their arguments one by one. `None`: another
/// family's.
pub(super) fn variadic(
    func: &VariadicFunc,
    count: usize,
    argument: &mut dyn FnMut(usize) -> Result,
) -> Option<Result> {
    Some(match func {
        VariadicFunc::And => connective(count, argument, Datum::False, Datum::True),
        VariadicFunc::Or => connective(count, argument, Datum::True, Datum::False),
        VariadicFunc::Coalesce => coalesce(count, argument),
        // Equal values: Greatest keeps the last, Least the first.
        VariadicFunc::Greatest => extreme(count, argument, |best, new| new >= best),
        VariadicFunc::Least => extreme(count, argument, |best, new| new < best),
        VariadicFunc::ErrorIfNull => error_if_null(count, argument),
        _ => return None,
    })
}

/// AND and OR: `decisive` ends at once, `neutral` is the value of nothing.
fn connective(
    count: usize,
    argument: &mut dyn FnMut(usize) -> Result,
    decisive: Datum<'static>,
    neutral: Datum<'static>,
) -> Result {
    let mut null = false;
    let mut worst: Option<EvalError> = None;
    for index in 0..count {
        match argument(index) {
            Ok(value) if value.datum() == decisive => return Ok(value),
            Ok(value) if value.is_null() => null = true,
            Ok(value) if value.datum() == neutral => {}
            Ok(_) => return Err(Stop::wrong_type()),
            Err(Stop::Error(error)) => {
                // Of several errors the greatest is reported.
                worst = Some(match worst {
                    Some(known) if known > error => known,
                    Some(_) | None => error,
                });
            }
            Err(stop @ Stop::Unsupported(_)) => return Err(stop),
        }
    }
    match (worst, null) {
        (Some(error), _) => Err(Stop::Error(error)),
        (None, true) => Ok(Value::null()),
        (None, false) => Ok(Value::new(neutral)),
    }
}

fn coalesce(count: usize, argument: &mut dyn FnMut(usize) -> Result) -> Result {
    for index in 0..count {
        let value = argument(index)?;
        if !value.is_null() {
            return Ok(value);
        }
    }
    Ok(Value::null())
}

fn extreme(
    count: usize,
    argument: &mut dyn FnMut(usize) -> Result,
    better: fn(&Datum<'_>, &Datum<'_>) -> bool,
) -> Result {
    let mut best: Option<Value> = None;
    for index in 0..count {
        let value = argument(index)?;
        let wins = match &best {
            _ if value.is_null() => false,
            None => true,
            Some(best) => better(&best.datum(), &value.datum()),
        };
        if wins {
            best = Some(value);
        }
    }
    Ok(best.unwrap_or_else(Value::null))
}

fn error_if_null(count: usize, argument: &mut dyn FnMut(usize) -> Result) -> Result {
    if count != 2 {
        return Err(Stop::internal("missing parameter"));
    }
    let value = argument(0)?;
    if !value.is_null() {
        return Ok(value);
    }
    match argument(1)?.datum() {
        Datum::String(message) => Err(EvalError::IfNullError(message.to_string()).into()),
        Datum::Null => Err(Stop::internal(
            "unexpected NULL in error side of error_if_null",
        )),
        _ => Err(Stop::wrong_type()),
    }
}
