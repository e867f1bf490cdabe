//! The one total order of scripts. What shrinking, deduplication and reports
//! call *simpler* is this order and no other.
//!
//! Invariant: the order is total and well-founded (every key is bounded below),
//! so that greedy shrinking ends; equal keys mean equal scripts.

use std::cmp::Ordering;

use super::measure::Tally;
use crate::script::{Command, Value};

/// A script's place in the order; less is simpler.
///
/// In this order: what is measured, then the text itself, which is
/// printed only where nothing else tells two scripts apart.
///
/// ```
/// use clusterd_fuzz::script::text::parse;
/// use clusterd_fuzz::shrink::Complexity;
///
/// let commands = |text: &str| parse(text).unwrap().commands();
/// let one = commands("write-rows shard=s ts=900\n  7 long\n----\n");
/// let small = commands("write-rows shard=s ts=0\n  0 a\n----\n");
/// let two = commands("write-rows shard=s ts=0\n----\n\nreconnect\n----\n");
/// // Fewer commands beat everything, and small values beat large ones.
/// assert!(Complexity::of(&one) < Complexity::of(&two));
/// assert!(Complexity::of(&small) < Complexity::of(&one));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Complexity<'a> {
    measure: Measure,
    commands: &'a [Command],
}

/// In this order: fewer commands, fewer rows, fewer writes that only our driver
/// or no reader can read, fewer parts and characters, the canonical order of
/// commands, smaller numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Measure {
    commands: usize,
    rows: u64,
    opaque: usize,
    size: usize,
    inversions: usize,
    numbers: u128,
}

impl Measure {
    pub fn of(commands: &[Command]) -> Measure {
        let mut tally = Tally::default();
        for command in commands {
            tally.command(command);
        }
        Measure {
            commands: commands.len(),
            rows: commands.iter().map(rows).fold(0, u64::saturating_add),
            opaque: commands.iter().map(opaque).sum(),
            size: tally.size,
            inversions: inversions(commands),
            numbers: tally.numbers,
        }
    }
}

impl<'a> Complexity<'a> {
    pub fn of(commands: &'a [Command]) -> Complexity<'a> {
        Complexity::measured(commands, Measure::of(commands))
    }

    /// The place of a script that was measured before.
    pub(super) fn measured(commands: &'a [Command], measure: Measure) -> Complexity<'a> {
        Complexity { measure, commands }
    }
}

impl Ord for Complexity<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let texts = || text(self.commands).cmp(&text(other.commands));
        self.measure.cmp(&other.measure).then_with(texts)
    }
}

impl PartialOrd for Complexity<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Complexity<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Complexity<'_> {}

/// What tells one script from another.
pub fn text(commands: &[Command]) -> String {
    let texts: Vec<String> = commands.iter().map(Command::to_string).collect();
    texts.join("\n\n")
}

/// How simple a single value is.
pub fn value_key(value: &Value) -> (Tally, String) {
    (Tally::of_value(value), value.to_string())
}

/// The rows that a command writes, retractions weighing more than insertions.
fn rows(command: &Command) -> u64 {
    let weight = |diff: i64| match diff {
        d if d > 0 => d.unsigned_abs(),
        d => d.unsigned_abs().saturating_add(1),
    };
    let explicit = command.rows().iter().map(|row| weight(row.diff));
    let synthetic = command.synthetic_rows();
    explicit.fold(synthetic.unwrap_or(0), u64::saturating_add)
}

/// What a reader cannot see at a glance: rows that the script does not show,
/// and weights.
fn opaque(command: &Command) -> usize {
    let weighted = command.rows().iter().filter(|row| row.diff != 1).count();
    weighted + usize::from(command.synthetic_rows().is_some())
}

/// Where a command stands in a script that nothing forces into another order.
/// Lower comes first.
fn rank(command: &Command) -> u8 {
    match command {
        Command::CreateInstance { .. } => 0,
        Command::UpdateConfiguration { .. } => 1,
        Command::InitializationComplete => 2,
        Command::DefineSchema { .. } => 3,
        Command::WriteSingleTs { .. } | Command::WriteSpread { .. } | Command::WriteRows { .. } => {
            4
        }
        Command::DowngradeSince { .. } => 5,
        Command::DefineIndex { .. } => 6,
        Command::CreateDataflow(_) => 7,
        Command::AllowWrites { .. } => 8,
        Command::Schedule { .. } => 9,
        Command::AwaitFrontier { .. } => 10,
        Command::AllowCompaction { .. } => 11,
        Command::StartPeek { .. } => 12,
        Command::CancelPeek { .. } => 13,
        Command::AwaitPeek { .. } => 14,
        Command::Count { .. } => 15,
        Command::Peek { .. } => 16,
        Command::PeekCount { .. } => 17,
        Command::ExpectCount { .. } => 18,
        Command::AwaitSubscribe { .. } => 19,
        Command::ExpectError { .. } => 20,
        Command::Kill { .. } => 21,
        Command::Reconnect => 22,
        Command::Restart => 23,
    }
}

/// How many pairs of commands stand in the wrong order.
pub(super) fn inversions(commands: &[Command]) -> usize {
    let ranks: Vec<u8> = commands.iter().map(rank).collect();
    let before = |at: usize| ranks[at + 1..].iter().filter(|r| **r < ranks[at]).count();
    (0..ranks.len()).map(before).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::data::read_cells;
    use crate::script::text::parse_command;

    /// Whether the first script is simpler than the second.
    fn is_simpler(a: &[&str], b: &[&str]) -> bool {
        let script = |texts: &[&str]| -> Vec<Command> {
            let commands = texts.iter().map(|text| parse_command(text).unwrap());
            let mut commands: Vec<Command> = commands.collect();
            read_cells(&mut commands);
            commands
        };
        Complexity::of(&script(a)) < Complexity::of(&script(b))
    }

    #[test]
    fn fewer_commands_beat_everything() {
        assert!(is_simpler(
            &["write-rows shard=s ts=900\n 1 2\n 3 4"],
            &["reconnect", "reconnect"]
        ));
    }

    #[test]
    fn then_fewer_rows_then_shorter_values_then_smaller_numbers() {
        let write = |rows: &str| format!("write-rows shard=s ts=0\n {rows}");
        let simpler = |a: &str, b: &str| is_simpler(&[&write(a)], &[&write(b)]);
        assert!(simpler("1000 a", "1 a\n 2 a"));
        assert!(simpler("1000 a", "0 aa"));
        assert!(simpler("1 a", "10 a"));
        assert!(simpler("1 a", "2 a"));
        assert!(simpler("1 a", "-1 a"));
        assert!(simpler("1 a", "1 a diff=-1"));
    }

    #[test]
    fn a_text_is_simplest_as_a_small_letter() {
        let write = |text: &str| format!("write-rows shard=s ts=0\n 0 {text}");
        let texts = ["a", "b", "0", "\"\"", "null"];
        for pair in texts.windows(2) {
            assert!(
                is_simpler(&[&write(pair[0])], &[&write(pair[1])]),
                "{pair:?}"
            );
        }
    }

    #[test]
    fn equal_places_mean_equal_scripts() {
        let parse = |text: &str| [parse_command(text).unwrap()];
        let (schedule, again) = (parse("schedule id=1"), parse("schedule id=1"));
        assert_eq!(Complexity::of(&schedule), Complexity::of(&again));
        let allow = parse("allow-writes id=1");
        assert_ne!(Complexity::of(&schedule), Complexity::of(&allow));
    }
}
