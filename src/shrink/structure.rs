//! Edits that change the shape of a script rather than its values: a session
//! less, one collection instead of two, the sample schema instead of one of its
//! own, explicit rows instead of synthetic ones, the canonical order.
//!
//! Invariants: as for `edits`; the order of commands is the only thing that
//! [`moved`] changes.

use std::collections::BTreeSet;

use super::edits::{Commands, without};
use crate::repr::{Datum, GlobalId};
use crate::script::append::Append;
use crate::script::data::Schemas;
use crate::script::{Cell, Command, CreateDataflow, Export, Import, RowLine};

/// Where a command stands in a script that nothing forces into another order.
/// Lower comes first.
pub fn rank(command: &Command) -> u8 {
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
        Command::Reconnect => 21,
        Command::Restart => 22,
    }
}

/// How many pairs of commands stand in the wrong order.
pub fn inversions(commands: &[Command]) -> usize {
    let ranks: Vec<u8> = commands.iter().map(rank).collect();
    let before = |at: usize| ranks[at + 1..].iter().filter(|r| **r < ranks[at]).count();
    (0..ranks.len()).map(before).sum()
}

/// A command moved to an earlier place.
pub fn moved(commands: &[Command], at: usize, to: usize) -> Commands {
    let mut out = commands.to_vec();
    let command = out.remove(at);
    out.insert(to, command);
    out
}

/// Candidates with the session that ends at the reconnect `at` merged into the
/// one that follows: without the second handshake, without the first, or with
/// nothing of the first but what it allowed.
pub fn merged_sessions(commands: &[Command], at: usize) -> Vec<Commands> {
    let start = (0..at)
        .rev()
        .find(|i| ends_session(&commands[*i]))
        .map_or(0, |i| i + 1);
    let end = (at + 1..commands.len())
        .find(|i| ends_session(&commands[*i]))
        .unwrap_or(commands.len());
    let session = |from: usize, to: usize| {
        (from..to)
            .filter(|i| speaks_to_replica(&commands[*i]))
            .collect::<BTreeSet<usize>>()
    };
    let repeats = |from: usize, to: usize, of: &[Command]| {
        (from..to)
            .filter(|i| of.contains(&commands[*i]))
            .collect::<BTreeSet<usize>>()
    };
    let mut candidates = Vec::new();
    for mut removed in [
        // The second handshake, as far as it repeats the first.
        repeats(at + 1, end, &commands[start..at]),
        // The first one, as far as the second repeats it.
        repeats(start, at, &commands[at + 1..end]),
        // Everything that the first session asked of the replica.
        session(start, at),
    ] {
        removed.insert(at);
        candidates.push(without(commands, &removed));
        // Schedules carry over a reconnect: what needs one keeps it.
        removed.retain(|i| !matches!(commands[*i], Command::Schedule { .. }));
        candidates.push(without_raw(commands, &removed));
    }
    // Nothing of the first session, but what it allowed is allowed in the second.
    let completes = |command: &Command| matches!(command, Command::InitializationComplete);
    if let Some(complete) = (at + 1..end).find(|i| completes(&commands[*i])) {
        let allowed = (start..at).filter(|i| {
            let repeated = commands[at + 1..end].contains(&commands[*i]);
            is_permission(&commands[*i]) && !repeated
        });
        let allowed: Vec<Command> = allowed.map(|i| commands[i].clone()).collect();
        let mut moved = commands.to_vec();
        moved.splice(complete + 1..complete + 1, allowed);
        candidates.push(without_raw(&moved, &session(start, at)));
    }
    candidates
}

/// Whether a command lets a collection do something for the rest of its life.
fn is_permission(command: &Command) -> bool {
    matches!(
        command,
        Command::Schedule { .. } | Command::AllowWrites { .. }
    )
}

fn without_raw(commands: &[Command], removed: &BTreeSet<usize>) -> Commands {
    let kept = commands
        .iter()
        .enumerate()
        .filter(|(i, _)| !removed.contains(i));
    kept.map(|(_, command)| command.clone()).collect()
}

fn ends_session(command: &Command) -> bool {
    matches!(command, Command::Reconnect | Command::Restart)
}

