//! Errors that depend on what was there before: those that a join raises of rows
//! that have not met all their partners yet, because what stands on the join is
//! computed as soon as the columns are there; and those of several upper bounds of
//! `mz_now()`. Source: `spec/plan.md` §2.4, §3.3, `spec/replica.md` §16.1.
//!
//! A linear join computes nothing before two inputs have met, and only of rows
//! that met. A delta join has one path for each input, which computes what it
//! can of every changed row of its input, before the first partner and after
//! each; at the as_of only the path of input 0 runs. So what another path raised
//! or took back of a row depends on what its partners were when it changed, and
//! not on what they are: an error may stay behind, or take away an equal one.
//!
//! Invariant: which of these errors are raised is the planner's choice (the order
//! of lookups, what is computed where), so that they are possible, never certain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::block::Block;
use super::evaluated::ANY_ERROR;
use super::{Evaluated, Fault, Horizon, Scope, join};
use crate::answer::Undefined;
use crate::multiset::Multiset;
use plan::lower::JoinKind;
use plan::{JoinImplementation, Relation};
use protocol::v26_30::MirScalarExpr;
use repr::{Datum, Diff, Row, Timestamp};

/// A history of more changes than this is not looked at.
const LONGEST: usize = 64;

/// Partial rows beyond this are not looked at.
const MOST: usize = 2_000;

/// What a join may do to the errors of the block above it.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// Errors that may be raised.
    pub possible: BTreeSet<Fault>,
    /// Errors that may also be raised with a negative count.
    pub negative: BTreeSet<Fault>,
}

/// A join that is evaluated, and what its block is to look at.
pub(super) struct Joined<'p, 'e> {
    pub inputs: &'p [Relation],
    pub arities: &'e [usize],
    pub equivalences: &'p [Vec<MirScalarExpr>],
    pub implementation: &'p JoinImplementation,
    /// The inputs at the time of evaluation.
    pub evaluated: &'e [Evaluated],
}

/// The rows of one input over the life of its dataflow.
#[derive(Debug, Default)]
struct History {
    /// Every row that was there at some time.
    ever: BTreeSet<Row>,
    /// Those whose count changed after the as_of.
    changed: BTreeSet<Row>,
    /// Those whose count became smaller after the as_of.
    fallen: BTreeSet<Row>,
    /// Some row had a negative count.
    negative: bool,
}

impl History {
    /// Of the contents at successive times, the first at the as_of.
    fn of<'e>(mut contents: impl Iterator<Item = &'e Evaluated>) -> History {
        let mut history = History::default();
        let mut before: BTreeMap<Row, Diff> = match contents.next() {
            None => return history,
            Some(first) => counts(first),
        };
        history.ever.extend(before.keys().cloned());
        history.negative = before.values().any(|count| *count < 0);
        for next in contents {
            let now = counts(next);
            for row in before.keys().chain(now.keys()) {
                let count = |at: &BTreeMap<Row, Diff>| at.get(row).copied().unwrap_or(0);
                let (was, is) = (count(&before), count(&now));
                if was != is {
                    history.changed.insert(row.clone());
                }
                if is < was {
                    history.fallen.insert(row.clone());
                }
            }
            history.ever.extend(now.keys().cloned());
            history.negative |= now.values().any(|count| *count < 0);
            before = now;
        }
        history
    }
}

fn counts(contents: &Evaluated) -> BTreeMap<Row, Diff> {
    let rows = contents.rows.iter();
    rows.map(|(row, count)| (row.clone(), count)).collect()
}

