//! Table functions. Source: `spec/plan.md` §5.9.
//!
//! Invariants: rows come lazily, so that a long series costs what is read of
//! it; an error comes before any row.

use super::calendar::{length, shift};
use super::convert::wrong_type;
use super::lacking::lacking;
use super::pack::pack;
use protocol::v26_30::{EvalError, TableFunc};
use repr::{Array, CivilTimestamp, Datum, Diff, Interval, Row};

/// Extension rows with their diffs.
pub type TableRows<'a> = Box<dyn Iterator<Item = (Row, Diff)> + 'a>;

/// The rows that a table function gives.
pub enum Table<'a> {
    /// As many rows as the arguments have parts.
    Short(TableRows<'a>),
    /// As many as the arguments say, perhaps without end; needs them no more.
    Long(TableRows<'static>),
}

impl<'a> Table<'a> {
    pub fn into_rows(self) -> TableRows<'a> {
        match self {
            Table::Short(rows) => rows,
            Table::Long(rows) => rows,
        }
    }
}

/// Whether a NULL argument means no rows.
pub fn empty_on_null(func: &TableFunc) -> bool {
    match func {
        TableFunc::GuardSubquerySize { .. }
        | TableFunc::Wrap { .. }
        | TableFunc::TabletizedScalar { .. } => false,
        TableFunc::WithOrdinality { inner } => empty_on_null(inner),
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

/// Whether [`eval_table`] answers a function.
///
/// Errors: the function's name, if not.
pub fn supported_table(func: &TableFunc) -> Result<(), String> {
    match func {
        TableFunc::WithOrdinality { inner } => supported_table(inner),
        TableFunc::AclExplode
        | TableFunc::MzAclExplode
        | TableFunc::JsonbEachStringify
        | TableFunc::JsonbArrayElementsStringify
        | TableFunc::RegexpExtract(_)
        | TableFunc::CsvExtract(_)
        | TableFunc::RegexpMatches => Err(format!("unsupported table function {func:?}")),
        TableFunc::JsonbEach
        | TableFunc::JsonbObjectKeys
        | TableFunc::JsonbArrayElements
        | TableFunc::GenerateSeriesInt32
        | TableFunc::GenerateSeriesInt64
        | TableFunc::GenerateSeriesTimestamp
        | TableFunc::GenerateSeriesTimestampTz
        | TableFunc::GuardSubquerySize { .. }
        | TableFunc::RepeatRow
        | TableFunc::RepeatRowNonNegative
        | TableFunc::UnnestArray { .. }
        | TableFunc::UnnestList { .. }
        | TableFunc::UnnestMap { .. }
        | TableFunc::Wrap { .. }
        | TableFunc::GenerateSubscriptsArray
        | TableFunc::TabletizedScalar { .. } => Ok(()),
    }
}

fn once<'a>(datums: impl IntoIterator<Item = Datum<'a>>) -> (Row, Diff) {
    (pack(datums), 1)
}

fn none<'a>() -> TableRows<'a> {
    Box::new(std::iter::empty())
}

fn no_step() -> EvalError {
    EvalError::InvalidParameterValue("step size cannot equal zero".into())
}

/// Integers from `start` by `step` up to and including `stop`.
fn series(
    [start, stop, step]: [i64; 3],
    narrow: impl Fn(i64) -> Option<Datum<'static>> + 'static,
) -> Result<TableRows<'static>, EvalError> {
    if step == 0 {
        return Err(no_step());
    }
    let mut next = Some(start);
    Ok(Box::new(std::iter::from_fn(move || {
        let x = next.filter(|x| if step > 0 { *x <= stop } else { *x >= stop })?;
        next = x.checked_add(step);
        Some(once([narrow(x)?]))
    })))
}

/// Timestamps from `start` by intervals.
fn time_series(
    start: CivilTimestamp,
    stop: CivilTimestamp,
    step: Interval,
    datum: fn(CivilTimestamp) -> Datum<'static>,
) -> Result<TableRows<'static>, EvalError> {
    let direction = length(step);
    if direction == 0 {
        return Err(no_step());
    }
    let mut next = Some(start);
    Ok(Box::new(std::iter::from_fn(move || {
        let x = next.filter(|x| {
            if direction > 0 {
                *x <= stop
            } else {
                *x >= stop
            }
        })?;
        next = shift(x, step).ok();
        Some(once([datum(x)]))
    })))
}

