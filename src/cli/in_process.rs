//! The in-process lab: a miniclusterd without processes, sockets or a clock,
//! over shards in memory, stepped by a seeded scheduler. A case repeats exactly.
//!
//! Invariant: every seat has a replica and a store of its own; with a second
//! replica, both are of that store.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::campaign::{CaseOptions, Lab, Seat, Shape};
use crate::driver::{Driver, Link, LinkClosed, PersistHost, Received, Target, TargetError};
use crate::generate::Stream;
use crate::persist::clock::{Clock, ManualClock, SeededIds};
use crate::persist::{PersistClient, PersistConfig, open_blob, open_consensus};
use crate::protocol::Release;
use crate::protocol::neutral::ComputeCommand;
use crate::protocol::v26_30::PersistLocation;
use crate::replica::in_process::{Config, InProcess};
use crate::replica::meter::Limits;
use crate::replica::mutants::Mutants;

/// Hands out in-process replicas.
#[derive(Debug, Clone)]
pub struct InProcessLab {
    first: Mini,
    second: Option<Mini>,
    keep_log: bool,
    limits: Limits,
}

/// What a replica is.
#[derive(Debug, Clone, Copy)]
struct Mini {
    mutants: Mutants,
    release: Release,
}

impl InProcessLab {
    pub fn new(mutants: Mutants, keep_log: bool) -> Self {
        InProcessLab {
            first: Mini {
                mutants,
                release: Release::default(),
            },
            second: None,
            keep_log,
            limits: Limits::default(),
        }
    }

    /// With replicas of this release.
    pub fn with_release(mut self, release: Release) -> Self {
        self.first.release = release;
        self
    }

    /// With a second replica in each seat, of this release and with these bugs.
    pub fn with_second(mut self, mutants: Mutants, release: Release) -> Self {
        self.second = Some(Mini { mutants, release });
        self
    }

    /// With replicas that rest sooner, or later.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// A replica of this kind over a client of its own of the stores, so that each
    /// writes as a program of its version.
    fn target(
        &self,
        kind: Mini,
        client: Arc<PersistClient>,
        shape: Shape,
        seed: u64,
    ) -> InProcessTarget {
        InProcessTarget {
            config: Config {
                workers: shape.processes * shape.workers,
                mutants: kind.mutants,
                release: kind.release,
                persist: client,
                seed: Stream::Steps.seed(seed),
                limits: self.limits,
            },
            replica: Rc::default(),
            pace: None,
            other: None,
        }
    }
}

/// Settings of a replica of this release that repeat with this seed.
fn settings(release: Release, clock: &Arc<ManualClock>, seed: u64) -> PersistConfig {
    let mut config = PersistConfig::for_stores("mem:").of_version(release.version());
    config.clock = Arc::clone(clock) as Arc<dyn Clock>;
    config.ids = Arc::new(SeededIds::new(Stream::Ids.seed(seed)));
    config
}

impl Lab for InProcessLab {
    fn release(&self) -> Release {
        self.first.release
    }

    /// Workers of several processes become workers of the one that there is.
    fn seat(&self, shape: Shape, seed: u64) -> Result<Seat, String> {
        let clock = Arc::new(ManualClock::new(0));
        let consensus = open_consensus("mem:").map_err(|e| e.to_string())?;
        let blob = open_blob("mem:").map_err(|e| e.to_string())?;
        let client = |kind: &Mini, seed: u64| {
            let settings = settings(kind.release, &clock, seed);
            PersistClient::new(Arc::clone(&blob), Arc::clone(&consensus), settings)
        };
        let host = client(&self.first, seed);
        let mut first = self.target(self.first, Arc::clone(&host), shape, seed);
        let second = self.second.map(|kind| {
            let seed = Stream::Peer.seed(seed);
            first.pace = Some(Pace(seed));
            let mut second = self.target(kind, client(&kind, seed), shape, seed);
            second.pace = Some(Pace(Stream::Peer.seed(seed)));
            first.other = Some(second.config.clone());
            second.other = Some(first.config.clone());
            second
        });
        // Never opened: the replicas have clients already.
        let location = PersistLocation {
            blob_uri: "mem:".to_string(),
            consensus_uri: "mem:".to_string(),
        };
        let targets = std::iter::once(first).chain(second);
        let targets = targets.map(|target| Box::new(target) as Box<dyn Target>);
        Ok(Seat {
            driver: Driver::of(PersistHost::new(host, location), targets)?,
            shape,
            tells: Some(seed),
            tenants: Vec::new(),
        })
    }

    fn leave(&self, _seat: Seat, _spoiled: bool) {}

    fn options(&self, seed: u64) -> CaseOptions {
        CaseOptions {
            // Nothing is waited for; this only bounds what steps for ever.
            patience: Duration::from_secs(10),
            seed: Some(seed),
            keep_log: self.keep_log,
            one_worker: false,
            linger: Duration::ZERO,
            record: false,
        }
    }

