//! Sinks: materialized views, which write shards that other dataflows read, and
//! subscribes; the permission to write, and waits for batches. Source:
//! `spec/script.md` §2.5, §2.7, `spec/replica.md` §6, §7.
//!
//! Invariants: a sink exports what its dataflow builds, in a schema of exactly
//! its columns; one shard is written by one view.

use super::flows::{FlowExport, FlowSource, Form};
use super::plans;
use super::relations::Readable;
use super::tally::Worth;
use super::values::Column;
use super::world::{DrawnShard, Owner, World};
use crate::repr::{GlobalId, Timestamp};
use crate::script::event::Wait;
use crate::script::{Command, DEFAULT_TIMEOUT_SECS, Every, Refresh};

impl World<'_> {
    /// An export of a collection: mostly an index; a sink, sometimes, of what
    /// was built.
    pub fn drawn_export(
        &mut self,
        id: GlobalId,
        collection: &Readable,
        built: bool,
    ) -> Option<FlowExport> {
        let form = match built && self.profile.sinks {
            true => self.choices.weighted("form of export", &[5, 2, 2]),
            false => None,
        };
        let mut collection = collection.clone();
        let form = match form {
            // With negative counts, `any` of what is never NULL can be NULL, and
            // no shard takes that.
            Some(1) if !self.negative => self.drawn_view(&mut collection)?,
            Some(2) => self.drawn_subscribe(&collection)?,
            _ => Form::Index {
                key: plans::key(self.choices, collection.typ.arity()),
            },
        };
        Some(FlowExport {
            id,
            on: collection.id,
            form,
            typ: collection.typ,
            monotonic: collection.monotonic,
            size: collection.size,
        })
    }

    fn drawn_view(&mut self, collection: &mut Readable) -> Option<Form> {
        let mut not_null = Vec::new();
        if self.choices.chance("assert not null", 1, 5) {
            for (at, column) in collection.typ.column_types.iter_mut().enumerate() {
                if column.nullable && self.choices.chance("not null", 1, 2) {
                    column.nullable = false;
                    not_null.push(at);
                }
            }
        }
        let schema = self.sink_schema(collection)?;
        let number = self.shards.len();
        self.shards.push(DrawnShard {
            alias: format!("v{number}"),
            source: self.source_id(number),
            schema,
            append_only: collection.monotonic,
            part_bytes: None,
            owner: Owner::View,
        });
        Some(Form::View {
            shard: number,
            not_null,
            refresh: self.drawn_refresh(),
        })
    }

    /// Mostly none: the shard follows its view.
    fn drawn_refresh(&mut self) -> Option<Refresh> {
        if !self.choices.chance("refresh", 1, 6) {
            return None;
        }
        let every = self.choices.chance("refresh every", 2, 3).then(|| Every {
            interval: self.choices.between("refresh interval", 2, 4),
            aligned_to: self.choices.draw("refresh aligned to", 4),
        });
        let times = self.choices.draw("refresh times", 3);
        let at = (0..times).map(|_| self.choices.draw("refresh at", 9));
        // Without a time there is no schedule.
        Refresh::new(every, at.collect()).ok()
    }

    fn drawn_subscribe(&mut self, collection: &Readable) -> Option<Form> {
        let schema = self.sink_schema(collection)?;
        let ends = self.choices.chance("up_to", 1, 3);
        Some(Form::Subscribe {
            schema,
            snapshot: !self.choices.chance("without snapshot", 1, 5),
            // From the as_of on, which is not known yet.
            lasts: ends.then(|| 1 + self.choices.draw("up_to after as_of", 3)),
        })
    }

    /// A schema of exactly these columns, by number.
    fn sink_schema(&mut self, collection: &Readable) -> Option<usize> {
        let columns = &collection.typ.column_types;
        let columns: Option<Vec<Column>> = columns.iter().map(Column::exact).collect();
        let columns = columns?;
        let known = self.schemas.iter().position(|s| s.columns == columns);
        if known.is_some() {
            return known;
        }
        self.define_schema(columns)?;
        Some(self.schemas.len() - 1)
    }

    /// The live views that are still read-only.
    fn read_only_views(&self) -> Vec<GlobalId> {
        let exports = self.live_exports();
        let views = exports.into_iter().filter(|id| {
            let is_view = self.export_of(*id).is_some_and(FlowExport::is_view);
            let collection = self.model().collection(*id);
            is_view && collection.is_some_and(|c| !c.writes.must())
        });
        views.collect()
    }

    /// Lets a view write that was not allowed to.
    pub fn allow_writes(&mut self) -> bool {
        let views = self.read_only_views();
        match views.is_empty() {
            true => false,
            false => {
                let id = views[self.choices.index("view", views.len())];
                self.emit(Command::AllowWrites { id }, Worth::Shows)
            }
        }
    }

    /// Waits for the batches of a subscribe.
    pub fn await_subscribe(&mut self) -> bool {
        let live = self.live_exports();
        let due: Vec<(GlobalId, Timestamp)> = live
            .into_iter()
            .filter_map(|id| {
                let must = self.model().subscribe_must_reach(id)?;
                let last = must.as_option().unwrap_or(self.since(id) + 2);
                (last > 0).then_some((id, last))
            })
            .collect();
        match due.is_empty() {
            true => false,
            false => {
                let (id, last) = due[self.choices.index("awaited subscribe", due.len())];
                self.await_batches(id, last)
            }
        }
    }

    /// Waits until a subscribe has come to `up_to`, if it must.
    pub fn await_batches(&mut self, id: GlobalId, up_to: Timestamp) -> bool {
        if !self.model().must_end(&Wait::Subscribe { id, up_to }) {
            return false;
        }
        let command = Command::AwaitSubscribe {
            id,
            up_to,
            timeout_secs: DEFAULT_TIMEOUT_SECS,
        };
        self.emit(command, Worth::Shows)
    }

    /// A live dataflow again, under other ids: at another as_of, exported in
    /// other ways. What means the same must contain the same.
    pub fn duplicate(&mut self) -> bool {
        let live: Vec<usize> = (0..self.flows.len())
            .filter(|at| {
                let flow = &self.flows[*at];
                let imports_live = flow.imports.iter().all(|source| match source {
                    FlowSource::Shard(_) => true,
                    FlowSource::Index { index, .. } => self.is_live(*index),
                });
                imports_live && flow.until.is_none() && !flow.builds.is_empty()
            })
            .collect();
        if live.is_empty() || self.is_full() {
            return false;
        }
        let mut flow = self.flows[live[self.choices.index("dataflow again", live.len())]].clone();
        let ids = self.next_object_ids();
        let renamed = |id: GlobalId| {
            let at = flow.builds.iter().position(|(built, _)| *built == id);
            at.map_or(id, |at| ids.builds[at])
        };
        let old: Vec<GlobalId> = flow.builds.iter().map(|(id, _)| *id).collect();
        let mut exports: Vec<FlowExport> = Vec::new();
        for (export, id) in flow.exports.iter().zip(ids.exports) {
            let collection = Readable {
                id: renamed(export.on),
                typ: export.typ.clone(),
                monotonic: export.monotonic,
                size: export.size,
                keys: Vec::new(),
                statistics: false,
            };
            let built = old.contains(&export.on);
            let drawn = self.drawn_export(id, &collection, built);
            exports.extend(drawn.filter(|new| exports.iter().all(|known| !known.same_as(new))));
        }
        if exports.is_empty() {
            return false;
        }
        for (at, (id, plan)) in flow.builds.iter_mut().enumerate() {
            *id = ids.builds[at];
            plan.visit_globals_mut(&mut |read| {
                if let Some(at) = old.iter().position(|known| known == read) {
                    *read = ids.builds[at];
                }
            });
        }
        flow.exports = exports;
        flow.as_of = self.as_of_over(&flow.imports);
        self.create_and_maybe_schedule(flow)
    }
}
