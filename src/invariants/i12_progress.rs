//! I-12: a scheduled collection over sealed inputs reaches the frontier of its
//! inputs. Liveness: broken when a wait ran out although the model says that it
//! must end. Source: `spec/replica.md` §10 I-32.
//!
//! Does not apply where something below is not scheduled, where the inputs have
//! not passed the as_of, and after a drop (I-10).

use super::kinds;
use super::{Breach, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::Model;
use crate::repr::Antichain;
use crate::script::event::{Event, Wait};

pub struct Progress {
    /// A wait that was shorter proves nothing.
    pub patience_ms: u64,
}

impl Invariant for Progress {
    described!(
        "I-12",
        "a scheduled collection reaches the frontier of its inputs"
    );

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::Response(_) => {
                let Some((id, report)) = kinds::report(event) else {
                    return;
                };
                if model.is_dropped(id) {
                    return;
                }
                for (kind, frontier) in kinds::reported(report) {
                    let owed = model.kind_must_reach(id, kind);
                    let owed = owed.filter(|owed| *owed != Antichain::minimum());
                    if owed.is_some_and(|owed| owed.is_le(frontier)) {
                        verdicts.holds();
                    }
                }
            }
            Event::WaitTimedOut { wait, waited_ms } => {
                let (id, what, to, must) = match wait {
                    Wait::Frontier { id, kind, to } => {
                        let must = model.kind_must_reach(*id, *kind);
                        (*id, format!("{kind} frontier"), to.clone(), must)
                    }
                    Wait::Subscribe { id, up_to } => {
                        let must = model.subscribe_must_reach(*id);
                        (*id, "upper".to_string(), Antichain::from_elem(*up_to), must)
                    }
                    // Their own invariants ask for these.
                    Wait::Peek { .. } | Wait::SubscribeEnd { .. } | Wait::Released { .. } => return,
                };
                if model.is_dropped(id) || !model.must_end(wait) {
                    return;
                }
                if *waited_ms < self.patience_ms {
                    return verdicts.open(Leniency::Impatient);
                }
                let must = must.unwrap_or_default();
                let waited = show::waited(*waited_ms);
                verdicts.violated(Breach {
                    kind: "stuck",
                    place: Place::at(id),
                    expected: format!("a {what} of {must}, where its inputs stand"),
                    observed: format!("{to} was not reached{waited}"),
                });
            }
            _ => {}
        }
    }
}
