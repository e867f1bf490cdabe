//! The replica without a process: all workers on the calling thread, stepped
//! in an order that a scheduler decides.
//!
//! Invariants: the same answers of the scheduler, commands and shard changes between
//! the same steps give the same responses; no clock is read, no thread outlives a call, and
//! an end of the replica is a state, not an exit; a step ends, whatever a
//! dataflow makes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use timely::communication::Allocator;
use timely::communication::allocator::{AllocatorBuilder, Process, Thread};
use timely::worker::{Config as TimelyConfig, Worker as TimelyWorker};
use uuid::Uuid;

use super::compute::{Environment, Host, Worker};
use super::halt::{End, Fate};
use super::meter::{Limits, Meter, Overrun};
use super::mutants::{Mutants, Seams};
use super::outlet::Outlet;
use persist::PersistClient;
use protocol::Release;
use protocol::neutral::ComputeCommand;
use protocol::v26_30::ComputeResponse;

/// A worker that may have something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runnable {
    pub worker: usize,
    /// Commands that it has not applied yet.
    pub waiting: usize,
}

/// Decides what the workers do next.
pub trait Scheduler: fmt::Debug {
    /// The place of the worker that steps next; there is one at least, and the first
    /// is the one whose turn it would be.
    fn next(&mut self, runnable: &[Runnable]) -> usize;

    /// How many of the commands that wait for it a worker applies in this step: all,
    /// or fewer, but one if any waits.
    fn commands(&mut self, of: Runnable) -> usize;
}

/// The workers take turns, and apply what waits.
#[derive(Debug, Clone, Copy)]
pub struct InTurn;

impl Scheduler for InTurn {
    fn next(&mut self, _runnable: &[Runnable]) -> usize {
        0
    }

    fn commands(&mut self, of: Runnable) -> usize {
        of.waiting
    }
}

/// The configuration of an in-process replica.
#[derive(Debug, Clone)]
pub struct Config {
    /// 1 or more.
    pub workers: usize,
    pub mutants: Mutants,
    /// The release that it is one of.
    pub release: Release,
    /// Reads and writes every shard, whatever location commands name.
    pub persist: Arc<PersistClient>,
    /// Decides the schedule of the workers; a replica that is made anew goes on with it.
    pub scheduler: Rc<RefCell<dyn Scheduler>>,
    /// How much an operator may make of a row; beyond that the replica rests.
    pub limits: Limits,
}

/// A worker, and the commands that it has not applied yet.
struct Slot {
    worker: Worker,
    queue: VecDeque<(Uuid, ComputeCommand)>,
    /// It did nothing in its last step, and nothing happened since.
    idle: bool,
}

/// The replica in this process.
pub struct InProcess {
    slots: Vec<Slot>,
    seams: Seams,
    fate: Fate,
    meter: Meter,
    scheduler: Rc<RefCell<dyn Scheduler>>,
    /// The worker that stepped last.
    last: usize,
    connection: Option<(Uuid, Outlet)>,
    responses: VecDeque<ComputeResponse>,
    ended: Option<End>,
    /// A step did not end by itself: on a thread of its own the replica would
    /// be in it for ever.
    stuck: bool,
    /// Whether anything may still happen, as of the last step.
    busy: bool,
    /// Whether anything happened since the last look at the world.
    stirred: bool,
}

impl InProcess {
    pub fn new(config: Config) -> Self {
        let fate = Fate::default();
        let meter = Meter::up_to(config.limits);
        let seams = Seams::from(config.mutants);
        let env = Environment {
            host: Host::InProcess(config.persist),
            seams,
            release: config.release,
            fate: fate.clone(),
            meter: meter.clone(),
        };
        let slots = allocators(config.workers)
            .into_iter()
            .map(|allocator| Slot {
                worker: Worker::new(
                    TimelyWorker::new(TimelyConfig::default(), allocator, None),
                    env.clone(),
                ),
                queue: VecDeque::new(),
                idle: false,
            })
            .collect();
        InProcess {
            slots,
            seams,
            fate,
            meter,
            scheduler: config.scheduler,
            last: config.workers.saturating_sub(1),
            connection: None,
            responses: VecDeque::new(),
            ended: None,
            stuck: false,
            busy: false,
            stirred: false,
        }
    }

    /// Something beside the replica may have changed, a shard for example: each worker
    /// looks again before they count as at rest.
    pub fn wake(&mut self) {
        self.stirred = false;
        self.slots.iter_mut().for_each(|slot| slot.idle = false);
    }

    /// Whether every worker has looked since it was woken, and none did anything.
    pub fn is_at_rest(&self) -> bool {
        let over = self.ended.is_some() || self.stuck;
        !self.stirred && (over || self.slots.iter().all(|slot| slot.idle))
    }

    /// A new connection that said `Hello` with this nonce. The one before it
    /// ends; what it sent is applied all the same, what it was to receive is
    /// lost.
    pub fn connect(&mut self, nonce: Uuid) {
        let seams = self.seams.connection(self.connection.is_some());
        let outlet = Outlet::new(self.slots.len(), seams);
        self.connection = Some((nonce, outlet));
        self.responses.clear();
    }

