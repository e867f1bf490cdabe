//! How a replica ends: a *halt* (exit code 166: a situation that a restart
//! cures), an *abort* (signal 6: a command that no controller sends, or a bug),
//! or nothing. As a process it exits; in-process the same end is a state that
//! the owner can look at.
//!
//! Invariant: the first end wins, and nothing is applied after it.
//! Source: `spec/replica.md` §1.5, §2.6.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The exit code of a halt.
pub const HALT_CODE: i32 = 166;

/// What a shell reports for a process that aborted (128 + SIGABRT).
pub const ABORT_CODE: i32 = 134;

/// Why and how a replica ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Exit code 166 and one line `halting process: …`.
    Halt(String),
    /// `abort()` after one line on stderr.
    Abort(String),
}

impl End {
    /// A halt with this message.
    pub fn halt(message: impl Into<String>) -> Self {
        End::Halt(message.into())
    }

    /// An abort with this message.
    pub fn abort(message: impl Into<String>) -> Self {
        End::Abort(message.into())
    }

    /// The exit code as a shell shows it.
    pub fn code(&self) -> i32 {
        match self {
            End::Halt(_) => HALT_CODE,
            End::Abort(_) => ABORT_CODE,
        }
    }

    /// The message, without any prefix.
    pub fn message(&self) -> &str {
        match self {
            End::Halt(message) | End::Abort(message) => message,
        }
    }

    /// Ends the process the way this end says.
    pub fn exit(&self) -> ! {
        eprintln!("{self}");
        match self {
            // Not `process::exit`: other threads must not run destructors
            // against state that is already inconsistent.
            End::Halt(_) => {
                use std::io::Write;
                let _ = std::io::stderr().flush();
                // SAFETY: `_exit` takes no pointers and never returns.
                unsafe { libc::_exit(HALT_CODE) }
            }
            End::Abort(_) => std::process::abort(),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Halt(message) => write!(f, "halting process: {message}"),
            End::Abort(message) => write!(f, "aborting process: {message}"),
        }
    }
}

/// A worker's shared notice board for its end: operators deep inside a dataflow
/// cannot return an error to the worker loop, so they post it here.
#[derive(Debug, Clone, Default)]
pub struct Fate(Rc<RefCell<Option<End>>>);

impl Fate {
    /// Posts an end, unless one was posted before.
    pub fn post(&self, end: End) {
        self.0.borrow_mut().get_or_insert(end);
    }

    /// The end that was posted, if any.
    pub fn get(&self) -> Option<End> {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_end_wins() {
        let fate = Fate::default();
        assert_eq!(fate.get(), None);
        fate.clone().post(End::halt("one"));
        fate.post(End::abort("two"));
        let end = fate.get().unwrap();
        assert_eq!(
            (end.code(), end.to_string().as_str()),
            (166, "halting process: one")
        );
    }
}
