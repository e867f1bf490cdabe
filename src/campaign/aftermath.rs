//! What a target does on its own when a case is over, before it serves another
//! one: it ends, or its log says that something is wrong.
//!
//! Invariant: it counts as the doing of the case before.

use std::time::Duration;

use super::case::{CaseOptions, Outcome};
use super::lab::{Lab, Seat, Shape};
use crate::driver::{CtpTarget, OnItsOwn, Target};
use crate::invariants::{Violation, after_case};
use crate::protocol::Release;
use crate::schedule::Schedule;
use crate::script::event::Event;

/// For how long a target is looked at after a run of a late finding; most of what a target does too late,
/// it does at once.
const LINGER: Duration = Duration::from_millis(500);

/// What a target did after a case.
#[derive(Debug, Clone)]
pub struct Aftermath {
    /// The seed of the case; `None` of a run that is told by itself.
    pub seed: Option<u64>,
    pub shape: Shape,
    /// What it did, as the case would have been told.
    pub event: Event,
    pub target_log: Option<String>,
}

impl Aftermath {
    /// What a target of this shape has done since its last case; its end is
    /// waited for for so long.
    pub(super) fn of(
        target: &mut CtpTarget,
        seed: Option<u64>,
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
    let shape = seat.shape;
    let mut tenants = seat.tenants.iter_mut();
    let aftermath =
        tenants.find_map(|tenant| Aftermath::of(&mut tenant.target, None, shape, linger))?;
    after_case(outcome.commands.saturating_sub(1), &aftermath.event)
}

/// A lab as a finding is pursued in it: what targets do after its runs is no
/// news, since the finding is told already.
pub struct Pursuit<'a> {
    pub lab: &'a dyn Lab,
    /// The finding is what a target did when the case was over, so that it is
    /// looked at for a while after each run.
    pub late: bool,
}

impl Lab for Pursuit<'_> {
    fn release(&self) -> Release {
        self.lab.release()
    }

    fn seat_under(
        &self,
        shape: Shape,
        seed: u64,
        schedule: Option<&Schedule>,
    ) -> Result<Seat, String> {
        let seat = self.lab.seat_under(shape, seed, schedule)?;
        Ok(Seat {
            tells: None,
            ..seat
        })
    }

    fn leave(&self, seat: Seat, spoiled: bool) {
        self.lab.leave(seat, spoiled);
    }

    fn releases(&self) -> Vec<Release> {
        self.lab.releases()
    }

    fn refused(&self, seat: &mut Seat) -> bool {
        self.lab.refused(seat)
    }

    fn aftermaths(&self, patience: Duration) -> Vec<Aftermath> {
        self.lab.aftermaths(patience)
    }

    fn options(&self, seed: u64) -> CaseOptions {
        let options = self.lab.options(seed);
        let linger = if self.late { LINGER } else { options.linger };
        CaseOptions { linger, ..options }
    }

    fn concurrency(&self) -> Option<usize> {
        self.lab.concurrency()
    }

    /// What has no processes does nothing when it is not looked at.
    fn stand_ins(&self) -> Vec<&dyn Lab> {
        match self.late {
            true => Vec::new(),
            false => self.lab.stand_ins(),
        }
    }

    fn at_once(&self) -> usize {
        self.lab.at_once()
    }
}
