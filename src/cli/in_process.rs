//! The in-process lab: a miniclusterd without processes, sockets or a clock,
//! over shards in memory, stepped by a seeded scheduler. A case repeats exactly.
//!
//! Invariant: every seat has a replica and a store of its own.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::campaign::{CaseOptions, Lab, Seat, Shape};
use crate::driver::{Driver, Link, LinkClosed, PersistHost, Received, Target, TargetError};
use crate::generate::Stream;
use crate::persist::clock::{ManualClock, SeededIds};
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
    mutants: Mutants,
    keep_log: bool,
    limits: Limits,
    release: Release,
}

impl InProcessLab {
    pub fn new(mutants: Mutants, keep_log: bool) -> Self {
        InProcessLab {
            mutants,
            keep_log,
            limits: Limits::default(),
            release: Release::default(),
        }
    }

    /// With replicas of this release.
    pub fn with_release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// With replicas that rest sooner, or later.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Lab for InProcessLab {
    fn release(&self) -> Release {
        self.release
    }

    /// Workers of several processes become workers of the one that there is.
    fn seat(&self, shape: Shape, seed: u64) -> Result<Seat, String> {
        let mut config = PersistConfig::for_stores("mem:").of_version(self.release.version());
        config.clock = Arc::new(ManualClock::new(0));
        config.ids = Arc::new(SeededIds::new(Stream::Ids.seed(seed)));
        let consensus = open_consensus("mem:").map_err(|e| e.to_string())?;
        let blob = open_blob("mem:").map_err(|e| e.to_string())?;
        let client = PersistClient::new(blob, consensus, config);
        let target = InProcessTarget {
            config: Config {
                workers: shape.processes * shape.workers,
                mutants: self.mutants,
                release: self.release,
                persist: Arc::clone(&client),
                seed: Stream::Steps.seed(seed),
                limits: self.limits,
            },
            replica: Rc::default(),
        };
        // Never opened: the replica has the client itself.
        let location = PersistLocation {
            blob_uri: "mem:".to_string(),
            consensus_uri: "mem:".to_string(),
        };
        Ok(Seat {
            driver: Driver::new(PersistHost::new(client, location), Box::new(target)),
            shape,
            tells: Some(seed),
            served: 0,
            before: None,
            process: None,
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
        }
    }

    fn concurrency(&self) -> Option<usize> {
        None
    }
}

/// A replica that is made by the first connection and by every restart.
struct InProcessTarget {
    config: Config,
    replica: Rc<RefCell<Option<InProcess>>>,
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
        }))
    }

    fn restart(&mut self) -> Result<(), TargetError> {
        *self.replica.borrow_mut() = None;
        Ok(())
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

    fn endless(&mut self) -> Option<String> {
        let replica = self.replica.borrow();
        replica.as_ref().and_then(InProcess::endless)
    }
}

struct InProcessLink {
    replica: Rc<RefCell<Option<InProcess>>>,
    release: Release,
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
        loop {
            if let Some(response) = replica.recv() {
                return Received::Response(response);
            }
            if let Some(status) = replica.ended() {
                return Received::Closed(LinkClosed(status.to_string()));
            }
            // Who only looks lets the replica do a little, so that commands
            // meet it in the middle of things.
            // Nor is anybody waited for who steps for ever.
            if !replica.step() || start.elapsed() >= patience {
                return match replica.recv() {
                    Some(response) => Received::Response(response),
                    None => Received::Idle,
                };
            }
        }
    }
}
