//! I-12: a scheduled collection over sealed inputs reaches the frontier of its
//! inputs. Liveness: broken when a wait ran out although the model says that it
//! must end. Source: `spec/replica.md` §10 I-32.
//!
//! Does not apply where something below is not scheduled, where the inputs have
//! not passed the as_of, and after a drop (I-10).

use super::kinds::{self, Kind};
use super::{Finding, Invariant, Place, Verdicts, described, show};
use crate::model::Model;
use crate::repr::Antichain;
use crate::script::trace::{Event, Wait};

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
                let Some(must) = model.must_reach(id) else {
                    return;
                };
                let owed = must != Antichain::minimum() && !model.is_dropped(id);
                let output = kinds::of(report, Kind::Output);
                if owed && output.is_some_and(|output| must.is_le(output)) {
                    verdicts.holds();
                }
            }
            Event::WaitTimedOut { wait, waited_ms } => {
                let (id, ts) = match wait {
                    Wait::Frontier { id, ts } => (*id, *ts),
                    Wait::Subscribe { id, up_to } => (*id, *up_to),
                    // Their own invariants ask for these.
                    Wait::Peek { .. } | Wait::SubscribeEnd { .. } => return,
                };
                if model.is_dropped(id) || !model.must_end(wait) {
                    return;
                }
                if *waited_ms < self.patience_ms {
                    return verdicts.unknown();
                }
                let must = model
                    .subscribe_must_reach(id)
                    .or_else(|| model.must_reach(id))
                    .unwrap_or_default();
                verdicts.violated(Finding {
                    kind: "stuck",
                    place: Place::at(id).time(ts),
                    expected: format!(
                        "a frontier of {must}: it is scheduled, its inputs stand there"
                    ),
                    observed: format!("[{ts}] was not reached{}", show::waited(*waited_ms)),
                });
            }
            _ => {}
        }
    }
}
