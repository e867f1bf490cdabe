//! Edits of schemas: one less, a simpler type, the sample schema.
//!
//! Invariant: rows follow their schema; values that were equal stay equal.

use std::collections::{BTreeMap, BTreeSet};

use super::Commands;
use super::rows::{nth, read_as};
use crate::plan::Relation;
use crate::protocol::v26_30::Id;
use crate::repr::{GlobalId, SqlScalarType};
use crate::script::{Cell, Command, CreateDataflow, Import, Plan, Value};

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

/// Without schemas that nothing has.
pub fn without_unused_schemas(commands: &[Command]) -> Commands {
    let mut used = BTreeSet::new();
    for command in commands {
        command.clone().visit_schema_uses(&mut |schema| {
            used.extend(schema.clone());
        });
    }
    let mut out = commands.to_vec();
    out.retain(|command| {
        let schema = command.defined_schema();
        schema.is_none_or(|(name, _)| used.contains(name))
    });
    out
}

/// Peeks of these indexes with a schema of so many columns: one that is defined, or
/// none, which means the sample schema.
pub fn with_peeks_of(commands: &[Command], indexes: &[GlobalId], columns: usize) -> Commands {
    let mut fitting = schemas(commands).into_iter();
    let fitting = fitting.find(|(_, known)| *known == columns);
    let fitting = fitting.map(|(name, _)| name);
    let mut out = commands.to_vec();
    for command in &mut out {
        if let Command::Peek { id, schema, .. } | Command::StartPeek { id, schema, .. } = command
            && indexes.contains(id)
        {
            schema.clone_from(&fitting);
        }
    }
    out
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

/// The columns of the schema of commands that name none.
pub const SAMPLE: [SqlScalarType; 2] = [SqlScalarType::Int64, SqlScalarType::String];

/// The script over the sample schema `(id bigint, payload text)`: no schema is
/// defined, rows get the columns that they lack and lose the ones beyond. Plans read
/// as many columns as before.
pub fn with_sample_schema(commands: &[Command]) -> Commands {
    let widths: BTreeMap<String, usize> = schemas(commands).into_iter().collect();
    let mut seen = [Vec::new(), Vec::new()];
    let mut out: Commands = Vec::new();
    for command in commands {
        if command.defined_schema().is_some() {
            continue;
        }
        let mut command = command.clone();
        if let Some(dataflow) = command.dataflow_mut() {
            read_sample(dataflow, &widths);
        }
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

/// Plans that read the sample schema where they read others.
fn read_sample(dataflow: &mut CreateDataflow, widths: &BTreeMap<String, usize>) {
    for import in &dataflow.imports {
        if let Import::Source {
            id,
            schema: Some(schema),
            ..
        } = import
            && let Some(width) = widths.get(schema)
        {
            for build in &mut dataflow.builds {
                if let Plan::Operators(plan) = &mut build.plan {
                    reread(plan, (*id, *width), (*id, SAMPLE.len()));
                }
            }
        }
    }
}

/// Every read of a source of so many columns becomes one of another, with as many
/// columns: the first again for those that it lacks.
pub(super) fn reread(plan: &mut Relation, from: (GlobalId, usize), to: (GlobalId, usize)) {
    if let Relation::Get { id, .. } = plan
        && *id == Id::Global(from.0)
    {
        *id = Id::Global(to.0);
        if from.1 != to.1 {
            let column = |column| if column < to.1 { column } else { 0 };
            *plan = plan.clone().project((0..from.1).map(column).collect());
        }
        return;
    }
    for child in plan.children_mut() {
        reread(child, from, to);
    }
}
