//! What the program prints on stdout and stderr.
//!
//! Invariant: a reader that is gone ends the program quietly, and in order: it
//! counts as the wish to stop, so that nothing that was found is lost.

use std::io::{ErrorKind, Write, stderr, stdout};
use std::{fmt, io};

use super::{CliError, signals};

/// Stdout.
pub struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        noted(stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        noted(stdout().flush())
    }
}

/// Stdout, for what is to be done to its end whether or not anybody reads.
pub struct Unheeded;

impl Write for Unheeded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = Out.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = Out.flush();
        Ok(())
    }
}

fn noted<T>(written: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &written
        && error.kind() == ErrorKind::BrokenPipe
    {
        signals::stop().raise();
    }
    written
}

/// Prints a text on stdout.
///
/// Errors: it could not be written, or its reader is gone.
pub fn print(text: impl fmt::Display) -> Result<(), CliError> {
    write!(Out, "{text}").and_then(|()| Out.flush())?;
    Ok(())
}

/// Prints a line on stderr, if that has a reader.
pub fn complain(line: impl fmt::Display) {
    let _ = writeln!(stderr(), "clusterd-fuzz: {line}");
}

impl From<io::Error> for CliError {
    /// What became of writing on stdout.
    fn from(error: io::Error) -> CliError {
        match error.kind() {
            ErrorKind::BrokenPipe => CliError::Unread,
            _ => CliError::Input(format!("writing the results: {error}")),
        }
    }
}
