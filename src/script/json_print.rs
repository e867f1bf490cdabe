//! Scripts in the JSON form, written. Source: `spec/script.md` §5.
//!
//! Invariant: what is written reads back as the same command, except that cells
//! become JSON values of their column's type.

use serde_json::{Map, Value, json};

use super::command::*;
use super::data::Schemas;
use super::{Script, Stanza};
use crate::repr::{GlobalId, SqlScalarType};

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

/// An object that leaves out what is absent.
fn object(cmd: &str, fields: Value) -> Value {
    let mut object = Map::new();
    object.insert("cmd".to_string(), json!(cmd));
    if let Value::Object(fields) = fields {
        object.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(object)
}

/// Ids of users are bare numbers, others their text.
fn id(id: &GlobalId) -> Value {
    match id {
        GlobalId::User(n) => json!(n),
        other => json!(other.to_string()),
    }
}

/// One command; `schemas` gives the types of cells.
pub fn print(command: &Command, schemas: &Schemas) -> Value {
    let name = command.verb().replace('-', "_");
    match command {
        Command::CreateInstance {
            expiration_offset,
            arrangement_dictionary_compression,
        } => object(
            &name,
            json!({
                "expiration_offset": expiration_offset,
                "arrangement_dictionary_compression":
                    arrangement_dictionary_compression.then_some(true),
            }),
        ),
        Command::UpdateConfiguration { settings } => {
            let updates: Vec<Value> = settings
                .iter()
                .map(|s| json!({"name": s.name, "type": s.ty, "value": s.value}))
                .collect();
            object(&name, json!({"updates": updates}))
        }
        Command::InitializationComplete | Command::Reconnect | Command::Restart => {
            object(&name, json!({}))
        }
        Command::DefineSchema {
            name: schema,
            columns,
        } => {
            let columns: Vec<Value> = columns
                .iter()
                .map(|c| match c.nullable {
                    true => json!({"name": c.name, "type": c.ty, "nullable": true}),
                    false => json!({"name": c.name, "type": c.ty}),
                })
                .collect();
            object(&name, json!({"name": schema, "columns": columns}))
        }
        Command::WriteSingleTs {
            shard,
            schema,
            ts,
            count,
            start,
            row_bytes,
        } => object(
            &name,
            json!({
                "shard": shard, "schema": schema, "ts": ts, "count": count, "start": start,
                "row_bytes": row_bytes,
            }),
        ),
        Command::WriteSpread {
            shard,
            schema,
            count,
            n_ts,
            start,
            row_bytes,
        } => object(
            &name,
            json!({
                "shard": shard, "schema": schema, "count": count, "n_ts": n_ts, "start": start,
                "row_bytes": row_bytes,
            }),
        ),
        Command::WriteRows {
            shard,
            schema,
            ts,
            rows,
        } => {
            let types = types(schemas, schema.as_deref());
            let cells = |row: &RowLine| -> Vec<Value> {
                let typed = row.cells.iter().enumerate();
                typed.map(|(at, c)| cell(c, types.get(at))).collect()
            };
            let values: Vec<Vec<Value>> = rows.iter().map(cells).collect();
            let diffs: Vec<i64> = rows.iter().map(|row| row.diff).collect();
            let diffs = diffs.iter().any(|diff| *diff != 1).then_some(diffs);
            object(
                &name,
                json!({"shard": shard, "schema": schema, "ts": ts, "rows": values, "diffs": diffs}),
            )
        }
        Command::DefineIndex {
            source,
            index,
            shard,
            schema,
            key,
            as_of,
            upper,
        } => object(
            &name,
            json!({
                "source_id": id(source), "index_id": id(index), "shard": shard, "schema": schema,
                "key": key, "as_of": as_of, "upper": upper,
            }),
        ),
        Command::CreateDataflow(dataflow) => object(&name, create_dataflow(dataflow)),
        Command::Schedule { id: i } | Command::AllowWrites { id: i } => {
            object(&name, json!({"id": id(i)}))
        }
        Command::AllowCompaction { id: i, frontier } => {
            // Null means the empty frontier here, and must be written.
            json!({"cmd": name, "id": id(i), "frontier": frontier})
        }
        Command::AwaitFrontier {
            id: i,
            ts,
            timeout_secs,
            allow_timeout,
        } => object(
            &name,
            json!({
                "id": id(i), "ts": ts,
                "timeout_secs": (*timeout_secs != DEFAULT_TIMEOUT_SECS).then_some(timeout_secs),
                "allow_timeout": allow_timeout.then_some(true),
            }),
        ),
        Command::Count { id: i, ts } => object(&name, json!({"id": id(i), "ts": ts})),
        Command::Peek {
            id: i,
            schema,
            ts,
            selection,
        } => {
            let Selection {
                literals,
                order_by,
                limit,
                offset,
            } = selection;
            let order: Vec<Value> = order_by
                .iter()
                .map(|o| json!({"column": o.column, "desc": o.desc, "nulls_last": o.nulls_last}))
                .collect();
            let types = types(schemas, schema.as_deref());
            let cells = |cells: &Vec<Cell>| -> Vec<Value> {
                let typed = cells.iter().enumerate();
                typed.map(|(at, c)| cell(c, types.get(at))).collect()
            };
            let literals: Vec<Vec<Value>> = literals.iter().map(cells).collect();
            object(
                &name,
                json!({
                    "id": id(i), "schema": schema, "ts": ts,
                    "literals": (!literals.is_empty()).then_some(literals),
                    "order_by": (!order.is_empty()).then_some(order),
                    "limit": limit, "offset": (*offset != 0).then_some(offset),
                }),
            )
        }
        Command::PeekCount { id: i, schema, ts } => {
            object(&name, json!({"id": id(i), "schema": schema, "ts": ts}))
        }
        Command::ExpectCount {
            id: i,
            schema,
            ts,
            count,
        } => object(
            &name,
            json!({"id": id(i), "schema": schema, "ts": ts, "count": count}),
        ),
        Command::ExpectError { command } => {
            object(&name, json!({"command": print(command, schemas)}))
        }
        Command::AwaitSubscribe {
            id: i,
            up_to,
            timeout_secs,
        } => object(
            &name,
            json!({
                "id": id(i), "up_to": up_to,
                "timeout_secs": (*timeout_secs != DEFAULT_TIMEOUT_SECS).then_some(timeout_secs),
            }),
        ),
        Command::StartPeek {
            peek,
            id: i,
            schema,
            ts,
        } => object(
            &name,
            json!({"peek": peek, "id": id(i), "schema": schema, "ts": ts}),
        ),
        Command::AwaitPeek { peek, timeout_secs } => object(
            &name,
            json!({
                "peek": peek,
                "timeout_secs": (*timeout_secs != DEFAULT_TIMEOUT_SECS).then_some(timeout_secs),
            }),
        ),
        Command::CancelPeek { peek } => object(&name, json!({"peek": peek})),
        Command::DowngradeSince { shard, since } => {
            object(&name, json!({"shard": shard, "since": since}))
        }
    }
}

fn create_dataflow(dataflow: &CreateDataflow) -> Value {
    let CreateDataflow {
        name,
        as_of,
        until,
        optimize,
        join,
        imports,
        builds,
        exports,
    } = dataflow;
    let without_nulls = |value: Value| match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(_, v)| !v.is_null()).collect())
        }
        other => other,
    };
    let imports: Vec<Value> = imports
        .iter()
        .map(|import| match import {
            Import::Source {
                id: i,
                shard,
                schema,
                upper,
            } => json!({"source": without_nulls(json!({
                "id": id(i), "shard": shard, "schema": schema, "upper": upper,
            }))}),
            Import::Index { index } => json!({"index": {"index_id": id(index)}}),
        })
        .collect();
    let builds: Vec<Value> = builds
        .iter()
        .map(|build| json!({"id": id(&build.id), "expr": build.expr}))
        .collect();
    let exports: Vec<Value> = exports
        .iter()
        .map(|export| match export {
            Export::Index { index, on, key } => json!({"index": {
                "index_id": id(index), "on_id": id(on), "key": key,
            }}),
            Export::MaterializedView {
                sink,
                on,
                shard,
                schema,
            } => json!({"materialized-view": without_nulls(json!({
                "sink_id": id(sink), "on_id": id(on), "shard": shard, "schema": schema,
            }))}),
            Export::Subscribe {
                sink,
                on,
                schema,
                up_to,
                snapshot,
            } => json!({"subscribe": without_nulls(json!({
                "sink_id": id(sink), "on_id": id(on), "schema": schema, "up_to": up_to,
                "snapshot": (!snapshot).then_some(false),
            }))}),
        })
        .collect();
    let join = join.map(|join| match join {
        JoinChoice::Linear => "linear",
        JoinChoice::Delta => "delta",
    });
    json!({
        "name": name, "as_of": as_of, "until": until, "optimize": optimize.then_some(true),
        "join": join, "imports": imports, "builds": builds, "exports": exports,
    })
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
