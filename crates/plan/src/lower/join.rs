//! Plans of joins, linear and delta, for a given implementation. Source:
//! `spec/lowering.md` §2.6, §2.7.
//!
//! Invariants: inputs are looked up by arrangements, which are named per input
//! if they do not exist yet; temporal predicates stay above the join.

use super::error::LowerError;
use super::join_closure::JoinState;
use super::permutation::{Arrangement, arrangement_by, join_permutation};
use crate::equivalences::canonical_equivalences;
use crate::options::Quirks;
use crate::relation::{JoinImplementation, Lookup};
use crate::{Mfp, scalar};
use protocol::neutral::{DeltaJoinPlan, DeltaPathPlan, JoinPlan};
use protocol::v26_30::{AvailableCollections, JoinStagePlan, LinearJoinPlan, MirScalarExpr};

/// What a plan reads of an input that the input does not offer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissingForms {
    pub raw: bool,
    pub arranged: Vec<Arrangement>,
}

/// Which paths of a delta join are planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaPaths {
    All,
    /// The first relation's, which is all that a dataflow for a single time needs;
    /// its rows are read raw unless they are arranged already (`spec/v26_39.md`
    /// §3.7).
    First,
}

/// Plans the join of inputs with these arities, offering these collections.
/// `m` is the MFP above, of which what cannot run inside is left.
pub fn plan_join(
    implementation: &JoinImplementation,
    arities: &[usize],
    available: &[AvailableCollections],
    equivalences: &[Vec<MirScalarExpr>],
    m: &mut Mfp,
    paths: DeltaPaths,
    quirks: &Quirks,
) -> Result<(JoinPlan, Vec<MissingForms>), LowerError> {
    if let JoinImplementation::Unimplemented = implementation {
        return Err(LowerError::UnimplementedJoin);
    }
    let temporal = m.extract_temporal();
    if m.expressions.iter().any(scalar::is_temporal) {
        return Err(LowerError::TemporalExpression);
    }
    let inside = std::mem::replace(m, temporal);
    let mut planner = Planner {
        arities,
        offsets: offsets(arities),
        available,
        eqs: canonical_equivalences(equivalences, quirks),
        mfp: inside,
        missing: vec![MissingForms::default(); arities.len()],
    };
    let plan = match implementation {
        JoinImplementation::Unimplemented => return Err(LowerError::UnimplementedJoin),
        JoinImplementation::Differential {
            start,
            start_key,
            order,
        } => {
            let source = start_key.as_ref().and_then(|key| {
                let mut arranged = available[*start].arranged.iter();
                arranged.find(|arrangement| arrangement.0 == *key).cloned()
            });
            planner.linear(*start, source, order)?
        }
        JoinImplementation::IndexedFilter { key } => {
            let columns: Vec<MirScalarExpr> = (0..key.len()).map(scalar::column).collect();
            let source = arrangement_by(&columns, key.len());
            planner.linear(1, Some(source), &[(0, key.clone())])?
        }
        JoinImplementation::DeltaQuery(orders) => planner.delta(orders, paths)?,
    };
    Ok((plan, planner.missing))
}

fn offsets(arities: &[usize]) -> Vec<usize> {
    arities
        .iter()
        .scan(0, |sum, arity| {
            let offset = *sum;
            *sum += arity;
            Some(offset)
        })
        .collect()
}

struct Planner<'a> {
    arities: &'a [usize],
    offsets: Vec<usize>,
    available: &'a [AvailableCollections],
    eqs: Vec<Vec<MirScalarExpr>>,
    mfp: Mfp,
    missing: Vec<MissingForms>,
}

