//! `run`: one script against one target.

use std::io::{Read, Write};
use std::path::Path;

use super::args::{Run, TargetKind};
use super::out::{Out, Unheeded, complain};
use super::{CliError, Done, labs, signals};
use crate::campaign::Shape;
use crate::driver::play::{Source, play_json, play_text};
use crate::driver::runner::{Runner, RunnerConfig};

/// Executes a script; true if everything matched.
pub fn run(args: &Run) -> Done {
    let rewrite = std::env::var_os("REWRITE").is_some();
    let text = read(&args.file)?;
    let shown = args.file.display();
    let mut source = Source::parse(&text).map_err(|e| CliError::Input(format!("{shown}: {e}")))?;
    if let TargetKind::HeadlessDriver(_) = args.target.target {
        return Err(CliError::Input(
            "upstream's driver runs scripts by itself: give it what `export --upstream` prints"
                .into(),
        ));
    }
    signals::watch(signals::First::Ends)?;
    let open = labs::open(&args.target, false)?;
    let shape = args.target.shape().unwrap_or(Shape::ONE);
    let seat = open.lab.seat(shape, 0).map_err(CliError::Target)?;
    let config = RunnerConfig {
        seed: open.lab.options(0).seed,
        ..RunnerConfig::default()
    };
    let mut runner = Runner::new(seat.driver, config, |_| {});
    runner.connect().map_err(CliError::Target)?;
    // What is to be rewritten is executed to its end.
    let mut out: Box<dyn Write> = match rewrite {
        true => Box::new(Unheeded),
        false => Box::new(Out),
    };
    let played = match &mut source {
        Source::Text(script) => play_text(script, &mut runner, rewrite, &mut *out),
        Source::Json(lines) => play_json(lines, &mut runner, &mut *out),
    };
    let played = played?;
    if rewrite && let Source::Text(script) = &source {
        if is_stdin(&args.file) {
            return Err(CliError::Input(
                "REWRITE is set but the script came from stdin".to_string(),
            ));
        }
        std::fs::write(&args.file, script.to_string())
            .map_err(|e| CliError::Input(format!("rewriting {shown}: {e}")))?;
        return Ok(true);
    }
    out.flush()?;
    if let Some(what) = runner.endless() {
        complain(format!("{shown}: {what}"));
    }
    if played.failed > 0 {
        complain(format!(
            "{shown}: {}",
            match &source {
                Source::Text(_) => format!(
                    "{} stanza(s) did not match their expected output",
                    played.failed
                ),
                Source::Json(_) => "one or more script commands failed".to_string(),
            }
        ));
    }
    match played.unknown {
        Some(why) if played.failed == 0 => Err(CliError::Unknown(format!("{shown}: {why}"))),
        Some(_) | None => Ok(played.failed == 0),
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The text of a script, without the byte-order mark that some editors put in
/// front.
pub(super) fn read(path: &Path) -> Result<String, CliError> {
    let read = |e: std::io::Error| CliError::Input(format!("reading {}: {e}", path.display()));
    if is_stdin(path) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(read)?;
        return Ok(without_mark(text));
    }
    std::fs::read_to_string(path)
        .map(without_mark)
        .map_err(read)
}

fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_string(),
        None => text,
    }
}
