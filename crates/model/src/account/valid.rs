//! What a valid sequence never does. The generator asks before it sends; the
//! checker asks afterwards, because a shrunk or hand-written script may go
//! astray, and what a replica does then is no bug. Source:
//! `spec/replica.md` §2.6, §3.3, §3.6.
//!
//! Invariant: only what ends a replica or makes its answers meaningless is
//! invalid; commands without effect are not.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Model;
use super::invalid::{Invalid, Unwise};
use super::session::Life;
use super::shard::Shard;
use super::view::Views;
use repr::{Antichain, GlobalId, RelationDesc, SqlColumnType, Timestamp};
use script::config::StashUpdate;
use script::event::{DataflowSpec, Event, ImportSpec, PeekSpec};

impl Model {
    /// Whether a valid sequence may go on with this. Asked before
    /// [`Model::apply`].
    pub fn check(&self, event: &Event) -> Result<(), Invalid> {
        match event {
            Event::InstanceCreated { .. } => self.check_instance(),
            Event::ConfigurationUpdated { stash, .. } => self.check_stash(stash),
            Event::InitializationComplete => self.check_session(),
            Event::DataflowCreated(spec) => self.check_dataflow(spec),
            Event::Scheduled { id: _ } => self.check_session(),
            Event::AllowedCompaction { id, frontier } => self.check_compaction(*id, frontier),
            Event::AllowedWrites { id } => {
                self.check_session()?;
                match self.session.live(*id) {
                    Some(_) => Ok(()),
                    None => Err(Invalid::WritesOfNothing(*id)),
                }
            }
            Event::PeekSent(spec) => self.check_peek(spec),
            Event::PeekCanceled { uuid: _ } => self.check_session(),
            Event::ShardWritten { shard, upper, .. } => match self.shards.get(shard) {
                Some(known) if known.upper() >= *upper => Err(Invalid::WriteBelowUpper {
                    shard: shard.clone(),
                    upper: known.upper(),
                }),
                Some(_) | None => Ok(()),
            },
            Event::SinceDowngraded { shard, since } => self.check_downgrade(shard, *since),
            Event::Command { .. }
            | Event::SessionStarted { .. }
            | Event::ShardRead(_)
            | Event::Response(_)
            | Event::ShardInDoubt { .. }
            | Event::ShardReleased { .. }
            | Event::StashUnread { .. }
            | Event::WaitTimedOut { .. }
            | Event::ConnectionLost { .. }
            | Event::TargetDied { .. }
            | Event::TargetLogged { .. }
            | Event::TargetRestarted
            | Event::Killed
            | Event::PeerKilled
            | Event::Replaced { .. }
            | Event::Finished => Ok(()),
        }
    }

    fn check_session(&self) -> Result<(), Invalid> {
        match (self.session.number, self.session.instance_created) {
            (0, _) => Err(Invalid::NoSession),
            (_, false) => Err(Invalid::NoInstance),
            (_, true) => Ok(()),
        }
    }

    fn check_instance(&self) -> Result<(), Invalid> {
        match (self.session.number, self.session.instance_created) {
            (0, _) => Err(Invalid::NoSession),
            (_, true) => Err(Invalid::SecondInstance),
            (_, false) => Ok(()),
        }
    }

    fn check_dataflow(&self, spec: &Arc<DataflowSpec>) -> Result<(), Invalid> {
        self.check_session()?;
        if spec.means_otherwise {
            return Err(Invalid::MeansOtherwise(spec.name.clone()));
        }
        for export in &spec.exports {
            if self.session.collections.contains_key(&export.id()) {
                return Err(Invalid::IdInUse(export.id()));
            }
        }
        if let Some((_, shard, _)) = spec.views().find(|(_, shard, _)| self.feeds(shard, spec)) {
            return Err(Invalid::ViewOfItself(shard.to_string()));
        }
        let mut readable: Vec<GlobalId> = spec.builds.iter().map(|(id, _)| *id).collect();
        for import in &spec.imports {
            match import {
                ImportSpec::Source { id, shard, desc } => {
                    readable.push(*id);
                    self.check_schema(shard, desc)?;
                    // In the middle of a handshake the dataflow may be kept, and
                    // then reads nothing anew; that is decided at its end.
                    if self.session.initialized {
                        self.check_shard(shard, spec.as_of)?;
                    }
                }
                ImportSpec::Index { index, on } => {
                    readable.push(*on);
                    let imported = self
                        .session
                        .live(*index)
                        .filter(|c| c.is_index())
                        .ok_or(Invalid::UnknownImport(*index))?;
                    if !imported.since.less_equal(spec.as_of) {
                        return Err(Invalid::ImportCompacted {
                            index: *index,
                            as_of: spec.as_of,
                            since: imported.since.clone(),
                        });
                    }
                }
            }
        }
        match spec.exports.iter().find(|e| !readable.contains(&e.on())) {
            None => Ok(()),
            Some(export) => Err(Invalid::UnknownExport {
                object: export.id(),
                on: export.on(),
            }),
        }
    }

