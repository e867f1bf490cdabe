//! Scripts: the command vocabulary, its text and JSON forms, what each command
//! means (`interpret`), and the events of a run.
//!
//! Invariant: a script decides everything; a run adds nothing but the commands'
//! documented defaults.

pub mod append;
mod cell;
mod command;
pub mod config;
pub mod data;
pub mod dataflow;
mod error;
pub mod event;
pub mod interpret;
pub mod json;
mod json_forms;
pub mod json_print;
mod lex;
mod literal;
mod names;
pub mod output;
mod print;
mod replica;
pub mod selection;
pub mod text;
pub mod upstream;
mod visit;

pub use cell::{Cell, RowLine, Value, Written};
pub use command::*;
pub use config::MAX_RESULT_SIZE;
pub use error::{CommandError, ScriptError, SettingError, ValueError};
pub use literal::Literal;
pub use replica::Replica;
pub use visit::TimeRole;

/// A script in the text form.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A blank line or a comment.
    Verbatim(String),
    Stanza(Stanza),
}

/// A command and the output that it must give.
#[derive(Debug, Clone, PartialEq)]
pub struct Stanza {
    /// Where the stanza starts, from 1.
    pub line: usize,
    /// The input block as written.
    pub input: String,
    pub command: Command,
    pub expected: String,
}

impl Script {
    /// A script of these commands, with nothing expected yet.
    pub fn from_commands(commands: impl IntoIterator<Item = Command>) -> Script {
        let mut items = Vec::new();
        for command in commands {
            if !items.is_empty() {
                items.push(Item::Verbatim(String::new()));
            }
            items.push(Item::Stanza(Stanza {
                line: 0,
                input: command.to_string(),
                command,
                expected: String::new(),
            }));
        }
        Script { items }
    }

    pub fn stanzas(&self) -> impl Iterator<Item = &Stanza> {
        self.items.iter().filter_map(|item| match item {
            Item::Verbatim(_) => None,
            Item::Stanza(stanza) => Some(stanza),
        })
    }

    pub fn stanzas_mut(&mut self) -> impl Iterator<Item = &mut Stanza> {
        self.items.iter_mut().filter_map(|item| match item {
            Item::Verbatim(_) => None,
            Item::Stanza(stanza) => Some(stanza),
        })
    }

    pub fn commands(&self) -> Vec<Command> {
        self.stanzas()
            .map(|stanza| stanza.command.clone())
            .collect()
    }
}

/// The file's text, as rewriting leaves it (`spec/script.md` §1.3).
impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for item in &self.items {
            match item {
                Item::Verbatim(line) => writeln!(f, "{line}")?,
                Item::Stanza(stanza) => {
                    write!(f, "{}\n{}\n", stanza.input, lex::SEPARATOR)?;
                    if !stanza.expected.is_empty() {
                        writeln!(f, "{}", stanza.expected)?;
                    }
                }
            }
        }
        Ok(())
    }
}
