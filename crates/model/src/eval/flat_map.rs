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
        TableFunc::AclExplode
        | TableFunc::MzAclExplode
        | TableFunc::JsonbEach
        | TableFunc::JsonbEachStringify
        | TableFunc::JsonbObjectKeys
        | TableFunc::JsonbArrayElements
        | TableFunc::JsonbArrayElementsStringify
        | TableFunc::RegexpExtract(_)
        | TableFunc::CsvExtract(_)
        | TableFunc::GenerateSeriesInt32
        | TableFunc::GenerateSeriesInt64
        | TableFunc::GenerateSeriesTimestamp
        | TableFunc::GenerateSeriesTimestampTz
        | TableFunc::GuardSubquerySize { .. }
        | TableFunc::UnnestArray { .. }
        | TableFunc::UnnestList { .. }
        | TableFunc::GenerateSubscriptsArray
        | TableFunc::RegexpMatches => 1,
    }
}

type Extensions = Vec<(Vec<Value>, Diff)>;

/// The rows that a table function makes of its arguments, each with its count.
///
/// Errors: the function's own; functions that plans cannot call are unsupported.
fn table(func: &TableFunc, arguments: &[Value]) -> scalar::Result<Extensions> {
    if let TableFunc::WithOrdinality { inner } = func {
        return ordinality(inner, arguments);
    }
    if is_empty_on_null(func) && arguments.iter().any(Value::is_null) {
        return Ok(Vec::new());
    }
    match (func, arguments) {
        (TableFunc::GenerateSeriesInt64, [start, stop, step]) => long_series(start, stop, step),
        (TableFunc::GenerateSeriesInt32, [start, stop, step]) => short_series(start, stop, step),
        (
            TableFunc::GenerateSeriesTimestamp | TableFunc::GenerateSeriesTimestampTz,
            [start, stop, step],
        ) => timestamps(start, stop, step),
        (TableFunc::UnnestList { .. }, [list]) => match list.datum() {
            Datum::List(list) => Ok(one_column(list.iter().map(Value::new))),
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::UnnestArray { .. }, [array]) => match array.datum() {
            Datum::Array(array) => Ok(one_column(array.elements().iter().map(Value::new))),
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::UnnestMap { .. }, [map]) => match map.datum() {
            Datum::Map(map) => {
                let pairs = map.iter();
                Ok(once(pairs.map(|(key, value)| {
                    vec![Value::string(key), Value::new(value)]
                })))
            }
            _ => Err(Stop::wrong_type()),
        },
        (TableFunc::JsonbObjectKeys, [json]) => match json.datum() {
            Datum::Map(map) => Ok(one_column(map.iter().map(|(key, _)| Value::string(key)))),
            _ => Ok(Vec::new()),
        },
        (TableFunc::Wrap { width, .. }, arguments) if *width > 0 => {
            Ok(once(arguments.chunks(*width).map(<[Value]>::to_vec)))
        }
        (TableFunc::TabletizedScalar { .. }, arguments) => Ok(once([arguments.to_vec()])),
        (TableFunc::RepeatRow, [count]) => Ok(vec![(Vec::new(), int64(count)?)]),
        (TableFunc::RepeatRowNonNegative, [count]) => {
            let count = int64(count)?;
            if count < 0 {
                let text = format!("repeat_row_non_negative got {count}");
                return Err(EvalError::InvalidParameterValue(text).into());
            }
            Ok(vec![(Vec::new(), count)])
        }
        (TableFunc::GuardSubquerySize { .. }, [count]) => guard_subquery_size(int64(count)?),
        (TableFunc::GenerateSubscriptsArray, [array, dimension]) => subscripts(array, dimension),
        (func, _) => Err(Stop::Unsupported(format!("the table function {func:?}"))),
    }
}