    /// Sends a command on the connection; a `Hello` starts a new iteration.
    pub fn send(&mut self, command: ComputeCommand) {
        if let ComputeCommand::Hello { nonce } = command {
            return self.connect(nonce);
        }
        let Some((nonce, outlet)) = &mut self.connection else {
            let end = End::abort("the first command is no Hello: client state uninitialised");
            self.ended.get_or_insert(end);
            return;
        };
        outlet.observe(&command);
        for slot in &mut self.slots {
            slot.queue.push_back((*nonce, command.clone()));
            slot.idle = false;
        }
    }

    /// The next response, if there is one already.
    pub fn recv(&mut self) -> Option<ComputeResponse> {
        self.responses.pop_front()
    }

    /// How the replica ended, if it did: then nothing more happens.
    pub fn ended(&self) -> Option<&End> {
        self.ended.as_ref()
    }

    /// Whether there was something to do in the last step.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// The work that has no end, if the replica came upon some.
    pub fn endless(&self) -> Option<String> {
        self.meter.noted()
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.slots.len()
    }

    /// A step of one worker. Gives whether anything may happen still; if not, nothing
    /// will until a command is sent or a shard changes, and the next step is the first
    /// look of them all.
    pub fn step(&mut self) -> bool {
        self.busy = self.try_step();
        self.busy
    }

    fn try_step(&mut self) -> bool {
        if self.ended.is_some() || self.stuck {
            return false;
        }
        // A panic of an operator aborts the real process.
        let stepped = catch_unwind(AssertUnwindSafe(|| self.step_one()));
        match stepped {
            Ok(any) => {
                self.ended = self.fate.get();
                any || self.ended.is_some()
            }
            Err(panic) if panic.is::<Overrun>() => {
                self.stuck = true;
                false
            }
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("a panic without a text");
                self.ended = Some(End::abort(text));
                true
            }
        }
    }

    fn step_one(&mut self) -> bool {
        if self.slots.iter().all(|slot| slot.idle) {
            self.slots.iter_mut().for_each(|slot| slot.idle = false);
        }
        let workers = self.slots.len();
        let in_turn = (1..=workers).map(|distance| (self.last + distance) % workers);
        let runnable: Vec<Runnable> = in_turn
            .filter(|worker| !self.slots[*worker].idle)
            .map(|worker| Runnable {
                worker,
                waiting: self.slots[worker].queue.len(),
            })
            .collect();
        let (place, commands) = {
            let mut scheduler = self.scheduler.borrow_mut();
            let place = scheduler.next(&runnable).min(runnable.len() - 1);
            (place, scheduler.commands(runnable[place]))
        };
        let Runnable { worker, waiting } = runnable[place];
        self.last = worker;
        let any = self.work(worker, commands.clamp(waiting.min(1), waiting));
        self.stirred |= any;
        if any {
            // What it did may have reached any of them.
            self.slots.iter_mut().for_each(|slot| slot.idle = false);
        } else {
            self.slots[worker].idle = true;
        }
        !self.slots.iter().all(|slot| slot.idle)
    }

    /// What one worker does in a step; whether that was anything.
    fn work(&mut self, worker: usize, commands: usize) -> bool {
        let slot = &mut self.slots[worker];
        let mut any = slot.worker.poll();
        slot.worker.maintain();
        any |= step(&mut slot.worker.timely);
        for (nonce, command) in slot.queue.drain(..commands) {
            slot.worker.command(nonce, command);
            any = true;
        }
        slot.worker.answer();
        for (nonce, response) in slot.worker.take_responses() {
            any = true;
            if let Some((current, outlet)) = &mut self.connection
                && *current == nonce
            {
                self.responses.extend(outlet.absorb(worker, response));
            }
        }
        any
    }
}

/// Steps timely once; whether any operator ran or is to run.
fn step(timely: &mut TimelyWorker) -> bool {
    timely.step();
    // An operator that was active in this step stays listed until the next one.
    let active = Cell::new(false);
    timely
        .activations()
        .borrow()
        .map_active(|_| active.set(true));
    active.get()
}

/// Moves a value that is not `Send` out of the thread that made it.
struct Moved<T>(T);

// SAFETY: used for a freshly built allocator alone. What keeps it from being
// `Send` are `Rc`s of which there is no other clone, and the thread that made it
// has ended before it is used.
unsafe impl<T> Send for Moved<T> {}

/// Allocators that connect `workers` workers of one thread.
fn allocators(workers: usize) -> Vec<Allocator> {
    if workers <= 1 {
        return vec![Allocator::Thread(Thread::default())];
    }
    let (builders, _) = timely::communication::Config::Process(workers)
        .try_build()
        .expect("an intra-process configuration builds");
    // Building one waits for its peers, so each is built on a thread of its own.
    let building: Vec<_> = builders
        .into_iter()
        .map(|builder| {
            std::thread::spawn(move || match builder {
                AllocatorBuilder::Process(builder) => Moved::<Process>(builder.build()),
                AllocatorBuilder::Thread(_) | AllocatorBuilder::Tcp(_) => {
                    unreachable!("an intra-process configuration has no other builders")
                }
            })
        })
        .collect();
    building
        .into_iter()
        .map(|thread| thread.join().expect("building does not panic"))
        .map(|moved| Allocator::Process(moved.0))
        .collect()
}
