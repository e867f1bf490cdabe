//! Edits: the ways in which one script becomes a simpler one. Each takes the
//! script and yields candidates; which of them still fails is decided in
//! `shrink`.
//!
//! Invariants: an edit never looks at the failure; values that stand in several
//! places (ids, times, names, cells) move together in one candidate.

use std::collections::{BTreeMap, BTreeSet};

use super::order::cell_key;
use crate::plan::{Relation, scalar};
use crate::protocol::v26_30::MirScalarExpr;
use crate::repr::{GlobalId, ReprScalarType, SqlScalarType, Timestamp};
use crate::script::{
    Cell, Command, CreateDataflow, DEFAULT_TIMEOUT_SECS, Export, Import, Plan, RowLine, Selection,
    data,
};

/// A script while it shrinks.
pub type Commands = Vec<Command>;

/// Without the commands in `removed`, and without those that then name
/// something which nothing defines any more.
pub fn without(commands: &[Command], removed: &BTreeSet<usize>) -> Commands {
    let mut ids = BTreeSet::new();
    let mut indexes = BTreeSet::new();
    let mut schemas = BTreeSet::new();
    let mut peeks = BTreeSet::new();
    let mut kept = Vec::new();
    // What was ever defined in the whole script: a name that nobody ever
    // defined is the script's own business and no dependency.
    let mut defined_ids = BTreeSet::new();
    let mut defined_schemas = BTreeSet::new();
    let mut defined_peeks = BTreeSet::new();
    for command in commands {
        defined_ids.extend(exports(command));
        defined_schemas.extend(defined_schema(command));
        defined_peeks.extend(started_peek(command));
    }
    for (at, command) in commands.iter().enumerate() {
        if removed.contains(&at) {
            continue;
        }
        let mut command = command.clone();
        let mut dangling = false;
        command.visit_schema_uses(&mut |schema| {
            if let Some(name) = schema {
                dangling |= defined_schemas.contains(name) && !schemas.contains(name);
            }
        });
        for id in used_ids(&command) {
            dangling |= defined_ids.contains(&id) && !ids.contains(&id);
        }
        for index in imported_indexes(&command) {
            dangling |= defined_ids.contains(&index) && !indexes.contains(&index);
        }
        if let Some(peek) = used_peek(&command) {
            dangling |= defined_peeks.contains(&peek) && !peeks.contains(&peek);
        }
        if dangling {
            continue;
        }
        ids.extend(exports(&command));
        indexes.extend(exports(&command));
        schemas.extend(defined_schema(&command));
        peeks.extend(started_peek(&command));
        kept.push(command);
    }
    kept
}

/// The ids that a command makes usable.
pub(super) fn exports(command: &Command) -> Vec<GlobalId> {
    match command {
        Command::DefineIndex { index, .. } => vec![*index],
        Command::CreateDataflow(dataflow) => dataflow.exports.iter().map(Export::id).collect(),
        _ => Vec::new(),
    }
}

/// The ids that a command needs to exist.
pub(super) fn used_ids(command: &Command) -> Vec<GlobalId> {
    match command {
        Command::Schedule { id }
        | Command::AllowCompaction { id, .. }
        | Command::AllowWrites { id }
        | Command::AwaitFrontier { id, .. }
        | Command::Count { id, .. }
        | Command::Peek { id, .. }
        | Command::PeekCount { id, .. }
        | Command::ExpectCount { id, .. }
        | Command::AwaitSubscribe { id, .. }
        | Command::StartPeek { id, .. } => vec![*id],
        Command::ExpectError { command } => used_ids(command),
        _ => Vec::new(),
    }
}

