//! The maintenance of a shard: rollups, garbage collection, compaction
//! (`spec/persist.md` §4.7, §4.9, §4.10).
//!
//! Invariant: maintenance never changes what a shard contains between its since
//! and its upper; if it fails, the shard only stays larger.

mod compact;
mod gc;
mod rollup;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::config::Maintenance;
use super::error::PersistError;
use super::shard::{CachedShard, RoutineMaintenance};

/// What is to be done for which shard.
type Job = (Arc<CachedShard>, RoutineMaintenance);

/// Where the maintenance of a client's shards is done.
#[derive(Debug)]
pub(crate) enum MaintenanceRunner {
    Inline,
    Background(Worker),
    Off,
}

/// The thread that does the maintenance of a client.
#[derive(Debug)]
pub(crate) struct Worker {
    queue: Mutex<Option<Sender<Job>>>,
    stop: Arc<AtomicBool>,
    pending: Arc<Pending>,
    thread: Option<JoinHandle<()>>,
}

/// How many jobs are queued or being done.
#[derive(Debug, Default)]
struct Pending {
    count: Mutex<usize>,
    done: Condvar,
}

impl Pending {
    fn add(&self) {
        *self.count.lock() += 1;
    }

    fn done(&self) {
        let mut count = self.count.lock();
        *count = count.saturating_sub(1);
        self.done.notify_all();
    }

    fn wait(&self, timeout: Duration) -> bool {
        let mut count = self.count.lock();
        self.done.wait_while_for(&mut count, |n| *n > 0, timeout);
        *count == 0
    }
}

impl MaintenanceRunner {
    pub fn new(maintenance: Maintenance) -> Self {
        match maintenance {
            Maintenance::Inline => MaintenanceRunner::Inline,
            Maintenance::Background => MaintenanceRunner::Background(Worker::start()),
            Maintenance::Off => MaintenanceRunner::Off,
        }
    }

    /// Does the maintenance that a commit asked for, now or soon.
    pub fn submit(&self, shard: &Arc<CachedShard>, routine: RoutineMaintenance) {
        if routine.is_empty() {
            return;
        }
        match self {
            MaintenanceRunner::Inline => run(shard, routine, &AtomicBool::new(false)),
            MaintenanceRunner::Background(worker) => {
                if let Some(queue) = worker.queue.lock().as_ref() {
                    worker.pending.add();
                    // The thread only ends together with the queue.
                    if queue.send((Arc::clone(shard), routine)).is_err() {
                        worker.pending.done();
                    }
                }
            }
            MaintenanceRunner::Off => {}
        }
    }

    /// Waits until everything that was submitted is done; whether it is, at
    /// `timeout` at the latest.
    pub fn settle(&self, timeout: Duration) -> bool {
        match self {
            MaintenanceRunner::Inline | MaintenanceRunner::Off => true,
            MaintenanceRunner::Background(worker) => worker.pending.wait(timeout),
        }
    }
}

impl Worker {
    fn start() -> Self {
        let (sender, receiver): (_, Receiver<Job>) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let pending = Arc::new(Pending::default());
        let counted = Arc::clone(&pending);
        let thread = std::thread::Builder::new()
            .name("persist-maint".into())
            .spawn(move || {
                while let Ok((shard, routine)) = receiver.recv() {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    run(&shard, routine, &stopped);
                    counted.done();
                }
            })
            .inspect_err(|e| tracing::warn!("no thread for maintenance: {e}"))
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
        self.queue.get_mut().take();
        if let Some(thread) = self.thread.take() {
            // It says itself what went wrong.
            let _ = thread.join();
        }
    }
}

/// Does the maintenance, and what doing it asks for.
fn run(shard: &Arc<CachedShard>, routine: RoutineMaintenance, stop: &AtomicBool) {
    let mut queue = VecDeque::from([routine]);
    while let Some(routine) = queue.pop_front() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut done = |what: &str, outcome: Result<RoutineMaintenance, PersistError>| match outcome
        {
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
