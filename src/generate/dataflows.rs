//! Dataflows: indexes over shards and over other indexes. Source:
//! `spec/script.md` §2.5, `spec/replica.md` §3.
//!
//! Invariant: an as_of is one that can be read: not before the shard's since,
//! nor before the since of the imported index.

use super::flows::{Flow, FlowExport, Planning};
use super::plans;
use super::tally::Worth;
use super::world::World;
use crate::plan::{Globals, type_of};
use crate::repr::{GlobalId, Timestamp};
use crate::script::Command;

impl World<'_> {
    pub fn is_full(&self) -> bool {
        self.live_exports().len() >= self.profile.collections
    }

    /// An index over a shard as it is.
    pub fn define_index(&mut self) -> bool {
        if self.is_full() {
            return false;
        }
        let Some(shard) = self.some_shard() else {
            return false;
        };
        let (source, collection) = self.shard_source(shard);
        let [index, ..] = self.next_object_ids().exports;
        let flow = Flow {
            imports: vec![source],
            builds: Vec::new(),
            exports: self
                .drawn_export(index, &collection, false)
                .into_iter()
                .collect(),
            planning: Planning::AsWritten,
            as_of: self.shard_as_of(shard),
            until: None,
        };
        self.create_and_maybe_schedule(flow)
    }

    /// Plans over shards and indexes.
    pub fn create_dataflow(&mut self) -> bool {
        if self.is_full() {
            return false;
        }
        let operators = self.profile.operators;
        match operators > 0 && self.choices.chance("operators", operators, 100) {
            true => self.create_operators(),
            false => self.create_simple(),
        }
    }

    /// A filter and a projection over a shard or over an index.
    fn create_simple(&mut self) -> bool {
        let indexes = self.live_indexes();
        let over_index = !indexes.is_empty() && self.choices.chance("over an index", 2, 3);
        let drawn = match over_index {
            true => {
                let index = indexes[self.choices.index("imported index", indexes.len())];
                self.index_source(index)
            }
            false => self.some_shard().map(|shard| self.shard_source(shard)),
        };
        let Some((source, read)) = drawn else {
            return false;
        };
        let as_of = self.as_of_over(std::slice::from_ref(&source));
        let ids = self.next_object_ids();
        let mut exported = read.clone();
        let mut builds = Vec::new();
        // Without a plan over an index, the new index may be an alias.
        if !over_index || !self.choices.chance("alias", 1, 4) {
            let plan = plans::simple(self.choices, read.id, &read.typ);
            let globals = Globals::from([(read.id, read.typ.clone())]);
            let Ok(typ) = type_of(&plan, &globals) else {
                debug_assert!(false, "a plan that is ill-typed: {plan:?}");
                return false;
            };
            (exported.id, exported.typ) = (ids.builds[0], typ);
            builds.push((exported.id, plan));
        }
        let mut exports: Vec<FlowExport> = Vec::new();
        for index in &ids.exports[..2] {
            let is_first = exports.is_empty();
            let wanted =
                is_first || self.profile.two_exports && self.choices.chance("second export", 1, 6);
            if !wanted {
                continue;
            }
            let drawn = self.drawn_export(*index, &exported, !builds.is_empty());
            exports.extend(drawn.filter(|new| exports.iter().all(|known| !known.same_as(new))));
        }
        if exports.is_empty() {
            return false;
        }
        let until = self.drawn_until(as_of, &exports);
        self.create_and_maybe_schedule(Flow {
            imports: vec![source],
            builds,
            exports,
            planning: Planning::AsWritten,
            as_of,
            until,
        })
    }

    /// Rarely a time from which on updates are dropped; most of these dataflows
    /// are for one time only, which lowering knows how to use. Sinks of ours
    /// have none: what a view's shard holds from then on is not specified.
    pub fn drawn_until(&mut self, as_of: Timestamp, exports: &[FlowExport]) -> Option<Timestamp> {
        let indexes = exports.iter().all(|export| export.key().is_some());
        let wanted = self.profile.until && indexes && self.choices.chance("until", 1, 5);
        wanted.then(|| match self.choices.chance("for one time", 3, 4) {
            true => as_of + 1,
            false => as_of + self.choices.between("until after as_of", 1, 3),
        })
    }

    pub fn create_and_maybe_schedule(&mut self, flow: Flow) -> bool {
        let ids: Vec<GlobalId> = flow.exports.iter().map(|export| export.id).collect();
        if !self.create(flow) {
            return false;
        }
        let views: Vec<GlobalId> = ids
            .iter()
            .copied()
            .filter(|id| self.export_of(*id).is_some_and(FlowExport::is_view))
            .collect();
        // Most are scheduled at once; the others late, or never.
        if !self.choices.chance("schedule later", 1, 4) {
            for id in ids {
                self.schedule_id(id);
            }
        }
        for id in views {
            if !self.choices.chance("read-only for now", 1, 4) {
                self.emit(Command::AllowWrites { id }, Worth::Shows);
            }
        }
        true
    }

    pub fn schedule_id(&mut self, id: GlobalId) -> bool {
        self.emit(Command::Schedule { id }, Worth::Shows)
    }

    /// Schedules something that is not.
    pub fn schedule(&mut self) -> bool {
        let waiting: Vec<GlobalId> = self
            .live_exports()
            .into_iter()
            .filter(|id| {
                self.model()
                    .collection(*id)
                    .is_some_and(|c| !c.scheduled.must())
            })
            .collect();
        match waiting.is_empty() {
            true => false,
            false => {
                let id = waiting[self.choices.index("scheduled collection", waiting.len())];
                self.schedule_id(id)
            }
        }
    }

    /// An as_of over a shard: mostly sealed, sometimes yet to come.
    pub fn shard_as_of(&mut self, shard: usize) -> Timestamp {
        let (since, upper) = self.shard_range(shard);
        self.as_of_between(since, upper)
    }

    /// From when a shard can be read, and up to where it is sealed.
    pub fn shard_range(&self, shard: usize) -> (Timestamp, Timestamp) {
        let alias = &self.shards[shard].alias;
        let since = self.model().shard_since(alias);
        let sealed = self.model().shard_must_seal(alias);
        (since, sealed.as_option().unwrap_or(since + 2))
    }

    /// The same of an index.
    pub fn index_range(&self, index: GlobalId) -> (Timestamp, Timestamp) {
        let since = self.since(index);
        let upper = self
            .model()
            .may_reach(index)
            .and_then(|frontier| frontier.as_option())
            .unwrap_or(since + 1);
        (since, upper)
    }

    pub fn as_of_between(&mut self, since: Timestamp, upper: Timestamp) -> Timestamp {
        let last = upper.saturating_sub(1).max(since);
        match self.choices.weighted("as_of", &[4, 3, 3, 1]) {
            Some(1) => last,
            Some(2) => self.choices.between("as_of", since, last),
            Some(3) => last + 1,
            _ => since,
        }
    }
}
