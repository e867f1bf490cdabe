//! Golden blocks for scripts that we write ourselves: what each command must
//! answer, by the model and not by the target. A shrunk counterexample says with
//! them what would have been right.
//!
//! Invariant: a block is given only where the contract fixes it to the letter.

use crate::generate::dry::Dry;
use crate::model::{Expected, Model, Multiset, Peek};
use crate::repr::Antichain;
use crate::script::output::{finished_lines, row_lines};
use crate::script::selection::Finish;
use crate::script::trace::{Event, Wait};
use crate::script::{Command, Script};

/// The block of each command; None where several answers are right, or none is
/// fixed.
pub fn expected_blocks(commands: &[Command]) -> Vec<Option<String>> {
    let mut dry = Dry::new();
    let mut model = Model::new();
    model.apply(&Dry::connected());
    let mut blocks = Vec::with_capacity(commands.len());
    for command in commands {
        let events = dry.events(command);
        if let (Ok(_), Some(mismatch)) = (&events, upper_mismatch(command, &model)) {
            blocks.push(Some(format!("error: {mismatch}")));
            continue;
        }
        match &events {
            Ok(events) => events.iter().for_each(|event| model.apply(event)),
            Err(message) => {
                blocks.push(Some(format!("error: {message}")));
                continue;
            }
        }
        let sent = events.iter().flatten().find_map(|event| match event {
            Event::PeekSent(spec) => model.session().peeks.get(&spec.uuid),
            _ => None,
        });
        blocks.push(block(command, sent, &dry, &model));
    }
    blocks
}

/// A script of these commands, with the blocks that the model fixes.
pub fn with_blocks(commands: &[Command]) -> Script {
    let mut script = Script::from_commands(commands.iter().cloned());
    let blocks = expected_blocks(commands);
    for (stanza, block) in script.stanzas_mut().zip(blocks) {
        stanza.expected = block.unwrap_or_default();
    }
    script
}

/// The error of a write whose lower is not the shard's upper.
pub(super) fn upper_mismatch(command: &Command, model: &Model) -> Option<String> {
    let (shard, lower) = match command {
        Command::WriteSingleTs { shard, ts, .. } | Command::WriteRows { shard, ts, .. } => {
            (shard, *ts)
        }
        Command::WriteSpread { shard, .. } => (shard, 0),
        _ => return None,
    };
    let upper = model.shard(shard).map_or(0, |shard| shard.upper());
    let (expected, upper) = (Antichain::from_elem(lower), Antichain::from_elem(upper));
    (expected != upper)
        .then(|| format!("expected upper {expected:?} did not match current upper {upper:?}"))
}

fn block(command: &Command, sent: Option<&Peek>, dry: &Dry, model: &Model) -> Option<String> {
    match command {
        Command::CreateInstance { .. }
        | Command::UpdateConfiguration { .. }
        | Command::InitializationComplete
        | Command::Reconnect
        | Command::Restart
        | Command::DefineSchema { .. }
        | Command::DefineIndex { .. }
        | Command::CreateDataflow(_)
        | Command::Schedule { .. }
        | Command::AllowCompaction { .. }
        | Command::AllowWrites { .. }
        | Command::StartPeek { .. }
        | Command::CancelPeek { .. }
        | Command::DowngradeSince { .. } => Some("ok".to_string()),
        Command::WriteSingleTs { count, .. } | Command::WriteSpread { count, .. } => {
            Some(format!("wrote {count}"))
        }
        Command::WriteRows { rows, .. } => Some(format!("wrote {}", rows.len())),
        Command::AwaitFrontier {
            allow_timeout: true,
            ..
        } => Some("awaited".to_string()),
        Command::AwaitFrontier { id, ts, .. } => {
            let wait = Wait::output(*id, *ts);
            model.must_end(&wait).then(|| "ok".to_string())
        }
        Command::Count { id, ts } => {
            let contents = rows(model.contents(*id, *ts))?;
            Some(contents.total().to_string())
        }
        Command::Peek { id, ts, .. } => match sent.filter(|p| !p.spec.finish.is_everything()) {
            Some(peek) => finished(model.answer_of(peek), &peek.spec.finish),
            None => lines(model.peek_answer(*id, *ts)),
        },
        Command::PeekCount { id, ts, .. } => {
            let contents = rows(model.peek_answer(*id, *ts))?;
            Some(contents.total().to_string())
        }
        Command::ExpectCount { id, ts, count, .. } => {
            let contents = rows(model.peek_answer(*id, *ts))?;
            let total = contents.total();
            Some(match u64::try_from(total) == Ok(*count) {
                true => total.to_string(),
                false => format!("error: expected {count} rows at ts {ts}, got {total}"),
            })
        }
        Command::AwaitPeek { peek, .. } => {
            let uuid = dry.peek(peek)?;
            let peek = model.session().peeks.get(&uuid)?;
            if peek.canceled {
                return Some("answered".to_string());
            }
            lines(model.answer_of(peek))
        }
        Command::ExpectError { command } => block(command, sent, dry, model)
            .and_then(|block| Some(format!("caught error: {}", block.strip_prefix("error: ")?))),
        Command::AwaitSubscribe { .. } => None,
    }
}

/// The lines that a client sees, if they are fixed: without an order any rows
/// may be the ones within the limit.
fn finished(expected: Expected, finish: &Finish) -> Option<String> {
    let rows = match expected {
        Expected::Rows(rows) => rows,
        Expected::Errors(_) | Expected::Either(..) | Expected::Undefined(_) => {
            return lines(expected);
        }
    };
    let total = u64::try_from(rows.total()).ok()?;
    let all = finish.offset == 0 && finish.limit.is_none_or(|limit| total <= limit);
    if finish.order_by.is_empty() && !all {
        return None;
    }
    let rows = rows.iter().map(|(row, n)| (row.clone(), n as usize));
    let lines = finished_lines(rows.collect(), finish);
    (!lines.iter().any(String::is_empty)).then(|| lines.join("\n"))
}

fn rows(expected: Expected) -> Option<Multiset> {
    match expected {
        Expected::Rows(rows) => Some(rows),
        Expected::Errors(_) | Expected::Either(..) | Expected::Undefined(_) => None,
    }
}

/// The lines of an answer, or its error if there is only one.
fn lines(expected: Expected) -> Option<String> {
    match expected {
        Expected::Rows(rows) => {
            let rows = rows
                .iter()
                .map(|(row, count)| (row.clone(), count as usize));
            let lines = row_lines(rows);
            // A row without columns is an empty line, which ends a block.
            (!lines.iter().any(String::is_empty)).then(|| lines.join("\n"))
        }
        Expected::Errors(texts) => match (texts.exact.first(), texts.exact.len()) {
            (Some(text), 1) if texts.prefixes.is_empty() => {
                Some(format!("error: peek error: {text}"))
            }
            _ => None,
        },
        Expected::Either(..) | Expected::Undefined(_) => None,
    }
}