impl<'p> Scope<'_, '_, 'p> {
    /// What the block above a join may raise of partial rows.
    ///
    /// Errors: an input that cannot be evaluated at an earlier time.
    pub(super) fn early(
        &mut self,
        block: &Block<'_>,
        joined: &Joined<'p, '_>,
    ) -> Result<Early, Undefined> {
        let mut early = Early::default();
        if block.is_infallible() {
            return Ok(early);
        }
        let (linear, delta) = match (joined.implementation, self.moment.join) {
            (JoinImplementation::Differential { .. }, _)
            | (JoinImplementation::IndexedFilter { .. }, _)
            | (JoinImplementation::Unimplemented, Some(JoinKind::Linear)) => (true, false),
            (JoinImplementation::DeltaQuery(_), _)
            | (JoinImplementation::Unimplemented, Some(JoinKind::Delta)) => (false, true),
            // A planner of its own takes a delta join for three inputs or more.
            (JoinImplementation::Unimplemented, None) => (true, joined.inputs.len() > 2),
        };
        let faults = Faults {
            block,
            joined,
            ts: self.moment.ts,
        };
        let now: Vec<BTreeSet<Row>> = joined
            .evaluated
            .iter()
            .map(|input| input.rows.iter().map(|(row, _)| row.clone()).collect())
            .collect();
        if linear {
            let inputs = joined.evaluated.iter();
            let negative = inputs.map(|input| &input.rows).any(Multiset::has_negative);
            for present in faults.subsets() {
                if present.count_ones() > 1 && !faults.is_whole(present) {
                    early.possible.extend(faults.of(present, &now, None));
                }
            }
            if negative {
                early.negative.clone_from(&early.possible);
            }
        }
        if delta {
            self.early_of_paths(&faults, now, &mut early)?;
        }
        Ok(early)
    }

    /// What the paths of a delta join may raise.
    fn early_of_paths(
        &mut self,
        faults: &Faults<'p, '_>,
        now: Vec<BTreeSet<Row>>,
        early: &mut Early,
    ) -> Result<(), Undefined> {
        let joined = faults.joined;
        let Some(histories) = self.histories(joined.inputs, joined.evaluated)? else {
            // Whatever was there before, and whichever path: each input's.
            for present in faults.subsets() {
                early.possible.extend(faults.of(present, &now, None));
            }
            early.negative.clone_from(&early.possible);
            return Ok(());
        };
        let (mut ever, mut changed, mut fallen) = (Vec::new(), Vec::new(), Vec::new());
        let negative = histories.iter().any(|history| history.negative);
        for history in histories {
            ever.push(history.ever);
            changed.push(history.changed);
            fallen.push(history.fallen);
        }
        let mut ahead = BTreeSet::new();
        for present in faults.subsets() {
            if present & 1 != 0 && !faults.is_whole(present) {
                early.possible.extend(faults.of(present, &ever, None));
            }
            let others = (1..ever.len()).filter(|input| present & (1 << input) != 0);
            for input in others {
                if !faults.is_whole(present) {
                    let raised = faults.of(present, &ever, Some((input, &changed[input])));
                    ahead.extend(raised.iter().cloned());
                    early.possible.extend(raised);
                }
                let taken_back = faults.of(present, &ever, Some((input, &fallen[input])));
                early.negative.extend(taken_back);
            }
        }
        // What another path raised once for rows that count more, the path of input 0
        // takes back as often as these fall.
        for present in faults.subsets().filter(|present| present & 1 != 0) {
            let taken_back = faults.of(present, &ever, Some((0, &fallen[0])));
            early
                .negative
                .extend(taken_back.intersection(&ahead).cloned());
        }
        early.possible.extend(early.negative.iter().cloned());
        if negative {
            early.negative.clone_from(&early.possible);
        }
        Ok(())
    }

    /// What a block may have kept of earlier times: an upper bound of `mz_now()` may
    /// be looked at when a row comes, and not when it goes, or the other way round.
    ///
    /// Errors: an input that cannot be evaluated at an earlier time.
    pub(super) fn kept_errors(
        &mut self,
        block: &Block<'_>,
        below: &'p Relation,
        input: &Evaluated,
    ) -> Result<BTreeSet<Fault>, Undefined> {
        if !block.may_keep_errors() {
            return Ok(BTreeSet::new());
        }
        let inputs = std::slice::from_ref(below);
        let Some(histories) = self.histories(inputs, std::slice::from_ref(input))? else {
            return Ok([Fault::Begins(ANY_ERROR.to_string())].into());
        };
        let rows = histories.iter().flat_map(|history| &history.ever);
        let ts = self.moment.ts;
        Ok(rows
            .flat_map(|row| block.faults_of_bounds(row, ts))
            .collect())
    }

