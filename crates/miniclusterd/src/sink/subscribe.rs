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
use crate::compute::{compare_columns, frontier_of};
use crate::errors::DataflowError;
use crate::mutants::SubscribeSeams;
use protocol::merge::ByteSize;
use protocol::v26_30::{
    ColumnOrder, ComputeSinkDesc, SubscribeBatch, SubscribeResponse, UpdateCollection,
};
use repr::{Antichain, Diff, GlobalId, Row, Timestamp};

/// What a subscribe of one worker has told, and is about to tell.
#[derive(Debug)]
pub struct SubscribeState {
    /// The upper of the last batch.
    pub upper: Antichain,
    pub ready: Vec<SubscribeResponse>,
}

/// What one subscribe is asked for.
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
                s.cmp(t)
                    .then_with(|| compare_columns(&self.output, &a.unpack(), &b.unpack()))
                    .then_with(|| a.cmp(b))
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
    builder.build(move |_| {
        let mut rows: Vec<(Row, Timestamp, Diff)> = Vec::new();
        let mut errors: BTreeMap<(Timestamp, DataflowError), Diff> = BTreeMap::new();
        let mut poison: Option<String> = None;
        let mut over = false;
        move |frontiers: &[MutableAntichain<Timestamp>]| {
            oks.for_each(|_, data| {
                rows.extend(data.drain(..).filter(|(_, time, _)| wanted.wants(*time)));
            });
            errs.for_each(|_, data| {
                for (error, time, diff) in data.drain(..) {
                    if wanted.wants(time) {
                        *errors.entry((time, error)).or_default() += diff;
                    }
                }
            });
            let upper = frontiers
                .iter()
                .map(|f| frontier_of(&f.frontier()))
                .min()
                .unwrap_or_default();
            let mut state = told.borrow_mut();
            if over || upper == state.upper || upper < Antichain::from_elem(wanted.as_of) {
                return;
            }
            let (now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut rows)
                .into_iter()
                .partition(|(_, time, _)| !upper.less_equal(*time));
            rows = later;
            let now = wanted.seams.batch(&state.upper, now);
            if poison.is_none() {
                let error = errors
                    .iter()
                    .find(|((time, _), count)| **count != 0 && !upper.less_equal(*time))
                    .map(|((_, error), _)| error.to_string());
                poison = wanted.seams.error(error);
            }
            errors.retain(|(time, _), _| upper.less_equal(*time));
            let updates = match &poison {
                Some(text) => Err(text.clone()),
                None => sized(wanted.collection(now), max_result_size.get()),
            };
            let lower = std::mem::replace(&mut state.upper, upper.clone());
            state.ready.push(SubscribeResponse::Batch(SubscribeBatch {
                lower,
                upper: upper.clone(),
                updates,
            }));
            if wanted.up_to <= upper || upper.is_empty() {
                over = true;
                if !upper.is_empty() {
                    state.upper = Antichain::empty();
                    state.ready.push(SubscribeResponse::Batch(SubscribeBatch {
                        lower: upper,
                        upper: Antichain::empty(),
                        updates: poison.clone().map_or(Ok(Vec::new()), Err),
                    }));
                }
            }
        }
    });
    state
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
