//! Scripts for upstream's own driver: what of ours it can say, and how. Source:
//! `spec/script.md` §2, §6, §6a.
//!
//! Invariants: a translated script does what ours does, as far as a replica and the
//! answers show; what has no such form is an [`Obstacle`] and never left out by
//! itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::cell::RowLine;
use super::command::{Command, CreateDataflow, Export, Selection};
use super::config::{MAX_RESULT_SIZE, PEEK_STASH};
use super::data::is_extension;
use plan::text::unsayable;
use protocol::Release;
use repr::{GlobalId, Timestamp};

/// A command that upstream's driver cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The command's place in the script, from 0.
    pub at: usize,
    pub verb: &'static str,
    /// What upstream's driver lacks.
    pub lacks: String,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Obstacle { at, verb, lacks } = self;
        let number = at + 1;
        write!(
            f,
            "command {number}, `{verb}`: upstream's driver has no {lacks}"
        )
    }
}

/// The most copies that stand for one row with a count.
const MOST_COPIES: i64 = 1_000;

/// The script for upstream's driver of a release, with the place that each command has
/// in ours. A command in two of ours (a peek
/// that is started and awaited at once) is one there, and what changes nothing there
/// (the since of a shard, which follows its readers) is gone.
///
/// Errors: every command that has no form there.
pub fn translate(
    commands: &[Command],
    release: Release,
) -> Result<Vec<(usize, Command)>, Vec<Obstacle>> {
    let mut out = Vec::new();
    let mut obstacles = Vec::new();
    let mut held = Held::default();
    let mut at = 0;
    while let Some(command) = commands.get(at) {
        let place = at;
        let next = commands.get(at + 1);
        let translated = match (command, next) {
            (
                Command::StartPeek {
                    peek,
                    id,
                    schema,
                    ts,
                    selection,
                },
                Some(Command::AwaitPeek { peek: awaited, .. }),
            ) if peek == awaited => {
                at += 1;
                let awaited = Command::Peek {
                    id: *id,
                    schema: schema.clone(),
                    ts: *ts,
                    selection: selection.clone(),
                };
                said(&awaited, release)
            }
            (command, _) => said(command, release).and_then(|said| {
                held.lacks(command, &commands[at + 1..])
                    .map_or(Ok(said), Err)
            }),
        };
        match translated {
            Ok(command) => out.extend(command.map(|command| (at, command))),
            Err(lacks) => obstacles.push(Obstacle {
                at: place,
                verb: command.verb(),
                lacks,
            }),
        }
        held.heed(command);
        at += 1;
    }
    match obstacles.is_empty() {
        true => Ok(out),
        false => Err(obstacles),
    }
}

fn plain_peek(id: GlobalId, schema: &Option<String>, ts: Timestamp) -> Command {
    Command::Peek {
        id,
        schema: schema.clone(),
        ts,
        selection: Selection::default(),
    }
}

