//! I-23: a cancelled peek is answered too, and soon, even if its time is never
//! sealed. Source: `spec/replica.md` §10 I-10.

use super::{Breach, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::Model;
use crate::protocol::v26_30::ComputeResponse;
use crate::script::event::{Event, Wait};

pub struct CancelAnswered {
    pub patience_ms: u64,
}

impl Invariant for CancelAnswered {
    described!("I-23", "a cancelled peek is answered");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::Response(response) => {
                let ComputeResponse::PeekResponse(uuid, ..) = response.as_ref() else {
                    return;
                };
                let peek = model.session().peeks.get(uuid);
                if peek.is_some_and(|peek| peek.canceled && !peek.answered) {
                    verdicts.holds();
                }
            }
            Event::WaitTimedOut {
                wait: Wait::Peek { uuid, id, ts },
                waited_ms,
            } => {
                let canceled = model.session().peeks.get(uuid).is_some_and(|p| p.canceled);
                if !canceled || !model.must_answer(*uuid) {
                    return;
                }
                if *waited_ms < self.patience_ms {
                    return verdicts.open(Leniency::Impatient);
                }
                verdicts.violated(Breach {
                    kind: "cancel-unanswered",
                    place: Place::peek(*id, *ts, *uuid),
                    expected: "`Canceled`, or another answer".to_string(),
                    observed: format!("none{}", show::waited(*waited_ms)),
                });
            }
            _ => {}
        }
    }
}
