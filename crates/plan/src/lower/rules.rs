//! The rules of the operators that compute something. Source:
//! `spec/lowering.md` §2.5–§2.11.
//!
//! Invariant: an operator reads its input in a form that the input offers, or
//! asks for the form first.

use super::context::{Context, Lowered, columns, only, raw_only, strategy};
use super::error::LowerError;
use super::join::{DeltaPaths, MissingForms, plan_join};
use super::lir::{Key, Lir, Op};
use super::permutation::{arrangement_by, over_arrangement, physical_arity};
use super::reduce::{buckets, mfp_after};
use crate::relation::{JoinImplementation, Relation, table_function_arity};
use crate::{Mfp, scalar};
use protocol::neutral::{MonotonicTop1Plan, Top1Form, TopKPlan};
use protocol::v26_30::{
    AggregateExpr, AvailableCollections, BasicThresholdPlan, BasicTopKPlan, HierarchicalPlan,
    KeyValPlan, MirScalarExpr, MonotonicTopKPlan, ReducePlan, TableFunc, ThresholdPlan,
};
use repr::Datum;

/// The raw rows that a node arranges and does nothing else with.
fn without_arrangements(node: &Lir) -> Option<Lir> {
    match &node.op {
        Op::ArrangeBy {
            input_key: None,
            input,
            input_mfp,
            ..
        } if input_mfp.is_identity() => Some((**input).clone()),
        _ => None,
    }
}

impl Context {
    /// §2.5
    pub(super) fn flat_map(
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
    pub(super) fn join(
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
        let paths = match implementation {
            JoinImplementation::DeltaQuery(_)
                if self.runs_once() && self.options.release.cuts_single_time_delta_joins() =>
            {
                DeltaPaths::First
            }
            JoinImplementation::DeltaQuery(_)
            | JoinImplementation::Differential { .. }
            | JoinImplementation::IndexedFilter { .. }
            | JoinImplementation::Unimplemented => DeltaPaths::All,
        };
        if let (DeltaPaths::First, Some((first, _))) = (paths, plans.first_mut())
            && let Some(rows) = without_arrangements(first)
        {
            *first = rows;
            available[0] = raw_only();
        }
        let (plan, missing) = plan_join(
            implementation,
            &arities,
            &available,
            equivalences,
            m,
            paths,
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
    pub(super) fn reduce(
        &mut self,
        input: &Relation,
        group_key: &[MirScalarExpr],
        aggregates: &[AggregateExpr],
        plan: Result<ReducePlan, LowerError>,
        m: &mut Mfp,
    ) -> Result<Lowered, LowerError> {
        let arity = input.arity();
        let input = self.lower(input)?;
        let mut plan = plan?;
        if let ReducePlan::Hierarchical(HierarchicalPlan::Monotonic(plan)) = &mut plan {
            // §1.3, as in `top_k`.
            plan.must_consolidate = self.runs_once();
        }
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
    pub(super) fn top_k(&mut self, r: &Relation) -> Result<Lowered, LowerError> {
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
        let mut keys = raw_only();
        // §1.3: what runs once never retracts, as long as it is consolidated.
        let must_consolidate = self.runs_once();
        let monotonic = (*monotonic || self.runs_once()) && *offset == 0;
        let plan = if monotonic && one {
            let offers = self.options.release.top_1_form(arity);
            if let Top1Form::Arranged { arity } = offers {
                let key: Key = group_key.iter().copied().map(scalar::column).collect();
                keys = only(arrangement_by(&key, arity));
            }
            TopKPlan::MonotonicTop1(MonotonicTop1Plan {
                group_key,
                order_key,
                must_consolidate,
                offers,
            })
        } else if monotonic {
            TopKPlan::MonotonicTopK(MonotonicTopKPlan {
                group_key,
                order_key,
                limit,
                arity,
                must_consolidate,
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
            keys,
            future: false,
        })
    }

    /// §2.10
    pub(super) fn threshold(&mut self, input: &Relation) -> Result<Lowered, LowerError> {
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
    pub(super) fn union(&mut self, inputs: &[Relation]) -> Result<Lowered, LowerError> {
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
}
