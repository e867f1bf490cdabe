//! The type checker: infers columns, nullability and unique keys bottom-up and
//! refuses what has no meaning. What panics upstream, or would go wrong on a
//! replica, is an error here. Source: `spec/script.md` §4.1, §4.3.
//!
//! Invariants: an error names the operator by its line in the text form, and
//! says what was found and what was expected; a plan that passes can be lowered
//! but for the reasons that `LowerError` names.

mod aggregate;
mod join;
mod keys;
mod nulls;
mod operators;
mod problem;
mod scalar;
mod table;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use crate::relation::{RecBinding, Relation};
use crate::types::{Globals, Locals, RelationType, TypeError};
use keys::Keys;
use problem::{Problem, expect};
use protocol::v26_30::{Id, MirScalarExpr};
use repr::{LocalId, ReprColumnType};

/// Whether an expression over the given columns may be NULL, as its type says;
/// `None` if it has none.
pub fn may_be_null(e: &MirScalarExpr, columns: &[ReprColumnType]) -> Option<bool> {
    let typ = scalar::scalar_type(e, columns).ok()?;
    Some(typ.nullable)
}

/// Infers the type of a plan that reads `globals`, or says what is wrong.
pub fn type_of(relation: &Relation, globals: &Globals) -> Result<RelationType, TypeError> {
    type_of_in(relation, globals, &Locals::new(), 0)
}

/// The same inside the scope of some bindings; `node` is the relation's number
/// in the whole plan.
pub(crate) fn type_of_in(
    relation: &Relation,
    globals: &Globals,
    locals: &Locals,
    node: usize,
) -> Result<RelationType, TypeError> {
    let mut checker = TypeChecker {
        globals,
        locals: locals.clone(),
        bound: BTreeSet::new(),
        second_keys: BTreeMap::new(),
        next_node: node,
    };
    let mut typ = checker.relation(relation)?;
    typ.keys = keys::finished(typ.keys);
    Ok(typ)
}

struct TypeChecker<'a> {
    globals: &'a Globals,
    locals: Locals,
    /// Every binding met so far: ids are unique in a plan.
    bound: BTreeSet<LocalId>,
    /// Keys of the second input of every union of two, by its address: one
    /// shape of union needs those of a union below it.
    second_keys: BTreeMap<*const Relation, Keys>,
    /// The number of the operator that comes next.
    next_node: usize,
}

