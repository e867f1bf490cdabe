//! Uniform random scheduling: any of the workers that may have something to do, with
//! equal chances, which is the baseline that shuttle calls its random scheduler.
//! Deviation: how many commands a worker applies at a time, and how far a replica
//! comes before the next command, are drawn too; mostly a round, as a driver that
//! waits for nothing meets it.
//!
//! Invariant: every answer has a chance at every question.

use super::{MOST_ROUNDS, Pause, Strategy, Task};
use crate::generate::{Choices, SeededChoices};

pub(super) struct Uniform {
    choices: SeededChoices,
}

impl Uniform {
    pub fn new(choices: SeededChoices) -> Self {
        Uniform { choices }
    }
}

/// A pause as mostly is: a round, seldom more, or none, or until all is at rest.
pub(super) fn mostly_a_round(choices: &mut dyn Choices) -> Pause {
    match choices.weighted("pause", &[1, 1, 9, 2]) {
        Some(0) => Pause::ToRest,
        Some(1) => Pause::Rounds(0),
        Some(2) | None => Pause::Rounds(1),
        Some(_) => Pause::Rounds(MOST_ROUNDS),
    }
}

impl Strategy for Uniform {
    fn next(&mut self, tasks: &[Task]) -> usize {
        let choices: &mut dyn Choices = &mut self.choices;
        choices.index("next task", tasks.len())
    }

    fn left(&mut self, task: Task) -> usize {
        let choices: &mut dyn Choices = &mut self.choices;
        choices.index("commands left", task.waiting)
    }

    fn pause(&mut self) -> Pause {
        mostly_a_round(&mut self.choices)
    }
}
