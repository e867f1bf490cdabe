//! The text form (`.spec`): a file of stanzas, each a command and the block of
//! output that it must give. Source: `spec/script.md` §1, §2.
//!
//! Invariants: parsing is total (every input gives a script or one line that
//! names the stanza and what was expected); everything that is not a stanza is
//! kept verbatim, so that a rewrite changes expected blocks only.

use super::cell::{Cell, DIFF, RowLine};
use super::command::*;
use super::data::read_cells;
use super::error::ScriptError;
use super::lex::{Header, Line, SEPARATOR, lines, parse_id, tokens};
use super::{Item, Script, Stanza};

/// Reads a script in the text form.
pub fn parse(text: &str) -> Result<Script, ScriptError> {
    let all: Vec<&str> = text.lines().collect();
    let mut items = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let line = all[at];
        if line.trim().is_empty() || line.starts_with('#') {
            items.push(Item::Verbatim(line.to_string()));
            at += 1;
            continue;
        }
        let start = at;
        let error = |message| ScriptError {
            line: start + 1,
            message,
        };
        let separator = all[start..]
            .iter()
            .position(|line| *line == SEPARATOR)
            .map(|offset| start + offset)
            .ok_or_else(|| {
                error(format!(
                    "stanza starting at line {} has no `{SEPARATOR}` separator",
                    start + 1
                ))
            })?;
        let end = all[separator + 1..]
            .iter()
            .position(|line| line.trim().is_empty())
            .map_or(all.len(), |offset| separator + 1 + offset);
        let input = all[start..separator].join("\n");
        let command = parse_command(&input).map_err(error)?;
        items.push(Item::Stanza(Stanza {
            line: start + 1,
            input,
            command,
            expected: all[separator + 1..end].join("\n"),
        }));
        at = end;
    }
    let mut script = Script { items };
    read_cells(script.stanzas_mut().map(|stanza| &mut stanza.command));
    Ok(script)
}

/// Reads one input block: a command without its expected output. What types its
/// cells have, the commands before it say.
pub fn parse_command(input: &str) -> Result<Command, String> {
    let lines = lines(input);
    let (first, body) = lines.split_first().ok_or("empty command")?;
    if first.indent > 0 {
        return Err("directive must not be indented".to_string());
    }
    let header = Header::parse(first.text)?;
    command(&header, body)
}

