//! I-13: a valid sequence ends neither the replica nor the connection. Source:
//! `spec/replica.md` §10 I-34.

use super::{Finding, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::script::trace::Event;

pub struct NoCrash;

impl Invariant for NoCrash {
    described!("I-13", "a valid sequence ends no replica");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let (kind, observed) = match event {
            Event::TargetDied { status } => ("target-died", format!("it ended: {status}")),
            Event::ConnectionLost { reason } => (
                "connection-lost",
                format!("it closed the connection: {reason}"),
            ),
            Event::Finished if !model.is_lost() => return verdicts.holds(),
            _ => return,
        };
        if model.overflows() {
            return verdicts.unknown();
        }
        verdicts.violated(Finding {
            kind,
            place: Place::nowhere(),
            expected: "a replica that lives: every command so far was valid".to_string(),
            observed,
        });
    }
}
