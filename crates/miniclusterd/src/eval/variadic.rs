//! Functions of any number of arguments. Source: `spec/plan.md` §4.5, §5.2,
//! §5.6, §5.7.
//!
//! Invariants: every function of the wire is named here, the lacking ones too;
//! those that choose what to evaluate live with the evaluator.

use super::convert::{Argument, Evaluated, strict2, strict3, wrong_type};
use super::lacking::lacking;
use super::pack::reduced;
use super::{Arena, text};
use protocol::v26_30::{EvalError, InvalidArrayError, VariadicFunc};
use repr::{Datum, List, RowPacker, SqlScalarType};

/// Whether a function decides itself which arguments are evaluated.
pub(super) fn is_lazy(func: &VariadicFunc) -> bool {
    matches!(
        func,
        VariadicFunc::And
            | VariadicFunc::Or
            | VariadicFunc::Coalesce
            | VariadicFunc::Greatest
            | VariadicFunc::Least
            | VariadicFunc::ErrorIfNull
            | VariadicFunc::CaseLiteral { .. }
    )
}

/// Calls a function on evaluated arguments.
///
/// Errors: the arguments', the function's, or that the function is lacking.
pub(super) fn call<'a>(
    func: &VariadicFunc,
    arguments: Vec<Evaluated<'a>>,
    arena: &'a Arena,
) -> Evaluated<'a> {
    use VariadicFunc::*;
    match func {
        Concat => joined("", &texts(arguments)?, arena),
        ConcatWs => match texts(arguments)?.split_first() {
            None => Err(missing()),
            Some((None, _)) => Ok(Datum::Null),
            Some((Some(separator), parts)) => joined(separator, parts, arena),
        },
        PadLeading => pad_leading(arguments, arena),
        Substr => substring(arguments, arena),
        Replace => strict3(arena, exactly(arguments)?, |a: &str, b: &str, c: &str| {
            text::replace(a, b, c)
        }),
        SplitPart => strict3(arena, exactly(arguments)?, |a: &'a str, b: &str, c: i32| {
            text::split_part(a, b, c)
        }),
        ArrayCreate { elem_type } => {
            let datums = arguments.into_iter().collect::<Result<Vec<_>, _>>()?;
            if matches!(elem_type, SqlScalarType::Array(_)) {
                array_of_arrays(&datums, arena)
            } else {
                Ok(array_of_scalars(&datums, arena))
            }
        }
        ListCreate { .. } | RecordCreate { .. } => {
            let datums = arguments.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok(arena.datum(|packer| packer.push_list(|packer| push_all(packer, &datums))))
        }
        ListIndex => list_index(arguments),
        Coalesce | Greatest | Least | ErrorIfNull | And | Or | CaseLiteral { .. } => Err(
            EvalError::Internal("a lazy function was called strictly".into()),
        ),
        MakeTimestamp | JsonbBuildArray | JsonbBuildObject | ListSliceLinear | RegexpMatch
        | HmacString | HmacBytes | DateBinTimestamp | DateBinTimestampTz | DateDiffTimestamp
        | DateDiffTimestampTz | DateDiffDate | DateDiffTime | MakeAclItem | MakeMzAclItem
        | Translate | ArrayPosition | StringToArray | TimezoneTimeVariadic | RegexpSplitToArray
        | RegexpReplace => Err(lacking(func)),
        MapBuild { .. }
        | ArrayToString { .. }
        | ArrayIndex { .. }
        | RangeCreate { .. }
        | ArrayFill { .. } => Err(lacking(func)),
    }
}

fn missing() -> EvalError {
    EvalError::Internal("missing parameter".into())
}

fn exactly<'a, const N: usize>(
    arguments: Vec<Evaluated<'a>>,
) -> Result<[Evaluated<'a>; N], EvalError> {
    arguments.try_into().map_err(|_| missing())
}

/// The texts one behind the other, NULLs left out.
fn joined<'a>(separator: &str, parts: &[Option<&str>], arena: &'a Arena) -> Evaluated<'a> {
    let parts: Vec<&str> = parts.iter().copied().flatten().collect();
    Ok(arena.string(&text::join(separator, &parts)?))
}

/// A text to a length, by default with blanks.
fn pad_leading<'a>(arguments: Vec<Evaluated<'a>>, arena: &'a Arena) -> Evaluated<'a> {
    if arguments.len() == 2 {
        let [a, b] = exactly(arguments)?;
        return strict2(arena, a, b, |a: &str, b: i32| text::pad_leading(a, b, " "));
    }
    strict3(arena, exactly(arguments)?, |a: &str, b: i32, c: &str| {
        text::pad_leading(a, b, c)
    })
}

