//! What lowering knows on its way through a dataflow, and which rule lowers which
//! operator. Source: `spec/lowering.md` §1.4, §2; a comment names the section of
//! each rule.
//!
//! Invariants: an id is taken when a node is complete, so inputs have smaller
//! ids; what a node's collections promise, the rendered node offers.

use std::collections::{BTreeMap, BTreeSet};

use super::error::LowerError;
use super::lir::{Key, Lir, Op};
use super::permutation::{Arrangement, arrangement_by};
use super::reduce::reduce_plan;
use super::single_time::is_single_time;
use crate::dataflow::DataflowPlan;
use crate::options::LowerOptions;
use crate::relation::Relation;
use crate::{Mfp, scalar};
use protocol::v26_30::{ArrangementStrategy, AvailableCollections, Id};
use repr::GlobalId;

/// A lowered node: what the next operator may rely on, and whether it may
/// produce updates at times later than its input's.
pub(super) struct Lowered {
    pub plan: Lir,
    pub keys: AvailableCollections,
    pub future: bool,
}

/// The state of lowering one dataflow.
pub(super) struct Context {
    /// What each collection and binding offers.
    pub available: BTreeMap<Id, AvailableCollections>,
    /// Those that may produce updates at times later than their inputs'.
    pub future: BTreeSet<Id>,
    pub options: LowerOptions,
    /// Whether the dataflow runs for one time only.
    single_time: bool,
    /// How many recursive values are around the operator.
    recursions: usize,
    next_id: u64,
}

pub(super) fn raw_only() -> AvailableCollections {
    AvailableCollections {
        raw: true,
        arranged: Vec::new(),
    }
}

pub(super) fn only(arrangement: Arrangement) -> AvailableCollections {
    AvailableCollections {
        raw: false,
        arranged: vec![arrangement],
    }
}

pub(super) fn strategy(future: bool) -> ArrangementStrategy {
    if future {
        ArrangementStrategy::TemporalBucketing
    } else {
        ArrangementStrategy::Direct
    }
}

pub(super) fn columns(range: std::ops::Range<usize>) -> Key {
    range.map(scalar::column).collect()
}

/// Map, Filter and Project from the top of `r` as one MFP, and what is below
/// (§2.1, §3.2).
pub(super) fn peel(r: &Relation) -> (Mfp, &Relation) {
    match r {
        Relation::Map { input, scalars } => {
            let (m, core) = peel(input);
            (m.map(scalars.iter().cloned()), core)
        }
        Relation::Filter { input, predicates } => {
            let (m, core) = peel(input);
            (m.filter(predicates.iter().cloned()), core)
        }
        Relation::Project { input, outputs } => {
            let (m, core) = peel(input);
            (m.project(outputs.iter().copied()), core)
        }
        core => (Mfp::new(core.arity()), core),
    }
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
            single_time: is_single_time(&dataflow.as_of, &dataflow.until),
            recursions: 0,
        }
    }

    /// Whether what is lowered runs for one time only. Recursive values run for
    /// many inner times.
    pub(super) fn runs_once(&self) -> bool {
        self.single_time && self.recursions == 0
    }

    /// Lowers a recursive value.
    pub(super) fn lower_recursive(&mut self, r: &Relation) -> Result<Lowered, LowerError> {
        self.recursions += 1;
        let lowered = self.lower(r);
        self.recursions -= 1;
        lowered
    }

    pub(super) fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    pub(super) fn node(&mut self, op: Op) -> Lir {
        let id = self.take_id();
        Lir { id, op }
    }

    pub(super) fn bind(&mut self, id: Id, keys: AvailableCollections, future: bool) {
        self.available.insert(id, keys);
        if future {
            self.future.insert(id);
        }
    }

    pub(super) fn unbind(&mut self, id: Id) {
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

    pub(super) fn lower(&mut self, r: &Relation) -> Result<Lowered, LowerError> {
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
            Relation::Let { id, value, body } => self.one_binding(*id, value, body),
            Relation::LetRec { bindings, body } => self.let_rec(bindings, body),
            Relation::FlatMap { input, func, exprs } => {
                if let Some(fused) = self.unnested_window(input, func, exprs, m)? {
                    return Ok(fused);
                }
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
                let monotonic = *monotonic || self.runs_once();
                let plan = reduce_plan(aggregates, monotonic, *expected_group_size);
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
}
