//! What one session has told the replica: collections, peeks, and how far
//! initialization has come. Source: `spec/replica.md` §2.2, §3, §5.1.
//!
//! Invariants: a collection's since only grows; what was dropped stays known as
//! dropped until the session ends; nothing here knows what the replica said,
//! except which peeks it answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::dataflow::Dataflow;
use super::size::SizeLimits;
use super::stash::StashUse;
use repr::{Antichain, GlobalId, Timestamp};
use script::event::{ExportSpec, PeekSpec};

/// The state of one session, from `Hello` on.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Sessions count from 1; 0 is the time before the first.
    pub number: u64,
    pub instance_created: bool,
    pub initialized: bool,
    /// Live and dropped ones.
    pub collections: BTreeMap<GlobalId, Collection>,
    /// In the order of their creation.
    pub dataflows: Vec<Arc<Dataflow>>,
    pub peeks: BTreeMap<Uuid, Peek>,
    /// Commands that were sent.
    pub sent: u64,
    /// So many of them the replica has received for sure.
    pub proved: u64,
}

/// What one export of a dataflow is to the replica.
#[derive(Debug, Clone)]
pub struct Collection {
    pub id: GlobalId,
    pub dataflow: Arc<Dataflow>,
    pub export: ExportSpec,
    /// join(as_of, every frontier that AllowCompaction named).
    pub since: Antichain,
    /// The last frontier that AllowCompaction named, if any: what the command
    /// history keeps.
    pub compaction: Option<Antichain>,
    /// The join of all of them: what the arrangement was compacted to.
    pub compacted: Option<Antichain>,
    pub life: Life,
    pub scheduled: Permission,
    pub writes: Permission,
    /// The number of the command that created it.
    pub created: u64,
    /// Reconciliation kept it from an earlier session.
    pub retained: bool,
    /// Something that it reads was dropped from under it: nothing that it says
    /// from then on is specified (`spec/replica.md` §3.6).
    pub disturbed: bool,
    /// How large what a subscribe tells at a time may be, by the limits that held
    /// since it was created.
    pub sizes: SizeLimits,
}

/// Whether a collection was told that it may do something: start, or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    No,
    /// It was told so in a session that ended before the replica said anything
    /// that it can only have said afterwards: the word may be lost.
    Perhaps,
    /// By the command of this number; 0 if that was in an earlier session.
    Given(u64),
}

impl Permission {
    /// Whether it may have been told so.
    pub fn may(self) -> bool {
        self != Permission::No
    }

    /// Whether it was told so for sure.
    pub fn must(self) -> bool {
        matches!(self, Permission::Given(_))
    }

    /// What is left of it when a session ends that has proved to have received
    /// so many commands.
    pub fn kept(self, proved: u64) -> Permission {
        match self {
            Permission::Given(command) if command <= proved => Permission::Given(0),
            Permission::Given(_) | Permission::Perhaps => Permission::Perhaps,
            Permission::No => Permission::No,
        }
    }

    /// Whichever of the two says more.
    pub fn or(self, other: Permission) -> Permission {
        match (self, other) {
            (Permission::Given(_), _) => self,
            (_, Permission::Given(_)) => other,
            (Permission::Perhaps, _) | (_, Permission::Perhaps) => Permission::Perhaps,
            (Permission::No, Permission::No) => Permission::No,
        }
    }
}

/// Whether a collection still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Live,
    Dropped,
}

/// A peek of this session.
#[derive(Debug, Clone)]
pub struct Peek {
    pub spec: PeekSpec,
    /// The number of the command that sent it.
    pub sent: u64,
    /// The collection's since when the peek was sent: a later compaction does
    /// not disturb it (`spec/replica.md` §3.7).
    pub since: Antichain,
    /// What the collection was compacted to when the peek was sent: below it,
    /// an error.
    pub compacted: Option<Antichain>,
    /// How large the answer may be, by the limits that held since it was sent.
    pub sizes: SizeLimits,
    /// When its rows lie in the stash; never those of a shard, or in an order.
    pub stash: Option<StashUse>,
    pub canceled: bool,
    pub answered: bool,
    /// Its collection was dropped while it waited.
    pub disturbed: bool,
}

impl Peek {
    /// Whether its rows may lie in the stash.
    pub fn may_be_stashed(&self) -> bool {
        self.stash.is_some_and(|stash| stash.may)
    }
}

impl Session {
    pub fn new(number: u64) -> Self {
        Session {
            number,
            ..Session::default()
        }
    }

    /// A collection that exists.
    pub fn live(&self, id: GlobalId) -> Option<&Collection> {
        self.collections
            .get(&id)
            .filter(|collection| collection.life == Life::Live)
    }

    /// Live collections, by id.
    pub fn live_collections(&self) -> impl Iterator<Item = &Collection> {
        self.collections
            .values()
            .filter(|collection| collection.life == Life::Live)
    }

    /// The live collections that import the index `id` directly.
    pub fn importers(&self, id: GlobalId) -> impl Iterator<Item = &Collection> {
        self.live_collections()
            .filter(move |c| c.dataflow.imported_indexes().any(|index| index == id))
    }

    /// Peeks of `id` that wait for an answer and were not cancelled.
    pub fn open_peeks(&self, id: GlobalId) -> impl Iterator<Item = &Peek> {
        self.peeks
            .values()
            .filter(move |peek| peek.spec.id == id && !peek.answered && !peek.canceled)
    }

