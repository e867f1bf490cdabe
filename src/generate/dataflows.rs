//! Dataflows: indexes over shards and over other indexes. Source:
//! `spec/script.md` §2.5, `spec/replica.md` §3.
//!
//! Invariant: an as_of is one that can be read: not before the shard's since,
//! nor before the since of the imported index.

use super::plans::{self, Simple};
use super::world::{Flow, FlowExport, FlowSource, World};
use crate::repr::{GlobalId, Timestamp};
use crate::script::Command;

impl World<'_> {
    fn is_full(&self) -> bool {
        self.live_indexes().len() >= self.profile.collections
    }

    /// An index over a shard as it is.
    pub fn define_index(&mut self) -> bool {
        if self.is_full() {
            return false;
        }
        let Some(shard) = self.some_shard() else {
            return false;
        };
        let columns = self.schemas[self.shards[shard].schema].columns.clone();
        let (_, [index, _]) = self.next_flow_ids();
        let flow = Flow {
            source: FlowSource::Shard(shard),
            built: None,
            exports: vec![FlowExport {
                index,
                key: plans::key(self.choices, columns.len()),
            }],
            as_of: self.shard_as_of(shard),
            until: None,
            columns: columns.clone(),
            input_columns: columns,
        };
        self.create_and_maybe_schedule(flow)
    }

    /// A plan over a shard or over an index.
    pub fn create_dataflow(&mut self) -> bool {
        if self.is_full() {
            return false;
        }
        let indexes = self.live_indexes();
        let over_index = !indexes.is_empty() && self.choices.chance("over an index", 2, 3);
        let (source, input_columns, as_of) = if over_index {
            let index = indexes[self.choices.index("imported index", indexes.len())];
            let Some(flow) = self.flow_of(index) else {
                return false;
            };
            let (on, columns) = (self.arranged_by(flow), flow.columns.clone());
            (
                FlowSource::Index { index, on },
                columns,
                self.index_as_of(index),
            )
        } else {
            let Some(shard) = self.some_shard() else {
                return false;
            };
            let columns = self.schemas[self.shards[shard].schema].columns.clone();
            (FlowSource::Shard(shard), columns, self.shard_as_of(shard))
        };
        let (built_id, [first, second]) = self.next_flow_ids();
        // Without a plan over an index, the new index may be an alias.
        let plain = over_index && self.choices.chance("alias", 1, 4);
        let built = (!plain).then(|| (built_id, Simple::draw(self.choices, &input_columns)));
        let columns = match &built {
            Some((_, plan)) => plan.columns(&input_columns),
            None => input_columns.clone(),
        };
        let mut exports = vec![FlowExport {
            index: first,
            key: plans::key(self.choices, columns.len()),
        }];
        if self.profile.two_exports && self.choices.chance("second export", 1, 6) {
            exports.push(FlowExport {
                index: second,
                key: plans::key(self.choices, columns.len()),
            });
        }
        // The same arrangement twice is one too many.
        if let [a, b] = &exports[..]
            && a.key == b.key
        {
            exports.truncate(1);
        }
        let until = (self.profile.until && self.choices.chance("until", 1, 6))
            .then(|| as_of + self.choices.between("until after as_of", 1, 3));
        self.create_and_maybe_schedule(Flow {
            source,
            built,
            exports,
            as_of,
            until,
            columns,
            input_columns,
        })
    }

    fn create_and_maybe_schedule(&mut self, flow: Flow) -> bool {
        let ids: Vec<GlobalId> = flow.exports.iter().map(|export| export.index).collect();
        if !self.create(flow) {
            return false;
        }
        // Most are scheduled at once; the others late, or never.
        if !self.choices.chance("schedule later", 1, 4) {
            for id in ids {
                self.schedule_id(id);
            }
        }
        true
    }

    pub fn schedule_id(&mut self, id: GlobalId) -> bool {
        self.emit(Command::Schedule { id }, true)
    }

    /// Schedules something that is not.
    pub fn schedule(&mut self) -> bool {
        let waiting: Vec<GlobalId> = self
            .live_indexes()
            .into_iter()
            .filter(|id| self.model.collection(*id).is_some_and(|c| !c.scheduled))
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
        let known = self.model.shard(&self.shards[shard].alias);
        let (since, upper) = known.map_or((0, 0), |s| (s.since(), s.upper()));
        self.as_of_between(since, upper)
    }

    /// An as_of over an index.
    pub fn index_as_of(&mut self, index: GlobalId) -> Timestamp {
        let since = self.since(index);
        let upper = self
            .model
            .may_reach(index)
            .and_then(|frontier| frontier.as_option())
            .unwrap_or(since + 1);
        self.as_of_between(since, upper)
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
