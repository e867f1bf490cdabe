//! Records: what a target did in the cases of a campaign, kept so that it can be looked
//! at, and held against another target, where there is no such target.
//!
//! A folder a case: `script.spec`, whose blocks the target filled; `frames.jsonl`, what
//! crossed the connections; `shards.jsonl`, what the shards held at the end, or why they
//! could not be read.
//!
//! Invariants: a record is told by its files alone; what was there before stays; a
//! difference is unexplained only where the contract leaves nothing open.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::blocks::expected_blocks;
use super::case::{CaseOptions, Outcome, Traffic};
use super::lab::{Lab, Shape, run_with};
use super::replay::{Facts, ReplayError};
use crate::driver::play::{Source, block};
use crate::driver::{Frame, Said};
use crate::known::KnownBugs;
use crate::model::row_text;
use crate::protocol::Release;
use crate::repr::{Diff, Timestamp};
use crate::script::event::ShardContents;
use crate::script::{Command, Replica, Script};

const SCRIPT: &str = "script.spec";
const FRAMES: &str = "frames.jsonl";
const SHARDS: &str = "shards.jsonl";

/// Why a record has no shards that no driver of ours ran.
const NOTHING_KEPT: &str = "its run kept nothing beside its answers";

/// A case as it ran.
pub struct Recorded<'a> {
    pub seed: u64,
    pub case: u64,
    pub shape: Shape,
    /// What the campaign says of its target.
    pub facts: &'a [(&'static str, String)],
    /// The releases of the replicas, in their order.
    pub releases: Vec<Release>,
    pub commands: &'a [Command],
    pub outcome: &'a Outcome,
}

/// A frame as it is written: as in the recordings of a proxy, and which replica it was.
#[derive(Serialize)]
struct FrameLine {
    replica: Replica,
    conn: u64,
    dir: &'static str,
    /// Its place among those of its direction, from 0.
    i: usize,
    kind: &'static str,
    hex: String,
}

/// A shard as it is written and read: what it held before its upper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ShardLine {
    shard: String,
    /// None is the empty frontier, here and below.
    since: Option<Timestamp>,
    upper: Option<Timestamp>,
    rows: Vec<(String, Timestamp, Diff)>,
    /// How many updates of errors there are.
    errors: usize,
}

/// What stands in place of the shards where they could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UnreadLine {
    unread: String,
}

impl ShardLine {
    fn of(contents: &ShardContents) -> ShardLine {
        let rows = contents.rows.iter();
        ShardLine {
            shard: contents.shard.clone(),
            since: contents.since.as_option(),
            upper: contents.upper.as_option(),
            rows: rows
                .map(|(row, ts, diff)| (row_text(row), *ts, *diff))
                .collect(),
            errors: contents.errors.len(),
        }
    }

    /// What it says of the times from `since` on and before `upper`.
    fn between(
        &self,
        since: Timestamp,
        upper: Option<Timestamp>,
    ) -> BTreeMap<(Timestamp, &str), Diff> {
        let mut counts = BTreeMap::new();
        for (row, ts, diff) in &self.rows {
            let at = (*ts).max(since);
            if upper.is_none_or(|upper| at < upper) {
                *counts.entry((at, row.as_str())).or_default() += diff;
            }
        }
        counts.retain(|_, diff| *diff != 0);
        counts
    }

    /// Whether two shards hold the same where both can be read. Of errors only that
    /// there are some is held against each other.
    fn agrees_with(&self, other: &ShardLine) -> bool {
        if self.errors > 0 || other.errors > 0 {
            return (self.errors > 0) == (other.errors > 0);
        }
        let (Some(ours), Some(theirs)) = (self.since, other.since) else {
            return true;
        };
        let since = ours.max(theirs);
        let upper = match (self.upper, other.upper) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.between(since, upper) == other.between(since, upper)
    }

    /// Where it does not agree with the shard that was recorded.
    fn difference(&self, recorded: &ShardLine) -> Option<Difference> {
        (!self.agrees_with(recorded)).then(|| Difference {
            place: format!("shard `{}`", self.shard),
            recorded: format!("{:?}", recorded.rows),
            observed: format!("{:?}", self.rows),
        })
    }
}

