//! I-13: a valid sequence ends neither the replica nor the connection, and makes
//! the replica log no error. Source: `spec/replica.md` §10 I-34; soft assertions
//! that only log, ibid. §9.
//!
//! Invariant: what a target does between two cases counts as what the same
//! target does in a case, of the case before.

use super::{Breach, Invariant, Leniency, Place, Verdicts, Violation, described};
use crate::model::Model;
use crate::script::event::Event;

pub struct NoCrash;

const EXPECTED: &str = "a replica that lives: every command so far was valid";

impl Invariant for NoCrash {
    described!("I-13", "a valid sequence ends no replica");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let (kind, observed) = match event {
            Event::ConnectionLost { reason } => (
                "connection-lost",
                format!("it closed the connection: {reason}"),
            ),
            Event::Finished if !model.is_lost() => return verdicts.holds(),
            other => match told(other) {
                Some(told) => told,
                None => return,
            },
        };
        if model.overflows() {
            return verdicts.open(Leniency::Overflow);
        }
        verdicts.violated(Breach {
            kind,
            place: Place::nowhere(),
            expected: EXPECTED.to_string(),
            observed,
        });
    }
}

/// What a target tells on its own, as a kind of breakage.
fn told(event: &Event) -> Option<(&'static str, String)> {
    match event {
        Event::TargetDied { status } => Some(("target-died", format!("it ended: {status}"))),
        Event::TargetLogged { line } => Some(("logged-error", format!("it logged: {line}"))),
        _ => None,
    }
}

/// The violation of a case after whose last command, the one at `step`, its
/// target did this on its own. None of what is no event of a target.
pub fn after_case(step: usize, event: &Event) -> Option<Violation> {
    let (kind, observed) = told(event)?;
    Some(Violation {
        invariant: NoCrash.id(),
        title: NoCrash.title(),
        kind,
        step,
        session: 1,
        replica: None,
        place: Place::nowhere(),
        expected: EXPECTED.to_string(),
        observed: format!("after the case, before another one began, {observed}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Checker;
    use super::*;

    #[test]
    fn an_error_in_the_log_is_told_in_a_case_and_after_it_alike() {
        let line = "2026-01-01 ERROR soft assertion failed".to_string();
        let event = Event::TargetLogged { line };
        let mut checker = Checker::new();
        checker.on_event(&Event::SessionStarted { session: 1 });
        checker.on_event(&event);
        let [within] = checker.violations() else {
            panic!("{:?}", checker.violations());
        };
        let after = after_case(4, &event).unwrap();
        assert_eq!(within.signature(), "I-13/logged-error");
        assert_eq!(after.signature(), within.signature());
        assert!(after.observed.ends_with(&within.observed), "{after}");
        assert!(after_case(4, &Event::Finished).is_none());
    }
}
