//! Targets over the cluster transport protocol: processes that the driver
//! started, or addresses where something already runs. Source:
//! `spec/replica.md` §1.3, §2.4; `spec/ctp.md` §1.
//!
//! Invariants: a session has one connection per process; `Hello` and
//! `UpdateConfiguration` go to all of them, everything else to the first; what
//! the processes say is merged before anybody sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use super::cpu;
use super::process::{Processes, Program};
use super::target::{Link, LinkClosed, OnItsOwn, Received, Target, TargetError};
use protocol::ctp::{self, Connection, HandshakeError, Incoming};
use protocol::merge::Merger;
use protocol::neutral::ComputeCommand;
use protocol::v26_30::ComputeResponse;
use protocol::{Announced, Release};

/// How long one process is listened to while others may have something to say.
const SLICE: Duration = Duration::from_millis(1);

/// How long a target may take to read the rest of a session and close it.
const FAREWELL: Duration = Duration::from_secs(5);

/// Whose processes they are.
#[derive(Debug)]
pub enum Origin {
    /// Started by us; may be killed and started anew.
    Spawned(Processes),
    /// Not started by us: one `host:port` (or socket path) a process.
    Attached(Vec<String>),
}

/// A target that is spoken to over CTP. Clones are handles of the same one,
/// which ends with the last of them if it was started by us.
#[derive(Debug, Clone)]
pub struct CtpTarget {
    at: Arc<Mutex<Place>>,
    /// After this long without a byte a session counts as lost.
    idle: Option<Duration>,
    /// When this handle last asked how long its processes had computed.
    asked: Option<(Instant, Duration)>,
}

/// What stands where a target is.
#[derive(Debug)]
struct Place {
    origin: Origin,
    announced: Announced,
    /// What is started if it is to be replaced, and what is announced to that.
    successor: Option<(Program, Announced)>,
    replaced: bool,
}

/// Processes that compute for a smaller share of the time are at rest: they
/// only look whether there is something to do.
const AT_WORK: u32 = 8;

impl CtpTarget {
    /// A target that expects this version to be announced, and speaks the wire of
    /// its release.
    pub fn new(origin: Origin, announced: Announced, idle: Option<Duration>) -> Self {
        CtpTarget {
            at: Arc::new(Mutex::new(Place {
                origin,
                announced,
                successor: None,
                replaced: false,
            })),
            idle,
            asked: None,
        }
    }

    /// The same, which may be replaced by a program of another kind.
    pub fn with_successor(self, program: Program, announced: Announced) -> Self {
        self.place().successor = Some((program, announced));
        self
    }

    /// Whether another kind of program stands in its place.
    pub fn is_replaced(&self) -> bool {
        self.place().replaced
    }

    /// What the processes have logged; None if they were not started by us.
    pub fn logs(&self) -> Option<String> {
        match &self.place().origin {
            Origin::Spawned(processes) => Some(processes.logs()),
            Origin::Attached(_) => None,
        }
    }

    /// The numbers that the system gave its processes; none if they were not started by us.
    pub fn process_ids(&self) -> Vec<u32> {
        match &self.place().origin {
            Origin::Spawned(processes) => processes.ids(),
            Origin::Attached(_) => Vec::new(),
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.at.lock()
    }
}

impl Target for CtpTarget {
    fn release(&self) -> Release {
        self.place().announced.release
    }

    fn connect(&mut self, nonce: Uuid) -> Result<Box<dyn Link>, TargetError> {
        let (addresses, announced) = {
            let place = self.place();
            let addresses = match &place.origin {
                Origin::Spawned(processes) => processes.addresses(),
                Origin::Attached(addresses) => addresses.clone(),
            };
            (addresses, place.announced.clone())
        };
        let connections = addresses
            .iter()
            .map(|address| {
                let Announced { version, release } = &announced;
                let mut connection = ctp::connect(address, version, self.idle, release.client())
                    .map_err(|error| refused(address, &error))?;
                connection
                    .send(&ComputeCommand::Hello { nonce })
                    .map_err(|reason| TargetError::Connect {
                        address: address.clone(),
                        reason,
                    })?;
                Ok(connection)
            })
            .collect::<Result<Vec<_>, TargetError>>()?;
        Ok(Box::new(CtpLink {
            // One process has merged already; what it says is seen as it is.
            merger: (connections.len() > 1).then(|| Merger::new(connections.len())),
            connections,
            merged: Vec::new(),
            first: 0,
        }))
    }

