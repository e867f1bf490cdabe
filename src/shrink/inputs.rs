//! An operator over a plainer input: without the projection below it, or with less
//! mapped to what it reads.
//!
//! Invariant: a candidate has as many columns as the operator that it replaces; it
//! reads the same values wherever they stand then.

use std::collections::BTreeSet;

use super::parts::{changed, shorter};
use super::prune::Moved;
use crate::plan::{Relation, scalar};
use crate::protocol::v26_30::MirScalarExpr;

/// The operator over each plainer input.
pub(super) fn over_plainer_inputs(operator: &Relation) -> Vec<Relation> {
    match operator {
        Relation::Project { input, outputs } => of_project(input, outputs),
        Relation::Join {
            inputs,
            equivalences,
            ..
        } => of_join(operator, inputs, equivalences),
        Relation::Reduce { input, .. } => of_reduce(operator, input),
        Relation::Constant { .. }
        | Relation::Get { .. }
        | Relation::Let { .. }
        | Relation::LetRec { .. }
        | Relation::Map { .. }
        | Relation::FlatMap { .. }
        | Relation::Filter { .. }
        | Relation::TopK { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. }
        | Relation::ArrangeBy { .. } => Vec::new(),
    }
}

/// The choice, made of what an operator below it chooses from or adds to.
fn of_project(input: &Relation, outputs: &[usize]) -> Vec<Relation> {
    let used: BTreeSet<usize> = outputs.iter().copied().collect();
    let over = |(input, moved): (Relation, Moved)| {
        Some(
            input.project(
                outputs
                    .iter()
                    .map(|c| moved.get(c).copied())
                    .collect::<Option<_>>()?,
            ),
        )
    };
    without_columns(input, &used)
        .into_iter()
        .filter_map(over)
        .collect()
}

/// What gives at least the columns that are used with less work: the input of a
/// projection, a Map without a scalar that none of them is made of. With where the
/// columns are then.
fn without_columns(input: &Relation, used: &BTreeSet<usize>) -> Vec<(Relation, Moved)> {
    if let Relation::Project { input, outputs } = input {
        let moved = outputs.iter().copied().enumerate().collect();
        return vec![((**input).clone(), moved)];
    }
    let Relation::Map { input, scalars } = input else {
        return Vec::new();
    };
    let arity = input.arity() + scalars.len();
    let without = |(at, fewer): (usize, Vec<MirScalarExpr>)| {
        let gone = input.arity() + at;
        let uses = |scalar: &MirScalarExpr| scalar::support(scalar).contains(&gone);
        if used.contains(&gone) || fewer.iter().any(uses) {
            return None;
        }
        let moved = |column: usize| column - usize::from(column > gone);
        let scalars = fewer.iter().map(|scalar| scalar::mapped(scalar, moved));
        let scalars: Vec<MirScalarExpr> = scalars.collect();
        let input = match scalars.is_empty() {
            true => (**input).clone(),
            false => (**input).clone().map(scalars),
        };
        let kept = (0..arity).filter(|column| *column != gone);
        Some((input, kept.map(|column| (column, moved(column))).collect()))
    };
    shorter(scalars).filter_map(without).collect()
}

/// An input without its projection, or with less mapped to it; the columns that the
/// join had before are chosen of what it has then.
fn of_join(
    join: &Relation,
    inputs: &[Relation],
    equivalences: &[Vec<MirScalarExpr>],
) -> Vec<Relation> {
    let compared: BTreeSet<usize> = equivalences
        .iter()
        .flatten()
        .flat_map(scalar::support)
        .collect();
    let mut out = Vec::new();
    let mut before = 0;
    for (at, input) in inputs.iter().enumerate() {
        let width = input.arity();
        let own = before..before + width;
        let used = compared.iter().filter(|column| own.contains(column));
        let used = used.map(|column| column - before).collect();
        for (plainer, moved) in without_columns(input, &used) {
            let (from, wider) = (before, plainer.arity());
            // What is gone is used by nothing but the output: another stands in.
            let place = |column: usize| match column {
                c if c < from => c,
                c if c < from + width => from + moved.get(&(c - from)).copied().unwrap_or(0),
                c => c - width + wider,
            };
            let plainer = changed(join, |copy| {
                if let Relation::Join {
                    inputs,
                    equivalences,
                    ..
                } = copy
                {
                    inputs[at] = plainer;
                    for member in equivalences.iter_mut().flatten() {
                        *member = scalar::mapped(member, place);
                    }
                }
            });
            out.push(plainer.project((0..join.arity()).map(place).collect()));
        }
        before += width;
    }
    out
}

/// A reduction of what a projection below it chooses from, or of a Map with less.
fn of_reduce(reduce: &Relation, input: &Relation) -> Vec<Relation> {
    let scalars = reduce.scalars().into_iter();
    let used: BTreeSet<usize> = scalars.flat_map(scalar::support).collect();
    let plainer = without_columns(input, &used).into_iter();
    let over = |(plainer, moved): (Relation, Moved)| {
        let mut copy = reduce.clone();
        if let Relation::Reduce { input, .. } = &mut copy {
            **input = plainer;
        }
        for scalar in copy.scalars_mut() {
            *scalar = scalar::mapped(scalar, |column| moved[&column]);
        }
        copy
    };
    plainer.map(over).collect()
}
