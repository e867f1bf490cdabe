//! The worker threads of a process and the mesh between processes. Source:
//! `spec/replica.md` §1.2, §1.3, §2.1.
//!
//! Invariant: a worker waits for at most its maintenance interval, so frontiers
//! are reported no later than that.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use timely::communication::{Config as Communication, WorkerGuards};
use timely::execute::execute_from;
use timely::worker::{Config as TimelyConfig, Worker as TimelyWorker};

use super::router::{Inlet, Router};
use super::{channel, mesh};
use crate::args::Args;
use crate::compute::{Clients, Environment, Host, Worker};
use crate::halt::Fate;
use crate::meter::Meter;
use crate::mutants::Seams;
use protocol::Release;

/// The running workers of this process, and their mesh. Dropping it leaves them
/// alone: the guards would wait for them, and they never end, so that a process
/// that cannot go on would not end either.
pub struct Workers(ManuallyDrop<WorkerGuards<()>>);

impl Workers {
    /// Waits for the workers, which end only with the process.
    pub fn join(self) {
        // A panic of a worker has ended the process already.
        let guards = ManuallyDrop::into_inner(self.0);
        guards.join().into_iter().for_each(drop);
    }
}

/// Connects the processes, starts the workers, and waits until each can take
/// commands.
///
/// Errors: why the mesh does not come up.
pub fn start(
    args: &Args,
    seams: Seams,
    clients: &Arc<Clients>,
    router: &Arc<Router>,
) -> Result<Workers, String> {
    let shape = &args.compute_timely_config;
    let (builders, mesh): (_, Box<dyn Any + Send>) = if shape.addresses.len() > 1 {
        let (builders, guard) = mesh::connect(shape, args.process)?;
        (builders, Box::new(guard))
    } else if shape.enable_zero_copy {
        Communication::ProcessBinary(shape.workers).try_build()?
    } else {
        Communication::Process(shape.workers).try_build()?
    };
    let mut config = TimelyConfig::default();
    if shape.arrangement_exert_proportionality > 0 {
        let eager = differential_dataflow::Config::default().idle_merge_effort(Some(1000));
        differential_dataflow::configure(&mut config, &eager);
    }
    let (ready, all_ready) = channel();
    let count = builders.len();
    let (clients, meeting) = (Arc::clone(clients), Arc::clone(router));
    let release = args.protocol.release;
    let guards = execute_from(builders, mesh, config, move |timely| {
        let clients = Arc::clone(&clients);
        work(timely, seams, release, clients, &meeting, &ready);
    })?;
    let workers = Workers(ManuallyDrop::new(guards));
    for _ in 0..count {
        let inlet: Option<Inlet> = all_ready
            .recv()
            .map_err(|_| "a worker ended before it began".to_string())?;
        if let Some(inlet) = inlet {
            router.set_inlet(inlet);
        }
    }
    Ok(workers)
}

fn work(
    timely: &mut TimelyWorker,
    seams: Seams,
    release: Release,
    clients: Arc<Clients>,
    router: &Router,
    ready: &Sender<Option<Inlet>>,
) {
    let env = Environment {
        host: Host::Process(clients),
        seams,
        release,
        fate: Fate::default(),
        meter: Meter::default(),
    };
    let local = timely.index() % router.workers();
    let mut worker = Worker::new(timely.clone(), env);
    let (arrived, inlet) = channel::render(&mut worker.timely);
    // The receiver is gone only if the process is ending.
    let _ = ready.send(inlet);
    let mut maintained = Instant::now();
    loop {
        let interval = worker.maintenance_interval();
        if maintained.elapsed() >= interval {
            worker.maintain();
            maintained = Instant::now();
        }
        let rest = interval
            .saturating_sub(maintained.elapsed())
            .max(Duration::from_millis(1));
        let waiting = arrived.borrow().is_empty();
        worker
            .timely
            .step_or_park(Some(if waiting { rest } else { Duration::ZERO }));
        loop {
            let next = arrived.borrow_mut().pop_front();
            let Some((nonce, command)) = next else { break };
            worker.command(nonce, command);
        }
        worker.answer();
        let responses = worker.take_responses();
        if !responses.is_empty() {
            router.responses(local, responses);
        }
        if let Some(end) = worker.end() {
            end.exit();
        }
    }
}
