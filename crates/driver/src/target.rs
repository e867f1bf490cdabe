//! What is being tested, seen from the driver: something to connect to, that
//! may be killed and started anew, and that may die on its own.
//!
//! Invariant: a target that ended is reported as such, never as a silent one.

use std::time::Duration;

use thiserror::Error;
use uuid::Uuid;

use protocol::Release;
use protocol::neutral::ComputeCommand;
use protocol::v26_30::ComputeResponse;

/// A target that could not be started or reached.
#[derive(Debug, Error)]
pub enum TargetError {
    #[error("cannot start {program}: {reason}")]
    Start { program: String, reason: String },
    #[error("{program} ended before it listened ({status})")]
    EndedEarly { program: String, status: String },
    #[error("{program} did not listen on {address} within {} s{said}", waited.as_secs())]
    NotListening {
        program: String,
        address: String,
        waited: Duration,
        /// The last line of its log, behind a colon.
        said: String,
    },
    #[error("cannot connect to {address}: {reason}")]
    Connect { address: String, reason: String },
    #[error("{0}")]
    Unsupported(&'static str),
}

/// What a target did without being told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnItsOwn {
    /// It ended, as [`Target::ended`] tells it.
    Ended(String),
    /// It lives, and its log has lines that say that something is wrong.
    Logged(Vec<String>),
}

/// How long a target may take to end whose session ended, or which says that it
/// ends: it writes its last words, and the other processes of the replica follow
/// it.
pub const DEATH: Duration = Duration::from_secs(3);

/// A target: a clusterd or a miniclusterd, spawned, attached to, or in process.
pub trait Target {
    /// Opens a session: the transport's handshake and `Hello` with this nonce.
    fn connect(&mut self, nonce: Uuid) -> Result<Box<dyn Link>, TargetError>;

    /// The release whose wire it speaks.
    fn release(&self) -> Release;

    /// Kills the target and starts it anew, with nothing but what the shards
    /// remember.
    fn restart(&mut self) -> Result<(), TargetError>;

    /// The same, with another target of the cluster's other kind in its place, if there
    /// is one.
    fn replace(&mut self) -> Result<(), TargetError> {
        self.restart()
    }

    /// How the target ended, if it does so within `patience`: which process,
    /// with what exit code or signal, and what it said.
    fn ended(&mut self, patience: Duration) -> Option<String>;

    /// What it did on its own since the last time; its end is waited for for so
    /// long. A target whose log is not ours can only end.
    fn on_its_own(&mut self, patience: Duration) -> Option<OnItsOwn> {
        self.ended(patience).map(OnItsOwn::Ended)
    }

    /// Whether the target was at work since this was last asked, as far as that
    /// can be known.
    fn was_at_work(&mut self) -> bool {
        false
    }

    /// Whether nothing more comes of itself, of a target without a clock; `None` where
    /// only time tells.
    fn at_rest(&self) -> Option<bool> {
        None
    }

    /// What it would be at work on for ever, if it can tell.
    fn endless(&mut self) -> Option<String> {
        None
    }
}

/// One session with a target, merged over its processes.
pub trait Link {
    /// Enqueues a command.
    fn send(&mut self, command: &ComputeCommand) -> Result<(), LinkClosed>;

    /// The next response. Waits for at most `patience`; a target without a
    /// clock says [`Received::Idle`] as soon as nothing more can come.
    fn recv(&mut self, patience: Duration) -> Received;

    /// Ends the session in order: the target has received everything that was
    /// sent, if it lives. What it still says is lost.
    fn finish(self: Box<Self>);
}

/// The session is over, with the reason of whoever ended it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct LinkClosed(pub String);

/// What a link had to say.
#[derive(Debug)]
pub enum Received {
    Response(ComputeResponse),
    /// Nothing came in time (or, without a clock, nothing can come).
    Idle,
    Closed(LinkClosed),
}
