//! miniclusterd: the small replica that ships with clusterd-fuzz. Argument
//! parsing and wiring only.

use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!("miniclusterd: this replica cannot serve yet; see ARCHITECTURE.md for what exists");
    ExitCode::from(2)
}
