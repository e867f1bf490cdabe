//! Schedules: which step of the world comes next, as a part of a case beside its
//! script. In process a replica asks which of its workers steps, and how many of the
//! commands that wait for it a worker applies; the driver asks how far a replica comes
//! before the next command. A strategy answers, and the answers are the schedule.
//!
//! Invariants: a schedule is a list of small numbers; 0 is always the calmest answer
//! (the workers take turns, apply all commands that wait, and come to rest before the
//! next command), and what a schedule does not say is 0. A question with one possible
//! answer is not asked, so that it stands in no schedule.
//!
//! Architecture Invariant: nothing here knows what steps; it is told of tasks and
//! their numbers.

mod calmer;
mod pct;
mod pos;
mod replay;
mod text;
mod uniform;
mod walk;

use std::fmt;
use std::str::FromStr;

use crate::generate::{SeededChoices, Stream};
pub use calmer::calmer;
pub use text::ScheduleError;

/// The answers to the questions of one run, in order; see the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Schedule {
    answers: Vec<u32>,
}

impl Schedule {
    /// These answers; zeros at the end are no part of a schedule.
    pub fn of(mut answers: Vec<u32>) -> Self {
        let last = answers.iter().rposition(|answer| *answer != 0);
        answers.truncate(last.map_or(0, |last| last + 1));
        Schedule { answers }
    }

    /// The answers up to the last that is not 0.
    pub fn answers(&self) -> &[u32] {
        &self.answers
    }

    /// Whether everything runs to rest after each command.
    pub fn is_calm(&self) -> bool {
        self.answers.is_empty()
    }
}

/// A worker that may have something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// No two workers of a case have the same, whichever replica they belong to.
    pub worker: usize,
    /// Commands that it has not applied yet.
    pub waiting: usize,
}

/// How far a replica comes before the driver goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Until nothing is left to do.
    ToRest,
    /// So many rounds of its workers.
    Rounds(u32),
}

/// The most rounds that a pause has.
const MOST_ROUNDS: u32 = 3;

impl Pause {
    fn number(self) -> u32 {
        match self {
            Pause::ToRest => 0,
            Pause::Rounds(rounds) => 1 + rounds.min(MOST_ROUNDS),
        }
    }

    fn numbered(number: u32) -> Pause {
        match number.checked_sub(1) {
            None => Pause::ToRest,
            Some(rounds) => Pause::Rounds(rounds.min(MOST_ROUNDS)),
        }
    }
}

/// Answers the questions of a run. Answers out of range are brought into it.
trait Strategy {
    /// The place of the task that steps next. There are several; the first is the one
    /// whose turn it would be.
    fn next(&mut self, tasks: &[Task]) -> usize;

    /// How many of the commands that wait for it a worker leaves for later. There are
    /// several, and it applies one at least.
    fn left(&mut self, task: Task) -> usize;

    /// How far a replica comes before the driver goes on.
    fn pause(&mut self) -> Pause;
}

/// How schedules are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Search {
    /// Each step is any worker's, with equal chances.
    #[default]
    Uniform,
    /// A worker is as likely as it has things to do.
    Walk,
    /// Priorities that change at a few points.
    Pct,
    /// Priorities that are drawn anew with each step.
    Pos,
}

impl Search {
    /// Every one, the default first.
    pub const ALL: [Search; 4] = [Search::Uniform, Search::Walk, Search::Pct, Search::Pos];

    /// What `--scheduler` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Search::Uniform => "uniform",
            Search::Walk => "walk",
            Search::Pct => "pct",
            Search::Pos => "pos",
        }
    }

    fn strategy(self, seed: u64) -> Box<dyn Strategy> {
        let choices = SeededChoices::new(Stream::Steps.seed(seed));
        match self {
            Search::Uniform => Box::new(uniform::Uniform::new(choices)),
            Search::Walk => Box::new(walk::Walk::new(choices)),
            Search::Pct => Box::new(pct::Pct::new(choices)),
            Search::Pos => Box::new(pos::Pos::new(choices)),
        }
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Search {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Search::ALL.into_iter();
        all.find(|search| search.name() == name).ok_or_else(|| {
            let names = Search::ALL.map(Search::name).join(", ");
            format!("`{name}` is no scheduler: expected one of {names}")
        })
    }
}

