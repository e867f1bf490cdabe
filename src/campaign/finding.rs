//! From a case that broke an invariant to a finding: it is confirmed, shrunk
//! while the same invariant breaks in the same way, and written as a script
//! that says what would have been right.
//!
//! Invariants: a finding that did not happen again is reported as such, never
//! dropped; what is written is replayable from its file alone, and overwrites
//! nothing.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::blocks::with_blocks;
use super::case::CaseOptions;
use super::lab::{Lab, Shape, run_with};
use super::viable::viable;
use crate::invariants::Violation;
use crate::script::Command;
use crate::shrink::{Budget, Shrunk, shrink};

/// While shrinking, something counts as stuck after this long; the result is
/// confirmed with the whole patience.
const SHRINK_PATIENCE: Duration = Duration::from_millis(1500);

/// How often a case is run again before it counts as not reproducible.
const CONFIRMATIONS: usize = 3;

/// An invariant that did not hold, and the simplest script found that shows it.
#[derive(Debug, Clone)]
pub struct Finding {
    pub signature: String,
    /// As the simplest script shows it.
    pub violation: Violation,
    /// The case that showed it first.
    pub case: u64,
    pub original: Vec<Command>,
    pub commands: Vec<Command>,
    /// The shape of the target that it takes.
    pub shape: Shape,
    /// It happened again on a target of its own.
    pub reproduced: bool,
    /// Scripts that were run to shrink it.
    pub runs: usize,
    /// Nothing makes it simpler any more.
    pub at_fixpoint: bool,
    /// Every event of the last run.
    pub log: Vec<String>,
    /// What the target logged in it.
    pub target_log: Option<String>,
}

/// A case that broke something.
pub struct Broken<'a> {
    pub case: u64,
    pub seed: u64,
    pub commands: &'a [Command],
    pub shape: Shape,
    pub violation: Violation,
}

/// Confirms and shrinks; where the lab has a stand-in, there, if what is found
/// there shows in the lab itself.
pub fn pursue(lab: &dyn Lab, broken: &Broken<'_>, budget: Budget) -> Finding {
    if let Some(stand_in) = lab.stand_in() {
        let mut finding = pursue_in(stand_in, broken, budget);
        if finding.reproduced && finding.show_in(lab, broken.seed, CONFIRMATIONS) {
            return finding;
        }
    }
    pursue_in(lab, broken, budget)
}

fn pursue_in(lab: &dyn Lab, broken: &Broken<'_>, budget: Budget) -> Finding {
    let Broken {
        case,
        seed,
        commands,
        shape,
        ref violation,
    } = *broken;
    let signature = violation.signature();
    let whole = lab.options(seed);
    let quick = CaseOptions {
        patience: whole.patience.min(SHRINK_PATIENCE),
        ..whole
    };
    let shows = |shape: Shape, commands: &[Command]| {
        let outcome = run_with(lab, commands, shape, seed, &quick);
        outcome.is_ok_and(|outcome| outcome.has(&signature))
    };
    let seen_on = |shape: Shape| {
        let tries = 0..CONFIRMATIONS;
        tries.filter(|_| shows(shape, commands)).count()
    };
    // One worker is simpler than several, and repeats better.
    let simpler = (shape != Shape::ONE && seen_on(Shape::ONE) == CONFIRMATIONS)
        .then_some((Shape::ONE, CONFIRMATIONS));
    let (shape, seen) = simpler.unwrap_or_else(|| (shape, seen_on(shape)));
    let mut finding = Finding {
        signature: signature.clone(),
        violation: violation.clone(),
        case,
        original: commands.to_vec(),
        commands: commands.to_vec(),
        shape,
        reproduced: seen > 0,
        runs: CONFIRMATIONS,
        at_fixpoint: false,
        log: Vec::new(),
        target_log: None,
    };
    if seen == 0 {
        return finding;
    }
    // What happens only sometimes is given as many chances as it needed.
    let tries = if seen == CONFIRMATIONS { 1 } else { 4 };
    let mut fails = |candidate: &[Command]| {
        viable(candidate).is_ok() && (0..tries).any(|_| shows(shape, candidate))
    };
    let Shrunk {
        commands: simplest,
        runs,
        at_fixpoint,
    } = shrink(commands.to_vec(), budget, &mut fails);
    finding.runs += runs;
    finding.commands = simplest;
    finding.at_fixpoint = at_fixpoint;
    // The simplest script may show it less often than the first one.
    let stopped = budget.stop.is_raised();
    let last_tries = match (seen, stopped) {
        (_, true) => 1,
        (CONFIRMATIONS, false) => 2,
        (_, false) => 25,
    };
    if !finding.show_in(lab, seed, last_tries) && !stopped {
        finding.commands = finding.original.clone();
        finding.at_fixpoint = false;
        finding.show_in(lab, seed, last_tries);
    }
    finding
}

