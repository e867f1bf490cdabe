//! I-27: the batches of a subscribe sum up to the collection's contents: at
//! every time in [as_of, upper); without a snapshot, to what has changed since
//! the as_of; and an error is told exactly when the
//! collection has one in the times of the batch or had one before. Source:
//! `spec/replica.md` §6.1, §10 I-19.
//!
//! Without a snapshot an error that stands at the as_of already, or may stand
//! there, is no change: it is told at most when it goes away.
//!
//! The error of a worker that is ahead of the others is told with the next batch
//! of all, which may end before the error's time. Workers do not exchange errors:
//! what one raises is told although another takes it back. Several
//! workers hold rows of a constant apart that cancel.
//!
//! Does not apply after the collection was dropped or disturbed, and where the
//! model does not evaluate the plan (unknown). Which of several errors is told
//! is free.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::batches::{self, Sum, Sums, Turns};
use super::{Breach, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::eval::{Evaluated, Fault};
use crate::model::{Model, Multiset, Undefined, size};
use crate::protocol::v26_30::SubscribeBatch;
use crate::repr::{Antichain, GlobalId, Timestamp};
use crate::script::event::Event;

pub struct SubscribeSum {
    one_worker: bool,
    sums: Sums,
    /// The first error that each subscribe told.
    poisoned: BTreeMap<GlobalId, String>,
}

impl Invariant for SubscribeSum {
    described!("I-27", "a subscribe sums up to the collection's contents");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        if let Event::SessionStarted { .. } = event {
            self.poisoned.clear();
        }
        let summed = self.sums.hear(event);
        let Some((id, batch)) = batches::batch(event) else {
            return;
        };
        match (&batch.updates, summed) {
            (Err(text), _) => self.told_error(id, batch, text, model, verdicts),
            // What does not decode is for I-26 to say.
            (Ok(_), None) => {}
            (Ok(_), Some((_, _, sum))) => {
                if let Some(text) = self.poisoned.get(&id) {
                    return verdicts.violated(Breach {
                        kind: "error-forgotten",
                        place: Place::at(id),
                        expected: format!("nothing but errors after the error `{text}`"),
                        observed: format!("rows from {} to {}", batch.lower, batch.upper),
                    });
                }
                told_rows(id, batch, sum, model, verdicts);
            }
        }
    }
}

impl SubscribeSum {
    /// `one_worker`: there is one in all, which holds nothing apart.
    pub fn new(one_worker: bool) -> Self {
        SubscribeSum {
            one_worker,
            sums: Sums::default(),
            poisoned: BTreeMap::new(),
        }
    }

    fn told_error(
        &mut self,
        id: GlobalId,
        batch: &SubscribeBatch,
        text: &str,
        model: &Model,
        verdicts: &mut Verdicts,
    ) {
        if self.poisoned.contains_key(&id) {
            return;
        }
        self.poisoned.insert(id, text.to_string());
        if size::is_refusal(text) {
            return told_size(id, batch, text, model, verdicts);
        }
        let (first, upper) = spoiled(id, batch, model);
        // Without a snapshot, an error of the as_of is told when it goes away.
        let before = untold(id, model).unwrap_or_default();
        if before.may_have(text) {
            return verdicts.holds();
        }
        let one_worker = self.one_worker;
        let raised = |evaluated: &Evaluated| {
            let apart = evaluated.raised_apart.iter().filter(|_| !one_worker);
            let mut raised = evaluated.raised.iter().chain(apart);
            raised.any(|fault| fault.texts().matches(text))
        };
        for contents in contents(id, model, &first, &upper, None) {
            let (ts, evaluated) = match contents {
                Ok(contents) => contents,
                Err(undefined) => return undecided(&undefined, verdicts),
            };
            let stands = evaluated.may_have(text);
            if !stands && !raised(&evaluated) {
                continue;
            }
            if !stands {
                verdicts.granted(Leniency::ErrorOfOneWorker);
            }
            if !batch.upper.is_empty() && batch.upper.less_equal(ts) {
                verdicts.granted(Leniency::ErrorAhead);
            }
            return verdicts.holds();
        }
        verdicts.violated(Breach {
            kind: "unexpected-error",
            place: Place::at(id),
            expected: format!("an error of the collection between {first} and {upper}"),
            observed: format!("the error `{text}`"),
        });
    }
}

/// Judges the error of a batch that is too large, or of what waits for other
/// workers: refused is what may have changed since the batch began.
fn told_size(
    id: GlobalId,
    batch: &SubscribeBatch,
    text: &str,
    model: &Model,
    verdicts: &mut Verdicts,
) {
    let (first, upper) = spoiled(id, batch, model);
    let mut changed: u64 = 0;
    let mut before = match before(id, &first, model) {
        Ok(rows) => size::generous(&rows),
        Err(undefined) => return undecided(&undefined, verdicts),
    };
    for contents in contents(id, model, &first, &upper, None) {
        let (_, evaluated) = match contents {
            Ok(contents) => contents,
            Err(undefined) => return undecided(&undefined, verdicts),
        };
        let now = size::generous(&evaluated.rows);
        // At most everything went and came.
        changed = changed.saturating_add(before).saturating_add(now);
        before = now;
    }
    let sizes = model.collection(id).map(|collection| &collection.sizes);
    if sizes.is_some_and(|sizes| sizes.may_refuse(changed)) {
        verdicts.granted(Leniency::NearLimit);
        return verdicts.holds();
    }
    verdicts.violated(Breach {
        kind: "unexpected-error",
        place: Place::at(id),
        expected: format!("rows that take no more than {changed} bytes in all"),
        observed: format!("the error `{text}`"),
    });
}

