//! Gives every join without an implementation one, and its inputs the
//! arrangements that this needs. Source: recipes of `spec/lowering.md` §4.2 and
//! §4.3, choices as outlined in §4.1.
//!
//! Invariants: each key component has a counterpart among the inputs placed
//! before; equivalences are disjoint; a join planned by hand is left alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Key, Names, columns, nothing};
use crate::equivalences::canonical_equivalences;
use crate::mfp::Mfp;
use crate::options::{JoinKind, Quirks};
use crate::relation::{JoinImplementation, Lookup, Relation};
use crate::scalar;
use protocol::v26_30::{Id, MirScalarExpr};

/// What planning the joins of one object needs to know.
pub(super) struct Joins<'a> {
    /// Which way is forced.
    pub kind: Option<JoinKind>,
    /// The keys by which what can be read is arranged.
    pub arranged: &'a mut BTreeMap<Id, Vec<Key>>,
    pub names: &'a mut Names,
}

impl Joins<'_> {
    /// Plans the joins of `relation`; returns the keys by which its result is
    /// arranged once it is lowered.
    pub(super) fn implement(&mut self, relation: &mut Relation) -> Vec<Key> {
        match relation {
            Relation::Constant { .. } => Vec::new(),
            Relation::Get { id, .. } => self.arranged.get(id).cloned().unwrap_or_default(),
            Relation::Let { id, value, body } => {
                let keys = self.implement(value);
                self.arranged.insert(Id::Local(*id), keys);
                let keys = self.implement(body);
                self.arranged.remove(&Id::Local(*id));
                keys
            }
            Relation::LetRec { bindings, body } => {
                for binding in bindings.iter_mut() {
                    let keys = self.implement(&mut binding.value);
                    self.arranged.insert(Id::Local(binding.id), keys);
                }
                // Arrangements do not leave the scope.
                for binding in bindings.iter() {
                    self.arranged.remove(&Id::Local(binding.id));
                }
                self.implement(body)
            }
            Relation::Map { .. } | Relation::Filter { .. } | Relation::Project { .. } => {
                let (m, core) = peel_mut(relation);
                let keys = self.implement(core);
                if m.is_identity() { keys } else { Vec::new() }
            }
            Relation::FlatMap { input, .. }
            | Relation::TopK { input, .. }
            | Relation::Negate { input } => {
                self.implement(input);
                Vec::new()
            }
            Relation::Union { inputs } => {
                for input in inputs {
                    self.implement(input);
                }
                Vec::new()
            }
            Relation::Reduce {
                input, group_key, ..
            } => {
                self.implement(input);
                vec![columns(0..group_key.len())]
            }
            Relation::Threshold { input } => {
                self.implement(input);
                vec![columns(0..input.arity())]
            }
            Relation::ArrangeBy { input, keys } => {
                let mut all = self.implement(input);
                all.extend(keys.iter().cloned());
                all.sort();
                all.dedup();
                all
            }
            Relation::Join { .. } => {
                self.implement_join(relation);
                Vec::new()
            }
        }
    }

    fn implement_join(&mut self, join: &mut Relation) {
        let Relation::Join {
            inputs,
            equivalences,
            implementation,
        } = join
        else {
            return;
        };
        let offered: Vec<Vec<Key>> = inputs
            .iter_mut()
            .map(|input| self.implement(input))
            .collect();
        if let JoinImplementation::Unimplemented = implementation {
            *equivalences = canonical_equivalences(equivalences, &Quirks::NONE);
            let planner = Planner::new(inputs, equivalences, &offered);
            let (chosen, needed) = planner.choose(self.kind);
            *implementation = chosen;
            for (input, keys) in inputs.iter_mut().zip(needed) {
                let whole = std::mem::replace(input, nothing());
                *input = whole.arrange_by(keys.into_iter().collect());
            }
            self.share_inputs(join);
        }
    }

    /// Whether arranging `relation` again would cost nothing.
    fn is_there(&self, relation: &Relation) -> bool {
        let Relation::ArrangeBy { input, keys } = relation else {
            return false;
        };
        let Relation::Get { id, .. } = &**input else {
            return false;
        };
        let known = self.arranged.get(id).map_or(&[][..], |keys| keys);
        keys.iter().all(|key| known.contains(key))
    }

    /// Equal inputs are arranged once, under a name.
    fn share_inputs(&mut self, join: &mut Relation) {
        let Relation::Join { inputs, .. } = join else {
            return;
        };
        let mut bound = Vec::new();
        for i in 0..inputs.len() {
            let equal: Vec<usize> = (i..inputs.len())
                .filter(|j| inputs[*j] == inputs[i])
                .collect();
            if equal.len() < 2 || self.is_there(&inputs[i]) {
                continue;
            }
            let Some((id, read)) = self.names.bind(&inputs[i]) else {
                continue;
            };
            for j in equal {
                let value = std::mem::replace(&mut inputs[j], read.clone());
                if j == i {
                    bound.push((id, value));
                }
            }
        }
        for (id, value) in bound.into_iter().rev() {
            let body = std::mem::replace(join, nothing());
            *join = Relation::Let {
                id,
                value: Box::new(value),
                body: Box::new(body),
            };
        }
    }
}

