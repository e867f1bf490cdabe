//! The one total order of scripts. What shrinking, deduplication and reports
//! call *simpler* is this order and no other.
//!
//! Invariant: the order is total and well-founded (every key is bounded below),
//! so that greedy shrinking ends; equal keys mean equal scripts.

use super::structure::inversions;
use crate::script::{Cell, Command};

/// A script's place in the order; less is simpler.
///
/// In this order: fewer commands, fewer rows, fewer writes that only our
/// driver or no reader can read, fewer columns and options and less text in values, the canonical order of
/// commands, smaller numbers, then the text itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complexity {
    commands: usize,
    rows: u64,
    opaque: usize,
    text_length: usize,
    inversions: usize,
    numbers: u128,
    text: String,
}

impl Complexity {
    pub fn of(commands: &[Command]) -> Complexity {
        let texts: Vec<String> = commands.iter().map(Command::to_string).collect();
        let text = texts.join("\n");
        Complexity {
            commands: commands.len(),
            rows: commands.iter().map(rows).sum(),
            opaque: commands.iter().map(opaque).sum(),
            text_length: text.len(),
            inversions: inversions(commands),
            numbers: numbers(&text),
            text,
        }
    }
}

/// The rows that a command writes, retractions weighing more than insertions.
fn rows(command: &Command) -> u64 {
    match command {
        Command::WriteSingleTs { count, .. } | Command::WriteSpread { count, .. } => *count,
        Command::WriteRows { rows, .. } => rows
            .iter()
            .map(|row| match row.diff {
                d if d > 0 => d.unsigned_abs(),
                d => 1 + d.unsigned_abs(),
            })
            .fold(0, u64::saturating_add),
        Command::ExpectError { command } => rows(command),
        _ => 0,
    }
}

/// What a reader cannot see at a glance: rows that the script does not show,
/// and weights.
fn opaque(command: &Command) -> usize {
    match command {
        Command::WriteSingleTs { .. } | Command::WriteSpread { .. } => 1,
        Command::WriteRows { rows, .. } => rows.iter().filter(|row| row.diff != 1).count(),
        Command::ExpectError { command } => opaque(command),
        _ => 0,
    }
}

/// The sum of all numbers in a text, a sign counting one.
fn numbers(text: &str) -> u128 {
    let mut sum = 0u128;
    let mut number = 0u128;
    for c in text.chars() {
        match c.to_digit(10) {
            Some(digit) => number = number.saturating_mul(10).saturating_add(digit.into()),
            None => {
                sum = sum.saturating_add(std::mem::take(&mut number));
                if c == '-' {
                    sum = sum.saturating_add(1);
                }
            }
        }
    }
    sum.saturating_add(number)
}

/// How simple a single value is: nulls, then short, then small.
pub fn cell_key(cell: &Cell) -> (usize, u128, String) {
    let text = match cell {
        Cell::Token(token) => token.clone(),
        Cell::Json(json) => json.to_string(),
    };
    (text.len(), numbers(&text), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::text::parse_command;

    fn of(texts: &[&str]) -> Complexity {
        let commands: Vec<Command> = texts.iter().map(|t| parse_command(t).unwrap()).collect();
        Complexity::of(&commands)
    }

    #[test]
    fn fewer_commands_beat_everything() {
        assert!(of(&["write-rows shard=s ts=900\n 1 2\n 3 4"]) < of(&["reconnect", "reconnect"]));
    }

    #[test]
    fn then_fewer_rows_then_shorter_values_then_smaller_numbers() {
        assert!(of(&["write-rows shard=s ts=0\n 1000"]) < of(&["write-rows shard=s ts=0\n 1\n 2"]));
        assert!(of(&["write-rows shard=s ts=0\n 1"]) < of(&["write-rows shard=s ts=0\n 10"]));
        assert!(of(&["write-rows shard=s ts=0\n 1"]) < of(&["write-rows shard=s ts=0\n 2"]));
        assert!(
            of(&["write-rows shard=s ts=0\n 1"]) < of(&["write-rows shard=s ts=0\n 1 diff=-1"])
        );
    }

    #[test]
    fn equal_places_mean_equal_scripts() {
        let (a, b) = (of(&["schedule id=1"]), of(&["schedule id=1"]));
        assert_eq!(a, b);
        assert_ne!(a, of(&["allow-writes id=1"]));
    }
}
