//! Reading what is arranged: which arrangement a `Get` or an MFP uses, and when
//! it seeks one key. Source: `spec/lowering.md` §2.2, §2.13.
//!
//! Invariant: an MFP over an arrangement is permuted to the columns of the
//! arrangement's rows.

use super::context::{Context, Lowered, only, raw_only};
use super::lir::{Op, Reading};
use super::permutation::{Arrangement, over_arrangement};
use crate::Mfp;
use protocol::v26_30::{AvailableCollections, Id};
use repr::Row;

/// The longest candidate key that the literals fix; the last of equals.
fn longest_lookup(
    arranged: &[Arrangement],
    fixed: impl Fn(&Arrangement) -> Option<Row>,
) -> Option<(&Arrangement, Row)> {
    let mut best: Option<(&Arrangement, Row)> = None;
    for arrangement in arranged {
        if let Some(row) = fixed(arrangement)
            && best
                .as_ref()
                .is_none_or(|(known, _)| arrangement.0.len() >= known.0.len())
        {
            best = Some((arrangement, row));
        }
    }
    best
}

impl Context {
    /// §2.2
    pub(super) fn get(&mut self, id: Id, m: Mfp) -> Lowered {
        let future = self.future.contains(&id) || m.has_temporal_predicate();
        let mut keys = self.available.get(&id).cloned().unwrap_or_else(raw_only);
        let lookup = longest_lookup(&keys.arranged, |(key, _, _)| m.literal_constraints(key))
            .map(|(arrangement, row)| (arrangement.clone(), Some(row)));
        let chosen = match lookup {
            Some(found) => Some(found),
            None if m.is_identity() => {
                let plan = self.node(Op::Get {
                    id,
                    keys: keys.clone(),
                    plan: Reading::Pass,
                });
                return Lowered { plan, keys, future };
            }
            None => keys.arranged.first().map(|first| (first.clone(), None)),
        };
        let plan = match chosen {
            Some((arrangement, row)) => {
                let m = over_arrangement(m, &arrangement);
                keys.arranged = vec![arrangement.clone()];
                Reading::Arrangement(arrangement.0, row, m)
            }
            None => Reading::Collection(m),
        };
        let plan = self.node(Op::Get { id, keys, plan });
        Lowered {
            plan,
            keys: raw_only(),
            future,
        }
    }

    /// §2.13: the MFP that no rule took.
    pub(super) fn leftover(&mut self, lowered: Lowered, m: Mfp) -> Lowered {
        let Lowered {
            plan,
            mut keys,
            future,
        } = lowered;
        let future = future || m.has_temporal_predicate();
        let quirks = self.options.quirks;
        let lookup = self.lookup(&keys, &m);
        let as_identity = || {
            let mut all = keys.arranged.iter();
            all.find(|arrangement| over_arrangement(m.clone(), arrangement).is_identity())
        };
        let chosen = match (lookup, as_identity()) {
            (Some(found), _) => Some(found),
            (None, Some(arrangement)) if quirks.permuting_project_over_arrange_by => {
                Some((arrangement.clone(), None))
            }
            // An identity over an arrangement would be skipped together with
            // the permutation that it stands for: read the rows instead.
            (None, Some(_)) => return self.over_rows(Lowered { plan, keys, future }, m),
            (None, None) => keys.arranged.first().map(|first| (first.clone(), None)),
        };
        let (mfp, input_key_val) = match &chosen {
            Some((arrangement, row)) => (
                over_arrangement(m, arrangement),
                Some((arrangement.0.clone(), row.clone())),
            ),
            None => (m, None),
        };
        if let Some(((key, _, thinning), None)) = &chosen
            && mfp.is_identity()
        {
            self.take_id();
            let physical = key.len() + thinning.len();
            keys = only((
                key.clone(),
                (0..physical).collect(),
                (0..thinning.len()).collect(),
            ));
            return Lowered { plan, keys, future };
        }
        let plan = self.node(Op::Mfp {
            input: Box::new(plan),
            mfp,
            input_key_val,
        });
        Lowered {
            plan,
            keys: raw_only(),
            future,
        }
    }

    /// The arrangement in which the MFP's literals fix the key, and that key.
    fn lookup(&self, keys: &AvailableCollections, m: &Mfp) -> Option<(Arrangement, Option<Row>)> {
        let quirk = self.options.quirks.literal_lookup_over_arrange_by;
        longest_lookup(&keys.arranged, |arrangement| {
            if quirk {
                // The key's columns are not permuted, though the MFP's are.
                over_arrangement(m.clone(), arrangement).literal_constraints(&arrangement.0)
            } else {
                m.literal_constraints(&arrangement.0)
            }
        })
        .map(|(arrangement, row)| (arrangement.clone(), Some(row)))
    }

    /// The MFP over the rows apart from arrangements.
    fn over_rows(&mut self, lowered: Lowered, m: Mfp) -> Lowered {
        let raw = self.force_raw(lowered, m.input_arity);
        let plan = self.node(Op::Mfp {
            input: Box::new(raw.plan),
            mfp: m,
            input_key_val: None,
        });
        Lowered {
            plan,
            keys: raw_only(),
            future: raw.future,
        }
    }
}
