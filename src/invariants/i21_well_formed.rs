//! I-21: a frontiers response carries at least one kind, and every frontier has
//! at most one element. Source: `spec/replica.md` §10 I-39.

use super::kinds;
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::script::event::Event;

pub struct WellFormed;

impl Invariant for WellFormed {
    described!("I-21", "a frontiers response is well formed");

    fn on_event(&mut self, event: &Event, _model: &Model, verdicts: &mut Verdicts) {
        let Some((id, report)) = kinds::report(event) else {
            return;
        };
        let mut kinds = kinds::reported(report).peekable();
        let holds = kinds.peek().is_some() && kinds.all(|(_, f)| f.elements().len() <= 1);
        verdicts.check(holds, || Breach {
            kind: "malformed",
            place: Place::at(id),
            expected: "at least one kind, and frontiers of at most one element".to_string(),
            observed: format!("{report:?}"),
        });
    }
}
