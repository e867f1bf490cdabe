//! I-20: the first write frontier of an index that takes a shard row by row (as it is,
//! or filtered, mapped, projected) is strictly beyond the as_of: it never rests
//! on it. Source: `spec/replica.md` §3.2, §10 I-05.
//!
//! Does not apply to materialized views, nor to what reconciliation kept. The
//! spec says it of every index over at least one source, which is too strict:
//! only the source keeps early progress back. An arrangement that is read as
//! well has a frontier of its own, and rows at the as_of that are still between
//! two operators of a longer dataflow hold its frontier exactly there.

use std::collections::BTreeSet;

use super::kinds::{self, FrontierKind};
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::repr::GlobalId;
use crate::script::event::Event;

#[derive(Default)]
pub struct PastAsOf {
    seen: BTreeSet<GlobalId>,
}

impl Invariant for PastAsOf {
    described!(
        "I-20",
        "the first write frontier over a shard is beyond the as_of"
    );

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::SessionStarted { .. } => self.seen.clear(),
            Event::Response(_) => {
                let Some((id, report)) = kinds::report(event) else {
                    return;
                };
                let Some(write) = kinds::of(report, FrontierKind::Write) else {
                    return;
                };
                let Some(collection) = model.collection(id) else {
                    return;
                };
                let applies = collection.is_index()
                    && !collection.retained
                    && collection
                        .dataflow
                        .is_linear_over_source(collection.export.on());
                if !self.seen.insert(id) || !applies {
                    return;
                }
                let as_of = collection.as_of();
                verdicts.check(!write.less_equal(as_of), || Breach {
                    kind: "rests-on-as-of",
                    place: Place::at(id),
                    expected: format!("a first write frontier beyond [{as_of}]"),
                    observed: format!("write frontier {write}"),
                });
            }
            _ => {}
        }
    }
}
