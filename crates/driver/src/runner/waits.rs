//! Waiting: for what a command says, and for what must happen before a run ends.
//!
//! Invariants: slow is not stuck: as long as the target is at work, a wait as long
//! as the patience starts over; a wait that ran out is told, and one that was
//! given up beside a target at work makes the run unknown.

use std::time::{Duration, Instant};

use super::{GivenUp, Runner, Standing};
use crate::{Frontiers, Polled, Session, StashLost};
use protocol::v26_30::ComputeResponse;
use repr::{Antichain, GlobalId};
use script::Replica;
use script::event::{Event, FrontierKind, Wait};

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
        if self.is_lost() {
            return false;
        }
        let (replica, polled) = self.driver.poll(patience);
        match polled {
            Polled::Response(response) => {
                self.advanced |= match response.as_ref() {
                    ComputeResponse::Frontiers(..) | ComputeResponse::SubscribeResponse(..) => true,
                    ComputeResponse::PeekResponse(..)
                    | ComputeResponse::CopyToResponse(..)
                    | ComputeResponse::Status(_) => false,
                };
                self.emit_of(replica, &Event::Response(response));
                true
            }
            Polled::Unread(response, StashLost { uuid, why }) => {
                self.emit_of(replica, &Event::Response(response));
                self.emit_of(replica, &Event::StashUnread { uuid, why });
                true
            }
            Polled::Idle => false,
            Polled::Closed { reason, ended } => {
                self.desk_mut(replica).standing = Standing::Lost;
                let event = match ended {
                    Some(status) => Event::TargetDied { status },
                    None => Event::ConnectionLost { reason },
                };
                self.emit_of(replica, &event);
                false
            }
        }
    }

    /// Waits for at most `timeout`. False when that ran out, which is not told.
    pub(super) fn wait(&mut self, timeout: Duration, waits: &[(Replica, Wait)]) -> bool {
        let deadline = Instant::now() + timeout.min(self.config.max_wait);
        let looks = |(_, wait): &(Replica, Wait)| matches!(wait, Wait::Released { .. });
        let looks = waits.iter().any(looks);
        loop {
            if self.have_come(waits) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // A shard does not say when it changes; without a clock it changes no
            // more once nothing else happens.
            let patience = match looks && self.config.seed.is_none() {
                true => left.min(LOOK_AGAIN),
                false => left,
            };
            if !self.pump(patience) && patience == left {
                return self.have_come(waits);
            }
        }
    }

    /// Waits for what a replica must say, or do; see the module. False if it did not.
    pub fn wait_for(&mut self, replica: Replica, wait: Wait, timeout: Duration) -> bool {
        self.wait_for_all(vec![(replica, wait)], timeout).is_none()
    }

    /// Waits for all of these; see the module. Gives the first that did not come.
    pub(super) fn wait_for_all(
        &mut self,
        waits: Vec<(Replica, Wait)>,
        timeout: Duration,
    ) -> Option<Wait> {
        let start = Instant::now();
        self.advanced = false;
        self.driver.was_at_work();
        let mut reached = self.wait(timeout, &waits);
        // A shorter wait than the patience is the script's own.
        let may_be_slow = timeout >= self.config.max_wait;
        let longest = self.config.max_wait * SLOWEST;
        while !reached && may_be_slow && !self.is_lost() {
            let advanced = std::mem::take(&mut self.advanced);
            if !self.driver.was_at_work() && !advanced {
                break;
            }
            if start.elapsed() < longest {
                reached = self.wait(timeout, &waits);
            } else {
                let mut missed = self.missed(&waits).into_iter();
                match missed.find(|(replica, wait)| !self.takes_no_work(*replica, wait)) {
                    None => break,
                    Some((_, wait)) => {
                        self.give_up(wait.clone(), start.elapsed());
                        return Some(wait);
                    }
                }
            }
        }
        // Without a clock, what it took to find out that nothing more can
        // come says nothing.
        let waited_ms = match self.config.seed {
            Some(_) => 0,
            None => start.elapsed().as_millis() as u64,
        };
        let mut first_missed = None;
        for (replica, wait) in waits {
            let event = match (self.has_come(replica, &wait), &wait) {
                (true, Wait::Released { shard }) => Event::ShardReleased {
                    shard: shard.clone(),
                },
                (true, _) => continue,
                (false, wait) => {
                    first_missed.get_or_insert_with(|| wait.clone());
                    Event::WaitTimedOut {
                        wait: wait.clone(),
                        waited_ms,
                    }
                }
            };
            self.emit_of(replica, &event);
        }
        first_missed
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
    fn takes_no_work(&self, replica: Replica, wait: &Wait) -> bool {
        match wait {
            Wait::Peek { id, ts, .. } => {
                let beyond = Antichain::from_elem(ts.saturating_add(1));
                let session = self.driver.session(replica);
                reaches(session, *id, FrontierKind::Output, &beyond)
            }
            Wait::SubscribeEnd { .. } | Wait::Released { .. } => true,
            Wait::Frontier { .. } | Wait::Subscribe { .. } => false,
        }
    }

    /// What has not come yet.
    fn missed(&mut self, waits: &[(Replica, Wait)]) -> Vec<(Replica, Wait)> {
        let waits = waits.iter().cloned();
        waits
            .filter(|(replica, wait)| !self.has_come(*replica, wait))
            .collect()
    }

    fn have_come(&mut self, waits: &[(Replica, Wait)]) -> bool {
        let mut waits = waits.iter();
        waits.all(|(replica, wait)| self.has_come(*replica, wait))
    }

    /// Whether the replica has said, or done, what is waited for. One that was killed
    /// is waited for no more.
    fn has_come(&mut self, replica: Replica, wait: &Wait) -> bool {
        if self.desk(replica).standing == Standing::Killed {
            return true;
        }
        let session = self.driver.session(replica);
        match wait {
            Wait::Frontier { id, kind, to } => reaches(session, *id, *kind, to),
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
fn reaches(session: &Session, id: GlobalId, kind: FrontierKind, to: &Antichain) -> bool {
    let Frontiers {
        write,
        input,
        output,
    } = session.frontiers(id);
    let reported = match kind {
        FrontierKind::Write => write,
        FrontierKind::Input => input,
        FrontierKind::Output => output,
    };
    reported.is_some_and(|reported| to.is_le(&reported))
}
