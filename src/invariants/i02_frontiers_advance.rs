//! I-02: within a session, every reported frontier of a kind is strictly beyond
//! the one before. Source: `spec/replica.md` §10 I-02.
//!
//! Does not apply across sessions: each starts from nothing.

use std::collections::BTreeMap;

use super::kinds::{self, FrontierKind};
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::repr::{Antichain, GlobalId};
use crate::script::event::Event;

#[derive(Default)]
pub struct FrontiersAdvance {
    last: BTreeMap<(GlobalId, FrontierKind), Antichain>,
}

impl Invariant for FrontiersAdvance {
    described!("I-02", "the frontiers of a collection only advance");

    fn on_event(&mut self, event: &Event, _model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::SessionStarted { .. } => self.last.clear(),
            Event::Response(_) => {
                let Some((id, report)) = kinds::report(event) else {
                    return;
                };
                for (kind, frontier) in kinds::reported(report) {
                    let last = self.last.insert((id, kind), frontier.clone());
                    let Some(last) = last else { continue };
                    verdicts.check(last < *frontier, || Breach {
                        kind: if last == *frontier {
                            "repeated"
                        } else {
                            "regressed"
                        },
                        place: Place::at(id),
                        expected: format!("a {kind} frontier beyond {last}"),
                        observed: format!("{kind} frontier {frontier}"),
                    });
                }
            }
            _ => {}
        }
    }
}
