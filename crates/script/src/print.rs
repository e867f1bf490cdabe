//! Printing of commands in the text form. What is printed parses back to an
//! equal command; defaults are left out.
//!
//! Invariant: one command prints one way, so that two runs that shrink to the
//! same script write the same file.

use std::fmt::{self, Display, Write};

use super::cell::{Cell, DIFF, RowLine};
use super::command::*;
use repr::{GlobalId, Timestamp};

/// An id as scripts write it: user ids bare, others with their prefix.
struct ScriptId(GlobalId);

impl Display for ScriptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            GlobalId::User(n) => write!(f, "{n}"),
            id => write!(f, "{id}"),
        }
    }
}

impl Display for Plan {
    /// Its lines, without a final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plan::Operators(relation) => f.write_str(plan::print(relation).trim_end()),
            Plan::Text(text) => f.write_str(text),
        }
    }
}

/// The cells of a row, each as a token.
fn tokens(cells: &[Cell]) -> Vec<String> {
    cells.iter().map(Cell::to_string).collect()
}

/// The line of a row. Its multiplicity is told if it is not 1, or if the last
/// cell would pass for one.
fn row(row: &RowLine) -> String {
    let mut tokens = tokens(&row.cells);
    if row.diff != 1 || tokens.last().is_some_and(|last| last.starts_with(DIFF)) {
        tokens.push(format!("{DIFF}{}", row.diff));
    }
    tokens.join(" ")
}

/// A list like `[0,1]`.
fn list<T: Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    format!("[{}]", items.join(","))
}

/// Builds the header line of a stanza: a verb and its arguments.
struct Header(String);

impl Header {
    fn new(verb: &str) -> Self {
        Header(verb.to_string())
    }

    fn arg(mut self, key: &str, value: impl Display) -> Self {
        let _ = write!(self.0, " {key}={value}");
        self
    }

    fn opt(self, key: &str, value: &Option<impl Display>) -> Self {
        match value {
            Some(value) => self.arg(key, value),
            None => self,
        }
    }

    fn unless<T: Display + PartialEq>(self, key: &str, value: T, default: T) -> Self {
        if value == default {
            self
        } else {
            self.arg(key, value)
        }
    }

    fn flag(mut self, name: &str, on: bool) -> Self {
        if on {
            let _ = write!(self.0, " {name}");
        }
        self
    }
}

fn setting(setting: &Setting) -> String {
    let Setting { name, ty, value } = setting;
    format!("{name} {ty} {value}")
}