/// Whether a command means something to the replica, and not only to the driver
/// or to a shard.
fn speaks_to_replica(command: &Command) -> bool {
    match command {
        Command::DefineSchema { .. }
        | Command::WriteSingleTs { .. }
        | Command::WriteSpread { .. }
        | Command::WriteRows { .. }
        | Command::DowngradeSince { .. } => false,
        Command::ExpectError { command } => speaks_to_replica(command),
        Command::CreateInstance { .. }
        | Command::UpdateConfiguration { .. }
        | Command::InitializationComplete
        | Command::Reconnect
        | Command::Restart
        | Command::DefineIndex { .. }
        | Command::CreateDataflow(_)
        | Command::Schedule { .. }
        | Command::AllowCompaction { .. }
        | Command::AllowWrites { .. }
        | Command::AwaitFrontier { .. }
        | Command::Count { .. }
        | Command::Peek { .. }
        | Command::PeekCount { .. }
        | Command::ExpectCount { .. }
        | Command::AwaitSubscribe { .. }
        | Command::StartPeek { .. }
        | Command::AwaitPeek { .. }
        | Command::CancelPeek { .. } => true,
    }
}

/// Every id that some command makes usable, in order.
pub fn exported(commands: &[Command]) -> Vec<GlobalId> {
    let mut ids = Vec::new();
    for command in commands {
        match command {
            Command::DefineIndex { index, .. } => ids.push(*index),
            Command::CreateDataflow(dataflow) => {
                ids.extend(dataflow.exports.iter().map(Export::id))
            }
            _ => {}
        }
    }
    ids.dedup();
    ids
}

/// `from` is called `to` everywhere, its own definitions are gone, and so are
/// commands that now say the same twice in a row of equals.
pub fn unified(commands: &[Command], from: GlobalId, to: GlobalId) -> Commands {
    let mut out: Commands = Vec::new();
    for command in commands {
        let defines = match command {
            Command::DefineIndex { index, .. } => *index == from,
            Command::CreateDataflow(dataflow) => dataflow.exports.iter().all(|e| e.id() == from),
            _ => false,
        };
        if defines {
            continue;
        }
        let mut command = command.clone();
        command.visit_ids(&mut |id| {
            if *id == from {
                *id = to;
            }
        });
        let repeated = matches!(
            command,
            Command::Schedule { .. } | Command::AllowCompaction { .. } | Command::Peek { .. }
        ) && out.contains(&command);
        if !repeated {
            out.push(command);
        }
    }
    out
}

/// Objects that dataflows build, each replaced everywhere by one of those that
/// it reads: one candidate an object and a read.
pub fn without_builds(commands: &[Command]) -> Vec<Commands> {
    let mut out = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let Command::CreateDataflow(dataflow) = command else {
            continue;
        };
        for (place, build) in dataflow.builds.iter().enumerate() {
            for read in build.plan.reads() {
                let mut candidate = commands.to_vec();
                if let Command::CreateDataflow(dataflow) = &mut candidate[at] {
                    dataflow.builds.remove(place);
                }
                for command in &mut candidate {
                    command.visit_ids(&mut |id| {
                        if *id == build.id {
                            *id = read;
                        }
                    });
                }
                out.push(candidate);
            }
        }
    }
    out
}

/// One schema does what two of as many columns did: one candidate a pair.
pub fn unified_schemas(commands: &[Command]) -> Vec<Commands> {
    let schemas: Vec<(&String, usize)> = commands
        .iter()
        .filter_map(|command| match command {
            Command::DefineSchema { name, columns } => Some((name, columns.len())),
            _ => None,
        })
        .collect();
    let pairs = schemas
        .iter()
        .flat_map(|from| schemas.iter().map(move |to| (from, to)))
        .filter(|((from, columns), (to, others))| from != to && columns == others);
    pairs
        .map(|((from, _), (to, _))| {
            let mut out = commands.to_vec();
            out.retain(|command| match command {
                Command::DefineSchema { name, .. } => name != *from,
                _ => true,
            });
            for command in &mut out {
                command.visit_schema_uses(&mut |schema| {
                    if schema.as_ref() == Some(*from) {
                        *schema = Some((*to).clone());
                    }
                });
            }
            out
        })
        .collect()
}

/// Sinks, each replaced by an index of the same collection, without what only
/// sinks understand: one candidate a sink.
pub fn plainer_exports(commands: &[Command]) -> Vec<Commands> {
    let is_sink = |export: &Export| match export {
        Export::Index { .. } => false,
        Export::MaterializedView { .. } | Export::Subscribe { .. } => true,
    };
    let mut sinks: Vec<GlobalId> = Vec::new();
    for command in commands {
        if let Command::CreateDataflow(dataflow) = command {
            let exports = dataflow.exports.iter().filter(|export| is_sink(export));
            sinks.extend(exports.map(Export::id));
        }
    }
    sinks.sort_unstable();
    sinks.dedup();
    let plain = |sink: GlobalId| -> Commands {
        let mut out = commands.to_vec();
        out.retain(|command| match command {
            Command::AllowWrites { id } | Command::AwaitSubscribe { id, .. } => *id != sink,
            _ => true,
        });
        for command in &mut out {
            if let Command::CreateDataflow(dataflow) = command {
                for export in dataflow.exports.iter_mut().filter(|e| e.id() == sink) {
                    *export = match export {
                        Export::Index { index, on, .. }
                        | Export::MaterializedView {
                            sink: index, on, ..
                        }
                        | Export::Subscribe {
                            sink: index, on, ..
                        } => Export::Index {
                            index: *index,
                            on: *on,
                            key: Vec::new(),
                        },
                    };
                }
            }
        }
        out
    };
    sinks.into_iter().map(plain).collect()
}

