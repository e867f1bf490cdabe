//! Schedules as text: `0*12 3 1`, an answer each, repeated ones with their number.
//! Invariant: what is printed is read as the same schedule.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::Schedule;

/// No schedule is longer than this.
const MOST_ANSWERS: usize = 10_000_000;

/// What is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    #[error("`{0}` is no answer of a schedule: expected a number, or a number*times")]
    Answer(String),
    #[error("a schedule of more than {MOST_ANSWERS} answers")]
    Long,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_calm() {
            return f.write_str("0");
        }
        let runs = self.answers().chunk_by(|a, b| a == b);
        for (at, run) in runs.enumerate() {
            let space = if at == 0 { "" } else { " " };
            match run.len() {
                1 => write!(f, "{space}{}", run[0])?,
                times => write!(f, "{space}{}*{times}", run[0])?,
            }
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut answers: Vec<u32> = Vec::new();
        for word in text.split_whitespace() {
            let wrong = || ScheduleError::Answer(word.to_string());
            let (answer, times) = match word.split_once('*') {
                None => (word, 1),
                Some((answer, times)) => (answer, times.parse::<usize>().map_err(|_| wrong())?),
            };
            let answer = answer.parse::<u32>().map_err(|_| wrong())?;
            if answers.len().saturating_add(times) > MOST_ANSWERS {
                return Err(ScheduleError::Long);
            }
            answers.extend(std::iter::repeat_n(answer, times));
        }
        Ok(Schedule::of(answers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_answers_are_counted_and_the_last_zeros_go() {
        let schedule = Schedule::of(vec![0, 0, 0, 3, 1, 1, 0, 0]);
        assert_eq!(schedule.to_string(), "0*3 3 1*2");
        assert_eq!(Ok(schedule), "0*3 3 1 1 0".parse());
        assert_eq!(Schedule::default().to_string(), "0");
        assert_eq!(Ok(Schedule::default()), "0".parse());
    }

    #[test]
    fn what_is_no_schedule_says_so_in_one_line() {
        for (text, wrong) in [("1 x", "x"), ("1*-2", "1*-2"), ("*3", "*3")] {
            let error = text.parse::<Schedule>().unwrap_err();
            assert_eq!(error, ScheduleError::Answer(wrong.to_string()));
        }
        assert_eq!("1*99999999".parse::<Schedule>(), Err(ScheduleError::Long));
    }
}
