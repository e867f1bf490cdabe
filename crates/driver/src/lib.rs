//! The headless frontend: it hosts persist, connects to a target, sends any
//! compute command, and keeps what the replica says. It has no SQL layer and
//! no opinions.
//!
//! Architecture Invariant: the driver decides nothing on its own. No Schedule,
//! no AllowCompaction, no read hold is sent or moved unless the caller says so.

mod child;
mod cpu;
mod ctp_target;
mod frames;
mod host;
mod log;
pub mod play;
mod process;
pub mod runner;
mod session;
mod stash;
mod target;
pub mod upstream;

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

pub use ctp_target::{CtpTarget, Origin};
pub use frames::{Frame, Said};
pub use host::{ChangeError, PersistHost};
pub use log::ALARMS;
pub use process::{ProcessConfig, Processes, Program};
pub use session::{Frontiers, Session, Subscribe};
pub use target::{DEATH, Link, LinkClosed, OnItsOwn, Received, Target, TargetError};

use protocol::Release;
use protocol::neutral::ComputeCommand;
use protocol::v26_30::{ComputeResponse, PeekResponse, PersistLocation};
use script::Replica;
use stash::unstash;

/// An answer whose rows could not be read from the stash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StashLost {
    pub uuid: Uuid,
    /// What is wrong with what the answer names.
    pub why: String,
}

/// A driver of a cluster over one persist location: of one replica, or of two that
/// are told the same.
pub struct Driver {
    host: PersistHost,
    first: Contact,
    second: Option<Contact>,
    /// Which of two replicas has its turn to be listened to.
    turn: Replica,
    /// What crossed the connections, if that is kept.
    frames: Option<Vec<Frame>>,
}

/// A replica, and what was said in the session with it.
struct Contact {
    target: Box<dyn Target>,
    link: Option<Box<dyn Link>>,
    session: Session,
    connections: u64,
}

/// What a poll gave.
#[derive(Debug)]
pub enum Polled {
    /// The replica said this; the session has taken note of it.
    Response(Arc<ComputeResponse>),
    /// The same, and its rows could not be read from the stash.
    Unread(Arc<ComputeResponse>, StashLost),
    /// Nothing in time, or nothing that could still come.
    Idle,
    /// The session is over without the driver's doing. `ended` tells how the
    /// target's process ended, if it did.
    Closed {
        reason: String,
        ended: Option<String>,
    },
}

/// How long one of two replicas is listened to while the other one may have
/// something to say.
const SLICE: Duration = Duration::from_millis(1);

impl Driver {
    /// A driver of one replica that is not connected yet.
    pub fn new(host: PersistHost, target: Box<dyn Target>) -> Self {
        Driver {
            host,
            first: Contact::new(target),
            second: None,
            turn: Replica::First,
            frames: None,
        }
    }

    /// A driver of one target or two.
    ///
    /// Errors: there is another number of them.
    pub fn of(
        host: PersistHost,
        targets: impl IntoIterator<Item = Box<dyn Target>>,
    ) -> Result<Self, String> {
        let mut targets = targets.into_iter();
        match (targets.next(), targets.next(), targets.next()) {
            (Some(first), None, None) => Ok(Driver::new(host, first)),
            (Some(first), Some(second), None) => Ok(Driver {
                second: Some(Contact::new(second)),
                ..Driver::new(host, first)
            }),
            (None, _, _) | (_, _, Some(_)) => Err("expected one target, or two".to_string()),
        }
    }

