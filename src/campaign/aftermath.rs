//! What a target does on its own when a case is over, before it serves another
//! one: it ends, or its log says that something is wrong.
//!
//! Invariant: it counts as the doing of the case before.

use std::time::Duration;

use super::case::{CaseOptions, Outcome};
use super::lab::{Lab, Seat, Shape};
use crate::driver::{CtpTarget, OnItsOwn, Target};
use crate::invariants::{Violation, after_case};
use crate::script::trace::Event;

/// For how long a [`Lingering`] lab looks; most of what a target does too late,
/// it does at once.
const LINGER: Duration = Duration::from_millis(500);

/// What a target did after a case.
#[derive(Debug, Clone)]
pub struct Aftermath {
    /// The seed of the case.
    pub seed: u64,
    pub shape: Shape,
    /// What it did, as the case would have been told.
    pub event: Event,
    pub target_log: Option<String>,
}

impl Aftermath {
    /// What a target of this shape has done since the case with this seed; its
    /// end is waited for for so long.
    pub(super) fn of(
        target: &mut CtpTarget,
        seed: u64,
        shape: Shape,
        patience: Duration,
    ) -> Option<Aftermath> {
        let event = match target.on_its_own(patience)? {
            OnItsOwn::Ended(status) => Event::TargetDied { status },
            OnItsOwn::Logged(lines) => Event::TargetLogged {
                line: lines.join("; "),
            },
        };
        Some(Aftermath {
            seed,
            shape,
            event,
            target_log: target.logs(),
        })
    }
}

/// What the target of a seat does within `linger` after the case that had this
/// outcome.
pub(super) fn lingered(seat: &mut Seat, linger: Duration, outcome: &Outcome) -> Option<Violation> {
    if linger.is_zero() {
        return None;
    }
    seat.driver.disconnect();
    let target = seat.process.as_mut()?;
    let aftermath = Aftermath::of(target, seat.seed, seat.shape, linger)?;
    after_case(outcome.commands.saturating_sub(1), &aftermath.event)
}

/// A lab in which every target is looked at for a while after each case.
pub struct Lingering<'a>(pub &'a dyn Lab);

impl Lab for Lingering<'_> {
    fn seat(&self, shape: Shape, seed: u64) -> Result<Seat, String> {
        self.0.seat(shape, seed)
    }

    fn leave(&self, seat: Seat, spoiled: bool) {
        self.0.leave(seat, spoiled);
    }

    fn refused(&self, seat: &Seat) -> bool {
        self.0.refused(seat)
    }

    fn aftermaths(&self, patience: Duration) -> Vec<Aftermath> {
        self.0.aftermaths(patience)
    }

    fn options(&self, seed: u64) -> CaseOptions {
        CaseOptions {
            linger: LINGER,
            ..self.0.options(seed)
        }
    }

    fn concurrency(&self) -> Option<usize> {
        self.0.concurrency()
    }

    /// What has no processes does nothing when it is not looked at.
    fn stand_in(&self) -> Option<&dyn Lab> {
        None
    }
}
