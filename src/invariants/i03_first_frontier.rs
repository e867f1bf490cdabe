//! I-03: the first reported frontier of each kind is at or beyond the as_of of
//! the session's dataflow, and never `[0]`. Source: `spec/replica.md` §10 I-03.

use std::collections::BTreeSet;

use super::kinds::{self, FrontierKind};
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::repr::GlobalId;
use crate::script::event::Event;

#[derive(Default)]
pub struct FirstFrontier {
    seen: BTreeSet<(GlobalId, FrontierKind)>,
}

impl Invariant for FirstFrontier {
    described!("I-03", "the first frontier is not before the as_of");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::SessionStarted { .. } => self.seen.clear(),
            Event::Response(_) => {
                let Some((id, report)) = kinds::report(event) else {
                    return;
                };
                let Some(collection) = model.collection(id) else {
                    return;
                };
                // The initial [0] is implied and never said.
                let least = collection.as_of().max(1);
                for (kind, frontier) in kinds::reported(report) {
                    if !self.seen.insert((id, kind)) {
                        continue;
                    }
                    verdicts.check(!frontier.less_than(least), || Breach {
                        kind: "before-as-of",
                        place: Place::at(id),
                        expected: format!("a first {kind} frontier at or beyond [{least}]"),
                        observed: format!("{kind} frontier {frontier}"),
                    });
                }
            }
            _ => {}
        }
    }
}
