//! How far a collection's frontiers may have come, and how far they must come
//! in time. Source: `spec/replica.md` §3.1, §4, §10 (I-06, I-32).
//!
//! Invariants: `must_reach` is never beyond `may_reach`; both only grow while
//! nothing is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Model;
use super::dataflow::{Dataflow, Input};
use super::session::{Collection, Life};
use crate::answer::Undefined;
use crate::eval::Evaluated;
use crate::eval::Length;
use repr::{Antichain, GlobalId, Timestamp};
use script::event::{ExportSpec, FrontierKind, Wait};

impl Model {
    /// The furthest write frontier that a collection may have reported: the
    /// meet of the uppers of the shards below it; `[]` if there are none, or
    /// where nothing before `until` can come any more. `None` for an id that
    /// this session does not know.
    pub fn may_reach(&self, id: GlobalId) -> Option<Antichain> {
        let collection = self.session.collections.get(&id)?;
        if collection.life == Life::Dropped || collection.disturbed {
            return Some(Antichain::empty());
        }
        let sealed = self.sealed(&collection.dataflow, collection.export.on());
        Some(match &collection.export {
            ExportSpec::Index { .. } | ExportSpec::Subscribe { .. } => sealed,
            // Where the shard stands, which other views may have brought there.
            ExportSpec::MaterializedView { shard, .. } => sealed.join(&self.shard_sealed(shard)),
        })
    }

    /// The furthest input frontier that a collection may have reported: the meet
    /// over the imports of its dataflow that a live export holds, whether it reads
    /// them itself or not (`spec/replica.md` §4.3).
    pub fn input_may_reach(&self, id: GlobalId) -> Option<Antichain> {
        let collection = self.session.collections.get(&id)?;
        if collection.life == Life::Dropped || collection.disturbed {
            return Some(Antichain::empty());
        }
        let dataflow = &collection.dataflow;
        let held = self.held_inputs(dataflow).into_values();
        Some(meet(held.map(|input| self.input_sealed(dataflow, input))))
    }