/// The synthetic write `at`, if it has one time and few rows, with its rows
/// written out.
pub fn explicit_rows(commands: &[Command], at: usize) -> Option<Command> {
    const MOST: u64 = 6;
    let write = &commands[at];
    let (shard, schema) = match write {
        Command::WriteSingleTs {
            shard,
            schema,
            count,
            ..
        }
        | Command::WriteSpread {
            shard,
            schema,
            count,
            n_ts: 1,
            ..
        } if *count <= MOST => (shard, schema),
        _ => return None,
    };
    let mut schemas = Schemas::default();
    for command in commands {
        if let Command::DefineSchema { name, columns } = command {
            schemas.define(name, columns).ok()?;
        }
    }
    let desc = schemas.get(schema.as_deref()).ok()?;
    let Append { updates, lower, .. } = Append::of(write, &desc).ok()?;
    let cell = |datum: Datum<'_>| {
        Cell::Token(match datum {
            Datum::String(text) => text.to_string(),
            Datum::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => other.to_string(),
        })
    };
    let rows = updates
        .iter()
        .map(|(row, _, diff)| RowLine {
            cells: row.iter().map(cell).collect(),
            diff: *diff,
        })
        .collect();
    Some(Command::WriteRows {
        shard: shard.clone(),
        schema: schema.clone(),
        ts: lower,
        rows,
    })
}

/// An insertion and a retraction of the same row, in different writes, each
/// once less: one candidate a pair.
pub fn without_row_pairs(commands: &[Command]) -> Vec<Commands> {
    let mut places = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        if let Command::WriteRows { shard, rows, .. } = command {
            let all = rows.iter().enumerate();
            places.extend(all.map(|(row, line)| (at, row, shard, line)));
        }
    }
    let mut out = Vec::new();
    for (n, (at, row, shard, line)) in places.iter().enumerate() {
        let opposite = places[n + 1..].iter().find(|(_, _, other_shard, other)| {
            other_shard == shard
                && other.cells == line.cells
                && other.diff.signum() == -line.diff.signum()
        });
        if let Some((other_at, other_row, ..)) = opposite {
            let mut candidate = commands.to_vec();
            // The later one first, so that places stay what they are.
            for (at, row) in [(*other_at, *other_row), (*at, *row)] {
                if let Command::WriteRows { rows, .. } = &mut candidate[at] {
                    rows[row].diff -= rows[row].diff.signum();
                    if rows[row].diff == 0 {
                        rows.remove(row);
                    }
                }
            }
            out.push(candidate);
        }
    }
    out
}

/// The rows with equal ones summed.
fn summed(rows: &[RowLine]) -> Vec<RowLine> {
    let mut out: Vec<RowLine> = Vec::new();
    for row in rows {
        match out.iter_mut().find(|known| known.cells == row.cells) {
            Some(known) => known.diff += row.diff,
            None => out.push(row.clone()),
        }
    }
    out.retain(|row| row.diff != 0);
    out
}

/// Other rows of a write that are no more than these: equal ones summed,
/// without weights, in order, and each row in turn as one of the simplest there
/// are.
pub fn simpler_rows(rows: &[RowLine]) -> Vec<Vec<RowLine>> {
    const MOST: i64 = 4;
    let mut out = vec![summed(rows)];
    let single = rows.iter().flat_map(|row| match row.diff {
        2..=MOST => vec![
            RowLine {
                diff: 1,
                ..row.clone()
            };
            row.diff as usize
        ],
        _ => vec![row.clone()],
    });
    out.push(single.collect());
    let mut sorted = rows.to_vec();
    let text = |row: &RowLine| {
        let cells = row.cells.iter().map(|cell| match cell {
            Cell::Token(token) => token.clone(),
            Cell::Json(json) => json.to_string(),
        });
        (cells.collect::<Vec<String>>(), row.diff)
    };
    sorted.sort_by_key(text);
    out.push(sorted);
    let token = |text: &str| Cell::Token(text.to_string());
    for at in 0..rows.len() {
        let plain = vec![token("0"); rows[at].cells.len()];
        let changed = (0..plain.len()).rev().flat_map(|cell| {
            ["a", "1"].map(|other| {
                let mut cells = plain.clone();
                cells[cell] = token(other);
                cells
            })
        });
        for cells in [plain.clone()].into_iter().chain(changed) {
            let mut simpler = rows.to_vec();
            simpler[at].cells = cells;
            out.push(simpler);
        }
    }
    out
}

