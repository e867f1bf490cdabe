//! The replica as a process: clusterd's flags, CTP, worker threads, several
//! processes. Source: `spec/replica.md` §1, §2.1 to §2.3.
//!
//! Invariants: the ports open only when all processes of the replica are
//! connected; a process that cannot go on ends with the exit code of the real
//! one and one clear line on stderr; nothing is printed on stdout.

mod channel;
mod http;
mod mesh;
mod router;
mod serve;
mod threads;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::args::Args;
use super::compute::Clients;
use super::halt::End;
use super::mutants::{Mutants, Seams};
use router::Router;

/// How often leases of readers are looked after.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The whole program, from parsed flags to the exit code: 2 for bad flags, 3 if
/// it cannot begin.
pub fn main(args: &Args) -> ExitCode {
    if let Err(problem) = args.check() {
        eprintln!("miniclusterd: {problem}");
        return ExitCode::from(2);
    }
    let filter = tracing_subscriber::EnvFilter::try_new(&args.startup_log_filter);
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info".into()))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("miniclusterd: fatal: {problem}");
            ExitCode::from(3)
        }
    }
}

/// Serves until the process ends.
///
/// Errors: why it could not begin; the flags are checked already.
fn run(args: &Args) -> Result<(), String> {
    abort_on_panic();
    let seams = Seams::from(args.mutants.iter().copied().collect::<Mutants>());
    let clients = Arc::new(Clients::new(
        args.persist_pubsub_url.clone(),
        args.protocol.version.clone(),
    ));
    let router = Arc::new(Router::new(
        args.compute_timely_config.workers,
        args.process,
        seams,
    ));
    let workers = threads::start(args, seams, &clients, &router)?;
    // Before anything else listens: what can be connected to says so there.
    if let Err(error) = http::serve(&args.internal_http_listen_addr) {
        // Nothing of the protocol needs it, unlike in the real one.
        let address = &args.internal_http_listen_addr;
        tracing::warn!("going without HTTP: {}", listening(error, address));
    }
    let storage =
        serve::storage(args).map_err(|e| listening(e, &args.storage_controller_listen_addr))?;
    let compute = serve::compute(args, &router)
        .map_err(|e| listening(e, &args.compute_controller_listen_addr))?;
    heartbeats(clients);
    workers.join();
    drop((storage, compute));
    Ok(())
}

fn listening(error: io::Error, address: &str) -> String {
    format!("cannot listen on {address}: {error}")
}

/// Keeps the readers of this process alive.
fn heartbeats(clients: Arc<Clients>) {
    let body = move || {
        loop {
            std::thread::sleep(HEARTBEAT);
            for client in clients.all() {
                if let Err(error) = client.heartbeat() {
                    tracing::warn!(%error, "heartbeats");
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("heartbeats".into())
        .spawn(body)
        .expect("the operating system gives a thread");
}

/// A panic of any thread ends the process; a lost peer is a halt.
fn abort_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without a text");
        let place = info.location().map(ToString::to_string);
        let place = place.unwrap_or_else(|| "somewhere".into());
        if text.starts_with("timely communication error:") {
            End::halt(text).exit();
        }
        End::abort(format!("panic at {place}: {text}")).exit();
    }));
}
