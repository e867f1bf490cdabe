//! The headless frontend: it hosts persist, connects to a target, sends any
//! compute command, and keeps what the replica says. It has no SQL layer and
//! no opinions.
//!
//! Architecture Invariant: the driver decides nothing on its own. No Schedule,
//! no AllowCompaction, no read hold is sent or moved unless the caller says so.

mod child;
mod cpu;
mod ctp_target;
mod host;
mod log;
pub mod play;
mod process;
pub mod runner;
mod session;
mod target;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use ctp_target::{CtpTarget, Origin};
pub use host::{ChangeError, PersistHost};
pub use log::ALARMS;
pub use process::{ProcessConfig, Processes};
pub use session::{Frontiers, Session, Subscribe};
pub use target::{DEATH, Link, LinkClosed, OnItsOwn, Received, Target, TargetError};

use protocol::Release;
use protocol::neutral::ComputeCommand;
use protocol::v26_30::{ComputeResponse, PersistLocation};

/// A driver of one target over one persist location.
pub struct Driver {
    host: PersistHost,
    target: Box<dyn Target>,
    link: Option<Box<dyn Link>>,
    session: Session,
}

/// What a poll gave.
#[derive(Debug)]
pub enum Polled {
    /// The replica said this; the session has taken note of it.
    Response(Arc<ComputeResponse>),
    /// Nothing in time, or nothing that could still come.
    Idle,
    /// The session is over without the driver's doing. `ended` tells how the
    /// target's process ended, if it did.
    Closed {
        reason: String,
        ended: Option<String>,
    },
}

impl Driver {
    /// A driver that is not connected yet.
    pub fn new(host: PersistHost, target: Box<dyn Target>) -> Self {
        Driver {
            host,
            target,
            link: None,
            session: Session::default(),
        }
    }

    /// The release whose wire the target speaks.
    pub fn release(&self) -> Release {
        self.target.release()
    }

    /// Opens the next session: connects, and says `Hello` with this nonce. The
    /// session before it is ended first, in order: a newcomer would end it
    /// wherever it was, and which of its last commands arrived would be chance.
    pub fn connect(&mut self, nonce: Uuid) -> Result<(), TargetError> {
        if let Some(link) = self.link.take() {
            link.finish();
        }
        self.link = Some(self.target.connect(nonce)?);
        self.session = Session::default();
        Ok(())
    }

    /// Ends the session; what was not sent yet is lost.
    pub fn disconnect(&mut self) {
        self.link = None;
    }

    /// Ends the session, kills the target, and starts it anew.
    pub fn restart(&mut self) -> Result<(), TargetError> {
        self.link = None;
        self.session = Session::default();
        self.target.restart()
    }

    /// Enqueues a compute command.
    pub fn send(&mut self, command: &ComputeCommand) -> Result<(), LinkClosed> {
        match &mut self.link {
            Some(link) => link.send(command),
            None => Err(LinkClosed("not connected".to_string())),
        }
    }

    /// The next thing that the replica says, in at most `patience`.
    pub fn poll(&mut self, patience: Duration) -> Polled {
        let Some(link) = &mut self.link else {
            return Polled::Closed {
                reason: "not connected".to_string(),
                ended: self.target.ended(DEATH),
            };
        };
        match link.recv(patience) {
            Received::Response(response) => {
                self.session.absorb(&response);
                Polled::Response(Arc::new(response))
            }
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

    /// What the target did on its own since the last time, beside what it says
    /// in sessions.
    pub fn on_its_own(&mut self) -> Option<OnItsOwn> {
        self.target.on_its_own(Duration::ZERO)
    }

    /// Whether the target was at work since this was last asked, as far as that
    /// can be known.
    pub fn was_at_work(&mut self) -> bool {
        self.target.was_at_work()
    }

    /// What the target would be at work on for ever, if it can tell.
    pub fn endless(&mut self) -> Option<String> {
        self.target.endless()
    }

    /// What the replica has said in this session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The same, to take from.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
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
