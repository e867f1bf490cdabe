//! `fuzz` and `show`.

use std::path::Path;
use std::time::Duration;

use super::args::{Format, Fuzz, Show, TargetArgs, TargetKind};
use super::in_process::InProcessLab;
use super::out::Out;
use super::{CliError, Done, labs, out, repeat, signals};
use crate::campaign::{
    CampaignConfig, CampaignEvent, Canary, JsonLines, Reporter, Summary, Terminal, case_script,
    run_campaign, with_blocks,
};
use crate::generate::{Action, Profile};
use crate::replica::mutants::Mutant;
use crate::shrink::Budget;

/// Cases of a campaign, unless it is said.
const CASES: u64 = 200;

/// How long a mutant is hunted, unless it is said.
const HUNT_SECONDS: u64 = 110;

/// Cases a core, unless it is said, of a miniclusterd that is a process: they
/// wait for each other's bytes most of their time.
const MINIS_PER_CORE: usize = 3;

/// A bug that shows in almost every case: what does not see it sees nothing.
const CANARY: Mutant = Mutant::FrontierTooFar;

/// Runs a campaign.
pub fn fuzz(args: Fuzz) -> Done {
    writable(&args.findings).map_err(|error| {
        let findings = args.findings.display();
        CliError::Input(format!("--findings {findings}: cannot be written: {error}"))
    })?;
    signals::watch(signals::First::Stops)?;
    let open = labs::open(&args.target, false)?;
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = args.jobs.unwrap_or(match &args.target.target {
        TargetKind::Mini => cores * MINIS_PER_CORE,
        // A real one takes the cores that it finds; in process nothing waits.
        TargetKind::InProcess | TargetKind::Spawn(_) | TargetKind::Connect(_) => cores,
    });
    let stop_after = args
        .stop_after
        .unwrap_or(usize::from(!args.target.mutant.is_empty()));
    // A known bug is looked for until it is found.
    let hunts = !args.target.mutant.is_empty() && args.cases.is_none();
    let cases = match args.case {
        Some(_) => Some(1),
        None if hunts => None,
        None => Some(args.cases.unwrap_or(CASES)),
    };
    let is_healthy = args.target.mutant.is_empty();
    let seconds = args.seconds.or(hunts.then_some(HUNT_SECONDS));
    let config = CampaignConfig {
        seed,
        cases,
        jobs,
        schedules: args.schedules,
        first_case: args.case.unwrap_or(0),
        profile: profile(&args.target.target, args.operators),
        shape: args.target.shape(),
        time: seconds.map(Duration::from_secs),
        stop_after,
        budget: Budget {
            max_runs: args.shrink_runs,
            max_time: Duration::from_secs(args.shrink_seconds),
            stop: signals::stop(),
            ..Budget::default()
        },
        command: repeat::command(&args, seed),
        repeat: repeat::rest(&args, cases),
        facts: facts(&args.target),
        findings: Some(args.findings),
    };
    let mut reporter: Box<dyn Reporter> = match args.format {
        Format::Text => Box::new(Terminal::new(Out)),
        Format::Json => Box::new(JsonLines::new(Out)),
    };
    // A replica that has bugs of its own already needs no other one.
    let canary = is_healthy.then(|| {
        let lab = InProcessLab::new(CANARY.into(), false);
        Canary::send(CANARY.name(), &lab, seed, &config.profile)
    });
    if let Some(canary) = &canary {
        reporter.on_event(&CampaignEvent::Canary(canary.clone()));
    }
    let summary = run_campaign(&config, open.lab.as_ref(), reporter.as_mut());
    verdict(&summary, canary.as_ref())
}

/// What a campaign comes to; a violation wins over everything else.
fn verdict(summary: &Summary, canary: Option<&Canary>) -> Done {
    if summary.broken == 0 && summary.target_failures > 0 {
        let failed = summary.target_failures;
        let all = summary.cases + failed;
        return Err(CliError::Target(format!(
            "{failed} of {all} cases could not be run"
        )));
    }
    let mut doubts = summary.distrust();
    if let Some(Canary {
        name,
        caught_in: None,
    }) = canary
    {
        doubts.insert(0, format!("the canary {name} was not caught"));
    }
    match (summary.broken, summary.unknown, doubts.first()) {
        (0, 0, None) => Ok(true),
        (0, 0, Some(doubt)) => Err(CliError::Unchecked(doubt.clone())),
        (0, unknown, _) => Err(CliError::Unknown(format!(
            "{unknown} cases could not be decided"
        ))),
        (_, _, _) => Ok(false),
    }
}

/// Tries whether files can be put into a folder; leaves nothing behind.
fn writable(folder: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    let tried = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::tempfile_in(folder))
        .map(drop);
    for folder in missing {
        // Others may have put something into it.
        let _ = std::fs::remove_dir(folder);
    }
    tried
}

/// What the cases of a campaign are drawn from.
fn profile(target: &TargetKind, operators: u64) -> Profile {
    let profile = Profile::default().with_operators(operators);
    match target {
        TargetKind::Mini | TargetKind::InProcess => profile,
        TargetKind::Spawn(_) => profile.for_clusterd(),
        // What we did not start we cannot start anew.
        TargetKind::Connect(_) => profile.for_clusterd().with_weight(Action::Restart, 0),
    }
}

/// What a finding says of the target that it was found on.
fn facts(target: &TargetArgs) -> Vec<(&'static str, String)> {
    let mutants = target.mutant.iter();
    mutants.map(|m| ("mutant", m.to_string())).collect()
}

/// A random seed, short enough to be typed.
fn fresh_seed() -> u64 {
    u64::from(rand::random::<u32>())
}

/// Prints the script of one case, with the answers that the model expects.
pub fn show(args: &Show) -> Done {
    let (commands, _) = case_script(args.seed, args.case, &profile(&args.target, args.operators));
    out::print(with_blocks(&commands))?;
    Ok(true)
}
