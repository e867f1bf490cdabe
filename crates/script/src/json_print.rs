//! Scripts in the JSON form, written. Source: `spec/script.md` §5.
//!
//! Invariant: what is written reads back as the same command, except that a cell
//! that its column cannot hold becomes a JSON value.

use serde_json::{Value, json};

use super::command::*;
use super::{Script, Stanza};

/// The lines of a text script in the JSON form: expected errors become
/// `expect_error`, rows of a peek become a count, and a handshake that the
/// driver makes by itself is left out.
pub fn converted(script: &Script) -> Vec<String> {
    let implicit = has_implicit_handshake(&script.commands());
    let stanzas: Vec<&Stanza> = script.stanzas().collect();
    let mut lines = Vec::new();
    for (at, stanza) in stanzas.iter().enumerate() {
        let command = &stanza.command;
        let first = implicit && at < 2;
        if first || (implicit && matches!(command, Command::CreateInstance { .. })) {
            continue;
        }
        let mut value = print(command);
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
            value = print(&expect);
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
                settings,
            }) if settings.is_empty()
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

/// One command.
pub fn print(command: &Command) -> Value {
    serde_json::to_value(command).expect("strings, numbers and lists are JSON")
}
