//! Edits: the ways in which one script becomes a simpler one. Each takes the
//! script and yields candidates; which of them still fails is decided in
//! `shrink`.
//!
//! Invariants: an edit never looks at the failure; values that stand in several
//! places (ids, times, names, cells) move together in one candidate.

pub mod ids;
pub mod options;
pub mod rows;
pub mod schemas;
pub mod sessions;
pub mod shards;
pub mod times;

use std::collections::BTreeSet;

use crate::script::Command;

/// A script while it shrinks.
pub type Commands = Vec<Command>;

/// What some commands define.
#[derive(Default)]
struct Defined {
    ids: BTreeSet<crate::repr::GlobalId>,
    schemas: BTreeSet<String>,
    peeks: BTreeSet<String>,
}

impl Defined {
    fn add(&mut self, command: &Command) {
        self.ids.extend(command.exports());
        let schema = command.defined_schema();
        self.schemas
            .extend(schema.map(|(name, _)| name.to_string()));
        let peek = command.started_peek();
        self.peeks.extend(peek.map(str::to_string));
    }
}

/// Without the commands in `removed`, and without those that then name
/// something which nothing defines any more.
pub fn without(commands: &[Command], removed: &BTreeSet<usize>) -> Commands {
    // A name that the whole script never defines is the script's own business and
    // no dependency.
    let mut ever = Defined::default();
    commands.iter().for_each(|command| ever.add(command));
    let mut now = Defined::default();
    let mut kept = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        if removed.contains(&at) {
            continue;
        }
        let mut dangling = false;
        command.clone().visit_schema_uses(&mut |schema| {
            if let Some(name) = schema {
                dangling |= ever.schemas.contains(name) && !now.schemas.contains(name);
            }
        });
        for id in [command.used_ids(), command.imported_indexes()].concat() {
            dangling |= ever.ids.contains(&id) && !now.ids.contains(&id);
        }
        if let Some(peek) = command.used_peek() {
            dangling |= ever.peeks.contains(peek) && !now.peeks.contains(peek);
        }
        if !dangling {
            now.add(command);
            kept.push(command.clone());
        }
    }
    kept
}

/// A command moved to an earlier place.
pub fn moved(commands: &[Command], at: usize, to: usize) -> Commands {
    let mut out = commands.to_vec();
    let command = out.remove(at);
    out.insert(to, command);
    out
}

/// The script with one command replaced by another, and so its twins: a dataflow
/// that is created again must stay the one that it was.
pub fn with_command(commands: &[Command], at: usize, new: &Command) -> Commands {
    let replaced = commands
        .iter()
        .map(|command| match *command == commands[at] {
            true => new.clone(),
            false => command.clone(),
        });
    replaced.collect()
}

/// A script for tests.
#[cfg(test)]
fn script(text: &str) -> Commands {
    crate::script::text::parse(text).unwrap().commands()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependents_go_with_what_they_depend_on() {
        let commands = script(
            "define-schema name=t\n  a int64\n----\n\nwrite-rows shard=s ts=0 schema=t\n  1\n----\n\ndefine-index source=1 index=2 shard=s key=[0] as-of=0 upper=1 schema=t\n----\n\nschedule id=2\n----\n\nschedule id=3\n----\n",
        );
        let verbs = |removed: usize| -> Vec<&'static str> {
            without(&commands, &[removed].into())
                .iter()
                .map(Command::verb)
                .collect()
        };
        assert_eq!(verbs(0), ["schedule"]);
        assert_eq!(verbs(2), ["define-schema", "write-rows", "schedule"]);
    }
}
