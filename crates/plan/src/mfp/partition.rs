//! Splitting an MFP by the columns that exist so far, for the stages of a
//! join. Source: `spec/lowering.md` §3.6.
//!
//! Invariant: `before` then `after` computes what the whole computed.

use std::collections::{BTreeMap, BTreeSet};

use super::Mfp;
use crate::scalar;
use protocol::v26_30::MirScalarExpr;

impl Mfp {
    /// `available` maps the columns that exist to their positions in a row of
    /// `width` columns. Returns what can run on that row (its output: the row,
    /// then the expressions that are still needed) and the rest (over this
    /// MFP's input columns, then those expressions).
    pub fn partition(self, available: &BTreeMap<usize, usize>, width: usize) -> (Mfp, Mfp) {
        let arity = self.input_arity;
        let mut exists: BTreeSet<usize> = available.keys().copied().collect();
        let early: Vec<bool> = self
            .expressions
            .iter()
            .enumerate()
            .map(|(j, e)| {
                let ready = !scalar::is_literal(e) && scalar::support(e).is_subset(&exists);
                if ready {
                    exists.insert(arity + j);
                }
                ready
            })
            .collect();
        let (before_predicates, after_predicates): (Vec<_>, Vec<_>) = self
            .predicates
            .iter()
            .map(|(_, p)| p)
            .partition(|p| scalar::support(p).is_subset(&exists));
        let demand = self.late_demand(&early, &after_predicates);

        let mut before_columns = available.clone();
        let mut after_columns: BTreeMap<usize, usize> = (0..arity).map(|c| (c, c)).collect();
        let mut kept: Vec<usize> = (0..width).collect();
        let mut before_expressions = Vec::new();
        for (j, e) in self.expressions.iter().enumerate() {
            if early[j] {
                before_expressions.push(scalar::mapped(e, |c| before_columns[&c]));
                let position = width + before_expressions.len() - 1;
                before_columns.insert(arity + j, position);
                if demand.contains(&(arity + j)) {
                    after_columns.insert(arity + j, after_columns.len());
                    kept.push(position);
                }
            }
        }
        let before = Mfp::new(width)
            .map(before_expressions)
            .filter(mapped(&before_predicates, &before_columns))
            .project(kept);

        let after_arity = after_columns.len();
        let mut after_expressions = Vec::new();
        for (j, e) in self.expressions.iter().enumerate() {
            if !early[j] {
                after_expressions.push(scalar::mapped(e, |c| after_columns[&c]));
                after_columns.insert(arity + j, after_columns.len());
            }
        }
        let after = Mfp::new(after_arity)
            .map(after_expressions)
            .filter(mapped(&after_predicates, &after_columns))
            .project(self.projection.iter().map(|c| after_columns[c]));
        (before, after)
    }

    /// The columns that the rest needs: all inputs, and what the projection, the
    /// late expressions and the late predicates use.
    fn late_demand(&self, early: &[bool], late: &[&MirScalarExpr]) -> BTreeSet<usize> {
        let mut demand: BTreeSet<usize> = self.projection.iter().copied().collect();
        demand.extend(0..self.input_arity);
        for p in late {
            demand.extend(scalar::support(p));
        }
        for (e, early) in self.expressions.iter().zip(early) {
            if !early {
                demand.extend(scalar::support(e));
            }
        }
        demand
    }
}

fn mapped(
    predicates: &[&MirScalarExpr],
    columns: &BTreeMap<usize, usize>,
) -> impl Iterator<Item = MirScalarExpr> {
    predicates
        .iter()
        .map(|p| scalar::mapped(p, |c| columns[&c]))
}
