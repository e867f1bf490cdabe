//! Join: the product of the inputs, restricted by classes of equal expressions.
//! Source: `spec/plan.md` §2.4.
//!
//! Invariant: NULL equals NULL. Expressions over one input are matched by their
//! encoded bytes, as arrangements match; others by the equality of datums.

use std::collections::{BTreeMap, BTreeSet};

use super::scalar::{self, Value};
use super::{Evaluated, Fault, pack};
use crate::answer::Undefined;
use protocol::v26_30::MirScalarExpr;
use repr::{Datum, Diff, Row, Timestamp};

/// A product beyond this is not evaluated.
const LARGEST: usize = 1_000_000;

pub(super) fn join(
    inputs: Vec<Evaluated>,
    arities: &[usize],
    equivalences: &[Vec<MirScalarExpr>],
    ts: Timestamp,
) -> Result<Evaluated, Undefined> {
    let mut out = Evaluated::default();
    for input in &inputs {
        out.inherit(input);
    }
    let total: usize = arities.iter().sum();
    let starts: Vec<usize> = arities
        .iter()
        .scan(0, |at, arity| {
            let start = *at;
            *at += arity;
            Some(start)
        })
        .collect();
    key_errors(&inputs, &starts, arities, equivalences, ts, &mut out)?;

    // Partial rows, as datums of the inputs so far; a class is tested as soon
    // as all columns of two of its members are there.
    let mut partial: Vec<(Vec<Value>, Diff)> = vec![(Vec::new(), 1)];
    for evaluated in &inputs {
        let mut next = Vec::new();
        for (values, diff) in &partial {
            for (row, times) in evaluated.rows.iter() {
                let mut values = values.clone();
                values.extend(row.iter().map(Value::new));
                let datums: Vec<_> = values.iter().map(|value| Some(value.datum())).collect();
                if agrees(&datums, equivalences, ts) {
                    next.push((values, diff.checked_mul(times).ok_or(Undefined::Overflow)?));
                }
                if next.len() > LARGEST {
                    let text = format!("a join of more than {LARGEST} rows");
                    return Err(Undefined::Unsupported(text));
                }
            }
        }
        partial = next;
    }
    for (values, diff) in partial {
        debug_assert_eq!(values.len(), total);
        match last_errors(&values, equivalences, ts)? {
            None => out.rows.add(pack(&values), diff),
            Some(fault) => out.fail(fault, diff),
        }
    }
    Ok(out)
}

/// Whether the members of each class agree that can be evaluated without the
/// columns that are missing. What fails is left for later.
pub(super) fn agrees(
    datums: &[Option<Datum<'_>>],
    equivalences: &[Vec<MirScalarExpr>],
    ts: Timestamp,
) -> bool {
    let is_there = |column: &usize| datums.get(*column).is_some_and(Option::is_some);
    let known: Vec<Datum<'_>> = datums.iter().map(|d| d.unwrap_or(Datum::Null)).collect();
    equivalences.iter().all(|class| {
        let members: Vec<Value> = class
            .iter()
            .filter(|expr| columns(expr).iter().all(is_there))
            .filter_map(|expr| scalar::eval(expr, &known, ts).ok())
            .collect();
        members
            .windows(2)
            .all(|pair| pair[0].row() == pair[1].row())
    })
}

/// The first error of the classes over a whole row.
fn last_errors(
    values: &[Value],
    equivalences: &[Vec<MirScalarExpr>],
    ts: Timestamp,
) -> Result<Option<Fault>, Undefined> {
    let datums: Vec<Datum<'_>> = values.iter().map(Value::datum).collect();
    for expr in equivalences.iter().flatten() {
        if let Err(stop) = scalar::eval(expr, &datums, ts) {
            return Ok(Some(stop.fault()?));
        }
    }
    Ok(None)
}

/// A member over one input is a key of it: its errors show whatever the other
/// inputs hold.
fn key_errors(
    inputs: &[Evaluated],
    starts: &[usize],
    arities: &[usize],
    equivalences: &[Vec<MirScalarExpr>],
    ts: Timestamp,
    out: &mut Evaluated,
) -> Result<(), Undefined> {
    for expr in equivalences.iter().flatten() {
        let columns = columns(expr);
        let (Some(first), Some(last)) = (columns.first(), columns.last()) else {
            continue;
        };
        let owner = (0..inputs.len())
            .find(|input| *first >= starts[*input] && *last < starts[*input] + arities[*input]);
        let Some(owner) = owner else { continue };
        if matches!(expr, MirScalarExpr::Column(..)) {
            continue;
        }
        let mut failures: BTreeMap<Fault, Diff> = BTreeMap::new();
        for (row, diff) in inputs[owner].rows.iter() {
            let mut datums: Vec<Datum<'_>> = vec![Datum::Null; starts[owner]];
            let unpacked: &Row = row;
            datums.extend(unpacked.iter());
            if let Err(stop) = scalar::eval(expr, &datums, ts) {
                *failures.entry(stop.fault()?).or_default() += diff;
            }
        }
        for (fault, count) in failures {
            out.fail(fault, count);
        }
    }
    Ok(())
}

fn columns(expr: &MirScalarExpr) -> BTreeSet<usize> {
    plan::scalar::support(expr)
}
