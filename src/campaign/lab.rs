//! Where cases run: a store for the shards, and targets that are started,
//! handed out to one case at a time, and used again or thrown away.
//!
//! Invariants: two cases never share a target at the same time; a target that
//! was lost, or that has served its share of cases, is never handed out again
//! (one that is attached to is the only one there is, and always is); what a
//! target does while no case uses it is told, and no case begins on it then.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::aftermath::{Aftermath, lingered};
use super::case::{CaseOptions, Outcome, run_case};
use crate::driver::{
    ALARMS, CtpTarget, DEATH, Driver, Origin, PersistHost, ProcessConfig, Processes,
};
use crate::persist::{PersistClient, PersistConfig, PubSubServer};
use crate::protocol::v26_30::PersistLocation;
use crate::protocol::{Announced, Release};
use crate::script::Command;

/// How many processes and workers a replica has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    pub processes: usize,
    /// Worker threads a process.
    pub workers: usize,
}

impl Shape {
    /// One process of one worker.
    pub const ONE: Shape = Shape::workers(1);

    /// One process of so many workers.
    pub const fn workers(workers: usize) -> Shape {
        Shape {
            processes: 1,
            workers,
        }
    }
}

/// A place for one case at a time.
pub struct Seat {
    /// Not connected yet.
    pub driver: Driver,
    pub shape: Shape,
    /// The seed that it was asked for with, as long as what its target does
    /// afterwards is to be told of that case.
    pub tells: Option<u64>,
    /// Cases that its target has served.
    pub served: usize,
    /// What the last of them had in `tells`.
    pub before: Option<u64>,
    /// The target, if it can serve another case.
    pub process: Option<CtpTarget>,
}

/// Hands out seats.
pub trait Lab: Sync {
    /// A driver over a target of this shape that no other case uses. `seed`
    /// decides whatever the target leaves to chance. What is attached to has
    /// the shape that it has.
    ///
    /// Errors: one line that says what could not be started.
    fn seat(&self, shape: Shape, seed: u64) -> Result<Seat, String>;

    /// Takes a seat back. `spoiled` says that its target was lost, or broke an
    /// invariant: what it would do next is no bug.
    fn leave(&self, seat: Seat, spoiled: bool);

    /// Whether the target of a seat, which does nothing for this case, had ended
    /// after the case before. That is told then, and another seat will do.
    fn refused(&self, _seat: &Seat) -> bool {
        false
    }

    /// What targets did on their own while no case used them, as far as it was
    /// not told yet; waits for so long for the end of one that is idle.
    fn aftermaths(&self, _patience: Duration) -> Vec<Aftermath> {
        Vec::new()
    }

    /// The release that its targets are of.
    fn release(&self) -> Release;

    /// How a case is run here.
    fn options(&self, seed: u64) -> CaseOptions;

    /// How many cases can run at the same time, if that is limited.
    fn concurrency(&self) -> Option<usize>;

    /// How many runs of one finding are best made at the same time; 1 or more.
    /// What only waits is faster side by side.
    fn at_once(&self) -> usize {
        1
    }

    /// Where something like the target runs in less time and repeats exactly: a
    /// finding that shows there too is shrunk there first.
    fn stand_ins(&self) -> Vec<&dyn Lab> {
        Vec::new()
    }
}

/// The two stores of persist, as URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrls {
    pub consensus: String,
    pub blob: String,
}

impl StoreUrls {
    /// SQLite and files below `directory`, for as long as the folder lives:
    /// nothing waits for the disk. (A real clusterd reads neither.)
    pub fn embedded(directory: &Path) -> StoreUrls {
        StoreUrls {
            consensus: format!(
                "sqlite:{}?sync=off",
                directory.join("consensus.sqlite").display()
            ),
            blob: format!("file://{}?sync=off", directory.join("blob").display()),
        }
    }
}