/// The MFP on top of `relation`, and what is below it.
fn peel_mut(relation: &mut Relation) -> (Mfp, &mut Relation) {
    match relation {
        Relation::Map { input, scalars } => {
            let (m, core) = peel_mut(input);
            (m.map(scalars.iter().cloned()), core)
        }
        Relation::Filter { input, predicates } => {
            let (m, core) = peel_mut(input);
            (m.filter(predicates.iter().cloned()), core)
        }
        Relation::Project { input, outputs } => {
            let (m, core) = peel_mut(input);
            (m.project(outputs.iter().copied()), core)
        }
        core => (Mfp::new(core.arity()), core),
    }
}

/// How good a step of an order is: by the length of the key that it looks up,
/// then whether the arrangement is there already, then the input's number.
type Step = (usize, bool, Reverse<usize>);

struct Planner<'a> {
    offsets: Vec<usize>,
    arities: Vec<usize>,
    equivalences: &'a [Vec<MirScalarExpr>],
    /// By input: the keys by which it is arranged.
    offered: &'a [Vec<Key>],
}

impl<'a> Planner<'a> {
    fn new(
        inputs: &[Relation],
        equivalences: &'a [Vec<MirScalarExpr>],
        offered: &'a [Vec<Key>],
    ) -> Self {
        let arities: Vec<usize> = inputs.iter().map(Relation::arity).collect();
        let offsets = arities.iter().scan(0, |sum, arity| {
            let offset = *sum;
            *sum += arity;
            Some(offset)
        });
        Planner {
            offsets: offsets.collect(),
            arities,
            equivalences,
            offered,
        }
    }

    /// The implementation, and by input the keys that it needs.
    fn choose(&self, kind: Option<JoinKind>) -> (JoinImplementation, Vec<BTreeSet<Key>>) {
        let orders: Vec<_> = (0..self.arities.len()).map(|s| self.order(s)).collect();
        let linear = self.linear(&orders);
        if orders.len() < 2 || kind == Some(JoinKind::Linear) {
            return linear;
        }
        let delta = self.delta(&orders);
        if kind == Some(JoinKind::Delta) {
            return delta;
        }
        // Delta joins keep nothing of their own: worth it if all arrangements
        // are there, or would be for the linear join.
        let exists = |input: usize, key: &Key| {
            self.offered[input].contains(key) || linear.1[input].contains(key)
        };
        let mut needed = delta.1.iter().enumerate();
        let nothing_new = needed.all(|(i, keys)| keys.iter().all(|key| exists(i, key)));
        if orders.len() >= 3 && nothing_new {
            delta
        } else {
            linear
        }
    }

    /// The start whose worst step is best, then whose steps are.
    fn linear(
        &self,
        orders: &[(Vec<Lookup>, Vec<Step>)],
    ) -> (JoinImplementation, Vec<BTreeSet<Key>>) {
        let rated = orders.iter().enumerate().map(|(start, (_, steps))| {
            let steps: Vec<_> = steps.iter().map(|(len, there, _)| (*len, *there)).collect();
            ((steps.iter().min().copied(), steps, Reverse(start)), start)
        });
        let start = rated.max().map_or(0, |(_, start)| start);
        let order = orders.get(start).map_or(&[][..], |(order, _)| order);
        let start_key: Key = match order.first() {
            None => Vec::new(),
            Some((second, key)) => key
                .iter()
                .filter_map(|component| self.counterpart(start, *second, component))
                .collect(),
        };
        let mut needed = self.needed(order.iter());
        if let Some(keys) = needed.get_mut(start) {
            keys.insert(start_key.clone());
        }
        let implementation = JoinImplementation::Differential {
            start,
            start_key: Some(start_key),
            order: order.to_vec(),
        };
        (implementation, needed)
    }

