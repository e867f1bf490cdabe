//! Subscribes: batches of changes, told to the client. Source:
//! `spec/replica.md` §6.
//!
//! Invariants: the batches of a worker are gapless from `[0]`; a batch holds
//! every update before its upper that was not told before; after an error every
//! batch is that error.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use differential_dataflow::consolidation::consolidate_updates;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::frontier::MutableAntichain;

use super::Desired;
use crate::compute::frontier_of;
use crate::errors::DataflowError;
use crate::eval::compare_columns;
use crate::mutants::SubscribeSeams;
use protocol::merge::ByteSize;
use protocol::v26_30::{
    ColumnOrder, ComputeSinkDesc, SubscribeBatch, SubscribeResponse, UpdateCollection,
};
use repr::{Antichain, Diff, GlobalId, Row, Timestamp};

/// How far a subscribe of one worker has told its batches, and those that are
/// ready.
#[derive(Debug)]
pub struct SubscribeState {
    /// The upper of the last batch.
    pub upper: Antichain,
    pub ready: Vec<SubscribeResponse>,
}

/// The request of one subscribe.
struct Wanted {
    as_of: Timestamp,
    with_snapshot: bool,
    up_to: Antichain,
    output: Vec<ColumnOrder>,
    seams: SubscribeSeams,
}

impl Wanted {
    /// Whether an update belongs into a batch.
    fn wants(&self, time: Timestamp) -> bool {
        let from = if self.with_snapshot {
            self.as_of <= time
        } else {
            self.as_of < time
        };
        from && self.seams.before_up_to(time, &self.up_to)
    }

    /// The updates of a batch in the order in which they are told.
    fn collection(&self, mut updates: Vec<(Row, Timestamp, Diff)>) -> UpdateCollection {
        if self.seams.consolidates() {
            consolidate_updates(&mut updates);
        }
        if self.seams.sorts() {
            updates.sort_by(|(a, s, _), (b, t, _)| {
                s.cmp(t).then_with(|| {
                    compare_columns(&self.output, &a.unpack(), &b.unpack(), || a.cmp(b))
                })
            });
        }
        UpdateCollection::from_updates(&updates)
    }
}

/// Renders a subscribe on one worker.
pub fn subscribe(
    id: GlobalId,
    desired: Desired<'_>,
    sink: &ComputeSinkDesc,
    output: &[ColumnOrder],
    as_of: Timestamp,
    max_result_size: Rc<Cell<u64>>,
    seams: SubscribeSeams,
) -> Rc<RefCell<SubscribeState>> {
    let state = Rc::new(RefCell::new(SubscribeState {
        upper: Antichain::minimum(),
        ready: Vec::new(),
    }));
    let told = Rc::clone(&state);
    let wanted = Wanted {
        as_of,
        with_snapshot: seams.with_snapshot(sink.with_snapshot),
        up_to: sink.up_to.clone(),
        output: output.to_vec(),
        seams,
    };
    let scope = desired.oks.inner.scope();
    let mut builder = OperatorBuilder::new(format!("subscribe {id}"), scope);
    let mut oks = builder.new_input(desired.oks.inner, Pipeline);
    let mut errs = builder.new_input(desired.errs.inner, Pipeline);
    let mut batches = Batches {
        wanted,
        told,
        max_result_size,
        rows: Vec::new(),
        errors: BTreeMap::new(),
        poison: None,
        over: false,
    };
    builder.build(move |_| {
        move |frontiers: &[MutableAntichain<Timestamp>]| {
            oks.for_each(|_, data| batches.take_rows(data));
            errs.for_each(|_, data| batches.take_errors(data));
            let upper = frontiers
                .iter()
                .map(|f| frontier_of(&f.frontier()))
                .min()
                .unwrap_or_default();
            batches.advance(upper);
        }
    });
    state
}

/// The updates that a subscribe has taken and not told yet.
struct Batches {
    wanted: Wanted,
    told: Rc<RefCell<SubscribeState>>,
    max_result_size: Rc<Cell<u64>>,
    rows: Vec<(Row, Timestamp, Diff)>,
    errors: BTreeMap<(Timestamp, DataflowError), Diff>,
    /// The error that all further batches are.
    poison: Option<String>,
    /// The last batch was told.
    over: bool,
}

impl Batches {
    fn take_rows(&mut self, data: &mut Vec<(Row, Timestamp, Diff)>) {
        let wanted = &self.wanted;
        let rows = data.drain(..).filter(|(_, time, _)| wanted.wants(*time));
        self.rows.extend(rows);
    }

    fn take_errors(&mut self, data: &mut Vec<(DataflowError, Timestamp, Diff)>) {
        for (error, time, diff) in data.drain(..) {
            if self.wanted.wants(time) {
                *self.errors.entry((time, error)).or_default() += diff;
            }
        }
    }

    /// Tells the batch up to `upper`, if that is further than the last one.
    fn advance(&mut self, upper: Antichain) {
        let told = Rc::clone(&self.told);
        let mut state = told.borrow_mut();
        let begun = Antichain::from_elem(self.wanted.as_of);
        if self.over || upper == state.upper || upper < begun {
            return;
        }
        let updates = self.batch(&state.upper, &upper);
        let lower = std::mem::replace(&mut state.upper, upper.clone());
        state.ready.push(SubscribeResponse::Batch(SubscribeBatch {
            lower,
            upper: upper.clone(),
            updates,
        }));
        if self.wanted.up_to <= upper || upper.is_empty() {
            self.over = true;
            if !upper.is_empty() {
                state.upper = Antichain::empty();
                state.ready.push(SubscribeResponse::Batch(SubscribeBatch {
                    lower: upper,
                    upper: Antichain::empty(),
                    updates: self.poison.clone().map_or(Ok(Vec::new()), Err),
                }));
            }
        }
    }

    /// The updates between two uppers, or the error that takes their place.
    fn batch(
        &mut self,
        lower: &Antichain,
        upper: &Antichain,
    ) -> Result<Vec<UpdateCollection>, String> {
        let (ready, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.rows)
            .into_iter()
            .partition(|(_, time, _)| !upper.less_equal(*time));
        self.rows = later;
        let ready = self.wanted.seams.batch(lower, ready);
        if self.poison.is_none() {
            let error = self
                .errors
                .iter()
                .find(|((time, _), count)| **count != 0 && !upper.less_equal(*time))
                .map(|((_, error), _)| error.to_string());
            self.poison = self.wanted.seams.error(error);
        }
        self.errors.retain(|(time, _), _| upper.less_equal(*time));
        match &self.poison {
            Some(text) => Err(text.clone()),
            None => sized(self.wanted.collection(ready), self.max_result_size.get()),
        }
    }
}

/// A collection, unless it is too large.
fn sized(updates: UpdateCollection, limit: u64) -> Result<Vec<UpdateCollection>, String> {
    let bytes = updates.rows.bytes.len() + 24 * updates.times.len();
    if bytes as u64 > limit {
        let limit = ByteSize(limit);
        return Err(format!("result exceeds max size of {limit}"));
    }
    Ok(vec![updates])
}
