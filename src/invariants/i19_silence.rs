//! I-19: once every frontier of a collection was reported as `[]`, nothing more
//! is said about it in this session. Source: `spec/replica.md` §4.2, §10 I-26.

use std::collections::BTreeMap;

use super::kinds::{self, Last};
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::repr::GlobalId;
use crate::script::event::Event;

#[derive(Default)]
pub struct Silence {
    last: BTreeMap<GlobalId, Last>,
}

impl Invariant for Silence {
    described!("I-19", "a collection whose frontiers are empty is silent");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::SessionStarted { .. } => self.last.clear(),
            Event::Response(_) => {
                let Some((id, report)) = kinds::report(event) else {
                    return;
                };
                let last = self.last.entry(id).or_default();
                if last.is_done() {
                    verdicts.violated(Breach {
                        kind: "spoke-after-end",
                        place: Place::at(id),
                        expected: "nothing: all its frontiers were [] before".to_string(),
                        observed: format!("{report:?}"),
                    });
                }
                last.absorb(report);
            }
            Event::Finished if !model.is_lost() => {
                for _ in self.last.values().filter(|last| last.is_done()) {
                    verdicts.holds();
                }
            }
            _ => {}
        }
    }
}