    /// Whether computation of the dataflow may have begun: every export was
    /// scheduled or dropped (`spec/replica.md` §3.1).
    pub fn may_have_started(&self, dataflow: &Dataflow) -> bool {
        self.all_exports(dataflow, |c| c.scheduled.may())
    }

    /// Whether it has begun for sure.
    pub fn has_started(&self, dataflow: &Dataflow) -> bool {
        self.all_exports(dataflow, |c| c.scheduled.must())
    }

    fn all_exports(&self, dataflow: &Dataflow, scheduled: impl Fn(&Collection) -> bool) -> bool {
        dataflow.spec.exports.iter().all(|export| {
            let collection = self.collections.get(&export.id());
            collection.is_none_or(|c| scheduled(c) || c.life == Life::Dropped)
        })
    }

    /// Takes note that the replica has received a command.
    pub fn prove(&mut self, command: u64) {
        self.proved = self.proved.max(command);
    }

    /// Results are limited to these sizes from now on, also those that are awaited.
    pub fn limit_results(&mut self, sizes: &SizeLimits) {
        for peek in self.peeks.values_mut().filter(|peek| !peek.answered) {
            peek.sizes.widen(sizes);
        }
        for collection in self.collections.values_mut() {
            collection.sizes.widen(sizes);
        }
    }

    /// Answers lie in the stash under these conditions from now on, also those that
    /// are awaited.
    pub fn use_stash(&mut self, now: StashUse) {
        let awaited = self.peeks.values_mut().filter(|peek| !peek.answered);
        for stash in awaited.filter_map(|peek| peek.stash.as_mut()) {
            stash.widen(now);
        }
    }

    /// Registers the exports of a dataflow, whose results may be of these sizes.
    pub fn create(&mut self, dataflow: Arc<Dataflow>, sizes: &SizeLimits) {
        let as_of = Antichain::from_elem(dataflow.spec.as_of);
        for export in &dataflow.spec.exports {
            self.collections.insert(
                export.id(),
                Collection {
                    id: export.id(),
                    dataflow: Arc::clone(&dataflow),
                    export: export.clone(),
                    since: as_of.clone(),
                    compaction: None,
                    compacted: None,
                    life: Life::Live,
                    scheduled: Permission::No,
                    writes: Permission::No,
                    created: self.sent,
                    retained: false,
                    disturbed: false,
                    sizes: sizes.clone(),
                },
            );
        }
        self.dataflows.push(dataflow);
    }

    /// `AllowCompaction`; the empty frontier drops the collection, and disturbs
    /// whatever still reads it.
    pub fn allow_compaction(&mut self, id: GlobalId, frontier: &Antichain) {
        let Some(collection) = self.collections.get_mut(&id) else {
            return;
        };
        if collection.life == Life::Dropped {
            return;
        }
        collection.since = collection.since.join(frontier);
        collection.compaction = Some(frontier.clone());
        collection.compacted = Some(match &collection.compacted {
            Some(before) => before.join(frontier),
            None => frontier.clone(),
        });
        if !frontier.is_empty() {
            return;
        }
        collection.life = Life::Dropped;
        for peek in self.peeks.values_mut() {
            if peek.spec.id == id && !peek.answered {
                peek.disturbed = true;
            }
        }
        self.disturb_importers(id);
    }

    fn disturb_importers(&mut self, id: GlobalId) {
        let importers: Vec<GlobalId> = self
            .importers(id)
            .filter(|c| !c.disturbed)
            .map(|c| c.id)
            .collect();
        for importer in importers {
            if let Some(collection) = self.collections.get_mut(&importer) {
                collection.disturbed = true;
            }
            self.disturb_importers(importer);
        }
    }
}

impl Collection {
    pub fn as_of(&self) -> Timestamp {
        self.dataflow.spec.as_of
    }

    /// The key of an index; `None` for what is none.
    pub fn index_key(&self) -> Option<&[usize]> {
        match &self.export {
            ExportSpec::Index { key, .. } => Some(key),
            ExportSpec::MaterializedView { .. } | ExportSpec::Subscribe { .. } => None,
        }
    }

    pub fn is_index(&self) -> bool {
        self.index_key().is_some()
    }

    pub fn is_subscribe(&self) -> bool {
        match self.export {
            ExportSpec::Subscribe { .. } => true,
            ExportSpec::Index { .. } | ExportSpec::MaterializedView { .. } => false,
        }
    }

    /// Where a subscribe ends; `None` where nothing does.
    pub fn up_to(&self) -> Option<Timestamp> {
        match self.export {
            ExportSpec::Subscribe { up_to, .. } => up_to,
            ExportSpec::Index { .. } | ExportSpec::MaterializedView { .. } => None,
        }
    }

    /// The first time whose updates a subscribe tells: without a snapshot, the
    /// one after the as_of.
    pub fn tells_from(&self) -> Timestamp {
        self.as_of() + u64::from(!self.tells_snapshot())
    }

    /// Whether the contents at the as_of are told, and not only what changes.
    pub fn tells_snapshot(&self) -> bool {
        match self.export {
            ExportSpec::Subscribe { snapshot, .. } => snapshot,
            ExportSpec::Index { .. } | ExportSpec::MaterializedView { .. } => true,
        }
    }

    pub fn is_live(&self) -> bool {
        self.life == Life::Live
    }
}