/// The command in upstream's form; None if it has nothing to do there.
///
/// Errors: what upstream's driver lacks.
fn said(command: &Command, release: Release) -> Result<Option<Command>, String> {
    let lacks = |what: &str| Err(what.to_string());
    if let Some(id) = other_id(command, release) {
        return Err(format!("name for the id {id}, which is none of a user"));
    }
    let said = match command {
        Command::CreateInstance { settings, .. } if !settings.is_empty() => {
            match release.configures_instances() {
                true => command.clone(),
                false => return lacks("settings of an instance that begins"),
            }
        }
        Command::UpdateConfiguration { settings } => {
            if settings
                .iter()
                .any(|setting| setting.name == MAX_RESULT_SIZE)
            {
                return lacks("limit of result sizes");
            }
            let stash = settings.iter().find(|setting| setting.name == PEEK_STASH);
            if stash.is_some_and(|setting| setting.value != "false") {
                return lacks("way to read answers from the stash");
            }
            command.clone()
        }
        Command::DefineSchema { columns, .. } => {
            match columns.iter().find(|column| is_extension(&column.ty)) {
                Some(column) => return Err(format!("column type `{}`", column.ty)),
                None => command.clone(),
            }
        }
        Command::Restart | Command::Kill { .. } => return lacks("way to kill a replica"),
        Command::WriteRows {
            shard,
            schema,
            ts,
            part_bytes: _,
            rows,
        } => Command::WriteRows {
            shard: shard.clone(),
            schema: schema.clone(),
            ts: *ts,
            part_bytes: None,
            rows: copies(rows)?,
        },
        Command::CreateDataflow(dataflow) => match dataflow_lacks(dataflow, release) {
            Some(lacks) => return Err(lacks),
            None => command.clone(),
        },
        Command::AllowCompaction { frontier: None, .. } => {
            return lacks("way to drop a collection");
        }
        Command::Peek { selection, .. } if !selection.is_everything() => {
            return lacks("selection in a peek");
        }
        Command::PeekCount { id, schema, ts } | Command::ExpectCount { id, schema, ts, .. } => {
            plain_peek(*id, schema, *ts)
        }
        Command::ExpectError { command } => return said(command, release),
        Command::StartPeek { .. } | Command::AwaitPeek { .. } | Command::CancelPeek { .. } => {
            return lacks("peek in flight");
        }
        Command::DowngradeSince { .. } => return Ok(None),
        Command::CreateInstance { .. }
        | Command::InitializationComplete
        | Command::Reconnect
        | Command::WriteSingleTs { .. }
        | Command::WriteSpread { .. }
        | Command::DefineIndex { .. }
        | Command::Schedule { .. }
        | Command::AllowCompaction { .. }
        | Command::AllowWrites { .. }
        | Command::AwaitFrontier { .. }
        | Command::Count { .. }
        | Command::Peek { .. }
        | Command::AwaitSubscribe { .. } => command.clone(),
    };
    Ok(Some(said))
}

/// Every row as often as it counts.
fn copies(rows: &[RowLine]) -> Result<Vec<RowLine>, String> {
    let mut copies = Vec::new();
    for row in rows {
        let copy = RowLine {
            diff: 1,
            ..row.clone()
        };
        match row.diff {
            0..=MOST_COPIES => copies.extend(std::iter::repeat_n(copy, row.diff as usize)),
            ..0 => return Err("retraction".to_string()),
            _ => return Err("count of a row".to_string()),
        }
    }
    Ok(copies)
}

/// An id that is none of a user, where only those can be written.
fn other_id(command: &Command, release: Release) -> Option<GlobalId> {
    let mut other = None;
    if !release.plans_name_functions() {
        command.clone().visit_ids(&mut |id| {
            if !matches!(id, GlobalId::User(_)) {
                other = Some(*id);
            }
        });
    }
    other
}

fn dataflow_lacks(dataflow: &CreateDataflow, release: Release) -> Option<String> {
    if dataflow.until.is_some() {
        return Some("`until`".into());
    }
    if dataflow.join.is_some() {
        return Some("choice of how joins are planned".into());
    }
    let export_lacks = |export: &Export| match export {
        Export::MaterializedView {
            not_null, refresh, ..
        } => {
            if !not_null.is_empty() {
                return Some("ASSERT NOT NULL");
            }
            refresh.as_ref().map(|_| "REFRESH")
        }
        Export::Subscribe { snapshot, .. } => (!snapshot).then_some("subscribe without a snapshot"),
        Export::Index { .. } => None,
    };
    if let Some(lacks) = dataflow.exports.iter().find_map(export_lacks) {
        return Some(lacks.into());
    }
    let plans = dataflow.builds.iter().map(|build| &build.plan);
    let mut plans = plans.filter_map(|plan| unsayable(plan.operators()?, release));
    plans.next()
}

/// Which times of which shards upstream's driver leaves readable. It holds no since:
/// once a dataflow over a shard has caught up, the shard's since follows to one before
/// its upper (`spec/script.md` §6a).
#[derive(Debug, Default)]
struct Held {
    uppers: BTreeMap<String, Timestamp>,
    /// Shards that some dataflow reads.
    read: BTreeSet<String>,
    /// Shards that views write.
    views: BTreeSet<String>,
}

