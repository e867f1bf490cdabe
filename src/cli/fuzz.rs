//! `fuzz` and `show`.

use std::path::Path;
use std::time::Duration;

use super::args::{Format, Fuzz, KnownArgs, SecondArgs, Show, TargetArgs, TargetKind};
use super::in_process::InProcessLab;
use super::out::Out;
use super::{CliError, Done, labs, out, repeat, signals};
use crate::campaign::{
    CampaignConfig, CampaignEvent, Canary, Fate, JsonLines, Lab, Recheck, Reporter, Summary,
    Terminal, case_script, cut, run_campaign, with_blocks,
};
use crate::generate::{Action, Profile};
use crate::known::{KnownBug, KnownBugs};
use crate::protocol::{Announced, Release};
use crate::replica::mutants::{Mutant, Mutants};
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
    writable("--findings", &args.findings)?;
    recordable(&args)?;
    let known = known_bugs(args.known.known_bugs.as_deref())?;
    signals::watch(signals::First::Stops)?;
    let open = labs::open(&args.target, false)?;
    let mut reporter: Box<dyn Reporter> = match args.format {
        Format::Text => Box::new(Terminal::new(Out)),
        Format::Json => Box::new(JsonLines::new(Out)),
    };
    let round = going_round(&args, &known, open.lab.as_ref(), reporter.as_mut());
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let stop_after = args
        .stop_after
        .unwrap_or(usize::from(args.target.has_mutants()));
    // A known bug is looked for until it is found.
    let hunts = args.target.has_mutants() && args.cases.is_none();
    let cases = match args.case {
        Some(_) => Some(1),
        None if hunts => None,
        None => Some(args.cases.unwrap_or(CASES)),
    };
    let is_healthy = !args.target.has_mutants();
    let release = args.target.protocol.release;
    let seconds = args.seconds.or(hunts.then_some(HUNT_SECONDS));
    let config = CampaignConfig {
        seed,
        cases,
        jobs: args.jobs.unwrap_or_else(|| jobs(&args.target.target)),
        schedules: args.schedules,
        first_case: args.case.unwrap_or(0),
        profile: profile(
            &args.target.target,
            &args.target.second,
            args.operators,
            release,
        )
        .round(round),
        known: known.only(|bug| may_have(&args.target, bug)),
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
        record: args.record,
        findings: Some(args.findings),
    };
    // A replica that has bugs of its own already needs no other one.
    let canary = is_healthy.then(|| canary(&args.target, seed, &config.profile));
    if let Some(canary) = &canary {
        reporter.on_event(&CampaignEvent::Canary(canary.clone()));
    }
    let summary = run_campaign(&config, open.lab.as_ref(), reporter.as_mut());
    verdict(&summary, canary.as_ref())
}

/// Cases that run at the same time, unless it is said.
fn jobs(target: &TargetKind) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    match target {
        TargetKind::Mini => cores * MINIS_PER_CORE,
        // A real one takes the cores that it finds; in process nothing waits.
        TargetKind::InProcess
        | TargetKind::Spawn(_)
        | TargetKind::Connect(_)
        | TargetKind::HeadlessDriver(_) => cores,
    }
}

/// Sends the canary: the replicas of the campaign in process, of which one has a bug.
fn canary(target: &TargetArgs, seed: u64, profile: &Profile) -> Canary {
    let lab = InProcessLab::new(CANARY.into(), false);
    let mut lab = lab.with_release(target.protocol.release);
    if let Some(second) = target.second() {
        lab = lab.with_second(Mutants::none(), second.protocol.release);
    }
    Canary::send(CANARY.name(), &lab, seed, profile)
}

pub(super) fn known_bugs(file: Option<&Path>) -> Result<KnownBugs, CliError> {
    let known = match file {
        Some(file) => KnownBugs::read(file),
        None => KnownBugs::built_in(),
    };
    known.map_err(CliError::Input)
}

/// The bugs that the cases go round: those of the version of a clusterd that is
/// not ours; if they are to be run again, those of them that are not gone.
fn going_round(
    args: &Fuzz,
    known: &KnownBugs,
    lab: &dyn Lab,
    reporter: &mut dyn Reporter,
) -> KnownBugs {
    let TargetArgs {
        target, protocol, ..
    } = &args.target;
    let KnownArgs { recheck_known, .. } = args.known;
    let of_release = known.of_release(protocol.release);
    let mut gone = Vec::new();
    for bug in of_release.iter().filter(|_| recheck_known) {
        let recheck = Recheck::of(bug, known, lab);
        if recheck.fate == Fate::Gone {
            gone.push(recheck.id.clone());
        }
        reporter.on_event(&CampaignEvent::Rechecked(recheck));
    }
    of_release.only(|bug| has_bugs(target) && !gone.contains(&bug.id))
}