/// Compares what was told up to a batch with the collection, at each time of the
/// batch at which something may be new.
fn told_rows(
    id: GlobalId,
    batch: &SubscribeBatch,
    sum: &Sum,
    model: &Model,
    verdicts: &mut Verdicts,
) {
    let (first, until) = span(id, batch, model);
    let end = match until {
        Some(until) if !batch.upper.less_equal(until) => Antichain::from_elem(until),
        Some(_) | None => batch.upper.clone(),
    };
    for contents in contents(id, model, &first, &end, Some(sum)) {
        let told = contents.and_then(|(ts, now)| Ok((ts, now, untold(id, model)?)));
        let (ts, evaluated, untold) = match told {
            Ok(told) => told,
            Err(undefined) => return undecided(&undefined, verdicts),
        };
        let place = Place::at(id).time(ts);
        let is_new = |error: &&Fault| {
            !untold.errors.contains_key(*error) && !untold.possible.contains(*error)
        };
        if let Some(error) = evaluated.certain().find(is_new) {
            return verdicts.violated(Breach {
                kind: "missing-error",
                place,
                expected: format!("the error {}", error.texts()),
                observed: format!("rows from {} to {}", batch.lower, batch.upper),
            });
        }
        // Beside errors rows mean nothing.
        if !evaluated.errors.is_empty() || untold.may_fail() {
            verdicts.granted(Leniency::BesideErrors);
            continue;
        }
        let (rows, right) = (sum.at(ts), evaluated.rows.minus(&untold.rows));
        if rows != right {
            return verdicts.violated(Breach {
                kind: "wrong-sum",
                place,
                expected: show::rows(&right),
                observed: show::difference(&rows, &right),
            });
        }
        verdicts.holds();
    }
}

/// The first time that a batch covers, and the first that it never does.
fn span(id: GlobalId, batch: &SubscribeBatch, model: &Model) -> (Antichain, Option<Timestamp>) {
    let Some(collection) = model.collection(id) else {
        return (batch.lower.clone(), None);
    };
    let first = Antichain::from_elem(collection.tells_from());
    (batch.lower.join(&first), collection.up_to())
}

/// The times whose errors may spoil a batch: a worker that is ahead spoils the batch
/// of all (`spec/replica.md` §6.3).
fn spoiled(id: GlobalId, batch: &SubscribeBatch, model: &Model) -> (Antichain, Antichain) {
    let (first, _) = span(id, batch, model);
    let sealed = model.may_reach(id).unwrap_or_default();
    (first, batch.upper.join(&sealed))
}

/// What a subscribe without a snapshot does not tell: the contents at the as_of.
/// Nothing, of one with a snapshot.
fn untold(id: GlobalId, model: &Model) -> Result<Evaluated, Undefined> {
    let collection = model.collection(id).ok_or(Undefined::Unknown(id))?;
    match collection.tells_snapshot() {
        true => Ok(Evaluated::default()),
        false => Ok(model.object_of(id, collection.as_of())?.as_ref().clone()),
    }
}

/// The rows that a subscribe had told, or does not tell, when a batch begins at `first`.
fn before(id: GlobalId, first: &Antichain, model: &Model) -> Result<Multiset, Undefined> {
    let collection = model.collection(id).ok_or(Undefined::Unknown(id))?;
    let last = first.as_option().and_then(|first| first.checked_sub(1));
    match last.filter(|last| *last >= collection.as_of()) {
        Some(last) => Ok(model.object_of(id, last)?.rows.clone()),
        None => Ok(untold(id, model)?.rows),
    }
}

/// What the model cannot tell.
fn undecided(undefined: &Undefined, verdicts: &mut Verdicts) {
    if undefined.is_sound() {
        verdicts.open(Leniency::Unevaluated);
    }
}

/// What a subscribed collection contains at the times in `[first, upper)` at which
/// something may be new, by the model or by `told`. The last item says why the model
/// cannot tell any further, if that is before `upper`.
fn contents<'a>(
    id: GlobalId,
    model: &'a Model,
    first: &Antichain,
    upper: &'a Antichain,
    told: Option<&'a Sum>,
) -> impl Iterator<Item = Result<(Timestamp, Arc<Evaluated>), Undefined>> + 'a {
    let mut turns = Turns::within(first, upper);
    let next = move || {
        let Some(ts) = turns.at() else {
            let too_many = || Undefined::Unsupported("so many changes".to_string());
            let cut = turns.is_cut().then(too_many);
            turns.turn([]);
            return cut.map(Err);
        };
        let contents = model.object_of(id, ts);
        let horizon = contents.as_ref().ok().map(|now| now.horizon);
        turns.turn(horizon.into_iter().flat_map(|horizon| {
            let change = told.and_then(|sum| sum.change_after(ts));
            [horizon.next(), change]
        }));
        Some(contents.map(|now| (ts, now)))
    };
    std::iter::from_fn(next)
}
