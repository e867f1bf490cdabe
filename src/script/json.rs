//! The JSON form: one command object a line. Source: `spec/script.md` §5.
//!
//! Invariants: what upstream's JSON scripts say is read as upstream reads it;
//! the newer commands take the obvious JSON form of their text arguments
//! (*extension*). Parsing is total.

use serde::Deserialize;
use serde_json::Value;

use super::command::*;
use super::text::ScriptError;
use crate::repr::{Diff, GlobalId, Timestamp};

/// Whether a script is in the JSON form: its first significant line starts
/// with `{`.
pub fn is_json(text: &str) -> bool {
    significant(text)
        .next()
        .is_some_and(|(_, line)| line.starts_with('{'))
}

/// The lines that hold commands, numbered from 1.
pub fn significant(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#') && !line.starts_with("//"))
}

/// Reads a whole script in the JSON form.
pub fn parse(text: &str) -> Result<Vec<(usize, Command)>, ScriptError> {
    significant(text)
        .map(|(line, text)| match parse_command(text) {
            Ok(command) => Ok((line, command)),
            Err(message) => Err(ScriptError { line, message }),
        })
        .collect()
}

/// Reads a whole script, line by line: a bad line says so in its place.
pub fn lines(text: &str) -> Vec<(usize, Result<Command, String>)> {
    significant(text)
        .map(|(line, text)| (line, parse_command(text)))
        .collect()
}

/// Reads one line.
pub fn parse_command(line: &str) -> Result<Command, String> {
    let command: JsonCommand =
        serde_json::from_str(line).map_err(|e| format!("parse error: {e}"))?;
    Ok(command.into())
}

/// An id: a bare number is a user id, text is a prefixed id (*extension*).
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonId {
    Number(u64),
    Text(String),
}

fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<GlobalId, D::Error> {
    match JsonId::deserialize(deserializer)? {
        JsonId::Number(n) => Ok(GlobalId::User(n)),
        JsonId::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn default_timeout() -> u64 {
    DEFAULT_TIMEOUT_SECS
}

fn default_row_bytes() -> usize {
    DEFAULT_ROW_BYTES
}

#[derive(Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
enum JsonCommand {
    CreateInstance {
        expiration_offset: Option<String>,
        #[serde(default)]
        arrangement_dictionary_compression: bool,
    },
    UpdateConfiguration {
        #[serde(default)]
        updates: Vec<JsonSetting>,
    },
    InitializationComplete,
    Reconnect,
    DefineSchema {
        name: String,
        columns: Vec<JsonColumn>,
    },
    WriteSingleTs {
        shard: String,
        schema: Option<String>,
        ts: Timestamp,
        #[serde(alias = "rows")]
        count: u64,
        #[serde(default)]
        start: u64,
        #[serde(default = "default_row_bytes")]
        row_bytes: usize,
    },
    WriteSpread {
        shard: String,
        schema: Option<String>,
        #[serde(alias = "rows")]
        count: u64,
        n_ts: u64,
        #[serde(default)]
        start: u64,
        #[serde(default = "default_row_bytes")]
        row_bytes: usize,
    },
    WriteRows {
        shard: String,
        schema: Option<String>,
        ts: Timestamp,
        rows: Vec<Vec<Value>>,
        /// *Extension*: one multiplicity a row; 1 where absent.
        #[serde(default)]
        diffs: Vec<Diff>,
    },
    DefineIndex {
        #[serde(deserialize_with = "id")]
        source_id: GlobalId,
        #[serde(deserialize_with = "id")]
        index_id: GlobalId,
        shard: String,
        schema: Option<String>,
        key: Vec<usize>,
        as_of: Timestamp,
        upper: Timestamp,
    },
    CreateDataflow {
        name: Option<String>,
        as_of: Timestamp,
        until: Option<Timestamp>,
        #[serde(default)]
        optimize: bool,
        join: Option<JsonJoin>,
        #[serde(default)]
        imports: Vec<JsonImport>,
        #[serde(default)]
        builds: Vec<JsonBuild>,
        #[serde(default)]
        exports: Vec<JsonExport>,
    },
    Schedule {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
    },
    AllowCompaction {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        /// Null is the empty frontier. Naming the function makes the field
        /// mandatory: leaving it out must not drop a collection.
        #[serde(deserialize_with = "Option::deserialize")]
        frontier: Option<Timestamp>,
    },
    AllowWrites {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
    },
    AwaitFrontier {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        ts: Timestamp,
        #[serde(default = "default_timeout")]
        timeout_secs: u64,
        #[serde(default)]
        allow_timeout: bool,
    },
    Count {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        ts: Timestamp,
    },
    Peek {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        schema: Option<String>,
        ts: Timestamp,
        #[serde(default)]
        literals: Vec<Vec<serde_json::Value>>,
        #[serde(default)]
        order_by: Vec<JsonOrderBy>,
        limit: Option<u64>,
        #[serde(default)]
        offset: u64,
    },
    PeekCount {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        schema: Option<String>,
        ts: Timestamp,
    },
    ExpectCount {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        schema: Option<String>,
        ts: Timestamp,
        count: u64,
    },
    ExpectError {
        command: Box<JsonCommand>,
    },
    AwaitSubscribe {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        up_to: Timestamp,
        #[serde(default = "default_timeout")]
        timeout_secs: u64,
    },
    StartPeek {
        peek: String,
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        schema: Option<String>,
        ts: Timestamp,
    },
    AwaitPeek {
        peek: String,
        #[serde(default = "default_timeout")]
        timeout_secs: u64,
    },
    CancelPeek {
        peek: String,
    },
    DowngradeSince {
        shard: String,
        since: Timestamp,
    },
    Restart,
}

#[derive(Deserialize)]
struct JsonOrderBy {
    column: usize,
    #[serde(default)]
    desc: bool,
    #[serde(default)]
    nulls_last: bool,
}

#[derive(Deserialize)]
struct JsonSetting {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    value: String,
}

#[derive(Deserialize)]
struct JsonColumn {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    #[serde(default)]
    nullable: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum JsonJoin {
    Linear,
    Delta,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum JsonImport {
    Source {
        #[serde(deserialize_with = "id")]
        id: GlobalId,
        shard: String,
        schema: Option<String>,
        upper: Timestamp,
    },
    Index {
        #[serde(deserialize_with = "id")]
        index_id: GlobalId,
    },
}

#[derive(Deserialize)]
struct JsonBuild {
    #[serde(deserialize_with = "id")]
    id: GlobalId,
    expr: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum JsonExport {
    Index {
        #[serde(deserialize_with = "id")]
        index_id: GlobalId,
        #[serde(deserialize_with = "id")]
        on_id: GlobalId,
        key: Vec<usize>,
    },
    MaterializedView {
        #[serde(deserialize_with = "id")]
        sink_id: GlobalId,
        #[serde(deserialize_with = "id")]
        on_id: GlobalId,
        shard: String,
        schema: Option<String>,
    },
    Subscribe {
        #[serde(deserialize_with = "id")]
        sink_id: GlobalId,
        #[serde(deserialize_with = "id")]
        on_id: GlobalId,
        schema: Option<String>,
        up_to: Option<Timestamp>,
        /// Left out means with one.
        snapshot: Option<bool>,
    },
}

impl From<JsonCommand> for Command {
    fn from(command: JsonCommand) -> Command {
        match command {
            JsonCommand::CreateInstance {
                expiration_offset,
                arrangement_dictionary_compression,
            } => Command::CreateInstance {
                expiration_offset,
                arrangement_dictionary_compression,
            },
            JsonCommand::UpdateConfiguration { updates } => Command::UpdateConfiguration {
                settings: updates
                    .into_iter()
                    .map(|s| Setting {
                        name: s.name,
                        ty: s.ty,
                        value: s.value,
                    })
                    .collect(),
            },
            JsonCommand::InitializationComplete => Command::InitializationComplete,
            JsonCommand::Reconnect => Command::Reconnect,
            JsonCommand::DefineSchema { name, columns } => Command::DefineSchema {
                name,
                columns: columns
                    .into_iter()
                    .map(|c| ColumnDef {
                        name: c.name,
                        ty: c.ty,
                        nullable: c.nullable,
                    })
                    .collect(),
            },
            JsonCommand::WriteSingleTs {
                shard,
                schema,
                ts,
                count,
                start,
                row_bytes,
            } => Command::WriteSingleTs {
                shard,
                schema,
                ts,
                count,
                start,
                row_bytes,
            },
            JsonCommand::WriteSpread {
                shard,
                schema,
                count,
                n_ts,
                start,
                row_bytes,
            } => Command::WriteSpread {
                shard,
                schema,
                count,
                n_ts,
                start,
                row_bytes,
            },
            JsonCommand::WriteRows {
                shard,
                schema,
                ts,
                rows,
                diffs,
            } => Command::WriteRows {
                shard,
                schema,
                ts,
                rows: rows
                    .into_iter()
                    .enumerate()
                    .map(|(i, cells)| RowLine {
                        cells: cells.into_iter().map(Cell::Json).collect(),
                        diff: diffs.get(i).copied().unwrap_or(1),
                    })
                    .collect(),
            },
            JsonCommand::DefineIndex {
                source_id,
                index_id,
                shard,
                schema,
                key,
                as_of,
                upper,
            } => Command::DefineIndex {
                source: source_id,
                index: index_id,
                shard,
                schema,
                key,
                as_of,
                upper,
            },
            JsonCommand::CreateDataflow {
                name,
                as_of,
                until,
                optimize,
                join,
                imports,
                builds,
                exports,
            } => Command::CreateDataflow(CreateDataflow {
                name: name.unwrap_or_else(|| DEFAULT_DATAFLOW_NAME.to_string()),
                as_of,
                until,
                optimize,
                join: join.map(|join| match join {
                    JsonJoin::Linear => JoinChoice::Linear,
                    JsonJoin::Delta => JoinChoice::Delta,
                }),
                imports: imports.into_iter().map(Import::from).collect(),
                builds: builds
                    .into_iter()
                    .map(|JsonBuild { id, expr }| Build { id, expr })
                    .collect(),
                exports: exports.into_iter().map(Export::from).collect(),
            }),
            JsonCommand::Schedule { id } => Command::Schedule { id },
            JsonCommand::AllowCompaction { id, frontier } => {
                Command::AllowCompaction { id, frontier }
            }
            JsonCommand::AllowWrites { id } => Command::AllowWrites { id },
            JsonCommand::AwaitFrontier {
                id,
                ts,
                timeout_secs,
                allow_timeout,
            } => Command::AwaitFrontier {
                id,
                ts,
                timeout_secs,
                allow_timeout,
            },
            JsonCommand::Count { id, ts } => Command::Count { id, ts },
            JsonCommand::Peek {
                id,
                schema,
                ts,
                literals,
                order_by,
                limit,
                offset,
            } => Command::Peek {
                id,
                schema,
                ts,
                selection: Selection {
                    literals: literals
                        .into_iter()
                        .map(|cells| cells.into_iter().map(Cell::Json).collect())
                        .collect(),
                    order_by: order_by
                        .into_iter()
                        .map(|order| OrderBy {
                            column: order.column,
                            desc: order.desc,
                            nulls_last: order.nulls_last,
                        })
                        .collect(),
                    limit,
                    offset,
                },
            },
            JsonCommand::PeekCount { id, schema, ts } => Command::PeekCount { id, schema, ts },
            JsonCommand::ExpectCount {
                id,
                schema,
                ts,
                count,
            } => Command::ExpectCount {
                id,
                schema,
                ts,
                count,
            },
            JsonCommand::ExpectError { command } => Command::ExpectError {
                command: Box::new((*command).into()),
            },
            JsonCommand::AwaitSubscribe {
                id,
                up_to,
                timeout_secs,
            } => Command::AwaitSubscribe {
                id,
                up_to,
                timeout_secs,
            },
            JsonCommand::StartPeek {
                peek,
                id,
                schema,
                ts,
            } => Command::StartPeek {
                peek,
                id,
                schema,
                ts,
            },
            JsonCommand::AwaitPeek { peek, timeout_secs } => {
                Command::AwaitPeek { peek, timeout_secs }
            }
            JsonCommand::CancelPeek { peek } => Command::CancelPeek { peek },
            JsonCommand::DowngradeSince { shard, since } => {
                Command::DowngradeSince { shard, since }
            }
            JsonCommand::Restart => Command::Restart,
        }
    }
}

impl From<JsonImport> for Import {
    fn from(import: JsonImport) -> Import {
        match import {
            JsonImport::Source {
                id,
                shard,
                schema,
                upper,
            } => Import::Source {
                id,
                shard,
                schema,
                upper,
            },
            JsonImport::Index { index_id } => Import::Index { index: index_id },
        }
    }
}

impl From<JsonExport> for Export {
    fn from(export: JsonExport) -> Export {
        match export {
            JsonExport::Index {
                index_id,
                on_id,
                key,
            } => Export::Index {
                index: index_id,
                on: on_id,
                key,
            },
            JsonExport::MaterializedView {
                sink_id,
                on_id,
                shard,
                schema,
            } => Export::MaterializedView {
                sink: sink_id,
                on: on_id,
                shard,
                schema,
            },
            JsonExport::Subscribe {
                sink_id,
                on_id,
                schema,
                up_to,
                snapshot,
            } => Export::Subscribe {
                sink: sink_id,
                on: on_id,
                schema,
                up_to,
                snapshot: snapshot.unwrap_or(true),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_commands_are_read_with_their_defaults() {
        let command =
            parse_command(r#"{"cmd":"write_single_ts","shard":"s","ts":0,"rows":5}"#).unwrap();
        assert_eq!(
            command,
            Command::WriteSingleTs {
                shard: "s".into(),
                schema: None,
                ts: 0,
                count: 5,
                start: 0,
                row_bytes: 64
            }
        );
        let command = parse_command(
            r#"{"cmd":"expect_error","command":{"cmd":"schedule","id":7,"unknown":1}}"#,
        );
        assert_eq!(
            command.unwrap(),
            Command::ExpectError {
                command: Box::new(Command::Schedule {
                    id: GlobalId::User(7)
                })
            }
        );
    }

    #[test]
    fn the_form_shows_in_the_first_significant_line() {
        assert!(is_json("# c\n\n// d\n  {\"cmd\":\"reconnect\"}"));
        assert!(!is_json("# c\ncreate-instance\n----\nok\n"));
        assert!(!is_json(""));
    }

    #[test]
    fn a_bad_line_is_one_error_with_its_number() {
        let err = parse("\n{\"cmd\":\"nope\"}").unwrap_err();
        assert_eq!(err.line, 2);
        assert!(
            err.message
                .starts_with("parse error: unknown variant `nope`"),
            "{err}"
        );
        assert!(!err.message.contains('\n'));
    }
}
