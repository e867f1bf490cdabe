//! `replay`: scripts of findings, each on a target of its own.
//!
//! Invariant: a script that cannot be read keeps no other from being replayed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{Replay, TargetArgs, TargetKind};
use super::fuzz::known_bugs;
use super::out::{complain, print};
use super::run::read;
use super::{CliError, Done, labs, signals};
use crate::campaign::{self, Aftermath, Compared, Difference, Facts, Lab, Replayed, Shape};
use crate::invariants;

/// How long the last script is given to end its target.
const LAST_LOOK: Duration = Duration::from_millis(200);

/// Replays every script below the paths; true if all passed.
pub fn replay(args: &Replay) -> Done {
    if let Some(directory) = &args.against {
        return against(args, directory);
    }
    let mut scripts = Vec::new();
    let mut totals = Totals::default();
    for path in &args.paths {
        collect(path, &mut scripts, &mut totals);
    }
    if scripts.is_empty() && totals.unreadable == 0 {
        return Err(CliError::Input(
            "no script (.spec or .jsonl) was found".to_string(),
        ));
    }
    signals::watch(signals::First::Stops)?;
    let open = labs::open(&args.target, false)?;
    let replayed = totals.replay_all(args, open.lab.as_ref(), &scripts);
    match (replayed, totals.failed) {
        (Err(CliError::Unread), 1..) => Ok(false),
        (Err(error), _) => Err(error),
        (Ok(()), _) => totals.verdict(scripts.len()),
    }
}

/// Holds the target against every record in a folder; true if all that differs is
/// explained.
fn against(args: &Replay, directory: &Path) -> Done {
    let known = known_bugs(args.known_bugs.as_deref())?;
    let folders = campaign::records(directory).map_err(CliError::Input)?;
    signals::watch(signals::First::Stops)?;
    let open = labs::open(&args.target, false)?;
    let mut agreement = Agreement::default();
    for folder in &folders {
        if signals::stop().is_raised() {
            break;
        }
        let shape = args.target.shape();
        let one = campaign::compare(open.lab.as_ref(), &known, shape, folder)?;
        agreement.add(folder, one)?;
    }
    agreement.tell(folders.len())?;
    agreement.verdict(folders.len())
}

/// How a target fared against records.
#[derive(Debug, Default)]
struct Agreement {
    /// Records that were looked at.
    reached: usize,
    /// Answers and shards that were held against each other, in all of them.
    compared: usize,
    /// Those that differ where several are right.
    left_free: usize,
    /// Records that differ, and nothing explains it.
    unexplained: usize,
    /// Records of which something could not be compared.
    undecided: usize,
    /// Records that differ and show a known bug, by the bug's id.
    known: BTreeMap<String, usize>,
}

impl Agreement {
    /// Takes in what became of a record, and tells what is not as it was recorded.
    ///
    /// Errors: nothing can be told any more.
    fn add(&mut self, folder: &Path, one: Compared) -> Result<(), CliError> {
        let shown = folder.display();
        self.reached += 1;
        self.compared += one.compared;
        self.left_free += one.left_free;
        if let Some((id, _)) = one.known {
            *self.known.entry(id).or_default() += 1;
        }
        if let Some(why) = one.undecided {
            self.undecided += 1;
            print(format_args!("UNKNOWN: {shown}: {why}\n"))?;
        }
        if !one.unexplained.is_empty() {
            self.unexplained += 1;
            print(format_args!("DIFFERS: {shown}\n"))?;
        }
        for difference in one.unexplained {
            let Difference {
                place,
                recorded,
                observed,
            } = difference;
            print(format_args!(
                "  {place}:\n    recorded: {recorded:?}\n    observed: {observed:?}\n"
            ))?;
        }
        Ok(())
    }

    /// Tells it in one line, of so many records.
    ///
    /// Errors: nothing can be told any more.
    fn tell(&self, records: usize) -> Result<(), CliError> {
        let Agreement {
            reached,
            compared,
            left_free,
            unexplained,
            undecided: _,
            known,
        } = self;
        let known = known.iter();
        let known = known.map(|(id, cases)| format!(", {cases} with the known bug {id}"));
        print(format_args!(
            "{reached} of {records} cases, {compared} answers and shards compared; {left_free} differ where several are \
             right; {unexplained} cases differ without an explanation{}\n",
            known.collect::<String>()
        ))
    }

    /// Whether all that differs is explained.
    ///
    /// Errors: it is not known of all of the records.
    fn verdict(&self, records: usize) -> Done {
        match (self.unexplained, self.undecided) {
            (1.., _) => Ok(false),
            (0, 0) if self.reached == records => Ok(true),
            (0, _) => Err(CliError::Unknown(format!(
                "{} cases could not be decided",
                self.undecided + records - self.reached
            ))),
        }
    }
}

/// How the scripts fared.
#[derive(Debug, Default)]
struct Totals {
    /// Those that were looked at, readable or not.
    reached: usize,
    failed: usize,
    unknown: usize,
    unreadable: usize,
}

