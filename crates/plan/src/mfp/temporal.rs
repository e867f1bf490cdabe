//! Temporal predicates, `mz_now() op e`: recognised, taken out of an MFP, and
//! planned as bounds. Source: `spec/lowering.md` §3.7.
//!
//! Invariant: the error texts are the ones that the replica would panic with,
//! so that a plan which it could not run is refused here.

use std::collections::BTreeSet;

use thiserror::Error;

use super::Mfp;
use crate::scalar;
use crate::text::scalar_text;
use protocol::v26_30::{BinaryFunc, MirScalarExpr, UnaryFunc};

/// A predicate with `mz_now()` that cannot be planned as bounds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemporalError {
    #[error(
        "Unsupported temporal predicate. Note: `mz_now()` must be directly compared to a mz_timestamp-castable expression. Expression found: {0}"
    )]
    Nested(String),
    #[error(
        "Unsupported temporal predicate. Note: `mz_now()` must be directly compared to a non-temporal expression of mz_timestamp-castable type. Expression found: {0}"
    )]
    NotAComparison(String),
    #[error("Unsupported binary temporal operation: {0}")]
    Operation(String),
    #[error("Does not involve mz_now()")]
    NotTemporal,
}

impl TemporalError {
    /// Upstream shows the function's struct inside its variant.
    fn operation(func: &BinaryFunc) -> Self {
        TemporalError::Operation(format!("{func:?}({func:?})"))
    }
}

/// An MFP whose temporal predicates became bounds: a row is valid from its
/// time and the lower bounds on, until the upper bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MfpPlan {
    /// What stays: optimized, without temporal predicates.
    pub mfp: Mfp,
    pub lower_bounds: Vec<MirScalarExpr>,
    pub upper_bounds: Vec<MirScalarExpr>,
}

/// If `e` compares `mz_now()` with something free of it: the comparison and
/// the other side, `e` turned around so that `mz_now()` is on the left.
pub(super) fn as_temporal_filter(
    e: &mut MirScalarExpr,
) -> Result<(BinaryFunc, &mut MirScalarExpr), TemporalError> {
    if !scalar::is_temporal(e) {
        return Err(TemporalError::NotTemporal);
    }
    // The text that upstream shows spells this one function in capitals.
    let text = scalar_text(e).replace("not(", "NOT(");
    let MirScalarExpr::CallBinary { func, expr1, expr2 } = e else {
        return Err(TemporalError::NotAComparison(text));
    };
    if !scalar::is_temporal(expr1) && scalar::is_now(expr2) {
        let turned = match func {
            BinaryFunc::Eq => BinaryFunc::Eq,
            BinaryFunc::Lt => BinaryFunc::Gt,
            BinaryFunc::Lte => BinaryFunc::Gte,
            BinaryFunc::Gt => BinaryFunc::Lt,
            BinaryFunc::Gte => BinaryFunc::Lte,
            other => return Err(TemporalError::operation(other)),
        };
        std::mem::swap(expr1, expr2);
        *func = turned;
    }
    if scalar::is_temporal(expr2) || !scalar::is_now(expr1) {
        return Err(TemporalError::Nested(text));
    }
    Ok((func.clone(), expr2))
}

impl Mfp {
    /// Optimizes, then takes every temporal predicate out. What is returned
    /// applies them above this MFP, whose projection may grow for it.
    pub fn extract_temporal(&mut self) -> Mfp {
        self.optimize();
        let old_arity = self.projection.len();
        let (temporal, rest) = std::mem::take(&mut self.predicates)
            .into_iter()
            .partition(|(_, p)| scalar::is_temporal(p));
        self.predicates = rest;
        let temporal: Vec<(usize, MirScalarExpr)> = temporal;
        let used: BTreeSet<usize> = temporal
            .iter()
            .flat_map(|(_, p)| scalar::support(p))
            .collect();
        for c in used {
            if !self.projection.contains(&c) {
                self.projection.push(c);
            }
        }
        let position = |c: usize| {
            let at = self.projection.iter().position(|p| *p == c);
            at.expect("every column in use was appended")
        };
        let predicates: Vec<_> = temporal
            .iter()
            .map(|(_, p)| scalar::mapped(p, position))
            .collect();
        Mfp::new(self.projection.len())
            .filter(predicates)
            .project(0..old_arity)
    }

    /// Optimizes and turns temporal predicates into bounds.
    pub fn into_plan(mut self) -> Result<MfpPlan, TemporalError> {
        self.optimize();
        let mut lower_bounds = Vec::new();
        let mut upper_bounds = Vec::new();
        let mut kept = Vec::new();
        for (position, mut p) in std::mem::take(&mut self.predicates) {
            if !scalar::is_temporal(&p) {
                kept.push((position, p));
                continue;
            }
            let (func, e) = as_temporal_filter(&mut p)?;
            let step = |e: &MirScalarExpr| MirScalarExpr::CallUnary {
                func: UnaryFunc::StepMzTimestamp,
                expr: Box::new(e.clone()),
            };
            match func {
                BinaryFunc::Eq => {
                    lower_bounds.push(e.clone());
                    upper_bounds.push(step(e));
                }
                BinaryFunc::Lt => upper_bounds.push(e.clone()),
                BinaryFunc::Lte => upper_bounds.push(step(e)),
                BinaryFunc::Gt => lower_bounds.push(step(e)),
                BinaryFunc::Gte => lower_bounds.push(e.clone()),
                other => return Err(TemporalError::operation(&other)),
            }
        }
        self.predicates = kept;
        Ok(MfpPlan {
            mfp: self,
            lower_bounds,
            upper_bounds,
        })
    }
}
