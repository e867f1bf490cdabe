//! Dataflows of operators: several inputs, several objects on top of each
//! other, several arrangements of what they compute. Source: `spec/script.md`
//! §2.5, `spec/replica.md` §3.
//!
//! Invariants: every import is read; no two imports are read under one id, which
//! scripts cannot say (`spec/script.md` §2.5).

use super::flows::{Flow, FlowExport, FlowSource, Planning};
use super::relations::{Planner, Readable};
use super::world::{Owner, World};
use crate::plan::{Globals, Relation, typed};
use crate::repr::{GlobalId, Timestamp};
use crate::script::JoinChoice;

/// Rows of a shard, as plans expect them.
const SHARD_SIZE: u64 = 12;

impl World<'_> {
    /// A dataflow of operator plans over shards and indexes.
    pub fn create_operators(&mut self) -> bool {
        let planning = match self.choices.weighted("planning", &[4, 3, 2, 2]) {
            Some(1) => Planning::Optimize,
            Some(2) => Planning::Join(JoinChoice::Linear),
            Some(3) => Planning::Join(JoinChoice::Delta),
            _ => Planning::AsWritten,
        };
        let sources = self.drawn_sources();
        let ids = self.next_object_ids();
        let Some(built) = self.drawn_builds(&sources, planning, ids.builds) else {
            return false;
        };
        let mut readable: Vec<Readable> = sources.iter().map(|(_, r)| r.clone()).collect();
        readable.extend(built.iter().map(|(_, r)| r.clone()));
        let exports = self.drawn_exports(&readable, built.len(), ids.exports);
        if exports.is_empty() {
            return false;
        }
        let builds: Vec<(GlobalId, Relation)> =
            built.into_iter().map(|(plan, r)| (r.id, plan)).collect();
        let imports: Vec<FlowSource> = sources
            .into_iter()
            .filter(|(_, r)| {
                let built = builds.iter().any(|(_, plan)| plan.reads(r.id));
                built || exports.iter().any(|export| export.on == r.id)
            })
            .map(|(source, _)| source)
            .collect();
        let as_of = self.as_of_over(&imports);
        let until = self.drawn_until(as_of, &exports);
        let flow = Flow {
            imports,
            builds,
            exports,
            planning,
            as_of,
            until,
        };
        self.create_and_maybe_schedule(flow)
    }

    /// One to three different things to read.
    fn drawn_sources(&mut self) -> Vec<(FlowSource, Readable)> {
        let count = 1 + self.choices.weighted("imports", &[3, 4, 2]).unwrap_or(0);
        let mut sources: Vec<(FlowSource, Readable)> = Vec::new();
        for _ in 0..count {
            let over_index = self.choices.chance("over an index", 1, 2);
            let Some((source, readable)) = self.other_source(&sources, over_index) else {
                continue;
            };
            sources.push((source, readable));
        }
        sources
    }

    /// Something to read that is not among these, of one kind if there is one.
    fn other_source(
        &mut self,
        known: &[(FlowSource, Readable)],
        over_index: bool,
    ) -> Option<(FlowSource, Readable)> {
        let indexes = self.live_indexes().into_iter();
        let mut indexes: Vec<_> = indexes.filter_map(|id| self.index_source(id)).collect();
        let mut shards: Vec<_> = (0..self.shards.len())
            .map(|shard| self.shard_source(shard))
            .collect();
        for sources in [&mut indexes, &mut shards] {
            sources.retain(|(_, new)| known.iter().all(|(_, old)| old.id != new.id));
        }
        let of = match over_index && !indexes.is_empty() || shards.is_empty() {
            true => indexes,
            false => shards,
        };
        match of.is_empty() {
            // Only where nothing was written at all.
            true if known.is_empty() => self.some_shard().map(|shard| self.shard_source(shard)),
            true => None,
            false => Some(of[self.choices.index("imported collection", of.len())].clone()),
        }
    }

    pub fn shard_source(&self, shard: usize) -> (FlowSource, Readable) {
        let readable = Readable {
            id: self.shards[shard].source,
            typ: self.shard_type(shard),
            monotonic: self.shards[shard].append_only,
            size: SHARD_SIZE,
            keys: Vec::new(),
            statistics: match self.shards[shard].owner {
                Owner::Driver => self.shards[shard].part_bytes.is_some(),
                Owner::View => self.views_in_blob,
            },
        };
        (FlowSource::Shard(shard), readable)
    }

    pub fn index_source(&self, index: GlobalId) -> Option<(FlowSource, Readable)> {
        let export = self.export_of(index)?;
        let readable = Readable {
            id: export.on,
            typ: export.typ.clone(),
            monotonic: export.monotonic,
            size: export.size,
            keys: vec![export.key()?.to_vec()],
            statistics: false,
        };
        let on = export.on;
        Some((FlowSource::Index { index, on }, readable))
    }

    /// One to three plans, each over the imports and the ones before.
    fn drawn_builds(
        &mut self,
        sources: &[(FlowSource, Readable)],
        planning: Planning,
        ids: [GlobalId; 3],
    ) -> Option<Vec<(Relation, Readable)>> {
        let count = 1 + self.choices.weighted("objects", &[5, 2, 1]).unwrap_or(0);
        let planned = planning != Planning::AsWritten;
        let mut planner = Planner::new(self.choices, self.profile, planned);
        planner.negative = self.negative;
        for (_, readable) in sources {
            if planner.readable.iter().all(|known| known.id != readable.id) {
                planner.offer(readable.clone());
            }
        }
        let mut built = Vec::new();
        for id in &ids[..count] {
            let drawn = planner.draw();
            let globals: Globals = planner
                .readable
                .iter()
                .map(|r| (r.id, r.typ.clone()))
                .collect();
            // As a script's reader types it.
            let (plan, typ) = typed(&drawn.plan, &globals).ok()?;
            let readable = Readable {
                id: *id,
                typ,
                monotonic: drawn.monotonic,
                size: drawn.size,
                keys: Vec::new(),
                statistics: false,
            };
            planner.offer(readable.clone());
            built.push((plan, readable));
        }
        Some(built)
    }

    /// The last object in one way or two; sometimes something else as well.
    fn drawn_exports(
        &mut self,
        readable: &[Readable],
        built: usize,
        ids: [GlobalId; 3],
    ) -> Vec<FlowExport> {
        let last = readable.len() - 1;
        let mut of = vec![last];
        if self.profile.two_exports && self.choices.chance("second export", 1, 2) {
            of.push(last);
        }
        if built > 1 && self.choices.chance("inner object", 1, 4) {
            of.push(last - 1);
        }
        let mut exports: Vec<FlowExport> = Vec::new();
        for (id, at) in ids.into_iter().zip(of) {
            let drawn = self.drawn_export(id, &readable[at], at + built >= readable.len());
            exports.extend(drawn.filter(|new| exports.iter().all(|known| !known.same_as(new))));
        }
        exports
    }

    /// An as_of at which every import can be read.
    pub fn as_of_over(&mut self, imports: &[FlowSource]) -> Timestamp {
        let ranges = imports.iter().map(|source| match source {
            FlowSource::Shard(shard) => self.shard_range(*shard),
            FlowSource::Index { index, on: _ } => self.index_range(*index),
        });
        let ranges: Vec<(Timestamp, Timestamp)> = ranges.collect();
        let since = ranges.iter().map(|(since, _)| *since).max().unwrap_or(0);
        let upper = ranges.iter().map(|(_, upper)| *upper).min().unwrap_or(1);
        self.as_of_between(since, upper)
    }
}
