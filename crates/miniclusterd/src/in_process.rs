//! The replica without a process: all workers on the calling thread, stepped
//! in an order that a seed decides.
//!
//! Invariants: the same seed, commands and shard changes between the same steps
//! give the same responses; no clock is read, no thread outlives a call, and
//! an end of the replica is a state, not an exit; a step ends, whatever a
//! dataflow makes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    /// Decides the schedule of the workers.
    pub seed: u64,
    /// How much an operator may make of a row; beyond that the replica rests.
    pub limits: Limits,
}

/// A worker, and the commands that it has not applied yet.
struct Slot {
    worker: Worker,
    queue: VecDeque<(Uuid, ComputeCommand)>,
}

/// The replica in this process.
pub struct InProcess {
    slots: Vec<Slot>,
    seams: Seams,
    fate: Fate,
    meter: Meter,
    random: u64,
    connection: Option<(Uuid, Outlet)>,
    responses: VecDeque<ComputeResponse>,
    ended: Option<End>,
    /// A step did not end by itself: on a thread of its own the replica would
    /// be in it for ever.
    stuck: bool,
    /// Whether anything happened in the last step.
    busy: bool,
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
            })
            .collect();
        InProcess {
            slots,
            seams,
            fate,
            meter,
            random: config.seed,
            connection: None,
            responses: VecDeque::new(),
            ended: None,
            stuck: false,
            busy: false,
        }
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

    /// One round over the workers. Gives whether anything happened; if not,
    /// nothing will until a command is sent or a shard changes.
    pub fn step(&mut self) -> bool {
        self.busy = self.try_step();
        self.busy
    }

    fn try_step(&mut self) -> bool {
        if self.ended.is_some() || self.stuck {
            return false;
        }
        // A panic of an operator aborts the real process.
        let round = catch_unwind(AssertUnwindSafe(|| self.round()));
        match round {
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

    fn round(&mut self) -> bool {
        let mut order: Vec<usize> = (0..self.slots.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, self.below(at + 1));
        }
        let mut any = false;
        for index in order {
            // At least one if there is any, so that each round comes further.
            let queued = self.slots[index].queue.len();
            let commands = queued.min(1 + self.below(queued.max(1)));
            let slot = &mut self.slots[index];
            any |= slot.worker.poll();
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
                    self.responses.extend(outlet.absorb(index, response));
                }
            }
            if self.fate.get().is_some() {
                return true;
            }
        }
        any
    }

    /// A number below `bound` (SplitMix64; good enough for schedules).
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
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
