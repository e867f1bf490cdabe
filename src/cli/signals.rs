//! Ctrl-C, SIGTERM, and a terminal that is closed: the first asks for an end in
//! order, the second ends the program at once.
//!
//! Invariants: an end by a signal is one to the parent of the program, too;
//! no scratch folder outlives it.

use std::sync::atomic::AtomicBool;
use std::{io, thread};

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::{CliError, out, scratch};
use crate::shrink::Stop;

/// The wish that the first signal raises.
pub const fn stop() -> Stop {
    static STOP: AtomicBool = AtomicBool::new(false);
    Stop::of(&STOP)
}

/// What the first signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// It raises [`stop`], which the command looks at.
    Stops,
    /// It ends the program.
    Ends,
}

/// Acts on signals from now on, for as long as the program runs.
pub fn watch(first: First) -> Result<(), CliError> {
    let watching = || -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // A program under `nohup` is meant to outlive its terminal.
        let mut hangup = match is_ignored(libc::SIGHUP) {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        };
        drop(entered);
        let mut asked = first == First::Ends;
        let next = async move || {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupt.recv() => libc::SIGINT,
                _ = terminate.recv() => libc::SIGTERM,
                _ = hung_up => libc::SIGHUP,
            }
        };
        let watch = move || {
            let mut next = next;
            loop {
                let number = runtime.block_on(next());
                if std::mem::replace(&mut asked, true) {
                    end_by(number);
                }
                stop().raise();
                out::complain(
                    "stopping: what runs is brought to its end, and what was found is told; \
                     once more ends at once",
                );
            }
        };
        thread::Builder::new().name("signals".into()).spawn(watch)?;
        Ok(())
    };
    watching().map_err(|e| CliError::Target(format!("watching for signals: {e}")))
}

fn is_ignored(number: libc::c_int) -> bool {
    // SAFETY: an all-zero `sigaction` is valid, and without a new action the
    // call only writes the present one to it.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number, std::ptr::null(), &raw mut present) == 0
            && present.sa_sigaction == libc::SIG_IGN
    }
}

/// Ends the program as the signal does that is not caught.
fn end_by(number: libc::c_int) -> ! {
    scratch::remove_all();
    // SAFETY: neither takes pointers; the default action needs no handler.
    unsafe {
        libc::signal(number, libc::SIG_DFL);
        libc::raise(number);
        libc::_exit(128 + number)
    }
}