/// Whether a target may have a bug that is known.
fn may_have(args: &TargetArgs, bug: &KnownBug) -> bool {
    let mutant = |mutant: &Mutant| bug.mutant.as_deref() == Some(mutant.name());
    has_bugs(&args.target) || args.mutant.iter().any(mutant)
}

/// Whether a target has the bugs of its version: ours has only those that it is
/// told to have.
fn has_bugs(target: &TargetKind) -> bool {
    match target {
        TargetKind::Mini | TargetKind::InProcess => false,
        TargetKind::Spawn(_) | TargetKind::Connect(_) | TargetKind::HeadlessDriver(_) => true,
    }
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

/// Whether `--record`, if it is given, can be heeded.
fn recordable(args: &Fuzz) -> Result<(), CliError> {
    let Some(folder) = &args.record else {
        return Ok(());
    };
    if let TargetKind::HeadlessDriver(_) = args.target.target {
        return Err(CliError::Input(
            "--record keeps frames, which upstream's driver does not show; leave it out with \
             --target headless-driver"
                .into(),
        ));
    }
    writable("--record", folder)
}

/// Tries whether files can be put into the folder of a flag; leaves nothing behind.
fn writable(flag: &str, folder: &Path) -> Result<(), CliError> {
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
    tried.map_err(|error| {
        let folder = folder.display();
        CliError::Input(format!("{flag} {folder}: cannot be written: {error}"))
    })
}

/// What the cases of a campaign are drawn from.
fn profile(target: &TargetKind, second: &SecondArgs, operators: u64, release: Release) -> Profile {
    let mut profile = Profile::default().with_operators(operators);
    profile = profile.for_release(release);
    if second.is_asked_for() {
        profile = profile.for_two_replicas();
    }
    for target in std::iter::once(target).chain(&second.second_target) {
        profile = match target {
            TargetKind::Mini | TargetKind::InProcess => profile,
            TargetKind::Spawn(_) => profile.for_clusterd(),
            TargetKind::HeadlessDriver(_) => profile.for_upstreams_driver(),
            // What we did not start we cannot start anew.
            TargetKind::Connect(_) => profile
                .for_clusterd()
                .with_weight(Action::Restart, 0)
                .with_weight(Action::Kill, 0),
        };
    }
    profile
}

/// What a finding says of the target that it was found on.
fn facts(target: &TargetArgs) -> Vec<(&'static str, String)> {
    let said = |name, protocol: &Announced| (name, protocol.to_string());
    let mutants = target.mutant.iter();
    let mut facts: Vec<_> = mutants.map(|m| ("mutant", m.to_string())).collect();
    let protocol = Some(&target.protocol).filter(|protocol| !protocol.is_default());
    facts.extend(protocol.map(|protocol| said("protocol", protocol)));
    if let Some(second) = target.second() {
        facts.push(("replicas", "2".to_string()));
        let mutants = second.mutant.iter();
        facts.extend(mutants.map(|m| ("second-mutant", m.to_string())));
        let protocol = Some(&second.protocol).filter(|protocol| **protocol != target.protocol);
        facts.extend(protocol.map(|protocol| said("second-protocol", protocol)));
    }
    facts
}

/// A random seed, short enough to be typed.
fn fresh_seed() -> u64 {
    u64::from(rand::random::<u32>())
}

/// Prints the script of one case, with the answers that the model expects.
pub fn show(args: &Show) -> Done {
    let known = known_bugs(args.known_bugs.as_deref())?.of_release(args.protocol.release);
    let round = known.only(|_| has_bugs(&args.target));
    let release = args.protocol.release;
    let profile = profile(&args.target, &args.second, args.operators, release).round(round);
    let (mut commands, _) = case_script(args.seed, args.case, &profile);
    if let TargetKind::HeadlessDriver(_) = args.target {
        commands = cut(commands, release);
    }
    out::print(with_blocks(&commands, args.protocol.release))?;
    Ok(true)
}
