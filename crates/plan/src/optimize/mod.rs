//! What `optimize` and `join=` ask for before lowering: plans that a replica
//! can render though their joins have no implementation. It keeps upstream's
//! contract with lowering (`spec/lowering.md` §1.5, §2.8.4, §4), not its
//! choices: answers are the same, trees need not be.
//!
//! Invariants: the result means what the plan meant; afterwards bindings stand
//! at the top, every join has an implementation whose arrangements are asked
//! for, and no reduce mixes classes of aggregates.

mod hoist;
mod joins;
mod monotonic;
mod split;

use std::collections::BTreeMap;

use super::check::type_of_in;
use super::dataflow::DataflowPlan;
use super::options::JoinKind;
use super::relation::Relation;
use super::scalar;
use super::types::{Globals, Locals};
use protocol::v26_30::{Id, MirScalarExpr};
use repr::LocalId;

/// A key of an arrangement, over the columns of what it arranges.
type Key = Vec<MirScalarExpr>;

/// Plans every object of the dataflow. With `flags`, the `monotonic` flags are
/// set to what can be proved from the imports; otherwise they stay as written.
pub(super) fn dataflow(
    dataflow: &DataflowPlan,
    kind: Option<JoinKind>,
    flags: bool,
) -> DataflowPlan {
    let mut planned = dataflow.clone();
    let mut arranged: BTreeMap<Id, Vec<Key>> = BTreeMap::new();
    let mut indexes: Vec<_> = dataflow.indexes.iter().collect();
    indexes.sort_by_key(|index| index.index);
    for index in indexes {
        let keys = arranged.entry(Id::Global(index.on)).or_default();
        keys.push(index.key.clone());
    }
    let mut monotonic = monotonic::of_imports(dataflow);
    for (id, relation) in &mut planned.objects {
        let mut names = Names::of(relation);
        split::mixed_reductions(relation, &mut names);
        hoist::bindings(relation);
        let mut joins = joins::Joins {
            kind,
            arranged: &mut arranged,
            names: &mut names,
        };
        let keys = joins.implement(relation);
        hoist::bindings(relation);
        arranged.insert(Id::Global(*id), keys);
        if flags {
            let proved = monotonic::set_flags(relation, &mut monotonic);
            monotonic.insert(Id::Global(*id), proved);
        }
    }
    planned
}

/// What stands in a place while its contents are being rewritten.
fn nothing() -> Relation {
    Relation::Constant {
        rows: Ok(Vec::new()),
        typ: Default::default(),
    }
}

/// New names for parts of a plan, which need the types of what is read.
struct Names {
    next_local: u64,
    /// As the reads carry them.
    globals: Globals,
    locals: Locals,
}

impl Names {
    /// The names that `relation` binds and reads.
    fn of(relation: &Relation) -> Self {
        let mut names = Names {
            next_local: 0,
            globals: Globals::new(),
            locals: Locals::new(),
        };
        let next_local = &mut names.next_local;
        let mut bound = |id: LocalId| *next_local = (*next_local).max(id.0.saturating_add(1));
        relation.visit(&mut |r| match r {
            Relation::Let { id, .. } => bound(*id),
            Relation::LetRec { bindings, .. } => bindings.iter().for_each(|b| bound(b.id)),
            Relation::Get { id, typ } => match id {
                Id::Global(id) => drop(names.globals.insert(*id, typ.clone())),
                Id::Local(id) => drop(names.locals.insert(*id, typ.clone())),
            },
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
            | Relation::ArrangeBy { .. } => {}
        });
        names
    }

    /// A read of a new name for `value`; None if its type is not known.
    fn bind(&mut self, value: &Relation) -> Option<(LocalId, Relation)> {
        let typ = type_of_in(value, &self.globals, &self.locals, 0).ok()?;
        let id = LocalId(self.next_local);
        self.next_local = self.next_local.checked_add(1)?;
        self.locals.insert(id, typ.clone());
        Some((id, Relation::get_local(id, typ)))
    }
}

/// `#from`, `#from+1`, … up to `to`.
fn columns(range: std::ops::Range<usize>) -> Key {
    range.map(scalar::column).collect()
}

#[cfg(test)]
mod tests;