fn command(h: &Header, body: &[Line<'_>]) -> Result<Command, String> {
    Ok(match h.verb.as_str() {
        "create-instance" => Command::CreateInstance {
            expiration_offset: h.opt_string("expiration-offset"),
            arrangement_dictionary_compression: h
                .bool_or("arrangement-dictionary-compression", false)?,
            settings: body.iter().map(setting).collect::<Result<_, _>>()?,
        },
        "update-configuration" => Command::UpdateConfiguration {
            settings: body.iter().map(setting).collect::<Result<_, _>>()?,
        },
        "initialization-complete" => Command::InitializationComplete,
        "reconnect" => Command::Reconnect,
        "define-schema" => Command::DefineSchema {
            name: h.string("name")?,
            columns: body.iter().map(column).collect::<Result<_, _>>()?,
        },
        "write-single-ts" => Command::WriteSingleTs {
            shard: h.string("shard")?,
            schema: h.opt_string("schema"),
            ts: h.u64("ts")?,
            count: h.u64("count")?,
            start: h.u64_or("start", 0)?,
            row_bytes: h.usize_or("row-bytes", DEFAULT_ROW_BYTES)?,
        },
        "write-spread" => Command::WriteSpread {
            shard: h.string("shard")?,
            schema: h.opt_string("schema"),
            count: h.u64("count")?,
            n_ts: h.u64("n-ts")?,
            start: h.u64_or("start", 0)?,
            row_bytes: h.usize_or("row-bytes", DEFAULT_ROW_BYTES)?,
        },
        "write-rows" => Command::WriteRows {
            shard: h.string("shard")?,
            schema: h.opt_string("schema"),
            ts: h.u64("ts")?,
            part_bytes: h.opt_u64("part-bytes")?,
            rows: body.iter().map(row).collect::<Result<_, _>>()?,
        },
        "define-index" => Command::DefineIndex {
            source: h.id("source")?,
            index: h.id("index")?,
            shard: h.string("shard")?,
            schema: h.opt_string("schema"),
            key: h.usize_list("key")?,
            as_of: h.u64("as-of")?,
            upper: h.u64("upper")?,
        },
        "create-dataflow" => Command::CreateDataflow(create_dataflow(h, body)?),
        "schedule" => Command::Schedule { id: h.id("id")? },
        "allow-compaction" => Command::AllowCompaction {
            id: h.id("id")?,
            frontier: match h.req("frontier")? {
                "[]" => None,
                _ => Some(h.u64("frontier")?),
            },
        },
        "allow-writes" => Command::AllowWrites { id: h.id("id")? },
        "await-frontier" => Command::AwaitFrontier {
            id: h.id("id")?,
            ts: h.u64("ts")?,
            timeout_secs: h.u64_or("timeout-secs", DEFAULT_TIMEOUT_SECS)?,
            allow_timeout: h.flag("allow-timeout"),
        },
        "count" => Command::Count {
            id: h.id("id")?,
            ts: h.u64("ts")?,
        },
        "peek" => Command::Peek {
            id: h.id("id")?,
            schema: h.opt_string("schema"),
            ts: h.u64("ts")?,
            selection: selection(h, body)?,
        },
        "peek-count" => Command::PeekCount {
            id: h.id("id")?,
            schema: h.opt_string("schema"),
            ts: h.u64("ts")?,
        },
        "expect-count" => Command::ExpectCount {
            id: h.id("id")?,
            schema: h.opt_string("schema"),
            ts: h.u64("ts")?,
            count: h.u64("count")?,
        },
        "expect-error" => Command::ExpectError {
            command: Box::new(expected_error(body)?),
        },
        "await-subscribe" => Command::AwaitSubscribe {
            id: h.id("id")?,
            up_to: h.u64("up-to")?,
            timeout_secs: h.u64_or("timeout-secs", DEFAULT_TIMEOUT_SECS)?,
        },
        "start-peek" => Command::StartPeek {
            peek: h.string("peek")?,
            id: h.id("id")?,
            schema: h.opt_string("schema"),
            ts: h.u64("ts")?,
            selection: selection(h, body)?,
        },
        "await-peek" => Command::AwaitPeek {
            peek: h.string("peek")?,
            timeout_secs: h.u64_or("timeout-secs", DEFAULT_TIMEOUT_SECS)?,
        },
        "cancel-peek" => Command::CancelPeek {
            peek: h.string("peek")?,
        },
        "downgrade-since" => Command::DowngradeSince {
            shard: h.string("shard")?,
            since: h.u64("since")?,
        },
        "restart" => Command::Restart,
        "kill" => Command::Kill {
            replica: h.u64("replica")?.try_into()?,
            replaced: h.flag("replaced"),
        },
        verb => return Err(format!("unknown command `{verb}`")),
    })
}

/// Which rows a peek asks for: a line of cells for each literal, and `plan` with the
/// plan below it.
fn selection(h: &Header, body: &[Line<'_>]) -> Result<Selection, String> {
    let mut selection = Selection {
        order_by: match h.opt("order-by") {
            None => Vec::new(),
            Some(list) => list.split(',').map(order_by).collect::<Result<_, _>>()?,
        },
        limit: h.opt_u64("limit")?,
        offset: h.u64_or("offset", 0)?,
        ..Selection::default()
    };
    for (head, inner) in group(body)? {
        match (inner, head.text) {
            ([], _) => selection.literals.push(literal(&head)?),
            (inner, "plan") if selection.plan.is_none() => {
                selection.plan = Some(Box::new(rerender(inner)?.into()));
            }
            (_, text) => {
                return Err(format!(
                    "a peek has literals, and at most one `plan` over deeper lines, got `{text}` over some"
                ));
            }
        }
    }
    Ok(selection)
}

fn setting(line: &Line<'_>) -> Result<Setting, String> {
    match tokens(line.text)?.as_slice() {
        [name, ty, value] => Ok(Setting {
            name: name.clone(),
            ty: ty.clone(),
            value: value.clone(),
        }),
        _ => Err(format!(
            "config setting needs `name type value`, got `{}`",
            line.text
        )),
    }
}

fn column(line: &Line<'_>) -> Result<ColumnDef, String> {
    match tokens(line.text)?.as_slice() {
        [name, ty, rest @ ..] => Ok(ColumnDef {
            name: name.clone(),
            ty: ty.clone(),
            nullable: rest.first().is_some_and(|t| t == "nullable"),
        }),
        _ => Err(format!(
            "column needs `name type [nullable]`, got `{}`",
            line.text
        )),
    }
}

/// A row of tokens. *Extension*: a last unquoted token `diff=N` is the row's
/// multiplicity.
fn row(line: &Line<'_>) -> Result<RowLine, String> {
    let mut cells = tokens(line.text)?;
    let diff = cells
        .last()
        .and_then(|last| last.strip_prefix(DIFF)?.parse().ok());
    if diff.is_some() {
        cells.pop();
    }
    Ok(RowLine {
        cells: cells.into_iter().map(Cell::token).collect(),
        diff: diff.unwrap_or(1),
    })
}

/// The values of a key, without a multiplicity.
fn literal(line: &Line<'_>) -> Result<Vec<Cell>, String> {
    let RowLine { cells, diff } = row(line)?;
    match diff {
        1 => Ok(cells),
        _ => Err(format!("a literal has no diff, got `{}`", line.text)),
    }
}

/// `#1`, `#1:desc`, `#1:desc:nulls-last`, `#1:nulls-last`.
fn order_by(text: &str) -> Result<OrderBy, String> {
    let expected = || format!("expected `#COLUMN[:desc][:nulls-last]` in `order-by`, got `{text}`");
    let mut parts = text.split(':');
    let column = parts.next().and_then(|c| c.strip_prefix('#')?.parse().ok());
    let mut order = OrderBy {
        column: column.ok_or_else(expected)?,
        desc: false,
        nulls_last: false,
    };
    for part in parts {
        match part {
            "desc" => order.desc = true,
            "nulls-last" => order.nulls_last = true,
            _ => return Err(expected()),
        }
    }
    Ok(order)
}

/// The body of `expect-error`: the inner command, indented.
fn expected_error(body: &[Line<'_>]) -> Result<Command, String> {
    let (first, rest) = body
        .split_first()
        .ok_or("`expect-error` needs an indented command")?;
    command(&Header::parse(first.text)?, rest)
}

fn create_dataflow(h: &Header, body: &[Line<'_>]) -> Result<CreateDataflow, String> {
    let mut dataflow = CreateDataflow {
        name: h
            .opt_string("name")
            .unwrap_or_else(|| DEFAULT_DATAFLOW_NAME.to_string()),
        as_of: h.u64("as-of")?,
        until: h.opt_u64("until")?,
        optimize: h.flag("optimize"),
        join: match h.opt("join") {
            None => None,
            Some("linear") => Some(JoinChoice::Linear),
            Some("delta") => Some(JoinChoice::Delta),
            Some(v) => {
                return Err(format!(
                    "expected `join=linear` or `join=delta`, got `join={v}`"
                ));
            }
        },
        imports: Vec::new(),
        builds: Vec::new(),
        exports: Vec::new(),
    };
    for (line, inner) in group(body)? {
        let sub = Header::parse(line.text)?;
        match sub.verb.as_str() {
            "import" => dataflow.imports.push(import(&sub)?),
            "build" => dataflow.builds.push(Build {
                id: sub.id("id")?,
                plan: rerender(inner)?.into(),
            }),
            "export" => dataflow.exports.push(export(&sub)?),
            verb => return Err(format!("unknown `create-dataflow` sub-command `{verb}`")),
        }
    }
    Ok(dataflow)
}

/// Each line at the least indentation owns the deeper lines that follow it.
fn group<'a, 'b>(body: &'b [Line<'a>]) -> Result<Vec<(Line<'a>, &'b [Line<'a>])>, String> {
    let base = body.iter().map(|line| line.indent).min().unwrap_or(0);
    let mut groups = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let head = body[at];
        if head.indent > base {
            return Err(format!("inconsistent indentation: `{}`", head.text));
        }
        let end = body[at + 1..]
            .iter()
            .position(|line| line.indent == base)
            .map_or(body.len(), |offset| at + 1 + offset);
        groups.push((head, &body[at + 1..end]));
        at = end;
    }
    Ok(groups)
}

/// The plan below a `build`, with its own indentation removed.
fn rerender(inner: &[Line<'_>]) -> Result<String, String> {
    let base = inner
        .iter()
        .map(|line| line.indent)
        .min()
        .ok_or("`build` needs a MIR body")?;
    let lines: Vec<String> = inner
        .iter()
        .map(|line| format!("{}{}", " ".repeat(line.indent - base), line.text))
        .collect();
    Ok(lines.join("\n"))
}

fn import(h: &Header) -> Result<Import, String> {
    if let Some(index) = h.opt("index") {
        let index = parse_id(index).map_err(|_| format!("bad index id `{index}`"))?;
        return Ok(Import::Index { index });
    }
    Ok(Import::Source {
        id: h.id("source")?,
        shard: h.string("shard")?,
        schema: h.opt_string("schema"),
        upper: h.u64("upper")?,
    })
}

fn export(h: &Header) -> Result<Export, String> {
    let on = h.id("on")?;
    match h.opt("kind").unwrap_or("index") {
        "index" => Ok(Export::Index {
            index: h.id("index")?,
            on,
            key: h.usize_list("key")?,
        }),
        "materialized-view" => Ok(Export::MaterializedView {
            sink: h.id("sink")?,
            on,
            shard: h.string("shard")?,
            schema: h.opt_string("schema"),
            not_null: match h.opt("not-null") {
                None => Vec::new(),
                Some(_) => h.usize_list("not-null")?,
            },
            refresh: refresh(h)?,
        }),
        "subscribe" => Ok(Export::Subscribe {
            sink: h.id("sink")?,
            on,
            schema: h.opt_string("schema"),
            up_to: h.opt_u64("up-to")?,
            snapshot: h.bool_or("snapshot", true)?,
        }),
        "copy-to" => Err("copy-to export is not implemented".to_string()),
        kind => Err(format!("unknown export kind `{kind}`")),
    }
}

/// `refresh-every=INTERVAL[@ALIGNED-TO]` and `refresh-at=[TIME,…]`.
fn refresh(h: &Header) -> Result<Option<Refresh>, String> {
    let every = h.opt("refresh-every").map(|text| {
        let (interval, aligned_to) = text.split_once('@').unwrap_or((text, "0"));
        let expected = || format!("expected `refresh-every=INTERVAL[@ALIGNED-TO]`, got `{text}`");
        Ok::<Every, String>(Every {
            interval: interval.parse().map_err(|_| expected())?,
            aligned_to: aligned_to.parse().map_err(|_| expected())?,
        })
    });
    let every = every.transpose()?;
    let at = match h.opt("refresh-at") {
        None if every.is_none() => return Ok(None),
        None => Vec::new(),
        Some(_) => h.list("refresh-at")?,
    };
    Refresh::new(every, at).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peek_has_literals_and_one_plan_below_it_whether_it_waits_or_not() {
        for verb in ["peek id=1 ts=2", "start-peek peek=p id=1 ts=2"] {
            let text = format!("{verb} limit=3\n  4\n  plan\n    Filter (#0 > 1)\n      Get u1");
            let command = parse_command(&text).unwrap();
            assert_eq!(command.to_string(), text);
            let selection = command.selection().unwrap();
            assert_eq!(selection.literals.len(), 1);
            assert_eq!(selection.limit, Some(3));
            let plan = selection.plan.as_deref().unwrap();
            assert!(plan.operators().is_some());
        }
        for bad in [
            "peek id=1 ts=2\n  4\n    Get u1",
            "peek id=1 ts=2\n  plan\n    Get u1\n  plan\n    Get u1",
            "start-peek peek=p id=1 ts=2\n  plan\n    Get u1\n  plan\n    Get u1",
        ] {
            let error = parse_command(bad).unwrap_err();
            assert!(error.contains("at most one `plan`"), "{error}");
        }
    }
}
