//! FlatMap: every row extended by each row that a table function makes of it.
//! Source: `spec/plan.md` §2.3, §5.9.

use super::scalar::{self, Stop, Value};
use super::{Evaluated, pack};
use crate::answer::Undefined;
use crate::multiset::Multiset;
use protocol::v26_30::{EvalError, MirScalarExpr, TableFunc};
use repr::{Datum, Diff, Timestamp};

/// A series longer than this is not evaluated: the model refuses rather than
/// fill the memory.
const LONGEST: usize = 1_000_000;

pub(super) fn flat_map(
    input: Evaluated,
    func: &TableFunc,
    exprs: &[MirScalarExpr],
    ts: Timestamp,
) -> Result<Evaluated, Undefined> {
    let rows = input.rows.clone();
    let mut out = input.with_rows(Multiset::new());
    for (row, diff) in rows.iter() {
        let datums = row.unpack();
        let arguments: scalar::Result<Vec<Value>> = exprs
            .iter()
            .map(|expr| scalar::eval(expr, &datums, ts))
            .collect();
        let extensions = arguments.and_then(|arguments| table(func, &arguments));
        match extensions {
            Ok(extensions) => {
                for (extension, times) in extensions {
                    let mut values: Vec<Value> = datums.iter().map(|d| Value::new(*d)).collect();
                    values.extend(extension);
                    out.rows.add_times(pack(&values), diff, times);
                }
            }
            Err(stop) => out.fail(stop.fault()?, diff),
        }
    }
    Ok(out)
}

/// How many columns a table function appends.
pub(super) fn width(func: &TableFunc) -> usize {
    match func {
        TableFunc::Wrap { width, .. } => *width,
        TableFunc::TabletizedScalar { relation, .. } => relation.arity(),
        TableFunc::WithOrdinality { inner } => width(inner) + 1,
        TableFunc::UnnestMap { .. } => 2,
        TableFunc::RepeatRow | TableFunc::RepeatRowNonNegative => 0,
        _ => 1,
    }
}

type Extensions = Vec<(Vec<Value>, Diff)>;

