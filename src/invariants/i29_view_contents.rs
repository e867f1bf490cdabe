//! I-29: the shard of a materialized view equals the view at every time below
//! its upper, across reconnects and restarts; an error stands in it exactly
//! when the view has it. Source: `spec/replica.md` §7, §10 I-22.
//!
//! Does not apply to shards that views of different meaning wrote (unknown), to
//! times that a later view sealed unseen, nor where the model does not evaluate
//! the plan (unknown).

use std::collections::BTreeMap;

use super::batches::{Sum, Turns};
use super::{Finding, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::Model;
use crate::model::eval::{Evaluated, Fault};
use crate::protocol::v26_30::dataflow_error_text;
use crate::repr::{Diff, Timestamp};
use crate::script::trace::{Event, ShardContents};

/// After so many times of which nothing can be said no more are looked at.
const UNSAID: usize = 64;

pub struct ViewContents;

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
            let broken = |kind: &'static str, expected: String, observed: String| Finding {
                kind,
                place: Place::nowhere().time(ts),
                expected: format!("shard `{shard}`: {expected}"),
                observed,
            };
            let told = errors.at(ts);
            match wrong_errors(&evaluated, &told) {
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
        if turns.is_cut() {
            verdicts.open(Leniency::Unevaluated);
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

    /// Those that stand at `ts`.
    fn at(&self, ts: Timestamp) -> Vec<String> {
        let mut counts: BTreeMap<&String, Diff> = BTreeMap::new();
        for (text, _, diff) in self.0.iter().filter(|(_, time, _)| *time <= ts) {
            *counts.entry(text).or_default() += diff;
        }
        counts.retain(|_, count| *count != 0);
        counts.into_keys().cloned().collect()
    }

    /// The time of the first change after `ts`.
    fn change_after(&self, ts: Timestamp) -> Option<Timestamp> {
        let times = self.0.iter().map(|(_, time, _)| *time);
        times.filter(|time| *time > ts).min()
    }
}
