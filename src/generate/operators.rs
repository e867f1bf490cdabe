//! Dataflows of operators: several inputs, several objects on top of each
//! other, several arrangements of what they compute. Source: `spec/script.md`
//! §2.5, `spec/replica.md` §3.
//!
//! Invariants: every import is read; two imports are read under one id only if
//! one dataflow exports both, so that they live and die together.

use super::flows::{Flow, FlowExport, FlowSource, Planning};
use super::relations::{Planner, Readable};
use super::world::World;
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

    /// One to three things to read.
    fn drawn_sources(&mut self) -> Vec<(FlowSource, Readable)> {
        let count = 1 + self.choices.weighted("imports", &[4, 4, 1]).unwrap_or(0);
        let mut sources: Vec<(FlowSource, Readable)> = Vec::new();
        for _ in 0..count {
            let indexes = self.live_indexes();
            let over_index = !indexes.is_empty() && self.choices.chance("over an index", 1, 2);
            let drawn = match over_index {
                true => {
                    let index = indexes[self.choices.index("imported index", indexes.len())];
                    self.index_source(index)
                }
                false => self.some_shard().map(|shard| self.shard_source(shard)),
            };
            let Some((source, readable)) = drawn else {
                continue;
            };
            if sources.iter().any(|(_, known)| known.id == readable.id) {
                continue;
            }
            let sibling = self.sibling_of(&source);
            sources.push((source, readable.clone()));
            if let Some(sibling) = sibling
                && self.choices.chance("both arrangements", 1, 2)
            {
                sources.push((sibling, readable));
            }
        }
        sources
    }

    pub fn shard_source(&self, shard: usize) -> (FlowSource, Readable) {
        let readable = Readable {
            id: self.shards[shard].source,
            typ: self.shard_type(shard),
            monotonic: self.shards[shard].append_only,
            size: SHARD_SIZE,
            keys: Vec::new(),
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
        };
        let on = export.on;
        Some((FlowSource::Index { index, on }, readable))
    }

    /// Another live index of the same collection, exported by the same
    /// dataflow.
    fn sibling_of(&self, source: &FlowSource) -> Option<FlowSource> {
        let FlowSource::Index { index, on } = source else {
            return None;
        };
        let exports = &self.flow_of(*index)?.exports;
        let sibling = exports.iter().find(|other| {
            other.id != *index && other.on == *on && other.key().is_some() && self.is_live(other.id)
        })?;
        Some(FlowSource::Index {
            index: sibling.id,
            on: *on,
        })
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
                planner.readable.push(readable.clone());
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
            };
            planner.readable.push(readable.clone());
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
        if self.profile.two_exports && self.choices.chance("second export", 1, 3) {
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
