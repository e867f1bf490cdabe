//! Waiting: for what a command says, and for what must happen before a run ends.
//!
//! Invariants: slow is not stuck: as long as the target is at work, a wait as long
//! as the patience starts over; a wait that ran out is told, and one that was
//! given up beside a target at work makes the run unknown.

use std::time::{Duration, Instant};

use super::{GivenUp, Runner};
use crate::{Driver, Frontiers, Polled};
use protocol::v26_30::ComputeResponse;
use repr::{Antichain, GlobalId};
use script::trace::{Event, FrontierKind, Wait};

/// How soon a shard is looked at again that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What is at work may take so many times the patience.
const SLOWEST: u32 = 12;

impl Runner<'_> {
    /// Takes note of everything that has arrived, without waiting.
    pub fn drain(&mut self) {
        while self.pump(Duration::ZERO) {}
    }

    /// Takes note of the next response; false when none came in time.
    fn pump(&mut self, patience: Duration) -> bool {
        if self.lost {
            return false;
        }
        match self.driver.poll(patience) {
            Polled::Response(response) => {
                self.advanced |= match response.as_ref() {
                    ComputeResponse::Frontiers(..) | ComputeResponse::SubscribeResponse(..) => true,
                    ComputeResponse::PeekResponse(..)
                    | ComputeResponse::CopyToResponse(..)
                    | ComputeResponse::Status(_) => false,
                };
                self.emit(Event::Response(response));
                true
            }
            Polled::Idle => false,
            Polled::Closed { reason, ended } => {
                self.lost = true;
                self.emit(match ended {
                    Some(status) => Event::TargetDied { status },
                    None => Event::ConnectionLost { reason },
                });
                false
            }
        }
    }

    /// Waits for at most `timeout`. False when that ran out, which is not told.
    pub(super) fn wait(&mut self, timeout: Duration, wait: &Wait) -> bool {
        let deadline = Instant::now() + timeout.min(self.config.max_wait);
        loop {
            if self.has_come(wait) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let patience = match wait {
                // A shard does not say when it changes; without a clock it changes no
                // more once nothing else happens.
                Wait::Released { .. } if self.config.seed.is_none() => left.min(LOOK_AGAIN),
                Wait::Released { .. } => left,
                Wait::Frontier { .. }
                | Wait::Peek { .. }
                | Wait::Subscribe { .. }
                | Wait::SubscribeEnd { .. } => left,
            };
            if !self.pump(patience) && patience == left {
                return self.has_come(wait);
            }
        }
    }

    /// Waits for what must come; see the module. False if it did not.
    pub fn wait_for(&mut self, wait: Wait, timeout: Duration) -> bool {
        let start = Instant::now();
        self.advanced = false;
        self.driver.was_at_work();
        let mut reached = self.wait(timeout, &wait);
        // A shorter wait than the patience is the script's own.
        let may_be_slow = timeout >= self.config.max_wait;
        let longest = self.config.max_wait * SLOWEST;
        while !reached && may_be_slow && !self.lost {
            let advanced = std::mem::take(&mut self.advanced);
            if !self.driver.was_at_work() && !advanced {
                break;
            }
            if start.elapsed() < longest {
                reached = self.wait(timeout, &wait);
            } else if self.takes_no_work(&wait) {
                break;
            } else {
                self.give_up(wait, start.elapsed());
                return false;
            }
        }
        if let (true, Wait::Released { shard }) = (reached, &wait) {
            let shard = shard.clone();
            self.emit(Event::ShardReleased { shard });
        }
        if !reached {
            // Without a clock, what it took to find out that nothing more can
            // come says nothing.
            let waited_ms = match self.config.seed {
                Some(_) => 0,
                None => start.elapsed().as_millis() as u64,
            };
            self.emit(Event::WaitTimedOut { wait, waited_ms });
        }
        reached
    }

    fn give_up(&mut self, wait: Wait, waited: Duration) {
        let seconds = waited.as_secs();
        self.doubt.get_or_insert_with(|| {
            format!("waiting for {wait}: the target is still at work after {seconds} s")
        });
        self.given_up = Some(GivenUp { wait, waited });
    }

    /// Whether what is waited for takes no more work, as far as the replica has
    /// said.
    fn takes_no_work(&self, wait: &Wait) -> bool {
        match wait {
            Wait::Peek { id, ts, .. } => {
                let beyond = Antichain::from_elem(ts.saturating_add(1));
                reaches(&self.driver, *id, FrontierKind::Output, &beyond)
            }
            Wait::SubscribeEnd { .. } | Wait::Released { .. } => true,
            Wait::Frontier { .. } | Wait::Subscribe { .. } => false,
        }
    }

    /// Whether the replica has said, or done, what is waited for.
    fn has_come(&mut self, wait: &Wait) -> bool {
        let session = self.driver.session();
        match wait {
            Wait::Frontier { id, kind, to } => reaches(&self.driver, *id, *kind, to),
            Wait::Peek { uuid, .. } => session.answered(*uuid),
            Wait::Subscribe { id, up_to } => {
                Antichain::from_elem(*up_to).is_le(&session.subscribe_upper(*id))
            }
            Wait::SubscribeEnd { id } => session.subscribe_ended(*id),
            Wait::Released { shard } => {
                let id = self.shard(shard);
                // What cannot be read now is looked at again.
                self.driver.host_mut().is_released(id).unwrap_or(false)
            }
        }
    }
}

/// Whether a frontier of a collection was reported at or beyond `to`.
fn reaches(driver: &Driver, id: GlobalId, kind: FrontierKind, to: &Antichain) -> bool {
    let Frontiers {
        write,
        input,
        output,
    } = driver.session().frontiers(id);
    let reported = match kind {
        FrontierKind::Write => write,
        FrontierKind::Input => input,
        FrontierKind::Output => output,
    };
    reported.is_some_and(|reported| to.is_le(&reported))
}
