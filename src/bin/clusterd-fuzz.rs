//! clusterd-fuzz: the fuzzer. The exit code is 0 when all is fine, 1 when a
//! violation was found or a script did not match, 2 for bad usage or input, 3
//! when the target could not be reached or started, 4 when nothing was found
//! and something could not be decided.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clusterd_fuzz::cli::{self, Cli};
use clusterd_fuzz::replica::args::without_telemetry;
use mimalloc::MiMalloc;

/// A third of a case's time went to the system's allocator, most of it for what
/// dataflows consist of.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|command| command == "miniclusterd") {
        args = without_telemetry(args);
    }
    cli::main(Cli::parse_from(args))
}
