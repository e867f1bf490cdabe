//! The types of window functions: aggregates that give, for a whole partition, a list
//! of records `(result, row)`. Source: `spec/plan.md` §4.7 for the functions, and for
//! their arguments, results and frames upstream's `src/expr/src/relation/func.rs`.
//!
//! Invariants: the argument is a record of the payload and then one key for each
//! column of the order; what makes upstream abort, or what it refuses itself, has no
//! type.

use super::aggregate::item_and_keys;
use super::problem::{Problem, expect, non_null, nullable, or_null};
use crate::functions::AGGREGATES;
use crate::reduction::window_order;
use crate::text::{aggregate_name, type_name, window_frame_text};
use protocol::v26_30::{
    AggregateExpr, AggregateFunc, ColumnOrder, MirScalarExpr, VariadicFunc, WindowFrame,
    WindowFrameBound, WindowFrameUnits,
};
use repr::{Datum, ReprColumnType, ReprScalarType};

type Type = Result<ReprColumnType, Problem>;

/// Frames reach no further than this many rows, so that no end of one overflows.
const FURTHEST: u64 = 1_000_000;

/// What of the argument a window function reads beside its order.
struct Payload<'a> {
    name: String,
    typ: &'a ReprColumnType,
    /// The expression that makes it, if it stands in the aggregate.
    expr: Option<&'a MirScalarExpr>,
}

/// The type of a window function over an argument of this type: a list of records of
/// the result and the row; None for every other aggregate.
pub(super) fn window(a: &AggregateExpr, arg: &ReprColumnType) -> Option<Type> {
    let order_by = window_order(&a.func)?;
    Some(payload(a, arg, order_by).and_then(|payload| listed(&a.func, order_by, payload)))
}

/// The list for a payload.
fn listed(func: &AggregateFunc, order_by: &[ColumnOrder], payload: Payload<'_>) -> Type {
    let (result, row) = match func {
        AggregateFunc::RowNumber { .. }
        | AggregateFunc::Rank { .. }
        | AggregateFunc::DenseRank { .. } => {
            let row = payload.rows()?;
            (non_null(ReprScalarType::Int64), row)
        }
        func => {
            let (row, args) = payload.row_and_args()?;
            (value(func, order_by, &args)?, row)
        }
    };
    Ok(non_null(ReprScalarType::List {
        element_type: Box::new(record(vec![result, row])),
    }))
}

/// The result for one row of a function that takes arguments.
fn value(func: &AggregateFunc, order_by: &[ColumnOrder], args: &Payload<'_>) -> Type {
    match func {
        AggregateFunc::LagLead { ignore_nulls, .. } => lag_lead(args, *ignore_nulls),
        AggregateFunc::FirstValue { window_frame, .. }
        | AggregateFunc::LastValue { window_frame, .. } => {
            frame(&args.name, window_frame)?;
            Ok(or_null(args.typ.scalar_type.clone()))
        }
        AggregateFunc::FusedValueWindowFunc { funcs, .. } => {
            let fused = args.each(funcs)?;
            let results = fused.map(|(func, args)| {
                if !is_fusible(func) {
                    let name = aggregate_name(func);
                    return Err(format!("{} cannot hold {name}", args.name));
                }
                if window_order(func) != Some(order_by) {
                    return Err(format!("{} holds functions of another order", args.name));
                }
                value(func, order_by, &args)
            });
            Ok(non_null(record(results.collect::<Result<_, _>>()?)))
        }
        AggregateFunc::WindowAggregate {
            wrapped_aggregate,
            window_frame,
            ..
        } => {
            aggregate_frame(&args.name, window_frame)?;
            wrapped(wrapped_aggregate, args)
        }
        AggregateFunc::FusedWindowAggregate {
            wrapped_aggregates,
            window_frame,
            ..
        } => {
            aggregate_frame(&args.name, window_frame)?;
            let fused = args.each(wrapped_aggregates)?;
            let results = fused.map(|(func, args)| wrapped(func, &args));
            Ok(non_null(record(results.collect::<Result<_, _>>()?)))
        }
        other => Err(format!("plans cannot call {}", aggregate_name(other))),
    }
}

fn record(fields: Vec<ReprColumnType>) -> ReprScalarType {
    ReprScalarType::Record {
        fields: fields.into(),
    }
}