impl Recorded<'_> {
    /// Writes the folder of the case.
    ///
    /// Errors: a path, and why it cannot be written; a record that is there already.
    pub fn write(&self, directory: &Path) -> Result<(), String> {
        let name = format!("seed-{}-case-{:06}", self.seed, self.case);
        let folder = directory.join(name);
        let failed =
            |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        fs::create_dir_all(directory).map_err(|e| failed(directory, &e))?;
        fs::create_dir(&folder).map_err(|e| failed(&folder, &e))?;
        let (frames, shards) = match &self.outcome.traffic {
            Some(Traffic { frames, shards }) => {
                (frames.as_slice(), shards.as_deref().map_err(String::as_str))
            }
            None => (&[][..], Err(NOTHING_KEPT)),
        };
        let shards = match shards {
            Ok(shards) => lines(shards.iter().map(ShardLine::of))?,
            Err(why) => {
                let unread = why.to_string();
                lines(std::iter::once(UnreadLine { unread }))?
            }
        };
        let files = [
            (SCRIPT, self.script()),
            (FRAMES, self.frames(frames)?),
            (SHARDS, shards),
        ];
        for (name, text) in files {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|e| failed(&path, &e))?;
        }
        Ok(())
    }

    fn script(&self) -> String {
        let mut text = String::new();
        let mut fact = |name: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "# {name}: {value}");
        };
        for (name, value) in self.facts {
            fact(name, value);
        }
        let Shape { processes, workers } = self.shape;
        for (name, count) in [("workers", workers), ("processes", processes)] {
            if count != 1 {
                fact(name, &count);
            }
        }
        let broken: BTreeSet<String> = (self.outcome.violations.iter())
            .map(|violation| violation.signature())
            .collect();
        for signature in broken {
            fact("broke", &signature);
        }
        if let Some(why) = &self.outcome.unknown {
            fact("undecided", why);
        }
        // What was not executed was not answered.
        let answers = &self.outcome.answers;
        let mut script = Script::from_commands(self.commands.iter().take(answers.len()).cloned());
        for (stanza, answer) in script.stanzas_mut().zip(answers) {
            stanza.expected = block(answer);
        }
        format!("{text}\n{script}")
    }

    fn frames(&self, frames: &[Frame]) -> Result<String, String> {
        let mut counts: BTreeMap<(Replica, &str), usize> = BTreeMap::new();
        let line = |frame: &Frame| {
            let dir = match &frame.said {
                Said::ByDriver(_) => "c2r",
                Said::ByReplica(_) => "r2c",
            };
            let release = self.releases.get(frame.replica.index());
            let payload = frame.said.payload(release.copied().unwrap_or_default())?;
            let i = counts.entry((frame.replica, dir)).or_default();
            let line = FrameLine {
                replica: frame.replica,
                conn: frame.connection,
                dir,
                i: *i,
                kind: "frame",
                hex: hex::encode(payload),
            };
            *i += 1;
            Ok(line)
        };
        let frames = frames
            .iter()
            .map(line)
            .collect::<Result<Vec<_>, String>>()?;
        lines(frames.into_iter())
    }
}

/// One JSON object a line.
fn lines(objects: impl Iterator<Item = impl Serialize>) -> Result<String, String> {
    let mut text = String::new();
    for object in objects {
        text += &serde_json::to_string(&object).map_err(|e| e.to_string())?;
        text.push('\n');
    }
    Ok(text)
}

/// What became of a record on another target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Answers and shards that were held against each other.
    pub compared: usize,
    /// Those that differ where several are right.
    pub left_free: usize,
    /// The others that differ in a case that shows a bug that is known, and its id.
    pub known: Option<(String, usize)>,
    pub unexplained: Vec<Difference>,
    /// Why the rest could not be compared.
    pub undecided: Option<String>,
}

impl Compared {
    /// Holds the shards of a run against those of the record; what differs.
    fn add_shards(
        &mut self,
        recorded: Result<Vec<ShardLine>, String>,
        observed: Result<Vec<ShardContents>, String>,
    ) -> Vec<Difference> {
        let (recorded, observed) = match (recorded, observed) {
            (Ok(recorded), Ok(observed)) => (recorded, observed),
            (Err(why), _) => {
                let why = format!("the record has no shards: {why}");
                self.undecided.get_or_insert(why);
                return Vec::new();
            }
            (Ok(_), Err(why)) => {
                let why = format!("reading the shards: {why}");
                self.undecided.get_or_insert(why);
                return Vec::new();
            }
        };
        let mut differences = Vec::new();
        for observed in observed.iter().map(ShardLine::of) {
            if let Some(recorded) = recorded.iter().find(|known| known.shard == observed.shard) {
                self.compared += 1;
                differences.extend(observed.difference(recorded));
            }
        }
        differences
    }
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The command, from 0, or a shard.
    pub place: String,
    pub recorded: String,
    pub observed: String,
}

