//! From flags to a lab: stores, targets, scratch folders.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::CliError;
use super::args::{ReplicaArgs, TargetArgs, TargetKind};
use super::in_process::InProcessLab;
use super::scratch::Scratch;
use crate::campaign::{Lab, LabConfig, ProcessLab, Processed, ReplicaKind, StoreUrls, UpstreamLab};
use crate::driver::Program;
use crate::driver::upstream::{NEEDED, UpstreamDriver};
use crate::replica::mutants::{Mutant, Mutants};

/// A lab, and the scratch folder that lives as long as it does.
pub struct OpenLab {
    pub lab: Box<dyn Lab>,
    // Dropped after the lab: its targets write there.
    _scratch: Option<Scratch>,
}

/// Cases that one start of an unknown program serves: a real clusterd takes
/// seconds to come up.
const CASES_PER_SPAWN: usize = 50;

/// Opens the lab that the flags ask for. `keep_log` keeps every event of a case.
pub fn open(args: &TargetArgs, keep_log: bool) -> Result<OpenLab, CliError> {
    let patience = Duration::from_secs(args.patience);
    let (first, second) = (args.first(), args.second());
    check(&first, "--")?;
    if let Some(second) = &second {
        check(second, "--second-")?;
        check_pair(&first, second)?;
    }
    if let TargetKind::InProcess = args.target {
        check_in_process(args)?;
        return Ok(OpenLab {
            lab: Box::new(
                in_process(&first, second.as_ref(), keep_log).with_search(args.scheduler),
            ),
            _scratch: None,
        });
    }
    check_stores(args)?;
    if let TargetKind::HeadlessDriver(path) = &args.target {
        return open_upstream(args, path);
    }
    let scratch = Scratch::create()
        .map_err(|e| CliError::Target(format!("creating a scratch folder: {e}")))?;
    let directory = args
        .logs
        .clone()
        .unwrap_or_else(|| scratch.path().join("targets"));
    let store = match (&args.consensus, &args.blob) {
        (Some(consensus), Some(blob)) => StoreUrls {
            consensus: consensus.clone(),
            blob: blob.clone(),
        },
        _ => StoreUrls::embedded(scratch.path()),
    };
    let kind = |replica: &ReplicaArgs| kind(replica, args.cases_per_start);
    let lab = ProcessLab::open(LabConfig {
        first: kind(&first)?,
        second: second.as_ref().map(kind).transpose()?,
        store,
        directory,
        pubsub: args.pubsub,
        patience,
        keep_log,
        alarms: args.alarm.clone(),
    })
    .map_err(CliError::Input)?;
    let lab = lab.with_stand_ins(stand_ins(&first, second.as_ref(), keep_log));
    Ok(OpenLab {
        lab: Box::new(lab),
        _scratch: Some(scratch),
    })
}

/// Upstream's driver, which has its stores and its clusterd from the environment.
fn open_upstream(args: &TargetArgs, path: &Path) -> Result<OpenLab, CliError> {
    let said = [
        ("--workers", args.workers.is_some()),
        ("--processes", args.processes.is_some()),
        ("--consensus and --blob", args.consensus.is_some()),
        ("--second-target and the like", args.second.is_asked_for()),
    ];
    if let Some((flag, _)) = said.iter().find(|(_, said)| *said) {
        return Err(CliError::Input(format!(
            "--target headless-driver has its clusterd and its stores from the environment \
             (CLUSTERD_COMPUTE_ADDR, PERSIST_BLOB_URL, PERSIST_CONSENSUS_URL); leave {flag} out"
        )));
    }
    if let Some(name) = NEEDED.iter().find(|name| std::env::var_os(name).is_none()) {
        return Err(CliError::Input(format!(
            "--target headless-driver: expected {name} in the environment"
        )));
    }
    let scratch = Scratch::create()
        .map_err(|e| CliError::Target(format!("creating a scratch folder: {e}")))?;
    let directory = args
        .logs
        .clone()
        .unwrap_or_else(|| scratch.path().join("driver"));
    let driver = UpstreamDriver {
        path: path.to_path_buf(),
        args: args.target_arg.clone(),
    };
    let lab = UpstreamLab::new(
        driver,
        args.protocol.release,
        directory,
        Duration::from_secs(args.patience),
        stand_ins(&args.first(), None, false),
    );
    Ok(OpenLab {
        lab: Box::new(lab),
        _scratch: Some(scratch),
    })
}

/// One or two replicas that are no processes.
fn in_process(first: &ReplicaArgs, second: Option<&ReplicaArgs>, keep_log: bool) -> InProcessLab {
    let lab = InProcessLab::new(mutants(first), keep_log);
    let lab = lab.with_release(first.protocol.release);
    match second {
        None => lab,
        Some(second) => lab.with_second(mutants(second), second.protocol.release),
    }
}

