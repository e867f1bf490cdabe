//! `mutants`: hunts named bugs of miniclusterd in process and prints how fast each
//! is found, from several seeds.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::{Format, Mutants};
use super::{CliError, Done, InProcessLab, out, signals};
use crate::campaign::{CampaignConfig, Lab, MatrixRow, Solved, matrix};
use crate::generate::Profile;
use crate::replica::mutants::Mutant;
use crate::schedule::Search;
use crate::shrink::Budget;

/// Seconds to spend on shrinking one finding.
const SHRINK_SECONDS: u64 = 20;

/// Prints the matrix; true if every bug was found from some seed.
pub fn mutants(args: &Mutants) -> Done {
    signals::watch(signals::First::Stops)?;
    let mutants: Vec<Mutant> = match args.mutant.is_empty() {
        true => Mutant::ALL.to_vec(),
        false => args.mutant.clone(),
    };
    let is_one = args.scheduler.len() == 1;
    let lab = |mutant: &Mutant, search: Search| -> (String, Box<dyn Lab>) {
        let lab = InProcessLab::new((*mutant).into(), false).with_search(search);
        // What is a bug in later releases only is hunted in the first of them.
        let release = args.protocol.release.max(mutant.since());
        let mut lab = lab.with_release(release);
        if mutant.takes_two() {
            lab = lab.with_second((*mutant).into(), release);
        }
        let name = match is_one {
            true => mutant.name().to_string(),
            false => format!("{} ({search})", mutant.name()),
        };
        (name, Box::new(lab))
    };
    let searches = args.scheduler.iter().copied();
    let bugs: Vec<_> = (mutants.iter())
        .flat_map(|mutant| searches.clone().map(move |search| (mutant, search)))
        .map(|(mutant, search)| lab(mutant, search))
        .collect();
    let seeds: Vec<u64> = (args.seed..).take(args.seeds as usize).collect();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let config = CampaignConfig {
        schedules: args.schedules,
        profile: Profile::default()
            .with_operators(args.operators)
            .for_release(args.protocol.release),
        time: Some(Duration::from_secs(args.seconds)),
        budget: Budget {
            max_time: Duration::from_secs(SHRINK_SECONDS),
            stop: signals::stop(),
            ..Budget::default()
        },
        ..CampaignConfig::default()
    };
    let mut printed = match args.format {
        Format::Text => out::print(heading(args)),
        Format::Json => Ok(()),
    };
    let rows = matrix(&bugs, &seeds, &config, args.jobs.unwrap_or(cores), |row| {
        let line = match args.format {
            Format::Text => line(row, args.seconds),
            Format::Json => json_of(row).to_string(),
        };
        let told = out::print(format_args!("{line}\n"));
        if printed.is_ok() {
            printed = told;
        }
    });
    printed?;
    if let Format::Text = args.format {
        out::print(summary(&rows))?;
    }
    match bugs.len() - rows.len() {
        0 => Ok(rows.iter().all(|row| row.solved() > 0)),
        left => Err(CliError::Unknown(format!(
            "{left} mutants were not hunted to the end"
        ))),
    }
}

fn heading(args: &Mutants) -> String {
    format!(
        "{} seconds a hunt, seeds {}..={}\n{:<34} {:>7} {:>8} {:>8} {:>8}  breaks\n",
        args.seconds,
        args.seed,
        args.seed + args.seeds.saturating_sub(1),
        "mutant",
        "found",
        "median s",
        "p95 s",
        "commands"
    )
}

fn line(row: &MatrixRow, limit: u64) -> String {
    let seconds = |percent| match row.seconds(percent) {
        Some(seconds) => format!("{seconds:.1}"),
        None => format!("> {limit}"),
    };
    let commands = row.commands().map_or("-".to_string(), |n| n.to_string());
    format!(
        "{:<34} {:>7} {:>8} {:>8} {:>8}  {}",
        row.name,
        format!("{}/{}", row.solved(), row.hunts.len()),
        seconds(50),
        seconds(95),
        commands,
        row.signatures().join(", ")
    )
}

fn summary(rows: &[MatrixRow]) -> String {
    let all = rows.iter().filter(|row| row.solved() == row.hunts.len());
    let none: Vec<&str> = (rows.iter())
        .filter(|row| row.solved() == 0)
        .map(|row| row.name.as_str())
        .collect();
    let (all, none_of) = (all.count(), none.len());
    let mut text = format!(
        "{} mutants: {all} found in every hunt, {} in some, {none_of} in none\n",
        rows.len(),
        rows.len() - all - none_of
    );
    if !none.is_empty() {
        let _ = writeln!(text, "never found: {}", none.join(", "));
    }
    text
}

fn json_of(row: &MatrixRow) -> Value {
    let hunt = |solved: &Option<Solved>| match solved {
        None => Value::Null,
        Some(Solved {
            after,
            cases,
            commands,
            signature,
        }) => json!({
            "seconds": after.as_secs_f64(), "cases": cases, "commands": commands,
            "signature": signature,
        }),
    };
    json!({
        "mutant": row.name, "found": row.solved(), "median_seconds": row.seconds(50),
        "p95_seconds": row.seconds(95), "commands": row.commands(),
        "hunts": row.hunts.iter().map(hunt).collect::<Vec<_>>(),
    })
}
