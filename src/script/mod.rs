//! Scripts: the command vocabulary, its text and JSON forms, the runner that
//! executes commands through a driver, and the trace that a run yields.
//!
//! Invariant: a script decides everything; the runner adds nothing of its own
//! but the commands' documented defaults.

mod command;
pub mod trace;

pub use command::*;