impl Planner<'_> {
    fn columns(&self, input: usize) -> std::ops::Range<usize> {
        self.offsets[input]..self.offsets[input] + self.arities[input]
    }

    fn state(&self, start: usize) -> JoinState {
        JoinState::new(self.columns(start), self.eqs.clone(), self.mfp.clone())
    }

    /// The arrangement of `input` by `key`; noted if it does not exist.
    fn arrangement(&mut self, input: usize, key: &[MirScalarExpr]) -> Arrangement {
        let mut arranged = self.available[input].arranged.iter();
        if let Some(known) = arranged.find(|known| known.0 == key) {
            return known.clone();
        }
        let needed = arrangement_by(key, self.arities[input]);
        let missing = &mut self.missing[input].arranged;
        if !missing.contains(&needed) {
            missing.push(needed.clone());
        }
        needed
    }

    /// §2.7.5
    fn linear(
        &mut self,
        start: usize,
        source: Option<Arrangement>,
        order: &[Lookup],
    ) -> Result<JoinPlan, LowerError> {
        match &source {
            Some(source) => {
                self.arrangement(start, &source.0);
            }
            None if !self.available[start].raw => self.missing[start].raw = true,
            None => {}
        }
        let source_key = source.as_ref().map(|(key, _, _)| key.clone());
        let mut state = self.state(start);
        let stage_plans = self.stages(&mut state, start, self.arities[start], source, order)?;
        Ok(JoinPlan::Linear(LinearJoinPlan {
            source_relation: start,
            source_key,
            initial_closure: None,
            stage_plans,
            final_closure: state.complete(),
        }))
    }

    /// §2.7.6
    fn delta(&mut self, orders: &[Vec<Lookup>], paths: DeltaPaths) -> Result<JoinPlan, LowerError> {
        let mut path_plans = Vec::new();
        let planned = match paths {
            DeltaPaths::All => orders.len(),
            DeltaPaths::First => 1,
        };
        for (start, order) in orders.iter().enumerate().take(planned) {
            let lookups = orders.iter().flatten().filter(|(input, _)| *input == start);
            let Some(source_key) = lookups.map(|(_, key)| key).min() else {
                return Err(LowerError::UnboundJoinKey(start));
            };
            let source_key = self.source_key(start, source_key, paths);
            let mut state = self.state(start);
            let initial_closure = match &source_key {
                Some(key) => {
                    let (_, permutation, thinning) = arrangement_by(key, self.arities[start]);
                    state.extract(key.len() + thinning.len(), &permutation)
                }
                None => {
                    let columns: Vec<usize> = (0..self.arities[start]).collect();
                    state.extract(columns.len(), &columns)
                }
            };
            let width = initial_closure.before.mfp.projection.len();
            let stage_plans = self.stages(&mut state, start, width, None, order)?;
            path_plans.push(DeltaPathPlan {
                source_relation: start,
                source_key,
                initial_closure,
                stage_plans,
                final_closure: state.complete(),
            });
        }
        Ok(JoinPlan::Delta(DeltaJoinPlan { path_plans }))
    }

    /// The arrangement by which a path reads its source; None for its raw rows.
    fn source_key(
        &mut self,
        start: usize,
        key: &[MirScalarExpr],
        paths: DeltaPaths,
    ) -> Option<Vec<MirScalarExpr>> {
        let forms = &self.available[start];
        let is_arranged = forms.arranged.iter().any(|known| known.0 == key);
        match paths {
            // Other paths look it up.
            DeltaPaths::All => {}
            DeltaPaths::First if forms.raw && !is_arranged => return None,
            DeltaPaths::First => {
                self.arrangement(start, key);
            }
        }
        Some(key.to_vec())
    }

    /// Step 3 of §2.7.5: looks up one input after another. `width` is the
    /// stream's arity; a first stage may read an arrangement of the stream.
    fn stages(
        &mut self,
        state: &mut JoinState,
        start: usize,
        mut width: usize,
        mut source: Option<Arrangement>,
        order: &[Lookup],
    ) -> Result<Vec<JoinStagePlan>, LowerError> {
        let mut bound = vec![start];
        let mut stages = Vec::new();
        for (input, lookup_key) in order {
            let lookup = self.arrangement(*input, lookup_key);
            let offset = self.offsets[*input];
            let global_key: Vec<MirScalarExpr> = lookup_key
                .iter()
                .map(|e| scalar::mapped(e, |c| c + offset))
                .collect();
            let (stream_key, permutation, stream_thinning) = match source.take() {
                Some(source) => source,
                None => {
                    let in_stream = |c: usize| bound.iter().any(|b| self.columns(*b).contains(&c));
                    let key: Option<Vec<_>> = global_key
                        .iter()
                        .map(|component| state.stream_key(component, in_stream))
                        .collect();
                    let key = key.ok_or(LowerError::UnboundJoinKey(*input))?;
                    arrangement_by(&key, width)
                }
            };
            let permutation = join_permutation(
                lookup_key.len(),
                &permutation,
                stream_thinning.len(),
                &lookup.1,
            );
            let physical = lookup_key.len() + stream_thinning.len() + lookup.2.len();
            let closure = state.add(self.columns(*input), &global_key, physical, &permutation);
            width = closure.before.mfp.projection.len();
            bound.push(*input);
            stages.push(JoinStagePlan {
                lookup_relation: *input,
                stream_key,
                stream_thinning,
                lookup_key: lookup_key.clone(),
                closure,
            });
        }
        Ok(stages)
    }
}
