//! The rules by which each operator is lowered. Source: `spec/lowering.md`
//! §1.4, §2; a comment names the section of each rule.
//!
//! Invariants: an id is taken when a node is complete, so inputs have smaller
//! ids; what a node's collections promise, the rendered node offers.

use std::collections::{BTreeMap, BTreeSet};

use super::join::{MissingForms, plan_join};
use super::lir::{Key, Lir, Op, Reading};
use super::permutation::{Arrangement, arrangement_by, over_arrangement, physical_arity};
use super::reduce::{buckets, mfp_after, reduce_plan};
use super::{DataflowPlan, LowerError, LowerOptions};
use crate::relation::{JoinImplementation, RecBinding, Relation, table_function_arity};
use crate::{Mfp, scalar};
use protocol::v26_30::{
    AggregateExpr, ArrangementStrategy, AvailableCollections, BasicThresholdPlan, BasicTopKPlan,
    Id, KeyValPlan, MirScalarExpr, MonotonicTop1Plan, MonotonicTopKPlan, TableFunc, ThresholdPlan,
    TopKPlan,
};
use repr::{Datum, GlobalId, LocalId, Row};

/// A lowered node: what the next operator may rely on, and whether it may
/// produce updates at times later than its input's.
pub(super) struct Lowered {
    pub plan: Lir,
    pub keys: AvailableCollections,
    pub future: bool,
}

/// The state of lowering one dataflow.
pub(super) struct Context {
    available: BTreeMap<Id, AvailableCollections>,
    future: BTreeSet<Id>,
    next_id: u64,
    options: LowerOptions,
}

pub(super) fn raw_only() -> AvailableCollections {
    AvailableCollections {
        raw: true,
        arranged: Vec::new(),
    }
}

fn only(arrangement: Arrangement) -> AvailableCollections {
    AvailableCollections {
        raw: false,
        arranged: vec![arrangement],
    }
}

fn strategy(future: bool) -> ArrangementStrategy {
    if future {
        ArrangementStrategy::TemporalBucketing
    } else {
        ArrangementStrategy::Direct
    }
}

fn columns(range: std::ops::Range<usize>) -> Key {
    range.map(scalar::column).collect()
}

/// Map, Filter and Project from the top of `r` as one MFP, and what is below
/// (§2.1, §3.2).
fn peel(r: &Relation) -> (Mfp, &Relation) {
    let mut above = Vec::new();
    let mut core = r;
    while let Relation::Map { input, .. }
    | Relation::Filter { input, .. }
    | Relation::Project { input, .. } = core
    {
        above.push(core);
        core = input;
    }
    let mut m = Mfp::new(core.arity());
    for r in above.into_iter().rev() {
        m = match r {
            Relation::Map { scalars, .. } => m.map(scalars.iter().cloned()),
            Relation::Filter { predicates, .. } => m.filter(predicates.iter().cloned()),
            Relation::Project { outputs, .. } => m.project(outputs.iter().copied()),
            _ => m,
        };
    }
    (m, core)
}

/// The longest candidate key that the literals fix; the last of equals.
fn longest_lookup(
    arranged: &[Arrangement],
    fixed: impl Fn(&Arrangement) -> Option<Row>,
) -> Option<(&Arrangement, Row)> {
    let mut best: Option<(&Arrangement, Row)> = None;
    for arrangement in arranged {
        if let Some(row) = fixed(arrangement)
            && best
                .as_ref()
                .is_none_or(|(known, _)| arrangement.0.len() >= known.0.len())
        {
            best = Some((arrangement, row));
        }
    }
    best
}

