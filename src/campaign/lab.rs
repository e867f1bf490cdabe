//! Where cases run: a store for the shards, and targets that are started,
//! handed out to one case at a time, and used again or thrown away.
//!
//! Invariants: two cases never share a target at the same time; a target that
//! was lost, or that has served its share of cases, is never handed out again
//! (one that is attached to is the only one there is, and always is); what a
//! target does while no case uses it is told, and no case begins on it then.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::aftermath::{Aftermath, lingered};
use super::case::{CaseOptions, Outcome, run_case};
use crate::driver::{
    ALARMS, CtpTarget, DEATH, Driver, Origin, PersistHost, ProcessConfig, Processes, Program,
    Target,
};
use crate::persist::{PersistClient, PersistConfig, PubSubServer};
use crate::protocol::v26_30::PersistLocation;
use crate::protocol::{Announced, Release};
use crate::schedule::{Conductor, Schedule};
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
    /// The replicas, if they can serve another case, in their order.
    pub tenants: Vec<Tenant>,
    /// What decides the schedule, if anything does.
    pub conductor: Option<Rc<RefCell<Conductor>>>,
}

/// A target that is one replica of a seat.
pub struct Tenant {
    pub target: CtpTarget,
    /// Cases that it has served.
    pub served: usize,
    /// What the last of them had in `tells`.
    pub before: Option<u64>,
}

/// Hands out seats.
pub trait Lab: Sync {
    /// A driver over a target of this shape that no other case uses. `seed`
    /// decides whatever the target leaves to chance. What is attached to has
    /// the shape that it has.
    ///
    /// Errors: one line that says what could not be started.
    fn seat(&self, shape: Shape, seed: u64) -> Result<Seat, String> {
        self.seat_under(shape, seed, None)
    }

    /// The same under this schedule, if a schedule decides here what steps next.
    fn seat_under(
        &self,
        shape: Shape,
        seed: u64,
        schedule: Option<&Schedule>,
    ) -> Result<Seat, String>;

    /// Takes a seat back. `spoiled` says that its target was lost, or broke an
    /// invariant: what it would do next is no bug.
    fn leave(&self, seat: Seat, spoiled: bool);

    /// Whether the target of a seat, which does nothing for this case, had ended
    /// after the case before. That is told then, and another seat will do.
    fn refused(&self, _seat: &mut Seat) -> bool {
        false
    }

    /// What targets did on their own while no case used them, as far as it was
    /// not told yet; waits for so long for the end of one that is idle.
    fn aftermaths(&self, _patience: Duration) -> Vec<Aftermath> {
        Vec::new()
    }

    /// What of a drawn case its targets can be told; the whole, unless they are driven
    /// by something else than our driver.
    fn cut(&self, commands: Vec<Command>) -> Vec<Command> {
        commands
    }

    /// Runs a case without a seat, if that is how cases are run here.
    fn run_without_seat(&self, _commands: &[Command]) -> Option<Result<Outcome, String>> {
        None
    }

    /// The release that its targets are of.
    fn release(&self) -> Release;

    /// How a case is run here.
    fn options(&self, seed: u64) -> CaseOptions;

    /// The releases of the replicas that serve a case, in their order.
    fn releases(&self) -> Vec<Release> {
        vec![self.release()]
    }

    /// How many replicas serve a case.
    fn replicas(&self) -> usize {
        self.releases().len()
    }

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processed {
    /// A program with clusterd's flags, started as often as needed.
    Spawn {
        program: Program,
        /// How many cases one start serves.
        cases_per_start: usize,
    },
    /// One that runs already: the addresses of its processes.
    Attach(Vec<String>),
}

/// Targets of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaKind {
    pub target: Processed,
    /// The version that the driver announces to it. What is announced to the first
    /// replica is the version whose shards the driver writes.
    pub announced: Announced,
}

/// How a [`ProcessLab`] is set up.
#[derive(Debug, Clone)]
pub struct LabConfig {
    /// Of which kind a replica is.
    pub first: ReplicaKind,
    /// The same of a second one that serves the same cluster.
    pub second: Option<ReplicaKind>,
    pub store: StoreUrls,
    /// Logs and scratch files of the targets go here.
    pub directory: PathBuf,
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
            first: ReplicaKind {
                target: Processed::Spawn {
                    program: Program {
                        path: program,
                        leading_args: Vec::new(),
                        extra_args: Vec::new(),
                    },
                    cases_per_start: 1,
                },
                announced,
            },
            second: None,
            store: StoreUrls::embedded(scratch),
            directory: scratch.join("targets"),
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
    /// For the replicas of a seat, in their order.
    stocks: Vec<Stock>,
    aftermaths: Mutex<Vec<Aftermath>>,
    starts: AtomicU64,
    stand_ins: Vec<Box<dyn Lab>>,
}

/// The targets of one kind.
struct Stock {
    kind: ReplicaKind,
    idle: Mutex<Vec<Pooled>>,
    /// A target was given back.
    returned: Condvar,
}

