//! The forms that an operator needs of its input: raw rows, arrangements by
//! keys. Source: `spec/lowering.md` §2.12, §2.15.
//!
//! Invariant: a form that the input offers is not made again.

use super::context::{Context, Lowered, raw_only, strategy};
use super::error::LowerError;
use super::lir::{Key, Lir, Op};
use super::permutation::{Arrangement, arrangement_by, over_arrangement};
use crate::Mfp;
use crate::relation::Relation;
use protocol::v26_30::AvailableCollections;

impl Context {
    pub(super) fn lower_raw(&mut self, r: &Relation) -> Result<Lowered, LowerError> {
        let arity = r.arity();
        let lowered = self.lower(r)?;
        Ok(self.force_raw(lowered, arity))
    }

    pub(super) fn force_raw(&mut self, lowered: Lowered, arity: usize) -> Lowered {
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
    pub(super) fn wrap(
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
    pub(super) fn arrange_by(
        &mut self,
        input: &Relation,
        keys: &[Key],
    ) -> Result<Lowered, LowerError> {
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
}

/// How to get the rows out of the first arrangement, if there is one (§2.12).
pub(super) fn undo_first(keys: &AvailableCollections, arity: usize) -> (Option<Key>, Mfp) {
    match keys.arranged.first() {
        Some(arrangement) => (
            Some(arrangement.0.clone()),
            over_arrangement(Mfp::new(arity), arrangement),
        ),
        None => (None, Mfp::new(arity)),
    }
}
