//! Slices: of all that a script builds, one dataflow and what it depends on.
//! What fails mostly fails in one dataflow, and the others can go in one step.
//!
//! Invariant: a slice holds every command that speaks of what it keeps, in the
//! script's order, and none that speaks of anything else.

use std::collections::BTreeSet;

use super::edits::schemas::without_unused_schemas;
use super::edits::{Commands, without};
use crate::repr::GlobalId;
use crate::script::Command;

/// One slice for each dataflow, the shortest first; those that leave nothing
/// out are left out themselves.
pub fn slices(commands: &[Command]) -> Vec<Commands> {
    let roots = commands
        .iter()
        .map(Command::exports)
        .filter(|ids| !ids.is_empty());
    let needs: BTreeSet<Needed> = roots
        .map(|ids| Needed::closure(commands, ids.into_iter().collect()))
        .collect();
    let mut slices: Vec<Commands> = needs.iter().map(|needed| needed.slice(commands)).collect();
    slices.retain(|slice| slice.len() < commands.len());
    slices.sort_by_key(Vec::len);
    slices
}

/// What a slice keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Needed {
    ids: BTreeSet<GlobalId>,
    shards: BTreeSet<String>,
}

impl Needed {
    /// These ids, and what they depend on.
    fn closure(commands: &[Command], ids: BTreeSet<GlobalId>) -> Needed {
        let mut needed = Needed {
            ids,
            shards: BTreeSet::new(),
        };
        loop {
            let before = needed.clone();
            for command in commands.iter().filter(|command| before.makes(command)) {
                needed.ids.extend(command.exports());
                needed.ids.extend(command.imported_indexes());
                let shards = command.read_shards().into_iter();
                needed.shards.extend(shards.map(str::to_string));
            }
            if needed == before {
                return needed;
            }
        }
    }

    /// Whether a command makes something of this.
    fn makes(&self, command: &Command) -> bool {
        command.exports().iter().any(|id| self.ids.contains(id))
            || (command.view_shards().iter()).any(|shard| self.shards.contains(*shard))
    }

    fn slice(&self, commands: &[Command]) -> Commands {
        let removed = |command: &Command| {
            let is_foreign = |shard| !self.shards.contains(shard);
            !command.exports().is_empty() && !self.makes(command)
                || command.used_ids().iter().any(|id| !self.ids.contains(id))
                || command.written_shard().is_some_and(is_foreign)
        };
        let all = commands.iter().enumerate();
        let places = all.filter_map(|(at, command)| removed(command).then_some(at));
        let slice = without(commands, &places.collect());
        without_unused_schemas(&slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::text::parse_command;

    #[test]
    fn a_slice_follows_indexes_and_shards_back_to_what_was_written() {
        let texts = [
            "create-instance",
            "define-schema name=t\n  a int",
            "define-schema name=other\n  a int",
            "write-rows shard=s ts=0 schema=t\n  1",
            "write-rows shard=r ts=0 schema=other\n  1",
            "define-index source=1000 index=1001 shard=s key=[0] as-of=0 upper=1 schema=t",
            "define-index source=1002 index=1003 shard=r key=[0] as-of=0 upper=1 schema=other",
            "create-dataflow as-of=0\n  import index=1001\n  \
             export kind=materialized-view sink=1004 on=1000 shard=v schema=t",
            "create-dataflow as-of=0\n  import source=1005 shard=v upper=0 schema=t\n  \
             export index=1006 on=1005 key=[0]",
            "schedule id=1001",
            "schedule id=1003",
            "schedule id=1004",
            "schedule id=1006",
            "initialization-complete",
        ];
        let parse = |text: &str| parse_command(text).unwrap();
        let commands: Commands = texts.iter().map(|text| parse(text)).collect();
        let kept = |places: &[usize]| -> Commands {
            places.iter().map(|at| commands[*at].clone()).collect()
        };
        assert_eq!(
            slices(&commands),
            [
                kept(&[0, 1, 3, 5, 9, 13]),
                kept(&[0, 2, 4, 6, 10, 13]),
                kept(&[0, 1, 3, 5, 7, 9, 11, 13]),
                kept(&[0, 1, 3, 5, 7, 8, 9, 11, 12, 13]),
            ]
        );
    }
}