/// Whether the function may be one of several that are fused.
fn is_fusible(func: &AggregateFunc) -> bool {
    matches!(
        func,
        AggregateFunc::LagLead { .. }
            | AggregateFunc::FirstValue { .. }
            | AggregateFunc::LastValue { .. }
    )
}

/// The first field of the argument, behind which the keys of the order stand.
fn payload<'a>(
    a: &'a AggregateExpr,
    arg: &'a ReprColumnType,
    order_by: &[ColumnOrder],
) -> Result<Payload<'a>, Problem> {
    let name = aggregate_name(&a.func);
    if a.distinct {
        return Err(format!("{name} takes every row, expected no `distinct`"));
    }
    let (typ, keys) = item_and_keys(&name, arg)?;
    if keys.len() != order_by.len() {
        let (found, expected) = (keys.len(), order_by.len());
        return Err(format!(
            "the argument of {name} has {found} keys, its order {expected}"
        ));
    }
    if let Some(order) = order_by.iter().find(|order| order.column >= keys.len()) {
        return Err(format!(
            "{name} orders by key {}, its argument has {} keys",
            order.column,
            keys.len()
        ));
    }
    let expr = fields_of(Some(&a.expr)).and_then(<[_]>::first);
    Ok(Payload { name, typ, expr })
}

/// The expressions of a record's fields, where the record is made.
fn fields_of(e: Option<&MirScalarExpr>) -> Option<&[MirScalarExpr]> {
    match e {
        Some(MirScalarExpr::CallVariadic {
            func: VariadicFunc::RecordCreate { .. },
            exprs,
        }) => Some(exprs),
        _ => None,
    }
}

impl<'a> Payload<'a> {
    fn wrong(&self, expected: &str) -> Problem {
        let found = type_name(&self.typ.scalar_type);
        let mark = if self.typ.nullable { "?" } else { "" };
        format!(
            "the item of {} is {found}{mark}, expected {expected}",
            self.name
        )
    }

    /// The rows that a ranking function numbers: upstream's lists have one each.
    fn rows(&self) -> Type {
        match &self.typ.scalar_type {
            ReprScalarType::List { element_type } if !self.typ.nullable => {
                Ok(non_null((**element_type).clone()))
            }
            _ => Err(self.wrong("a list of the row")),
        }
    }

    /// The row, and the arguments.
    fn row_and_args(&self) -> Result<(ReprColumnType, Payload<'a>), Problem> {
        let [row, typ] = self.fields("a record of the row and the arguments")? else {
            return Err(self.wrong("a record of the row and the arguments"));
        };
        let args = Payload {
            name: self.name.clone(),
            typ,
            expr: fields_of(self.expr).and_then(|fields| fields.get(1)),
        };
        Ok((non_null(row.scalar_type.clone()), args))
    }

    fn fields(&self, expected: &str) -> Result<&'a [ReprColumnType], Problem> {
        match &self.typ.scalar_type {
            ReprScalarType::Record { fields } if !self.typ.nullable => Ok(fields),
            _ => Err(self.wrong(expected)),
        }
    }

    /// The arguments of each of these functions.
    fn each<'f>(
        &self,
        funcs: &'f [AggregateFunc],
    ) -> Result<impl Iterator<Item = (&'f AggregateFunc, Payload<'a>)>, Problem> {
        let expected = format!("a record of the arguments of {} functions", funcs.len());
        let fields = self.fields(&expected)?;
        if fields.len() != funcs.len() || funcs.is_empty() {
            return Err(self.wrong(&expected));
        }
        let name = self.name.clone();
        let exprs = fields_of(self.expr);
        Ok(funcs.iter().enumerate().map(move |(i, func)| {
            let args = Payload {
                name: name.clone(),
                typ: &fields[i],
                expr: exprs.and_then(|exprs| exprs.get(i)),
            };
            (func, args)
        }))
    }
}

