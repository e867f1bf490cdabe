//! I-15: a peek is not answered before its time is sealed in every shard below
//! the collection. Source: `spec/replica.md` §10 I-13.
//!
//! Does not apply to cancelled peeks, nor to times below the since, where an
//! error may come at once.

use super::{Breach, Invariant, Place, Verdicts, answers, described, show};
use crate::model::Model;
use crate::protocol::v26_30::PeekResponse;
use crate::script::event::Event;

pub struct SealedFirst;

impl Invariant for SealedFirst {
    described!("I-15", "a peek is not answered before its time is sealed");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some((uuid, answer, peek)) = answers::first(event, model) else {
            return;
        };
        match answer {
            PeekResponse::Canceled => return,
            PeekResponse::Rows(_) | PeekResponse::Stashed(_) | PeekResponse::Error(_) => {}
        }
        let ts = peek.spec.ts;
        if peek.disturbed || !peek.since.less_equal(ts) {
            return;
        }
        let Some(sealed) = model.may_reach(peek.spec.id) else {
            return;
        };
        verdicts.check(!sealed.less_equal(ts), || Breach {
            kind: "answered-early",
            place: Place::peek(peek.spec.id, ts, uuid),
            expected: format!("no answer yet: its inputs are sealed to {sealed} only"),
            observed: show::answer(answer),
        });
    }
}
