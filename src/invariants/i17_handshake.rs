//! I-17: the replica says nothing between `Hello` and `InitializationComplete`.
//! Source: `spec/replica.md` §2.2, §10 I-35.

use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::script::event::Event;

pub struct Handshake;

impl Invariant for Handshake {
    described!(
        "I-17",
        "no response comes before initialization is complete"
    );

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Event::Response(response) = event else {
            return;
        };
        verdicts.check(model.session().initialized, || Breach {
            kind: "spoke-early",
            place: Place::nowhere(),
            expected: "silence until initialization-complete".to_string(),
            observed: format!("{response:?}").chars().take(200).collect(),
        });
    }
}
