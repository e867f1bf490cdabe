//! I-15: a peek is not answered before its time is sealed in every shard below
//! the collection. Source: `spec/replica.md` §10 I-13.
//!
//! Does not apply to cancelled peeks, nor to times below the since, where an
//! error may come at once.

use super::{Finding, Invariant, Place, Verdicts, described, show};
use crate::model::Model;
use crate::protocol::v26_30::{ComputeResponse, PeekResponse};
use crate::script::trace::Event;

pub struct SealedFirst;

impl Invariant for SealedFirst {
    described!("I-15", "a peek is not answered before its time is sealed");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Event::Response(response) = event else {
            return;
        };
        let ComputeResponse::PeekResponse(uuid, answer, _) = response.as_ref() else {
            return;
        };
        match answer {
            PeekResponse::Canceled => return,
            PeekResponse::Rows(_) | PeekResponse::Stashed(_) | PeekResponse::Error(_) => {}
        }
        let Some(peek) = model
            .session()
            .peeks
            .get(uuid)
            .filter(|peek| !peek.answered)
        else {
            return;
        };
        let ts = peek.spec.ts;
        if peek.disturbed || !peek.since.less_equal(ts) {
            return;
        }
        let Some(sealed) = model.may_reach(peek.spec.id) else {
            return;
        };
        verdicts.check(!sealed.less_equal(ts), || Finding {
            kind: "answered-early",
            place: Place::peek(peek.spec.id, ts, *uuid),
            expected: format!("no answer yet: its inputs are sealed to {sealed} only"),
            observed: show::answer(answer),
        });
    }
}
