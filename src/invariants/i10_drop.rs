//! I-10: after a collection was dropped, each of its frontiers goes to `[]`.
//! Source: `spec/replica.md` §3.6, §10 I-26.
//!
//! Does not apply to subscribes, which say `DroppedAt` instead.

use std::collections::BTreeMap;

use super::kinds::{self, Last};
use super::{Breach, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::Model;
use crate::repr::GlobalId;
use crate::script::event::{Event, Wait};

pub struct DropEmpties {
    patience_ms: u64,
    last: BTreeMap<GlobalId, Last>,
}

impl DropEmpties {
    pub fn new(patience_ms: u64) -> Self {
        DropEmpties {
            patience_ms,
            last: BTreeMap::new(),
        }
    }
}

impl Invariant for DropEmpties {
    described!("I-10", "the frontiers of a dropped collection go empty");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::SessionStarted { .. } => self.last.clear(),
            Event::Response(_) => {
                let Some((id, report)) = kinds::report(event) else {
                    return;
                };
                let last = self.last.entry(id).or_default();
                let before = last.is_done();
                last.absorb(report);
                if model.is_dropped(id) && last.is_done() && !before {
                    verdicts.holds();
                }
            }
            Event::WaitTimedOut {
                wait: Wait::Frontier { id, kind, .. },
                waited_ms,
            } if model.is_dropped(*id) && model.session().initialized && !model.is_lost() => {
                if *waited_ms < self.patience_ms {
                    return verdicts.open(Leniency::Impatient);
                }
                verdicts.violated(Breach {
                    kind: "not-empty",
                    place: Place::at(*id),
                    expected: "all frontiers at [] after the drop".to_string(),
                    observed: format!("the {kind} frontier was not []{}", show::waited(*waited_ms)),
                });
            }
            // What was killed owes nothing.
            Event::Finished if !model.is_killed() => {
                let dropped = model.session().collections.values().filter(|c| {
                    c.is_index() && model.is_dropped(c.id) && model.session().initialized
                });
                for collection in dropped {
                    if !self.last.get(&collection.id).is_some_and(Last::is_done) {
                        verdicts.open(Leniency::Unsettled);
                    }
                }
            }
            _ => {}
        }
    }
}