    fn delta(
        &self,
        orders: &[(Vec<Lookup>, Vec<Step>)],
    ) -> (JoinImplementation, Vec<BTreeSet<Key>>) {
        let orders: Vec<Vec<Lookup>> = orders.iter().map(|(order, _)| order.clone()).collect();
        let needed = self.needed(orders.iter().flatten());
        (JoinImplementation::DeltaQuery(orders), needed)
    }

    fn needed<'b>(&self, lookups: impl Iterator<Item = &'b Lookup>) -> Vec<BTreeSet<Key>> {
        let mut needed = vec![BTreeSet::new(); self.arities.len()];
        for (input, key) in lookups {
            needed[*input].insert(key.clone());
        }
        needed
    }

    /// Greedily, the best next input and its key, until all are placed.
    fn order(&self, start: usize) -> (Vec<Lookup>, Vec<Step>) {
        let mut placed = BTreeSet::from([start]);
        let mut order = Vec::new();
        let mut steps = Vec::new();
        while placed.len() < self.arities.len() {
            let unplaced = (0..self.arities.len()).filter(|i| !placed.contains(i));
            let best = unplaced.map(|i| self.candidate(i, &placed)).max();
            let Some((step, key)) = best else { break };
            let Reverse(input) = step.2;
            placed.insert(input);
            steps.push(step);
            order.push((input, key));
        }
        (order, steps)
    }

    /// The best key to look up `input` by, once `placed` are placed.
    fn candidate(&self, input: usize, placed: &BTreeSet<usize>) -> (Step, Key) {
        let bound: Vec<Key> = self
            .equivalences
            .iter()
            .filter(|class| class.iter().any(|e| self.over(e, placed)))
            .map(|class| self.members(class, input))
            .filter(|members| !members.is_empty())
            .collect();
        let mut full: Key = bound.iter().map(|members| members[0].clone()).collect();
        full.sort();
        let usable = |key: &Key| {
            !key.is_empty()
                && key
                    .iter()
                    .all(|e| bound.iter().any(|class| class.contains(e)))
        };
        let arranged = self.offered[input].iter().filter(|key| usable(key));
        // Two components of one class would look for the class twice.
        let arranged = arranged.filter(|key| {
            let classes = bound.iter();
            classes
                .clone()
                .all(|class| key.iter().filter(|e| class.contains(e)).count() <= 1)
        });
        let offered = self.offered[input].contains(&full);
        let mut best = ((full.len(), offered, Reverse(input)), full);
        for key in arranged {
            let step = (key.len(), true, Reverse(input));
            if step > best.0 {
                best = (step, key.clone());
            }
        }
        best
    }

    /// Whether a member can be computed from the placed inputs.
    fn over(&self, e: &MirScalarExpr, placed: &BTreeSet<usize>) -> bool {
        let support = scalar::support(e);
        !support.is_empty()
            && support
                .iter()
                .all(|c| placed.iter().any(|i| self.range(*i).contains(c)))
    }

    fn range(&self, input: usize) -> std::ops::Range<usize> {
        self.offsets[input]..self.offsets[input] + self.arities[input]
    }

    /// The members of a class that are over `input` alone, in its own columns.
    fn members(&self, class: &[MirScalarExpr], input: usize) -> Vec<MirScalarExpr> {
        let alone = BTreeSet::from([input]);
        class
            .iter()
            .filter(|e| self.over(e, &alone))
            .map(|e| scalar::mapped(e, |c| c - self.offsets[input]))
            .collect()
    }

    /// What of `start` equals the component of the key of `second`.
    fn counterpart(
        &self,
        start: usize,
        second: usize,
        component: &MirScalarExpr,
    ) -> Option<MirScalarExpr> {
        let global = scalar::mapped(component, |c| c + self.offsets[second]);
        let class = self
            .equivalences
            .iter()
            .find(|class| class.contains(&global))?;
        self.members(class, start).into_iter().next()
    }
}
