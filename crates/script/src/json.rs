//! The JSON form: one command object a line. Source: `spec/script.md` §5.
//!
//! Invariants: what upstream's JSON scripts say is read as upstream reads it;
//! the newer commands take the obvious JSON form of their text arguments
//! (*extension*). Parsing is total. What the form looks like is written on
//! [`Command`] itself.

use super::command::Command;
use super::data::read_cells;
use super::error::ScriptError;

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
    lines(text)
        .into_iter()
        .map(|(line, command)| match command {
            Ok(command) => Ok((line, command)),
            Err(message) => Err(ScriptError { line, message }),
        })
        .collect()
}

/// Reads a whole script, line by line: a bad line says so in its place.
pub fn lines(text: &str) -> Vec<(usize, Result<Command, String>)> {
    let parsed = significant(text).map(|(line, text)| (line, parse_command(text)));
    let mut lines: Vec<(usize, Result<Command, String>)> = parsed.collect();
    read_cells(lines.iter_mut().filter_map(|(_, line)| line.as_mut().ok()));
    lines
}

/// Reads one line; what types its cells have, the commands before it say.
pub fn parse_command(line: &str) -> Result<Command, String> {
    serde_json::from_str(line).map_err(|e| format!("parse error: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use repr::GlobalId;

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
