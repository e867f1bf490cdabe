//! Campaigns: many cases from one seed, run side by side; findings are
//! confirmed, shrunk, and told once each. Everything that a campaign has to say
//! is a typed event.
//!
//! Invariants: the same seed gives the same cases, whatever the number of jobs;
//! an error of the lab is never counted as green; what a target does between two
//! cases is told of the case before.
//!
//! Architecture Invariant: nothing here prints; outputs are consumers of events.

mod aftermath;
mod blocks;
mod canary;
mod case;
mod event;
mod finding;
mod json_lines;
mod jury;
mod lab;
mod matrix;
mod rate;
mod recheck;
mod record;
mod register;
mod replay;
mod skeleton;
mod terminal;
mod trust;
mod upstream;
mod viable;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::generate::{Choices, Profile, SeededChoices, Stream, Tally, generate_counted};
use crate::invariants;
use crate::known::KnownBugs;
use crate::script::Command;
use crate::shrink::Budget;

pub use aftermath::Aftermath;
use aftermath::Pursuit;
pub use blocks::{expected_blocks, script_of, with_blocks};
pub use canary::Canary;
pub use case::{CaseOptions, Outcome, run_case};
pub use event::{CampaignEvent, CaseReport, Found, Reporter, Summary};
pub use finding::{Broken, Finding, Pursued, Terms, pursue};
pub use json_lines::JsonLines;
pub use jury::{Jury, Run, Trial};
pub use lab::{
    Lab, LabConfig, ProcessLab, Processed, ReplicaKind, Seat, Shape, StoreUrls, Tenant, run_in,
    run_with,
};
pub use matrix::{Row as MatrixRow, Solved, matrix};
pub use rate::{Judgment, Rate, Standard};
pub use recheck::{Fate, Recheck};
pub use record::{Compared, Difference, Recorded, compare, records};
use register::{Caught, Claim, Register};
pub use replay::{Facts, ReplayError, Replayed, replay};
pub use skeleton::{Likeness, Skeleton};
pub use terminal::Terminal;
pub use upstream::{UpstreamLab, cut};
pub use viable::{Endless, Limits, endless, viable};

/// What a campaign is.
#[derive(Debug, Clone)]
pub struct CampaignConfig {
    pub seed: u64,
    /// As many as there is time for, if it does not say.
    pub cases: Option<u64>,
    /// Cases that run at the same time.
    pub jobs: usize,
    /// Schedules under which each case runs where a seed decides the schedule.
    pub schedules: u64,
    /// The first case; others follow. 0 unless one case is looked at again.
    pub first_case: u64,
    pub profile: Profile,
    /// All bugs that are known: a finding that shows one of them says so.
    pub known: KnownBugs,
    /// The shape of every target; `None` draws one for each case.
    pub shape: Option<Shape>,
    /// No case is begun after this time.
    pub time: Option<Duration>,
    /// Ends after so many different findings; 0 never.
    pub stop_after: usize,
    /// For shrinking; its `stop` ends the whole campaign, which then still tells
    /// everything that it has found.
    pub budget: Budget,
    /// Where findings are written.
    pub findings: Option<PathBuf>,
    /// Where each case is recorded.
    pub record: Option<PathBuf>,
    /// What a finding says of the target, as `name: value`.
    pub facts: Vec<(&'static str, String)>,
    /// The command line that runs the same cases on the same target, but for
    /// which of them.
    pub command: String,
    /// What `command` lacks to be this campaign, such as `--cases 200`.
    pub repeat: String,
}

impl Default for CampaignConfig {
    /// Cases of seed 0, one after the other, without an end, told to the reporter
    /// alone.
    fn default() -> Self {
        CampaignConfig {
            seed: 0,
            cases: None,
            jobs: 1,
            schedules: 1,
            first_case: 0,
            profile: Profile::default(),
            known: KnownBugs::default(),
            shape: None,
            time: None,
            stop_after: 0,
            budget: Budget::default(),
            findings: None,
            record: None,
            facts: Vec::new(),
            command: String::new(),
            repeat: String::new(),
        }
    }
}

/// How far apart the seeds of neighbouring cases are. It is odd, so that no two
/// cases have the same seed.
const STRIDE: u64 = 0xD1B5_4A32_D192_ED03;

/// The number that times [`STRIDE`] is 1, modulo 2^64: each step of Newton's
/// doubles the number of bits that are right, of which an odd number is itself
/// good for three.
const STRIDE_INVERSE: u64 = {
    let (mut inverse, mut bits) = (STRIDE, 3);
    while bits < 64 {
        let product = STRIDE.wrapping_mul(inverse);
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(product));
        bits *= 2;
    }
    inverse
};

/// The seed of one case of a campaign.
pub fn case_seed(seed: u64, case: u64) -> u64 {
    seed.wrapping_add(case.wrapping_mul(STRIDE))
}

