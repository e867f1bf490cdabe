//! The one optimization that lowering applies to an MFP: common expressions
//! are shared, what is used once is inlined, what is unused goes. Source:
//! `spec/lowering.md` §3.5; the steps carry its numbers.
//!
//! Invariant: no folding, no splitting, no reordering of operands: the result
//! depends on structure alone and is a fixed point in size.

use std::collections::BTreeSet;

use super::Mfp;
use super::temporal::as_temporal_filter;
use crate::scalar;
use protocol::v26_30::{BinaryFunc, MirScalarExpr, VariadicFunc};

impl Mfp {
    /// Repeats the steps until a round no longer makes the MFP smaller.
    pub fn optimize(&mut self) {
        let mut before = usize::MAX;
        loop {
            self.alias_equated_expressions();
            self.memoize();
            self.predicates.sort();
            self.predicates.dedup();
            self.inline();
            self.remove_undemanded();
            let size = self.size();
            if size >= before {
                break;
            }
            before = size;
        }
    }

    fn size(&self) -> usize {
        let predicates = self.predicates.iter().map(|(_, p)| p);
        self.expressions
            .iter()
            .chain(predicates)
            .map(scalar::size)
            .sum()
    }

    /// Step 1: an expression that a predicate equates to an earlier column is
    /// that column.
    fn alias_equated_expressions(&mut self) {
        for j in 0..self.expressions.len() {
            for (_, p) in &self.predicates {
                let MirScalarExpr::CallBinary {
                    func: BinaryFunc::Eq,
                    expr1,
                    expr2,
                } = p
                else {
                    continue;
                };
                for (side, other) in [(expr1, expr2), (expr2, expr1)] {
                    if let Some(c) = scalar::as_column(side)
                        && **other == self.expressions[j]
                        && c < self.input_arity + j
                    {
                        self.expressions[j] = (**side).clone();
                        break;
                    }
                }
            }
        }
    }

    /// Step 2: every subexpression that is evaluated in any case moves to an
    /// expression of its own, equal ones to the same.
    pub(super) fn memoize(&mut self) {
        let arity = self.input_arity;
        let mut memo = Vec::new();
        let mut renumbered: Vec<usize> = (0..arity).collect();
        let mut pending = std::mem::take(&mut self.expressions).into_iter();
        for (position, p) in &mut self.predicates {
            while renumbered.len() < *position
                && let Some(e) = pending.next()
            {
                memoize_expression(e, arity, &mut renumbered, &mut memo);
            }
            scalar::map_columns(p, |c| renumbered[c]);
            memoize_into(p, arity, &mut memo);
        }
        for e in pending {
            memoize_expression(e, arity, &mut renumbered, &mut memo);
        }
        self.expressions = memo;
        for (position, p) in &mut self.predicates {
            *position = scalar::support_width(p);
        }
        for c in &mut self.projection {
            *c = renumbered[*c];
        }
    }

    /// Step 4: column references and what is used once go where they are used.
    fn inline(&mut self) {
        let arity = self.input_arity;
        let mut uses = vec![0_i64; arity + self.expressions.len()];
        let mut count = |e: &MirScalarExpr| {
            scalar::visit(e, &mut |node| {
                if let Some(c) = scalar::as_column(node) {
                    uses[c] += 1;
                }
            });
        };
        self.expressions.iter().for_each(&mut count);
        self.predicates.iter().for_each(|(_, p)| count(p));
        for c in &self.projection {
            uses[*c] += 1;
        }
        let mut temporal = vec![false; arity];
        for e in &self.expressions {
            let is = scalar::is_temporal(e) || scalar::support(e).iter().any(|c| temporal[*c]);
            temporal.push(is);
        }
        let mut inlined = vec![false; uses.len()];
        for (j, e) in self.expressions.iter().enumerate().rev() {
            let it = arity + j;
            if let Some(c) = scalar::as_column(e) {
                inlined[it] = true;
                uses[c] += uses[it] - 1;
            } else {
                inlined[it] = uses[it] == 1 || temporal[it];
            }
        }
        for j in 0..self.expressions.len() {
            let (earlier, rest) = self.expressions.split_at_mut(j);
            substitute(&mut rest[0], arity, earlier, &inlined);
        }
        for (_, p) in &mut self.predicates {
            substitute(p, arity, &self.expressions, &inlined);
        }
        for c in &mut self.projection {
            if *c >= arity
                && let Some(target) = scalar::as_column(&self.expressions[*c - arity])
            {
                *c = target;
            }
        }
    }