/// Of `(value, offset, default)`: the value, or NULL.
fn lag_lead(args: &Payload<'_>, ignore_nulls: bool) -> Type {
    let expected = "a record of a value, an offset and a default";
    let [value, offset, default] = args.fields(expected)? else {
        return Err(args.wrong(expected));
    };
    let what = |part: &str| format!("the {part} of {}", args.name);
    expect(&what("offset"), &offset.scalar_type, &ReprScalarType::Int32)?;
    expect(&what("default"), &default.scalar_type, &value.scalar_type)?;
    let offset = fields_of(args.expr).and_then(|fields| fields.get(1));
    if ignore_nulls && !moves(offset) {
        // Upstream aborts where it finds a NULL at no distance.
        return Err(format!(
            "where nulls are ignored, {} is expected to be a literal other than 0",
            what("offset")
        ));
    }
    Ok(or_null(value.scalar_type.clone()))
}

/// Whether the expression is a literal, and not 0.
fn moves(offset: Option<&MirScalarExpr>) -> bool {
    let datum = offset.and_then(crate::scalar::as_literal);
    datum.is_some_and(|row| row.iter().next() != Some(Datum::Int32(0)))
}

/// The result of an aggregate over a frame, which may be empty.
fn wrapped(func: &AggregateFunc, arg: &Payload<'_>) -> Type {
    if *func == AggregateFunc::Count {
        return Ok(non_null(ReprScalarType::Int64));
    }
    let name = aggregate_name(func);
    let entry = AGGREGATES.iter().find(|entry| entry.func == *func);
    let entry = entry.filter(|entry| {
        // Sums of these depend on how upstream goes through the frame, and of
        // floats that are equal either may be the least.
        !matches!(entry.arg, ReprScalarType::Float32 | ReprScalarType::Float64)
            && *func != AggregateFunc::SumNumeric
    });
    let entry = entry.ok_or_else(|| format!("{} cannot wrap {name}", arg.name))?;
    let what = format!("the argument of {name} in {}", arg.name);
    expect(&what, &arg.typ.scalar_type, &entry.arg)?;
    Ok(nullable(entry.result.clone(), true))
}

/// Whether upstream evaluates the frame: rows from one bound to one that does not
/// precede it, or the range up to the current row's last peer.
fn frame(name: &str, frame: &WindowFrame) -> Result<(), Problem> {
    use WindowFrameBound as B;
    let WindowFrame {
        units,
        start_bound,
        end_bound,
    } = frame;
    let refused = |why: &str| {
        let text = window_frame_text(frame);
        Err(format!("the frame of {name} is `{text}`, {why}"))
    };
    match (units, start_bound, end_bound) {
        (WindowFrameUnits::Groups, _, _) => return refused("which upstream refuses"),
        (WindowFrameUnits::Range, B::UnboundedPreceding, B::CurrentRow) => return Ok(()),
        (WindowFrameUnits::Range, _, _) => {
            return refused("expected `unbounded preceding` to `current row` of a range");
        }
        (WindowFrameUnits::Rows, _, _) => {}
    }
    for bound in [start_bound, end_bound] {
        if let B::OffsetPreceding(rows) | B::OffsetFollowing(rows) = bound
            && *rows > FURTHEST
        {
            return refused("which reaches further than 1000000 rows");
        }
    }
    let backwards = match (start_bound, end_bound) {
        (B::UnboundedFollowing, _) | (_, B::UnboundedPreceding) => true,
        (B::CurrentRow, B::OffsetPreceding(_)) => true,
        (B::OffsetFollowing(_), B::OffsetPreceding(_) | B::CurrentRow) => true,
        (
            B::UnboundedPreceding | B::OffsetPreceding(_) | B::CurrentRow | B::OffsetFollowing(_),
            B::OffsetPreceding(_) | B::CurrentRow | B::OffsetFollowing(_) | B::UnboundedFollowing,
        ) => false,
    };
    match backwards {
        true => refused("which ends before it starts"),
        false => Ok(()),
    }
}

/// Aggregates have fewer frames: upstream refuses those with an offset on one side
/// and no bound on the other.
fn aggregate_frame(name: &str, of: &WindowFrame) -> Result<(), Problem> {
    use WindowFrameBound as B;
    frame(name, of)?;
    match (&of.start_bound, &of.end_bound) {
        (B::UnboundedPreceding, B::OffsetPreceding(_) | B::OffsetFollowing(_))
        | (B::OffsetPreceding(_) | B::OffsetFollowing(_), B::UnboundedFollowing) => {
            let text = window_frame_text(of);
            Err(format!(
                "the frame of {name} is `{text}`, which upstream refuses for aggregates"
            ))
        }
        _ => Ok(()),
    }
}
