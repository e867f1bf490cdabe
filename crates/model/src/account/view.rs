//! Shards that the replica writes: the targets of materialized views. Source:
//! `spec/replica.md` §7.
//!
//! Invariant: the views of a shard are never forgotten: what one of them wrote stays
//! when it is gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dataflow::Dataflow;
use super::refresh;
use repr::{Antichain, GlobalId, RelationDesc, Timestamp};
use script::Refresh;
use script::event::DataflowSpec;

/// The views that were created over one shard, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Views {
    pub(super) views: Vec<View>,
    /// Something was dropped from under one of them.
    spoiled: bool,
    /// One of them was allowed to write at some time.
    allowed: bool,
}

/// A materialized view, as it was created.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub id: GlobalId,
    pub dataflow: Arc<Dataflow>,
    pub on: GlobalId,
    pub not_null: BTreeMap<usize, String>,
    pub refresh: Option<Refresh>,
}

impl View {
    pub(super) fn as_of(&self) -> Timestamp {
        self.dataflow.spec.as_of
    }

    /// The first time at which the shard holds what the view has at its as_of; `None`
    /// of one that is never refreshed again.
    pub(super) fn begins(&self) -> Option<Timestamp> {
        match &self.refresh {
            None => Some(self.as_of()),
            Some(refresh) => refresh::next(refresh, self.as_of()),
        }
    }

    /// The time whose contents the shard has at `ts`, which is not before the
    /// beginning.
    pub(super) fn shown_at(&self, ts: Timestamp) -> Timestamp {
        let last = self.refresh.as_ref().and_then(|r| refresh::last(r, ts));
        last.unwrap_or(ts)
    }

    /// How far what is sealed to `frontier` seals the shard.
    pub(super) fn seals(&self, frontier: Antichain) -> Antichain {
        refresh::sealed(self.refresh.as_ref(), frontier)
    }
}

/// The columns in which a view has no NULL, with their names.
pub(super) fn asserted(desc: &RelationDesc, not_null: &[usize]) -> BTreeMap<usize, String> {
    let named = |column: &usize| {
        let (name, _) = desc.columns().nth(*column)?;
        Some((*column, name.to_string()))
    };
    not_null.iter().filter_map(named).collect()
}

impl Views {
    pub(super) fn add(&mut self, view: View) {
        self.views.push(view);
    }

    /// The dataflows of the views.
    pub(super) fn dataflows(&self) -> impl Iterator<Item = &DataflowSpec> {
        self.views.iter().map(|view| &*view.dataflow.spec)
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
    pub(super) fn agree(&self) -> bool {
        let mut pairs = self.views.iter().zip(self.views.iter().skip(1));
        let same = |a: &View, b: &View| {
            let same_rows = a.dataflow.means_the_same(&b.dataflow) && a.not_null == b.not_null;
            same_rows && a.refresh == b.refresh
        };
        !self.spoiled && pairs.all(|(a, b)| same(a, b))
    }

    /// Whether the shard means one thing at all times from one as_of on.
    pub(super) fn mean_one_thing(&self) -> bool {
        let mut pairs = self.views.iter().zip(self.views.iter().skip(1));
        self.agree() && pairs.all(|(a, b)| a.as_of() == b.as_of())
    }
}
