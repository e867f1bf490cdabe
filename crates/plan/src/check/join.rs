//! The columns of a join, and whether its implementation can compute it. Source:
//! `spec/script.md` §4.1, `spec/lowering.md` §2.6.
//!
//! Invariant: an implementation that passes visits every input once per order,
//! by keys over the input's own columns.

use super::keys::{self, Keys};
use super::operators::Output;
use super::problem::{Columns, Problem, expect};
use super::scalar::timeless_type;
use crate::relation::{JoinImplementation, Lookup};
use crate::scalar;
use crate::types::RelationType;
use protocol::v26_30::MirScalarExpr;

/// Planning a join takes time that grows with the cube of its inputs.
const MAX_JOIN_INPUTS: usize = 100;

pub(super) fn join(
    inputs: &[RelationType],
    equivalences: &[Vec<MirScalarExpr>],
    implementation: &JoinImplementation,
) -> Output {
    if inputs.is_empty() || inputs.len() > MAX_JOIN_INPUTS {
        return Err(format!(
            "a join needs 1 to {MAX_JOIN_INPUTS} inputs, this one has {}",
            inputs.len()
        ));
    }
    let columns = equated(inputs, equivalences)?;
    match implementation {
        JoinImplementation::Unimplemented => {}
        JoinImplementation::Differential {
            start,
            start_key,
            order,
        } => {
            visits_all(inputs, *start, order)?;
            if let Some(key) = start_key {
                lookup(inputs, &(*start, key.clone()))?;
            }
        }
        JoinImplementation::DeltaQuery(orders) => {
            if orders.len() != inputs.len() || inputs.len() < 2 {
                let (n, m) = (orders.len(), inputs.len());
                return Err(format!("a delta join has {n} orders for {m} inputs"));
            }
            for (start, order) in orders.iter().enumerate() {
                visits_all(inputs, start, order)?;
            }
        }
        JoinImplementation::IndexedFilter { key } => {
            visits_all(inputs, 1, &[(0, key.clone())])?;
        }
    }
    let arities: Vec<usize> = inputs.iter().map(RelationType::arity).collect();
    let input_keys: Vec<Keys> = inputs.iter().map(|typ| typ.keys.clone()).collect();
    let keys = keys::of_join(&input_keys, &arities, equivalences);
    Ok((columns, keys))
}

/// The columns of all inputs, non-null where a class says so.
fn equated(
    inputs: &[RelationType],
    equivalences: &[Vec<MirScalarExpr>],
) -> Result<Columns, Problem> {
    let declared: Columns = inputs
        .iter()
        .flat_map(|typ| typ.column_types.iter().cloned())
        .collect();
    let mut columns = declared.clone();
    for class in equivalences {
        let types = class
            .iter()
            .map(|e| timeless_type(e, &declared))
            .collect::<Result<Vec<_>, _>>()?;
        for typ in types.iter().skip(1) {
            expect(
                "a member of a class",
                &typ.scalar_type,
                &types[0].scalar_type,
            )?;
        }
        // Only columns say so, not literals or calls among the members.
        let mut known = class.iter().filter_map(scalar::as_column);
        if known.any(|c| !declared[c].nullable) {
            for c in class.iter().filter_map(scalar::as_column) {
                columns[c].nullable = false;
            }
        }
    }
    Ok(columns)
}

/// The input is there, and the key is over its columns.
fn lookup(inputs: &[RelationType], (input, key): &Lookup) -> Result<(), Problem> {
    let typ = inputs
        .get(*input)
        .ok_or_else(|| format!("input {input} is out of range, there are {}", inputs.len()))?;
    key.iter()
        .try_for_each(|e| timeless_type(e, &typ.column_types).map(drop))
}

/// The order visits each input but `start` once.
fn visits_all(inputs: &[RelationType], start: usize, order: &[Lookup]) -> Result<(), Problem> {
    order.iter().try_for_each(|step| lookup(inputs, step))?;
    let mut seen: Vec<usize> = order.iter().map(|(input, _)| *input).collect();
    seen.push(start);
    seen.sort_unstable();
    if seen.iter().copied().eq(0..inputs.len()) {
        Ok(())
    } else {
        Err(format!(
            "the order from input {start} does not visit each of {} inputs once",
            inputs.len()
        ))
    }
}
