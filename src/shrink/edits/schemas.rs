//! Edits of schemas: one less, a column less, a simpler type, the sample schema.
//!
//! Invariant: rows follow their schema; values that were equal stay equal.

use super::Commands;
use super::rows::{nth, read_as};
use crate::repr::SqlScalarType;
use crate::script::{Cell, Command, Import, Value};

/// The schemas that are defined, and how many columns each has.
pub fn schemas(commands: &[Command]) -> Vec<(String, usize)> {
    let defined = commands.iter().filter_map(Command::defined_schema);
    defined
        .map(|(name, columns)| (name.to_string(), columns.len()))
        .collect()
}

/// One schema does what two of as many columns did: one candidate a pair.
pub fn unified_schemas(commands: &[Command]) -> Vec<Commands> {
    let schemas = schemas(commands);
    let pairs = schemas
        .iter()
        .flat_map(|from| schemas.iter().map(move |to| (from, to)))
        .filter(|((from, columns), (to, others))| from != to && columns == others);
    let with = |from: &String, to: &String| {
        let defines = |command: &Command| command.defined_schema().map(|(name, _)| name == from);
        let mut out = commands.to_vec();
        out.retain(|command| defines(command) != Some(true));
        for command in &mut out {
            command.visit_schema_uses(&mut |schema| {
                if schema.as_ref() == Some(from) {
                    *schema = Some(to.clone());
                }
            });
        }
        out
    };
    pairs.map(|((from, _), (to, _))| with(from, to)).collect()
}

/// Column `column` of schema `name` removed, with the cells of its rows and its
/// place in keys. None if some key or plan needs the column.
pub fn without_column(commands: &[Command], name: &str, column: usize) -> Option<Commands> {
    let mut out = commands.to_vec();
    for command in &mut out {
        if let Command::DefineSchema { name: n, columns } = command
            && n == name
        {
            if column >= columns.len() || columns.len() == 1 {
                return None;
            }
            columns.remove(column);
        }
        if let Command::DefineIndex {
            schema: Some(n),
            key,
            ..
        } = command
            && n == name
        {
            *key = key_without(key, column)?;
        }
        command.visit_cells(&mut |schema, cells| {
            if schema == Some(name) && column < cells.len() {
                cells.remove(column);
            }
        });
        let imports = command.dataflow().map(|dataflow| &dataflow.imports);
        let reads = |import: &Import| match import {
            Import::Source { schema, .. } => schema.as_deref() == Some(name),
            Import::Index { .. } => true,
        };
        if imports.into_iter().flatten().any(reads) {
            return None;
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

/// The types of columns of one's own, the simplest first.
const TYPES: [(&str, SqlScalarType); 6] = [
    ("int", SqlScalarType::Int32),
    ("text", SqlScalarType::String),
    ("bool", SqlScalarType::Bool),
    ("bigint", SqlScalarType::Int64),
    ("smallint", SqlScalarType::Int16),
    ("bytea", SqlScalarType::Bytes),
];

/// The script with column `column` of schema `name` of a simpler type, its cells
/// adapted: what means the same stays, anything else becomes a simple value by
/// its place.
pub fn with_column_types(commands: &[Command], name: &str, column: usize) -> Vec<Commands> {
    let schemas = commands.iter().filter_map(Command::defined_schema);
    let mut named = schemas.filter(|(known, _)| *known == name);
    let current = named.find_map(|(_, columns)| columns.get(column));
    let Some(current) = current else {
        return Vec::new();
    };
    let place = TYPES
        .iter()
        .position(|(ty, _)| *ty == current.ty)
        .unwrap_or(TYPES.len());
    let with = |(shown, ty): &(&str, SqlScalarType)| {
        let mut seen: Vec<Cell> = Vec::new();
        let mut out = commands.to_vec();
        for command in &mut out {
            if let Command::DefineSchema { name: n, columns } = command
                && n == name
                && let Some(column) = columns.get_mut(column)
            {
                column.ty = (*shown).to_string();
            }
            command.visit_cells(&mut |schema, cells| {
                if schema == Some(name)
                    && let Some(cell) = cells.get_mut(column)
                {
                    *cell = translated(cell, ty, &mut seen).into();
                }
            });
        }
        out
    };
    TYPES[..place].iter().map(with).collect()
}

/// A cell as a value of another type, equal cells alike.
fn translated(cell: &Cell, ty: &SqlScalarType, seen: &mut Vec<Cell>) -> Value {
    if let Cell::Value(value) = cell
        && let Some(same) = read_as(value, ty)
    {
        return same;
    }
    let known = seen.iter().position(|known| known == cell);
    let place = known.unwrap_or_else(|| {
        seen.push(cell.clone());
        seen.len() - 1
    });
    nth(ty, place)
}

/// The script over the sample schema `(id bigint, payload text)`: no schema is
/// defined, rows get the columns that they lack and lose the ones beyond.
pub fn with_sample_schema(commands: &[Command]) -> Commands {
    const SAMPLE: [SqlScalarType; 2] = [SqlScalarType::Int64, SqlScalarType::String];
    let mut seen = [Vec::new(), Vec::new()];
    let mut out: Commands = Vec::new();
    for command in commands {
        if command.defined_schema().is_some() {
            continue;
        }
        let mut command = command.clone();
        command.visit_schema_uses(&mut |schema| *schema = None);
        for row in command.rows_mut().into_iter().flatten() {
            let columns = SAMPLE.iter().zip(&mut seen).enumerate();
            let cells = columns.map(|(at, (ty, seen))| match row.cells.get(at) {
                Some(cell) => translated(cell, ty, seen),
                None => nth(ty, 0),
            });
            row.cells = cells.map(Cell::Value).collect();
        }
        if let Command::DefineIndex { key, .. } = &mut command {
            key.retain(|column| *column < SAMPLE.len());
        }
        out.push(command);
    }
    out
}
