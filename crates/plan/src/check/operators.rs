//! The columns and unique keys of one operator's output, from those of its
//! inputs. Source: `spec/script.md` §4.1.

use super::aggregate::aggregate;
use super::keys::{self, Keys};
use super::nulls::non_null_where_true;
use super::problem::{Columns, Problem, expect, in_range, non_null};
use super::scalar::{scalar_type, timeless_type};
use super::table::table_function;
use crate::scalar;
use crate::text::{scalar_text, type_name};
use crate::types::{RelationType, datum_fits, same_type};
use protocol::v26_30::{AggregateExpr, BinaryFunc, ColumnOrder, MirScalarExpr, TableFunc};
use repr::{Datum, Diff, ReprScalarType, Row, Timestamp};

/// What an operator puts out, or what is wrong with it.
pub(super) type Output = Result<(Columns, Keys), Problem>;

pub(super) fn constant(rows: &[(Row, Timestamp, Diff)], typ: &RelationType) -> Output {
    let mut columns: Columns = typ
        .column_types
        .iter()
        .map(|c| non_null(c.scalar_type.clone()))
        .collect();
    for (n, (row, _, _)) in rows.iter().enumerate() {
        let datums: Vec<Datum<'_>> = row.iter().collect();
        if datums.len() != columns.len() {
            let (found, expected) = (datums.len(), columns.len());
            return Err(format!(
                "row {n} has {found} values, its type has {expected} columns"
            ));
        }
        for (c, datum) in datums.iter().enumerate() {
            let declared = &typ.column_types[c];
            if !datum_fits(datum, &declared.scalar_type) {
                return Err(format!(
                    "column #{c} of row {n} is no {}",
                    type_name(&declared.scalar_type)
                ));
            }
            if *datum == Datum::Null {
                if !declared.nullable {
                    return Err(format!(
                        "column #{c} of row {n} is null, but its type is not nullable"
                    ));
                }
                columns[c].nullable = true;
            }
        }
    }
    let keys = keys::of_constant(rows, columns.len());
    Ok((columns, keys))
}

pub(super) fn project(input: &RelationType, outputs: &[usize]) -> Output {
    let columns = &input.column_types;
    outputs
        .iter()
        .try_for_each(|c| in_range(*c, columns.len()))?;
    let kept = outputs.iter().map(|c| columns[*c].clone()).collect();
    Ok((kept, keys::of_project(&input.keys, outputs)))
}

pub(super) fn map(input: &RelationType, scalars: &[MirScalarExpr]) -> Output {
    let mut all = input.column_types.clone();
    for e in scalars {
        all.push(timeless_type(e, &all)?);
    }
    Ok((all, keys::of_map(&input.keys, input.arity(), scalars)))
}

pub(super) fn flat_map(input: &RelationType, func: &TableFunc, exprs: &[MirScalarExpr]) -> Output {
    let args = exprs
        .iter()
        .map(|e| timeless_type(e, &input.column_types))
        .collect::<Result<Vec<_>, _>>()?;
    let mut all = input.column_types.clone();
    all.extend(table_function(func, &args)?);
    Ok((all, Vec::new()))
}

pub(super) fn filter(input: &RelationType, predicates: &[MirScalarExpr]) -> Output {
    let mut known = input.column_types.clone();
    for p in predicates {
        let typ = scalar_type(p, &input.column_types)?;
        expect("a predicate", &typ.scalar_type, &ReprScalarType::Bool)?;
        temporal(p)?;
        let mut required = Vec::new();
        non_null_where_true(p, &mut required);
        for c in required {
            known[c].nullable = false;
        }
    }
    Ok((known, keys::of_filter(&input.keys, predicates)))
}

/// `mz_now()` stands as one whole side of a comparison, or not at all.
fn temporal(p: &MirScalarExpr) -> Result<(), Problem> {
    if !scalar::is_temporal(p) {
        return Ok(());
    }
    if let MirScalarExpr::CallBinary {
        func: BinaryFunc::Eq | BinaryFunc::Lt | BinaryFunc::Lte | BinaryFunc::Gt | BinaryFunc::Gte,
        expr1,
        expr2,
    } = p
        && (scalar::is_now(expr1) && !scalar::is_temporal(expr2)
            || scalar::is_now(expr2) && !scalar::is_temporal(expr1))
    {
        return Ok(());
    }
    Err(format!(
        "mz_now() must be one whole side of =, <, <=, > or >=, found {}",
        scalar_text(p)
    ))
}

pub(super) fn reduce(
    input: &RelationType,
    group_key: &[MirScalarExpr],
    aggregates: &[AggregateExpr],
) -> Output {
    let columns = &input.column_types;
    let mut all = group_key
        .iter()
        .map(|e| timeless_type(e, columns))
        .collect::<Result<Columns, _>>()?;
    for a in aggregates {
        all.push(aggregate(a, columns)?);
    }
    Ok((all, keys::of_reduce(&input.keys, group_key)))
}

pub(super) fn top_k(
    input: &RelationType,
    group_key: &[usize],
    order_key: &[ColumnOrder],
    limit: Option<&MirScalarExpr>,
) -> Output {
    let columns = &input.column_types;
    let ordered = order_key.iter().map(|order| &order.column);
    group_key
        .iter()
        .chain(ordered)
        .try_for_each(|c| in_range(*c, columns.len()))?;
    if let Some(limit) = limit {
        let typ = timeless_type(limit, columns)?;
        expect("the limit", &typ.scalar_type, &ReprScalarType::Int64)?;
        let used = scalar::support(limit);
        if let Some(c) = used.iter().find(|c| !group_key.contains(c)) {
            return Err(format!(
                "the limit uses #{c}, which is not in the group key"
            ));
        }
    }
    let keys = keys::of_top_k(&input.keys, group_key, limit);
    Ok((columns.clone(), keys))
}

pub(super) fn arrange_by(input: &RelationType, keys: &[Vec<MirScalarExpr>]) -> Output {
    for e in keys.iter().flatten() {
        timeless_type(e, &input.column_types)?;
    }
    Ok((input.column_types.clone(), input.keys.clone()))
}

/// The columns of a union; its keys depend on the plans of its inputs.
pub(super) fn union(inputs: &[RelationType]) -> Result<Columns, Problem> {
    let Some(base) = inputs.first() else {
        return Err("a union needs at least one input".into());
    };
    let mut columns = base.column_types.clone();
    for (n, typ) in inputs.iter().enumerate().skip(1) {
        if typ.arity() != columns.len() {
            return Err(format!(
                "input {n} has {} columns, input 0 has {}",
                typ.arity(),
                columns.len()
            ));
        }
        for (c, (known, theirs)) in columns.iter_mut().zip(&typ.column_types).enumerate() {
            if !same_type(&known.scalar_type, &theirs.scalar_type) {
                return Err(format!(
                    "column #{c} of input {n} is {}, of input 0 {}",
                    type_name(&theirs.scalar_type),
                    type_name(&known.scalar_type)
                ));
            }
            known.nullable |= theirs.nullable;
        }
    }
    Ok(columns)
}
