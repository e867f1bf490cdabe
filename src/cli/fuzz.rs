//! `fuzz` and `show`.

use std::io::stdout;

use super::args::{Format, Fuzz, Show, TargetArgs};
use super::{Done, labs};
use crate::campaign::{
    CampaignConfig, JsonLines, Reporter, Terminal, case_script, run_campaign, with_blocks,
};
use crate::generate::Profile;
use crate::shrink::Budget;

/// Runs a campaign.
pub fn fuzz(args: Fuzz) -> Done {
    let open = labs::open(&args.target, false)?;
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let jobs = args
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let stop_after = args
        .stop_after
        .unwrap_or(usize::from(!args.target.mutant.is_empty()));
    let config = CampaignConfig {
        seed,
        cases: if args.case.is_some() { 1 } else { args.cases },
        jobs,
        first_case: args.case.unwrap_or(0),
        profile: Profile::default().with_operators(args.operators),
        stop_after,
        budget: Budget {
            max_runs: args.shrink_runs,
            max_time: std::time::Duration::from_secs(args.shrink_seconds),
        },
        findings: Some(args.findings),
        facts: facts(&args.target),
    };
    let mut reporter: Box<dyn Reporter> = match args.format {
        Format::Text => Box::new(Terminal::new(stdout())),
        Format::Json => Box::new(JsonLines::new(stdout())),
    };
    let summary = run_campaign(&config, open.lab.as_ref(), reporter.as_mut());
    if summary.cases == 0 && summary.target_failures > 0 {
        return Err(super::CliError::Target("no case could be run".to_string()));
    }
    match (summary.broken, summary.unknown) {
        (0, 0) => Ok(true),
        (0, unknown) => Err(super::CliError::Unknown(format!(
            "{unknown} cases could not be decided"
        ))),
        (_, _) => Ok(false),
    }
}

/// What a finding says of the target that it was found on.
fn facts(target: &TargetArgs) -> Vec<(&'static str, String)> {
    let mut facts: Vec<(&'static str, String)> = target
        .mutant
        .iter()
        .map(|mutant| ("mutant", mutant.to_string()))
        .collect();
    if target.workers != 1 {
        facts.push(("workers", target.workers.to_string()));
    }
    if target.processes != 1 {
        facts.push(("processes", target.processes.to_string()));
    }
    facts
}

/// A seed that nobody chose, short enough to be typed.
fn fresh_seed() -> u64 {
    u64::from(rand::random::<u32>())
}

/// Prints the script of one case, with the answers that the model expects.
pub fn show(args: &Show) -> Done {
    let (commands, _) = case_script(
        args.seed,
        args.case,
        &Profile::default().with_operators(args.operators),
    );
    print!("{}", with_blocks(&commands));
    Ok(true)
}
