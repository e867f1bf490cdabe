//! Campaigns: many cases from one seed, run side by side; findings are
//! confirmed, shrunk, and told once each. Everything that a campaign has to say
//! is a typed event.
//!
//! Invariants: the same seed gives the same cases, whatever the number of jobs;
//! an error of the lab is never counted as green.
//!
//! Architecture Invariant: nothing here prints; outputs are consumers of events.

mod blocks;
mod case;
mod event;
mod finding;
mod json_lines;
mod jury;
mod lab;
mod rate;
mod replay;
mod terminal;
mod viable;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

pub use blocks::{expected_blocks, with_blocks};
pub use case::{CaseOptions, Outcome, run_case};
pub use event::{CampaignEvent, CaseReport, Reporter, Summary};
pub use finding::{Broken, Finding, pursue};
pub use json_lines::JsonLines;
pub use jury::{Jury, Run, Trial};
pub use lab::{Lab, LabConfig, ProcessLab, Processed, Seat, Shape, StoreUrls, run_in, run_with};
pub use rate::{Judgment, Rate, Standard};
pub use replay::{Facts, Replayed, replay};
pub use terminal::Terminal;
pub use viable::{Endless, endless, viable};

use crate::generate::{Choices, Profile, SeededChoices, Tally, generate_counted};
use crate::script::Command;
use crate::shrink::Budget;

/// What a campaign is.
#[derive(Debug, Clone)]
pub struct CampaignConfig {
    pub seed: u64,
    /// As many as there is time for, if it does not say.
    pub cases: Option<u64>,
    /// Cases that run at the same time.
    pub jobs: usize,
    /// The first case; others follow. 0 unless one case is looked at again.
    pub first_case: u64,
    pub profile: Profile,
    /// The shape of every target; `None` draws one for each case.
    pub shape: Option<Shape>,
    /// No case is begun after this time.
    pub time: Option<Duration>,
    /// Ends after so many different findings; 0 never.
    pub stop_after: usize,
    pub budget: Budget,
    /// Where findings are written.
    pub findings: Option<PathBuf>,
    /// What a finding says of the target, as `name: value`.
    pub facts: Vec<(&'static str, String)>,
}

/// The seed of one case of a campaign.
pub fn case_seed(seed: u64, case: u64) -> u64 {
    // Far apart for neighbouring cases, equal for none of them.
    seed.wrapping_add(case.wrapping_mul(0xD1B5_4A32_D192_ED03))
}

/// The script of one case of a campaign.
pub fn case_script(seed: u64, case: u64, profile: &Profile) -> (Vec<Command>, Tally) {
    let mut choices = SeededChoices::new(case_seed(seed, case));
    generate_counted(&mut choices, profile)
}

/// The shape of the target of one case: mostly small, because most bugs need
/// no more.
pub fn case_shape(seed: u64, case: u64) -> Shape {
    let choices: &mut dyn Choices = &mut SeededChoices::new(!case_seed(seed, case));
    let (processes, workers) = match choices.weighted("shape", &[10, 6, 2, 1, 1]) {
        Some(1) => (1, 2),
        Some(2) => (1, 4),
        Some(3) => (2, 1),
        Some(4) => (2, 2),
        _ => (1, 1),
    };
    Shape { processes, workers }
}

/// Runs a campaign; `reporter` hears of everything as it happens.
pub fn run_campaign(
    config: &CampaignConfig,
    lab: &dyn Lab,
    reporter: &mut dyn Reporter,
) -> Summary {
    let start = Instant::now();
    let jobs = lab
        .concurrency()
        .map_or(config.jobs, |n| n.min(config.jobs))
        .max(1);
    let mut summary = Summary {
        seed: config.seed,
        ..Summary::default()
    };
    reporter.on_event(&CampaignEvent::Started {
        seed: config.seed,
        cases: config.cases,
        jobs,
    });
    let shared = Shared {
        start,
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        seen: Mutex::default(),
    };
    let (events, heard) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (events, shared) = (events.clone(), &shared);
            scope.spawn(move || worker(config, lab, shared, &events));
        }
        drop(events);
        for event in heard {
            match &event {
                CampaignEvent::CaseDone(report) => summary.add(report),
                CampaignEvent::TargetFailed { .. } => summary.target_failures += 1,
                CampaignEvent::Started { .. }
                | CampaignEvent::Shrinking { .. }
                | CampaignEvent::Found(..)
                | CampaignEvent::Finished(_) => {}
            }
            reporter.on_event(&event);
        }
    });
    summary.elapsed = start.elapsed();
    let tried = summary.cases + summary.target_failures;
    summary.stopped_early = config.cases.is_none_or(|cases| tried < cases);
    reporter.on_event(&CampaignEvent::Finished(summary.clone()));
    summary
}