    /// Steps 5 and 6: drop what nothing reads, then build anew.
    pub(super) fn remove_undemanded(&mut self) {
        let arity = self.input_arity;
        let mut demand: BTreeSet<usize> = self.projection.iter().copied().collect();
        for (_, p) in &self.predicates {
            demand.extend(scalar::support(p));
        }
        for (j, e) in self.expressions.iter().enumerate().rev() {
            if demand.contains(&(arity + j)) {
                demand.extend(scalar::support(e));
            }
        }
        let mut renumbered: Vec<usize> = (0..arity).collect();
        let mut kept = Vec::new();
        for (j, mut e) in std::mem::take(&mut self.expressions)
            .into_iter()
            .enumerate()
        {
            renumbered.push(arity + kept.len());
            if demand.contains(&(arity + j)) {
                scalar::map_columns(&mut e, |c| renumbered[c]);
                kept.push(e);
            }
        }
        let predicates = std::mem::take(&mut self.predicates);
        let projection = self.projection.iter().map(|c| renumbered[*c]).collect();
        let predicates: Vec<_> = predicates
            .into_iter()
            .map(|(_, mut p)| {
                scalar::map_columns(&mut p, |c| renumbered[c]);
                p
            })
            .collect();
        *self = Mfp::rebuilt(arity, kept, predicates, projection);
    }
}

fn memoize_expression(
    mut e: MirScalarExpr,
    arity: usize,
    renumbered: &mut Vec<usize>,
    memo: &mut Vec<MirScalarExpr>,
) {
    scalar::map_columns(&mut e, |c| renumbered[c]);
    memoize_into(&mut e, arity, memo);
    renumbered.push(arity + memo.len());
    memo.push(e);
}

/// Children first, except those that may not be evaluated; then the node.
fn memoize_into(e: &mut MirScalarExpr, arity: usize, memo: &mut Vec<MirScalarExpr>) {
    match e {
        MirScalarExpr::If { cond, .. } => memoize_into(cond, arity, memo),
        MirScalarExpr::CallVariadic {
            func: VariadicFunc::Coalesce,
            exprs,
        } => {
            if let Some(first) = exprs.first_mut() {
                memoize_into(first, arity, memo);
            }
        }
        MirScalarExpr::Column(..)
        | MirScalarExpr::Literal(..)
        | MirScalarExpr::CallUnmaterializable(_)
        | MirScalarExpr::CallUnary { .. }
        | MirScalarExpr::CallBinary { .. }
        | MirScalarExpr::CallVariadic { .. } => {
            if let Ok((_, operand)) = as_temporal_filter(e) {
                memoize_into(operand, arity, memo);
            } else {
                for child in scalar::children_mut(e) {
                    memoize_into(child, arity, memo);
                }
            }
        }
    }
    match e {
        MirScalarExpr::Literal(..) => {}
        MirScalarExpr::Column(c, _) => {
            // Strictly greater: the first memoized expression is not looked at.
            if *c > arity
                && let Some(target @ MirScalarExpr::Column(..)) = memo.get(*c - arity)
            {
                *e = target.clone();
            }
        }
        MirScalarExpr::CallUnmaterializable(_)
        | MirScalarExpr::CallUnary { .. }
        | MirScalarExpr::CallBinary { .. }
        | MirScalarExpr::CallVariadic { .. }
        | MirScalarExpr::If { .. } => {
            let at = memo.iter().position(|known| known == e);
            let at = at.unwrap_or_else(|| {
                memo.push(e.clone());
                memo.len() - 1
            });
            *e = scalar::column(arity + at);
        }
    }
}

fn substitute(
    e: &mut MirScalarExpr,
    arity: usize,
    expressions: &[MirScalarExpr],
    inlined: &[bool],
) {
    if let Some(c) = scalar::as_column(e) {
        if c >= arity && inlined[c] {
            *e = expressions[c - arity].clone();
        }
        return;
    }
    for child in scalar::children_mut(e) {
        substitute(child, arity, expressions, inlined);
    }
}