    /// The imports of a dataflow that an export holds which was not dropped.
    fn held_inputs<'d>(&self, dataflow: &'d Dataflow) -> BTreeMap<GlobalId, &'d Input> {
        let exports = dataflow.spec.exports.iter();
        let live = exports.filter(|export| self.session.live(export.id()).is_some());
        live.flat_map(|export| dataflow.held_by(export)).collect()
    }

    /// The output frontier that a collection must reach while nothing more is
    /// written: `[0]` as long as nothing is owed. `None` for an id that this
    /// session does not know.
    pub fn must_reach(&self, id: GlobalId) -> Option<Antichain> {
        let collection = self.session.collections.get(&id)?;
        let dataflow = &collection.dataflow;
        Some(self.owed(collection, dataflow.inputs.values()))
    }

    /// The same for the input frontier.
    pub fn input_must_reach(&self, id: GlobalId) -> Option<Antichain> {
        let collection = self.session.collections.get(&id)?;
        let held = self.held_inputs(&collection.dataflow);
        Some(self.owed(collection, held.into_values()))
    }

    /// The same for a kind of frontier.
    pub fn kind_must_reach(&self, id: GlobalId, kind: FrontierKind) -> Option<Antichain> {
        let collection = self.session.collections.get(&id)?;
        match kind {
            FrontierKind::Input => self.input_must_reach(id),
            FrontierKind::Output => self.must_reach(id),
            FrontierKind::Write => match &collection.export {
                ExportSpec::MaterializedView { shard, .. } if collection.is_live() => {
                    match collection.writes.must() {
                        true => self.views.get(shard)?.owed(self, id),
                        false => Some(Antichain::minimum()),
                    }
                }
                ExportSpec::Index { .. }
                | ExportSpec::MaterializedView { .. }
                | ExportSpec::Subscribe { .. } => self.must_reach(id),
            },
        }
    }

    /// What a collection owes that waits for some inputs of its dataflow.
    fn owed<'d>(
        &self,
        collection: &Collection,
        inputs: impl Iterator<Item = &'d Input>,
    ) -> Antichain {
        let nothing = Antichain::minimum();
        if !self.session.initialized || self.is_lost() {
            return nothing;
        }
        if collection.life == Life::Dropped {
            return Antichain::empty();
        }
        if collection.disturbed || !self.session.has_started(&collection.dataflow) {
            return nothing;
        }
        // Another name of an imported index goes on whatever this dataflow's `until`.
        let is_alias = collection.dataflow.spec.aliases.contains(&collection.id);
        let until = collection.dataflow.until().filter(|_| !is_alias);
        let inputs = inputs.map(|input| {
            let owed = match input {
                Input::Source { shard } => self.shard_must_seal(shard),
                Input::Index { index, .. } => self.must_reach(*index).unwrap_or(nothing.clone()),
            };
            cut(owed, until)
        });
        let reached = meet(inputs);
        let reached = match self.first_endless(collection, &reached) {
            Some(ts) => Antichain::from_elem(ts),
            None => reached,
        };
        // Nothing is owed before the snapshot at as_of can be taken.
        match reached.less_equal(collection.as_of())
            || self.is_endless(&collection.dataflow, &reached)
        {
            true => nothing,
            false => reached,
        }
    }

    /// The first time before `reached` at which a collection's recursion never
    /// settles.
    fn first_endless(&self, collection: &Collection, reached: &Antichain) -> Option<Timestamp> {
        if !collection.dataflow.may_be_endless() {
            return None;
        }
        self.first_undefined(collection, reached, |undefined| {
            matches!(undefined, Undefined::Endless(_))
        })
    }

    /// Whether a multiplicity does not fit in something that the session asked
    /// for, so that the replica may have ended.
    pub fn overflows(&self) -> bool {
        self.session.collections.values().any(|collection| {
            let sealed = self.sealed(&collection.dataflow, collection.export.on());
            let overflow = |undefined: &Undefined| *undefined == Undefined::Overflow;
            let first = self.first_undefined(collection, &sealed, overflow);
            first.is_some()
        })
    }

    /// The first time before `end` at which a collection has no contents for such
    /// a reason. No more than some times are looked at.
    fn first_undefined(
        &self,
        collection: &Collection,
        end: &Antichain,
        such: impl Fn(&Undefined) -> bool,
    ) -> Option<Timestamp> {
        let object = collection.export.on();
        let mut times = self.turns(&collection.dataflow, object, collection.as_of(), end);
        times.find_map(|(ts, contents)| match contents {
            Err(undefined) if such(&undefined) => Some(ts),
            Ok(_) | Err(_) => None,
        })
    }

    /// What an object contains from `first` on, before `end`, at the times at which
    /// it may be something else than before. No more than some times are looked at.
    fn turns<'d>(
        &'d self,
        dataflow: &'d Dataflow,
        object: GlobalId,
        first: Timestamp,
        end: &'d Antichain,
    ) -> impl Iterator<Item = (Timestamp, Result<Arc<Evaluated>, Undefined>)> + 'd {
        /// Turns that are looked at.
        const MOST: usize = 64;
        let mut next = Some(first);
        let turn = move || {
            let ts = next.filter(|ts| !end.less_equal(*ts))?;
            let contents = self.object_at(dataflow, object, ts);
            next = match &contents {
                Ok(contents) => contents.horizon.next(),
                Err(_) => ts.checked_add(1),
            };
            Some((ts, contents))
        };
        std::iter::from_fn(turn).take(MOST)
    }

    /// Whether a live collection makes the replica work for ever.
    pub fn has_no_end(&self) -> bool {
        let mut collections = self.session.collections.values();
        collections.any(|c| c.is_live() && c.dataflow.length == Length::Endless)
    }

    /// Whether a dataflow may be at work for ever on what it reads before
    /// `frontier`.
    fn is_endless(&self, dataflow: &Dataflow, frontier: &Antichain) -> bool {
        match dataflow.length {
            Length::Short => return false,
            Length::Endless => return true,
            Length::Unknown => {}
        }
        let as_of = dataflow.spec.as_of;
        let end = frontier.as_option().or(dataflow.until());
        let end = Antichain::from_elem(end.unwrap_or(as_of.saturating_add(1)));
        let mut builds = dataflow.spec.builds.iter();
        builds.any(|(id, _)| {
            let mut turns = self.turns(dataflow, *id, as_of, &end);
            turns.any(|(_, contents)| matches!(contents, Err(Undefined::Unsupported(_))))
        })
    }

    /// Whether a wait must end with what it waits for.
    pub fn must_end(&self, wait: &Wait) -> bool {
        match wait {
            Wait::Frontier { id, kind, to } => self
                .kind_must_reach(*id, *kind)
                .is_some_and(|owed| owed != Antichain::minimum() && to.is_le(&owed)),
            Wait::Peek { uuid, .. } => self.must_answer(*uuid),
            Wait::Subscribe { id, up_to } => self
                .subscribe_must_reach(*id)
                .is_some_and(|frontier| !frontier.less_than(*up_to)),
            Wait::SubscribeEnd { id } => self.subscribe_must_end(*id),
            Wait::Released { shard } => self.must_release(shard),
        }
    }

    /// The shards that were read, and that no reader may hold any more beyond the
    /// driver.
    pub fn released(&self) -> impl Iterator<Item = &str> {
        let read = self.read.iter().map(String::as_str);
        read.filter(|shard| self.must_release(shard))
    }

    /// Whether every dataflow that read a shard is gone: dropped, or omitted after a
    /// reconnect. What an earlier process held it may hold until its lease ends.
    fn must_release(&self, shard: &str) -> bool {
        if !self.session.initialized || self.is_lost() || self.leased.contains(shard) {
            return false;
        }
        // Where the driver holds all times, nothing holds more.
        let is_moved = self.shard_since(shard) > 0;
        let mut live = self.session.live_collections();
        let is_read = live.any(|c| c.disturbed || c.dataflow.sources().any(|read| read == shard));
        is_moved && !is_read && self.read.contains(shard) && !self.views.contains_key(shard)
    }

    /// Whether a peek must be answered while nothing more is written.
    pub fn must_answer(&self, uuid: uuid::Uuid) -> bool {
        let Some(peek) = self.session.peeks.get(&uuid) else {
            return false;
        };
        if !self.session.initialized || self.is_lost() {
            return false;
        }
        let reached = match self.peeked_shard(peek.spec.id) {
            Some(shard) => Some(self.shard_must_seal(shard)),
            None => self.must_reach(peek.spec.id),
        };
        let sealed = reached.is_some_and(|frontier| !frontier.less_equal(peek.spec.ts));
        peek.canceled || !peek.disturbed && sealed
    }

    /// The upper that a subscribe must reach while nothing more is written:
    /// like [`Model::must_reach`], and the end once it is at its `up_to`.
    pub fn subscribe_must_reach(&self, id: GlobalId) -> Option<Antichain> {
        let collection = self.session.live(id).filter(|c| c.is_subscribe())?;
        let reached = self.must_reach(id)?;
        Some(match reached == Antichain::minimum() {
            // Nothing is owed, not even the end of what ends at once.
            true => reached,
            false => cut(reached, collection.up_to()),
        })
    }

    /// Whether a subscribe must say its last word: it was dropped, or comes to
    /// its end by itself.
    fn subscribe_must_end(&self, id: GlobalId) -> bool {
        let Some(collection) = self.session.collections.get(&id) else {
            return false;
        };
        let dropped = collection.is_subscribe()
            && collection.life == Life::Dropped
            && self.session.initialized
            && !self.is_lost();
        dropped || self.subscribe_must_reach(id).is_some_and(|f| f.is_empty())
    }

    /// Whether an object's contents at `ts` are final.
    pub fn is_sealed(&self, collection: &Collection, ts: Timestamp) -> bool {
        !self
            .sealed(&collection.dataflow, collection.export.on())
            .less_equal(ts)
    }

    /// The first time at which an object of a dataflow may still change.
    pub(super) fn sealed(&self, dataflow: &Dataflow, object: GlobalId) -> Antichain {
        meet(
            dataflow
                .inputs_of(object)
                .map(|(_, input)| self.input_sealed(dataflow, input)),
        )
    }

    fn input_sealed(&self, dataflow: &Dataflow, input: &Input) -> Antichain {
        let sealed = match input {
            Input::Source { shard } => self.shard_sealed(shard),
            Input::Index { of, on, .. } => self.sealed(of, *on),
        };
        cut(sealed, dataflow.until())
    }

    /// Where a shard stands, or may stand where the replica writes it.
    pub fn shard_sealed(&self, shard: &str) -> Antichain {
        let written = Antichain::from_elem(self.shards.get(shard).map_or(0, |s| s.upper()));
        match self.views.get(shard) {
            None => written,
            Some(views) => written.join(&views.may_seal(self)),
        }
    }

    /// The upper that a shard must get, or has, while nothing more is written.
    pub fn shard_must_seal(&self, shard: &str) -> Antichain {
        let written = Antichain::from_elem(self.shards.get(shard).map_or(0, |s| s.upper()));
        match self.views.get(shard) {
            None => written,
            Some(views) => written.join(&views.must_seal(self)),
        }
    }
}

/// The greatest lower bound; `[]` of nothing.
fn meet(frontiers: impl Iterator<Item = Antichain>) -> Antichain {
    frontiers.min().unwrap_or_else(Antichain::empty)
}

/// An import is finished once its frontier reaches `until`.
fn cut(frontier: Antichain, until: Option<Timestamp>) -> Antichain {
    match until {
        Some(until) if !frontier.less_than(until) => Antichain::empty(),
        Some(_) | None => frontier,
    }
}
