//! I-29: the shard of a materialized view equals the view at every time below
//! its upper, across reconnects and restarts; an error stands in it exactly
//! when the view has one. Source: `spec/replica.md` §7, §10 I-22.
//!
//! Does not apply to shards that views of different meaning wrote (unknown), to
//! times that a later view sealed unseen, nor where the model does not evaluate
//! the plan (unknown).

use std::collections::BTreeMap;

use super::batches::{self, Sum};
use super::{Finding, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::{Model, Undefined};
use crate::repr::Diff;
use crate::script::trace::{Event, ShardContents};

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
        for ts in batches::times(since, upper, sum.last()) {
            let evaluated = match model.view_at(shard, ts) {
                Ok(evaluated) => evaluated,
                Err(
                    Undefined::Overflow
                    | Undefined::Endless(_)
                    | Undefined::Unsupported(_)
                    | Undefined::ReplicaWrites(_),
                ) => {
                    verdicts.open(Leniency::Unevaluated);
                    continue;
                }
                Err(
                    Undefined::Unknown(_)
                    | Undefined::Dropped(_)
                    | Undefined::NotAnIndex(_)
                    | Undefined::BeforeSince { .. }
                    | Undefined::NotSealed { .. }
                    | Undefined::BeyondUntil { .. }
                    | Undefined::Arity { .. },
                ) => continue,
            };
            let broken = |kind: &'static str, expected: String, observed: String| Finding {
                kind,
                place: Place::nowhere().time(ts),
                expected: format!("shard `{shard}`: {expected}"),
                observed,
            };
            let mut counts: BTreeMap<&[u8], Diff> = BTreeMap::new();
            for (error, _, diff) in errors.iter().filter(|(_, time, _)| *time <= ts) {
                *counts.entry(error).or_default() += diff;
            }
            let faulty = counts.values().filter(|count| **count != 0).count();
            let told = sum.at(ts);
            match (evaluated.certain().next(), faulty != 0) {
                (Some(error), held) => verdicts.check(held, || {
                    let expected = format!("the error {}", error.texts());
                    broken("missing-error", expected, show::rows(&told))
                }),
                (None, true) if evaluated.may_fail() => {
                    verdicts.granted(Leniency::EarlyErrors);
                    verdicts.holds();
                }
                (None, true) => verdicts.check(false, || {
                    let observed = format!("{faulty} errors");
                    broken("unexpected-error", show::rows(&evaluated.rows), observed)
                }),
                (None, false) => verdicts.check(told == evaluated.rows, || {
                    let observed = show::difference(&told, &evaluated.rows);
                    broken("wrong-contents", show::rows(&evaluated.rows), observed)
                }),
            }
        }
    }
}