/// The case of a campaign that has this seed.
fn case_of(seed: u64, case_seed: u64) -> u64 {
    case_seed.wrapping_sub(seed).wrapping_mul(STRIDE_INVERSE)
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
        repeat: [config.command.as_str(), &config.repeat]
            .join(" ")
            .trim_end()
            .to_string(),
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
        register: Mutex::new(Register::new(config.budget.max_runs > 0)),
    };
    let (events, heard) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (events, shared) = (events.clone(), &shared);
            scope.spawn(move || {
                let worker = Worker {
                    config,
                    lab,
                    shared,
                    events,
                };
                worker.run_cases();
                // No case follows that would ask.
                worker.look_back(LAST_LOOK);
            });
        }
        drop(events);
        for event in heard {
            match &event {
                CampaignEvent::CaseDone(report) => summary.add(report),
                CampaignEvent::TargetFailed { .. } => summary.target_failures += 1,
                CampaignEvent::AfterCase { signature, .. } => summary.add_after(signature),
                CampaignEvent::Started { .. }
                | CampaignEvent::Shrinking { .. }
                | CampaignEvent::KnownAgain { .. }
                | CampaignEvent::Canary(_)
                | CampaignEvent::Rechecked(_)
                | CampaignEvent::Finished(_) => {}
                CampaignEvent::Found(_) => summary.findings += 1,
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
    register: Mutex<Register>,
}

impl Shared {
    fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock()
    }
}

/// How long the last case of a target is given to end it.
const LAST_LOOK: Duration = Duration::from_millis(200);

struct Worker<'a> {
    config: &'a CampaignConfig,
    lab: &'a dyn Lab,
    shared: &'a Shared,
    events: Sender<CampaignEvent>,
}

