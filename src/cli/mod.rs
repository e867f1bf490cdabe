//! What ties the rooms together for the two binaries: the command line, the
//! labs that it asks for, and one function a subcommand. The only place that
//! knows both the fuzzer's side and the replica's.
//!
//! Architecture Invariant: nothing here is worth a test of its own but flags
//! and messages; whatever has logic lives in a room.

mod args;
mod coverage;
mod export;
mod fuzz;
mod in_process;
mod labs;
mod mutants;
mod out;
mod repeat;
mod replay;
mod run;
mod scratch;
mod shard;
mod signals;

use std::process::ExitCode;

pub use args::{Cli, Command, TargetArgs, TargetKind};
pub use in_process::InProcessLab;
pub use shard::render_report;

use crate::campaign::ReplayError;
use crate::replica;

/// An invocation that did not come to a result.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Bad usage or bad input: exit code 2.
    #[error("{0}")]
    Input(String),
    /// The target could not be reached or started: exit code 3.
    #[error("{0}")]
    Target(String),
    /// Nothing was found, and not everything could be decided: exit code 4.
    #[error("unknown: {0}")]
    Unknown(String),
    /// Nothing was found, and what was checked is not enough to believe that
    /// nothing is there: exit code 5.
    #[error("not to be believed: {0}")]
    Unchecked(String),
    /// Bad input that was told where it was met: exit code 2.
    #[error("bad input")]
    Told,
    /// The reader of what is printed is gone, which is no failure.
    #[error("stdout was closed")]
    Unread,
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Script(problem) => CliError::Input(problem),
            ReplayError::Target(problem) => CliError::Target(problem),
        }
    }
}

/// Whether nothing was found.
type Done = Result<bool, CliError>;

/// Runs a parsed command line.
pub fn main(cli: Cli) -> ExitCode {
    let Cli { command, log } = cli;
    if let Command::Miniclusterd(args) = command {
        return replica::process::main(&args);
    }
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(log))
        .with_writer(std::io::stderr)
        // It would print them on the stderr that is gone.
        .log_internal_errors(false)
        .init();
    let done = match command {
        Command::Fuzz(args) => fuzz::fuzz(args),
        Command::Run(args) => run::run(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Show(args) => fuzz::show(&args),
        Command::Export(args) => export::export(&args),
        Command::Coverage(args) => coverage::coverage(&args),
        Command::Mutants(args) => mutants::mutants(&args),
        Command::Shard(args) => shard::shard(&args),
        Command::ListMutants => out::print(replica::mutants::list()).map(|()| true),
        Command::Miniclusterd(_) => Ok(true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let code = match error {
                CliError::Unread => return ExitCode::SUCCESS,
                CliError::Told => return ExitCode::from(2),
                CliError::Input(_) => 2,
                CliError::Target(_) => 3,
                CliError::Unknown(_) => 4,
                CliError::Unchecked(_) => 5,
            };
            out::complain(error);
            ExitCode::from(code)
        }
    }
}
