//! The columns that table functions append. Source: `spec/plan.md` §5.

use super::problem::{Arguments, Columns, Problem, expect, non_null, or_null};
use crate::text::table_function_name;
use protocol::v26_30::TableFunc;
use repr::{ReprColumnType, ReprScalarType, SqlColumnType};

pub(super) fn table_function(
    func: &TableFunc,
    args: &[ReprColumnType],
) -> Result<Columns, Problem> {
    let call = Arguments {
        name: table_function_name(func),
        args,
    };
    match func {
        TableFunc::GenerateSeriesInt32 => {
            call.exactly(&[const { ReprScalarType::Int32 }; 3])?;
            Ok(vec![non_null(ReprScalarType::Int32)])
        }
        TableFunc::GenerateSeriesInt64 => {
            call.exactly(&[const { ReprScalarType::Int64 }; 3])?;
            Ok(vec![non_null(ReprScalarType::Int64)])
        }
        TableFunc::GenerateSeriesTimestamp => {
            call.exactly(&[
                ReprScalarType::Timestamp,
                ReprScalarType::Timestamp,
                ReprScalarType::Interval,
            ])?;
            Ok(vec![non_null(ReprScalarType::Timestamp)])
        }
        TableFunc::UnnestList { el_typ } => {
            let element = el_typ.to_repr();
            call.exactly(&[ReprScalarType::List {
                element_type: Box::new(element.clone()),
            }])?;
            Ok(vec![or_null(element)])
        }
        TableFunc::UnnestArray { el_typ } => {
            let element = el_typ.to_repr();
            call.exactly(&[ReprScalarType::Array(Box::new(element.clone()))])?;
            Ok(vec![or_null(element)])
        }
        TableFunc::RepeatRow | TableFunc::RepeatRowNonNegative => {
            call.exactly(&[ReprScalarType::Int64])?;
            Ok(Vec::new())
        }
        TableFunc::GenerateSubscriptsArray => {
            subscripts(&call)?;
            Ok(vec![non_null(ReprScalarType::Int32)])
        }
        TableFunc::JsonbObjectKeys => {
            call.exactly(&[ReprScalarType::Jsonb])?;
            Ok(vec![non_null(ReprScalarType::String)])
        }
        TableFunc::Wrap { types, width } => wrapped(&call, types, *width),
        TableFunc::WithOrdinality { inner } => {
            let mut columns = table_function(inner, args)?;
            columns.push(non_null(ReprScalarType::Int64));
            Ok(columns)
        }
        TableFunc::AclExplode
        | TableFunc::MzAclExplode
        | TableFunc::JsonbEach
        | TableFunc::JsonbEachStringify
        | TableFunc::JsonbArrayElements
        | TableFunc::JsonbArrayElementsStringify
        | TableFunc::RegexpExtract(_)
        | TableFunc::CsvExtract(_)
        | TableFunc::GenerateSeriesTimestampTz
        | TableFunc::GuardSubquerySize { .. }
        | TableFunc::UnnestMap { .. }
        | TableFunc::TabletizedScalar { .. }
        | TableFunc::RegexpMatches => Err(format!("plans cannot call {}", call.name)),
    }
}

/// An array, and which of its dimensions.
fn subscripts(call: &Arguments<'_>) -> Result<(), Problem> {
    match call.args {
        [array, dimension]
            if matches!(array.scalar_type, ReprScalarType::Array(_))
                && dimension.scalar_type == ReprScalarType::Int32 =>
        {
            Ok(())
        }
        _ => Err(format!("{} needs an array and an integer", call.name)),
    }
}

/// The arguments, row by row.
fn wrapped(
    call: &Arguments<'_>,
    types: &[SqlColumnType],
    width: usize,
) -> Result<Columns, Problem> {
    let n = call.args.len();
    if width == 0 || types.len() != width || !n.is_multiple_of(width) {
        return Err(format!("{} cannot cut {n} arguments into rows", call.name));
    }
    let types: Columns = types.iter().map(|typ| typ.to_repr()).collect();
    for (i, arg) in call.args.iter().enumerate() {
        let what = call.what(i);
        let typ = &types[i % width];
        expect(&what, &arg.scalar_type, &typ.scalar_type)?;
        if arg.nullable && !typ.nullable {
            return Err(format!("{what} may be null, expected it not to be"));
        }
    }
    Ok(types)
}
