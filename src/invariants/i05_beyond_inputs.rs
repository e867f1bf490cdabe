//! I-05: no frontier is beyond what the uppers of the shards below allow.
//! Source: `spec/replica.md` §10 I-06.
//!
//! Does not apply to the write frontier of a materialized view, which is the
//! upper of a shard that others may write too.

use super::kinds::{self, FrontierKind};
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::script::event::Event;

pub struct BeyondInputs;

impl Invariant for BeyondInputs {
    described!("I-05", "no frontier is beyond what its inputs allow");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some((id, report)) = kinds::report(event) else {
            return;
        };
        let Some(collection) = model.collection(id) else {
            return;
        };
        for (kind, frontier) in kinds::reported(report) {
            let limit = match kind {
                FrontierKind::Write if !collection.is_index() => continue,
                FrontierKind::Write | FrontierKind::Output => model.may_reach(id),
                FrontierKind::Input => model.input_may_reach(id),
            };
            let Some(limit) = limit else { continue };
            verdicts.check(frontier.is_le(&limit), || Breach {
                kind: "beyond-inputs",
                place: Place::at(id),
                expected: format!("a {kind} frontier of at most {limit}, where its inputs stand"),
                observed: format!("{kind} frontier {frontier}"),
            });
        }
    }
}