/// Asks a strategy and keeps its answers.
pub struct Conductor {
    strategy: Box<dyn Strategy>,
    answers: Vec<u32>,
}

impl fmt::Debug for Conductor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = self.answers.len();
        f.debug_struct("Conductor")
            .field("answers", &answers)
            .finish()
    }
}

impl Conductor {
    /// Looks for a schedule; the seed decides which one.
    pub fn searching(search: Search, seed: u64) -> Self {
        Conductor::of(search.strategy(seed))
    }

    /// Follows a schedule.
    pub fn following(schedule: &Schedule) -> Self {
        Conductor::of(Box::new(replay::Replay::new(schedule.clone())))
    }

    fn of(strategy: Box<dyn Strategy>) -> Self {
        Conductor {
            strategy,
            answers: Vec::new(),
        }
    }

    /// The place of the task that steps next; there is one at least.
    pub fn next(&mut self, tasks: &[Task]) -> usize {
        if tasks.len() < 2 {
            return 0;
        }
        let place = self.strategy.next(tasks).min(tasks.len() - 1);
        self.answers.push(place as u32);
        place
    }

    /// How many of the commands that wait for it a worker applies: one at least.
    pub fn commands(&mut self, task: Task) -> usize {
        if task.waiting < 2 {
            return task.waiting;
        }
        let left = self.strategy.left(task).min(task.waiting - 1);
        self.answers.push(left as u32);
        task.waiting - left
    }

    /// How far a replica comes before the driver goes on.
    pub fn pause(&mut self) -> Pause {
        let number = self.strategy.pause().number();
        self.answers.push(number);
        Pause::numbered(number)
    }

    /// The schedule so far.
    pub fn schedule(&self) -> Schedule {
        Schedule::of(self.answers.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [Task; 3] = [
        Task {
            worker: 0,
            waiting: 0,
        },
        Task {
            worker: 1,
            waiting: 5,
        },
        Task {
            worker: 2,
            waiting: 1,
        },
    ];

    fn asked(conductor: &mut Conductor) -> Vec<(usize, usize, Pause)> {
        let ask = |_| {
            let place = conductor.next(&TASKS);
            (place, conductor.commands(TASKS[1]), conductor.pause())
        };
        (0..200).map(ask).collect()
    }

    #[test]
    fn a_schedule_gives_the_answers_that_it_was_made_of() {
        for search in Search::ALL {
            for seed in 0..20 {
                let mut found = Conductor::searching(search, seed);
                let answers = asked(&mut found);
                let schedule = found.schedule();
                let text = schedule.to_string();
                let read: Schedule = text.parse().unwrap();
                assert_eq!(read, schedule, "{search} {seed}");
                assert_eq!(asked(&mut Conductor::following(&read)), answers);
            }
        }
    }

    #[test]
    fn every_search_answers_otherwise_for_another_seed_and_starves_no_task() {
        for search in Search::ALL {
            let mut schedules: Vec<Schedule> = Vec::new();
            for seed in 0..20 {
                let mut conductor = Conductor::searching(search, seed);
                let answers = asked(&mut conductor);
                for task in 0..TASKS.len() {
                    let steps = answers.iter().any(|(place, ..)| *place == task);
                    assert!(steps, "{search} {seed} {task}");
                }
                schedules.push(conductor.schedule());
            }
            schedules.dedup();
            assert!(schedules.len() > 15, "{search}: {}", schedules.len());
        }
    }

    #[test]
    fn a_calm_schedule_takes_turns_applies_everything_and_waits() {
        let mut calm = Conductor::following(&Schedule::default());
        assert!(
            asked(&mut calm)
                .iter()
                .all(|answer| *answer == (0, 5, Pause::ToRest))
        );
        assert!(calm.schedule().is_calm());
    }
}
