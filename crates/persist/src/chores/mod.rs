//! The chores of a shard: rollups, garbage collection, compaction
//! (`spec/persist.md` §4.7, §4.9, §4.10).
//!
//! Invariant: no chore changes what a shard contains between its since and its
//! upper, and a chore that fails only leaves the shard larger.

mod compact;
mod gc;
mod rollup;

pub(super) use compact::key_order;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::config::Maintenance;
use super::error::PersistError;
use super::shard::{Routine, Shard};

/// What is to be done for which shard.
type Chore = (Arc<Shard>, Routine);

/// Where a client's chores are done.
#[derive(Debug)]
pub(crate) enum Chores {
    Inline,
    Background(Worker),
    Off,
}

/// The thread that does the chores of a client.
#[derive(Debug)]
pub(crate) struct Worker {
    queue: Mutex<Option<Sender<Chore>>>,
    stop: Arc<AtomicBool>,
    pending: Arc<Pending>,
    thread: Option<JoinHandle<()>>,
}

/// How many chores are queued or being done.
#[derive(Debug, Default)]
struct Pending {
    count: Mutex<usize>,
    done: Condvar,
}

impl Pending {
    fn add(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn done(&self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        self.done.notify_all();
    }

    fn wait(&self, timeout: Duration) -> bool {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.done.wait_timeout_while(count, timeout, |n| *n > 0);
        let (count, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *count == 0
    }
}

impl Chores {
    pub fn new(maintenance: Maintenance) -> Self {
        match maintenance {
            Maintenance::Inline => Chores::Inline,
            Maintenance::Background => Chores::Background(Worker::start()),
            Maintenance::Off => Chores::Off,
        }
    }

    /// Does the chores of a commit, now or soon.
    pub fn take(&self, shard: &Arc<Shard>, routine: Routine) {
        if routine.is_empty() {
            return;
        }
        match self {
            Chores::Inline => run(shard, routine, &AtomicBool::new(false)),
            Chores::Background(worker) => {
                let queue = worker.queue.lock();
                if let Some(queue) = queue.ok().as_deref().and_then(Option::as_ref) {
                    worker.pending.add();
                    // The thread only ends together with the queue.
                    if queue.send((Arc::clone(shard), routine)).is_err() {
                        worker.pending.done();
                    }
                }
            }
            Chores::Off => {}
        }
    }

    /// Waits until everything that was taken is done; whether it is, at
    /// `timeout` at the latest.
    pub fn settle(&self, timeout: Duration) -> bool {
        match self {
            Chores::Inline | Chores::Off => true,
            Chores::Background(worker) => worker.pending.wait(timeout),
        }
    }
}

impl Worker {
    fn start() -> Self {
        let (sender, receiver): (_, Receiver<(Arc<Shard>, Routine)>) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let pending = Arc::new(Pending::default());
        let counted = Arc::clone(&pending);
        let thread = std::thread::Builder::new()
            .name("persist-chores".into())
            .spawn(move || {
                while let Ok((shard, routine)) = receiver.recv() {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    run(&shard, routine, &stopped);
                    counted.done();
                }
            })
            .inspect_err(|e| tracing::warn!("no thread for chores: {e}"))
            .ok();
        Worker {
            queue: Mutex::new(thread.is_some().then_some(sender)),
            stop,
            pending,
            thread,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Ok(queue) = self.queue.get_mut() {
            queue.take();
        }
        if let Some(thread) = self.thread.take() {
            // It says itself what went wrong.
            let _ = thread.join();
        }
    }
}

/// Does the chores, and those that doing them causes.
fn run(shard: &Arc<Shard>, routine: Routine, stop: &AtomicBool) {
    let mut queue = VecDeque::from([routine]);
    while let Some(routine) = queue.pop_front() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut done = |what: &str, outcome: Result<Routine, PersistError>| match outcome {
            Ok(routine) if routine.is_empty() => {}
            Ok(routine) => queue.push_back(routine),
            Err(error) => tracing::warn!(%error, "{what} failed"),
        };
        for request in routine.compactions {
            done("compaction", compact::compact(shard, &request));
        }
        if routine.write_rollup {
            done("writing a rollup", rollup::write(shard));
        }
        if let Some(seqno) = routine.gc_to {
            done("garbage collection", gc::collect(shard, seqno));
        }
    }
}
