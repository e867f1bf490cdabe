//! Edits of rows and of the values in them.
//!
//! Invariants: a value gives way to one of its column's type; where all that are
//! equal give way at once, the literals of plans and peeks that equal them do,
//! too, so that a key and what looks for it move together.

use super::Commands;
use crate::plan::{Relation, scalar};
use crate::protocol::v26_30::MirScalarExpr;
use crate::repr::{RelationDesc, ReprColumnType, ReprScalarType, Row, SqlScalarType};
use crate::script::append::Append;
use crate::script::data::Schemas;
use crate::script::{Cell, Command, Literal, Plan, RowLine, Value};
use crate::shrink::order::value_key;

/// How many simplest values a type has at most.
pub const SIMPLEST: usize = 3;

/// The simplest values of a type by their place; `None` if it has fewer.
fn simplest(ty: &SqlScalarType, place: usize) -> Option<Value> {
    match (ty, place) {
        (SqlScalarType::Bool, 2..) => None,
        (SqlScalarType::String, 2) => Some(Value::String(String::new())),
        (SqlScalarType::Bytes, 2) => Some(Value::Bytes(Vec::new())),
        _ => Some(nth(ty, place)),
    }
}

/// A value of a type by its place among those that count it up: numbers, small
/// letters. Truth values take turns.
pub fn nth(ty: &SqlScalarType, place: usize) -> Value {
    let letter = char::from(b'a' + (place % 26) as u8).to_string();
    let text = letter.repeat(place / 26 + 1);
    match ty {
        SqlScalarType::Bool => Value::Bool(place % 2 == 1),
        SqlScalarType::Int16 => Value::Int16(place.try_into().unwrap_or(i16::MAX)),
        SqlScalarType::Int32 => Value::Int32(place.try_into().unwrap_or(i32::MAX)),
        SqlScalarType::Int64 => Value::Int64(place.try_into().unwrap_or(i64::MAX)),
        SqlScalarType::String => Value::String(text),
        SqlScalarType::Bytes => Value::Bytes(text.into_bytes()),
        other => {
            Literal::number(place as u64, &other.to_repr()).map_or(Value::Null, Value::Literal)
        }
    }
}

/// The value that a column of another type holds in its place: a number of
/// another width, a text as bytes. `None` if it means something else there.
pub fn read_as(value: &Value, ty: &SqlScalarType) -> Option<Value> {
    let kind = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => 2,
        Value::String(_) | Value::Bytes(_) => 3,
        Value::Literal(_) => 4,
    };
    let read = Cell::Value(value.clone()).value(ty, true).ok()?;
    (kind(&read) == kind(value)).then_some(read)
}

/// The columns of what the write at this place writes.
fn columns(commands: &[Command], at: usize) -> Option<RelationDesc> {
    let mut schemas = Schemas::default();
    commands[..at]
        .iter()
        .for_each(|command| schemas.note(command));
    let mut desc = None;
    commands[at].clone().visit_schema_uses(&mut |schema| {
        desc = schemas.get(schema.as_deref()).ok();
    });
    desc
}

/// The types of the cells of the write at this place.
fn types(commands: &[Command], at: usize) -> Vec<SqlScalarType> {
    let desc = columns(commands, at);
    let columns = desc.iter().flat_map(|desc| &desc.typ.column_types);
    columns.map(|column| column.scalar_type.clone()).collect()
}

/// The script with the rows of write `at` replaced.
pub fn with_rows(commands: &[Command], at: usize, new: Vec<RowLine>) -> Commands {
    let mut out = commands.to_vec();
    if let Some(rows) = out[at].rows_mut() {
        *rows = new;
    }
    out
}

/// Rows without the one at this place, and perhaps without others: none, it
/// alone, all others, and all with this one once.
pub fn fewer_rows(rows: &[RowLine], place: usize) -> Vec<Vec<RowLine>> {
    let mut others = rows.to_vec();
    let row = others.remove(place);
    let mut out = vec![Vec::new(), vec![row.clone()], others];
    for once in [1, row.diff.signum()] {
        let mut single = rows.to_vec();
        single[place].diff = once;
        out.push(single);
    }
    out
}

/// Synthetic writes with fewer rows.
pub fn smaller_synthetic_writes(command: &Command) -> Vec<Command> {
    let known = command.synthetic_rows().unwrap_or(0);
    let fewer = [0, 1, known / 2, known.saturating_sub(1)];
    let fewer = fewer.into_iter().filter(|fewer| *fewer < known);
    let with = |fewer: u64| {
        let mut smaller = command.clone();
        if let Command::WriteSingleTs { count, .. } | Command::WriteSpread { count, .. } =
            &mut smaller
        {
            *count = fewer;
        }
        smaller
    };
    fewer.map(with).collect()
}

