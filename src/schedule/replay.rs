//! Follows a schedule. Invariant: where the schedule has ended, and where it does not
//! fit because another script is run, the answer is the calmest.

use super::{Pause, Schedule, Strategy, Task};

pub(super) struct Replay {
    schedule: Schedule,
    at: usize,
}

impl Replay {
    pub fn new(schedule: Schedule) -> Self {
        Replay { schedule, at: 0 }
    }

    fn answer(&mut self) -> u32 {
        let answer = self.schedule.answers().get(self.at);
        self.at += 1;
        answer.copied().unwrap_or(0)
    }
}

impl Strategy for Replay {
    fn next(&mut self, tasks: &[Task]) -> usize {
        let place = self.answer() as usize;
        if place < tasks.len() { place } else { 0 }
    }

    fn left(&mut self, task: Task) -> usize {
        let left = self.answer() as usize;
        if left < task.waiting { left } else { 0 }
    }

    fn pause(&mut self) -> Pause {
        Pause::numbered(self.answer())
    }
}
