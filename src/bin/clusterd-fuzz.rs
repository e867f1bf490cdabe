//! clusterd-fuzz: the fuzzer. The exit code is 0 when all is fine, 1 when a
//! violation was found or a script did not match, 2 for bad usage or input, 3
//! when the target could not be reached or started.

use std::process::ExitCode;

use clap::Parser;
use clusterd_fuzz::cli::{self, Cli};

fn main() -> ExitCode {
    cli::main(Cli::parse())
}