impl TypeChecker<'_> {
    fn relation(&mut self, r: &Relation) -> Result<RelationType, TypeError> {
        let place = (self.next_node, r);
        self.next_node += 1;
        match r {
            Relation::Let { id, value, body } => {
                self.bind(place, *id)?;
                let mut typ = self.relation(value)?;
                typ.keys = keys::finished(typ.keys);
                self.locals.insert(*id, typ);
                let typ = self.relation(body);
                self.locals.remove(id);
                typ
            }
            Relation::LetRec { bindings, body } => self.let_rec(place, bindings, body),
            Relation::Get { id, typ } => self.read(place, *id, typ),
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
                let children = r.children();
                let inputs = children
                    .iter()
                    .map(|child| self.relation(child))
                    .collect::<Result<Vec<_>, _>>()?;
                at(place, self.operator(r, &inputs))
            }
        }
    }

    fn read(
        &self,
        place: Place<'_>,
        id: Id,
        typ: &RelationType,
    ) -> Result<RelationType, TypeError> {
        let known = match id {
            Id::Local(id) => self.locals.get(&id).ok_or(TypeError::UnboundLocal(id))?,
            Id::Global(id) => {
                let unknown = || format!("{id} is neither imported nor built before");
                at(place, self.globals.get(&id).ok_or_else(unknown))?
            }
        };
        at(place, readable_as(known, typ))?;
        Ok(typ.clone())
    }

    fn bind(&mut self, place: Place<'_>, id: LocalId) -> Result<(), TypeError> {
        if self.bound.insert(id) {
            Ok(())
        } else {
            at(place, Err(format!("{id} is bound twice in one plan")))
        }
    }

    fn let_rec(
        &mut self,
        place: Place<'_>,
        bindings: &[RecBinding],
        body: &Relation,
    ) -> Result<RelationType, TypeError> {
        for binding in bindings {
            self.bind(place, binding.id)?;
            self.locals.insert(binding.id, binding.typ.clone());
        }
        for binding in bindings {
            let found = self.relation(&binding.value)?;
            let fits = readable_as(&found, &binding.typ);
            at(
                place,
                fits.map_err(|problem| format!("{}: {problem}", binding.id)),
            )?;
        }
        let typ = self.relation(body);
        for binding in bindings {
            self.locals.remove(&binding.id);
        }
        typ
    }

    /// Every operator but bindings and reads, from its inputs' types.
    fn operator(&mut self, r: &Relation, inputs: &[RelationType]) -> Result<RelationType, Problem> {
        let none = RelationType::default();
        let first = inputs.first().unwrap_or(&none);
        let (column_types, keys) = match r {
            Relation::Constant {
                rows: Ok(rows),
                typ,
            } => operators::constant(rows, typ)?,
            Relation::Constant { rows: Err(_), typ } => {
                (typ.column_types.clone(), vec![Vec::new()])
            }
            Relation::Get { .. } | Relation::Let { .. } | Relation::LetRec { .. } => {
                return Err("it is checked where its scope is known".into());
            }
            Relation::Project { outputs, .. } => operators::project(first, outputs)?,
            Relation::Map { scalars, .. } => operators::map(first, scalars)?,
            Relation::FlatMap { func, exprs, .. } => operators::flat_map(first, func, exprs)?,
            Relation::Filter { predicates, .. } => operators::filter(first, predicates)?,
            Relation::Join {
                equivalences,
                implementation,
                ..
            } => join::join(inputs, equivalences, implementation)?,
            Relation::Reduce {
                group_key,
                aggregates,
                ..
            } => operators::reduce(first, group_key, aggregates)?,
            Relation::TopK {
                group_key,
                order_key,
                limit,
                ..
            } => operators::top_k(first, group_key, order_key, limit.as_ref())?,
            Relation::Negate { .. } => (first.column_types.clone(), Vec::new()),
            Relation::Threshold { .. } => (first.column_types.clone(), first.keys.clone()),
            Relation::ArrangeBy { keys, .. } => operators::arrange_by(first, keys)?,
            Relation::Union { inputs: relations } => {
                let columns = operators::union(inputs)?;
                (columns, self.keys_of_union(relations, inputs))
            }
        };
        Ok(RelationType {
            column_types,
            keys: keys::normalized(keys),
        })
    }

    fn keys_of_union(&mut self, relations: &[Relation], inputs: &[RelationType]) -> Keys {
        if let ([_, second], [_, typ]) = (relations, inputs) {
            self.second_keys
                .insert(std::ptr::from_ref(second), typ.keys.clone());
        }
        let keys_of = |other: &Relation| {
            let known = self.second_keys.get(&std::ptr::from_ref(other));
            known.cloned().unwrap_or_default()
        };
        keys::of_union(relations, keys_of)
    }
}

/// An operator and its number in the plan.
type Place<'a> = (usize, &'a Relation);

/// How long an operator's line is shown in an error.
const SHOWN: usize = 120;

fn at<T>((node, r): Place<'_>, result: Result<T, Problem>) -> Result<T, TypeError> {
    result.map_err(|problem| TypeError::At {
        node,
        operator: shortened(crate::text::header(r)),
        problem,
    })
}

fn shortened(mut line: String) -> String {
    if let Some((at, _)) = line.char_indices().nth(SHOWN) {
        line.truncate(at);
        line.push('…');
    }
    line
}

/// Whether what has the type `known` may be read as `typ`: same types, and
/// nothing is said to be non-null that may be NULL.
fn readable_as(known: &RelationType, typ: &RelationType) -> Result<(), Problem> {
    if known.arity() != typ.arity() {
        return Err(format!(
            "it has {} columns, expected {}",
            known.arity(),
            typ.arity()
        ));
    }
    for (c, (known, typ)) in known.column_types.iter().zip(&typ.column_types).enumerate() {
        expect(
            &format!("column #{c}"),
            &known.scalar_type,
            &typ.scalar_type,
        )?;
        if known.nullable && !typ.nullable {
            return Err(format!("column #{c} may be null, expected it not to be"));
        }
    }
    Ok(())
}