impl Worker<'_> {
    /// The receiver outlives every worker, so that sending cannot fail.
    fn tell(&self, event: CampaignEvent) {
        let _ = self.events.send(event);
    }

    fn is_over(&self) -> bool {
        let time = self.config.time;
        self.shared.stop.load(Ordering::Relaxed)
            || self.config.budget.stop.is_raised()
            || time.is_some_and(|time| self.shared.start.elapsed() >= time)
    }

    fn run_cases(&self) {
        let (config, shared) = (self.config, self.shared);
        let mut failures = 0;
        while !self.is_over() {
            let number = shared.next.fetch_add(1, Ordering::Relaxed);
            if config.cases.is_some_and(|cases| number >= cases) {
                return;
            }
            let case = config.first_case + number;
            let seed = case_seed(config.seed, case);
            let (commands, tally) = case_script(config.seed, case, &config.profile);
            let commands = self.lab.cut(commands);
            let shape = (config.shape).unwrap_or_else(|| case_shape(config.seed, case));
            let ran = self.run_schedules(&commands, shape, seed);
            let (outcome, seed) = match ran {
                Ok(ran) => ran,
                Err(reason) => {
                    self.tell(CampaignEvent::TargetFailed { case, reason });
                    failures += 1;
                    // A target that cannot be had three times in a row is gone.
                    if failures >= 3 {
                        shared.stop.store(true, Ordering::Relaxed);
                    }
                    continue;
                }
            };
            failures = 0;
            // Of each kind the first.
            let mut kinds = BTreeMap::new();
            for violation in outcome.violations {
                kinds.entry(violation.signature()).or_insert(violation);
            }
            self.tell(CampaignEvent::CaseDone(CaseReport {
                case,
                commands: outcome.commands,
                failed: outcome.failed,
                violations: kinds.keys().cloned().collect(),
                counts: outcome.counts,
                situations: outcome.situations,
                leniencies: outcome.leniencies,
                cells: outcome.cells,
                tally,
                invalid: outcome.invalid,
                unknown: outcome.unknown,
                elapsed: outcome.elapsed,
            }));
            for violation in kinds.into_values() {
                let broken = Broken {
                    case,
                    seed,
                    commands: commands.clone(),
                    shape,
                    violation,
                };
                self.take_up(broken, false, outcome.target_log.clone());
            }
        }
    }

    /// Runs a case under one schedule after the other, until one breaks something.
    /// Gives what came of all of them, and the seed of the last.
    fn run_schedules(
        &self,
        commands: &[Command],
        shape: Shape,
        seed: u64,
    ) -> Result<(Outcome, u64), String> {
        let options = CaseOptions {
            record: self.config.record.is_some(),
            ..self.lab.options(seed)
        };
        let first = run_with(self.lab, commands, shape, seed, &options);
        self.look_back(Duration::ZERO);
        let mut all = first?;
        self.record(commands, shape, seed, &all)?;
        let mut last = seed;
        let is_seeded = self.lab.options(seed).seed.is_some();
        for number in 1..self.config.schedules {
            if !is_seeded || !all.violations.is_empty() || all.unknown.is_some() {
                break;
            }
            last = Stream::Schedule { number }.seed(seed);
            let outcome = run_in(self.lab, commands, shape, last)?;
            all = all.and(outcome);
        }
        Ok((all, last))
    }

    /// Keeps what came of a case, if that is wanted.
    ///
    /// Errors: what cannot be written, and why.
    fn record(
        &self,
        commands: &[Command],
        shape: Shape,
        seed: u64,
        outcome: &Outcome,
    ) -> Result<(), String> {
        let Some(directory) = &self.config.record else {
            return Ok(());
        };
        let recorded = Recorded {
            seed: self.config.seed,
            case: case_of(self.config.seed, seed),
            shape,
            facts: &self.config.facts,
            releases: self.lab.releases(),
            commands,
            outcome,
        };
        let written = recorded.write(directory);
        written.map_err(|why| format!("recording the case: {why}"))
    }

    /// Takes up what targets did after the cases that they served.
    fn look_back(&self, patience: Duration) {
        for aftermath in self.lab.aftermaths(patience) {
            let Aftermath {
                seed,
                shape,
                event,
                target_log,
            } = aftermath;
            // Of a run that only looks at a finding again.
            let Some(seed) = seed else { continue };
            let case = case_of(self.config.seed, seed);
            let (commands, _) = case_script(self.config.seed, case, &self.config.profile);
            let last = commands.len().saturating_sub(1);
            let Some(violation) = invariants::after_case(last, &event) else {
                continue;
            };
            self.tell(CampaignEvent::AfterCase {
                case,
                signature: violation.signature(),
            });
            let broken = Broken {
                case,
                seed,
                commands,
                shape,
                violation,
            };
            self.take_up(broken, true, target_log);
        }
    }

    /// Pursues what a case broke, and what candidates broke in ways that were not
    /// seen before. `late` is what a target did when the case was over.
    fn take_up(&self, broken: Broken, late: bool, target_log: Option<String>) {
        let mut open = vec![(broken, target_log)];
        while let Some((broken, target_log)) = open.pop() {
            let strays = self.pursue(&broken, late, target_log);
            let unseen = strays.into_iter().filter(|stray| {
                let signature = stray.violation.signature();
                !self.shared.register().has_seen(&signature)
            });
            open.extend(unseen.map(|stray| (stray, None)));
        }
    }

    /// Confirms, shrinks, writes and tells what a case broke, if the register says
    /// that it may be something new. Gives what candidates broke in other ways.
    fn pursue(&self, broken: &Broken, late: bool, target_log: Option<String>) -> Vec<Broken> {
        let (config, lab, shared) = (self.config, self.lab, self.shared);
        let signature = broken.violation.signature();
        let terms = {
            let mut register = shared.register();
            if config.stop_after > 0 && register.len() >= config.stop_after {
                return Vec::new();
            }
            match register.claim(&signature, || broken.skeleton()) {
                Claim::Pursue { known, is_thorough } => Terms {
                    known,
                    is_thorough,
                    round: config.profile.known.clone(),
                    budget: config.budget,
                },
                Claim::Leave => return Vec::new(),
            }
        };
        self.tell(CampaignEvent::Shrinking {
            case: broken.case,
            signature: signature.clone(),
            commands: broken.commands.len(),
        });
        if config.stop_after > 0 && shared.register().len() >= config.stop_after {
            shared.stop.store(true, Ordering::Relaxed);
        }
        let lab = Pursuit { lab, late };
        let Pursued { finding, strays } = pursue(&lab, broken, terms);
        let caught = finding.as_ref().map(|finding| Caught {
            skeleton: finding.skeleton.clone(),
            is_minimal: finding.at_fixpoint,
        });
        let is_new = shared.register().close(&signature, caught);
        let Some(mut finding) = finding.filter(|_| is_new) else {
            self.tell(CampaignEvent::KnownAgain {
                case: broken.case,
                signature,
            });
            return strays;
        };
        // Of the run that showed it first, if no other one did.
        finding.target_log = finding.target_log.or(target_log);
        let mut facts = config.facts.clone();
        let found_by = format!("{} --case {}", config.command, broken.case);
        facts.push(("found-by", found_by));
        if let Some(bug) = config.known.shown_in(&finding.commands) {
            facts.push(("known-bug", bug.id.clone()));
        }
        let written = config.findings.as_ref().map(|directory| {
            let written = finding.write(directory, config.seed, &facts);
            written.map_err(|error| format!("{}: {error}", directory.display()))
        });
        self.tell(CampaignEvent::Found(Box::new(Found {
            script: finding.script(&facts),
            finding,
            written,
        })));
        strays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_known_by_its_seed() {
        for seed in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            for case in [0, 1, 2, 25, 1 << 40, u64::MAX] {
                assert_eq!(case_of(seed, case_seed(seed, case)), case);
            }
        }
    }
}
