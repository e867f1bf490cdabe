//! Map, filter and project as one value, and the algebra that lowering runs on
//! it. Source: `spec/lowering.md` §3; layout `spec/plan.md` §3.1.
//!
//! Invariants: expression `j` is column `input_arity + j` and uses earlier
//! columns only; predicates are sorted by (is a literal error, position).

mod common;
mod optimize;
mod partition;
mod temporal;

use std::collections::BTreeSet;

pub use common::extract_common;
pub use temporal::{MfpPlan, TemporalError};

use super::scalar;
use protocol::v26_30::{BinaryFunc, MapFilterProject, MirScalarExpr, SafeMfpPlan};
use repr::Row;

/// Map expressions, filter predicates with their positions, and a projection,
/// over `input_arity` columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mfp {
    pub expressions: Vec<MirScalarExpr>,
    /// A predicate is evaluated as soon as the columns below its position exist.
    pub predicates: Vec<(usize, MirScalarExpr)>,
    pub projection: Vec<usize>,
    pub input_arity: usize,
}

impl From<Mfp> for MapFilterProject {
    fn from(m: Mfp) -> MapFilterProject {
        MapFilterProject {
            expressions: m.expressions,
            predicates: m.predicates,
            projection: m.projection,
            input_arity: m.input_arity,
        }
    }
}

impl From<MapFilterProject> for Mfp {
    fn from(m: MapFilterProject) -> Mfp {
        Mfp {
            expressions: m.expressions,
            predicates: m.predicates,
            projection: m.projection,
            input_arity: m.input_arity,
        }
    }
}

impl Mfp {
    /// The identity on `arity` columns.
    pub fn new(arity: usize) -> Self {
        Mfp {
            expressions: Vec::new(),
            predicates: Vec::new(),
            projection: (0..arity).collect(),
            input_arity: arity,
        }
    }

    /// Appends columns; each may use the ones before it by output position.
    pub fn map(mut self, exprs: impl IntoIterator<Item = MirScalarExpr>) -> Self {
        for mut e in exprs {
            scalar::map_columns(&mut e, |c| self.projection[c]);
            self.projection
                .push(self.input_arity + self.expressions.len());
            self.expressions.push(e);
        }
        self
    }

    /// Adds predicates over the output columns.
    pub fn filter(mut self, predicates: impl IntoIterator<Item = MirScalarExpr>) -> Self {
        for mut p in predicates {
            scalar::map_columns(&mut p, |c| self.projection[c]);
            self.predicates.push((scalar::support_width(&p), p));
        }
        self.predicates
            .sort_by_key(|(position, p)| (scalar::is_literal_error(p), *position));
        self
    }

    /// Keeps the given output columns, in that order.
    pub fn project(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.projection = columns.into_iter().map(|c| self.projection[c]).collect();
        self
    }

    /// This one first, then `then`.
    pub fn compose(self, then: Mfp) -> Self {
        self.map(then.expressions)
            .filter(then.predicates.into_iter().map(|(_, p)| p))
            .project(then.projection)
    }

    /// The number of output columns.
    pub fn arity(&self) -> usize {
        self.projection.len()
    }

    pub fn is_identity(&self) -> bool {
        self.expressions.is_empty()
            && self.predicates.is_empty()
            && self.projection.len() == self.input_arity
            && self.projection.iter().enumerate().all(|(i, c)| i == *c)
    }

    /// Builds the same content anew, which recomputes positions and order.
    fn rebuilt(
        arity: usize,
        expressions: Vec<MirScalarExpr>,
        predicates: impl IntoIterator<Item = MirScalarExpr>,
        projection: Vec<usize>,
    ) -> Self {
        Mfp::new(arity)
            .map(expressions)
            .filter(predicates)
            .project(projection)
    }

    /// Input column `c` becomes `f(c)` of `new_arity` columns (§3.3).
    pub fn permute(self, f: impl Fn(usize) -> usize, new_arity: usize) -> Self {
        let old_arity = self.input_arity;
        let shift = |c: usize| {
            if c < old_arity {
                f(c)
            } else {
                c - old_arity + new_arity
            }
        };
        let moved = |mut e: MirScalarExpr| {
            scalar::map_columns(&mut e, shift);
            e
        };
        Mfp::rebuilt(
            new_arity,
            self.expressions.into_iter().map(moved).collect(),
            self.predicates.into_iter().map(|(_, p)| moved(p)),
            self.projection.into_iter().map(shift).collect(),
        )
    }

    /// The input columns that the output depends on (§3.4).
    pub fn demand(&self) -> BTreeSet<usize> {
        let mut demand: BTreeSet<usize> = self.projection.iter().copied().collect();
        for (_, p) in &self.predicates {
            demand.extend(scalar::support(p));
        }
        for (j, e) in self.expressions.iter().enumerate().rev() {
            if demand.contains(&(self.input_arity + j)) {
                demand.extend(scalar::support(e));
            }
        }
        demand.retain(|c| *c < self.input_arity);
        demand
    }

    /// The row that the predicates fix the key to, if they fix all of it
    /// (§3.8). Types are not compared: a literal counts as it is written.
    pub fn literal_constraints(&self, key: &[MirScalarExpr]) -> Option<Row> {
        if key.is_empty() {
            return None;
        }
        let mut literals = Vec::new();
        for component in key {
            let found = self.predicates.iter().find_map(|(_, p)| {
                let MirScalarExpr::CallBinary {
                    func: BinaryFunc::Eq,
                    expr1,
                    expr2,
                } = p
                else {
                    return None;
                };
                match (scalar::as_literal(expr1), scalar::as_literal(expr2)) {
                    (Some(row), _) if **expr2 == *component => Some(row),
                    (_, Some(row)) if **expr1 == *component => Some(row),
                    _ => None,
                }
            })?;
            literals.push(found);
        }
        Some(Row::pack(literals.into_iter().flat_map(|row| row.iter())))
    }

    /// Whether some predicate contains `mz_now()`.
    pub fn has_temporal_predicate(&self) -> bool {
        self.predicates.iter().any(|(_, p)| scalar::is_temporal(p))
    }

    /// The plan of an MFP that cannot be temporal: the optimized MFP.
    pub fn into_safe_plan(mut self) -> SafeMfpPlan {
        self.optimize();
        SafeMfpPlan { mfp: self.into() }
    }
}