    fn restart(&mut self) -> Result<(), TargetError> {
        match &mut self.place().origin {
            Origin::Spawned(processes) => processes.restart(),
            Origin::Attached(_) => Err(TargetError::Unsupported(
                "cannot restart a target that is attached to",
            )),
        }
    }

    fn replace(&mut self) -> Result<(), TargetError> {
        let place = &mut *self.place();
        match (&mut place.origin, place.successor.take()) {
            (Origin::Spawned(processes), Some((program, announced))) => {
                place.announced = announced;
                place.replaced = true;
                processes.replace(program)
            }
            // It was replaced before, or all are of one kind.
            (Origin::Spawned(processes), None) => processes.restart(),
            (Origin::Attached(_), _) => Err(TargetError::Unsupported(
                "cannot replace a target that is attached to",
            )),
        }
    }

    fn ended(&mut self, patience: Duration) -> Option<String> {
        match &self.place().origin {
            Origin::Spawned(processes) => processes.ended(patience),
            Origin::Attached(_) => None,
        }
    }

    fn on_its_own(&mut self, patience: Duration) -> Option<OnItsOwn> {
        match &mut self.place().origin {
            Origin::Spawned(processes) => processes.on_its_own(patience),
            Origin::Attached(_) => None,
        }
    }

    fn was_at_work(&mut self) -> bool {
        let ids = match &self.place().origin {
            Origin::Spawned(processes) => processes.ids(),
            // Whose it is, and on which machine, is not known.
            Origin::Attached(_) => return false,
        };
        let times: Option<Duration> = ids.into_iter().map(cpu::time).sum();
        let now = times.map(|computed| (Instant::now(), computed));
        let before = std::mem::replace(&mut self.asked, now);
        match (before, now) {
            (Some((then, computed_then)), Some((now, computed))) => {
                let computed = computed.saturating_sub(computed_then);
                computed * AT_WORK > now.duration_since(then)
            }
            _ => false,
        }
    }
}

/// Why there is no connection, with what to do about it.
fn refused(address: &str, error: &HandshakeError) -> TargetError {
    let hint = match error {
        HandshakeError::Version { .. } => " (the target's, ours; --protocol sets ours)",
        HandshakeError::Fqdn { .. } => " (the target's --grpc-host, the host that we dial)",
        HandshakeError::Io(_)
        | HandshakeError::Magic(_)
        | HandshakeError::Decode(_)
        | HandshakeError::Silent(_) => "",
    };
    TargetError::Connect {
        address: address.to_string(),
        reason: format!("{error}{hint}"),
    }
}

/// A session with every process of a target.
struct CtpLink {
    connections: Vec<Connection<ComputeCommand, ComputeResponse>>,
    merger: Option<Merger>,
    /// Merged responses that nobody has taken yet, the next one last.
    merged: Vec<ComputeResponse>,
    /// The process that is listened to first next time.
    first: usize,
}

impl Link for CtpLink {
    fn send(&mut self, command: &ComputeCommand) -> Result<(), LinkClosed> {
        let to_all = matches!(
            command,
            ComputeCommand::Hello { .. } | ComputeCommand::UpdateConfiguration(_)
        );
        let receivers = if to_all { self.connections.len() } else { 1 };
        for connection in self.connections.iter_mut().take(receivers) {
            connection.send(command).map_err(LinkClosed)?;
        }
        if let Some(merger) = &mut self.merger {
            merger.observe(command);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) {
        for connection in self.connections {
            connection.finish(FAREWELL);
        }
    }

    fn recv(&mut self, patience: Duration) -> Received {
        let deadline = Instant::now() + patience;
        let n = self.connections.len();
        loop {
            if let Some(response) = self.merged.pop() {
                return Received::Response(response);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let slice = if n == 1 { left } else { left.min(SLICE) };
            // One process may block for a slice, the others are only asked.
            for turn in 0..n {
                let part = (self.first + turn) % n;
                let wait = if turn == 0 { slice } else { Duration::ZERO };
                match self.connections[part].recv(wait) {
                    Incoming::Message(response) => {
                        self.merged = match &mut self.merger {
                            Some(merger) => merger.absorb(part, response),
                            None => vec![response],
                        };
                        self.merged.reverse();
                        self.first = part;
                        break;
                    }
                    Incoming::Nothing => {}
                    Incoming::Closed(reason) => return Received::Closed(LinkClosed(reason)),
                }
            }
            if self.merged.is_empty() {
                self.first = (self.first + 1) % n;
                if Instant::now() >= deadline {
                    return Received::Idle;
                }
            }
        }
    }
}
