//! How much an operator makes of one row: a table function may have no end, and
//! the caller that steps the replica on its own thread has to hear of that.
//!
//! Invariants: with no limit set, nothing differs; the first note is kept.

use std::cell::RefCell;
use std::rc::Rc;

/// The measure of the operators of one worker; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Meter(Rc<Measure>);

#[derive(Debug, Default)]
struct Measure {
    limits: Option<Limits>,
    note: RefCell<Option<String>>,
}

/// How many rows an operator may make.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows that are made of one row, in all.
    pub of_a_row: u64,
    /// Rows that are made in one go, before others go on.
    pub in_one_go: u64,
}

impl Default for Limits {
    /// Nothing that can be judged makes more of a row, and nothing that works
    /// makes more in one go.
    fn default() -> Self {
        Limits {
            of_a_row: 1_000_000,
            in_one_go: 100_000,
        }
    }
}

/// The panic of an operator that went beyond the limit without giving way: on
/// a thread of its own it would never return.
#[derive(Debug)]
pub struct Overrun;

impl Meter {
    /// A meter by which an operator stops at these limits.
    pub fn up_to(limits: Limits) -> Self {
        Meter(Rc::new(Measure {
            limits: Some(limits),
            note: RefCell::default(),
        }))
    }

    /// Whether an operator may make one more row of a row of which it made
    /// `made`.
    pub fn allows(&self, made: u64) -> bool {
        self.0.limits.is_none_or(|limits| made < limits.of_a_row)
    }

    /// Whether an operator that made so many rows since it was called may make
    /// one more before it gives way.
    pub fn allows_in_one_go(&self, made: u64) -> bool {
        self.0.limits.is_none_or(|limits| made < limits.in_one_go)
    }

    /// Notes work that has no end.
    pub fn note(&self, what: impl FnOnce() -> String) {
        self.0.note.borrow_mut().get_or_insert_with(what);
    }

    /// The first work without end that was noted.
    pub fn noted(&self) -> Option<String> {
        self.0.note.borrow().clone()
    }
}