/// Every distinct value in the rows of the script, the least simple first.
pub fn values(commands: &[Command]) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    let rows = commands.iter().flat_map(Command::rows);
    for cell in rows.flat_map(|row| &row.cells) {
        if let Cell::Value(value) = cell
            && !values.contains(value)
        {
            values.push(value.clone());
        }
    }
    values.sort_by_cached_key(|value| std::cmp::Reverse(value_key(value)));
    values
}

/// Every occurrence of a value replaced by the simplest one of its column, or the
/// second or third simplest.
pub fn with_value(commands: &[Command], from: &Value, place: usize) -> Commands {
    let mut schemas = Schemas::default();
    let mut out = commands.to_vec();
    for command in &mut out {
        command.visit_cells(&mut |schema, cells| {
            let desc = schemas.get(schema).ok();
            let columns = desc.iter().flat_map(|desc| &desc.typ.column_types);
            for (cell, column) in cells.iter_mut().zip(columns) {
                let ty = &column.scalar_type;
                let here = read_as(from, ty).map(Cell::Value);
                if here.as_ref() == Some(cell)
                    && let Some(to) = simplest(ty, place)
                {
                    *cell = to.into();
                }
            }
        });
        let builds = command.dataflow_mut().map(|dataflow| &mut dataflow.builds);
        for build in builds.into_iter().flatten() {
            if let Plan::Operators(plan) = &mut build.plan {
                replace_literal(plan, from, place);
            }
        }
        schemas.note(command);
    }
    out
}

/// Replaces a literal in a plan as [`with_value`] does. NULL is no literal that a
/// row is compared with.
fn replace_literal(plan: &mut Relation, from: &Value, place: usize) {
    for scalar in plan.scalars_mut() {
        replace_in_scalar(scalar, from, place);
    }
    for child in plan.children_mut() {
        replace_literal(child, from, place);
    }
}

