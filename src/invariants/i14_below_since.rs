//! I-14: a peek of an index at a time that was compacted before it was sent is
//! answered with an error that says so, never with rows. Source:
//! `spec/replica.md` §5.2, §10 I-12.
//!
//! Does not apply to times before the as_of that were not compacted (both empty
//! rows and an error are fine), nor to what reconciliation kept.

use super::{Finding, Invariant, Place, Verdicts, answers, described, show};
use crate::model::Model;
use crate::protocol::v26_30::PeekResponse;
use crate::script::trace::Event;

/// How the error begins; the numbers follow.
const BEGINS: &str = "Arrangement compaction frontier (";

pub struct BelowSince;

impl Invariant for BelowSince {
    described!("I-14", "a peek below the since is an error");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some((uuid, answer, peek)) = answers::first(event, model) else {
            return;
        };
        let ts = peek.spec.ts;
        let Some(compacted) = peek.compacted.as_ref().filter(|c| !c.less_equal(ts)) else {
            return;
        };
        let applies = model.collection(peek.spec.id).is_some_and(|c| c.is_index());
        if !applies || peek.disturbed {
            return;
        }
        let right = match answer {
            PeekResponse::Canceled => return,
            PeekResponse::Error(text) => text.starts_with(BEGINS),
            PeekResponse::Rows(_) | PeekResponse::Stashed(_) => false,
        };
        verdicts.check(right, || Finding {
            kind: "read-below-since",
            place: Place::peek(peek.spec.id, ts, uuid),
            expected: format!("the error `{BEGINS}…`: it was compacted to {compacted} before"),
            observed: show::answer(answer),
        });
    }
}
