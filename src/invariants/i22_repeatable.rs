//! I-22: an answer at a time never changes after it was given: two peeks of one
//! collection at one time, at any two moments of a session, agree. Source:
//! `spec/replica.md` §10 I-41.
//!
//! Does not apply to errors: which of several is shown is free.

use std::collections::BTreeMap;

use super::{Breach, Invariant, Place, Verdicts, answers, described, show};
use crate::model::{Model, Multiset};
use crate::repr::{GlobalId, Timestamp};
use crate::script::event::Event;

#[derive(Default)]
pub struct Repeatable {
    answered: BTreeMap<(GlobalId, Timestamp), Multiset>,
}

impl Invariant for Repeatable {
    described!("I-22", "an answer that was given never changes");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        if let Event::SessionStarted { .. } = event {
            self.answered.clear();
        }
        let Some(answer) = answers::sound(event, model) else {
            return;
        };
        let spec = &answer.peek.spec;
        match self.answered.get(&(spec.id, spec.ts)) {
            None => {
                self.answered.insert((spec.id, spec.ts), answer.rows);
            }
            Some(rows) => verdicts.check(*rows == answer.rows, || Breach {
                kind: "changed",
                place: Place::peek(spec.id, spec.ts, answer.uuid),
                expected: format!("as before: {}", show::rows(rows)),
                observed: show::difference(&answer.rows, rows),
            }),
        }
    }
}
