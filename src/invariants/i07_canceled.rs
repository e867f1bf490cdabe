//! I-07: the answer `Canceled` is given only to a peek that was cancelled.
//! Source: `spec/replica.md` §10 I-09.

use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::protocol::v26_30::{ComputeResponse, PeekResponse};
use crate::script::event::Event;

pub struct CanceledOnlyIfCancelled;

impl Invariant for CanceledOnlyIfCancelled {
    described!("I-07", "only a cancelled peek is answered `Canceled`");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Event::Response(response) = event else {
            return;
        };
        let ComputeResponse::PeekResponse(uuid, PeekResponse::Canceled, _) = response.as_ref()
        else {
            return;
        };
        let Some(peek) = model.session().peeks.get(uuid) else {
            return;
        };
        verdicts.check(peek.canceled, || Breach {
            kind: "canceled",
            place: Place::peek(peek.spec.id, peek.spec.ts, *uuid),
            expected: "an answer: nobody cancelled the peek".to_string(),
            observed: "canceled".to_string(),
        });
    }
}
