//! The in-process lab: a miniclusterd without processes, sockets or a clock,
//! over shards in memory, stepped as a schedule says. A case repeats exactly.
//!
//! Invariant: every seat has a replica and a store of its own; with a second
//! replica, both are of that store, and one schedule is that of both.

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
use crate::replica::in_process::{Config, InProcess, Runnable, Scheduler};
use crate::replica::meter::Limits;
use crate::replica::mutants::Mutants;
use crate::schedule::{Conductor, Pause, Schedule, Search, Task};
use crate::script::Replica;

/// Hands out in-process replicas.
#[derive(Debug, Clone)]
pub struct InProcessLab {
    first: Mini,
    second: Option<Mini>,
    keep_log: bool,
    limits: Limits,
    search: Search,
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
            search: Search::default(),
        }
    }

    /// Looks for schedules in this way.
    pub fn with_search(mut self, search: Search) -> Self {
        self.search = search;
        self
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
        conductor: &Conducted,
        which: Replica,
    ) -> InProcessTarget {
        let workers = shape.processes * shape.workers;
        let first_worker = match which {
            Replica::First => 0,
            Replica::Second => workers,
        };
        let scheduler = Workers {
            conductor: Rc::clone(conductor),
            first_worker,
        };
        InProcessTarget {
            config: Config {
                workers,
                mutants: kind.mutants,
                release: kind.release,
                persist: client,
                scheduler: Rc::new(RefCell::new(scheduler)),
                limits: self.limits,
            },
            replica: Rc::default(),
            conductor: Rc::clone(conductor),
            other: None,
        }
    }
}

/// What decides the schedule of a case.
type Conducted = Rc<RefCell<Conductor>>;

/// The workers of one replica among the tasks of a case.
#[derive(Debug)]
struct Workers {
    conductor: Conducted,
    first_worker: usize,
}

impl Workers {
    fn task(&self, of: Runnable) -> Task {
        let Runnable { worker, waiting } = of;
        Task {
            worker: self.first_worker + worker,
            waiting,
        }
    }
}

impl Scheduler for Workers {
    fn next(&mut self, runnable: &[Runnable]) -> usize {
        let tasks: Vec<Task> = runnable.iter().map(|of| self.task(*of)).collect();
        self.conductor.borrow_mut().next(&tasks)
    }

    fn commands(&mut self, of: Runnable) -> usize {
        let task = self.task(of);
        self.conductor.borrow_mut().commands(task)
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
    fn seat_under(
        &self,
        shape: Shape,
        seed: u64,
        schedule: Option<&Schedule>,
    ) -> Result<Seat, String> {
        let conductor = match schedule {
            Some(schedule) => Conductor::following(schedule),
            None => Conductor::searching(self.search, seed),
        };
        let conductor = Rc::new(RefCell::new(conductor));
        let clock = Arc::new(ManualClock::new(0));
        let consensus = open_consensus("mem:").map_err(|e| e.to_string())?;
        let blob = open_blob("mem:").map_err(|e| e.to_string())?;
        let client = |kind: &Mini, seed: u64| {
            let settings = settings(kind.release, &clock, seed);
            PersistClient::new(Arc::clone(&blob), Arc::clone(&consensus), settings)
        };
        let host = client(&self.first, seed);
        let target = |kind, client, which| self.target(kind, client, shape, &conductor, which);
        let mut first = target(self.first, Arc::clone(&host), Replica::First);
        let second = self.second.map(|kind| {
            let client = client(&kind, Stream::Peer.seed(seed));
            let mut second = target(kind, client, Replica::Second);
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
            conductor: Some(conductor),
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
            schedule: None,
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
    conductor: Conducted,
    /// What it becomes when it is replaced: what its peer began as.
    other: Option<Config>,
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
            conductor: Rc::clone(&self.conductor),
            was_passed_over: false,
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
        Some(replica.as_ref().is_none_or(InProcess::is_at_rest))
    }

    fn endless(&mut self) -> Option<String> {
        let replica = self.replica.borrow();
        replica.as_ref().and_then(InProcess::endless)
    }
}

struct InProcessLink {
    replica: Rc<RefCell<Option<InProcess>>>,
    release: Release,
    conductor: Conducted,
    /// It has not stepped in the last look, and was not sent anything since.
    was_passed_over: bool,
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
        self.was_passed_over = false;
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
        replica.wake();
        let start = Instant::now();
        let mut left: Option<u64> = None;
        loop {
            if let Some(response) = replica.recv() {
                return Received::Response(response);
            }
            if let Some(status) = replica.ended() {
                return Received::Closed(LinkClosed(status.to_string()));
            }
            // A look without patience advances the replica by as much as the schedule
            // says, so that commands meet it in the middle of things. What steps for
            // ever is not waited for.
            let steps = match (patience.is_zero(), left) {
                (true, None) => {
                    let pause = self.conductor.borrow_mut().pause();
                    let steps = steps_in(pause, replica.workers(), self.was_passed_over);
                    self.was_passed_over = steps == 0;
                    steps
                }
                (true, Some(left)) => left,
                (false, _) if start.elapsed() >= patience => 0,
                (false, _) => 1,
            };
            if steps == 0 || !replica.step() {
                return match replica.recv() {
                    Some(response) => Received::Response(response),
                    None => Received::Idle,
                };
            }
            left = Some(steps - 1);
        }
    }
}

/// The steps of a pause. One that was passed over comes further now, so that what waits
/// for it does not wait for ever.
fn steps_in(pause: Pause, workers: usize, was_passed_over: bool) -> u64 {
    /// What is not at rest after so many steps may never be: the driver goes on beside
    /// it.
    const TO_REST: u64 = 500;
    match pause {
        Pause::ToRest => TO_REST * workers as u64,
        Pause::Rounds(rounds) => {
            let rounds = rounds.max(u32::from(was_passed_over));
            u64::from(rounds) * workers as u64
        }
    }
}
