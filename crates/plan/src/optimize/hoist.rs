//! Moves bindings to the top, where the flat plan of the wire wants them:
//! a stage of bindings may only stand above a plan without any. Source:
//! `spec/lowering.md` §1.6.
//!
//! Invariants: ids are unique in a plan, so nothing is captured; a binding
//! inside a recursive value stays inside that value.

use super::nothing;
use crate::relation::{RecBinding, Relation};
use repr::LocalId;

enum Binding {
    Let(LocalId, Relation),
    Rec(Vec<RecBinding>),
}

/// Puts all bindings of the plan above everything else.
pub(super) fn bindings(relation: &mut Relation) {
    let mut lifted = Vec::new();
    let body = lift(std::mem::replace(relation, nothing()), &mut lifted);
    *relation = lifted
        .into_iter()
        .rev()
        .fold(body, |body, binding| match binding {
            Binding::Let(id, value) => Relation::Let {
                id,
                value: Box::new(value),
                body: Box::new(body),
            },
            Binding::Rec(bindings) => Relation::LetRec {
                bindings,
                body: Box::new(body),
            },
        });
}

fn lift(relation: Relation, lifted: &mut Vec<Binding>) -> Relation {
    match relation {
        Relation::Let { id, value, body } => {
            let value = lift(*value, lifted);
            lifted.push(Binding::Let(id, value));
            lift(*body, lifted)
        }
        Relation::LetRec {
            bindings: mut recursive,
            body,
        } => {
            for binding in &mut recursive {
                bindings(&mut binding.value);
            }
            lifted.push(Binding::Rec(recursive));
            lift(*body, lifted)
        }
        mut other => {
            for child in other.children_mut() {
                let whole = std::mem::replace(child, nothing());
                *child = lift(whole, lifted);
            }
            other
        }
    }
}
