//! I-18: for an index, the output frontier is the write frontier: equal in each
//! report that carries both, and at the end. Source: `spec/replica.md` §4.1,
//! §10 I-07.
//!
//! Does not apply to materialized views.

use std::collections::BTreeMap;

use super::kinds::{self, FrontierKind, Last};
use super::{Breach, Invariant, Leniency, Place, Verdicts, described};
use crate::model::Model;
use crate::repr::GlobalId;
use crate::script::event::Event;

#[derive(Default)]
pub struct OutputIsWrite {
    last: BTreeMap<GlobalId, Last>,
}

impl Invariant for OutputIsWrite {
    described!("I-18", "an index's output frontier is its write frontier");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let is_index = |id| model.collection(id).is_some_and(|c| c.is_index());
        match event {
            Event::SessionStarted { .. } => self.last.clear(),
            Event::Response(_) => {
                let Some((id, report)) = kinds::report(event) else {
                    return;
                };
                self.last.entry(id).or_default().absorb(report);
                let write = kinds::of(report, FrontierKind::Write);
                let output = kinds::of(report, FrontierKind::Output);
                if let (Some(write), Some(output), true) = (write, output, is_index(id)) {
                    verdicts.check(write == output, || Breach {
                        kind: "output-differs",
                        place: Place::at(id),
                        expected: format!("output frontier {write}, like the write frontier"),
                        observed: format!("output frontier {output}"),
                    });
                }
            }
            Event::Finished if !model.is_lost() => {
                for (id, last) in self.last.iter().filter(|(id, _)| is_index(**id)) {
                    let (write, output) = (
                        last.get(FrontierKind::Write),
                        last.get(FrontierKind::Output),
                    );
                    if write != output {
                        // A report may still be on its way.
                        verdicts.open(Leniency::Unsettled);
                        tracing::debug!(%id, ?write, ?output, "frontiers differ at the end");
                    }
                }
            }
            _ => {}
        }
    }
}