pub(super) fn imported_indexes(command: &Command) -> Vec<GlobalId> {
    match command {
        Command::CreateDataflow(dataflow) => dataflow
            .imports
            .iter()
            .filter_map(|import| match import {
                Import::Index { index } => Some(*index),
                Import::Source { .. } => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn defined_schema(command: &Command) -> Option<String> {
    match command {
        Command::DefineSchema { name, .. } => Some(name.clone()),
        _ => None,
    }
}

fn started_peek(command: &Command) -> Option<String> {
    match command {
        Command::StartPeek { peek, .. } => Some(peek.clone()),
        _ => None,
    }
}

fn used_peek(command: &Command) -> Option<String> {
    match command {
        Command::AwaitPeek { peek, .. } | Command::CancelPeek { peek } => Some(peek.clone()),
        _ => None,
    }
}

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

/// The script with the rows of write `at` replaced.
pub fn with_rows(commands: &[Command], at: usize, new: Vec<RowLine>) -> Commands {
    let mut out = commands.to_vec();
    if let Command::WriteRows { rows, .. } = &mut out[at] {
        *rows = new;
    }
    out
}

/// Synthetic writes with fewer rows.
pub fn smaller_synthetic_writes(command: &Command) -> Vec<Command> {
    let mut out = Vec::new();
    if let Command::WriteSingleTs { count, .. } | Command::WriteSpread { count, .. } = command {
        for fewer in [0, 1, count / 2, count.saturating_sub(1)] {
            if fewer < *count {
                let mut smaller = command.clone();
                if let Command::WriteSingleTs { count, .. } | Command::WriteSpread { count, .. } =
                    &mut smaller
                {
                    *count = fewer;
                }
                out.push(smaller);
            }
        }
    }
    out
}

/// Every distinct cell of the script, the least simple first.
pub fn cells(commands: &[Command]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for command in commands {
        if let Command::WriteRows { rows, .. } = command {
            for cell in rows.iter().flat_map(|row| &row.cells) {
                if !cells.contains(cell) {
                    cells.push(cell.clone());
                }
            }
        }
    }
    cells.sort_by_key(|cell| std::cmp::Reverse(cell_key(cell)));
    cells
}

/// Every occurrence of a cell replaced, in rows and in plan texts alike: a key
/// and the literal that looks for it move together.
pub fn with_cell(commands: &[Command], from: &Cell, to: &Cell) -> Commands {
    let mut out = commands.to_vec();
    for command in &mut out {
        match command {
            Command::WriteRows { rows, .. } => {
                for cell in rows.iter_mut().flat_map(|row| &mut row.cells) {
                    if cell == from {
                        *cell = to.clone();
                    }
                }
            }
            Command::CreateDataflow(dataflow) => {
                for build in &mut dataflow.builds {
                    if let Plan::Operators(relation) = &mut build.plan {
                        replace_literal(relation, from, to);
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// Replaces a literal in a plan by another one of its type: one that a row of a
/// script could hold. NULL is no literal that a row is compared with.
fn replace_literal(plan: &mut Relation, from: &Cell, to: &Cell) {
    for scalar in plan.scalars_mut() {
        replace_in_scalar(scalar, from, to);
    }
    for child in plan.children_mut() {
        replace_literal(child, from, to);
    }
}

fn replace_in_scalar(scalar: &mut MirScalarExpr, from: &Cell, to: &Cell) {
    if let MirScalarExpr::Literal(Ok(row), typ) = scalar
        && let Some(typ) = column_type(&typ.scalar_type)
        && let (Ok(known), Ok(new)) = (data::datum_row(from, &typ), data::datum_row(to, &typ))
        && *row == known
    {
        *row = new;
    }
    for child in scalar::children_mut(scalar) {
        replace_in_scalar(child, from, to);
    }
}

/// The type of a column whose rows hold such literals.
fn column_type(typ: &ReprScalarType) -> Option<SqlScalarType> {
    Some(match typ {
        ReprScalarType::Bool => SqlScalarType::Bool,
        ReprScalarType::Int16 => SqlScalarType::Int16,
        ReprScalarType::Int32 => SqlScalarType::Int32,
        ReprScalarType::Int64 => SqlScalarType::Int64,
        ReprScalarType::String => SqlScalarType::String,
        ReprScalarType::Bytes => SqlScalarType::Bytes,
        _ => return None,
    })
}

/// One cell of one row replaced.
pub fn with_one_cell(
    commands: &[Command],
    at: usize,
    row: usize,
    cell: usize,
    to: &Cell,
) -> Commands {
    let mut out = commands.to_vec();
    if let Command::WriteRows { rows, .. } = &mut out[at] {
        rows[row].cells[cell] = to.clone();
    }
    out
}

/// Column `column` of schema `name` removed, with the cells of its rows and its
/// place in keys. None if some key or plan text needs the column.
pub fn without_column(commands: &[Command], name: &str, column: usize) -> Option<Commands> {
    let mut out = commands.to_vec();
    for command in &mut out {
        match command {
            Command::DefineSchema { name: n, columns } if n == name => {
                if column >= columns.len() || columns.len() == 1 {
                    return None;
                }
                columns.remove(column);
            }
            Command::WriteRows {
                schema: Some(n),
                rows,
                ..
            } if n == name => {
                for row in rows {
                    if column < row.cells.len() {
                        row.cells.remove(column);
                    }
                }
            }
            Command::DefineIndex {
                schema: Some(n),
                key,
                ..
            } if n == name => *key = key_without(key, column)?,
            Command::CreateDataflow(dataflow) => {
                let reads = dataflow.imports.iter().any(|import| match import {
                    Import::Source { schema, .. } => schema.as_deref() == Some(name),
                    Import::Index { .. } => true,
                });
                if reads {
                    return None;
                }
            }
            _ => {}
        }
    }
    Some(out)
}

fn key_without(key: &[usize], column: usize) -> Option<Vec<usize>> {
    key.iter()
        .map(|k| match k.cmp(&column) {
            std::cmp::Ordering::Less => Some(*k),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(*k - 1),
        })
        .collect()
}

/// Ids, shards, schemas and peeks by their canonical names, in order of first
/// occurrence.
pub fn renamed(commands: &[Command]) -> Commands {
    let mut out = commands.to_vec();
    let mut ids: BTreeMap<GlobalId, GlobalId> = BTreeMap::new();
    let mut shards: BTreeMap<String, String> = BTreeMap::new();
    let mut schemas: BTreeMap<String, String> = BTreeMap::new();
    let mut peeks: BTreeMap<String, String> = BTreeMap::new();
    let numbered = |stem: &str, n: usize| match n {
        0 => stem.to_string(),
        n => format!("{stem}{}", n + 1),
    };
    for command in &mut out {
        command.visit_ids(&mut |id| {
            let next = GlobalId::User(1000 + ids.len() as u64);
            *id = *ids.entry(*id).or_insert(next);
        });
        command.visit_shards(&mut |shard| {
            let next = numbered("s", shards.len());
            *shard = shards.entry(shard.clone()).or_insert(next).clone();
        });
        let mut rename = |name: &mut String| {
            let next = numbered("t", schemas.len());
            *name = schemas.entry(name.clone()).or_insert(next).clone();
        };
        if let Command::DefineSchema { name, .. } = command {
            rename(name);
        }
        command.visit_schema_uses(&mut |schema| {
            if let Some(name) = schema {
                rename(name);
            }
        });
        if let Some(peek) = command.peek_name() {
            let next = numbered("p", peeks.len());
            *peek = peeks.entry(peek.clone()).or_insert(next).clone();
        }
    }
    out
}

/// Simpler forms of one command: fewer options, shorter keys, defaults.
pub fn simpler_options(command: &Command) -> Vec<Command> {
    let mut out = Vec::new();
    match command {
        Command::CreateInstance { .. } => out.push(Command::CreateInstance {
            expiration_offset: None,
            arrangement_dictionary_compression: false,
        }),
        Command::UpdateConfiguration { settings } => {
            for at in 0..settings.len() {
                let mut settings = settings.clone();
                settings.remove(at);
                out.push(Command::UpdateConfiguration { settings });
            }
        }
        Command::AwaitFrontier { id, ts, .. } => out.push(Command::AwaitFrontier {
            id: *id,
            ts: *ts,
            timeout_secs: DEFAULT_TIMEOUT_SECS,
            allow_timeout: false,
        }),
        Command::DefineSchema { name, columns } => {
            for at in 0..columns.len() {
                if columns[at].nullable {
                    let mut columns = columns.clone();
                    columns[at].nullable = false;
                    out.push(Command::DefineSchema {
                        name: name.clone(),
                        columns,
                    });
                }
                let plain = format!("{}", (b'a' + (at % 26) as u8) as char);
                if columns[at].name != plain {
                    let mut columns = columns.clone();
                    columns[at].name = plain;
                    out.push(Command::DefineSchema {
                        name: name.clone(),
                        columns,
                    });
                }
            }
        }
        Command::DefineIndex { key, .. } => {
            for shorter in shorter_keys(key) {
                let mut simpler = command.clone();
                if let Command::DefineIndex { key, .. } = &mut simpler {
                    *key = shorter;
                }
                out.push(simpler);
            }
        }
        Command::Peek {
            id,
            schema,
            ts,
            selection,
        } => {
            let simpler = simpler_selections(selection);
            out.extend(simpler.into_iter().map(|selection| Command::Peek {
                id: *id,
                schema: schema.clone(),
                ts: *ts,
                selection,
            }));
        }
        Command::CreateDataflow(dataflow) => {
            out.extend(
                simpler_dataflows(dataflow)
                    .into_iter()
                    .map(Command::CreateDataflow),
            );
        }
        // Where a drop is as good as a compaction, the latter is simpler.
        Command::AllowCompaction { id, frontier: None } => out.push(Command::AllowCompaction {
            id: *id,
            frontier: Some(0),
        }),
        Command::ExpectError { command } => {
            for inner in simpler_options(command) {
                out.push(Command::ExpectError {
                    command: Box::new(inner),
                });
            }
        }
        _ => {}
    }
    out.retain(|simpler| simpler != command);
    out
}

fn shorter_keys(key: &[usize]) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(), (0..key.len()).collect()];
    for at in 0..key.len() {
        let mut shorter = key.to_vec();
        shorter.remove(at);
        out.push(shorter);
    }
    out
}

/// The selection without one of its parts, or with less of one.
fn simpler_selections(selection: &Selection) -> Vec<Selection> {
    let mut out = Vec::new();
    let mut edit = |f: &dyn Fn(&mut Selection)| {
        let mut simpler = selection.clone();
        f(&mut simpler);
        if simpler != *selection {
            out.push(simpler);
        }
    };
    edit(&|s| *s = Selection::default());
    edit(&|s| s.literals.clear());
    edit(&|s| s.order_by.clear());
    edit(&|s| s.limit = None);
    edit(&|s| s.offset = 0);
    for at in 0..selection.literals.len() {
        edit(&|s| {
            s.literals.remove(at);
        });
    }
    for at in 0..selection.order_by.len() {
        edit(&|s| {
            s.order_by.remove(at);
        });
        edit(&|s| s.order_by[at].desc = false);
        edit(&|s| s.order_by[at].nulls_last = false);
    }
    for limit in [0, 1] {
        edit(&|s| {
            if s.limit.is_some_and(|known| known > limit) {
                s.limit = Some(limit);
            }
        });
    }
    out
}

fn simpler_dataflows(dataflow: &CreateDataflow) -> Vec<CreateDataflow> {
    let mut out = Vec::new();
    let mut edit = |f: &dyn Fn(&mut CreateDataflow)| {
        let mut simpler = dataflow.clone();
        f(&mut simpler);
        out.push(simpler);
    };
    edit(&|d| d.name = crate::script::DEFAULT_DATAFLOW_NAME.to_string());
    edit(&|d| d.until = None);
    edit(&|d| d.join = None);
    edit(&|d| d.optimize = false);
    for at in 0..dataflow.exports.len() {
        if dataflow.exports.len() > 1 {
            edit(&|d| {
                d.exports.remove(at);
            });
        }
        edit(&|d| {
            if let Export::Subscribe { up_to, .. } = &mut d.exports[at] {
                *up_to = None;
            }
        });
        edit(&|d| {
            if let Export::Subscribe { snapshot, .. } = &mut d.exports[at] {
                *snapshot = true;
            }
        });
        if let Export::Index { key, .. } = &dataflow.exports[at] {
            for shorter in shorter_keys(key) {
                edit(&|d| {
                    if let Export::Index { key, .. } = &mut d.exports[at] {
                        *key = shorter.clone();
                    }
                });
            }
        }
    }
    for at in 0..dataflow.imports.len() {
        edit(&|d| {
            d.imports.remove(at);
        });
    }
    for at in 0..dataflow.builds.len() {
        edit(&|d| {
            d.builds.remove(at);
        });
        // What it reads, in its place.
        let built = dataflow.builds[at].id;
        for read in dataflow.builds[at].plan.reads() {
            edit(&|d| {
                d.builds.remove(at);
                let renamed = |id: &mut GlobalId| {
                    if *id == built {
                        *id = read;
                    }
                };
                for build in &mut d.builds {
                    build.plan.visit_ids(&mut |id| renamed(id));
                }
                for export in &mut d.exports {
                    match export {
                        Export::Index { on, .. }
                        | Export::MaterializedView { on, .. }
                        | Export::Subscribe { on, .. } => renamed(on),
                    }
                }
            });
        }
        // Without the outermost operator.
        let operators = dataflow.builds[at].plan.operators();
        for child in operators.map_or_else(Vec::new, Relation::children) {
            edit(&|d| d.builds[at].plan = child.clone().into());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::text;

    fn script(text: &str) -> Commands {
        text::parse(text).unwrap().commands()
    }

    #[test]
    fn dependents_go_with_what_they_depend_on() {
        let commands = script(
            "define-schema name=t\n  a int64\n----\n\nwrite-rows shard=s ts=0 schema=t\n  1\n----\n\ndefine-index source=1 index=2 shard=s key=[0] as-of=0 upper=1 schema=t\n----\n\nschedule id=2\n----\n\nschedule id=3\n----\n",
        );
        let verbs = |removed: usize| -> Vec<&'static str> {
            without(&commands, &[removed].into())
                .iter()
                .map(Command::verb)
                .collect()
        };
        assert_eq!(verbs(0), ["schedule"]);
        assert_eq!(verbs(2), ["define-schema", "write-rows", "schedule"]);
    }

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

    #[test]
    fn a_key_and_the_literal_that_looks_for_it_move_together() {
        let plan = "Filter (#7 = 7) AND (#0 < 77) AND (#1 = \"7\")\n  Get u1";
        let Plan::Operators(mut plan) = Plan::from(plan.to_string()) else {
            panic!("it is a plan");
        };
        let token = |text: &str| Cell::Token(text.to_string());
        replace_literal(&mut plan, &token("7"), &token("0"));
        let changed = Plan::from(plan).to_string();
        let expected = "Filter (#7 = 0) AND (#0 < 77) AND (#1 = \"0\")\n  Get u1";
        assert_eq!(changed, expected);
    }
}
