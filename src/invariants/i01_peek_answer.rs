//! I-01: a peek gives exactly the collection's contents at its time, at every
//! time in [since, upper). Source: `spec/replica.md` §10 I-01.
//!
//! Does not apply below the since (I-14), before the time is sealed (I-15), to
//! cancelled answers, and where the model does not evaluate the plan (unknown).

use super::{Finding, Invariant, Place, Verdicts, answers, described, show};
use crate::model::{Expected, Model, Undefined};
use crate::protocol::v26_30::PeekResponse;
use crate::script::trace::Event;

pub struct PeekAnswer;

impl Invariant for PeekAnswer {
    described!("I-01", "a peek gives the collection's contents at its time");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some((uuid, answer, peek)) = answers::first(event, model) else {
            return;
        };
        let expected = model.answer_of(peek);
        let place = Place::peek(peek.spec.id, peek.spec.ts, uuid);
        let broken = |kind: &'static str, observed: String| Finding {
            kind,
            place,
            expected: show::expected(&expected),
            observed,
        };
        match &expected {
            Expected::Undefined(Undefined::Unsupported(_) | Undefined::ReplicaWrites(_)) => {
                return verdicts.unknown();
            }
            Expected::Undefined(
                Undefined::Unknown(_)
                | Undefined::Dropped(_)
                | Undefined::NotAnIndex(_)
                | Undefined::BeforeSince { .. }
                | Undefined::NotSealed { .. }
                | Undefined::BeyondUntil { .. }
                | Undefined::Arity { .. },
            ) => return,
            Expected::Rows(_) | Expected::Errors(_) | Expected::Either(..) => {}
        }
        match answer {
            PeekResponse::Canceled => {}
            // Scripts turn the stash off; where it is on, the rows lie elsewhere.
            PeekResponse::Stashed(_) => verdicts.unknown(),
            PeekResponse::Rows(collections) => match show::rows_of(collections) {
                Err(text) => verdicts.violated(broken("undecodable", text)),
                Ok(rows) => match &expected {
                    Expected::Rows(right) | Expected::Either(right, _) => {
                        verdicts.check(rows == *right, || {
                            broken("wrong-rows", show::difference(&rows, right))
                        });
                    }
                    Expected::Errors(_) => {
                        verdicts.violated(broken("missing-error", show::rows(&rows)));
                    }
                    Expected::Undefined(_) => {}
                },
            },
            PeekResponse::Error(text) => match &expected {
                Expected::Errors(right) | Expected::Either(_, right) => {
                    verdicts.check(right.matches(text), || {
                        broken("wrong-error", show::answer(answer))
                    });
                }
                Expected::Rows(_) => {
                    verdicts.violated(broken("unexpected-error", show::answer(answer)));
                }
                Expected::Undefined(_) => {}
            },
        }
    }
}
