//! A uniform random walk over what is left to do: a worker is as likely as it has
//! steps before it, so that long and short workers are interleaved evenly. Source:
//! Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency Testing"
//! (ASPLOS 2025), its walk without a selection. Deviation: the steps before a worker
//! are unknown; the commands that wait for it, and one, stand for them.
//!
//! Invariant: every task has a chance at every question.

use super::uniform::mostly_a_round;
use super::{Pause, Strategy, Task};
use crate::generate::{Choices, SeededChoices};

pub(super) struct Walk {
    choices: SeededChoices,
}

impl Walk {
    pub fn new(choices: SeededChoices) -> Self {
        Walk { choices }
    }
}

impl Strategy for Walk {
    fn next(&mut self, tasks: &[Task]) -> usize {
        let weights: Vec<u64> = tasks.iter().map(|task| 1 + task.waiting as u64).collect();
        let choices: &mut dyn Choices = &mut self.choices;
        choices.weighted("next task", &weights).unwrap_or(0)
    }

    /// A command is a step of its own.
    fn left(&mut self, task: Task) -> usize {
        task.waiting - 1
    }

    fn pause(&mut self) -> Pause {
        mostly_a_round(&mut self.choices)
    }
}
