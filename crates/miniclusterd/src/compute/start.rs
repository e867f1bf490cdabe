//! When a dataflow may start reading: once every export of it was scheduled or
//! dropped. Source: `spec/replica.md` §3.1.
//!
//! Invariant: it starts at most once and never stops again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use timely::scheduling::Activator;

#[derive(Default)]
struct Inner {
    started: Cell<bool>,
    waiting: RefCell<Vec<Activator>>,
}

/// The signal that the inputs of a dataflow wait for.
#[derive(Clone, Default)]
pub struct StartSignal(Rc<Inner>);

/// Held by each export that was neither scheduled nor dropped.
#[derive(Clone)]
pub struct StartToken(#[expect(dead_code, reason = "what counts is who holds it")] Rc<Fuse>);

struct Fuse(StartSignal);

impl StartSignal {
    /// A signal, and the token whose last clone gives it.
    pub fn new() -> (StartSignal, StartToken) {
        let signal = StartSignal::default();
        let token = StartToken(Rc::new(Fuse(signal.clone())));
        (signal, token)
    }

    pub fn started(&self) -> bool {
        self.0.started.get()
    }

    /// Activates an operator when the signal is given.
    pub fn wake(&self, activator: Activator) {
        if self.started() {
            activator.activate();
        } else {
            self.0.waiting.borrow_mut().push(activator);
        }
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        let inner = &self.0.0;
        inner.started.set(true);
        for activator in inner.waiting.borrow_mut().drain(..) {
            activator.activate();
        }
    }
}