/// Whether a NULL among the arguments makes no rows.
fn is_empty_on_null(func: &TableFunc) -> bool {
    match func {
        TableFunc::GuardSubquerySize { .. }
        | TableFunc::Wrap { .. }
        | TableFunc::TabletizedScalar { .. } => false,
        TableFunc::WithOrdinality { inner } => is_empty_on_null(inner),
        TableFunc::AclExplode
        | TableFunc::MzAclExplode
        | TableFunc::JsonbEach
        | TableFunc::JsonbEachStringify
        | TableFunc::JsonbObjectKeys
        | TableFunc::JsonbArrayElements
        | TableFunc::JsonbArrayElementsStringify
        | TableFunc::RegexpExtract(_)
        | TableFunc::CsvExtract(_)
        | TableFunc::GenerateSeriesInt32
        | TableFunc::GenerateSeriesInt64
        | TableFunc::GenerateSeriesTimestamp
        | TableFunc::GenerateSeriesTimestampTz
        | TableFunc::RepeatRow
        | TableFunc::RepeatRowNonNegative
        | TableFunc::UnnestArray { .. }
        | TableFunc::UnnestList { .. }
        | TableFunc::UnnestMap { .. }
        | TableFunc::GenerateSubscriptsArray
        | TableFunc::RegexpMatches => true,
    }
}

/// Each row once.
fn once(rows: impl IntoIterator<Item = Vec<Value>>) -> Extensions {
    rows.into_iter().map(|row| (row, 1)).collect()
}

fn one_column(values: impl Iterator<Item = Value>) -> Extensions {
    once(values.map(|value| vec![value]))
}

fn int64(value: &Value) -> scalar::Result<i64> {
    match value.datum() {
        Datum::Int64(n) => Ok(n),
        _ => Err(Stop::wrong_type()),
    }
}

fn long_series(start: &Value, stop: &Value, step: &Value) -> scalar::Result<Extensions> {
    let (start, stop, step) = (int64(start)?, int64(stop)?, int64(step)?);
    let numbers = series(start.into(), stop.into(), step.into(), i64::MAX.into())?;
    let values = numbers.into_iter().map(|n| Datum::Int64(n as i64));
    Ok(one_column(values.map(Value::new)))
}

fn short_series(start: &Value, stop: &Value, step: &Value) -> scalar::Result<Extensions> {
    match (start.datum(), stop.datum(), step.datum()) {
        (Datum::Int32(start), Datum::Int32(stop), Datum::Int32(step)) => {
            let numbers = series(start.into(), stop.into(), step.into(), i32::MAX.into())?;
            let values = numbers.into_iter().map(|n| Datum::Int32(n as i32));
            Ok(one_column(values.map(Value::new)))
        }
        _ => Err(Stop::wrong_type()),
    }
}

fn timestamps(start: &Value, stop: &Value, step: &Value) -> scalar::Result<Extensions> {
    match (start.datum(), stop.datum(), step.datum()) {
        (Datum::Timestamp(start), Datum::Timestamp(stop), Datum::Interval(step)) => {
            let times = scalar::time::series(start, stop, step, LONGEST)?;
            let values = times.into_iter().map(Datum::Timestamp);
            Ok(one_column(values.map(Value::new)))
        }
        (Datum::TimestampTz(start), Datum::TimestampTz(stop), Datum::Interval(step)) => {
            let times = scalar::time::series(start, stop, step, LONGEST)?;
            let values = times.into_iter().map(Datum::TimestampTz);
            Ok(one_column(values.map(Value::new)))
        }
        _ => Err(Stop::wrong_type()),
    }
}

fn guard_subquery_size(count: i64) -> scalar::Result<Extensions> {
    match count {
        1 => Ok(Vec::new()),
        0 => Err(Stop::internal("subquery counting unexpectedly produced 0")),
        ..0 => Err(EvalError::NegativeRowsFromSubquery.into()),
        2.. => Err(EvalError::MultipleRowsFromSubquery.into()),
    }
}

fn subscripts(array: &Value, dimension: &Value) -> scalar::Result<Extensions> {
    let (Datum::Array(array), Datum::Int32(dimension)) = (array.datum(), dimension.datum()) else {
        return Err(Stop::wrong_type());
    };
    let dims = array.dims();
    let at = usize::try_from(dimension)
        .ok()
        .and_then(|d| d.checked_sub(1));
    let Some((first, length)) = at.and_then(|at| dims.get(at).copied()) else {
        return Ok(Vec::new());
    };
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let subscripts = (first..first.saturating_add(length)).map(|n| {
        let out_of_range = || EvalError::Int32OutOfRange(n.to_string());
        let n = i32::try_from(n).map_err(|_| out_of_range())?;
        Ok((vec![Value::new(Datum::Int32(n))], 1))
    });
    subscripts.collect()
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