/// What the workers share.
struct Shared {
    start: Instant,
    next: AtomicU64,
    stop: AtomicBool,
    /// Signatures that somebody has taken up.
    seen: Mutex<HashSet<String>>,
}

fn worker(config: &CampaignConfig, lab: &dyn Lab, shared: &Shared, events: &Sender<CampaignEvent>) {
    // The receiver outlives every worker; a failed send has nobody to tell.
    let tell = |event| drop(events.send(event));
    let mut failures = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        if config
            .time
            .is_some_and(|time| shared.start.elapsed() >= time)
        {
            return;
        }
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if config.cases.is_some_and(|cases| number >= cases) {
            return;
        }
        let case = config.first_case + number;
        let seed = case_seed(config.seed, case);
        let (commands, tally) = case_script(config.seed, case, &config.profile);
        let shape = (config.shape).unwrap_or_else(|| case_shape(config.seed, case));
        let outcome = match run_in(lab, &commands, shape, seed) {
            Ok(outcome) => outcome,
            Err(reason) => {
                tell(CampaignEvent::TargetFailed { case, reason });
                failures += 1;
                // A target that cannot be had three times in a row is gone.
                if failures >= 3 {
                    shared.stop.store(true, Ordering::Relaxed);
                }
                continue;
            }
        };
        failures = 0;
        let mut signatures: Vec<String> =
            outcome.violations.iter().map(|v| v.signature()).collect();
        signatures.sort();
        signatures.dedup();
        let first = outcome.violations.first().cloned();
        tell(CampaignEvent::CaseDone(CaseReport {
            case,
            commands: outcome.commands,
            failed: outcome.failed,
            violations: signatures,
            counts: outcome.counts,
            cells: outcome.cells,
            tally,
            invalid: outcome.invalid,
            unknown: outcome.unknown,
            elapsed: outcome.elapsed,
        }));
        let Some(violation) = first else { continue };
        let signature = violation.signature();
        let number = {
            let lock = shared.seen.lock();
            let mut seen = lock.unwrap_or_else(std::sync::PoisonError::into_inner);
            if config.stop_after > 0 && seen.len() >= config.stop_after {
                return;
            }
            if !seen.insert(signature.clone()) {
                continue;
            }
            seen.len()
        };
        tell(CampaignEvent::Shrinking {
            case,
            signature,
            commands: commands.len(),
        });
        if config.stop_after > 0 && number >= config.stop_after {
            shared.stop.store(true, Ordering::Relaxed);
        }
        let broken = Broken {
            case,
            seed,
            commands: &commands,
            shape,
            violation,
        };
        let finding = pursue(lab, &broken, config.budget);
        let path = config.findings.as_ref().and_then(|directory| {
            let mut facts = config.facts.clone();
            facts.push(("found-by", format!("--seed {} --case {case}", config.seed)));
            match finding.write(directory, &facts) {
                Ok(path) => Some(path),
                Err(error) => {
                    tracing::error!("writing a finding to {}: {error}", directory.display());
                    None
                }
            }
        });
        tell(CampaignEvent::Found(Box::new(finding), path));
    }
}
