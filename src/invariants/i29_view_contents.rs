//! I-29: the shard of a materialized view equals the view at every time below
//! its upper, across reconnects and restarts; an error stands in it exactly
//! when the view has it, and from 26.39 on once. Source: `spec/replica.md` §7, §10
//! I-22; `spec/v26_39.md` §8.1. Of two replicas that write a view, what counts is
//! the shard, whichever of them wrote it; where one of them is older than 26.39, an
//! error may stand in it more than once.
//!
//! Does not apply to shards that views of different meaning wrote (unknown), to
//! times that a later view sealed unseen, nor where the model does not evaluate
//! the plan (unknown).

use std::collections::BTreeMap;

use super::batches::{Sum, Turns};
use super::{Breach, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::Model;
use crate::model::eval::{Evaluated, Fault};
use crate::protocol::v26_30::dataflow_error_text;
use crate::repr::{Diff, Timestamp};
use crate::script::event::{Event, ShardContents};

/// After so many times of which nothing can be said no more are looked at.
const UNSAID: usize = 64;

pub struct ViewContents {
    /// Every replica that writes views is of a release that writes an error once.
    pub errors_once: bool,
}

impl Invariant for ViewContents {
    described!("I-29", "the shard of a materialized view equals the view");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Event::ShardRead(contents) = event else {
            return;
        };
        let ShardContents {
            shard,
            since,
            upper,
            rows,
            errors,
        } = contents;
        let sum = Sum::of(rows.iter().cloned());
        let errors = Errors::of(errors);
        let mut turns = Turns::within(since, upper);
        let mut unsaid = 0;
        while let Some(ts) = turns.at() {
            let evaluated = match model.view_at(shard, ts) {
                Ok(evaluated) => evaluated,
                Err(undefined) => {
                    // That may be so for ever, or up to the as_of of a later view.
                    unsaid += 1;
                    if unsaid == 1 && undefined.is_sound() {
                        verdicts.open(Leniency::Unevaluated);
                    }
                    turns.turn([ts.checked_add(1).filter(|_| unsaid < UNSAID)]);
                    continue;
                }
            };
            let changes = [sum.change_after(ts), errors.change_after(ts)];
            turns.turn(changes.into_iter().chain([evaluated.horizon.next()]));
            self.judge(shard, ts, &evaluated, &sum, &errors, verdicts);
        }
        if turns.is_cut() {
            verdicts.open(Leniency::Unevaluated);
        }
    }
}

impl ViewContents {
    /// Judges what stands in a shard at one time.
    fn judge(
        &self,
        shard: &str,
        ts: Timestamp,
        evaluated: &Evaluated,
        sum: &Sum,
        errors: &Errors,
        verdicts: &mut Verdicts,
    ) {
        let broken = |kind: &'static str, expected: String, observed: String| Breach {
            kind,
            place: Place::nowhere().time(ts),
            expected: format!("shard `{shard}`: {expected}"),
            observed,
        };
        let told = errors.at(ts);
        if let Some((text, count)) = errors.repeated(ts).filter(|_| self.errors_once) {
            let expected = format!("the error {text} once");
            verdicts.violated(broken("repeated-error", expected, format!("{count} times")));
            return;
        }
        match wrong_errors(evaluated, &told) {
            Err((kind, expected)) => {
                let observed = match told.is_empty() {
                    true => show::rows(&sum.at(ts)),
                    false => told.join(" and "),
                };
                verdicts.violated(broken(kind, expected, observed));
            }
            // Beside errors rows mean nothing.
            Ok(()) if !told.is_empty() => {
                if evaluated.certain().next().is_none() {
                    verdicts.granted(Leniency::EarlyErrors);
                }
                verdicts.holds();
            }
            Ok(()) => {
                let rows = sum.at(ts);
                verdicts.check(rows == evaluated.rows, || {
                    let observed = show::difference(&rows, &evaluated.rows);
                    broken("wrong-contents", show::rows(&evaluated.rows), observed)
                });
            }
        }
    }
}

/// What is wrong with the errors that stand in a shard, and what was expected. Each
/// must be the view's, and each of the view's must stand, unless the replica had a
/// choice among them.
fn wrong_errors(evaluated: &Evaluated, told: &[String]) -> Result<(), (&'static str, String)> {
    let told_of = |fault: &Fault| {
        let texts = fault.texts();
        told.iter().any(|text| texts.matches(text))
    };
    let mut missing = evaluated.certain().filter(|fault| !told_of(fault));
    let has_choice = !evaluated.possible.is_empty();
    if let Some(fault) = missing.next().filter(|_| told.is_empty() || !has_choice) {
        return Err(("missing-error", format!("the error {}", fault.texts())));
    }
    let Some(_) = told.iter().find(|text| !evaluated.may_have(text)) else {
        return Ok(());
    };
    Err(match evaluated.certain().next() {
        Some(fault) => ("wrong-error", format!("the error {}", fault.texts())),
        None => ("unexpected-error", show::rows(&evaluated.rows)),
    })
}

/// The errors of a shard, as texts.
struct Errors(Vec<(String, Timestamp, Diff)>);

impl Errors {
    fn of(encoded: &[(Vec<u8>, Timestamp, Diff)]) -> Errors {
        let decoded = encoded.iter().map(|(bytes, time, diff)| {
            let text = dataflow_error_text(bytes);
            let unread = || format!("no error, but the bytes {bytes:02x?}");
            (text.unwrap_or_else(unread), *time, *diff)
        });
        Errors(decoded.collect())
    }

    /// How often each counts at `ts`, but for those that do not.
    fn counts(&self, ts: Timestamp) -> BTreeMap<&String, Diff> {
        let mut counts: BTreeMap<&String, Diff> = BTreeMap::new();
        for (text, _, diff) in self.0.iter().filter(|(_, time, _)| *time <= ts) {
            *counts.entry(text).or_default() += diff;
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// Those that stand at `ts`.
    fn at(&self, ts: Timestamp) -> Vec<String> {
        self.counts(ts).into_keys().cloned().collect()
    }

    /// One that stands at `ts` otherwise than once, and how often.
    fn repeated(&self, ts: Timestamp) -> Option<(String, Diff)> {
        let mut counts = self.counts(ts).into_iter();
        let (text, count) = counts.find(|(_, count)| *count != 1)?;
        Some((text.clone(), count))
    }

    /// The time of the first change after `ts`.
    fn change_after(&self, ts: Timestamp) -> Option<Timestamp> {
        let times = self.0.iter().map(|(_, time, _)| *time);
        times.filter(|time| *time > ts).min()
    }
}
