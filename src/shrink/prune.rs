//! Plans without the columns that are gone from what they read, and without what
//! was computed of these.
//!
//! Invariant: every column that is left has the same meaning; where something other
//! than a column needs what is gone, there is no such plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Relation, scalar};
use crate::protocol::v26_30::{AggregateExpr, Id, MirScalarExpr};
use crate::repr::{GlobalId, LocalId};

/// Where columns went; those that are gone are not in it.
pub(super) type Moved = BTreeMap<usize, usize>;

/// The collections that have lost columns.
pub(super) type Sources = BTreeMap<GlobalId, Moved>;

/// A typed plan over sources that have lost columns, and what is left of its own.
/// None if something needs what is gone.
pub(super) fn pruned(plan: &Relation, sources: &Sources) -> Option<(Relation, Moved)> {
    let locals = BTreeMap::new();
    let (plan, moved) = Pruner { sources, locals }.relation(plan)?;
    (!moved.is_empty()).then_some((plan, moved))
}

struct Pruner<'a> {
    sources: &'a Sources,
    /// The bindings in scope that have lost columns.
    locals: BTreeMap<LocalId, Moved>,
}

fn unmoved(arity: usize) -> Moved {
    (0..arity).map(|column| (column, column)).collect()
}

/// The expression over the columns that are left; None if it reads one that is gone.
fn kept(expr: &MirScalarExpr, moved: &Moved) -> Option<MirScalarExpr> {
    let support = scalar::support(expr);
    let reads_all = support.iter().all(|column| moved.contains_key(column));
    reads_all.then(|| scalar::mapped(expr, |column| moved[&column]))
}

/// What is left of a list, and where its members went.
fn kept_of<T>(list: impl IntoIterator<Item = Option<T>>) -> (Vec<T>, Moved) {
    let (mut left, mut moved) = (Vec::new(), Moved::new());
    for (at, member) in list.into_iter().enumerate() {
        if let Some(member) = member {
            moved.insert(at, left.len());
            left.push(member);
        }
    }
    (left, moved)
}

