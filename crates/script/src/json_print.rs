//! Scripts in the JSON form, written. Source: `spec/script.md` §5.
//!
//! Invariant: what is written reads back as the same command, except that cells
//! become JSON values of their column's type.

use serde_json::{Value, json};

use super::command::*;
use super::data::Schemas;
use super::{Script, Stanza};
use repr::SqlScalarType;

/// The lines of a text script in the JSON form: expected errors become
/// `expect_error`, rows of a peek become a count, and a handshake that the
/// driver makes by itself is left out.
pub fn converted(script: &Script) -> Vec<String> {
    let mut schemas = Schemas::default();
    let implicit = has_implicit_handshake(&script.commands());
    let stanzas: Vec<&Stanza> = script.stanzas().collect();
    let mut lines = Vec::new();
    for (at, stanza) in stanzas.iter().enumerate() {
        let command = &stanza.command;
        if let Command::DefineSchema { name, columns } = command {
            // A schema that cannot be defined is the script's own business.
            let _ = schemas.define(name, columns);
        }
        let first = implicit && at < 2;
        if first || (implicit && matches!(command, Command::CreateInstance { .. })) {
            continue;
        }
        let mut value = print(command, &schemas);
        if stanza.expected.starts_with("error: ") {
            value = json!({"cmd": "expect_error", "command": value});
        } else if let Command::Peek {
            id,
            schema,
            ts,
            selection,
        } = command
            && selection.is_everything()
        {
            let count = stanza.expected.lines().count() as u64;
            let expect = Command::ExpectCount {
                id: *id,
                schema: schema.clone(),
                ts: *ts,
                count,
            };
            value = print(&expect, &schemas);
        }
        lines.push(value.to_string());
    }
    lines
}

/// Whether every handshake is the one that the driver makes by itself.
fn has_implicit_handshake(commands: &[Command]) -> bool {
    let default = |command: Option<&Command>| {
        matches!(
            command,
            Some(Command::CreateInstance {
                expiration_offset: None,
                arrangement_dictionary_compression: false,
            })
        )
    };
    default(commands.first())
        && matches!(commands.get(1), Some(Command::InitializationComplete))
        && (1..commands.len()).all(|at| {
            let reconnects = matches!(commands[at - 1], Command::Reconnect);
            reconnects == matches!(commands[at], Command::CreateInstance { .. })
                && (!reconnects || default(commands.get(at)))
        })
}

/// One command; `schemas` gives the types of cells.
pub fn print(command: &Command, schemas: &Schemas) -> Value {
    let mut command = command.clone();
    type_cells(&mut command, schemas);
    serde_json::to_value(&command).expect("strings, numbers and lists are JSON")
}

/// Makes JSON values of the cells.
fn type_cells(command: &mut Command, schemas: &Schemas) {
    let typed = |cells: &mut Vec<Cell>, schema: &Option<String>| {
        let types = types(schemas, schema.as_deref());
        for (at, written) in cells.iter_mut().enumerate() {
            *written = Cell::Json(cell(written, types.get(at)));
        }
    };
    match command {
        Command::WriteRows { rows, schema, .. } => {
            rows.iter_mut()
                .for_each(|row| typed(&mut row.cells, schema));
        }
        Command::Peek {
            selection, schema, ..
        } => {
            let literals = selection.literals.iter_mut();
            literals.for_each(|cells| typed(cells, schema));
        }
        Command::ExpectError { command } => type_cells(command, schemas),
        _ => {}
    }
}

fn types(schemas: &Schemas, schema: Option<&str>) -> Vec<SqlScalarType> {
    let desc = schemas.get(schema);
    desc.map_or_else(
        |_| Vec::new(),
        |desc| {
            let columns = desc.typ.column_types.iter();
            columns.map(|column| column.scalar_type.clone()).collect()
        },
    )
}

/// A cell as a JSON value of its column's type. What does not have that type is
/// written as a string, and is then refused as it was before.
fn cell(cell: &Cell, typ: Option<&SqlScalarType>) -> Value {
    let token = match cell {
        Cell::Json(value) => return value.clone(),
        Cell::Token(token) => token.as_str(),
    };
    if token == "null" {
        return Value::Null;
    }
    let text = || {
        let inner = token.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        json!(inner.unwrap_or(token))
    };
    match typ {
        Some(SqlScalarType::Int16 | SqlScalarType::Int32 | SqlScalarType::Int64) => {
            token.parse::<i64>().map_or_else(|_| text(), |n| json!(n))
        }
        Some(SqlScalarType::Bool) => match token {
            "t" | "true" => json!(true),
            "f" | "false" => json!(false),
            _ => text(),
        },
        Some(_) | None => text(),
    }
}