/// Labs without processes on which a finding of the named targets may show, too.
fn stand_ins(
    first: &ReplicaArgs,
    second: Option<&ReplicaArgs>,
    keep_log: bool,
) -> Vec<Box<dyn Lab>> {
    let is_ours = |replica: &ReplicaArgs| {
        matches!(replica.target, TargetKind::Mini) && replica.target_arg.is_empty()
    };
    let boxed =
        |first: &ReplicaArgs| -> Box<dyn Lab> { Box::new(in_process(first, second, keep_log)) };
    match (&first.target, second) {
        // The same replicas without processes, unless flags make them other ones.
        (TargetKind::Mini, second) if is_ours(first) && second.is_none_or(is_ours) => {
            vec![boxed(first)]
        }
        // One of the named bugs may look like the one that is found.
        (TargetKind::Spawn(_) | TargetKind::Connect(_) | TargetKind::HeadlessDriver(_), None) => {
            let with = |mutant: &Mutant| ReplicaArgs {
                mutant: vec![*mutant],
                ..first.clone()
            };
            Mutant::ALL
                .iter()
                .map(|mutant| boxed(&with(mutant)))
                .collect()
        }
        (_, _) => Vec::new(),
    }
}

/// Whether the flags fit a replica that is no process.
fn check_in_process(args: &TargetArgs) -> Result<(), CliError> {
    if args.processes.is_some_and(|n| n != 1) {
        return Err(CliError::Input(
            "--target in-process has one process; leave --processes out".into(),
        ));
    }
    if args.consensus.is_some() {
        return Err(CliError::Input(
            "--target in-process has stores of its own; leave --consensus and --blob out".into(),
        ));
    }
    Ok(())
}

/// Whether the stores can be reached by another process.
fn check_stores(args: &TargetArgs) -> Result<(), CliError> {
    for (flag, url) in [("--consensus", &args.consensus), ("--blob", &args.blob)] {
        if url.as_deref().is_some_and(|url| url.starts_with("mem:")) {
            return Err(CliError::Input(format!(
                "{flag} mem: is seen by one process alone, and the target is another; \
                 expected a store that both reach, or --target in-process"
            )));
        }
    }
    Ok(())
}

fn mutants(replica: &ReplicaArgs) -> Mutants {
    replica.mutant.iter().copied().collect()
}

/// Whether the flags of a replica, which begin with `prefix`, fit together.
fn check(replica: &ReplicaArgs, prefix: &str) -> Result<(), CliError> {
    let release = replica.protocol.release;
    let has_mutants = matches!(replica.target, TargetKind::Mini | TargetKind::InProcess);
    if !replica.mutant.is_empty() && !has_mutants {
        return Err(CliError::Input(format!(
            "{prefix}mutant is for {prefix}target mini or in-process: only miniclusterd has mutants"
        )));
    }
    if let Some(mutant) = (replica.mutant.iter()).find(|mutant| mutant.since() > release) {
        let (since, version) = (mutant.since(), mutant.since().version());
        return Err(CliError::Input(format!(
            "{prefix}mutant {mutant} is no bug before {since}: expected {prefix}protocol {version}"
        )));
    }
    Ok(())
}

/// Whether two replicas can serve one cluster.
fn check_pair(first: &ReplicaArgs, second: &ReplicaArgs) -> Result<(), CliError> {
    let in_process = |replica: &ReplicaArgs| matches!(replica.target, TargetKind::InProcess);
    if in_process(first) != in_process(second) {
        return Err(CliError::Input(
            "one replica in process and one that is not share no store; expected both of \
             --target and --second-target to be in-process, or neither"
                .into(),
        ));
    }
    // Shards are created by what the driver writes, or by the first that sees them, and
    // no program reads those of a newer one (`spec/v26_39.md` §6.1).
    let (ours, theirs) = (&first.protocol.version, &second.protocol.version);
    if ours > theirs {
        return Err(CliError::Input(format!(
            "a replica of {theirs} cannot read the shards of {ours}; expected the older one \
             first, as --protocol {theirs} --second-protocol {ours}"
        )));
    }
    Ok(())
}

/// Targets of the kind that the flags of a replica ask for.
fn kind(replica: &ReplicaArgs, cases_per_start: Option<usize>) -> Result<ReplicaKind, CliError> {
    let spawn = |program: PathBuf, leading_args: Vec<String>, cases: usize| {
        let mutants = replica.mutant.iter();
        let mutants = mutants.flat_map(|m| ["--mutant".to_string(), m.to_string()]);
        Processed::Spawn {
            program: Program {
                path: program,
                leading_args,
                extra_args: replica.target_arg.iter().cloned().chain(mutants).collect(),
            },
            cases_per_start: cases_per_start.unwrap_or(cases).max(1),
        }
    };
    let announced = replica.protocol.clone();
    let target = match &replica.target {
        // In process nothing is started; this is asked for processes alone.
        TargetKind::Mini | TargetKind::InProcess => {
            let program = std::env::current_exe()
                .map_err(|e| CliError::Target(format!("finding our own program: {e}")))?;
            let words = ["miniclusterd", "--protocol"].map(String::from);
            let words = words.into_iter().chain([announced.to_string()]);
            spawn(program, words.collect(), 1)
        }
        TargetKind::Spawn(program) => spawn(program.clone(), Vec::new(), CASES_PER_SPAWN),
        TargetKind::Connect(addresses) => Processed::Attach(addresses.clone()),
        TargetKind::HeadlessDriver(_) => {
            return Err(CliError::Input(
                "upstream's driver serves one cluster alone; expected mini, spawn: or connect: for a \
                 second replica"
                    .into(),
            ));
        }
    };
    Ok(ReplicaKind { target, announced })
}
