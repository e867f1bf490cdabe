//! Plays one script file through a runner, as `run FILE` does: the text form is
//! held against its golden blocks or rewritten with them, the JSON form answers
//! line by line. Source: `spec/script.md` §1.3, §5.
//!
//! Invariant: a stanza that does not match never stops the run; what is printed
//! is one item per command, in order.

use std::io::Write;

use script::output::Output;
use script::{Command, Script, ScriptError, json, text};

use crate::runner::Runner;

/// A line of the JSON form: its number, and the command or what is wrong.
pub type JsonLine = (usize, Result<Command, String>);

/// A parsed script file, in one of its two forms.
#[derive(Debug, Clone)]
pub enum Source {
    Text(Script),
    /// Lines with their numbers; a bad one is answered when its turn comes.
    /// Without a `create_instance` of its own the handshake is implicit.
    Json(Vec<JsonLine>),
}

impl Source {
    /// Parses either form; the first significant line tells which one it is.
    ///
    /// Errors: of the text form; bad JSON lines are answered one by one.
    pub fn parse(contents: &str) -> Result<Source, ScriptError> {
        if json::is_json(contents) {
            Ok(Source::Json(json::lines(contents)))
        } else {
            text::parse(contents).map(Source::Text)
        }
    }

    /// Its commands, the implicit handshake of the JSON form included.
    pub fn commands(&self) -> Vec<Command> {
        match self {
            Source::Text(script) => script.commands(),
            Source::Json(lines) => {
                let implicit = !has_own_handshake(lines);
                let mut all = Vec::new();
                if implicit {
                    all.push(create_instance());
                    all.push(Command::InitializationComplete);
                }
                for command in lines.iter().filter_map(|(_, line)| line.as_ref().ok()) {
                    all.push(command.clone());
                    if implicit && matches!(command, Command::Reconnect) {
                        all.push(create_instance());
                    }
                }
                all
            }
        }
    }
}

/// Whether the script makes its own handshake. Upstream's JSON scripts leave
/// it to the driver; one that creates the instance itself does not.
fn has_own_handshake(lines: &[JsonLine]) -> bool {
    lines
        .iter()
        .any(|(_, line)| matches!(line, Ok(Command::CreateInstance { .. })))
}

fn create_instance() -> Command {
    Command::CreateInstance {
        expiration_offset: None,
        arrangement_dictionary_compression: false,
        settings: Vec::new(),
    }
}

/// What became of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// Commands that were executed.
    pub commands: usize,
    /// Stanzas that did not match, or JSON commands that failed.
    pub failed: usize,
    /// Why the others that did not match are no findings: from one of them on
    /// nothing can be judged.
    pub unknown: Option<String>,
}

/// Plays a text script over a connected runner. With `rewrite`, blocks are
/// replaced by what was answered instead of being compared.
pub fn play_text(
    script: &mut Script,
    runner: &mut Runner<'_>,
    rewrite: bool,
    out: &mut dyn Write,
) -> std::io::Result<Played> {
    let mut played = Played::default();
    for (step, stanza) in script.stanzas_mut().enumerate() {
        let actual = block(&runner.execute(step, &stanza.command));
        played.commands += 1;
        let directive = stanza.input.lines().next().unwrap_or_default();
        if rewrite {
            writeln!(out, "{directive} => {actual}")?;
            stanza.expected = actual;
        } else if actual == stanza.expected {
            writeln!(out, "ok: {directive}")?;
        } else {
            let verdict = match runner.doubt() {
                Some(_) => "UNKNOWN",
                None => "MISMATCH",
            };
            played.failed += usize::from(runner.doubt().is_none());
            writeln!(out, "{verdict}: {directive}")?;
            writeln!(out, "  expected: {:?}", stanza.expected)?;
            writeln!(out, "  actual:   {actual:?}")?;
        }
    }
    played.unknown = runner.doubt().map(ToString::to_string);
    Ok(played)
}

/// Plays a JSON script over a connected runner: one response line a command.
pub fn play_json(
    lines: &[JsonLine],
    runner: &mut Runner<'_>,
    out: &mut dyn Write,
) -> std::io::Result<Played> {
    let mut played = Played::default();
    let implicit = !has_own_handshake(lines);
    let mut step = 0;
    let mut execute = |runner: &mut Runner<'_>, command: &Command| {
        let answer = runner.execute(step, command);
        step += 1;
        answer
    };
    if implicit {
        for command in [create_instance(), Command::InitializationComplete] {
            if let Err(message) = execute(runner, &command) {
                writeln!(out, "{}", error_line(&message))?;
                played.failed += 1;
                return Ok(played);
            }
        }
    }
    for (_, line) in lines {
        played.commands += 1;
        let command = match line {
            Ok(command) => command,
            Err(message) => {
                played.failed += 1;
                writeln!(out, "{}", error_line(message))?;
                continue;
            }
        };
        let mut answer = execute(runner, command);
        if implicit && matches!(command, Command::Reconnect) && answer.is_ok() {
            answer = execute(runner, &create_instance());
        }
        match answer {
            Ok(output) => writeln!(out, "{}", output.json())?,
            Err(message) => {
                played.failed += usize::from(runner.doubt().is_none());
                writeln!(out, "{}", error_line(&message))?;
            }
        }
        out.flush()?;
    }
    played.unknown = runner.doubt().map(ToString::to_string);
    Ok(played)
}

fn error_line(message: &str) -> serde_json::Value {
    serde_json::json!({"status": "error", "message": message})
}

/// The golden block of an answer.
pub fn block(answer: &Result<Output, String>) -> String {
    match answer {
        Ok(output) => output.text(),
        Err(message) => format!("error: {message}"),
    }
}
