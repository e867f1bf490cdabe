//! Filters, unions, bindings, and the errors that they pass on.

use super::{Mutant, Mutants};
use crate::eval::MfpPlan;
use crate::halt::{End, Fate};
use protocol::v26_30::{MirScalarExpr, UnaryFunc};
use repr::{Diff, Timestamp};

#[derive(Debug, Clone, Copy)]
pub struct LinearSeams(pub(super) Mutants);

impl LinearSeams {
    /// The plan by which updates are mapped, filtered and projected.
    pub fn mfp(self, plan: MfpPlan) -> MfpPlan {
        let (mut safe, mut lower, mut upper) = (plan.mfp, plan.lower_bounds, plan.upper_bounds);
        if self.0.is(Mutant::TemporalNeverEnds) {
            upper.clear();
        }
        if self.0.is(Mutant::TemporalStartsLate) {
            for bound in &mut lower {
                *bound = MirScalarExpr::CallUnary {
                    func: UnaryFunc::StepMzTimestamp,
                    expr: Box::new(bound.clone()),
                };
            }
        }
        if self.0.is(Mutant::FilterSkipsLast) && safe.mfp.predicates.len() > 1 {
            safe.mfp.predicates.pop();
        }
        MfpPlan::from_parts(safe, lower, upper)
    }

    /// The first time whose updates are not wanted: the dataflow's `until`.
    pub fn wanted_until(self, until: Option<Timestamp>) -> Option<Timestamp> {
        const FAR: Timestamp = 100;
        match self.0.is(Mutant::TemporalForgetsFarEnds) {
            true => Some(until.map_or(FAR, |until| until.min(FAR))),
            false => until,
        }
    }

    /// The error of a row that cannot be evaluated: it takes the row's place.
    pub fn row_error<E>(self, error: E) -> Option<E> {
        (!self.0.is(Mutant::ErrorsLost)).then_some(error)
    }

    /// The errors of a union, by input: those of all inputs.
    pub fn union_errors<E>(self, mut errs: Vec<E>) -> Vec<E> {
        if self.0.is(Mutant::UnionLosesErrors) {
            errs.truncate(1);
        }
        errs
    }

    /// How often an error of a binding that is raised `count` times counts for its
    /// readers: `few` times.
    pub fn error_count(self, count: Diff, few: Diff, fate: &Fate) -> Diff {
        if self.0.is(Mutant::ErrorsMultiply) {
            if count.checked_mul(2).is_none() {
                fate.post(End::abort(format!("Overflow: {count} + {count}")));
            }
            return count;
        }
        few
    }
}
