//! Edits of times: one less, one lower.
//!
//! Invariant: what is removed takes every later time down with it, so that times
//! stay without gaps where they had none.

use std::collections::{BTreeMap, BTreeSet};

use super::Commands;
use crate::repr::Timestamp;
use crate::script::{Command, RowLine};

/// One time less: the writes at `t` give their rows to the next write of their
/// shard (or the one before), and everything later moves down by one. With
/// `keep_rows` false the rows at `t` are gone as well.
pub fn without_time(commands: &[Command], t: Timestamp, keep_rows: bool) -> Commands {
    let mut out: Commands = Vec::new();
    let mut carried: BTreeMap<String, Vec<RowLine>> = BTreeMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for command in commands {
        let mut command = command.clone();
        if let Command::WriteRows {
            shard, ts, rows, ..
        } = &mut command
        {
            if *ts == t {
                if keep_rows {
                    if let Some(earlier) = last_write(&mut out, shard, t) {
                        earlier.append(rows);
                    } else {
                        carried.entry(shard.clone()).or_default().append(rows);
                    }
                }
                seen.insert(shard.clone());
                continue;
            }
            if *ts > t
                && let Some(mut earlier) = carried.remove(shard)
            {
                earlier.append(rows);
                *rows = earlier;
            }
        }
        command.visit_times(&mut |_, time| {
            if *time > t {
                *time -= 1;
            }
        });
        out.push(command);
    }
    out
}

/// The rows of the latest write to `shard` before `t`.
fn last_write<'a>(
    commands: &'a mut [Command],
    shard: &str,
    t: Timestamp,
) -> Option<&'a mut Vec<RowLine>> {
    commands.iter_mut().rev().find_map(|command| match command {
        Command::WriteRows {
            shard: s, ts, rows, ..
        } if s == shard && *ts < t => Some(rows),
        _ => None,
    })
}

/// Every time that occurs, the greatest first.
pub fn times(commands: &[Command]) -> Vec<Timestamp> {
    let mut times = BTreeSet::new();
    for command in commands {
        command.clone().visit_times(&mut |_, time| {
            times.insert(*time);
        });
    }
    times.into_iter().rev().collect()
}

/// The script with a single time changed: occurrence number `n` becomes `to`.
pub fn with_time(commands: &[Command], n: usize, to: Timestamp) -> Commands {
    let mut out = commands.to_vec();
    let mut at = 0;
    for command in &mut out {
        command.visit_times(&mut |_, time| {
            if at == n {
                *time = to;
            }
            at += 1;
        });
    }
    out
}

/// The times in order of occurrence.
pub fn time_occurrences(commands: &[Command]) -> Vec<Timestamp> {
    let mut times = Vec::new();
    for command in commands {
        command
            .clone()
            .visit_times(&mut |_, time| times.push(*time));
    }
    times
}

#[cfg(test)]
mod tests {
    use super::super::script;
    use super::*;

    #[test]
    fn a_time_that_goes_takes_every_later_time_down_with_it() {
        let commands = script(
            "write-rows shard=s ts=0\n  1\n----\n\nwrite-rows shard=s ts=1\n  2\n----\n\nwrite-rows shard=s ts=2\n  3\n----\n\nawait-frontier id=5 ts=3\n----\n\npeek id=5 ts=1\n----\n",
        );
        let shown: Vec<String> = without_time(&commands, 1, true)
            .iter()
            .map(Command::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "write-rows shard=s ts=0\n  1\n  2",
                "write-rows shard=s ts=1\n  3",
                "await-frontier id=5 ts=2",
                "peek id=5 ts=1"
            ]
        );
    }
}