/// A target that is not in use.
struct Pooled {
    tenant: Tenant,
    /// `None` for one that is attached to.
    shape: Option<Shape>,
}

impl Pooled {
    /// What it did on its own since its last case, for as long as `patience`
    /// waits.
    fn aftermath(&mut self, patience: Duration) -> Option<Aftermath> {
        self.tenant.aftermath(self.shape?, patience)
    }
}

impl Tenant {
    fn new(target: CtpTarget) -> Tenant {
        Tenant {
            target,
            served: 0,
            before: None,
        }
    }

    fn aftermath(&mut self, shape: Shape, patience: Duration) -> Option<Aftermath> {
        Aftermath::of(&mut self.target, self.before, shape, patience)
    }
}

impl Stock {
    /// Holds nothing yet but what is attached to.
    fn new(kind: ReplicaKind) -> Stock {
        let idle = match &kind.target {
            Processed::Spawn { .. } => Vec::new(),
            Processed::Attach(addresses) => {
                let origin = Origin::Attached(addresses.clone());
                let target = CtpTarget::new(origin, kind.announced.clone(), None);
                vec![Pooled {
                    tenant: Tenant::new(target),
                    shape: None,
                }]
            }
        };
        Stock {
            kind,
            idle: Mutex::new(idle),
            returned: Condvar::new(),
        }
    }

    /// A target that no case uses; `None` if one is to be started.
    fn take(&self, shape: Shape) -> Option<Pooled> {
        let mut idle = self.idle.lock();
        loop {
            let fits = |pooled: &Pooled| pooled.shape.is_none_or(|known| known == shape);
            let at = idle.iter().rposition(fits);
            match (at.map(|at| idle.remove(at)), &self.kind.target) {
                (Some(pooled), _) => return Some(pooled),
                (None, Processed::Spawn { .. }) => return None,
                (None, Processed::Attach(_)) => {
                    self.returned.wait(&mut idle);
                }
            }
        }
    }

    /// Takes a target back that serves another case; gives back one that does not.
    fn put(&self, tenant: Tenant, shape: Shape, spoiled: bool) -> Option<Tenant> {
        let (again, shape) = match &self.kind.target {
            Processed::Spawn {
                cases_per_start, ..
            } => {
                let is_due = tenant.served >= *cases_per_start || tenant.target.is_replaced();
                (!spoiled && !is_due, Some(shape))
            }
            Processed::Attach(_) => (true, None),
        };
        if !again {
            return Some(tenant);
        }
        self.idle.lock().push(Pooled { tenant, shape });
        self.returned.notify_one();
        None
    }
}

