//! I-04: an index that reads a shard reports no write or output frontier before
//! every export of its dataflow was scheduled. Source: `spec/replica.md` §3.1,
//! §10 I-04.
//!
//! Does not apply to what is not held back: constants, readers of arrangements
//! only (aliases among them), materialized views, input frontiers; nor to what
//! reconciliation kept running, nor to what was dropped.

use super::kinds::{self, FrontierKind};
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::script::event::Event;

pub struct NothingBeforeSchedule;

impl Invariant for NothingBeforeSchedule {
    described!(
        "I-04",
        "an index over a shard says nothing before it is scheduled"
    );

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some((id, report)) = kinds::report(event) else {
            return;
        };
        let Some(collection) = model.collection(id) else {
            return;
        };
        let dataflow = &collection.dataflow;
        let applies = collection.is_index()
            && collection.is_live()
            && !collection.retained
            && dataflow.until().is_none()
            && dataflow.reads_source_directly(collection.export.on());
        if !applies {
            return;
        }
        for (kind, frontier) in kinds::reported(report) {
            match kind {
                FrontierKind::Write | FrontierKind::Output => {}
                FrontierKind::Input => continue,
            }
            verdicts.check(model.session().may_have_started(dataflow), || Breach {
                kind: "before-schedule",
                place: Place::at(id),
                expected: format!("no {kind} frontier before the dataflow is scheduled"),
                observed: format!("{kind} frontier {frontier}"),
            });
        }
    }
}
