//! What a materialized view writes to its shard, and when.

use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Mutant, Mutants, Seams};
use crate::compute::DataflowHandle;
use crate::errors::DataflowError;
use crate::sink::{MaterializedView, round_up};
use persist::Update;
use protocol::Release;
use protocol::v26_30::RefreshSchedule;
use repr::{Antichain, Timestamp};

/// What holds of every view of a replica.
impl Seams {
    /// Whether a view writes each error once: from 26.39 on it does.
    pub(crate) fn writes_errors_once(self, release: Release) -> bool {
        release.writes_errors_once() && !self.0.is(Mutant::ViewRepeatsErrors)
    }

    /// Whether a row with a NULL where none may be is an error of its view: it is.
    pub(crate) fn tells_nulls(self) -> bool {
        !self.0.is(Mutant::ViewDropsNulls)
    }
}

/// The seams of one view, shared by its writer and its worker.
#[derive(Debug)]
pub struct ViewSeams {
    mutants: Mutants,
    /// What the shard held at the start does not count.
    blind: bool,
    /// The view was dropped, and goes on sealing without reading back.
    dropped: AtomicBool,
}

impl ViewSeams {
    pub(super) fn new(mutants: Mutants, held: bool) -> Self {
        ViewSeams {
            mutants,
            blind: held && mutants.is(Mutant::ViewIgnoresContents),
            dropped: AtomicBool::new(false),
        }
    }

    /// The results that the shard is to hold: all of them.
    pub fn desired(&self, mut updates: Vec<Update>, as_of: Timestamp) -> Vec<Update> {
        if self.mutants.is(Mutant::ViewLosesRetractions) {
            updates.retain(|(_, time, diff)| *diff > 0 || *time <= as_of);
        }
        if self.mutants.is(Mutant::ViewDropsErrors) {
            updates.retain(|(datum, _, _)| datum.is_ok());
        }
        if self.mutants.is(Mutant::ViewGarblesErrors) {
            for (datum, _, _) in &mut updates {
                if let Err(error) = datum {
                    *error = DataflowError::internal("garbled").to_persist();
                }
            }
        }
        updates
    }

    /// When a change at `time` is written: at the next refresh, if there is one.
    pub fn refreshed_at(&self, schedule: &RefreshSchedule, time: Timestamp) -> Option<Timestamp> {
        if self.mutants.is(Mutant::ViewRefreshesAtOnce) {
            return Some(time);
        }
        let late = self.mutants.is(Mutant::ViewMissesLastRefresh);
        round_up(schedule, time.saturating_add(u64::from(late)))
    }

    /// What was read back of the shard: all of it. `first` says whether it is
    /// what the shard held at the start.
    pub fn persisted(&self, updates: Vec<Update>, first: bool) -> Vec<Update> {
        if self.blind && first || self.trusts_itself() && !first {
            return Vec::new();
        }
        updates
    }

    /// What is taken for persisted once a batch was appended: nothing, before it is
    /// read back. `unread` says whether the shard was not read back yet.
    pub fn appended(&self, batch: Vec<Update>, unread: bool) -> Vec<Update> {
        match self.trusts_itself() && !unread {
            true => batch,
            false => Vec::new(),
        }
    }

    fn trusts_itself(&self) -> bool {
        self.mutants.is(Mutant::ViewTrustsOnlyItself)
    }

    /// Whether the shard may be written: once writes are allowed.
    pub fn may_write(&self, allowed: bool) -> bool {
        allowed || self.mutants.is(Mutant::ViewWritesReadOnly)
    }

    /// Whether a batch may be appended at an upper: if the shard was read back
    /// up to there.
    pub fn may_append(&self, read_back: bool) -> bool {
        read_back || self.dropped.load(Ordering::Relaxed)
    }

    /// The batch that is appended: the whole correction.
    pub fn batch(&self, mut correction: Vec<Update>) -> Vec<Update> {
        if self.dropped.load(Ordering::Relaxed) {
            return Vec::new();
        }
        if self.mutants.is(Mutant::ViewClampsMultiplicity) {
            for (_, _, diff) in &mut correction {
                *diff = diff.signum();
            }
        }
        correction
    }

    /// The upper to which a batch seals the shard: how far the results are
    /// complete.
    pub fn sealed_to(&self, complete: &Antichain) -> Antichain {
        if self.mutants.is(Mutant::ViewSealsTooFar) {
            let further = complete.as_option().map(|t| t.saturating_add(1));
            return Antichain::from_option(further);
        }
        complete.clone()
    }
}

/// The views that were dropped beside a living export and go on: none.
pub struct DroppedViews {
    mutants: Mutants,
    living: Vec<(Weak<DataflowHandle>, Rc<MaterializedView>)>,
}

impl DroppedViews {
    pub(super) fn new(mutants: Mutants) -> Self {
        DroppedViews {
            mutants,
            living: Vec::new(),
        }
    }

    /// A view was dropped whose dataflow lives on.
    pub fn dropped(&mut self, view: &Rc<MaterializedView>, dataflow: &Rc<DataflowHandle>) {
        if self.mutants.is(Mutant::ViewSealsAfterDrop) {
            view.seams().dropped.store(true, Ordering::Relaxed);
            self.living.push((Rc::downgrade(dataflow), Rc::clone(view)));
        }
    }

    /// A dataflow was dropped with its last export.
    pub fn ended(&mut self, dataflow: &Rc<DataflowHandle>) {
        let ended = Rc::as_ptr(dataflow);
        self.living.retain(|(of, _)| of.as_ptr() != ended);
    }

    /// Polls those that go on; whether anything was new.
    pub fn poll(&self) -> bool {
        let mut any = false;
        for (_, view) in &self.living {
            any |= view.poll();
        }
        any
    }
}