    /// Whether a dataflow reads this shard, or what dataflows make of it.
    fn feeds(&self, shard: &str, spec: &DataflowSpec) -> bool {
        let mut shards: BTreeSet<&str> = BTreeSet::new();
        let mut indexes: BTreeSet<GlobalId> = BTreeSet::new();
        let mut open = vec![spec];
        while let Some(spec) = open.pop() {
            for import in &spec.imports {
                match import {
                    ImportSpec::Source { shard, .. } if shards.insert(shard) => {
                        let views = self.views.get(shard);
                        open.extend(views.into_iter().flat_map(Views::dataflows));
                    }
                    ImportSpec::Index { index, .. } if indexes.insert(*index) => {
                        let imported = self.session.collections.get(index);
                        open.extend(imported.map(|imported| &*imported.dataflow.spec));
                    }
                    ImportSpec::Source { .. } | ImportSpec::Index { .. } => {}
                }
            }
        }
        shards.contains(shard)
    }

    /// Whether a shard can be read by this schema: by the one it was written by.
    fn check_schema(&self, shard: &str, desc: &RelationDesc) -> Result<(), Invalid> {
        let Some(written) = self.shards.get(shard).and_then(Shard::desc) else {
            return Ok(());
        };
        let (found, written) = (&desc.typ.column_types, &written.typ.column_types);
        let differs = |column: &usize| match (found.get(*column), written.get(*column)) {
            (Some(found), Some(written)) => {
                let narrower = written.nullable && !found.nullable;
                found.scalar_type != written.scalar_type || narrower
            }
            (found, written) => found.is_some() != written.is_some(),
        };
        let text = |column: Option<&SqlColumnType>| match column {
            None => "absent".to_string(),
            Some(SqlColumnType {
                scalar_type,
                nullable,
            }) => format!(
                "{scalar_type:?}{}",
                if *nullable { " nullable" } else { "" }
            ),
        };
        match (0..found.len().max(written.len())).find(differs) {
            None => Ok(()),
            Some(column) => Err(Invalid::ImportSchema {
                shard: shard.to_string(),
                column,
                found: text(found.get(column)),
                written: text(written.get(column)),
            }),
        }
    }

    /// Whether the contents of a shard at `as_of` can still be read.
    pub(super) fn check_shard(&self, shard: &str, as_of: Timestamp) -> Result<(), Invalid> {
        match self.shards.get(shard) {
            Some(known) if known.since() > as_of => Err(Invalid::ShardCompacted {
                shard: shard.to_string(),
                as_of,
                since: known.since(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    fn check_compaction(&self, id: GlobalId, frontier: &Antichain) -> Result<(), Invalid> {
        self.check_session()?;
        match self.session.live(id) {
            None if frontier.is_empty() => Err(Invalid::DropOfNothing(id)),
            // Compaction of something unknown has no effect.
            None | Some(_) => Ok(()),
        }
    }

    fn check_peek(&self, spec: &PeekSpec) -> Result<(), Invalid> {
        self.check_session()?;
        if self.session.peeks.contains_key(&spec.uuid) {
            return Err(Invalid::PeekTwice(spec.uuid));
        }
        let index = self.session.live(spec.id).is_some_and(|c| c.is_index());
        if index && !spec.fits && self.may_stash() {
            return Err(Invalid::StashSchema(spec.id));
        }
        match index || self.peeked_shard(spec.id).is_some() {
            true => Ok(()),
            false => Err(Invalid::PeekOfNothing(spec.id)),
        }
    }

    /// Answers may go into the stash only if every peek that waits reads what it gets.
    fn check_stash(&self, stash: &StashUpdate) -> Result<(), Invalid> {
        self.check_session()?;
        let mut waiting = self.session.peeks.values().filter(|peek| !peek.answered);
        let odd = waiting.find(|peek| peek.stash.is_some() && !peek.spec.fits);
        match odd.filter(|_| stash.enabled == Some(true)) {
            Some(peek) => Err(Invalid::StashSchema(peek.spec.id)),
            None => Ok(()),
        }
    }

    /// A since may pass an as_of only when the snapshot there is known to be
    /// read: until then the reader of the replica may not even exist.
    fn check_downgrade(&self, shard: &str, since: Timestamp) -> Result<(), Invalid> {
        match self.unread.earliest(shard) {
            Some(as_of) if as_of < since => Err(Invalid::ShardCompacted {
                shard: shard.to_string(),
                as_of,
                since,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a collection may be dropped without pulling it from under a
    /// reader.
    pub fn check_drop(&self, id: GlobalId) -> Result<(), Unwise> {
        if let Some(importer) = self.session.importers(id).next() {
            return Err(Unwise::Imported {
                id,
                importer: importer.id,
            });
        }
        match self.session.open_peeks(id).next() {
            Some(peek) => Err(Unwise::Peeked {
                id,
                ts: peek.spec.ts,
            }),
            None => Ok(()),
        }
    }

    /// Whether `id` was dropped in this session.
    pub fn is_dropped(&self, id: GlobalId) -> bool {
        self.session
            .collections
            .get(&id)
            .is_some_and(|c| c.life == Life::Dropped)
    }
}
