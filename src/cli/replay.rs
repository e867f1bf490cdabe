//! `replay`: scripts of findings, each on a target of its own.

use std::path::{Path, PathBuf};

use super::args::Replay;
use super::run::read;
use super::{CliError, Done, labs};
use crate::campaign::{self, Facts, Replayed, Shape};

/// Replays every script below the paths; true if all passed.
pub fn replay(args: &Replay) -> Done {
    let mut scripts = Vec::new();
    for path in &args.paths {
        collect(path, &mut scripts)?;
    }
    if scripts.is_empty() {
        return Err(CliError::Input(
            "no script (.spec or .jsonl) was found".to_string(),
        ));
    }
    let open = labs::open(&args.target, false)?;
    let (mut failed, mut unknown) = (0, 0);
    for path in &scripts {
        let text = read(path)?;
        let shown = path.display();
        let facts = Facts::parse(&text).map_err(|e| CliError::Input(format!("{shown}: {e}")))?;
        // A script says what it takes; the flags may ask for more.
        let shape = args.target.shape().into_iter().chain(facts.shape()).max();
        let shape = shape.unwrap_or(Shape::ONE);
        let replayed = campaign::replay(open.lab.as_ref(), shape, path, &text);
        let replayed = replayed.map_err(CliError::Input)?;
        if replayed.passed() {
            println!("ok: {shown} ({} commands)", replayed.commands);
            continue;
        }
        if let Some(why) = &replayed.unknown {
            unknown += 1;
            println!("UNKNOWN: {shown}: {why}");
            continue;
        }
        failed += 1;
        println!("FAILED: {shown}");
        tell(&replayed);
    }
    let undecided = match unknown {
        0 => String::new(),
        n => format!(", {n} unknown"),
    };
    println!("{} scripts, {failed} failed{undecided}", scripts.len());
    match (failed, unknown) {
        (0, 1..) => Err(CliError::Unknown(format!(
            "{unknown} scripts could not be decided"
        ))),
        (_, _) => Ok(failed == 0),
    }
}

fn tell(replayed: &Replayed) {
    for violation in &replayed.violations {
        for line in violation.to_string().lines() {
            println!("  {line}");
        }
    }
    for (step, expected, actual) in &replayed.mismatches {
        println!("  command {step}:\n    expected: {expected:?}\n    actual:   {actual:?}");
    }
    if let Some(what) = &replayed.endless {
        println!("  without an end: {what}");
    }
    if let Some(invalid) = &replayed.invalid {
        println!("  not a valid script: {invalid}");
    }
}

/// The scripts at or below a path, in the order of their names.
fn collect(path: &Path, scripts: &mut Vec<PathBuf>) -> Result<(), CliError> {
    if !path.is_dir() {
        scripts.push(path.to_path_buf());
        return Ok(());
    }
    let unreadable =
        |e: std::io::Error| CliError::Input(format!("reading {}: {e}", path.display()));
    let mut entries = std::fs::read_dir(path)
        .map_err(unreadable)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    entries.sort();
    for entry in entries {
        let extension = entry.extension().and_then(|e| e.to_str());
        if entry.is_dir() || matches!(extension, Some("spec" | "jsonl")) {
            collect(&entry, scripts)?;
        }
    }
    Ok(())
}
