//! A wish to end early: the user of the program has seen enough.
//!
//! Invariant: once raised it stays raised.

use std::sync::atomic::{AtomicBool, Ordering};

/// Says whether to end early. Copies are the same wish.
#[derive(Debug, Clone, Copy)]
pub struct Stop(&'static AtomicBool);

impl Stop {
    /// The wish that this flag stands for.
    pub const fn of(flag: &'static AtomicBool) -> Stop {
        Stop(flag)
    }

    /// One that is never raised.
    pub const fn never() -> Stop {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Stop(&NEVER)
    }

    pub fn raise(self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_raised(self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