impl ProcessLab {
    /// Opens the stores; starts nothing yet.
    pub fn open(config: LabConfig) -> Result<ProcessLab, String> {
        let StoreUrls { blob, consensus } = &config.store;
        let version = config.first.announced.version.clone();
        let settings = PersistConfig::for_stores(consensus).of_version(version);
        let client = PersistClient::open_with(blob, consensus, settings);
        let client = client.map_err(|e| e.to_string())?;
        let pubsub = PubSubServer::start(config.pubsub).map_err(|e| e.to_string())?;
        client.attach_pubsub(&pubsub);
        let kinds = std::iter::once(&config.first).chain(&config.second);
        Ok(ProcessLab {
            stocks: kinds.cloned().map(Stock::new).collect(),
            config,
            client,
            pubsub_url: pubsub.url(),
            _pubsub: Mutex::new(pubsub),
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

    /// A target of this kind that no case uses, and that did nothing since its last
    /// one.
    fn tenant(&self, stock: &Stock, shape: Shape) -> Result<Tenant, String> {
        while let Some(mut taken) = stock.take(shape) {
            match taken.aftermath(Duration::ZERO) {
                None => return Ok(taken.tenant),
                Some(aftermath) => self.aftermaths.lock().push(aftermath),
            }
        }
        self.start(&stock.kind, shape).map(Tenant::new)
    }

    fn start(&self, kind: &ReplicaKind, shape: Shape) -> Result<CtpTarget, String> {
        let Processed::Spawn {
            program,
            cases_per_start: _,
        } = &kind.target
        else {
            return Err("a target that is attached to cannot be started".to_string());
        };
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        let processes = Processes::start(ProcessConfig {
            program: program.clone(),
            processes: shape.processes,
            workers: shape.workers,
            directory: self.config.directory.join(format!("target-{start}")),
            pubsub_url: self.pubsub_url.clone(),
            alarms: self.config.alarms.clone(),
        })
        .map_err(|e| e.to_string())?;
        let origin = Origin::Spawned(processes);
        let target = CtpTarget::new(origin, kind.announced.clone(), None);
        let mut others = self.stocks.iter().filter(|stock| stock.kind != *kind);
        let other = others.find_map(|stock| match &stock.kind.target {
            Processed::Spawn { program, .. } => Some((program, &stock.kind.announced)),
            Processed::Attach(_) => None,
        });
        Ok(match other {
            Some((program, announced)) => target.with_successor(program.clone(), announced.clone()),
            None => target,
        })
    }
}

impl Lab for ProcessLab {
    fn release(&self) -> Release {
        self.config.first.announced.release
    }

    fn stand_ins(&self) -> Vec<&dyn Lab> {
        self.stand_ins.iter().map(Box::as_ref).collect()
    }

    fn seat_under(
        &self,
        shape: Shape,
        seed: u64,
        _schedule: Option<&Schedule>,
    ) -> Result<Seat, String> {
        let tenants = self.stocks.iter().map(|stock| self.tenant(stock, shape));
        let tenants = tenants.collect::<Result<Vec<Tenant>, String>>()?;
        let location = PersistLocation {
            blob_uri: self.config.store.blob.clone(),
            consensus_uri: self.config.store.consensus.clone(),
        };
        let host = PersistHost::new(Arc::clone(&self.client), location);
        let targets = tenants.iter().map(|tenant| Box::new(tenant.target.clone()));
        let driver = Driver::of(host, targets.map(|target| target as Box<dyn Target>))?;
        Ok(Seat {
            driver,
            shape,
            tells: Some(seed),
            tenants,
            conductor: None,
        })
    }

    fn leave(&self, seat: Seat, spoiled: bool) {
        let Seat {
            driver,
            shape,
            tells,
            tenants,
            conductor: _,
        } = seat;
        // The session ends before the next one begins.
        drop(driver);
        for (mut tenant, stock) in tenants.into_iter().zip(&self.stocks) {
            tenant.before = tells;
            // Its last case; afterwards it is gone.
            if let Some(mut last) = stock.put(tenant, shape, spoiled)
                && !spoiled
            {
                self.aftermaths
                    .lock()
                    .extend(last.aftermath(shape, Duration::ZERO));
            }
        }
    }

    fn refused(&self, seat: &mut Seat) -> bool {
        let shape = seat.shape;
        let used = (seat.tenants.iter_mut()).filter(|tenant| tenant.served > 0);
        let aftermaths: Vec<Aftermath> = used
            .filter_map(|tenant| tenant.aftermath(shape, DEATH))
            .collect();
        let any = !aftermaths.is_empty();
        self.aftermaths.lock().extend(aftermaths);
        any
    }

    fn aftermaths(&self, patience: Duration) -> Vec<Aftermath> {
        let deadline = Instant::now() + patience;
        let mut told = std::mem::take(&mut *self.aftermaths.lock());
        for stock in &self.stocks {
            stock.idle.lock().retain_mut(|pooled| {
                let left = deadline.saturating_duration_since(Instant::now());
                let aftermath = pooled.aftermath(left);
                let sound = aftermath.is_none();
                told.extend(aftermath);
                sound
            });
        }
        told
    }

    fn options(&self, _seed: u64) -> CaseOptions {
        CaseOptions {
            patience: self.config.patience,
            seed: None,
            keep_log: self.config.keep_log,
            one_worker: false,
            linger: Duration::ZERO,
            record: false,
            schedule: None,
        }
    }

    fn releases(&self) -> Vec<Release> {
        let stocks = self.stocks.iter();
        stocks.map(|stock| stock.kind.announced.release).collect()
    }

    fn concurrency(&self) -> Option<usize> {
        let attached = |stock: &Stock| matches!(stock.kind.target, Processed::Attach(_));
        self.stocks.iter().any(attached).then_some(1)
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
    if let Some(ran) = lab.run_without_seat(commands) {
        return ran;
    }
    loop {
        let mut seat = lab.seat_under(shape, seed, options.schedule.as_ref())?;
        let options = CaseOptions {
            one_worker: shape == Shape::ONE,
            ..options.clone()
        };
        let (outcome, driver) = run_case(commands, seat.driver, &options);
        seat.driver = driver;
        // What ends before it is asked for anything was ended by the case before.
        let mut outcome = match outcome {
            Ok(outcome) if outcome.lost && !asks(&commands[..outcome.commands]) => {
                if lab.refused(&mut seat) {
                    continue;
                }
                outcome
            }
            Ok(outcome) => outcome,
            Err(_) if lab.refused(&mut seat) => continue,
            Err(why) => {
                lab.leave(seat, true);
                return Err(why);
            }
        };
        for tenant in &mut seat.tenants {
            tenant.served += 1;
        }
        if !outcome.lost && outcome.violations.is_empty() {
            outcome
                .violations
                .extend(lingered(&mut seat, options.linger, &outcome));
        }
        let broken = !outcome.violations.is_empty();
        if options.keep_log || broken {
            let logs = seat
                .tenants
                .iter()
                .filter_map(|tenant| tenant.target.logs());
            let logs: Vec<String> = logs.collect();
            outcome.target_log = Some(logs.concat()).filter(|_| !logs.is_empty());
        }
        let conductor = seat.conductor.as_ref();
        outcome.schedule = conductor.map(|conductor| conductor.borrow().schedule());
        let spoiled = outcome.lost || broken;
        lab.leave(seat, spoiled);
        return Ok(outcome);
    }
}
