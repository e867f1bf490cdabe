//! I-01: a peek gives exactly the collection's contents at its time, at every
//! time in [since, upper); with literals, what has one of them for a key; with a
//! limit, no more than that, and all that the client's finishing can need.
//! Source: `spec/replica.md` §5.3, §5.4, §10 I-01, I-14.
//!
//! Does not apply below the since (I-14), before the time is sealed (I-15), to
//! cancelled answers, and where the model does not evaluate the plan (unknown).

use super::{Breach, Invariant, Leniency, Place, Verdicts, answers, described, show};
use crate::model::{Expected, Model, Multiset};
use crate::protocol::v26_30::PeekResponse;
use crate::script::event::Event;
use crate::script::selection::Finish;

pub struct PeekAnswer;

impl Invariant for PeekAnswer {
    described!("I-01", "a peek gives the collection's contents at its time");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some((uuid, answer, peek)) = answers::first(event, model) else {
            return;
        };
        let expected = model.answer_of(peek);
        let place = Place::peek(peek.spec.id, peek.spec.ts, uuid);
        let broken = |kind: &'static str, observed: String| Breach {
            kind,
            place,
            expected: show::expected(&expected),
            observed,
        };
        match &expected {
            Expected::Undefined(undefined) => {
                if undefined.is_sound() {
                    verdicts.open(Leniency::Unevaluated);
                }
                return;
            }
            Expected::Rows(_) => {}
            Expected::Errors(errors) => {
                if !errors.is_one() {
                    verdicts.granted(Leniency::AnyError);
                }
            }
            Expected::Either(..) if peek.sizes.is_none() => verdicts.granted(Leniency::EarlyErrors),
            Expected::Either(..) => verdicts.granted(Leniency::NearLimit),
        }
        match answer {
            PeekResponse::Canceled => {}
            PeekResponse::Rows(_) | PeekResponse::Stashed(_) => match show::rows_in(answer) {
                // Rows that could not be read are for I-34 to tell.
                None => {}
                Some(Err(text)) => verdicts.violated(broken("undecodable", text)),
                Some(Ok(rows)) => match &expected {
                    Expected::Rows(right) | Expected::Either(right, _) => {
                        verdicts.check(suffices(&rows, right, &peek.spec.finish), || {
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

/// Whether an answer is all that there is or, where the client wants only so
/// many rows, all that it can come to see.
fn suffices(rows: &Multiset, right: &Multiset, finish: &Finish) -> bool {
    let Some(needed) = finish.needed() else {
        return rows == right;
    };
    let nothing_else = rows.minus(right).iter().all(|(_, diff)| diff < 0);
    let total = |rows: &Multiset| u64::try_from(rows.total()).unwrap_or(0);
    let enough = total(rows) >= total(right).min(needed);
    let client = |rows: &Multiset| {
        let counted = rows.iter().map(|(row, n)| (row.clone(), n.max(0) as usize));
        finish.client(counted.collect())
    };
    // Without an order any of the rows will do.
    let same = finish.order_by.is_empty() || client(rows) == client(right);
    nothing_else && enough && same
}