impl Display for Command {
    /// The input block of the command's stanza, without a final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = Header::new(self.verb());
        let (head, body): (Header, Vec<String>) = match self {
            Command::CreateInstance {
                expiration_offset,
                arrangement_dictionary_compression,
                settings,
            } => (
                head.opt("expiration-offset", expiration_offset).unless(
                    "arrangement-dictionary-compression",
                    *arrangement_dictionary_compression,
                    false,
                ),
                settings.iter().map(setting).collect(),
            ),
            Command::UpdateConfiguration { settings } => {
                (head, settings.iter().map(setting).collect())
            }
            Command::InitializationComplete | Command::Reconnect | Command::Restart => {
                (head, vec![])
            }
            Command::Kill { replica, replaced } => {
                let head = head.arg("replica", replica);
                (head.flag("replaced", *replaced), vec![])
            }
            Command::DefineSchema { name, columns } => (
                head.arg("name", name),
                columns
                    .iter()
                    .map(|c| {
                        let nullable = if c.nullable { " nullable" } else { "" };
                        format!("{} {}{nullable}", c.name, c.ty)
                    })
                    .collect(),
            ),
            Command::WriteSingleTs {
                shard,
                schema,
                ts,
                count,
                start,
                row_bytes,
            } => (
                head.arg("shard", shard)
                    .arg("ts", ts)
                    .arg("count", count)
                    .unless("start", *start, 0)
                    .unless("row-bytes", *row_bytes, DEFAULT_ROW_BYTES)
                    .opt("schema", schema),
                vec![],
            ),
            Command::WriteSpread {
                shard,
                schema,
                count,
                n_ts,
                start,
                row_bytes,
            } => (
                head.arg("shard", shard)
                    .arg("count", count)
                    .arg("n-ts", n_ts)
                    .unless("start", *start, 0)
                    .unless("row-bytes", *row_bytes, DEFAULT_ROW_BYTES)
                    .opt("schema", schema),
                vec![],
            ),
            Command::WriteRows {
                shard,
                schema,
                ts,
                part_bytes,
                rows,
            } => (
                head.arg("shard", shard)
                    .arg("ts", ts)
                    .opt("part-bytes", part_bytes)
                    .opt("schema", schema),
                rows.iter().map(row).collect(),
            ),
            Command::DefineIndex {
                source,
                index,
                shard,
                schema,
                key,
                as_of,
                upper,
            } => (
                head.arg("source", ScriptId(*source))
                    .arg("index", ScriptId(*index))
                    .arg("shard", shard)
                    .arg("key", list(key))
                    .arg("as-of", as_of)
                    .arg("upper", upper)
                    .opt("schema", schema),
                vec![],
            ),
            Command::CreateDataflow(dataflow) => create_dataflow(head, dataflow),
            Command::Schedule { id } | Command::AllowWrites { id } => {
                (head.arg("id", ScriptId(*id)), vec![])
            }
            Command::AllowCompaction { id, frontier } => {
                let head = head.arg("id", ScriptId(*id));
                match frontier {
                    Some(ts) => (head.arg("frontier", ts), vec![]),
                    None => (head.arg("frontier", "[]"), vec![]),
                }
            }
            Command::AwaitFrontier {
                id,
                ts,
                timeout_secs,
                allow_timeout,
            } => (
                head.arg("id", ScriptId(*id))
                    .arg("ts", ts)
                    .unless("timeout-secs", *timeout_secs, DEFAULT_TIMEOUT_SECS)
                    .flag("allow-timeout", *allow_timeout),
                vec![],
            ),
            Command::Count { id, ts } => (head.arg("id", ScriptId(*id)).arg("ts", ts), vec![]),
            Command::Peek {
                id,
                schema,
                ts,
                selection,
            } => peek(head, *id, *ts, schema, selection),
            Command::PeekCount { id, schema, ts } => (
                head.arg("id", ScriptId(*id))
                    .arg("ts", ts)
                    .opt("schema", schema),
                vec![],
            ),
            Command::ExpectCount {
                id,
                schema,
                ts,
                count,
            } => (
                head.arg("id", ScriptId(*id))
                    .arg("ts", ts)
                    .arg("count", count)
                    .opt("schema", schema),
                vec![],
            ),
            Command::ExpectError { command } => (
                head,
                command.to_string().lines().map(str::to_string).collect(),
            ),
            Command::AwaitSubscribe {
                id,
                up_to,
                timeout_secs,
            } => (
                head.arg("id", ScriptId(*id)).arg("up-to", up_to).unless(
                    "timeout-secs",
                    *timeout_secs,
                    DEFAULT_TIMEOUT_SECS,
                ),
                vec![],
            ),
            Command::StartPeek {
                peek: name,
                id,
                schema,
                ts,
                selection,
            } => peek(head.arg("peek", name), *id, *ts, schema, selection),
            Command::AwaitPeek { peek, timeout_secs } => (
                head.arg("peek", peek)
                    .unless("timeout-secs", *timeout_secs, DEFAULT_TIMEOUT_SECS),
                vec![],
            ),
            Command::CancelPeek { peek } => (head.arg("peek", peek), vec![]),
            Command::DowngradeSince { shard, since } => {
                (head.arg("shard", shard).arg("since", since), vec![])
            }
        };
        f.write_str(&head.0)?;
        for line in body {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

impl Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OrderBy {
            column,
            desc,
            nulls_last,
        } = self;
        write!(f, "#{column}")?;
        for (word, said) in [(":desc", desc), (":nulls-last", nulls_last)] {
            if *said {
                f.write_str(word)?;
            }
        }
        Ok(())
    }
}

/// A peek, whether it is waited for or not: what it reads, and what it asks for.
fn peek(
    head: Header,
    id: GlobalId,
    ts: Timestamp,
    schema: &Option<String>,
    selection: &Selection,
) -> (Header, Vec<String>) {
    let Selection {
        literals,
        order_by,
        limit,
        offset,
        plan,
    } = selection;
    let head = head
        .arg("id", ScriptId(id))
        .arg("ts", ts)
        .opt("schema", schema);
    let order: Vec<String> = order_by.iter().map(OrderBy::to_string).collect();
    let head = match order.is_empty() {
        true => head,
        false => head.arg("order-by", order.join(",")),
    };
    let mut body: Vec<String> = literals
        .iter()
        .map(|cells| tokens(cells).join(" "))
        .collect();
    if let Some(plan) = plan {
        body.push("plan".to_string());
        body.extend(plan.to_string().lines().map(|line| format!("  {line}")));
    }
    (head.opt("limit", limit).unless("offset", *offset, 0), body)
}

fn create_dataflow(head: Header, dataflow: &CreateDataflow) -> (Header, Vec<String>) {
    let head = head
        .unless("name", dataflow.name.as_str(), DEFAULT_DATAFLOW_NAME)
        .arg("as-of", dataflow.as_of)
        .opt("until", &dataflow.until);
    let head = match dataflow.join {
        None => head,
        Some(JoinChoice::Linear) => head.arg("join", "linear"),
        Some(JoinChoice::Delta) => head.arg("join", "delta"),
    };
    let head = head.flag("optimize", dataflow.optimize);
    let mut body: Vec<String> = dataflow.imports.iter().map(import).collect();
    for build in &dataflow.builds {
        body.push(Header::new("build").arg("id", ScriptId(build.id)).0);
        let plan = build.plan.to_string();
        body.extend(plan.lines().map(|line| format!("  {line}")));
    }
    body.extend(dataflow.exports.iter().map(export));
    (head, body)
}

