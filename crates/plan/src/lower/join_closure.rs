//! What a stage of a join computes as soon as its columns exist: equivalences
//! that are ready, then the part of the MFP that is. Source: `spec/lowering.md`
//! §2.7.1 to §2.7.4.
//!
//! Invariant: each equivalence is enforced once, by a lookup key or in a
//! closure; what no later stage needs is projected away.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Mfp, scalar};
use protocol::v26_30::{JoinClosure, MirScalarExpr};

/// Where planning a chain of stages stands.
pub(super) struct JoinState {
    /// Extended column → its position in the stream's row.
    cols: BTreeMap<usize, usize>,
    /// Classes not enforced yet.
    eqs: Vec<Vec<MirScalarExpr>>,
    /// What of the MFP above is still to do, over extended columns.
    mfp: Mfp,
}

impl JoinState {
    /// A stream of the columns in `range`, over canonical classes.
    pub(super) fn new(
        range: std::ops::Range<usize>,
        eqs: Vec<Vec<MirScalarExpr>>,
        mfp: Mfp,
    ) -> Self {
        JoinState {
            cols: range.enumerate().map(|(i, c)| (c, i)).collect(),
            eqs,
            mfp,
        }
    }

    /// The stream's counterpart of a lookup key component (in global columns),
    /// in stream positions. `bound(c)`: whether global column `c` is in the
    /// stream's inputs.
    pub(super) fn stream_key(
        &self,
        component: &MirScalarExpr,
        bound: impl Fn(usize) -> bool,
    ) -> Option<MirScalarExpr> {
        let class = self.eqs.iter().find(|class| class.contains(component))?;
        let member = class
            .iter()
            .find(|e| scalar::support(e).into_iter().all(&bound))?;
        let available = scalar::support(member)
            .iter()
            .all(|c| self.cols.contains_key(c));
        available.then(|| scalar::mapped(member, |c| self.cols[&c]))
    }

    /// §2.7.3: the stream gains `columns`, looked up by `key`, both global.
    pub(super) fn add(
        &mut self,
        columns: std::ops::Range<usize>,
        key: &[MirScalarExpr],
        physical: usize,
        permutation: &[usize],
    ) -> JoinClosure {
        for class in &mut self.eqs {
            class.retain(|e| !key.contains(e));
        }
        self.eqs.retain(|class| class.len() >= 2);
        for c in columns {
            let position = self.cols.len();
            self.cols.insert(c, position);
        }
        self.extract(physical, permutation)
    }

    /// §2.7.2: takes out what can be computed now. `permutation` maps stream
    /// positions to the physical row of `physical` columns.
    pub(super) fn extract(&mut self, physical: usize, permutation: &[usize]) -> JoinClosure {
        let mut ready_equivalences = self.ready_equivalences();
        self.eqs.retain(|class| class.len() >= 2);
        for e in ready_equivalences.iter_mut().flatten() {
            scalar::map_columns(e, |c| permutation[self.cols[&c]]);
        }
        let width = self.cols.len();
        let arity = self.mfp.input_arity;
        let (before, after) = self.mfp.clone().partition(&self.cols, width);
        for j in 0..before.projection.len() - before.input_arity {
            let position = self.cols.len();
            self.cols.insert(arity + j, position);
        }
        self.mfp = after;
        let mut before = self.keep_demanded(before);
        before = self.complete_projection(before);
        let mut before = before.permute(|c| permutation[c], physical);
        before.optimize();
        JoinClosure {
            ready_equivalences,
            before: before.into_safe_plan(),
        }
    }

    fn ready_equivalences(&mut self) -> Vec<Vec<MirScalarExpr>> {
        let mut ready = Vec::new();
        for class in &mut self.eqs {
            let available =
                |e: &MirScalarExpr| scalar::support(e).iter().all(|c| self.cols.contains_key(c));
            let Some(first) = class.iter().position(available) else {
                continue;
            };
            let mut equal = Vec::new();
            let mut at = 0;
            class.retain(|e| {
                let takes = at > first && available(e);
                at += 1;
                if takes {
                    equal.push(e.clone());
                }
                !takes
            });
            if !equal.is_empty() {
                equal.push(class[first].clone());
                ready.push(equal);
            }
        }
        ready
    }

    /// Step 5: later stages see only the columns that they use.
    fn keep_demanded(&mut self, before: Mfp) -> Mfp {
        let mut demand: BTreeSet<usize> = self.mfp.demand();
        for e in self.eqs.iter().flatten() {
            demand.extend(scalar::support(e));
        }
        demand.retain(|c| self.cols.contains_key(c));
        let positions: Vec<usize> = demand.iter().map(|c| self.cols[c]).collect();
        self.cols = demand
            .into_iter()
            .enumerate()
            .map(|(i, c)| (c, i))
            .collect();
        before.project(positions)
    }

    /// Step 6: if only a permutation is left, it happens here.
    fn complete_projection(&mut self, before: Mfp) -> Mfp {
        let rest = &self.mfp;
        let permutes = rest.expressions.is_empty()
            && rest.predicates.is_empty()
            && rest.projection.len() == self.cols.len()
            && rest.projection.iter().collect::<BTreeSet<_>>()
                == self.cols.keys().collect::<BTreeSet<_>>();
        if !permutes {
            return before;
        }
        let positions: Vec<usize> = rest.projection.iter().map(|c| self.cols[c]).collect();
        let projection = rest.projection.iter().enumerate();
        self.cols = projection.map(|(i, c)| (*c, i)).collect();
        before.project(positions)
    }

    /// §2.7.4: what is left after the last stage.
    pub(super) fn complete(self) -> Option<JoinClosure> {
        let JoinState { cols, mut eqs, mfp } = self;
        for e in eqs.iter_mut().flatten() {
            scalar::map_columns(e, |c| cols[&c]);
        }
        let width = cols.len();
        // A column that is gone is not demanded.
        let mut mfp = mfp.permute(|c| cols.get(&c).copied().unwrap_or(usize::MAX), width);
        mfp.optimize();
        if eqs.is_empty() && mfp.is_identity() {
            return None;
        }
        Some(JoinClosure {
            ready_equivalences: eqs,
            before: mfp.into_safe_plan(),
        })
    }
}
