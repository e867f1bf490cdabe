//! Probabilistic concurrency testing: tasks have random priorities, the first of them
//! always steps, and at a few random points its priority becomes the lowest. Source:
//! Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with
//! Probabilistic Guarantees of Finding Bugs" (ASPLOS 2010). Deviations: the number of
//! steps is unknown, so that the points lie among a guess of it; the driver is a task
//! that is asked in its turn alone; and a task that steps very often in a row gives
//! way, since workers may wait for each other by being busy.
//!
//! Invariant: between two change points the order of the tasks stays as it is.

use std::collections::BTreeMap;

use super::{Pause, Strategy, Task};
use crate::generate::{Choices, SeededChoices};

/// The bugs looked for need so many changes of order at most.
const DEPTH: u64 = 3;

/// A guess of the steps of a case.
const STEPS: u64 = 600;

/// The first priority of a task is above those that changes give.
const FIRST: u64 = DEPTH + 1;

/// After so many steps in a row a task gives way.
const PATIENCE: u32 = 40;

/// The driver among the tasks.
const DRIVER: usize = usize::MAX;

pub(super) struct Pct {
    choices: SeededChoices,
    priorities: BTreeMap<usize, u64>,
    /// The steps at which the order changes.
    changes: Vec<u64>,
    steps: u64,
    /// The task that stepped last, and how often in a row.
    last: (usize, u32),
}

impl Pct {
    pub fn new(mut choices: SeededChoices) -> Self {
        let changes = (1..DEPTH).map(|_| choices.draw("change point", STEPS));
        Pct {
            changes: changes.collect(),
            choices,
            priorities: BTreeMap::new(),
            steps: 0,
            last: (DRIVER, 0),
        }
    }

    fn priority(&mut self, task: usize) -> u64 {
        let choices = &mut self.choices;
        let drawn = self.priorities.entry(task);
        *drawn.or_insert_with(|| FIRST + choices.draw("priority", 1 << 32))
    }

    /// Takes note that a task steps; a change point puts it behind all others.
    fn note_step(&mut self, task: usize) {
        let change = self.changes.iter().position(|at| *at == self.steps);
        if let Some(number) = change {
            self.priorities.insert(task, number as u64);
        }
        self.steps += 1;
        // That the driver was asked in between says nothing of the workers.
        self.last = match self.last {
            (last, times) if last == task => (task, times + 1),
            last if task == DRIVER => last,
            _ => (task, 1),
        };
    }
}

impl Strategy for Pct {
    fn next(&mut self, tasks: &[Task]) -> usize {
        if let (worker, PATIENCE..) = self.last
            && tasks.iter().any(|task| task.worker == worker)
        {
            let lowest = self.priorities.values().min().copied().unwrap_or(0);
            self.priorities.insert(worker, lowest.saturating_sub(1));
            self.last = (DRIVER, 0);
            // Of equal priorities the other task is the first.
            let other = tasks.iter().position(|task| task.worker != worker);
            if let Some(other) = other {
                self.note_step(tasks[other].worker);
                return other;
            }
        }
        let mut first = (0, 0);
        for (place, task) in tasks.iter().enumerate() {
            let priority = self.priority(task.worker);
            if place == 0 || priority > first.1 {
                first = (place, priority);
            }
        }
        self.note_step(tasks[first.0].worker);
        first.0
    }

    fn left(&mut self, _task: Task) -> usize {
        0
    }

    /// The driver goes on at once if it comes before all workers, and waits until they
    /// are at rest if it comes after them.
    fn pause(&mut self) -> Pause {
        let driver = self.priority(DRIVER);
        // A worker that is alone is never asked for.
        self.priority(0);
        self.note_step(DRIVER);
        let mut workers = self.priorities.iter().filter(|(task, _)| **task != DRIVER);
        let is_before = |(_, priority): (&usize, &u64)| driver > *priority;
        if workers.clone().all(is_before) {
            return Pause::Rounds(0);
        }
        match workers.any(is_before) {
            true => Pause::Rounds(1),
            false => Pause::ToRest,
        }
    }
}