/// Runs the case in the folder of a record on a target, and holds what it does against
/// the record.
///
/// Errors: the folder holds no record; the record is of two replicas, and the lab has
/// one; the target cannot be had.
pub fn compare(
    lab: &dyn Lab,
    known: &KnownBugs,
    shape: Option<Shape>,
    folder: &Path,
) -> Result<Compared, ReplayError> {
    let path = folder.join(SCRIPT);
    let (facts, script) = read_script(&path)?;
    if facts.is_for_two() && lab.replicas() == 1 {
        return Err(bad(&path, &"is of two replicas: expected --second-target"));
    }
    let recorded = read_shards(&folder.join(SHARDS))?;
    let commands = script.commands();
    let shape = shape.or(facts.shape()).unwrap_or(Shape::ONE);
    let options = CaseOptions {
        record: true,
        ..lab.options(0)
    };
    let outcome = run_with(lab, &commands, shape, 0, &options);
    let outcome = outcome.map_err(|e| ReplayError::Target(format!("{}: {e}", path.display())))?;

    let mut compared = Compared {
        undecided: outcome.unknown.clone(),
        ..Compared::default()
    };
    let mut differences = Vec::new();
    let free = expected_blocks(&commands, lab.release());
    let answers = script.stanzas().zip(&outcome.answers).zip(free).enumerate();
    for (step, ((stanza, answer), fixed)) in answers {
        compared.compared += 1;
        let observed = block(answer);
        match (observed == stanza.expected, fixed) {
            (true, _) => {}
            (false, None) => compared.left_free += 1,
            (false, Some(_)) => differences.push(Difference {
                place: format!("command {step} ({})", stanza.command.verb()),
                recorded: stanza.expected.clone(),
                observed,
            }),
        }
    }
    // What ended early left its shards wherever they were.
    let is_whole = outcome.answers.len() == commands.len() && !outcome.lost;
    if let Some(traffic) = outcome.traffic.filter(|_| is_whole) {
        differences.extend(compared.add_shards(recorded, traffic.shards));
    }
    match known.shown_in(&commands) {
        Some(bug) if !differences.is_empty() => {
            compared.known = Some((bug.id.clone(), differences.len()));
        }
        Some(_) | None => compared.unexplained = differences,
    }
    Ok(compared)
}

fn bad(path: &Path, why: &dyn std::fmt::Display) -> ReplayError {
    ReplayError::Script(format!("{}: {why}", path.display()))
}

fn read_script(path: &Path) -> Result<(Facts, Script), ReplayError> {
    let text = fs::read_to_string(path).map_err(|e| bad(path, &e))?;
    let facts = Facts::parse(&text).map_err(|e| bad(path, &e))?;
    match Source::parse(&text).map_err(|e| bad(path, &e))? {
        Source::Text(script) => Ok((facts, script)),
        Source::Json(_) => Err(bad(path, &"expected a script in the text form")),
    }
}

/// The shards of a record, or why it has none.
///
/// Errors: a line that says neither.
fn read_shards(path: &Path) -> Result<Result<Vec<ShardLine>, String>, ReplayError> {
    let text = fs::read_to_string(path).map_err(|e| bad(path, &e))?;
    if let Ok(UnreadLine { unread }) = serde_json::from_str(&text) {
        return Ok(Err(unread));
    }
    let parse = |(at, line): (usize, &str)| {
        let parsed = serde_json::from_str(line);
        parsed.map_err(|e| bad(path, &format!("line {}: {e}", at + 1)))
    };
    let shards = text.lines().enumerate().map(parse);
    Ok(Ok(shards.collect::<Result<_, _>>()?))
}

/// The folders of the records in a folder, in the order of their names.
///
/// Errors: the folder cannot be read, or holds none.
pub fn records(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", directory.display());
    let entries = fs::read_dir(directory).map_err(|e| failed(&e))?;
    let paths = entries.map(|entry| entry.map(|e| e.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(|e| failed(&e))?;
    paths.retain(|path| path.join(SCRIPT).is_file());
    paths.sort();
    match paths.is_empty() {
        true => Err(failed(&"holds no record, which `fuzz --record` writes")),
        false => Ok(paths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shards: Result<Vec<ShardContents>, String>) -> (tempfile::TempDir, PathBuf) {
        let outcome = Outcome {
            traffic: Some(Traffic {
                frames: Vec::new(),
                shards,
            }),
            ..Outcome::default()
        };
        let recorded = Recorded {
            seed: 1,
            case: 2,
            shape: Shape::ONE,
            facts: &[],
            releases: Vec::new(),
            commands: &[],
            outcome: &outcome,
        };
        let scratch = tempfile::tempdir().unwrap();
        recorded.write(scratch.path()).unwrap();
        let folder = records(scratch.path()).unwrap().remove(0);
        (scratch, folder.join(SHARDS))
    }

    #[test]
    fn shards_that_cannot_be_read_leave_a_comparison_undecided() {
        let unread = || Err("gone".to_string());
        for (recorded, observed, why) in [
            (unread(), Ok(Vec::new()), "the record has no shards: gone"),
            (
                Ok(Vec::new()),
                Err("gone".to_string()),
                "reading the shards: gone",
            ),
        ] {
            let mut compared = Compared::default();
            assert_eq!(compared.add_shards(recorded, observed), []);
            assert_eq!(compared.undecided.as_deref(), Some(why));
        }
    }

    #[test]
    fn a_record_says_why_it_has_no_shards() {
        let (_scratch, path) = written(Err("blob: no such\nkey".to_string()));
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"unread\":\"blob: no such\\nkey\"}\n"
        );
        let read = read_shards(&path).unwrap();
        assert_eq!(read, Err("blob: no such\nkey".to_string()));
        let (_scratch, path) = written(Ok(Vec::new()));
        assert_eq!(read_shards(&path).unwrap(), Ok(Vec::new()));
        fs::write(&path, "{\"shard\":1}\n").unwrap();
        let error = read_shards(&path).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
