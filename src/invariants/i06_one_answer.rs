//! I-06: a peek is answered exactly once in its session: never twice, and in
//! the end at least once if its time is sealed. Source: `spec/replica.md` §10
//! I-08.
//!
//! Does not apply to peeks whose session ended, nor to cancelled ones as far as
//! a missing answer is concerned (I-23).

use super::{Breach, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::Model;
use crate::protocol::v26_30::ComputeResponse;
use crate::script::event::{Event, Wait};

pub struct OneAnswer {
    pub patience_ms: u64,
}

impl Invariant for OneAnswer {
    described!("I-06", "a peek is answered exactly once");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::Response(response) => {
                let ComputeResponse::PeekResponse(uuid, answer, _) = response.as_ref() else {
                    return;
                };
                let Some(peek) = model.session().peeks.get(uuid) else {
                    return;
                };
                verdicts.check(!peek.answered, || Breach {
                    kind: "answered-twice",
                    place: Place::peek(peek.spec.id, peek.spec.ts, *uuid),
                    expected: "one answer, and it was given".to_string(),
                    observed: format!("another one: {}", show::answer(answer)),
                });
            }
            Event::WaitTimedOut {
                wait: Wait::Peek { uuid, id, ts },
                waited_ms,
            } => {
                let canceled = model.session().peeks.get(uuid).is_some_and(|p| p.canceled);
                if canceled || !model.must_answer(*uuid) {
                    return;
                }
                if *waited_ms < self.patience_ms {
                    return verdicts.open(Leniency::Impatient);
                }
                verdicts.violated(Breach {
                    kind: "unanswered",
                    place: Place::peek(*id, *ts, *uuid),
                    expected: format!("an answer: {ts} is sealed in every input"),
                    observed: format!("none{}", show::waited(*waited_ms)),
                });
            }
            Event::Finished => {
                for uuid in model.session().peeks.keys() {
                    let answered = model.session().peeks[uuid].answered;
                    if !answered && model.must_answer(*uuid) {
                        verdicts.open(Leniency::Unsettled);
                    }
                }
            }
            _ => {}
        }
    }
}