/// The rows that a table function makes of its arguments, each with its count.
///
/// Errors: the function's own; functions that plans cannot call are unsupported.
fn table(func: &TableFunc, arguments: &[Value]) -> scalar::Result<Extensions> {
    let empty_on_null = match func {
        TableFunc::GuardSubquerySize { .. }
        | TableFunc::Wrap { .. }
        | TableFunc::TabletizedScalar { .. } => false,
        TableFunc::WithOrdinality { inner } => return ordinality(inner, arguments),
        _ => true,
    };
    if empty_on_null && arguments.iter().any(Value::is_null) {
        return Ok(Vec::new());
    }
    let once = |values: Vec<Vec<Value>>| values.into_iter().map(|row| (row, 1)).collect();
    match (func, arguments) {
        (TableFunc::GenerateSeriesInt64, [start, stop, step]) => {
            match (start.datum(), stop.datum(), step.datum()) {
                (Datum::Int64(start), Datum::Int64(stop), Datum::Int64(step)) => {
                    let numbers = series(start.into(), stop.into(), step.into(), i64::MAX.into())?;
                    let value = |n| vec![Value::new(Datum::Int64(n as i64))];
                    Ok(once(numbers.into_iter().map(value).collect()))
                }
                _ => Err(Stop::wrong_type()),
            }
        }
        (TableFunc::GenerateSeriesInt32, [start, stop, step]) => {
            match (start.datum(), stop.datum(), step.datum()) {
                (Datum::Int32(start), Datum::Int32(stop), Datum::Int32(step)) => {
                    let numbers = series(start.into(), stop.into(), step.into(), i32::MAX.into())?;
                    let value = |n| vec![Value::new(Datum::Int32(n as i32))];
                    Ok(once(numbers.into_iter().map(value).collect()))
                }
                _ => Err(Stop::wrong_type()),
            }
        }
        (
            TableFunc::GenerateSeriesTimestamp | TableFunc::GenerateSeriesTimestampTz,
            [start, stop, step],
        ) => match (start.datum(), stop.datum(), step.datum()) {
            (Datum::Timestamp(start), Datum::Timestamp(stop), Datum::Interval(step)) => {
                let times = scalar::time::series(start, stop, step, LONGEST)?;
                let value = |t| vec![Value::new(Datum::Timestamp(t))];
                Ok(once(times.into_iter().map(value).collect()))
            }
            (Datum::TimestampTz(start), Datum::TimestampTz(stop), Datum::Interval(step)) => {
                let times = scalar::time::series(start, stop, step, LONGEST)?;
                let value = |t| vec![Value::new(Datum::TimestampTz(t))];
                Ok(once(times.into_iter().map(value).collect()))
            }
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::UnnestList { .. }, [list]) => match list.datum() {
            Datum::List(list) => Ok(once(list.iter().map(|d| vec![Value::new(d)]).collect())),
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::UnnestArray { .. }, [array]) => match array.datum() {
            Datum::Array(array) => {
                let elements = array.elements();
                Ok(once(elements.iter().map(|d| vec![Value::new(d)]).collect()))
            }
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::UnnestMap { .. }, [map]) => match map.datum() {
            Datum::Map(map) => {
                let pair =
                    |(key, value): (&str, Datum<'_>)| vec![Value::string(key), Value::new(value)];
                Ok(once(map.iter().map(pair).collect()))
            }
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::JsonbObjectKeys, [json]) => match json.datum() {
            Datum::Map(map) => Ok(once(
                map.iter()
                    .map(|(key, _)| vec![Value::string(key)])
                    .collect(),
            )),
            _ => Ok(Vec::new()),
        },
        (TableFunc::Wrap { width, .. }, arguments) if *width > 0 => Ok(once(
            arguments.chunks(*width).map(<[Value]>::to_vec).collect(),
        )),
        (TableFunc::TabletizedScalar { .. }, arguments) => Ok(once(vec![arguments.to_vec()])),
        (TableFunc::RepeatRow, [count]) => match count.datum() {
            Datum::Int64(count) => Ok(vec![(Vec::new(), count)]),
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::RepeatRowNonNegative, [count]) => match count.datum() {
            Datum::Int64(count) if count < 0 => {
                let text = format!("repeat_row_non_negative got {count}");
                Err(EvalError::InvalidParameterValue(text).into())
            }
            Datum::Int64(count) => Ok(vec![(Vec::new(), count)]),
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::GuardSubquerySize { .. }, [count]) => match count.datum() {
            Datum::Int64(1) => Ok(Vec::new()),
            Datum::Int64(0) => Err(Stop::internal("subquery counting unexpectedly produced 0")),
            Datum::Int64(count) if count < 0 => Err(EvalError::NegativeRowsFromSubquery.into()),
            Datum::Int64(_) => Err(EvalError::MultipleRowsFromSubquery.into()),
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::GenerateSubscriptsArray, [array, dimension]) => {
            match (array.datum(), dimension.datum()) {
                (Datum::Array(array), Datum::Int32(dimension)) => {
                    let dims = array.dims();
                    let at = usize::try_from(dimension)
                        .ok()
                        .and_then(|d| d.checked_sub(1));
                    let Some(dim) = at.and_then(|at| dims.get(at).copied()) else {
                        return Ok(Vec::new());
                    };
                    let (first, length) = dim;
                    let length = i64::try_from(length).unwrap_or(i64::MAX);
                    let subscripts = (first..first.saturating_add(length)).map(|n| {
                        let out_of_range = || EvalError::Int32OutOfRange(n.to_string());
                        let n = i32::try_from(n).map_err(|_| out_of_range())?;
                        Ok((vec![Value::new(Datum::Int32(n))], 1))
                    });
                    subscripts.collect()
                }
                _ => Err(Stop::wrong_type()),
            }
        }
        (func, _) => Err(Stop::Unsupported(format!("the table function {func:?}"))),
    }
}

/// `start`, `start + step`, … up to `stop`, ending silently where adding would
/// overflow beyond `max` or its counterpart.
fn series(start: i128, stop: i128, step: i128, max: i128) -> scalar::Result<Vec<i128>> {
    if step == 0 {
        let text = "step size cannot equal zero".to_string();
        return Err(EvalError::InvalidParameterValue(text).into());
    }
    let mut numbers = Vec::new();
    let mut next = start;
    while (step > 0 && next <= stop || step < 0 && next >= stop) && next <= max && next >= -max - 1
    {
        if numbers.len() == LONGEST {
            return Err(Stop::Unsupported(
                "a series of more than a million rows".into(),
            ));
        }
        numbers.push(next);
        next += step;
    }
    Ok(numbers)
}

/// The inner rows one by one, numbered from 1.
fn ordinality(inner: &TableFunc, arguments: &[Value]) -> scalar::Result<Extensions> {
    let mut numbered = Vec::new();
    let mut number = 0_i64;
    for (row, times) in table(inner, arguments)? {
        for _ in 0..times.max(0) {
            if numbered.len() == LONGEST {
                return Err(Stop::Unsupported(
                    "a table of more than a million rows".into(),
                ));
            }
            number += 1;
            let mut row = row.clone();
            row.push(Value::new(Datum::Int64(number)));
            numbered.push((row, 1));
        }
    }
    Ok(numbered)
}
