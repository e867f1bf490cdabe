//! Which plans never retract, so that reduces and top-ks over them may be
//! maintained more cheaply. Source: `spec/lowering.md` §1.5 (the last step of
//! the optimizer), the criteria of §1.3.
//!
//! Invariant: a flag that was written by hand is dropped unless it is proved.

use std::collections::BTreeMap;

use crate::dataflow::DataflowPlan;
use crate::relation::{Relation, preserves_monotonicity};
use crate::scalar;
use protocol::v26_30::Id;

/// What the imports promise.
pub(super) fn of_imports(dataflow: &DataflowPlan) -> BTreeMap<Id, bool> {
    let indexes = dataflow.indexes.iter();
    let sources = dataflow.sources.iter();
    indexes
        .map(|index| (Id::Global(index.on), index.monotonic))
        .chain(sources.map(|source| (Id::Global(source.id), source.monotonic)))
        .collect()
}

/// Sets the flags of every reduce and top-k; whether the result never retracts.
pub(super) fn set_flags(relation: &mut Relation, known: &mut BTreeMap<Id, bool>) -> bool {
    match relation {
        Relation::Constant { rows, .. } => match rows {
            Ok(rows) => rows.iter().all(|(_, _, diff)| *diff > 0),
            Err(_) => true,
        },
        Relation::Get { id, .. } => known.get(id).copied().unwrap_or(false),
        Relation::Let { id, value, body } => {
            let proved = set_flags(value, known);
            known.insert(Id::Local(*id), proved);
            set_flags(body, known)
        }
        Relation::LetRec { bindings, body } => {
            for binding in bindings {
                set_flags(&mut binding.value, known);
            }
            set_flags(body, known)
        }
        Relation::Project { input, .. }
        | Relation::Map { input, .. }
        | Relation::Threshold { input }
        | Relation::ArrangeBy { input, .. } => set_flags(input, known),
        Relation::Filter { input, predicates } => {
            set_flags(input, known) && !predicates.iter().any(scalar::is_temporal)
        }
        Relation::FlatMap { input, func, .. } => {
            set_flags(input, known) && preserves_monotonicity(func)
        }
        Relation::Join { inputs, .. } | Relation::Union { inputs } => {
            let mut all = true;
            for input in inputs {
                all &= set_flags(input, known);
            }
            all
        }
        Relation::Negate { input } => {
            set_flags(input, known);
            false
        }
        Relation::Reduce {
            input,
            aggregates,
            monotonic,
            ..
        } => {
            *monotonic = set_flags(input, known);
            aggregates.is_empty() && *monotonic
        }
        Relation::TopK {
            input, monotonic, ..
        } => {
            *monotonic = set_flags(input, known);
            false
        }
    }
}
