//! The threads on which this room waits for sockets, behind calls that block:
//! one small runtime for the whole process, made when it is first needed.
//!
//! Invariant: a caller may block here from any thread, also from one that
//! belongs to another asynchronous runtime.

use std::future::Future;
use std::io;
use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Handle, Runtime};

/// Enough for a few sockets; the work behind them is elsewhere.
const THREADS: usize = 2;

/// The runtime. An error: the system has no threads left.
pub(super) fn handle() -> io::Result<Handle> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let fresh = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("persist-io")
        .enable_all()
        .build()?;
    if let Err(spare) = RUNTIME.set(fresh) {
        // Another thread was faster. Dropping would wait, which is not allowed on a
        // thread of another runtime.
        spare.shutdown_background();
    }
    RUNTIME
        .get()
        .map(|runtime| runtime.handle().clone())
        .ok_or_else(|| io::Error::other("the runtime was just set"))
}

/// Runs `future` there and waits for its result. `None` if it panicked.
pub(super) fn wait<T: Send + 'static>(
    runtime: &Handle,
    future: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // This fails only if the waiting thread is gone.
        let _ = sender.send(future.await);
    });
    receiver.recv().ok()
}