/// Which processes are tested.
#[derive(Debug, Clone)]
pub enum Processed {
    /// A program with clusterd's flags, started as often as needed.
    Spawn {
        program: PathBuf,
        /// Arguments before clusterd's flags.
        leading_args: Vec<String>,
        /// Arguments behind them.
        extra_args: Vec<String>,
        /// How many cases one start serves.
        cases_per_start: usize,
    },
    /// One that runs already: the addresses of its processes.
    Attach(Vec<String>),
}

/// How a [`ProcessLab`] is set up.
#[derive(Debug, Clone)]
pub struct LabConfig {
    pub target: Processed,
    pub store: StoreUrls,
    /// Logs and scratch files of the targets go here.
    pub directory: PathBuf,
    /// The version that the driver announces, and whose shards it writes.
    pub announced: Announced,
    /// Where the driver serves persist's PubSub; port 0 takes a free one.
    pub pubsub: SocketAddr,
    pub patience: Duration,
    pub keep_log: bool,
    /// Texts that say that something is wrong, in a line of a target's log.
    pub alarms: Vec<String>,
}

impl LabConfig {
    /// A program started anew for each case, over embedded stores; everything
    /// below `scratch`.
    pub fn embedded(
        program: PathBuf,
        announced: Announced,
        scratch: &Path,
        patience: Duration,
    ) -> LabConfig {
        LabConfig {
            target: Processed::Spawn {
                program,
                leading_args: Vec::new(),
                extra_args: Vec::new(),
                cases_per_start: 1,
            },
            store: StoreUrls::embedded(scratch),
            directory: scratch.join("targets"),
            announced,
            pubsub: (Ipv4Addr::LOCALHOST, 0).into(),
            patience,
            keep_log: false,
            alarms: ALARMS.map(String::from).to_vec(),
        }
    }
}

/// A lab of processes; see the module.
pub struct ProcessLab {
    config: LabConfig,
    client: Arc<PersistClient>,
    pubsub_url: String,
    // Ends with the lab; the lock only makes it shareable.
    _pubsub: Mutex<PubSubServer>,
    idle: Mutex<Vec<Pooled>>,
    /// A target was given back.
    returned: Condvar,
    aftermaths: Mutex<Vec<Aftermath>>,
    starts: AtomicU64,
    stand_ins: Vec<Box<dyn Lab>>,
}

/// A target that is not in use.
struct Pooled {
    target: CtpTarget,
    /// `None` for one that is attached to.
    shape: Option<Shape>,
    served: usize,
    /// What its last seat had in `tells`.
    before: Option<u64>,
}

impl Pooled {
    /// What it did on its own since its last case, for as long as `patience`
    /// waits.
    fn aftermath(&mut self, patience: Duration) -> Option<Aftermath> {
        Aftermath::of(&mut self.target, self.before, self.shape?, patience)
    }
}

impl ProcessLab {
    /// Opens the stores; starts nothing yet.
    pub fn open(config: LabConfig) -> Result<ProcessLab, String> {
        let StoreUrls { blob, consensus } = &config.store;
        let version = config.announced.version.clone();
        let settings = PersistConfig::for_stores(consensus).of_version(version);
        let client = PersistClient::open_with(blob, consensus, settings);
        let client = client.map_err(|e| e.to_string())?;
        let pubsub = PubSubServer::start(config.pubsub).map_err(|e| e.to_string())?;
        client.attach_pubsub(&pubsub);
        let idle = match &config.target {
            Processed::Spawn { .. } => Vec::new(),
            Processed::Attach(addresses) => vec![Pooled {
                target: CtpTarget::new(
                    Origin::Attached(addresses.clone()),
                    config.announced.clone(),
                    None,
                ),
                shape: None,
                served: 0,
                before: None,
            }],
        };
        Ok(ProcessLab {
            config,
            client,
            pubsub_url: pubsub.url(),
            _pubsub: Mutex::new(pubsub),
            idle: Mutex::new(idle),
            returned: Condvar::new(),
            aftermaths: Mutex::default(),
            starts: AtomicU64::new(0),
            stand_ins: Vec::new(),
        })
    }

