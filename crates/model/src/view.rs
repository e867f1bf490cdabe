//! Shards that the replica writes: the targets of materialized views. Source:
//! `spec/replica.md` §7.
//!
//! Invariant: contents are answered only where the contract fixes them: as long
//! as all views of the shard mean the same thing, and not in the hole that a
//! later view with a later as_of may have left.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Model;
use super::answer::Undefined;
use super::dataflow::Dataflow;
use super::eval::Evaluated;
use protocol::v26_30::EvalError;
use repr::{Antichain, Diff, GlobalId, RelationDesc, Row, Timestamp};

/// The views that were created over one shard, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Views {
    views: Vec<View>,
    /// Something was dropped from under one of them.
    spoiled: bool,
    /// One of them was allowed to write at some time.
    allowed: bool,
}

#[derive(Debug, Clone)]
struct View {
    id: GlobalId,
    dataflow: Arc<Dataflow>,
    on: GlobalId,
    not_null: BTreeMap<usize, String>,
}

/// The columns in which a view has no NULL, with their names.
pub(super) fn asserted(desc: &RelationDesc, not_null: &[usize]) -> BTreeMap<usize, String> {
    let named = |column: &usize| {
        let (name, _) = desc.columns().nth(*column)?;
        Some((*column, name.to_string()))
    };
    not_null.iter().filter_map(named).collect()
}

/// What a view shows of a collection: an error in the place of each row that has a
/// NULL where none may be (`spec/lowering.md` §6).
fn without_nulls(contents: Evaluated, not_null: &BTreeMap<usize, String>) -> Evaluated {
    let null_in = |row: &Row| {
        let datums = row.unpack();
        let mut asserted = not_null.iter();
        asserted.find(|(column, _)| datums.get(**column).is_some_and(|d| d.is_null()))
    };
    let nulls: Vec<(Row, Diff, &String)> = contents
        .rows
        .iter()
        .filter_map(|(row, count)| null_in(row).map(|(_, name)| (row.clone(), count, name)))
        .collect();
    let mut shown = contents;
    for (row, count, name) in nulls {
        shown.fail(EvalError::MustNotBeNull(format!("column {name:?}")), count);
        shown.rows.add(row, -count);
    }
    shown
}

impl Views {
    pub(super) fn add(
        &mut self,
        id: GlobalId,
        dataflow: Arc<Dataflow>,
        on: GlobalId,
        not_null: BTreeMap<usize, String>,
    ) {
        self.views.push(View {
            id,
            dataflow,
            on,
            not_null,
        });
    }

    pub(super) fn spoil(&mut self) {
        self.spoiled = true;
    }

    pub(super) fn allow(&mut self) {
        self.allowed = true;
    }

    pub(super) fn were_allowed(&self) -> bool {
        self.allowed
    }

    /// Whether all of them mean the same thing, as far as anybody can tell.
    fn agree(&self) -> bool {
        let mut pairs = self.views.iter().zip(self.views.iter().skip(1));
        let same =
            |a: &View, b: &View| a.dataflow.means_the_same(&b.dataflow) && a.not_null == b.not_null;
        !self.spoiled && pairs.all(|(a, b)| same(a, b))
    }

    /// Whether the shard means one thing at all times from one as_of on.
    pub(super) fn mean_one_thing(&self) -> bool {
        let mut pairs = self.views.iter().zip(self.views.iter().skip(1));
        self.agree() && pairs.all(|(a, b)| a.dataflow.spec.as_of == b.dataflow.spec.as_of)
    }

    /// What the shard contains at `ts`, if it is sealed there.
    pub(super) fn contents(
        &self,
        model: &Model,
        shard: &str,
        ts: Timestamp,
    ) -> Result<Evaluated, Undefined> {
        let unknown = || Undefined::ReplicaWrites(shard.to_string());
        let first = self.views.first().ok_or_else(unknown)?;
        if !self.agree() {
            return Err(unknown());
        }
        let as_of = |view: &View| view.dataflow.spec.as_of;
        if ts < as_of(first) {
            // Sealed by an append of nothing.
            let mut nothing = Evaluated::default();
            nothing.horizon.end_at(as_of(first));
            return Ok(nothing);
        }
        // A view that takes over at a later as_of seals the times before it
        // with whatever the shard contained (`spec/replica.md` §7).
        let latest = self.views.iter().map(as_of).max();
        if latest.is_some_and(|latest| ts < latest) {
            return Err(unknown());
        }
        let until = first.dataflow.known_until(first.on);
        if let Some(until) = until.filter(|until| ts >= *until) {
            return Err(Undefined::BeyondUntil { ts, until });
        }
        // Any of them will do; the last is the one whose inputs live.
        let view = self.views.last().ok_or_else(unknown)?;
        let contents = model.object_at(&view.dataflow, view.on, ts)?;
        Ok(without_nulls(contents.as_ref().clone(), &view.not_null))
    }

    /// The furthest upper that the views can have given the shard: beyond their
    /// inputs only the empty append up to as_of reaches.
    pub(super) fn may_seal(&self, model: &Model) -> Antichain {
        self.views
            .iter()
            .map(|view| {
                let as_of = Antichain::from_elem(view.dataflow.spec.as_of);
                model.sealed(&view.dataflow, view.on).join(&as_of)
            })
            .max()
            .unwrap_or_else(Antichain::minimum)
    }

    /// The upper that the shard must get while nothing more is written.
    pub(super) fn must_seal(&self, model: &Model) -> Antichain {
        let writing = self.views.iter().filter(|view| {
            let live = model.session.live(view.id);
            live.is_some_and(|c| c.writes.must() && c.dataflow.uid == view.dataflow.uid)
        });
        writing
            .filter_map(|view| model.must_reach(view.id))
            .max()
            .unwrap_or_else(Antichain::minimum)
    }
}
