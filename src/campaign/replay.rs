//! Replays scripts of findings: with every invariant watching, and the answers
//! held against the model's, wherever the contract fixes them.
//!
//! Invariant: a script decides everything, except the target that it wants to
//! be run on, which its header names (`# workers: 2`).

use std::path::Path;

use super::blocks::expected_blocks;
use super::case::{CaseOptions, Outcome};
use super::lab::{Lab, Shape, run_with};
use crate::driver::play::{Source, block};
use crate::invariants::Violation;
use crate::protocol::{Announced, AnnouncedError};
use crate::schedule::{Schedule, ScheduleError};

/// What a script's header says, as `# name: value` lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The mutants that break it.
    pub mutants: Vec<String>,
    /// Workers a process; 1 unless it matters.
    pub workers: Option<usize>,
    pub processes: Option<usize>,
    /// The version of the target, where it is not the default one.
    pub protocol: Option<Announced>,
    /// Replicas of the cluster; 1 unless it matters.
    pub replicas: Option<usize>,
    /// The mutants of the second replica that break it.
    pub second_mutants: Vec<String>,
    /// The schedule under which it shows, where not every one does.
    pub schedule: Option<Schedule>,
    /// The version of the second replica, where it is not that of the first.
    pub second_protocol: Option<Announced>,
}

impl Facts {
    /// Reads the header of a script.
    ///
    /// Errors: the line, and what was expected.
    pub fn parse(script: &str) -> Result<Facts, String> {
        let mut facts = Facts::default();
        for (at, line) in script.lines().enumerate() {
            let Some(comment) = line.strip_prefix('#') else {
                if line.trim().is_empty() {
                    continue;
                }
                break;
            };
            let Some((name, value)) = comment.split_once(':') else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            let number = || {
                value
                    .parse::<usize>()
                    .ok()
                    .filter(|n| *n > 0)
                    .ok_or_else(|| {
                        format!(
                            "line {}: `{name}` wants a positive number, got `{value}`",
                            at + 1
                        )
                    })
            };
            let announced = || {
                let announced = value.parse();
                announced.map_err(|error: AnnouncedError| {
                    format!("line {}: `{name}` is `{value}`: {error}", at + 1)
                })
            };
            match name {
                "mutant" => facts.mutants.push(value.to_string()),
                "workers" => facts.workers = Some(number()?),
                "processes" => facts.processes = Some(number()?),
                "protocol" => facts.protocol = Some(announced()?),
                "replicas" => facts.replicas = Some(number()?),
                "second-mutant" => facts.second_mutants.push(value.to_string()),
                "schedule" => {
                    let schedule = value.parse();
                    facts.schedule = Some(schedule.map_err(|error: ScheduleError| {
                        format!("line {}: `{name}`: {error}", at + 1)
                    })?);
                }
                "second-protocol" => facts.second_protocol = Some(announced()?),
                _ => {}
            }
        }
        Ok(facts)
    }
}

impl Facts {
    /// Whether the script is for two replicas.
    pub fn is_for_two(&self) -> bool {
        self.replicas == Some(2)
            || !self.second_mutants.is_empty()
            || self.second_protocol.is_some()
    }

    /// The shape of the target that the script wants, if it says.
    pub fn shape(&self) -> Option<Shape> {
        let Facts {
            workers, processes, ..
        } = self;
        let said = workers.is_some() || processes.is_some();
        said.then_some(Shape {
            workers: workers.unwrap_or(1),
            processes: processes.unwrap_or(1),
        })
    }
}

/// What became of a replayed script.
#[derive(Debug, Clone)]
pub struct Replayed {
    pub commands: usize,
    pub violations: Vec<Violation>,
    /// Answers that are not the model's: command, expected, actual.
    pub mismatches: Vec<(usize, String, String)>,
    pub invalid: Option<String>,
    /// Why it could not be decided whether the script passes.
    pub unknown: Option<String>,
    /// What the target would be at work on for ever, if it can tell.
    pub endless: Option<String>,
}

impl Replayed {
    /// Whether nothing was wrong, and all of it was decided.
    pub fn passed(&self) -> bool {
        self.violations.is_empty()
            && self.mismatches.is_empty()
            && self.invalid.is_none()
            && self.unknown.is_none()
    }
}

/// A script that was not replayed: one line that says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("{0}")]
    Script(String),
    /// The target cannot be had.
    #[error("{0}")]
    Target(String),
}

/// The seed of a replay, for what no schedule decides.
pub(super) const REPLAYED: u64 = 0;

/// Replays the script in `text`, which came from `path`, on a target of this
/// shape. Where a schedule decides what steps next, and the script names none, it
/// is run under the calmest one and, if it passes, under another.
pub fn replay(
    lab: &dyn Lab,
    shape: Shape,
    path: &Path,
    text: &str,
) -> Result<Replayed, ReplayError> {
    let shown = path.display();
    let source = Source::parse(text).map_err(|e| ReplayError::Script(format!("{shown}: {e}")))?;
    let commands = source.commands();
    let facts = Facts::parse(text).map_err(|e| ReplayError::Script(format!("{shown}: {e}")))?;
    let expected = expected_blocks(&commands, lab.release());
    let options = lab.options(REPLAYED);
    let schedules = match facts.schedule {
        Some(schedule) => vec![Some(schedule)],
        None if options.seed.is_some() => vec![Some(Schedule::default()), None],
        None => vec![None],
    };
    let mut last = None;
    for schedule in schedules {
        let options = CaseOptions {
            schedule,
            ..options.clone()
        };
        let outcome = run_with(lab, &commands, shape, REPLAYED, &options)
            .map_err(|e| ReplayError::Target(format!("{shown}: {e}")))?;
        let replayed = judged(&source, &expected, outcome);
        let passed = replayed.passed();
        last = Some(replayed);
        if !passed {
            break;
        }
    }
    last.ok_or_else(|| ReplayError::Target(format!("{shown}: it was not run")))
}

/// What became of one run of a script.
///
/// `expected` is what the model answers, where it has one answer.
fn judged(source: &Source, expected: &[Option<String>], outcome: Outcome) -> Replayed {
    if outcome.unknown.is_some() {
        return Replayed {
            commands: outcome.commands,
            violations: Vec::new(),
            mismatches: Vec::new(),
            invalid: outcome.invalid,
            unknown: outcome.unknown,
            endless: outcome.endless,
        };
    }
    let mut mismatches = Vec::new();
    for (step, (answer, expected)) in outcome.answers.iter().zip(expected).enumerate() {
        let actual = block(answer);
        if let Some(expected) = expected
            && *expected != actual
        {
            mismatches.push((step, expected.clone(), actual));
        }
    }
    if let Source::Text(script) = source {
        for (step, (stanza, answer)) in script.stanzas().zip(&outcome.answers).enumerate() {
            let actual = block(answer);
            let known = mismatches.iter().any(|(known, ..)| *known == step);
            if !stanza.expected.is_empty() && stanza.expected != actual && !known {
                mismatches.push((step, stanza.expected.clone(), actual));
            }
        }
    }
    Replayed {
        commands: outcome.commands,
        violations: outcome.violations,
        mismatches,
        invalid: outcome.invalid,
        unknown: None,
        endless: outcome.endless,
    }
}