impl Held {
    /// What is lacking for a command that reads shards, with those that follow it.
    fn lacks(&self, command: &Command, later: &[Command]) -> Option<String> {
        let as_of = match command {
            Command::DefineIndex { as_of, .. } => *as_of,
            Command::CreateDataflow(dataflow) => dataflow.as_of,
            _ => return None,
        };
        let is_lost = |shard: &&str| {
            if self.views.contains(*shard) {
                return true;
            }
            let written_later = later.iter().any(|c| c.written_shard() == Some(*shard));
            let upper = self.uppers.get(*shard).copied().unwrap_or(0);
            self.read.contains(*shard) && (written_later || as_of.saturating_add(1) < upper)
        };
        let shards = command.read_shards();
        let lost = shards.iter().find(|shard| is_lost(shard))?;
        Some(format!("since that keeps `{lost}` readable at {as_of}"))
    }

    fn heed(&mut self, command: &Command) {
        let written = match command {
            Command::WriteSingleTs { shard, ts, .. } | Command::WriteRows { shard, ts, .. } => {
                Some((shard, ts.saturating_add(1)))
            }
            Command::WriteSpread { shard, n_ts, .. } => Some((shard, *n_ts)),
            _ => None,
        };
        if let Some((shard, upper)) = written {
            self.uppers.insert(shard.clone(), upper);
        }
        let shards = command.read_shards().into_iter();
        self.read.extend(shards.map(str::to_string));
        let views = command.view_shards().into_iter();
        self.views.extend(views.map(str::to_string));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse;

    fn commands(stanzas: &[&str]) -> Vec<Command> {
        let text: String = stanzas.iter().map(|s| format!("{s}\n----\n\n")).collect();
        parse(&text).unwrap().commands()
    }

    fn shown(commands: &[Command]) -> Vec<String> {
        commands.iter().map(Command::to_string).collect()
    }

    #[test]
    fn what_has_another_form_there_is_rewritten() {
        let ours = commands(&[
            "create-instance",
            "write-rows shard=s ts=0 part-bytes=0\n  0 a diff=2\n  1 b diff=0",
            "define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1",
            "downgrade-since shard=s since=1",
            "start-peek peek=p id=2 ts=0",
            "await-peek peek=p",
            "peek-count id=2 ts=0",
            "expect-error\n  count id=9 ts=0",
        ]);
        let theirs = [
            "create-instance",
            "write-rows shard=s ts=0\n  0 a\n  0 a",
            "define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1",
            "peek id=2 ts=0",
            "peek id=2 ts=0",
            "count id=9 ts=0",
        ];
        for release in Release::ALL {
            let (places, said): (Vec<usize>, Vec<Command>) =
                translate(&ours, release).unwrap().into_iter().unzip();
            assert_eq!(places, [0, 1, 2, 5, 6, 7]);
            assert_eq!(shown(&said), theirs);
        }
    }

    #[test]
    fn every_command_without_a_form_there_is_named() {
        let ours = commands(&[
            "create-instance\n  a bool on",
            "write-rows shard=s ts=0\n  0 a diff=-1",
            "define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1",
            "allow-compaction id=2 frontier=[]",
            "start-peek peek=p id=2 ts=0",
            "kill replica=1",
            "peek id=2 ts=0 limit=1",
            "define-index source=1 index=3 shard=s key=[1] as-of=0 upper=1",
            "write-rows shard=s ts=1\n  0 a",
            "start-peek peek=q id=2 ts=0\n  plan\n    Get u2",
            "await-peek peek=q",
        ]);
        let obstacles = translate(&ours, Release::V26_30).unwrap_err();
        let lines: Vec<String> = obstacles.iter().map(Obstacle::to_string).collect();
        assert_eq!(
            lines,
            [
                "command 1, `create-instance`: upstream's driver has no settings of an \
                 instance that begins",
                "command 2, `write-rows`: upstream's driver has no retraction",
                "command 4, `allow-compaction`: upstream's driver has no way to drop a collection",
                "command 5, `start-peek`: upstream's driver has no peek in flight",
                "command 6, `kill`: upstream's driver has no way to kill a replica",
                "command 7, `peek`: upstream's driver has no selection in a peek",
                "command 8, `define-index`: upstream's driver has no since that keeps `s` \
                 readable at 0",
                "command 10, `start-peek`: upstream's driver has no selection in a peek",
            ]
        );
        let later = translate(&ours, Release::V26_39).unwrap_err();
        assert_eq!(later[0].at, 1, "settings came with 26.39");
    }
}
