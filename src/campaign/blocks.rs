//! Golden blocks for scripts that we write ourselves: what each command must
//! answer, by the model and not by the target. A shrunk counterexample says with
//! them what would have been right.
//!
//! Invariant: a block is given only where the contract fixes it to the letter.

use crate::model::{Expected, Model, Rehearsal};
use crate::protocol::Release;
use crate::script::event::Event;
use crate::script::interpret::{Answer, Shown};
use crate::script::output::Output;
use crate::script::{Command, Script};

/// The block of each command for a replica of this release; None where several
/// answers are right, or none is fixed.
pub fn expected_blocks(commands: &[Command], release: Release) -> Vec<Option<String>> {
    let mut rehearsal = Rehearsal::for_release(release);
    let block = |command: &Command| {
        let rehearsed = rehearsal.play(command);
        let model = rehearsal.model();
        let block = match &rehearsed.answer {
            Err(failure) => Some(format!("error: {failure}")),
            // A frontier that need not come.
            Ok(Answer::Ok) if !rehearsed.waits.iter().all(|wait| model.must_end(wait)) => None,
            Ok(answer) => block(answer, &rehearsed.events, model),
        };
        // What need not end tells the model nothing.
        let _ = rehearsal.end(&rehearsed.waits);
        block
    };
    commands.iter().map(block).collect()
}

/// A script of these commands, with the blocks that the model fixes for a replica
/// of this release.
pub fn with_blocks(commands: &[Command], release: Release) -> Script {
    script_of(commands, &expected_blocks(commands, release))
}

/// A script of these commands and blocks; an empty one where none is fixed.
pub fn script_of(commands: &[Command], blocks: &[Option<String>]) -> Script {
    let mut script = Script::from_commands(commands.iter().cloned());
    for (stanza, block) in script.stanzas_mut().zip(blocks) {
        stanza.expected = block.clone().unwrap_or_default();
    }
    script
}

/// The block of an answer after these events, if the contract fixes it.
fn block(answer: &Answer, events: &[Event], model: &Model) -> Option<String> {
    match answer {
        Answer::Ok => Some(Output::Ok.text()),
        Answer::Wrote { rows } => Some(Output::Wrote { rows: *rows }.text()),
        Answer::Awaited => Some(Output::Awaited { timed_out: false }.text()),
        Answer::Canceled { .. } => Some(Output::Answered.text()),
        Answer::Caught(message) => {
            let message = message.clone();
            Some(Output::CaughtError { message }.text())
        }
        Answer::Fails(inner) => {
            let block = block(inner, events, model)?;
            let message = block.strip_prefix("error: ")?.to_string();
            Some(Output::CaughtError { message }.text())
        }
        Answer::Updates { .. } => None,
        Answer::Peek { uuid, shown } => {
            let peek = model.session().peeks.get(uuid)?;
            let spec = &peek.spec;
            // What was compacted before a peek was sent is refused; what is
            // compacted after it is not.
            let is_new = events
                .iter()
                .any(|event| matches!(event, Event::PeekSent(sent) if sent.uuid == *uuid));
            let expected = match is_new && spec.finish.is_everything() {
                true => model.peek_answer(spec.id, spec.ts),
                false => model.answer_of(peek),
            };
            shown_rows(expected, shown)
        }
    }
}

/// What a command shows of the answer of its peek.
fn shown_rows(expected: Expected, shown: &Shown) -> Option<String> {
    let rows = match expected {
        Expected::Rows(rows) => rows,
        // The only error that there can be.
        Expected::Errors(texts) => {
            let text = texts.exact.first().filter(|_| texts.is_one())?;
            return Some(format!("error: peek error: {text}"));
        }
        Expected::Either(..) | Expected::Undefined(_) => return None,
    };
    let total = u64::try_from(rows.total()).ok()?;
    if let Shown::Rows(finish) = shown {
        // Without an order any rows may be the ones within the limit.
        let all = finish.offset == 0 && finish.limit.is_none_or(|limit| total <= limit);
        if finish.order_by.is_empty() && !all {
            return None;
        }
    }
    let rows = rows.iter().map(|(row, n)| (row.clone(), n as usize));
    match shown.of(rows.collect()) {
        // A row without columns is an empty line, which ends a block.
        Ok(Output::Lines(lines)) if lines.iter().any(String::is_empty) => None,
        Ok(output) => Some(output.text()),
        Err(error) => Some(format!("error: {error}")),
    }
}
