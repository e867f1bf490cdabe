//! A process that ends when this program does, however this program ends.
//!
//! Invariants: the kernel kills the process when the thread that started it is
//! gone, so that thread lives until the process has ended; a signal is sent only
//! while the process is not reaped, so that its id cannot be another's; the
//! process has a group of its own, so that a Ctrl-C at the terminal is ours
//! alone to act on, and what it started itself is killed with it.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::{io, thread};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// A child of this program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    id: libc::pid_t,
    end: Arc<End>,
}

#[derive(Debug, Default)]
struct End {
    /// `None` while it lives.
    status: Mutex<Option<ExitStatus>>,
    came: Condvar,
}

impl End {
    fn status(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock()
    }
}

impl Child {
    /// Starts a process.
    ///
    /// Errors: those of the start.
    pub fn start(mut command: Command) -> io::Result<Child> {
        command.process_group(0);
        end_with_parent(&mut command);
        let end = Arc::new(End::default());
        let (told, started) = channel();
        let keeper_end = Arc::clone(&end);
        thread::Builder::new()
            .name("keeper".into())
            .spawn(move || match command.spawn() {
                Ok(child) => {
                    let id = child.id().cast_signed();
                    // `start` waits for this.
                    let _ = told.send(Ok(id));
                    keep(child, id, &keeper_end);
                }
                Err(error) => drop(told.send(Err(error))),
            })?;
        let id = started
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("its keeper ended")))?;
        Ok(Child { id, end })
    }

    /// The number that the system gave it.
    pub fn id(&self) -> u32 {
        self.id.cast_unsigned()
    }

    /// How it ended, if it ends within `patience`.
    pub fn ended(&self, patience: Duration) -> Option<ExitStatus> {
        let mut status = self.end.status();
        let lives = |status: &mut Option<ExitStatus>| status.is_none();
        self.end.came.wait_while_for(&mut status, lives, patience);
        *status
    }

    /// Kills it and its group, and waits until it is gone.
    pub fn kill(&self) {
        let mut status = self.end.status();
        if status.is_none() {
            // SAFETY: `kill` takes no pointers. The child is not reaped while
            // the lock is held without a status, so the group is its own.
            unsafe { libc::kill(-self.id, libc::SIGKILL) };
        }
        while status.is_none() {
            self.end.came.wait(&mut status);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of a child, and reaps it while nothing can be sent to it.
fn keep(mut child: std::process::Child, id: libc::pid_t, end: &End) {
    loop {
        // SAFETY: an all-zero `siginfo_t` is valid, and the pointer to it lives
        // through the call.
        let waited = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let how = libc::WEXITED | libc::WNOWAIT;
            libc::waitid(libc::P_PID, id.cast_unsigned(), &raw mut info, how)
        };
        let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if waited == 0 || !interrupted {
            break;
        }
    }
    let mut status = end.status();
    // An error would mean that another thread has reaped it.
    let reaped = child.wait().unwrap_or(ExitStatus::from_raw(0));
    *status = Some(reaped);
    end.came.notify_all();
}

/// Has the kernel kill the process when the thread that starts it ends.
#[cfg(target_os = "linux")]
fn end_with_parent(command: &mut Command) {
    let parent = std::process::id().cast_signed();
    // SAFETY: between fork and exec only functions are called that are safe in
    // a signal handler, and nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent was gone before it could be asked for.
            if libc::getppid() != parent {
                libc::_exit(1);
            }
            Ok(())
        });
    }
}

/// Elsewhere a process outlives a parent that is killed without warning.
#[cfg(not(target_os = "linux"))]
fn end_with_parent(_: &mut Command) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Child::start(command).unwrap()
    }

    #[test]
    fn an_end_is_waited_for_and_told_again() {
        let child = shell("exit 7");
        for patience in [Duration::from_secs(60), Duration::ZERO] {
            assert_eq!(child.ended(patience).unwrap().code(), Some(7));
        }
        child.kill();
    }

    #[test]
    fn what_a_child_started_is_killed_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        // The shell does not become the command: something comes behind it.
        let child = shell(&format!("sleep 1000 > {}; true", fifo.display()));
        // Opens when the writer has.
        let mut reader = std::fs::File::open(&fifo).unwrap();
        assert!(child.ended(Duration::ZERO).is_none());
        child.kill();
        // Ends when no process has it open for writing.
        let read = io::Read::read_to_end(&mut reader, &mut Vec::new());
        assert_eq!(read.unwrap(), 0);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert!(Child::start(Command::new("/no/such/program")).is_err());
    }
}
