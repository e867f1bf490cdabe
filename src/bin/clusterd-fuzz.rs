//! clusterd-fuzz: the fuzzer. Argument
//! parsing and wiring only.

use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!("clusterd-fuzz: no command exists yet; see ARCHITECTURE.md for what exists");
    ExitCode::from(2)
}
