//! miniclusterd: the small replica that ships with clusterd-fuzz. Argument
//! parsing and wiring only.

use std::process::ExitCode;

use clap::Parser;
use clusterd_fuzz::replica::{args::Args, mutants, process};

fn main() -> ExitCode {
    // Before parsing: it needs none of the required flags.
    if std::env::args().skip(1).any(|arg| arg == "--list-mutants") {
        print!("{}", mutants::list());
        return ExitCode::SUCCESS;
    }
    let args = Args::parse();
    if let Err(problem) = args.check() {
        eprintln!("miniclusterd: {problem}");
        return ExitCode::from(2);
    }
    let filter = tracing_subscriber::EnvFilter::try_new(&args.startup_log_filter);
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    match process::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("miniclusterd: fatal: {problem}");
            ExitCode::from(3)
        }
    }
}