impl Context {
    pub(super) fn new(dataflow: &DataflowPlan, options: LowerOptions) -> Self {
        let mut available: BTreeMap<Id, AvailableCollections> = BTreeMap::new();
        let mut indexes: Vec<_> = dataflow.indexes.iter().collect();
        indexes.sort_by_key(|index| index.index);
        for index in indexes {
            let known = available.entry(Id::Global(index.on));
            let known = known.or_insert_with(|| AvailableCollections {
                raw: false,
                arranged: Vec::new(),
            });
            known
                .arranged
                .push(arrangement_by(&index.key, index.typ.arity()));
        }
        for source in &dataflow.sources {
            available
                .entry(Id::Global(source.id))
                .or_insert_with(raw_only);
        }
        Context {
            available,
            future: BTreeSet::new(),
            next_id: 1,
            options,
        }
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn node(&mut self, op: Op) -> Lir {
        let id = self.take_id();
        Lir { id, op }
    }

    fn bind(&mut self, id: Id, keys: AvailableCollections, future: bool) {
        self.available.insert(id, keys);
        if future {
            self.future.insert(id);
        }
    }

    fn unbind(&mut self, id: Id) {
        self.available.remove(&id);
        self.future.remove(&id);
    }

    /// Lowers an object; later objects may read it.
    pub(super) fn lower_object(
        &mut self,
        id: GlobalId,
        relation: &Relation,
    ) -> Result<Lir, LowerError> {
        let lowered = self.lower(relation)?;
        self.bind(Id::Global(id), lowered.keys, lowered.future);
        Ok(lowered.plan)
    }

    fn lower(&mut self, r: &Relation) -> Result<Lowered, LowerError> {
        let (mut m, core) = peel(r);
        let lowered = self.core(core, &mut m)?;
        if m.is_identity() {
            Ok(lowered)
        } else {
            Ok(self.leftover(lowered, m))
        }
    }

    /// Lowers everything but Map, Filter and Project; takes what it can of the
    /// MFP above and leaves the rest in `m`.
    fn core(&mut self, r: &Relation, m: &mut Mfp) -> Result<Lowered, LowerError> {
        match r {
            Relation::Constant { rows, .. } => {
                let plan = self.node(Op::Constant(rows.clone()));
                Ok(Lowered {
                    plan,
                    keys: raw_only(),
                    future: false,
                })
            }
            Relation::Get { id, .. } => {
                let whole = std::mem::replace(m, Mfp::new(m.arity()));
                Ok(self.get(*id, whole))
            }
            Relation::Let { id, value, body } => self.let_(*id, value, body),
            Relation::LetRec { bindings, body } => self.let_rec(bindings, body),
            Relation::FlatMap { input, func, exprs } => {
                let whole = std::mem::replace(m, Mfp::new(m.arity()));
                self.flat_map(input, func, exprs, whole)
            }
            Relation::Join {
                inputs,
                equivalences,
                implementation,
            } => self.join(inputs, equivalences, implementation, m),
            Relation::Reduce {
                input,
                group_key,
                aggregates,
                monotonic,
                expected_group_size,
            } => {
                let plan = reduce_plan(aggregates, *monotonic, *expected_group_size);
                self.reduce(input, group_key, aggregates, plan, m)
            }
            Relation::TopK { .. } => self.top_k(r),
            Relation::Negate { input } => {
                let input = self.lower_raw(input)?;
                let future = input.future;
                let plan = self.node(Op::Negate {
                    input: Box::new(input.plan),
                });
                Ok(Lowered {
                    plan,
                    keys: raw_only(),
                    future,
                })
            }
            Relation::Threshold { input } => self.threshold(input),
            Relation::Union { inputs } => self.union(inputs),
            Relation::ArrangeBy { input, keys } => self.arrange_by(input, keys),
            // Peeled before.
            Relation::Map { .. } | Relation::Filter { .. } | Relation::Project { .. } => {
                self.lower(r)
            }
        }
    }

    /// §2.2
    fn get(&mut self, id: Id, m: Mfp) -> Lowered {
        let future = self.future.contains(&id) || m.has_temporal_predicate();
        let mut keys = self.available.get(&id).cloned().unwrap_or_else(raw_only);
        let lookup = longest_lookup(&keys.arranged, |(key, _, _)| m.literal_constraints(key))
            .map(|(arrangement, row)| (arrangement.clone(), Some(row)));
        let chosen = match lookup {
            Some(found) => Some(found),
            None if m.is_identity() => {
                let plan = self.node(Op::Get {
                    id,
                    keys: keys.clone(),
                    plan: Reading::Pass,
                });
                return Lowered { plan, keys, future };
            }
            None => keys.arranged.first().map(|first| (first.clone(), None)),
        };
        let plan = match chosen {
            Some((arrangement, row)) => {
                let m = over_arrangement(m, &arrangement);
                keys.arranged = vec![arrangement.clone()];
                Reading::Arrangement(arrangement.0, row, m)
            }
            None => Reading::Collection(m),
        };
        let plan = self.node(Op::Get { id, keys, plan });
        Lowered {
            plan,
            keys: raw_only(),
            future,
        }
    }

    /// §2.3
    fn let_(
        &mut self,
        id: LocalId,
        value: &Relation,
        body: &Relation,
    ) -> Result<Lowered, LowerError> {
        let value = self.lower(value)?;
        self.bind(Id::Local(id), value.keys, value.future);
        let body = self.lower(body)?;
        self.unbind(Id::Local(id));
        let plan = self.node(Op::Let {
            id,
            value: Box::new(value.plan),
            body: Box::new(body.plan),
        });
        Ok(Lowered {
            plan,
            keys: body.keys,
            future: body.future,
        })
    }

    /// §2.4
    fn let_rec(&mut self, bindings: &[RecBinding], body: &Relation) -> Result<Lowered, LowerError> {
        let mut lowered_bindings = Vec::new();
        let mut any_future = false;
        for binding in bindings {
            let mut value = self.lower(&binding.value)?;
            if !value.keys.raw {
                let arity = binding.value.arity();
                let future = value.future;
                value.plan = self.make_raw(value.plan, &value.keys, arity, future);
                value.keys.raw = true;
            }
            any_future |= value.future;
            self.bind(Id::Local(binding.id), value.keys, value.future);
            lowered_bindings.push((binding.id, value.plan, binding.limit.clone()));
        }
        // Arrangements do not leave the scope.
        for binding in bindings {
            self.available.insert(Id::Local(binding.id), raw_only());
        }
        let body = self.lower(body)?;
        for binding in bindings {
            self.unbind(Id::Local(binding.id));
        }
        let plan = self.node(Op::LetRec {
            bindings: lowered_bindings,
            body: Box::new(body.plan),
        });
        Ok(Lowered {
            plan,
            keys: body.keys,
            future: body.future || any_future,
        })
    }

    /// A recursive value that offers raw rows: the wrapper of §2.4 below its
    /// bindings. Upstream looks through one `LetRec` only.
    fn make_raw(
        &mut self,
        plan: Lir,
        keys: &AvailableCollections,
        arity: usize,
        future: bool,
    ) -> Lir {
        let quirk = self.options.quirks.arranged_let_in_recursion;
        let Lir { id: plan_id, op } = plan;
        let op = match op {
            Op::LetRec { bindings, body } => {
                let body = Box::new(if quirk {
                    self.rewrapped(*body, keys, arity, future)
                } else {
                    self.make_raw(*body, keys, arity, future)
                });
                Op::LetRec { bindings, body }
            }
            Op::Let { id, value, body } if !quirk => {
                let body = Box::new(self.make_raw(*body, keys, arity, future));
                Op::Let { id, value, body }
            }
            op => return self.rewrapped(Lir { id: plan_id, op }, keys, arity, future),
        };
        Lir { id: plan_id, op }
    }

    /// A new node even around an ArrangeBy.
    fn rewrapped(
        &mut self,
        plan: Lir,
        keys: &AvailableCollections,
        arity: usize,
        future: bool,
    ) -> Lir {
        let (input_key, input_mfp) = undo_first(keys, arity);
        self.node(Op::ArrangeBy {
            input_key,
            input: Box::new(plan),
            input_mfp,
            forms: raw_only(),
            strategy: strategy(future),
        })
    }

    /// §2.5
    fn flat_map(
        &mut self,
        input: &Relation,
        func: &TableFunc,
        exprs: &[MirScalarExpr],
        m: Mfp,
    ) -> Result<Lowered, LowerError> {
        let arity = input.arity();
        let input = self.lower(input)?;
        let future = input.future || m.has_temporal_predicate();
        let (input_key, exprs, mfp_after) = match input.keys.arranged.first() {
            Some(arrangement) if !input.keys.raw => {
                let (key, permutation, _) = arrangement;
                let physical = physical_arity(arrangement);
                let exprs = exprs
                    .iter()
                    .map(|e| scalar::mapped(e, |c| permutation[c]))
                    .collect();
                let outputs = table_function_arity(func);
                let place = |c: usize| {
                    if c < arity {
                        permutation[c]
                    } else {
                        c - arity + physical
                    }
                };
                (
                    Some(key.clone()),
                    exprs,
                    m.permute(place, physical + outputs),
                )
            }
            _ => (None, exprs.to_vec(), m),
        };
        let plan = self.node(Op::FlatMap {
            input_key,
            input: Box::new(input.plan),
            exprs,
            func: func.clone(),
            mfp_after,
        });
        Ok(Lowered {
            plan,
            keys: raw_only(),
            future,
        })
    }

    /// §2.6
    fn join(
        &mut self,
        inputs: &[Relation],
        equivalences: &[Vec<MirScalarExpr>],
        implementation: &JoinImplementation,
        m: &mut Mfp,
    ) -> Result<Lowered, LowerError> {
        let arities: Vec<usize> = inputs.iter().map(Relation::arity).collect();
        let mut plans = Vec::new();
        let mut available = Vec::new();
        let mut future = false;
        for input in inputs {
            let lowered = self.lower(input)?;
            future |= lowered.future;
            plans.push((lowered.plan, lowered.future));
            available.push(lowered.keys);
        }
        let (plan, missing) = plan_join(
            implementation,
            &arities,
            &available,
            equivalences,
            m,
            &self.options.quirks,
        )?;
        let mut lowered_inputs = Vec::new();
        for (i, (plan, future)) in plans.into_iter().enumerate() {
            let MissingForms { raw, arranged } = &missing[i];
            if *raw || !arranged.is_empty() {
                self.take_id();
                let forms = AvailableCollections {
                    raw: *raw,
                    arranged: arranged.clone(),
                };
                lowered_inputs.push(self.wrap(plan, forms, &available[i], arities[i], future));
            } else {
                lowered_inputs.push(plan);
            }
        }
        let plan = self.node(Op::Join {
            inputs: lowered_inputs,
            plan,
        });
        Ok(Lowered {
            plan,
            keys: raw_only(),
            future,
        })
    }

    /// §2.8
    fn reduce(
        &mut self,
        input: &Relation,
        group_key: &[MirScalarExpr],
        aggregates: &[AggregateExpr],
        plan: Result<protocol::v26_30::ReducePlan, LowerError>,
        m: &mut Mfp,
    ) -> Result<Lowered, LowerError> {
        let arity = input.arity();
        let input = self.lower(input)?;
        let plan = plan?;
        let first = input.keys.arranged.first();
        let computed = |exprs: Vec<MirScalarExpr>| {
            let n = exprs.len();
            let mut computed = Mfp::new(arity).map(exprs).project(arity..arity + n);
            if let Some(arrangement) = first {
                computed = over_arrangement(computed, arrangement);
            }
            computed.optimize();
            computed.into_safe_plan()
        };
        let key_val_plan = KeyValPlan {
            key_plan: computed(group_key.to_vec()),
            val_plan: computed(aggregates.iter().map(|a| a.expr.clone()).collect()),
        };
        let input_key = first.map(|(key, _, _)| key.clone());
        let key_arity = group_key.len();
        let whole = key_arity + aggregates.len();
        let (inside, output_arity) = if self.options.reduce_mfp_fusion {
            let above = std::mem::replace(m, Mfp::new(0));
            let (inside, output_arity, rest) = mfp_after(above, key_arity);
            *m = rest;
            (inside, output_arity)
        } else {
            (Mfp::new(whole), whole)
        };
        let plan = self.node(Op::Reduce {
            input_key,
            input: Box::new(input.plan),
            key_val_plan,
            plan,
            mfp_after: inside,
            strategy: strategy(input.future),
        });
        Ok(Lowered {
            plan,
            keys: only(arrangement_by(&columns(0..key_arity), output_arity)),
            future: false,
        })
    }

    /// §2.9
    fn top_k(&mut self, r: &Relation) -> Result<Lowered, LowerError> {
        let Relation::TopK {
            input,
            group_key,
            order_key,
            limit,
            offset,
            monotonic,
            expected_group_size,
        } = r
        else {
            return self.lower(r);
        };
        let arity = input.arity();
        let was_future;
        let input = {
            let lowered = self.lower(input)?;
            was_future = lowered.future;
            self.force_raw(lowered, arity)
        };
        let one = limit
            .as_ref()
            .and_then(scalar::as_literal)
            .is_some_and(|row| row.iter().next() == Some(Datum::Int64(1)));
        let (group_key, order_key, limit) = (group_key.clone(), order_key.clone(), limit.clone());
        let plan = if *monotonic && *offset == 0 && one {
            TopKPlan::MonotonicTop1(MonotonicTop1Plan {
                group_key,
                order_key,
                must_consolidate: false,
            })
        } else if *monotonic && *offset == 0 {
            TopKPlan::MonotonicTopK(MonotonicTopKPlan {
                group_key,
                order_key,
                limit,
                arity,
                must_consolidate: false,
            })
        } else {
            TopKPlan::Basic(BasicTopKPlan {
                group_key,
                order_key,
                limit,
                offset: *offset,
                arity,
                buckets: buckets(*expected_group_size),
            })
        };
        let plan = self.node(Op::TopK {
            input: Box::new(input.plan),
            plan,
            strategy: strategy(was_future),
        });
        Ok(Lowered {
            plan,
            keys: raw_only(),
            future: false,
        })
    }

    /// §2.10
    fn threshold(&mut self, input: &Relation) -> Result<Lowered, LowerError> {
        let arity = input.arity();
        let input = self.lower(input)?;
        let needed = arrangement_by(&columns(0..arity), arity);
        let present = input.keys.arranged.iter().any(|a| a.0 == needed.0);
        let plan = if present {
            input.plan
        } else {
            let forms = only(needed.clone());
            self.wrap(input.plan, forms, &input.keys, arity, input.future)
        };
        let plan = self.node(Op::Threshold {
            input: Box::new(plan),
            plan: ThresholdPlan::Basic(BasicThresholdPlan {
                ensure_arrangement: needed.clone(),
            }),
        });
        Ok(Lowered {
            plan,
            keys: only(needed),
            future: false,
        })
    }

    /// §2.11
    fn union(&mut self, inputs: &[Relation]) -> Result<Lowered, LowerError> {
        let mut lowered = Vec::new();
        for input in inputs {
            lowered.push((self.lower(input)?, input.arity()));
        }
        let consolidate_output = lowered
            .iter()
            .any(|(input, _)| matches!(input.plan.op, Op::Negate { .. }));
        let strategies = lowered
            .iter()
            .map(|(input, _)| strategy(consolidate_output && input.future))
            .collect();
        let future = !consolidate_output && lowered.iter().any(|(input, _)| input.future);
        let inputs = lowered
            .into_iter()
            .map(|(input, arity)| self.force_raw(input, arity).plan)
            .collect();
        let plan = self.node(Op::Union {
            inputs,
            consolidate_output,
            strategies,
        });
        Ok(Lowered {
            plan,
            keys: raw_only(),
            future,
        })
    }

    fn lower_raw(&mut self, r: &Relation) -> Result<Lowered, LowerError> {
        let arity = r.arity();
        let lowered = self.lower(r)?;
        Ok(self.force_raw(lowered, arity))
    }

    fn force_raw(&mut self, lowered: Lowered, arity: usize) -> Lowered {
        if lowered.keys.raw {
            return lowered;
        }
        let Lowered { plan, keys, future } = lowered;
        let plan = self.wrap(plan, raw_only(), &keys, arity, false);
        Lowered {
            plan,
            keys: raw_only(),
            future,
        }
    }

    /// §2.12
    fn wrap(
        &mut self,
        plan: Lir,
        forms: AvailableCollections,
        keys: &AvailableCollections,
        arity: usize,
        future: bool,
    ) -> Lir {
        let Lir { id, op } = plan;
        match op {
            Op::ArrangeBy {
                input_key,
                input,
                input_mfp,
                forms: mut known,
                strategy,
            } => {
                known.raw |= forms.raw;
                known.arranged.extend(forms.arranged);
                known.arranged.sort_by(|a, b| a.0.cmp(&b.0));
                known.arranged.dedup_by(|a, b| a.0 == b.0);
                let op = Op::ArrangeBy {
                    input_key,
                    input,
                    input_mfp,
                    forms: known,
                    strategy,
                };
                Lir { id, op }
            }
            op => {
                let (input_key, input_mfp) = undo_first(keys, arity);
                self.node(Op::ArrangeBy {
                    input_key,
                    input: Box::new(Lir { id, op }),
                    input_mfp,
                    forms,
                    strategy: strategy(future),
                })
            }
        }
    }

    /// §2.15
    fn arrange_by(&mut self, input: &Relation, keys: &[Key]) -> Result<Lowered, LowerError> {
        let arity = input.arity();
        let mut input = self.lower(input)?;
        let known = |key: &Key| input.keys.arranged.iter().any(|a| a.0 == *key);
        let new: Vec<Arrangement> = keys
            .iter()
            .filter(|key| !known(key))
            .map(|key| arrangement_by(key, arity))
            .collect();
        if new.is_empty() {
            return Ok(input);
        }
        let (input_key, input_mfp) = undo_first(&input.keys, arity);
        let plan = self.node(Op::ArrangeBy {
            input_key,
            input: Box::new(input.plan),
            input_mfp,
            forms: AvailableCollections {
                raw: input.keys.raw,
                arranged: new.clone(),
            },
            strategy: strategy(input.future),
        });
        input.keys.arranged.extend(new);
        input.keys.arranged.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Lowered {
            plan,
            keys: input.keys,
            future: false,
        })
    }

