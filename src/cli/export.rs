//! `export`: a script of ours for upstream's own driver.

use super::args::Export;
use super::run::read;
use super::{CliError, Done, out};
use crate::campaign::{expected_blocks, script_of};
use crate::driver::play::Source;
use crate::script::upstream::translate;
use crate::script::{Command, Item};

/// Prints the script, with the answers that the model expects.
///
/// Errors: what it cannot be told, a line each.
pub fn export(args: &Export) -> Done {
    let Export {
        upstream: _,
        protocol,
        file,
    } = args;
    let text = read(file)?;
    let shown = file.display();
    let source = Source::parse(&text).map_err(|e| CliError::Input(format!("{shown}: {e}")))?;
    let release = protocol.release;
    let said = match translate(&source.commands(), release) {
        Ok(said) => said,
        Err(obstacles) => {
            for obstacle in obstacles {
                out::complain(format!("{shown}: {obstacle} in {protocol}"));
            }
            return Err(CliError::Told);
        }
    };
    let said: Vec<Command> = said.into_iter().map(|(_, command)| command).collect();
    let blocks = expected_blocks(&said, release);
    let mut script = script_of(&said, &blocks);
    // What a script begins with says what it is for.
    let comments = text.lines().take_while(|line| line.starts_with('#'));
    let comments: Vec<Item> = comments
        .map(|line| Item::Verbatim(line.to_string()))
        .collect();
    if !comments.is_empty() {
        let blank = Item::Verbatim(String::new());
        script
            .items
            .splice(0..0, comments.into_iter().chain([blank]));
    }
    out::print(&script)?;
    let open = blocks.iter().filter(|block| block.is_none()).count();
    if open > 0 {
        out::complain(format!(
            "{shown}: of {open} commands the answer is not fixed; their blocks are empty"
        ));
    }
    Ok(true)
}
