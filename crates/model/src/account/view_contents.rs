//! What the shard of materialized views contains, and how far it is sealed. Source:
//! `spec/replica.md` §7.
//!
//! Invariant: contents are answered only where the contract fixes them: as long
//! as all views of the shard mean the same thing, and not in the hole that a
//! later view with a later as_of may have left.

use std::collections::BTreeMap;

use super::view::{View, Views};
use super::{Model, refresh};
use crate::answer::Undefined;
use crate::eval::{Evaluated, Horizon};
use protocol::v26_30::EvalError;
use repr::{Antichain, Diff, GlobalId, Row, Timestamp};

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

impl View {
    /// The write frontier that it must get while it lives.
    fn owed(&self, model: &Model) -> Option<Antichain> {
        let owed = model.must_reach(self.id)?;
        Some(match owed == Antichain::minimum() {
            // Nothing is owed, not even the first refresh.
            true => owed,
            false => self.seals(owed),
        })
    }
}

impl Views {
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
        if first.begins().is_none_or(|begins| ts < begins) {
            // Sealed by an append of nothing.
            let mut nothing = Evaluated::default();
            if let Some(begins) = first.begins() {
                nothing.horizon.end_at(begins);
            }
            return Ok(nothing);
        }
        // A view that takes over at a later as_of seals the times before it
        // with whatever the shard contained (`spec/replica.md` §7).
        let begins = |view: &View| view.begins().is_some_and(|begins| begins <= ts);
        if !self.views.iter().all(begins) {
            return Err(unknown());
        }
        let shown_at = first.shown_at(ts);
        let until = first.dataflow.known_until(first.on);
        if let Some(until) = until.filter(|until| shown_at >= *until) {
            return Err(Undefined::BeyondUntil { ts, until });
        }
        // Any of them will do; the last is the one whose inputs live.
        let view = self.views.last().ok_or_else(unknown)?;
        let contents = model.object_at(&view.dataflow, view.on, shown_at)?;
        let mut shown = without_nulls(contents.as_ref().clone(), &view.not_null);
        if let Some(refresh) = &view.refresh {
            let changes = shown.horizon.next();
            shown.horizon = Horizon::default();
            if let Some(ts) = changes.and_then(|ts| refresh::next(refresh, ts)) {
                shown.horizon.end_at(ts);
            }
        }
        Ok(shown)
    }

    /// The furthest upper that the views can have given the shard: beyond their
    /// inputs only the empty append up to as_of reaches, and the next refresh.
    pub(super) fn may_seal(&self, model: &Model) -> Antichain {
        self.views
            .iter()
            .map(|view| {
                let as_of = Antichain::from_elem(view.as_of());
                let sealed = model.sealed(&view.dataflow, view.on);
                view.seals(sealed).join(&as_of)
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
            .filter_map(|view| view.owed(model))
            .max()
            .unwrap_or_else(Antichain::minimum)
    }

    /// The write frontier that a live view of the shard must get.
    pub(super) fn owed(&self, model: &Model, id: GlobalId) -> Option<Antichain> {
        self.views.iter().rfind(|view| view.id == id)?.owed(model)
    }
}
