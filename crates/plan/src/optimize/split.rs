//! A reduce whose aggregates are of several classes becomes a join of reduces
//! of one class each, since no plan of a replica holds them together. Source:
//! `spec/lowering.md` §2.8.4.
//!
//! Invariant: every reduce reads the same input; it is bound to a name rather
//! than copied, so that nested reduces do not multiply.

use std::collections::BTreeMap;

use super::{Names, nothing};
use crate::reduction::{ReductionClass, reduction_class};
use crate::relation::{JoinImplementation, Relation};
use crate::scalar;
use protocol::v26_30::AggregateExpr;

/// Aggregates of one class, with their output positions.
type Segment = (Vec<AggregateExpr>, Vec<usize>);

/// Splits every reduce that mixes classes.
pub(super) fn mixed_reductions(relation: &mut Relation, names: &mut Names) {
    for child in relation.children_mut() {
        mixed_reductions(child, names);
    }
    let Relation::Reduce {
        group_key,
        aggregates,
        ..
    } = relation
    else {
        return;
    };
    let segments = segments(aggregates, group_key.len());
    if segments.len() > 1 {
        let whole = std::mem::replace(relation, nothing());
        *relation = split(whole, segments, names);
    }
}

fn split(reduce: Relation, segments: Vec<Segment>, names: &mut Names) -> Relation {
    let Relation::Reduce {
        input,
        group_key,
        monotonic,
        expected_group_size,
        ..
    } = &reduce
    else {
        return reduce;
    };
    let (read, bound) = if let Relation::Get { .. } = **input {
        ((**input).clone(), None)
    } else {
        match names.bind(input) {
            Some((id, read)) => (read, Some(id)),
            // Lowering will say that the reduce is mixed.
            None => return reduce,
        }
    };
    let keys = group_key.len();
    let mut outputs: Vec<usize> = (0..keys).collect();
    let mut places = BTreeMap::new();
    let mut inputs = Vec::new();
    let mut offsets = Vec::new();
    let mut offset = 0;
    for (aggregates, positions) in segments {
        for (i, position) in positions.into_iter().enumerate() {
            places.insert(position, offset + keys + i);
        }
        offsets.push(offset);
        offset += keys + aggregates.len();
        inputs.push(Relation::Reduce {
            input: Box::new(read.clone()),
            group_key: group_key.clone(),
            aggregates,
            monotonic: *monotonic,
            expected_group_size: *expected_group_size,
        });
    }
    outputs.extend(places.into_values());
    let class = |key: usize| {
        let members = offsets.iter().map(|offset| scalar::column(offset + key));
        members.collect()
    };
    let joined = Relation::Join {
        inputs,
        equivalences: (0..keys).map(class).collect(),
        implementation: JoinImplementation::Unimplemented,
    };
    let joined = joined.project(outputs);
    match (bound, reduce) {
        (Some(id), Relation::Reduce { input, .. }) => Relation::Let {
            id,
            value: input,
            body: Box::new(joined),
        },
        _ => joined,
    }
}

/// The aggregates by class, in upstream's order; the positions are of output
/// columns, which begin with the key.
fn segments(aggregates: &[AggregateExpr], key_arity: usize) -> Vec<Segment> {
    let mut accumulable: Segment = Default::default();
    let mut hierarchical: Segment = Default::default();
    let mut segments = Vec::new();
    for (i, aggregate) in aggregates.iter().enumerate() {
        let position = key_arity + i;
        let into = match reduction_class(&aggregate.func) {
            ReductionClass::Accumulable => &mut accumulable,
            ReductionClass::Hierarchical => &mut hierarchical,
            ReductionClass::Basic => {
                segments.push((vec![aggregate.clone()], vec![position]));
                continue;
            }
        };
        into.0.push(aggregate.clone());
        into.1.push(position);
    }
    // Basic aggregates share a plan of their own if nothing else is there.
    if accumulable.0.is_empty() && hierarchical.0.is_empty() {
        return vec![(aggregates.to_vec(), Vec::new())];
    }
    segments.extend(
        [accumulable, hierarchical]
            .into_iter()
            .filter(|s| !s.0.is_empty()),
    );
    segments.sort();
    segments
}