    fn releases(&self) -> Vec<Release> {
        let kinds = std::iter::once(&self.first).chain(&self.second);
        kinds.map(|kind| kind.release).collect()
    }

    fn concurrency(&self) -> Option<usize> {
        None
    }
}

/// A replica that is made by the first connection and by every restart.
struct InProcessTarget {
    config: Config,
    replica: Rc<RefCell<Option<InProcess>>>,
    /// How far it comes in its turn, where there is another replica.
    pace: Option<Pace>,
    /// What it becomes when it is replaced: what its peer began as.
    other: Option<Config>,
}

/// Decides by a seed how many rounds a replica takes before its peer has its turn.
#[derive(Debug, Clone, Copy)]
struct Pace(u64);

impl Pace {
    /// At least one, so that each turn comes further.
    fn rounds(&mut self) -> u64 {
        const MOST: u64 = 3;
        self.0 = Stream::Peer.seed(self.0);
        1 + self.0 % MOST
    }
}

impl Target for InProcessTarget {
    fn release(&self) -> Release {
        self.config.release
    }

    fn connect(&mut self, nonce: Uuid) -> Result<Box<dyn Link>, TargetError> {
        let mut slot = self.replica.borrow_mut();
        let replica = slot.get_or_insert_with(|| InProcess::new(self.config.clone()));
        replica.connect(nonce);
        Ok(Box::new(InProcessLink {
            replica: Rc::clone(&self.replica),
            release: self.config.release,
            pace: self.pace,
        }))
    }

    fn restart(&mut self) -> Result<(), TargetError> {
        *self.replica.borrow_mut() = None;
        Ok(())
    }

    fn replace(&mut self) -> Result<(), TargetError> {
        if let Some(other) = self.other.take() {
            self.config = other;
        }
        self.restart()
    }

    fn ended(&mut self, _patience: Duration) -> Option<String> {
        let replica = self.replica.borrow();
        let end = replica.as_ref().and_then(InProcess::ended);
        end.map(ToString::to_string)
    }

    fn was_at_work(&mut self) -> bool {
        let replica = self.replica.borrow();
        replica.as_ref().is_some_and(InProcess::is_busy)
    }

    fn at_rest(&self) -> Option<bool> {
        let replica = self.replica.borrow();
        Some(!replica.as_ref().is_some_and(InProcess::is_busy))
    }

    fn endless(&mut self) -> Option<String> {
        let replica = self.replica.borrow();
        replica.as_ref().and_then(InProcess::endless)
    }
}

struct InProcessLink {
    replica: Rc<RefCell<Option<InProcess>>>,
    release: Release,
    pace: Option<Pace>,
}

/// The command as a replica of the release hears it: what comes out of its wire may
/// be said otherwise than what went in.
fn heard(command: &ComputeCommand, release: Release) -> Result<ComputeCommand, String> {
    let command = command.clone();
    match release {
        // This wire is the neutral form but for what it cannot say.
        Release::V26_30 => Ok(command),
        Release::V26_39 => {
            let payload = release.encode_command(command);
            let payload = payload.map_err(|error| error.to_string())?;
            let heard = release.decode_command(&payload);
            heard.map_err(|error| error.to_string())
        }
    }
}

impl Link for InProcessLink {
    fn send(&mut self, command: &ComputeCommand) -> Result<(), LinkClosed> {
        let heard = heard(command, self.release).map_err(LinkClosed)?;
        match self.replica.borrow_mut().as_mut() {
            Some(replica) => {
                replica.send(heard);
                Ok(())
            }
            None => Err(LinkClosed("the replica was killed".to_string())),
        }
    }

    /// What was sent is in the replica's own queue.
    fn finish(self: Box<Self>) {}

    fn recv(&mut self, patience: Duration) -> Received {
        let mut slot = self.replica.borrow_mut();
        let Some(replica) = slot.as_mut() else {
            return Received::Closed(LinkClosed("the replica was killed".to_string()));
        };
        let start = Instant::now();
        let mut rounds = self.pace.as_mut().map_or(1, Pace::rounds);
        loop {
            if let Some(response) = replica.recv() {
                return Received::Response(response);
            }
            if let Some(status) = replica.ended() {
                return Received::Closed(LinkClosed(status.to_string()));
            }
            // A look without patience advances the replica by a round or a few, so
            // that commands meet it in the middle of things.
            // What steps for ever is not waited for.
            rounds = rounds.saturating_sub(1);
            if !replica.step() || rounds == 0 && start.elapsed() >= patience {
                return match replica.recv() {
                    Some(response) => Received::Response(response),
                    None => Received::Idle,
                };
            }
        }
    }
}