fn import(import: &Import) -> String {
    let line = Header::new("import");
    let line = match import {
        Import::Source {
            id,
            shard,
            schema,
            upper,
        } => line
            .arg("source", ScriptId(*id))
            .arg("shard", shard)
            .opt("schema", schema)
            .arg("upper", upper),
        Import::Index { index } => line.arg("index", ScriptId(*index)),
    };
    line.0
}

fn export(export: &Export) -> String {
    let line = Header::new("export");
    let line = match export {
        Export::Index { index, on, key } => line
            .arg("index", ScriptId(*index))
            .arg("on", ScriptId(*on))
            .arg("key", list(key)),
        Export::MaterializedView {
            sink,
            on,
            shard,
            schema,
            not_null,
            refresh,
        } => {
            let line = line
                .arg("kind", "materialized-view")
                .arg("sink", ScriptId(*sink))
                .arg("on", ScriptId(*on))
                .arg("shard", shard)
                .opt("schema", schema);
            let line = match not_null.is_empty() {
                true => line,
                false => line.arg("not-null", list(not_null)),
            };
            let every = refresh.as_ref().and_then(Refresh::every);
            let line = line.opt("refresh-every", &every);
            match refresh.as_ref().map(Refresh::at) {
                None | Some([]) => line,
                Some(at) => line.arg("refresh-at", list(at)),
            }
        }
        Export::Subscribe {
            sink,
            on,
            schema,
            up_to,
            snapshot,
        } => line
            .arg("kind", "subscribe")
            .arg("sink", ScriptId(*sink))
            .arg("on", ScriptId(*on))
            .opt("schema", schema)
            .opt("up-to", up_to)
            .unless("snapshot", *snapshot, true),
    };
    line.0
}

#[cfg(test)]
mod tests {
    use crate::data::read_cells;
    use crate::text::parse_command;
    use crate::{Command, json, json_print};

    fn read(mut command: Command) -> Command {
        read_cells([&mut command]);
        command
    }

    #[test]
    fn rows_read_back_from_both_forms() {
        let rows = [
            "null \"null\"",
            "1 \"\"",
            "+1 \" a  b \" diff=-1",
            "1 a\"b  c\"",
            "1 \"\"x\"\"",
            "1 [1, 2]",
            "1 \"[\"",
            "1 \"diff=2\"",
            "1 diff=2 diff=1",
            "1 diff=2 diff=3",
            "one x",
            "\"1\" x",
            "1 x y",
            "1 diff=two",
        ];
        for row in rows {
            let written = format!("write-rows shard=s ts=0\n  {row}");
            let command = read(parse_command(&written).unwrap());
            let printed = command.to_string();
            let again = read(parse_command(&printed).unwrap());
            assert_eq!(again, command, "{printed}");
            // What its column cannot hold is told in the other form.
            let typed = |command: &Command| !format!("{command:?}").contains("Verbatim");
            let line = json_print::print(&command).to_string();
            let again = read(json::parse_command(&line).unwrap());
            assert!(again == command || !typed(&command), "{line}");
            assert_eq!(json_print::print(&again).to_string(), line);
        }
    }

    #[test]
    fn a_schedule_reads_back_from_both_forms_and_has_a_time() {
        let written = |refresh: &str| {
            format!(
                "create-dataflow as-of=0\n  \
                 export kind=materialized-view sink=1 on=2 shard=v {refresh}"
            )
        };
        for refresh in [
            "refresh-every=3",
            "refresh-every=3@7",
            "refresh-at=[2,1]",
            "refresh-every=1@2 refresh-at=[0]",
        ] {
            let command = parse_command(&written(refresh)).unwrap();
            assert_eq!(command.to_string(), written(refresh));
            let line = json_print::print(&command).to_string();
            assert_eq!(json::parse_command(&line), Ok(command), "{line}");
        }
        for refresh in ["refresh-at=[]", "refresh-every=0", "refresh-every=1@"] {
            let error = parse_command(&written(refresh)).unwrap_err();
            assert!(error.to_string().contains("expected"), "{error}");
        }
        let command = parse_command(&written("refresh-at=[2]")).unwrap();
        let line = json_print::print(&command).to_string();
        let error = json::parse_command(&line.replace("[2]", "[]")).unwrap_err();
        assert!(error.contains("expected `refresh-every`"), "{error}");
    }

    #[test]
    fn a_row_without_a_schema_stays_as_it_was_written() {
        for row in ["1 \"a\" null", "yes +1 diff=-2", "\"\""] {
            let written = format!("write-rows shard=s ts=0 schema=unknown\n  {row}");
            let command = read(parse_command(&written).unwrap());
            assert_eq!(command.to_string(), written);
        }
    }
}