/// A part of a text from a position on, up to a length if there is one.
fn substring<'a>(arguments: Vec<Evaluated<'a>>, arena: &'a Arena) -> Evaluated<'a> {
    if arguments.len() == 2 {
        let [a, b] = exactly(arguments)?;
        return strict2(arena, a, b, |a: &'a str, b: i32| {
            text::substring(a, b.into(), None)
        });
    }
    strict3(arena, exactly(arguments)?, |a: &'a str, b: i32, c: i32| {
        text::substring(a, b.into(), Some(c.into()))
    })
}

/// Texts and NULLs, up to the first argument that is neither.
fn texts<'a>(arguments: Vec<Evaluated<'a>>) -> Result<Vec<Option<&'a str>>, EvalError> {
    arguments
        .into_iter()
        .map(|argument| match argument? {
            Datum::Null => Ok(None),
            datum => <&str>::read(datum).map(Some).ok_or_else(wrong_type),
        })
        .collect()
}

/// Appends datums as rows hold them.
pub(super) fn push_all(packer: &mut RowPacker, datums: &[Datum<'_>]) {
    datums.iter().for_each(|datum| packer.push(reduced(*datum)));
}

/// An array of scalars has one dimension, none if it is empty.
fn array_of_scalars<'a>(datums: &[Datum<'_>], arena: &'a Arena) -> Datum<'a> {
    let dims: Vec<(i64, u64)> = match datums.len() {
        0 => Vec::new(),
        n => vec![(1, n as u64)],
    };
    arena.datum(|packer| packer.push_array(&dims, |packer| push_all(packer, datums)))
}

/// An array of arrays has one dimension more than its elements, which must agree
/// in theirs; NULL is an array without dimensions.
fn array_of_arrays<'a>(datums: &[Datum<'_>], arena: &'a Arena) -> Evaluated<'a> {
    let mut dims: Option<Vec<(i64, u64)>> = None;
    let mut elements = Vec::new();
    for datum in datums {
        let own = match datum {
            Datum::Null => Vec::new(),
            Datum::Array(array) => {
                elements.extend(array.elements().iter());
                array.dims()
            }
            _ => return Err(wrong_type()),
        };
        let Some(first) = &dims else {
            dims = Some(own);
            continue;
        };
        let differs = if first.len() == own.len() {
            first
                .iter()
                .zip(&own)
                .map(|(a, b)| (a.1, b.1))
                .find(|(a, b)| a != b)
        } else {
            Some((first.len() as u64, own.len() as u64))
        };
        if let Some((expected, actual)) = differs {
            return Err(EvalError::InvalidArray(
                InvalidArrayError::WrongCardinality {
                    actual: actual as usize,
                    expected: expected as usize,
                },
            ));
        }
    }
    let mut dims = dims.unwrap_or_default();
    if dims.is_empty() {
        return Ok(array_of_scalars(&[], arena));
    }
    dims.insert(0, (1, datums.len() as u64));
    if dims.len() > 6 {
        return Err(EvalError::InvalidArray(
            InvalidArrayError::TooManyDimensions(dims.len()),
        ));
    }
    Ok(arena.datum(|packer| packer.push_array(&dims, |packer| push_all(packer, &elements))))
}

/// Elements of nested lists by 1-based positions; NULL outside.
fn list_index<'a>(arguments: Vec<Evaluated<'a>>) -> Evaluated<'a> {
    let mut arguments = arguments.into_iter();
    let list = arguments.next().ok_or_else(missing)?;
    if let Ok(datum) = &list
        && !datum.is_null()
    {
        List::read(*datum).ok_or_else(wrong_type)?;
    }
    let mut places = Vec::new();
    for place in arguments {
        places.push(match place {
            Ok(Datum::Null) => Ok(None),
            Ok(datum) => Ok(Some(i64::read(datum).ok_or_else(wrong_type)?)),
            Err(error) => Err(error),
        });
    }
    let mut current = list?;
    let places = places.into_iter().collect::<Result<Vec<_>, EvalError>>()?;
    for place in places {
        let Some(at) = place.and_then(|place| usize::try_from(place.checked_sub(1)?).ok()) else {
            return Ok(Datum::Null);
        };
        current = match current {
            Datum::Null => return Ok(Datum::Null),
            datum => List::read(datum)
                .ok_or_else(wrong_type)?
                .iter()
                .nth(at)
                .unwrap_or(Datum::Null),
        };
    }
    Ok(current)
}
