//! From flags to a lab: stores, targets, scratch folders.

use std::path::PathBuf;
use std::time::Duration;

use super::CliError;
use super::args::{TargetArgs, TargetKind};
use super::in_process::InProcessLab;
use super::scratch::Scratch;
use crate::campaign::{Lab, LabConfig, ProcessLab, Processed, StoreUrls};
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
    let release = args.protocol.release;
    if !args.mutant.is_empty() && !matches!(args.target, TargetKind::Mini | TargetKind::InProcess) {
        return Err(CliError::Input(
            "--mutant is for --target mini or in-process: only miniclusterd has mutants".into(),
        ));
    }
    if let Some(mutant) = args.mutant.iter().find(|mutant| mutant.since() > release) {
        let (since, version) = (mutant.since(), mutant.since().version());
        return Err(CliError::Input(format!(
            "--mutant {mutant} is no bug before {since}: expected --protocol {version}"
        )));
    }
    if let TargetKind::InProcess = args.target {
        if args.processes.is_some_and(|n| n != 1) {
            return Err(CliError::Input(
                "--target in-process has one process; leave --processes out".into(),
            ));
        }
        if args.consensus.is_some() {
            return Err(CliError::Input(
                "--target in-process has stores of its own; leave --consensus and --blob out"
                    .into(),
            ));
        }
        let mutants = args.mutant.iter().copied().collect();
        return Ok(OpenLab {
            lab: Box::new(InProcessLab::new(mutants, keep_log).with_release(release)),
            _scratch: None,
        });
    }
    for (flag, url) in [("--consensus", &args.consensus), ("--blob", &args.blob)] {
        if url.as_deref().is_some_and(|url| url.starts_with("mem:")) {
            return Err(CliError::Input(format!(
                "{flag} mem: is seen by one process alone, and the target is another; \
                 expected a store that both reach, or --target in-process"
            )));
        }
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
    let spawn = |program: PathBuf, leading_args: Vec<String>, cases: usize| {
        let mutants = args.mutant.iter();
        let mutants = mutants.flat_map(|m| ["--mutant".to_string(), m.to_string()]);
        Processed::Spawn {
            program,
            leading_args,
            extra_args: args.target_arg.iter().cloned().chain(mutants).collect(),
            cases_per_start: args.cases_per_start.unwrap_or(cases).max(1),
        }
    };
    let target = match &args.target {
        TargetKind::Mini => {
            let program = std::env::current_exe()
                .map_err(|e| CliError::Target(format!("finding our own program: {e}")))?;
            let words = ["miniclusterd", "--protocol"].map(String::from);
            let words = words.into_iter().chain([args.protocol.to_string()]);
            spawn(program, words.collect(), 1)
        }
        TargetKind::Spawn(program) => spawn(program.clone(), Vec::new(), CASES_PER_SPAWN),
        TargetKind::Connect(addresses) => Processed::Attach(addresses.clone()),
        TargetKind::InProcess => unreachable!("handled above"),
    };
    let lab = ProcessLab::open(LabConfig {
        target,
        store,
        directory,
        announced: args.protocol.clone(),
        pubsub: args.pubsub,
        patience,
        keep_log,
        alarms: args.alarm.clone(),
    })
    .map_err(CliError::Input)?;
    let in_process = |mutants: Mutants| -> Box<dyn Lab> {
        Box::new(InProcessLab::new(mutants, keep_log).with_release(release))
    };
    let stand_ins = match &args.target {
        // The same replica without processes, unless flags make it another one.
        TargetKind::Mini if args.target_arg.is_empty() => {
            vec![in_process(args.mutant.iter().copied().collect())]
        }
        TargetKind::Mini | TargetKind::InProcess => Vec::new(),
        // One of the named bugs may look like the one that is found.
        TargetKind::Spawn(_) | TargetKind::Connect(_) => {
            let mutants = Mutant::ALL.iter().copied();
            mutants.map(|mutant| in_process(mutant.into())).collect()
        }
    };
    let lab = lab.with_stand_ins(stand_ins);
    Ok(OpenLab {
        lab: Box::new(lab),
        _scratch: Some(scratch),
    })
}