    /// The replicas of the cluster.
    pub fn replicas(&self) -> &'static [Replica] {
        match self.second {
            None => &[Replica::First],
            Some(_) => &Replica::ALL,
        }
    }

    /// Where there is no second replica, that of the first.
    fn contact(&self, replica: Replica) -> &Contact {
        match (replica, &self.second) {
            (Replica::Second, Some(second)) => second,
            (Replica::First, _) | (Replica::Second, None) => &self.first,
        }
    }

    fn contact_mut(&mut self, replica: Replica) -> &mut Contact {
        match (replica, &mut self.second) {
            (Replica::Second, Some(second)) => second,
            (Replica::First, _) | (Replica::Second, None) => &mut self.first,
        }
    }

    fn contacts_mut(&mut self) -> impl Iterator<Item = &mut Contact> {
        std::iter::once(&mut self.first).chain(&mut self.second)
    }

    /// The release whose wire a replica speaks.
    pub fn release(&self, replica: Replica) -> Release {
        self.contact(replica).target.release()
    }

    /// Opens the next session with a replica: connects, and says `Hello` with this
    /// nonce. The session before it is ended first, in order: a newcomer would end
    /// it wherever it was, and which of its last commands arrived would be chance.
    pub fn connect(&mut self, replica: Replica, nonce: Uuid) -> Result<(), TargetError> {
        let contact = self.contact_mut(replica);
        if let Some(link) = contact.link.take() {
            link.finish();
        }
        contact.link = Some(contact.target.connect(nonce)?);
        contact.session = Session::default();
        contact.connections += 1;
        self.keep(replica, || {
            Said::ByDriver(Box::new(ComputeCommand::Hello { nonce }))
        });
        Ok(())
    }

    /// From now on keeps what crosses the connections.
    pub fn record(&mut self) {
        self.frames = Some(Vec::new());
    }

    /// What was kept; nothing more is.
    pub fn take_frames(&mut self) -> Vec<Frame> {
        self.frames.take().unwrap_or_default()
    }

    fn keep(&mut self, replica: Replica, said: impl FnOnce() -> Said) {
        let connection = self.contact(replica).connections;
        if let Some(frames) = &mut self.frames {
            let said = said();
            frames.push(Frame {
                replica,
                connection,
                said,
            });
        }
    }

    /// Ends every session; what was not sent yet is lost.
    pub fn disconnect(&mut self) {
        for contact in self.contacts_mut() {
            contact.link = None;
        }
    }

    /// Ends the session with a replica, kills it, and starts it anew.
    pub fn restart(&mut self, replica: Replica) -> Result<(), TargetError> {
        let contact = self.contact_mut(replica);
        contact.link = None;
        contact.session = Session::default();
        contact.target.restart()
    }

    /// Ends the session with a replica, kills it, and starts one of the other kind in
    /// its place.
    pub fn replace(&mut self, replica: Replica) -> Result<(), TargetError> {
        let contact = self.contact_mut(replica);
        contact.link = None;
        contact.session = Session::default();
        contact.target.replace()
    }

    /// Enqueues a compute command for a replica.
    pub fn send(&mut self, replica: Replica, command: &ComputeCommand) -> Result<(), LinkClosed> {
        match &mut self.contact_mut(replica).link {
            Some(link) => link.send(command)?,
            None => return Err(LinkClosed("not connected".to_string())),
        }
        self.keep(replica, || Said::ByDriver(Box::new(command.clone())));
        Ok(())
    }

    /// The next thing that a replica says, in at most `patience`, and which one it is.
    /// Of two, one without a session is not listened to.
    pub fn poll(&mut self, patience: Duration) -> (Replica, Polled) {
        match self.poll_some(patience) {
            (replica, Polled::Response(response)) => {
                self.keep(replica, || Said::ByReplica(Arc::clone(&response)));
                (replica, self.heard(replica, response))
            }
            other => other,
        }
    }

    /// Takes note of a response; rows that lie in the stash are read from there.
    fn heard(&mut self, replica: Replica, mut response: Arc<ComputeResponse>) -> Polled {
        let mut unread = None;
        if let ComputeResponse::PeekResponse(uuid, PeekResponse::Stashed(stashed), context) =
            response.as_ref()
        {
            let mut stashed = stashed.clone();
            match unstash(self.host.client(), &mut stashed) {
                Ok(()) => {
                    let answer = PeekResponse::Stashed(stashed);
                    let read = ComputeResponse::PeekResponse(*uuid, answer, context.clone());
                    response = Arc::new(read);
                }
                Err(why) => unread = Some(StashLost { uuid: *uuid, why }),
            }
        }
        self.contact_mut(replica).session.absorb(&response);
        match unread {
            None => Polled::Response(response),
            Some(lost) => Polled::Unread(response, lost),
        }
    }

    fn poll_some(&mut self, patience: Duration) -> (Replica, Polled) {
        let connected = |contact: &Contact| contact.link.is_some();
        match &self.second {
            Some(second) if connected(second) => {}
            Some(_) | None => return (Replica::First, self.first.poll(patience)),
        }
        if !connected(&self.first) {
            let second = self.contact_mut(Replica::Second);
            return (Replica::Second, second.poll(patience));
        }
        self.poll_both(patience)
    }

    /// The next thing that one of two replicas says.
    fn poll_both(&mut self, patience: Duration) -> (Replica, Polled) {
        let deadline = Instant::now() + patience;
        let mut slice = Duration::ZERO;
        loop {
            let mut has_clock = false;
            let mut is_at_rest = true;
            for _ in Replica::ALL {
                let replica = self.turn;
                self.turn = match replica {
                    Replica::First => Replica::Second,
                    Replica::Second => Replica::First,
                };
                let contact = self.contact_mut(replica);
                match contact.poll(slice) {
                    Polled::Idle => {}
                    said @ (Polled::Response(_) | Polled::Unread(..) | Polled::Closed { .. }) => {
                        return (replica, said);
                    }
                }
                match contact.target.at_rest() {
                    Some(at_rest) => is_at_rest &= at_rest,
                    None => has_clock = true,
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || is_at_rest && !has_clock {
                return (Replica::First, Polled::Idle);
            }
            if has_clock {
                slice = left.min(SLICE);
            }
        }
    }

    /// What a replica did on its own since the last time, beside what it says
    /// in sessions.
    pub fn on_its_own(&mut self, replica: Replica) -> Option<OnItsOwn> {
        self.contact_mut(replica).target.on_its_own(Duration::ZERO)
    }

    /// Whether a replica was at work since this was last asked, as far as that
    /// can be known.
    pub fn was_at_work(&mut self) -> bool {
        // Each is asked, so that each answer is about the time since.
        let contacts = self.contacts_mut();
        let at_work: Vec<bool> = contacts
            .map(|contact| contact.target.was_at_work())
            .collect();
        at_work.contains(&true)
    }

    /// What a replica would be at work on for ever, if it can tell.
    pub fn endless(&mut self) -> Option<String> {
        self.contacts_mut()
            .find_map(|contact| contact.target.endless())
    }

    /// What a replica has said in this session.
    pub fn session(&self, replica: Replica) -> &Session {
        &self.contact(replica).session
    }

    /// The same, to take from.
    pub fn session_mut(&mut self, replica: Replica) -> &mut Session {
        &mut self.contact_mut(replica).session
    }

    /// The driver's side of persist.
    pub fn host(&self) -> &PersistHost {
        &self.host
    }

    /// The same, to write with.
    pub fn host_mut(&mut self) -> &mut PersistHost {
        &mut self.host
    }

    /// Where the shards are, as the target is told.
    pub fn persist_location(&self) -> PersistLocation {
        self.host.location().clone()
    }
}

impl Contact {
    fn new(target: Box<dyn Target>) -> Self {
        Contact {
            target,
            link: None,
            session: Session::default(),
            connections: 0,
        }
    }

    fn poll(&mut self, patience: Duration) -> Polled {
        let Some(link) = &mut self.link else {
            return Polled::Closed {
                reason: "not connected".to_string(),
                ended: self.target.ended(DEATH),
            };
        };
        match link.recv(patience) {
            Received::Response(response) => Polled::Response(Arc::new(response)),
            Received::Idle => Polled::Idle,
            Received::Closed(LinkClosed(reason)) => {
                self.link = None;
                Polled::Closed {
                    reason,
                    ended: self.target.ended(DEATH),
                }
            }
        }
    }
}
