//! Shards that the replica writes: the targets of materialized views. Source:
//! `spec/replica.md` §7.
//!
//! Invariant: contents are answered only where the contract fixes them: at and
//! after the as_of of the first view, as long as all views of the shard mean
//! the same thing.

use std::sync::Arc;

use super::Model;
use super::answer::Undefined;
use super::dataflow::Dataflow;
use super::eval::Evaluated;
use crate::repr::{Antichain, GlobalId, Timestamp};

/// The views that were created over one shard, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Views {
    views: Vec<View>,
}

#[derive(Debug, Clone)]
struct View {
    id: GlobalId,
    dataflow: Arc<Dataflow>,
    on: GlobalId,
}

impl Views {
    pub(super) fn add(&mut self, id: GlobalId, dataflow: Arc<Dataflow>, on: GlobalId) {
        self.views.push(View { id, dataflow, on });
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
        let same = |view: &View| view.dataflow.is_compatible_with(&first.dataflow);
        if !self.views.iter().all(same) {
            return Err(unknown());
        }
        if ts < first.dataflow.spec.as_of {
            // Sealed by an append of nothing.
            return Ok(Evaluated::default());
        }
        // Any of them will do; the last is the one whose inputs live.
        let view = self.views.last().ok_or_else(unknown)?;
        Ok(model
            .object_at(&view.dataflow, view.on, ts)?
            .as_ref()
            .clone())
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
            live.is_some_and(|c| c.writes_allowed && c.dataflow.uid == view.dataflow.uid)
        });
        writing
            .filter_map(|view| model.must_reach(view.id))
            .max()
            .unwrap_or_else(Antichain::minimum)
    }
}
