//! I-11: a dataflow that is created again after a reconnect gives the answers
//! that it gave before, whether the replica kept it or built it anew. Source:
//! `spec/replica.md` §2.5.4, §10 I-27.
//!
//! Does not apply to times before the new as_of, nor to dataflows that mean
//! something else than before.

use std::sync::Arc;

use super::{Breach, Invariant, Place, Verdicts, answers, described, show};
use crate::model::dataflow::Dataflow;
use crate::model::{Model, Multiset};
use crate::repr::{GlobalId, Timestamp};
use crate::script::event::Event;

/// An answer that an earlier session got.
struct Known {
    session: u64,
    id: GlobalId,
    ts: Timestamp,
    dataflow: Arc<Dataflow>,
    rows: Multiset,
}

#[derive(Default)]
pub struct ReconciliationKeepsAnswers {
    known: Vec<Known>,
}

impl Invariant for ReconciliationKeepsAnswers {
    described!(
        "I-11",
        "a reconnect changes no answer of what is created again"
    );

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some(answer) = answers::sound(event, model) else {
            return;
        };
        let spec = &answer.peek.spec;
        let Some(collection) = model.collection(spec.id) else {
            return;
        };
        let session = model.session().number;
        let dataflow = &collection.dataflow;
        let known = self.known.iter().find(|known| {
            (known.id, known.ts) == (spec.id, spec.ts) && known.dataflow.means_the_same(dataflow)
        });
        match known {
            Some(known) if known.session == session => {}
            Some(known) => verdicts.check(known.rows == answer.rows, || Breach {
                kind: "changed-by-reconnect",
                place: Place::peek(spec.id, spec.ts, answer.uuid),
                expected: format!(
                    "as in session {}: {}",
                    known.session,
                    show::rows(&known.rows)
                ),
                observed: show::difference(&answer.rows, &known.rows),
            }),
            None => self.known.push(Known {
                session,
                id: spec.id,
                ts: spec.ts,
                dataflow: Arc::clone(dataflow),
                rows: answer.rows,
            }),
        }
    }
}