    /// §2.13: the MFP that no rule took.
    fn leftover(&mut self, lowered: Lowered, m: Mfp) -> Lowered {
        let Lowered {
            plan,
            mut keys,
            future,
        } = lowered;
        let future = future || m.has_temporal_predicate();
        let quirks = self.options.quirks;
        let lookup = longest_lookup(&keys.arranged, |arrangement| {
            if quirks.literal_lookup_over_arrange_by {
                // The key's columns are not permuted, though the MFP's are.
                over_arrangement(m.clone(), arrangement).literal_constraints(&arrangement.0)
            } else {
                m.literal_constraints(&arrangement.0)
            }
        })
        .map(|(arrangement, row)| (arrangement.clone(), Some(row)));
        let as_identity = || {
            let mut all = keys.arranged.iter();
            all.find(|arrangement| over_arrangement(m.clone(), arrangement).is_identity())
        };
        let chosen = match (lookup, as_identity()) {
            (Some(found), _) => Some(found),
            (None, Some(arrangement)) if quirks.permuting_project_over_arrange_by => {
                Some((arrangement.clone(), None))
            }
            // An identity over an arrangement would be skipped together with
            // the permutation that it stands for: read the rows instead.
            (None, Some(_)) => {
                let arity = m.input_arity;
                let raw = self.force_raw(Lowered { plan, keys, future }, arity);
                let plan = self.node(Op::Mfp {
                    input: Box::new(raw.plan),
                    mfp: m,
                    input_key_val: None,
                });
                return Lowered {
                    plan,
                    keys: raw_only(),
                    future,
                };
            }
            (None, None) => keys.arranged.first().map(|first| (first.clone(), None)),
        };
        let (mfp, input_key_val) = match &chosen {
            Some((arrangement, row)) => (
                over_arrangement(m, arrangement),
                Some((arrangement.0.clone(), row.clone())),
            ),
            None => (m, None),
        };
        if let Some(((key, _, thinning), None)) = &chosen
            && mfp.is_identity()
        {
            self.take_id();
            let physical = key.len() + thinning.len();
            keys = only((
                key.clone(),
                (0..physical).collect(),
                (0..thinning.len()).collect(),
            ));
            return Lowered { plan, keys, future };
        }
        let plan = self.node(Op::Mfp {
            input: Box::new(plan),
            mfp,
            input_key_val,
        });
        Lowered {
            plan,
            keys: raw_only(),
            future,
        }
    }
}

/// How to get the rows out of the first arrangement, if there is one (§2.12).
fn undo_first(keys: &AvailableCollections, arity: usize) -> (Option<Key>, Mfp) {
    match keys.arranged.first() {
        Some(arrangement) => (
            Some(arrangement.0.clone()),
            over_arrangement(Mfp::new(arity), arrangement),
        ),
        None => (None, Mfp::new(arity)),
    }
}
