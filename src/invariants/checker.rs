//! The checker: owns the model and every invariant, and feeds both with the
//! events of a run.
//!
//! The order between them is decided by the event. What the *driver* did
//! (commands, writes, sessions) reaches the model first: an invariant that sees
//! it may ask about the world that it made. What the *replica* did (responses,
//! waits that ran out, its end) reaches the invariants first: they judge it by
//! the world in which it was said.
//!
//! Invariant: once the sequence is invalid nothing is judged any more; what a
//! replica does after a forbidden command is no bug. The same holds from
//! a write on that may or may not have happened.

use std::collections::BTreeSet;

use super::leniency::{Leniency, Uses};
use super::situations::{Situation, Situations};
use super::verdict::{Counts, Verdicts, Violation};
use super::{Conditions, Invariant, all_under};
use crate::model::Model;
use crate::script::event::Event;

/// Judges one run; see the module.
pub struct Checker {
    model: Model,
    invariants: Vec<Box<dyn Invariant>>,
    verdicts: Verdicts,
    situations: Situations,
}

impl Default for Checker {
    fn default() -> Self {
        Checker::new()
    }
}

impl Checker {
    /// A checker of all invariants.
    pub fn new() -> Self {
        Checker::under(Conditions::default())
    }

    /// A checker of a run under these conditions.
    pub fn under(conditions: Conditions) -> Self {
        Checker {
            model: Model::for_release(conditions.release),
            ..Checker::of(all_under(conditions))
        }
    }

    /// A checker of some invariants.
    pub fn of(invariants: Vec<Box<dyn Invariant>>) -> Self {
        Checker {
            model: Model::new(),
            verdicts: Verdicts::new(invariants.len()),
            invariants,
            situations: Situations::default(),
        }
    }

    /// Takes note of the next event.
    pub fn on_event(&mut self, event: &Event) {
        self.situations.before(event, &self.model);
        if event.is_drivers() {
            self.model.apply(event);
            self.judge(event);
        } else {
            self.judge(event);
            self.model.apply(event);
        }
        self.situations.after(event, &self.model);
    }

    fn judge(&mut self, event: &Event) {
        let valid = self.model.invalid().is_none() && !self.model.is_in_doubt();
        let (step, session) = (self.model.step(), self.model.session().number);
        for (index, invariant) in self.invariants.iter_mut().enumerate() {
            let (id, title) = (invariant.id(), invariant.title());
            self.verdicts.speaker(index, id, title, step, session);
            if valid {
                invariant.on_event(event, &self.model, &mut self.verdicts);
            } else if matches!(event, Event::Finished) {
                self.verdicts.open(Leniency::Invalid);
            }
        }
    }

    /// What did not hold, in the order in which it was seen.
    pub fn violations(&self) -> &[Violation] {
        self.verdicts.violations()
    }

    /// Per invariant, in the order of the catalogue: what it was and what came
    /// of it.
    pub fn counts(&self) -> Vec<(&'static str, Counts)> {
        self.invariants
            .iter()
            .enumerate()
            .map(|(index, invariant)| (invariant.id(), self.verdicts.counts(index)))
            .collect()
    }

    /// How often each leniency was used.
    pub fn leniencies(&self) -> &Uses {
        self.verdicts.leniencies()
    }

    /// The situations that occurred.
    pub fn situations(&self) -> &BTreeSet<Situation> {
        self.situations.seen()
    }

    /// The model in its present state.
    pub fn model(&self) -> &Model {
        &self.model
    }
}