fn replace_in_scalar(scalar: &mut MirScalarExpr, from: &Value, place: usize) {
    if let MirScalarExpr::Literal(Ok(row), typ) = scalar
        && *from != Value::Null
        && let Some(typ) = column_type(&typ.scalar_type)
        && let (Some(known), Some(new)) = (read_as(from, &typ), simplest(&typ, place))
        && *row == Row::pack([known.datum()])
    {
        *row = Row::pack([new.datum()]);
    }
    for child in scalar::children_mut(scalar) {
        replace_in_scalar(child, from, place);
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

/// Candidates with one cell of one row replaced by the simplest values of its
/// column.
pub fn with_simpler_cell(
    commands: &[Command],
    at: usize,
    row: usize,
    cell: usize,
) -> Vec<Commands> {
    let types = types(commands, at);
    let simplest = (0..SIMPLEST).filter_map(|place| simplest(types.get(cell)?, place));
    let with = |to: Value| {
        let mut out = commands.to_vec();
        if let Some(rows) = out[at].rows_mut() {
            rows[row].cells[cell] = to.into();
        }
        out
    };
    simplest.map(with).collect()
}

/// The synthetic write `at`, if it has one time and few rows, with its rows
/// written out.
pub fn explicit_rows(commands: &[Command], at: usize) -> Option<Command> {
    const MOST: u64 = 6;
    let write = &commands[at];
    let (shard, schema) = match write {
        Command::WriteSingleTs { shard, schema, .. }
        | Command::WriteSpread {
            shard,
            schema,
            n_ts: 1,
            ..
        } if write.synthetic_rows() <= Some(MOST) => (shard, schema),
        _ => return None,
    };
    let desc = columns(commands, at)?;
    let Append { updates, lower, .. } = Append::of(write, &desc).ok()?;
    let types = desc.typ.to_repr().column_types;
    let line = |(row, _, diff): &(Row, _, _)| {
        let of_type = |(datum, column): (_, &ReprColumnType)| {
            Value::of_type(datum, &column.scalar_type).map(Cell::Value)
        };
        let cells = row.iter().zip(&types).map(of_type);
        Some(RowLine {
            cells: cells.collect::<Option<_>>()?,
            diff: *diff,
        })
    };
    Some(Command::WriteRows {
        shard: shard.clone(),
        schema: schema.clone(),
        ts: lower,
        part_bytes: None,
        rows: updates.iter().map(line).collect::<Option<_>>()?,
    })
}

/// An insertion and a retraction of the same row, in different writes, each
/// once less: one candidate a pair.
pub fn without_row_pairs(commands: &[Command]) -> Vec<Commands> {
    let mut places = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let all = command.rows().iter().enumerate();
        places.extend(all.map(|(row, line)| (at, row, command.written_shard(), line)));
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
                if let Some(rows) = candidate[at].rows_mut() {
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

/// A row of a write that comes with an earlier write to its shard instead: one
/// candidate a row and such a write.
pub fn earlier_rows(commands: &[Command]) -> Vec<Commands> {
    let explicit = |command: &Command| match command {
        Command::WriteRows { shard, schema, .. } => Some((shard.clone(), schema.clone())),
        _ => None,
    };
    let mut out = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let Some(written) = explicit(command) else {
            continue;
        };
        let earlier = commands[..at].iter().enumerate();
        let earlier = earlier.filter(|(_, other)| explicit(other).as_ref() == Some(&written));
        for (to, _) in earlier {
            for row in 0..command.rows().len() {
                let mut candidate = commands.to_vec();
                let moved = candidate[at].rows_mut().map(|rows| rows.remove(row));
                if let (Some(moved), Some(rows)) = (moved, candidate[to].rows_mut()) {
                    let after = |known: &RowLine| value_keys(known) > value_keys(&moved);
                    let place = rows.iter().position(after).unwrap_or(rows.len());
                    rows.insert(place, moved);
                }
                out.push(candidate);
            }
        }
    }
    out
}

/// By what rows are sorted.
fn value_keys(row: &RowLine) -> Vec<String> {
    row.cells.iter().map(Cell::to_string).collect()
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

/// Other rows of write `at` that are no more than these: equal ones summed,
/// without weights, in order, and each row in turn as one of the simplest there
/// are.
pub fn simpler_rows(commands: &[Command], at: usize) -> Vec<Vec<RowLine>> {
    const MOST: i64 = 4;
    let rows = commands[at].rows();
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
    sorted.sort_by_cached_key(|row| {
        let tokens: Vec<String> = row.cells.iter().map(Cell::to_string).collect();
        (tokens, row.diff)
    });
    out.push(sorted);
    let types = types(commands, at);
    let cell = |place| move |ty: &SqlScalarType| Cell::Value(nth(ty, place));
    let plain: Vec<Cell> = types.iter().map(cell(0)).collect();
    let fitting = (0..rows.len()).filter(|row| rows[*row].cells.len() == types.len());
    for row in fitting {
        let changed = (0..types.len()).rev().map(|column| {
            let mut cells = plain.clone();
            cells[column] = cell(1)(&types[column]);
            cells
        });
        for cells in std::iter::once(plain.clone()).chain(changed) {
            let mut simpler = rows.to_vec();
            simpler[row].cells = cells;
            out.push(simpler);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::script;
    use super::*;

    #[test]
    fn a_key_and_the_literal_that_looks_for_it_move_together() {
        let plan = |seven: &str, text: &str| {
            let plan =
                format!("Filter (#7 = {seven}) AND (#0 < 77) AND (#1 = \"{text}\")\n  Get u1");
            match Plan::from(plan) {
                Plan::Operators(plan) => plan,
                Plan::Text(text) => panic!("it is a plan: {text}"),
            }
        };
        let mut changed = plan("7", "7");
        replace_literal(&mut changed, &Value::Int32(7), 0);
        assert_eq!(changed, plan("0", "7"));
        replace_literal(&mut changed, &Value::String("7".into()), 1);
        assert_eq!(changed, plan("0", "b"));
    }

    #[test]
    fn equal_values_give_way_together_whatever_their_width() {
        let commands = script(
            "define-schema name=t\n  a int\n  b text\n  c int nullable\n----\n\nwrite-rows shard=s ts=0 schema=t\n  7 7 null\n----\n\nwrite-rows shard=r ts=0\n  7 x\n----\n\npeek id=5 ts=0\n  7\n----\n",
        );
        let shown = |commands: Commands| -> Vec<String> {
            commands[1..].iter().map(Command::to_string).collect()
        };
        assert_eq!(
            shown(with_value(&commands, &Value::Int64(7), 1)),
            [
                "write-rows shard=s ts=0 schema=t\n  1 7 null",
                "write-rows shard=r ts=0\n  1 x",
                "peek id=5 ts=0\n  1"
            ]
        );
        assert_eq!(
            shown(with_value(&commands, &Value::Null, 2))[0],
            "write-rows shard=s ts=0 schema=t\n  7 7 2"
        );
    }
}