/// Calls a table function on evaluated arguments.
///
/// Errors: the function's own, or that it is lacking ([`supported_table`]).
pub fn eval_table<'a>(func: &TableFunc, arguments: &[Datum<'a>]) -> Result<Table<'a>, EvalError> {
    if empty_on_null(func) && arguments.iter().any(Datum::is_null) {
        return Ok(Table::Short(none()));
    }
    let long = match (func, arguments) {
        (TableFunc::GenerateSeriesInt32, [Datum::Int32(a), Datum::Int32(b), Datum::Int32(c)]) => {
            series([(*a).into(), (*b).into(), (*c).into()], |x| {
                Some(Datum::Int32(x.try_into().ok()?))
            })
        }
        (TableFunc::GenerateSeriesInt64, [Datum::Int64(a), Datum::Int64(b), Datum::Int64(c)]) => {
            series([*a, *b, *c], |x| Some(Datum::Int64(x)))
        }
        (
            TableFunc::GenerateSeriesTimestamp,
            [
                Datum::Timestamp(a),
                Datum::Timestamp(b),
                Datum::Interval(step),
            ],
        ) => time_series(*a, *b, *step, Datum::Timestamp),
        (
            TableFunc::GenerateSeriesTimestampTz,
            [
                Datum::TimestampTz(a),
                Datum::TimestampTz(b),
                Datum::Interval(step),
            ],
        ) => time_series(*a, *b, *step, Datum::TimestampTz),
        (TableFunc::WithOrdinality { inner }, arguments) => {
            return Ok(match eval_table(inner, arguments)? {
                Table::Short(rows) => Table::Short(numbered(rows)),
                Table::Long(rows) => Table::Long(numbered(rows)),
            });
        }
        (func, arguments) => return short(func, arguments).map(Table::Short),
    };
    long.map(Table::Long)
}

/// The rows one by one, numbered from 1.
fn numbered<'a>(rows: TableRows<'a>) -> TableRows<'a> {
    let single = rows.flat_map(|(row, diff)| {
        let times = usize::try_from(diff).unwrap_or(0);
        std::iter::repeat_n(row, times)
    });
    let rows = (1..).zip(single);
    Box::new(rows.map(|(ordinal, row)| once(row.iter().chain([Datum::Int64(ordinal)]))))
}

/// A table function that gives as many rows as its arguments have parts.
fn short<'a>(func: &TableFunc, arguments: &[Datum<'a>]) -> Result<TableRows<'a>, EvalError> {
    match (func, arguments) {
        (TableFunc::UnnestList { .. }, [Datum::List(list)]) => {
            Ok(Box::new(list.iter().map(|element| once([element]))))
        }
        (TableFunc::UnnestArray { .. }, [Datum::Array(array)]) => Ok(Box::new(
            array.elements().iter().map(|element| once([element])),
        )),
        (TableFunc::UnnestMap { .. }, [Datum::Map(map)])
        | (TableFunc::JsonbEach, [Datum::Map(map)]) => Ok(Box::new(
            map.iter()
                .map(|(key, value)| once([Datum::String(key), value])),
        )),
        (TableFunc::JsonbObjectKeys, [Datum::Map(map)]) => Ok(Box::new(
            map.iter().map(|(key, _)| once([Datum::String(key)])),
        )),
        (TableFunc::JsonbArrayElements, [Datum::List(list)]) => {
            Ok(Box::new(list.iter().map(|element| once([element]))))
        }
        (
            TableFunc::JsonbEach | TableFunc::JsonbObjectKeys | TableFunc::JsonbArrayElements,
            [_],
        ) => Ok(none()),
        (TableFunc::RepeatRow, [Datum::Int64(n)]) => {
            let n = *n;
            Ok(Box::new((n != 0).then(|| (Row::default(), n)).into_iter()))
        }
        (TableFunc::RepeatRowNonNegative, [Datum::Int64(n)]) => {
            let n = *n;
            if n < 0 {
                return Err(EvalError::InvalidParameterValue(format!(
                    "repeat_row_non_negative got {n}"
                )));
            }
            Ok(Box::new((n != 0).then(|| (Row::default(), n)).into_iter()))
        }
        (TableFunc::GuardSubquerySize { .. }, [Datum::Int64(n)]) => match n {
            1 => Ok(none()),
            0 => Err(EvalError::Internal(
                "subquery counting unexpectedly produced 0".into(),
            )),
            ..0 => Err(EvalError::NegativeRowsFromSubquery),
            2.. => Err(EvalError::MultipleRowsFromSubquery),
        },
        (TableFunc::Wrap { width, .. }, arguments) => {
            let rows: Vec<_> = arguments
                .chunks((*width).max(1))
                .map(|chunk| once(chunk.iter().copied()))
                .collect();
            Ok(Box::new(rows.into_iter()))
        }
        (TableFunc::TabletizedScalar { .. }, arguments) => {
            Ok(Box::new(std::iter::once(once(arguments.iter().copied()))))
        }
        (TableFunc::GenerateSubscriptsArray, [Datum::Array(array), Datum::Int32(dim)]) => {
            subscripts(array, *dim)
        }
        (func, _) => Err(match supported_table(func) {
            Ok(()) => wrong_type(),
            Err(_) => lacking(func),
        }),
    }
}

/// The subscripts of a dimension of an array, counted from 1.
fn subscripts<'a>(array: &Array<'_>, dimension: i32) -> Result<TableRows<'a>, EvalError> {
    let at = usize::try_from(dimension).ok();
    let at = at.and_then(|dimension| dimension.checked_sub(1));
    let Some((lower, size)) = at.and_then(|at| array.dims().get(at).copied()) else {
        return Ok(none());
    };
    let narrow = |n: i128| i32::try_from(n).map_err(|_| EvalError::Int32OutOfRange(n.to_string()));
    let first = narrow(lower.into())?;
    let end = narrow(i128::from(lower) + i128::from(size))?;
    Ok(Box::new((first..end).map(|n| once([Datum::Int32(n)]))))
}
