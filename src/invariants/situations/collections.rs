//! Situations of dataflows and of compaction.

use std::collections::BTreeSet;

use super::{Situation, Situations};
use crate::model::dataflow::Input;
use crate::model::{Collection, Model, Session};
use crate::repr::{Antichain, GlobalId};
use crate::script::event::{DataflowSpec, ExportSpec, ImportSpec};

impl Situations {
    pub(super) fn created(&mut self, spec: &DataflowSpec, model: &Model) {
        for export in &spec.exports {
            self.past
                .created_after
                .insert(export.id(), self.past.writes);
        }
        let is_sink = |export: &ExportSpec| match export {
            ExportSpec::Index { .. } => false,
            ExportSpec::MaterializedView { .. } | ExportSpec::Subscribe { .. } => true,
        };
        let sinks = spec.exports.iter().filter(|export| is_sink(export)).count();
        let both = sinks > 0 && sinks < spec.exports.len();
        self.see_if(both, Situation::TwoExports);
        self.see_if(!spec.aliases.is_empty(), Situation::Alias);
        if let Some(until) = spec.until {
            self.see(match until == spec.as_of + 1 {
                true => Situation::UntilOneTime,
                false => Situation::UntilLater,
            });
        }
        let (mut shards, mut on) = (Vec::new(), Vec::new());
        for import in &spec.imports {
            match import {
                ImportSpec::Source { shard, .. } => {
                    self.source_imported(shard, spec, model);
                    shards.push(BTreeSet::from([shard.clone()]));
                }
                ImportSpec::Index { index, on: object } => {
                    on.push(*object);
                    if let Some(imported) = model.session().live(*index) {
                        self.index_imported(imported);
                        shards.push(imported.dataflow.shards_of(imported.export.on()));
                    }
                }
            }
        }
        let shared = (0..shards.len()).any(|at| {
            let mut others = shards[at + 1..].iter();
            others.any(|other| !shards[at].is_disjoint(other))
        });
        let several = BTreeSet::from_iter(&on).len() > 1;
        self.see_if(shared && several, Situation::ImportDiamond);
        self.views_created(spec);
    }

    fn source_imported(&mut self, shard: &str, spec: &DataflowSpec, model: &Model) {
        if let Some(known) = model.shard(shard) {
            self.see_if(spec.as_of >= known.upper(), Situation::AsOfAhead);
            self.see_if(spec.as_of + 1 < known.upper(), Situation::AsOfBehind);
        }
        let session = model.session();
        self.see_if(
            readers(session, shard).next().is_some(),
            Situation::SourceTwice,
        );
        let mut views = session.live_collections().filter_map(shard_of_view);
        self.see_if(
            views.any(|written| written == shard),
            Situation::SourceOfView,
        );
    }

    fn index_imported(&mut self, imported: &Collection) {
        self.see_if(self.is_hydrating(imported), Situation::ImportHydrating);
        let compacted = imported.compacted.is_some();
        self.see_if(compacted, Situation::ImportCompacted);
        let mut below = imported.dataflow.imported_indexes();
        self.see_if(below.next().is_some(), Situation::ImportChain);
    }

    pub(super) fn scheduled(&mut self, id: GlobalId, model: &Model) {
        let Some(collection) = model.session().live(id) else {
            return;
        };
        let created = self.past.created_after.get(&id).copied();
        let late = created.is_some_and(|then| then < self.past.writes);
        self.see_if(late && !collection.scheduled.may(), Situation::ScheduleLate);
        if !self.is_new(Situation::SameTwice) {
            return;
        }
        let this = &collection.dataflow;
        let like_it = model.session().live_collections().filter(|other| {
            let (one, two) = (&other.dataflow.spec, &this.spec);
            other.dataflow.uid != this.uid
                && (one.builds.len(), one.imports.len()) == (two.builds.len(), two.imports.len())
        });
        let meaning = |of: &Collection| of.dataflow.meaning(of.export.on());
        let same = like_it
            .map(meaning)
            .any(|other| other.is_some() && other == meaning(collection));
        self.see_if(same, Situation::SameTwice);
    }

    pub(super) fn compacted(&mut self, id: GlobalId, to: &Antichain, model: &Model) {
        let session = model.session();
        let Some(collection) = session.live(id) else {
            return;
        };
        let Some(to) = to.as_option() else {
            return self.dropped(collection, session);
        };
        let mut peeks = session.open_peeks(id);
        self.see_if(peeks.any(|p| p.spec.ts < to), Situation::CompactUnderPeek);
        if !collection.is_index() {
            return;
        }
        let sealed = model.may_reach(id);
        let ahead = sealed.is_some_and(|sealed| sealed.less_equal(to));
        self.see_if(ahead, Situation::CompactAhead);
        let scheduled = collection.scheduled.may();
        self.see_if(!scheduled, Situation::CompactUnscheduled);
        let hydrating = self.is_hydrating(collection);
        self.see_if(hydrating, Situation::CompactHydrating);
        let mut readers = session.importers(id);
        let behind = |reader: &Collection| match self.told.get(&reader.id) {
            Some(told) => told.less_than(to),
            None => true,
        };
        let behind = readers.any(behind);
        self.see_if(behind, Situation::CompactUnderReader);
    }

    fn dropped(&mut self, collection: &Collection, session: &Session) {
        let id = collection.id;
        let mut peeks = session.peeks.values().filter(|peek| peek.spec.id == id);
        let canceled = peeks.any(|peek| peek.canceled);
        self.see_if(canceled, Situation::DropAfterCancel);
        let scheduled = collection.scheduled.may();
        self.see_if(!scheduled, Situation::DropUnscheduled);
        self.see_if(self.is_hydrating(collection), Situation::DropHydrating);
        let siblings = collection.dataflow.spec.exports.iter();
        let mut living = siblings.filter(|e| e.id() != id && session.live(e.id()).is_some());
        self.see_if(living.next().is_some(), Situation::DropSibling);
        self.see_if(collection.is_subscribe(), Situation::SubscribeDropped);
        let read = session.dataflows.iter().any(|dataflow| {
            let mut imported = dataflow.imported_indexes();
            imported.any(|index| index == id)
        });
        self.see_if(read, Situation::DropAfterReader);
        let mut readers = shard_of_view(collection)
            .into_iter()
            .flat_map(|shard| readers(session, shard));
        let subscribed = readers.any(Collection::is_subscribe);
        self.see_if(subscribed, Situation::SubscribeOverDrop);
    }

    pub(super) fn since_moved(&mut self, shard: &str, model: &Model) {
        let read = readers(model.session(), shard).next().is_some();
        self.see_if(read, Situation::SinceUnderReader);
    }
}

/// The live collections that read a shard.
pub(super) fn readers<'s>(
    session: &'s Session,
    shard: &'s str,
) -> impl Iterator<Item = &'s Collection> {
    session.live_collections().filter(move |collection| {
        let mut inputs = collection.dataflow.inputs.values();
        inputs.any(|input| match input {
            Input::Source { shard: read } => read == shard,
            Input::Index { .. } => false,
        })
    })
}

/// The shard that a materialized view writes.
pub(super) fn shard_of_view(collection: &Collection) -> Option<&str> {
    match &collection.export {
        ExportSpec::MaterializedView { shard, .. } => Some(shard),
        ExportSpec::Index { .. } | ExportSpec::Subscribe { .. } => None,
    }
}
