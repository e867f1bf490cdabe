//! What a campaign tells: typed events, and the consumers of them. Every output
//! (terminal, JSON lines) is such a consumer; none of them influences the run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::canary::Canary;
use super::finding::Finding;
use super::recheck::Recheck;
use crate::generate::Tally;
use crate::invariants::situations::{Occurrences, Situation};
use crate::invariants::{self, Counts, Uses};
use crate::plan::cells;

/// One thing that a campaign has to say.
#[derive(Debug, Clone)]
pub enum CampaignEvent {
    Started {
        seed: u64,
        cases: Option<u64>,
        jobs: usize,
    },
    CaseDone(CaseReport),
    /// A case broke an invariant in a way that may be new; it is being confirmed
    /// and shrunk.
    Shrinking {
        case: u64,
        signature: String,
        commands: usize,
    },
    /// What its target did on its own after a case that was told already.
    AfterCase {
        case: u64,
        signature: String,
    },
    /// The finding, shrunk.
    Found(Box<Found>),
    /// A case that was looked at more closely shows a bug that was found before.
    KnownAgain {
        case: u64,
        signature: String,
    },
    /// A case could not be run at all.
    TargetFailed {
        case: u64,
        reason: String,
    },
    /// What became of a replica with a bug that always shows.
    Canary(Canary),
    /// What became of a known bug on the target.
    Rechecked(Recheck),
    Finished(Summary),
}

/// A finding, and what became of it.
#[derive(Debug, Clone)]
pub struct Found {
    pub finding: Finding,
    /// As a script with its whole header.
    pub script: String,
    /// Where it was written, or why it could not be; None if it was not to be.
    pub written: Option<Result<PathBuf, String>>,
}

/// One case that was run.
#[derive(Debug, Clone)]
pub struct CaseReport {
    pub case: u64,
    pub commands: usize,
    pub failed: usize,
    pub violations: Vec<String>,
    pub counts: Vec<(&'static str, Counts)>,
    pub situations: BTreeSet<Situation>,
    pub leniencies: Uses,
    pub cells: cells::Counts,
    pub tally: Tally,
    pub invalid: Option<String>,
    pub unknown: Option<String>,
    pub elapsed: Duration,
}

/// A whole campaign.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub seed: u64,
    pub cases: u64,
    pub commands: u64,
    /// Commands that answered an error.
    pub failed: u64,
    /// Commands that meant something, of all that were generated.
    pub tally: Tally,
    /// Per invariant: what came of it over all cases.
    pub counts: Vec<(&'static str, Counts)>,
    /// In how many cases each situation occurred.
    pub situations: Occurrences,
    /// How often each leniency was used.
    pub leniencies: Uses,
    /// The surface cells that were sent to the target.
    pub cells: cells::Counts,
    /// Cases that broke an invariant.
    pub broken: u64,
    /// Different bugs that were found.
    pub findings: u64,
    /// Signatures, with the number of cases that showed each.
    pub signatures: Vec<(String, u64)>,
    /// Cases that could not be run.
    pub target_failures: u64,
    /// Cases whose script turned out invalid: a bug of the generator.
    pub invalid: u64,
    /// Cases that could not be decided.
    pub unknown: u64,
    pub elapsed: Duration,
    /// It ended before all cases were run.
    pub stopped_early: bool,
    /// The command line that repeats it.
    pub repeat: String,
}

impl Summary {
    /// Takes a case into account.
    pub fn add(&mut self, report: &CaseReport) {
        self.cases += 1;
        self.commands += report.commands as u64;
        self.failed += report.failed as u64;
        self.tally.add(&report.tally);
        cells::add(&mut self.cells, &report.cells);
        invariants::add_uses(&mut self.leniencies, &report.leniencies);
        for situation in &report.situations {
            *self.situations.entry(*situation).or_default() += 1;
        }
        self.broken += u64::from(!report.violations.is_empty());
        self.invalid += u64::from(report.invalid.is_some());
        self.unknown += u64::from(report.unknown.is_some());
        for signature in &report.violations {
            self.add_signature(signature);
        }
        invariants::add_counts(&mut self.counts, &report.counts);
    }

    /// Takes into account that a case broke an invariant after it was told.
    pub fn add_after(&mut self, signature: &str) {
        self.broken += 1;
        self.add_signature(signature);
        let (invariant, _) = signature.split_once('/').unwrap_or((signature, ""));
        let counts = self.counts.iter_mut().find(|(id, _)| *id == invariant);
        if let Some((_, counts)) = counts {
            counts.checked += 1;
            counts.violated += 1;
        }
    }

    fn add_signature(&mut self, signature: &str) {
        match self.signatures.iter_mut().find(|(s, _)| s == signature) {
            Some((_, n)) => *n += 1,
            None => self.signatures.push((signature.to_string(), 1)),
        }
    }

    /// The situations that never occurred.
    pub fn never(&self) -> impl Iterator<Item = Situation> {
        let all = Situation::ALL.iter().copied();
        all.filter(|situation| !self.situations.contains_key(situation))
    }

    /// Cases a second.
    pub fn rate(&self) -> f64 {
        self.cases as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// A consumer of events.
pub trait Reporter {
    fn on_event(&mut self, event: &CampaignEvent);
}