impl Pruner<'_> {
    fn relation(&mut self, plan: &Relation) -> Option<(Relation, Moved)> {
        Some(match plan {
            Relation::Constant { .. } => (plan.clone(), unmoved(plan.arity())),
            Relation::Get { id, .. } => {
                let moved = match id {
                    Id::Global(id) => self.sources.get(id),
                    Id::Local(id) => self.locals.get(id),
                };
                let moved = moved.cloned().unwrap_or_else(|| unmoved(plan.arity()));
                (plan.clone(), moved)
            }
            Relation::Let { id, value, body } => {
                let (value, moved) = self.relation(value)?;
                self.locals.insert(*id, moved);
                let (body, moved) = self.relation(body)?;
                let (value, body) = (Box::new(value), Box::new(body));
                (
                    Relation::Let {
                        id: *id,
                        value,
                        body,
                    },
                    moved,
                )
            }
            Relation::LetRec { .. } => {
                let mut reads = false;
                plan.visit_globals(&mut |id| reads |= self.sources.contains_key(&id));
                return (!reads).then(|| (plan.clone(), unmoved(plan.arity())));
            }
            Relation::Project { input, outputs } => {
                let (input, moved) = self.relation(input)?;
                let outputs = outputs.iter().map(|column| moved.get(column).copied());
                let (outputs, moved) = kept_of(outputs);
                (input.project(outputs), moved)
            }
            Relation::Map { input, scalars } => {
                let arity = input.arity();
                let (input, mut moved) = self.relation(input)?;
                let mut left = Vec::new();
                let mut next = moved.len();
                for (at, scalar) in scalars.iter().enumerate() {
                    if let Some(scalar) = kept(scalar, &moved) {
                        left.push(scalar);
                        moved.insert(arity + at, next);
                        next += 1;
                    }
                }
                match left.is_empty() {
                    true => (input, moved),
                    false => (input.map(left), moved),
                }
            }
            Relation::FlatMap { input, func, exprs } => {
                let before = input.arity();
                let appended = plan.arity() - before;
                let (input, mut moved) = self.relation(input)?;
                let exprs = exprs.iter().map(|expr| kept(expr, &moved));
                let exprs = exprs.collect::<Option<_>>()?;
                let left = moved.len();
                moved.extend((0..appended).map(|at| (before + at, left + at)));
                let (input, func) = (Box::new(input), func.clone());
                (Relation::FlatMap { input, func, exprs }, moved)
            }
            Relation::Filter { input, predicates } => {
                let (input, moved) = self.relation(input)?;
                let predicates = predicates.iter().filter_map(|p| kept(p, &moved));
                let predicates: Vec<MirScalarExpr> = predicates.collect();
                match predicates.is_empty() {
                    true => (input, moved),
                    false => (input.filter(predicates), moved),
                }
            }
            Relation::Join { .. } => self.join(plan)?,
            Relation::Reduce { .. } => self.reduce(plan)?,
            Relation::TopK { .. } => self.top_k(plan)?,
            Relation::Negate { input } => {
                let (input, moved) = self.relation(input)?;
                (input.negate(), moved)
            }
            Relation::Threshold { input } => {
                let (input, moved) = self.relation(input)?;
                (input.threshold(), moved)
            }
            Relation::Union { inputs } => self.union(inputs)?,
            Relation::ArrangeBy { input, keys } => {
                let (input, moved) = self.relation(input)?;
                let key = |key: &Vec<MirScalarExpr>| -> Option<Vec<MirScalarExpr>> {
                    key.iter().map(|expr| kept(expr, &moved)).collect()
                };
                let keys: Vec<Vec<MirScalarExpr>> = keys.iter().filter_map(key).collect();
                match keys.is_empty() {
                    true => (input, moved),
                    false => (input.arrange_by(keys), moved),
                }
            }
        })
    }

    fn join(&mut self, join: &Relation) -> Option<(Relation, Moved)> {
        let mut copy = join.clone();
        let Relation::Join {
            inputs,
            equivalences,
            ..
        } = &mut copy
        else {
            return None;
        };
        let mut all = Moved::new();
        let (mut before, mut left) = (0, 0);
        for input in inputs {
            let arity = input.arity();
            let (pruned, moved) = self.relation(input)?;
            all.extend(moved.iter().map(|(from, to)| (before + from, left + to)));
            before += arity;
            left += moved.len();
            *input = pruned;
        }
        for class in equivalences.iter_mut() {
            *class = class
                .iter()
                .filter_map(|member| kept(member, &all))
                .collect();
        }
        equivalences.retain(|class| class.len() > 1);
        Some((copy, all))
    }

    fn reduce(&mut self, reduce: &Relation) -> Option<(Relation, Moved)> {
        let mut copy = reduce.clone();
        let Relation::Reduce {
            input,
            group_key,
            aggregates,
            ..
        } = &mut copy
        else {
            return None;
        };
        let keys = group_key.len();
        let (pruned, moved) = self.relation(input)?;
        **input = pruned;
        let (left, mut all) = kept_of(group_key.iter().map(|expr| kept(expr, &moved)));
        let keys_left = left.len();
        *group_key = left;
        let aggregate = |aggregate: &AggregateExpr| {
            let expr = kept(&aggregate.expr, &moved)?;
            Some(AggregateExpr {
                expr,
                ..aggregate.clone()
            })
        };
        let (left, moved) = kept_of(aggregates.iter().map(aggregate));
        *aggregates = left;
        all.extend(moved.iter().map(|(from, to)| (keys + from, keys_left + to)));
        Some((copy, all))
    }

    fn top_k(&mut self, top_k: &Relation) -> Option<(Relation, Moved)> {
        let mut copy = top_k.clone();
        let Relation::TopK {
            input,
            group_key,
            order_key,
            limit,
            ..
        } = &mut copy
        else {
            return None;
        };
        let (pruned, moved) = self.relation(input)?;
        **input = pruned;
        *group_key = group_key
            .iter()
            .filter_map(|c| moved.get(c).copied())
            .collect();
        order_key.retain(|order| moved.contains_key(&order.column));
        for order in order_key {
            order.column = moved[&order.column];
        }
        if let Some(limit) = limit {
            *limit = kept(limit, &moved)?;
        }
        Some((copy, moved))
    }

    /// Of each input the columns that all of them have left.
    fn union(&mut self, inputs: &[Relation]) -> Option<(Relation, Moved)> {
        let pruned: Option<Vec<_>> = inputs.iter().map(|input| self.relation(input)).collect();
        let pruned = pruned?;
        let all = |(_, moved): &(Relation, Moved)| moved.keys().copied().collect();
        let common: BTreeSet<usize> = pruned
            .iter()
            .map(all)
            .reduce(|a: BTreeSet<usize>, b| &a & &b)?;
        let inputs = pruned
            .into_iter()
            .map(|(input, moved)| match moved.len() == common.len() {
                true => input,
                false => input.project(common.iter().map(|column| moved[column]).collect()),
            });
        let inputs = inputs.collect();
        let moved = common.into_iter().enumerate();
        Some((
            Relation::Union { inputs },
            moved.map(|(to, from)| (from, to)).collect(),
        ))
    }
}
