//! Fills in the types of what is read, once they are known. Source:
//! `spec/script.md` §4.1.
//!
//! Invariant: afterwards every read carries the type of its collection, or its
//! binding's inferred type (for recursive bindings: the declared one), keys
//! included.

use super::check::{type_of, type_of_in};
use super::relation::Relation;
use super::types::{Globals, Locals, RelationType, TypeError};
use protocol::v26_30::Id;
use repr::LocalId;

/// Gives every `Get` the type of what it reads. Unknown collections keep the
/// type that they have; the type checker refuses them.
pub fn resolve_types(r: &mut Relation, globals: &Globals) -> Result<(), TypeError> {
    resolve(r, globals, &mut Locals::new(), &mut 0)
}

/// A plan with the types of what it reads, and its own type.
pub fn typed(plan: &Relation, globals: &Globals) -> Result<(Relation, RelationType), TypeError> {
    let mut typed = plan.clone();
    resolve_types(&mut typed, globals)?;
    let typ = type_of(&typed, globals)?;
    Ok((typed, typ))
}

/// `next_node` numbers the operators as the type checker does.
fn resolve(
    r: &mut Relation,
    globals: &Globals,
    locals: &mut Locals,
    next_node: &mut usize,
) -> Result<(), TypeError> {
    *next_node += 1;
    match r {
        Relation::Get {
            id: Id::Local(id),
            typ,
        } => match locals.get(id) {
            Some(known) => *typ = known.clone(),
            None => return Err(TypeError::UnboundLocal(*id)),
        },
        Relation::Get {
            id: Id::Global(id),
            typ,
        } => {
            if let Some(known) = globals.get(id) {
                *typ = known.clone();
            }
        }
        Relation::Let { id, value, body } => {
            let node = *next_node;
            resolve(value, globals, locals, next_node)?;
            let typ = type_of_in(value, globals, locals, node)?;
            let shadowed = locals.insert(*id, typ);
            resolve(body, globals, locals, next_node)?;
            restore(locals, *id, shadowed);
        }
        Relation::LetRec { bindings, body } => {
            let mut shadowed = Vec::new();
            for binding in bindings.iter() {
                shadowed.push((binding.id, locals.insert(binding.id, binding.typ.clone())));
            }
            for binding in bindings {
                resolve(&mut binding.value, globals, locals, next_node)?;
            }
            resolve(body, globals, locals, next_node)?;
            for (id, typ) in shadowed.into_iter().rev() {
                restore(locals, id, typ);
            }
        }
        Relation::Constant { .. }
        | Relation::Project { .. }
        | Relation::Map { .. }
        | Relation::FlatMap { .. }
        | Relation::Filter { .. }
        | Relation::Join { .. }
        | Relation::Reduce { .. }
        | Relation::TopK { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. }
        | Relation::ArrangeBy { .. } => {
            for child in r.children_mut() {
                resolve(child, globals, locals, next_node)?;
            }
        }
    }
    Ok(())
}

fn restore(locals: &mut Locals, id: LocalId, shadowed: Option<RelationType>) {
    match shadowed {
        Some(typ) => locals.insert(id, typ),
        None => locals.remove(&id),
    };
}