    /// With places where findings are shrunk, if they show there.
    pub fn with_stand_ins(mut self, stand_ins: Vec<Box<dyn Lab>>) -> ProcessLab {
        self.stand_ins = stand_ins;
        self
    }

    /// The client of the stores.
    pub fn client(&self) -> &Arc<PersistClient> {
        &self.client
    }

    /// A target that no case uses; `None` if one is to be started.
    fn take(&self, shape: Shape) -> Option<Pooled> {
        let mut idle = lock(&self.idle);
        loop {
            let fits = |pooled: &Pooled| pooled.shape.is_none_or(|known| known == shape);
            let at = idle.iter().rposition(fits);
            match (at.map(|at| idle.remove(at)), &self.config.target) {
                (Some(pooled), _) => return Some(pooled),
                (None, Processed::Spawn { .. }) => return None,
                (None, Processed::Attach(_)) => {
                    let waited = self.returned.wait(idle);
                    idle = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn start(&self, shape: Shape) -> Result<CtpTarget, String> {
        let Processed::Spawn {
            program,
            leading_args,
            extra_args,
            cases_per_start: _,
        } = &self.config.target
        else {
            return Err("a target that is attached to cannot be started".to_string());
        };
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        let processes = Processes::start(ProcessConfig {
            program: program.clone(),
            leading_args: leading_args.clone(),
            extra_args: extra_args.clone(),
            processes: shape.processes,
            workers: shape.workers,
            directory: self.config.directory.join(format!("target-{start}")),
            pubsub_url: self.pubsub_url.clone(),
            alarms: self.config.alarms.clone(),
        })
        .map_err(|e| e.to_string())?;
        Ok(CtpTarget::new(
            Origin::Spawned(processes),
            self.config.announced.clone(),
            None,
        ))
    }
}

/// What a mutex holds, also after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lab for ProcessLab {
    fn release(&self) -> Release {
        self.config.announced.release
    }

    fn stand_ins(&self) -> Vec<&dyn Lab> {
        self.stand_ins.iter().map(Box::as_ref).collect()
    }

    fn seat(&self, shape: Shape, seed: u64) -> Result<Seat, String> {
        let taken = loop {
            let Some(mut taken) = self.take(shape) else {
                break Pooled {
                    target: self.start(shape)?,
                    shape: Some(shape),
                    served: 0,
                    before: None,
                };
            };
            match taken.aftermath(Duration::ZERO) {
                None => break taken,
                Some(aftermath) => lock(&self.aftermaths).push(aftermath),
            }
        };
        let Pooled {
            target,
            served,
            before,
            shape: _,
        } = taken;
        let location = PersistLocation {
            blob_uri: self.config.store.blob.clone(),
            consensus_uri: self.config.store.consensus.clone(),
        };
        let host = PersistHost::new(Arc::clone(&self.client), location);
        Ok(Seat {
            driver: Driver::new(host, Box::new(target.clone())),
            shape,
            tells: Some(seed),
            served,
            before,
            process: Some(target),
        })
    }

    fn leave(&self, seat: Seat, spoiled: bool) {
        let Seat {
            driver,
            shape,
            tells,
            served,
            before: _,
            process,
        } = seat;
        // The session ends before the next one begins.
        drop(driver);
        let Some(mut target) = process else { return };
        let (again, shape) = match &self.config.target {
            Processed::Spawn {
                cases_per_start, ..
            } => (!spoiled && served < *cases_per_start, Some(shape)),
            Processed::Attach(_) => (true, None),
        };
        if again {
            lock(&self.idle).push(Pooled {
                target,
                shape,
                served,
                before: tells,
            });
            self.returned.notify_one();
        } else if !spoiled {
            // Its last case; afterwards it is gone.
            let aftermath =
                shape.and_then(|shape| Aftermath::of(&mut target, tells, shape, Duration::ZERO));
            lock(&self.aftermaths).extend(aftermath);
        }
    }

    fn refused(&self, seat: &Seat) -> bool {
        let used = seat.process.clone().filter(|_| seat.served > 0);
        let aftermath =
            used.and_then(|mut target| Aftermath::of(&mut target, seat.before, seat.shape, DEATH));
        let Some(aftermath) = aftermath else {
            return false;
        };
        lock(&self.aftermaths).push(aftermath);
        true
    }

    fn aftermaths(&self, patience: Duration) -> Vec<Aftermath> {
        let deadline = Instant::now() + patience;
        let mut told = std::mem::take(&mut *lock(&self.aftermaths));
        lock(&self.idle).retain_mut(|pooled| {
            let left = deadline.saturating_duration_since(Instant::now());
            let aftermath = pooled.aftermath(left);
            let sound = aftermath.is_none();
            told.extend(aftermath);
            sound
        });
        told
    }

    fn options(&self, _seed: u64) -> CaseOptions {
        CaseOptions {
            patience: self.config.patience,
            seed: None,
            keep_log: self.config.keep_log,
            one_worker: false,
            linger: Duration::ZERO,
        }
    }

    fn concurrency(&self) -> Option<usize> {
        match &self.config.target {
            Processed::Spawn { .. } => None,
            Processed::Attach(_) => Some(1),
        }
    }

    fn at_once(&self) -> usize {
        const SIDE_BY_SIDE: usize = 4;
        self.concurrency().unwrap_or(SIDE_BY_SIDE)
    }
}

/// Whether one of the commands has a replica do more than greet.
fn asks(commands: &[Command]) -> bool {
    commands.iter().any(|command| {
        !matches!(
            command,
            Command::CreateInstance { .. }
                | Command::InitializationComplete
                | Command::UpdateConfiguration { .. }
                | Command::DefineSchema { .. }
                | Command::WriteSingleTs { .. }
                | Command::WriteSpread { .. }
                | Command::WriteRows { .. }
        )
    })
}

/// Runs a case in a lab, on a target of this shape.
///
/// Errors: the target could not be started or connected to.
pub fn run_in(
    lab: &dyn Lab,
    commands: &[Command],
    shape: Shape,
    seed: u64,
) -> Result<Outcome, String> {
    run_with(lab, commands, shape, seed, &lab.options(seed))
}

/// The same, with options of its own.
pub fn run_with(
    lab: &dyn Lab,
    commands: &[Command],
    shape: Shape,
    seed: u64,
    options: &CaseOptions,
) -> Result<Outcome, String> {
    loop {
        let mut seat = lab.seat(shape, seed)?;
        let options = CaseOptions {
            one_worker: shape == Shape::ONE,
            ..options.clone()
        };
        let (outcome, driver) = run_case(commands, seat.driver, &options);
        seat.driver = driver;
        // What ends before it is asked for anything was ended by the case before.
        let mut outcome = match outcome {
            Ok(outcome) if outcome.lost && !asks(&commands[..outcome.commands]) => {
                if lab.refused(&seat) {
                    continue;
                }
                outcome
            }
            Ok(outcome) => outcome,
            Err(_) if lab.refused(&seat) => continue,
            Err(why) => {
                lab.leave(seat, true);
                return Err(why);
            }
        };
        seat.served += 1;
        if !outcome.lost && outcome.violations.is_empty() {
            outcome
                .violations
                .extend(lingered(&mut seat, options.linger, &outcome));
        }
        let broken = !outcome.violations.is_empty();
        if options.keep_log || broken {
            outcome.target_log = seat.process.as_ref().and_then(CtpTarget::logs);
        }
        let spoiled = outcome.lost || broken;
        lab.leave(seat, spoiled);
        return Ok(outcome);
    }
}