    /// The contents of relations over the life of the dataflow, which are `now` at
    /// the scope's time; `None` inside of a recursion, and where they changed too
    /// often.
    fn histories(
        &mut self,
        plans: &'p [Relation],
        now: &[Evaluated],
    ) -> Result<Option<Vec<History>>, Undefined> {
        if self.recursive || self.moment.ts < self.moment.as_of {
            return Ok(None);
        }
        let mut earlier: Vec<Vec<Evaluated>> = Vec::new();
        let mut next = Some(self.moment.as_of);
        while let Some(time) = next.filter(|time| *time < self.moment.ts) {
            if earlier.len() == LONGEST {
                return Ok(None);
            }
            let contents = self.relations_at(plans, time)?;
            next = Horizon::nearest(contents.iter().map(|contents| contents.horizon)).next();
            earlier.push(contents);
        }
        let histories = now.iter().enumerate().map(|(at, now)| {
            let earlier = earlier.iter().map(|contents| &contents[at]);
            History::of(earlier.chain([now]))
        });
        Ok(Some(histories.collect()))
    }

    /// Relations at another time than the scope's.
    fn relations_at(
        &mut self,
        plans: &'p [Relation],
        ts: Timestamp,
    ) -> Result<Vec<Evaluated>, Undefined> {
        let mut then = Scope {
            moment: super::Moment { ts, ..self.moment },
            globals: &mut *self.globals,
            bound: Vec::new(),
            locals: BTreeMap::new(),
            recursive: false,
        };
        for (id, plan) in self.bound.clone() {
            let value = Arc::new(then.relation(plan)?);
            then.bound.push((id, plan));
            then.locals.insert(id, value);
        }
        then.relations(plans)
    }
}

/// Finds what a block raises of partial rows.
struct Faults<'p, 'e> {
    block: &'e Block<'e>,
    joined: &'e Joined<'p, 'e>,
    ts: Timestamp,
}

impl Faults<'_, '_> {
    /// Every set of inputs but the empty one, as bits.
    fn subsets(&self) -> std::ops::Range<usize> {
        1..1_usize << self.joined.inputs.len().min(usize::BITS as usize - 1)
    }

    fn is_whole(&self, present: usize) -> bool {
        present + 1 == self.subsets().end
    }

    /// What the block raises of rows of these inputs that meet, one of them
    /// restricted to some rows. Nothing if these are too many.
    fn of(
        &self,
        present: usize,
        rows: &[BTreeSet<Row>],
        restricted: Option<(usize, &BTreeSet<Row>)>,
    ) -> BTreeSet<Fault> {
        let inputs: Vec<Option<&BTreeSet<Row>>> = rows
            .iter()
            .enumerate()
            .map(|(at, rows)| match restricted {
                Some((input, some)) if input == at => Some(some),
                _ => (present & (1 << at) != 0).then_some(rows),
            })
            .collect();
        let partial = self.partial_rows(&inputs);
        let raised = partial.into_iter();
        raised
            .flat_map(|datums| self.block.faults(datums, self.ts))
            .collect()
    }

    /// Rows of the inputs that are there, combined where they agree, the columns
    /// of the others missing. None at all if these are too many.
    fn partial_rows<'r>(
        &self,
        inputs: &[Option<&'r BTreeSet<Row>>],
    ) -> Vec<Vec<Option<Datum<'r>>>> {
        let mut partial: Vec<Vec<Option<Datum<'r>>>> = vec![Vec::new()];
        for (input, arity) in inputs.iter().zip(self.joined.arities) {
            let Some(rows) = input else {
                for row in &mut partial {
                    row.extend(std::iter::repeat_n(None, *arity));
                }
                continue;
            };
            if partial.len().saturating_mul(rows.len()) > MOST {
                return Vec::new();
            }
            let extended = partial.iter().flat_map(|row| {
                rows.iter().map(|more| {
                    let mut row = row.clone();
                    row.extend(more.iter().map(Some));
                    row
                })
            });
            partial = extended.collect();
            let classes = self.joined.equivalences;
            partial.retain(|row| join::agrees(row, classes, self.ts));
        }
        partial
    }
}