/// A dataflow that only indexes a source, as the command made for that.
pub fn plain_index(command: &Command) -> Option<Command> {
    let Command::CreateDataflow(CreateDataflow {
        as_of,
        until: None,
        imports,
        builds,
        exports,
        ..
    }) = command
    else {
        return None;
    };
    let source = imports.iter().find_map(|import| match import {
        Import::Source {
            id,
            shard,
            schema,
            upper,
        } => Some((*id, shard.clone(), schema.clone(), *upper)),
        Import::Index { .. } => None,
    });
    let (source, shard, schema, upper) = source?;
    match exports.as_slice() {
        [Export::Index { index, on, key }] if *on == source || builds.len() == 1 => {
            Some(Command::DefineIndex {
                source,
                index: *index,
                shard,
                schema,
                key: key.clone(),
                as_of: *as_of,
                upper,
            })
        }
        _ => None,
    }
}

/// The column types of a schema of one's own, the simplest first.
const TYPES: [&str; 6] = ["int", "text", "bool", "bigint", "smallint", "bytea"];

/// The script with column `column` of schema `name` of a simpler type, its cells
/// adapted: numbers stay, anything else becomes a small number by its place.
pub fn with_column_types(commands: &[Command], name: &str, column: usize) -> Vec<Commands> {
    let current = commands.iter().find_map(|command| match command {
        Command::DefineSchema { name: n, columns } if n == name => {
            columns.get(column).map(|c| c.ty.clone())
        }
        _ => None,
    });
    let Some(current) = current else {
        return Vec::new();
    };
    let place = TYPES
        .iter()
        .position(|ty| *ty == current)
        .unwrap_or(TYPES.len());
    TYPES[..place]
        .iter()
        .map(|ty| {
            let mut seen: Vec<Cell> = Vec::new();
            let mut out = commands.to_vec();
            for command in &mut out {
                match command {
                    Command::DefineSchema { name: n, columns } if n == name => {
                        if let Some(column) = columns.get_mut(column) {
                            column.ty = (*ty).to_string();
                        }
                    }
                    Command::WriteRows {
                        schema: Some(n),
                        rows,
                        ..
                    } if n == name => {
                        for row in rows {
                            if let Some(cell) = row.cells.get_mut(column) {
                                *cell = translated(cell, ty, &mut seen);
                            }
                        }
                    }
                    _ => {}
                }
            }
            out
        })
        .collect()
}

/// A cell as a value of another type, equal cells alike.
fn translated(cell: &Cell, ty: &str, seen: &mut Vec<Cell>) -> Cell {
    let Cell::Token(token) = cell else {
        return cell.clone();
    };
    let fits = match ty {
        "text" | "bytea" => true,
        "bool" => token == "true" || token == "false",
        _ => token.parse::<i16>().is_ok(),
    };
    if token == "null" || fits {
        return cell.clone();
    }
    let at = seen
        .iter()
        .position(|known| known == cell)
        .unwrap_or_else(|| {
            seen.push(cell.clone());
            seen.len() - 1
        });
    Cell::Token(match ty {
        "bool" => (at % 2 == 1).to_string(),
        _ => at.to_string(),
    })
}

/// The script over the sample schema `(id bigint, payload text)`: no schema is
/// defined, rows get the columns that they lack and lose the ones beyond.
pub fn with_sample_schema(commands: &[Command]) -> Commands {
    let mut seen = Vec::new();
    let mut out: Commands = Vec::new();
    for command in commands {
        let mut command = command.clone();
        if let Command::DefineSchema { .. } = command {
            continue;
        }
        command.visit_schema_uses(&mut |schema| *schema = None);
        match &mut command {
            Command::WriteRows { rows, .. } => {
                for row in rows {
                    let mut cells = row.cells.iter();
                    let id = cells.next().cloned();
                    let id = id.unwrap_or_else(|| Cell::Token("0".to_string()));
                    let payload = cells.next().cloned();
                    let payload = payload.unwrap_or_else(|| Cell::Token("a".to_string()));
                    row.cells = vec![translated(&id, "bigint", &mut seen), payload];
                }
            }
            Command::DefineIndex { key, .. } => key.retain(|column| *column < 2),
            _ => {}
        }
        out.push(command);
    }
    out
}