impl Finding {
    /// Runs the commands with the whole patience until they show the finding,
    /// and keeps what they then show. False if they never do.
    fn show_in(&mut self, lab: &dyn Lab, seed: u64, tries: usize) -> bool {
        let logged = CaseOptions {
            keep_log: true,
            ..lab.options(seed)
        };
        for _ in 0..tries {
            let Ok(outcome) = run_with(lab, &self.commands, self.shape, seed, &logged) else {
                continue;
            };
            let same = |v: &&Violation| v.signature() == self.signature;
            if let Some(violation) = outcome.violations.iter().find(same) {
                self.violation = violation.clone();
                self.log = outcome.log;
                self.target_log = outcome.target_log;
                return true;
            }
        }
        false
    }

    /// The finding as a script: what broke, how to see it, then the commands
    /// with the answers that would have been right. `facts` are further lines
    /// `name: value` about the target.
    pub fn script(&self, facts: &[(&str, String)]) -> String {
        self.with_header(&self.commands, facts)
    }

    fn with_header(&self, commands: &[Command], facts: &[(&str, String)]) -> String {
        let mut text = String::new();
        for line in self.violation.to_string().lines() {
            // Random ids in it would make two equal findings differ.
            let _ = writeln!(text, "# {}", without_uuid(line));
        }
        if !self.reproduced {
            let _ = writeln!(
                text,
                "# It did not happen again when the case was run alone."
            );
        }
        let Shape { processes, workers } = self.shape;
        for (name, count) in [("workers", workers), ("processes", processes)] {
            if count != 1 {
                let _ = writeln!(text, "# {name}: {count}");
            }
        }
        for (name, value) in facts {
            let _ = writeln!(text, "# {name}: {value}");
        }
        let _ = write!(text, "\n{}", with_blocks(commands));
        text
    }

    /// The name of its files in a campaign of this seed, without a folder and
    /// what says which file it is.
    pub fn file_name(&self, seed: u64) -> String {
        let signature = self.signature.replace('/', "-");
        format!("{signature}-seed-{seed}-case-{}", self.case)
    }

    /// Writes the script, and beside it the events and the target's log of its
    /// last run, and the script as it was found. Files that are there already
    /// stay as they are: the same script is not written again, and another one
    /// gets another name.
    pub fn write(
        &self,
        directory: &Path,
        seed: u64,
        facts: &[(&str, String)],
    ) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(directory)?;
        let script = self.script(facts);
        let mut log = self.log.join("\n");
        log.push('\n');
        let original =
            (self.original != self.commands).then(|| self.with_header(&self.original, facts));
        let files = [
            ("spec", Some(&script)),
            ("log", Some(&log)),
            ("target.log", self.target_log.as_ref()),
            ("original.spec", original.as_ref()),
        ];
        let name = self.file_name(seed);
        for count in 1_u64.. {
            let name = match count {
                1 => name.clone(),
                count => format!("{name}-{count}"),
            };
            let path = |what: &str| directory.join(format!("{name}.{what}"));
            let spec = path("spec");
            if std::fs::read(&spec).is_ok_and(|known| known == script.as_bytes()) {
                return Ok(spec);
            }
            if files.iter().any(|(what, _)| path(what).exists()) {
                continue;
            }
            match File::create_new(&spec) {
                Ok(_) => {}
                // Another campaign was faster.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            for (what, text) in files {
                if let Some(text) = text {
                    std::fs::write(path(what), text)?;
                }
            }
            return Ok(spec);
        }
        unreachable!("there are more numbers than files")
    }
}

/// A line of a violation without ` (uuid)`.
fn without_uuid(line: &str) -> String {
    let Some((before, rest)) = line.split_once(" (") else {
        return line.to_string();
    };
    match rest.split_once(')') {
        Some((inside, after)) if uuid::Uuid::parse_str(inside).is_ok() => {
            format!("{before}{after}")
        }
        _ => line.to_string(),
    }
}
