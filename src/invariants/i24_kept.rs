//! I-24: what reconciliation must keep is not built anew: its first write
//! frontier after the reconnect is at or beyond the last one before. Source:
//! `spec/replica.md` §2.5, §10 I-28.
//!
//! Does not apply to what the rules do not keep: changed dataflows, lower
//! as_ofs, subscribes, readers of something that was not kept.

use std::collections::{BTreeMap, BTreeSet};

use super::kinds::{self, FrontierKind};
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::repr::{Antichain, GlobalId};
use crate::script::event::Event;

#[derive(Default)]
pub struct Kept {
    /// The last write frontier of each id, carried over while it is kept.
    last: BTreeMap<GlobalId, Antichain>,
    /// Kept ids that have not reported yet.
    expected: BTreeSet<GlobalId>,
}

impl Invariant for Kept {
    described!(
        "I-24",
        "what must be kept over a reconnect is not built anew"
    );

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::TargetRestarted | Event::Killed => self.last.clear(),
            Event::InitializationComplete => {
                let kept = |id: &GlobalId| model.collection(*id).is_some_and(|c| c.retained);
                self.last.retain(|id, _| kept(id));
                self.expected = self.last.keys().copied().collect();
            }
            Event::Response(_) => {
                let Some((id, report)) = kinds::report(event) else {
                    return;
                };
                let Some(write) = kinds::of(report, FrontierKind::Write) else {
                    return;
                };
                let last = self.last.entry(id).or_insert_with(Antichain::minimum);
                if self.expected.remove(&id) {
                    verdicts.check(last.is_le(write), || Breach {
                        kind: "rebuilt",
                        place: Place::at(id),
                        expected: format!("a first write frontier of at least {last}, as before"),
                        observed: format!("write frontier {write}"),
                    });
                }
                *last = last.join(write);
            }
            _ => {}
        }
    }
}
