//! Lists, arrays and records. Source: `spec/plan.md` §5.7.

use super::{Result, Stop, Value};
use protocol::v26_30::{EvalError, InvalidArrayError, UnaryFunc, VariadicFunc};
use repr::{Datum, RowPacker, SqlScalarType};

/// No array has more dimensions.
const MOST_DIMENSIONS: usize = 6;

/// Functions of one argument. `None`: another family's.
pub(super) fn unary(func: &UnaryFunc, a: &Value) -> Option<Result> {
    let list = || match a.datum() {
        Datum::List(list) => Ok(list),
        _ => Err(Stop::wrong_type()),
    };
    Some(match func {
        UnaryFunc::RecordGet(field) => list().and_then(|record| {
            let value = record.iter().nth(*field);
            let missing = || Stop::Unsupported(format!("field {field} of a shorter record"));
            value.map(Value::new).ok_or_else(missing)
        }),
        UnaryFunc::ListLength => {
            list().map(|list| Value::new(Datum::Int32(list.iter().count() as i32)))
        }
        _ => return None,
    })
}

/// Functions of any number of arguments. `None`: another family's.
pub(super) fn variadic(func: &VariadicFunc, arguments: &[Value]) -> Option<Result> {
    let datums = || arguments.iter().map(Value::datum);
    Some(match func {
        VariadicFunc::ListCreate { .. } | VariadicFunc::RecordCreate { .. } => Ok(list(datums())),
        VariadicFunc::ArrayCreate { elem_type } => {
            let datums: Vec<Datum<'_>> = datums().collect();
            match elem_type {
                SqlScalarType::Array(_) => array_of_arrays(&datums),
                _ if datums.is_empty() => Ok(array_of(&[], &[])),
                _ => Ok(array(&datums)),
            }
        }
        _ => return None,
    })
}

/// A list of these.
pub(in crate::eval) fn list<'a>(datums: impl Iterator<Item = Datum<'a>>) -> Value {
    let mut packer = RowPacker::default();
    packer.push_list(|inner| datums.for_each(|datum| inner.push(super::reduced(datum))));
    Value::from_row(packer.finish())
}

/// A flat array of these, counted from 1.
pub(in crate::eval) fn array(datums: &[Datum<'_>]) -> Value {
    array_of(&[(1, datums.len() as u64)], datums)
}

/// An array of these dimensions (lower bound, length).
fn array_of(dims: &[(i64, u64)], datums: &[Datum<'_>]) -> Value {
    let mut packer = RowPacker::default();
    packer.push_array(dims, |inner| {
        datums
            .iter()
            .for_each(|datum| inner.push(super::reduced(*datum)));
    });
    Value::from_row(packer.finish())
}

/// Arrays of the same dimensions become one of a dimension more; NULL counts as
/// an array without any.
fn array_of_arrays(arrays: &[Datum<'_>]) -> Result {
    let mut inner: Option<Vec<(i64, u64)>> = None;
    let mut elements = Vec::new();
    for datum in arrays {
        let dims = match datum {
            Datum::Array(array) => {
                elements.extend(array.elements().iter());
                array.dims()
            }
            Datum::Null => Vec::new(),
            _ => return Err(Stop::wrong_type()),
        };
        let Some(first) = &inner else {
            inner = Some(dims);
            continue;
        };
        let lengths = dims.iter().zip(first).map(|((_, a), (_, b))| (*a, *b));
        let sizes = std::iter::once((dims.len() as u64, first.len() as u64)).chain(lengths);
        if let Some((actual, expected)) = sizes.into_iter().find(|(a, b)| a != b) {
            let error = InvalidArrayError::WrongCardinality {
                actual: actual as usize,
                expected: expected as usize,
            };
            return Err(EvalError::InvalidArray(error).into());
        }
    }
    let inner = inner.unwrap_or_default();
    if inner.is_empty() {
        return Ok(array_of(&[], &[]));
    }
    let mut dims = vec![(1, arrays.len() as u64)];
    dims.extend(inner);
    if dims.len() > MOST_DIMENSIONS {
        let error = InvalidArrayError::TooManyDimensions(dims.len());
        return Err(EvalError::InvalidArray(error).into());
    }
    Ok(array_of(&dims, &elements))
}
