//! What the commands before a place have set up: what is exported by which
//! dataflow, what was dropped, and under which settings dataflows were made.

use std::collections::{BTreeMap, BTreeSet};

use crate::repr::GlobalId;
use crate::script::{Command, Export};

/// What an id was exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exported {
    Index,
    View,
    Subscribe,
}

impl Exported {
    pub fn name(self) -> &'static str {
        match self {
            Exported::Index => "index",
            Exported::View => "materialized-view",
            Exported::Subscribe => "subscribe",
        }
    }

    pub fn of(export: &Export) -> (GlobalId, Exported) {
        match export {
            Export::Index { index, .. } => (*index, Exported::Index),
            Export::MaterializedView { sink, .. } => (*sink, Exported::View),
            Export::Subscribe { sink, .. } => (*sink, Exported::Subscribe),
        }
    }
}

/// Follows the commands of a script.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// What each id is, and the number of the dataflow that exports it.
    exports: BTreeMap<GlobalId, (Exported, usize)>,
    dropped: BTreeSet<GlobalId>,
    dataflows: usize,
    /// The settings now, as texts.
    settings: BTreeMap<String, String>,
    /// The settings under which dataflows were made.
    made_under: Vec<BTreeMap<String, String>>,
}

impl Watch {
    /// Takes note of a command.
    pub fn note(&mut self, command: &Command) {
        match command {
            Command::UpdateConfiguration { settings } => {
                let settings = settings.iter().map(|s| (s.name.clone(), s.value.clone()));
                self.settings.extend(settings);
            }
            Command::DefineIndex { index, .. } => self.export([(*index, Exported::Index)]),
            Command::CreateDataflow(dataflow) => {
                self.export(dataflow.exports.iter().map(Exported::of));
            }
            Command::AllowCompaction { id, frontier: None } => {
                self.dropped.insert(*id);
            }
            // The replica begins anew, without settings.
            Command::Restart => self.settings.clear(),
            Command::CreateInstance { .. }
            | Command::Kill { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
            | Command::Schedule { .. }
            | Command::AllowCompaction { .. }
            | Command::AllowWrites { .. }
            | Command::AwaitFrontier { .. }
            | Command::Count { .. }
            | Command::Peek { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::ExpectError { .. }
            | Command::AwaitSubscribe { .. }
            | Command::StartPeek { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => {}
        }
    }

    fn export(&mut self, exports: impl IntoIterator<Item = (GlobalId, Exported)>) {
        for (id, exported) in exports {
            self.exports.insert(id, (exported, self.dataflows));
            // A new session may create what an earlier one dropped.
            self.dropped.remove(&id);
        }
        self.dataflows += 1;
        if self.made_under.last() != Some(&self.settings) {
            self.made_under.push(self.settings.clone());
        }
    }

    /// What an id was exported as, and how many other exports of its dataflow are
    /// not dropped.
    pub(super) fn exported(&self, id: GlobalId) -> Option<(Exported, usize)> {
        let (exported, dataflow) = *self.exports.get(&id)?;
        let others = self.exports.iter().filter(|(other, (_, of))| {
            *of == dataflow && **other != id && !self.dropped.contains(other)
        });
        Some((exported, others.count()))
    }

    /// Whether these settings are so now, were so whenever a dataflow was made, and
    /// are any at all.
    pub(super) fn has_always_had(&self, wanted: &BTreeMap<String, String>) -> bool {
        let mut all = self.made_under.iter().chain([&self.settings]);
        !wanted.is_empty()
            && all.all(|had| {
                wanted
                    .iter()
                    .all(|(name, value)| had.get(name) == Some(value))
            })
    }
}
