//! Partial order sampling: each next step has a random priority of its own, the first
//! of them is taken, and what stepped draws a new one. Source: Yuan, Yang, Gu,
//! "Partial Order Aware Concurrency Sampling" (CAV 2018), its basic form. Deviations:
//! which steps race is unknown, so that what stepped draws anew, and now and then all
//! do; the driver is a task that is asked in its turn alone.
//!
//! Invariant: between two times at which all draw, a priority stays until its task has
//! stepped.

use std::collections::BTreeMap;

use super::{Pause, Strategy, Task};
use crate::generate::{Choices, SeededChoices};

/// After so many steps all priorities are drawn anew, so that no task waits for ever.
const ALL_DRAW: u32 = 16;

/// The driver among the tasks.
const DRIVER: usize = usize::MAX;

pub(super) struct Pos {
    choices: SeededChoices,
    priorities: BTreeMap<usize, u64>,
    steps: u32,
}

impl Pos {
    pub fn new(choices: SeededChoices) -> Self {
        Pos {
            choices,
            priorities: BTreeMap::new(),
            steps: 0,
        }
    }

    fn priority(&mut self, task: usize) -> u64 {
        let choices = &mut self.choices;
        let drawn = self.priorities.entry(task);
        *drawn.or_insert_with(|| choices.draw("priority", 1 << 32))
    }
}

impl Strategy for Pos {
    fn next(&mut self, tasks: &[Task]) -> usize {
        let mut first = (0, 0);
        for (place, task) in tasks.iter().enumerate() {
            let priority = self.priority(task.worker);
            if place == 0 || priority > first.1 {
                first = (place, priority);
            }
        }
        self.steps += 1;
        match self.steps % ALL_DRAW {
            0 => self.priorities.clear(),
            _ => drop(self.priorities.remove(&tasks[first.0].worker)),
        }
        first.0
    }

    fn left(&mut self, task: Task) -> usize {
        let choices: &mut dyn Choices = &mut self.choices;
        choices.index("commands left", task.waiting)
    }

    /// The driver goes on at once if its step comes first.
    fn pause(&mut self) -> Pause {
        let driver = self.priority(DRIVER);
        // A worker that is alone is never asked for.
        self.priority(0);
        let mut workers = self.priorities.iter().filter(|(task, _)| **task != DRIVER);
        match workers.all(|(_, priority)| driver > *priority) {
            true => {
                self.priorities.remove(&DRIVER);
                Pause::Rounds(0)
            }
            false => {
                self.priorities.remove(&0);
                Pause::Rounds(1)
            }
        }
    }
}
