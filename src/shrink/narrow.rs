//! Narrower plans: fewer columns in what a dataflow computes, and in the keys of its
//! indexes and the schemas of its peeks.
//!
//! Invariant: what reads a narrower plan follows in the same candidate.

use super::edits::Commands;
use super::edits::schemas::{with_peeks_of, without_unused_schemas};
use super::inputs::over_plainer_inputs;
use super::parts::{shorter, without_a_part};
use super::plans::{count, replace, typed, with_plan};
use crate::plan::Relation;
use crate::repr::GlobalId;
use crate::script::{Command, Export, Plan};

/// The script with fewer columns in what this plan computes: operators that keep
/// columns as they are may stand above the one that loses some of its own.
pub fn narrower(commands: &[Command], plan: &Plan) -> Vec<Commands> {
    let Some((typed, _)) = typed(commands, plan) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let (mut at, mut place) = (&typed, 0_usize);
    loop {
        for narrow in narrowed(at) {
            let mut candidate = typed.clone();
            replace(&mut candidate, &mut place.clone(), narrow);
            let arity = candidate.arity();
            if arity > 0 {
                let to = Plan::from(candidate);
                out.push(with_columns(&with_plan(commands, plan, &to), &to, arity));
            }
        }
        (at, place) = match at {
            Relation::Project { input, .. }
            | Relation::Map { input, .. }
            | Relation::Filter { input, .. }
            | Relation::TopK { input, .. }
            | Relation::Negate { input }
            | Relation::Threshold { input }
            | Relation::ArrangeBy { input, .. } => (input, place + 1),
            Relation::Let { value, body, .. } => (body, place + 1 + count(value)),
            Relation::Constant { .. }
            | Relation::Get { .. }
            | Relation::LetRec { .. }
            | Relation::FlatMap { .. }
            | Relation::Join { .. }
            | Relation::Reduce { .. }
            | Relation::Union { .. } => return out,
        };
    }
}

/// The operator with fewer columns: its input alone if it only chooses or appends
/// them, a choice with one less, and all that stands under the projection by which
/// a missing part is made up for.
fn narrowed(operator: &Relation) -> Vec<Relation> {
    let mut out = Vec::new();
    match operator {
        Relation::Project { input, outputs } => {
            out.push(input.as_ref().clone());
            let chosen = |outputs: Vec<usize>| input.as_ref().clone().project(outputs);
            if let [first, _, _, ..] = outputs.as_slice() {
                out.push(chosen(vec![*first]));
            }
            let fewer = shorter(outputs).filter(|(_, fewer)| !fewer.is_empty());
            out.extend(fewer.map(|(_, fewer)| chosen(fewer)));
        }
        Relation::Map { input, .. } | Relation::FlatMap { input, .. } => {
            out.push(input.as_ref().clone());
        }
        Relation::Constant { .. }
        | Relation::Get { .. }
        | Relation::Let { .. }
        | Relation::LetRec { .. }
        | Relation::Filter { .. }
        | Relation::Join { .. }
        | Relation::Reduce { .. }
        | Relation::TopK { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. }
        | Relation::ArrangeBy { .. } => {}
    }
    if !matches!(operator, Relation::Project { .. }) {
        let parts = without_a_part(operator).into_iter();
        let plainer = over_plainer_inputs(operator);
        out.extend(parts.chain(plainer).filter_map(|part| {
            let Relation::Project { input, .. } = part else {
                return None;
            };
            Some(*input)
        }));
    }
    out
}

/// Fits keys of indexes, and schemas of peeks, to the columns of a plan.
fn with_columns(commands: &[Command], plan: &Plan, arity: usize) -> Commands {
    let mut indexes: Vec<GlobalId> = Vec::new();
    let mut out = commands.to_vec();
    for dataflow in out.iter_mut().filter_map(Command::dataflow_mut) {
        let builds = dataflow.builds.iter().filter(|build| build.plan == *plan);
        let built: Vec<GlobalId> = builds.map(|build| build.id).collect();
        for export in &mut dataflow.exports {
            if let Export::Index { index, on, key } = export
                && built.contains(on)
            {
                key.retain(|column| *column < arity);
                indexes.push(*index);
            }
        }
    }
    without_unused_schemas(&with_peeks_of(&out, &indexes, arity))
}