impl Totals {
    /// Errors: nothing can be replayed, or told, any more.
    fn replay_all(
        &mut self,
        args: &Replay,
        lab: &dyn Lab,
        scripts: &[PathBuf],
    ) -> Result<(), CliError> {
        let mut before = None;
        for path in scripts {
            if signals::stop().is_raised() {
                break;
            }
            self.reached += 1;
            let replayed = match one(args, lab, path) {
                Ok(replayed) => replayed,
                Err(CliError::Input(problem)) => {
                    self.unreadable(&problem);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.look_back(lab.aftermaths(Duration::ZERO), before)?;
            before = Some(path);
            self.tell(path, &replayed)?;
        }
        self.look_back(lab.aftermaths(LAST_LOOK), before)?;
        let mut parts = vec![
            format!("{} scripts", scripts.len()),
            format!("{} failed", self.failed),
        ];
        for (count, what) in [
            (self.unknown, "unknown"),
            (self.unreadable, "could not be read"),
            (scripts.len() - self.reached, "not replayed"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        print(format_args!("{}\n", parts.join(", ")))
    }

    fn unreadable(&mut self, problem: &str) {
        self.unreadable += 1;
        complain(problem);
    }

    fn tell(&mut self, path: &Path, replayed: &Replayed) -> Result<(), CliError> {
        let shown = path.display();
        if replayed.passed() {
            return print(format_args!(
                "ok: {shown} ({} commands)\n",
                replayed.commands
            ));
        }
        if let Some(why) = &replayed.unknown {
            self.unknown += 1;
            return print(format_args!("UNKNOWN: {shown}: {why}\n"));
        }
        self.failed += 1;
        print(format_args!("FAILED: {shown}\n{}", details(replayed)))
    }

    /// What the target did after the script that it served before.
    fn look_back(
        &mut self,
        aftermaths: Vec<Aftermath>,
        before: Option<&PathBuf>,
    ) -> Result<(), CliError> {
        for Aftermath { event, .. } in aftermaths {
            let violation = before.zip(invariants::after_case(0, &event));
            let Some((path, violation)) = violation else {
                continue;
            };
            self.failed += 1;
            let shown = path.display();
            print(format_args!(
                "FAILED: {shown}\n{}",
                indented(&violation.to_string())
            ))?;
        }
        Ok(())
    }

    fn verdict(&self, scripts: usize) -> Done {
        let Totals {
            reached,
            failed,
            unknown,
            unreadable,
        } = *self;
        match (failed, unreadable, unknown) {
            (1.., _, _) => Ok(false),
            (0, 1.., _) => Err(CliError::Told),
            (0, 0, 1..) => Err(CliError::Unknown(format!(
                "{unknown} scripts could not be decided"
            ))),
            (0, 0, 0) if reached < scripts => Err(CliError::Unknown(format!(
                "{} scripts were not replayed",
                scripts - reached
            ))),
            (0, 0, 0) => Ok(true),
        }
    }
}

fn one(args: &Replay, lab: &dyn Lab, path: &Path) -> Result<Replayed, CliError> {
    let text = read(path)?;
    let facts =
        Facts::parse(&text).map_err(|e| CliError::Input(format!("{}: {e}", path.display())))?;
    let protocol = &args.target.protocol;
    if let Some(found) = facts.protocol.as_ref().filter(|found| *found != protocol) {
        eprintln!(
            "{}: found on {found}, replayed on {protocol}; --protocol {found} repeats it",
            path.display()
        );
    }
    let ours = matches!(args.target.target, TargetKind::Mini | TargetKind::InProcess);
    let pair = (facts.is_for_two() && ours && lab.replicas() == 1)
        .then(|| labs::open(&with_second(&args.target, &facts), false));
    let pair = pair.transpose()?;
    let lab = pair.as_ref().map_or(lab, |pair| pair.lab.as_ref());
    // A script says what it takes; the flags may ask for more.
    let shape = args.target.shape().into_iter().chain(facts.shape()).max();
    let shape = shape.unwrap_or(Shape::ONE);
    Ok(campaign::replay(lab, shape, path, &text)?)
}

/// The flags of a script for two replicas: the second one is healthy, and of the
/// version that the script was found on.
fn with_second(target: &TargetArgs, facts: &Facts) -> TargetArgs {
    let mut target = target.clone();
    target.second.second_target = Some(target.target.clone());
    target
        .second
        .second_protocol
        .clone_from(&facts.second_protocol);
    target
}

fn details(replayed: &Replayed) -> String {
    let mut text = String::new();
    for violation in &replayed.violations {
        text.push_str(&indented(&violation.to_string()));
    }
    for (step, expected, actual) in &replayed.mismatches {
        text.push_str(&format!(
            "  command {step}:\n    expected: {expected:?}\n    actual:   {actual:?}\n"
        ));
    }
    if let Some(what) = &replayed.endless {
        text.push_str(&format!("  without an end: {what}\n"));
    }
    if let Some(invalid) = &replayed.invalid {
        text.push_str(&format!("  not a valid script: {invalid}\n"));
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The scripts at or below a path, in the order of their names.
fn collect(path: &Path, scripts: &mut Vec<PathBuf>, totals: &mut Totals) {
    if !path.is_dir() {
        scripts.push(path.to_path_buf());
        return;
    }
    let listed = std::fs::read_dir(path).and_then(|entries| {
        let paths = entries.map(|entry| entry.map(|e| e.path()));
        paths.collect::<Result<Vec<_>, _>>()
    });
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(error) => {
            return totals.unreadable(&format!("reading {}: {error}", path.display()));
        }
    };
    entries.sort();
    for entry in entries {
        let extension = entry.extension().and_then(|e| e.to_str());
        if entry.is_dir() || matches!(extension, Some("spec" | "jsonl")) {
            collect(&entry, scripts, totals);
        }
    }
}
