//! I-25: the batches of a subscribe join without a gap: the first begins at
//! `[0]`, each other where the last one ended, and each ends later than it
//! begins, at or after the as_of and not beyond what the inputs' uppers allow.
//! Source: `spec/replica.md` §6.1, §10 I-16, I-04, I-06.
//!
//! Does not apply to what was dropped or disturbed, as far as inputs go; the
//! empty end is allowed once `up_to` is reached.

use std::collections::BTreeMap;

use super::{Breach, Invariant, Place, Verdicts, batches, described};
use crate::model::Model;
use crate::repr::{Antichain, GlobalId};
use crate::script::event::Event;

#[derive(Default)]
pub struct BatchesJoin {
    uppers: BTreeMap<GlobalId, Antichain>,
}

impl Invariant for BatchesJoin {
    described!("I-25", "the batches of a subscribe join without a gap");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        if let Event::SessionStarted { .. } = event {
            self.uppers.clear();
        }
        let Some((id, batch)) = batches::batch(event) else {
            return;
        };
        let Some(collection) = model.collection(id) else {
            return;
        };
        let (lower, upper) = (&batch.lower, &batch.upper);
        let before = self.uppers.insert(id, upper.clone());
        let is_first = before.is_none();
        let before = before.unwrap_or_else(Antichain::minimum);
        let broken = |kind: &'static str, expected: String| Breach {
            kind,
            place: Place::at(id),
            expected,
            observed: format!("a batch from {lower} to {upper}"),
        };
        if *lower != before {
            let expected = format!("a batch that begins at {before}, where the last one ended");
            return verdicts.violated(broken("gap", expected));
        }
        if !lower.is_le(upper) || lower == upper {
            return verdicts.violated(broken("empty-batch", "an upper beyond the lower".into()));
        }
        let as_of = Antichain::from_elem(collection.as_of());
        if is_first && !as_of.is_le(upper) {
            let expected = format!("a first upper not before the as_of {as_of}");
            return verdicts.violated(broken("before-as-of", expected));
        }
        let up_to = collection.up_to();
        let may = model.may_reach(id).unwrap_or_else(Antichain::empty);
        let ends = upper.is_empty() && up_to.is_some_and(|up_to| !lower.less_than(up_to));
        let started = model.session().may_have_started(&collection.dataflow);
        let reads = (collection.dataflow).reads_source_directly(collection.export.on());
        if !collection.is_live() || collection.disturbed || ends {
            return verdicts.holds();
        }
        if reads && !started {
            let expected = "no batch before the dataflow is scheduled".to_string();
            return verdicts.violated(broken("before-schedule", expected));
        }
        verdicts.check(upper.is_le(&may), || {
            broken("beyond-inputs", format!("an upper of at most {may}"))
        });
    }
}
