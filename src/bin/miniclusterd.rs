//! miniclusterd: the small replica that ships with clusterd-fuzz. It takes
//! clusterd's flags; the exit codes are clusterd's, 2 for bad flags, and 3 when
//! it cannot begin.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clusterd_fuzz::replica::args::{Args, without_telemetry};
use clusterd_fuzz::replica::{mutants, process};
use mimalloc::MiMalloc;

/// A third of a case's time went to the system's allocator, most of it for what
/// dataflows consist of.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // Before parsing: it needs none of the required flags.
    if std::env::args().skip(1).any(|arg| arg == "--list-mutants") {
        // A reader that has seen enough is no error.
        let _ = std::io::stdout().write_all(mutants::list().as_bytes());
        return ExitCode::SUCCESS;
    }
    process::main(&Args::parse_from(without_telemetry(std::env::args_os())))
}
