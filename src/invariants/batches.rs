//! The batches of subscribes as checkers look at them, and what they sum up
//! to. Source: `spec/replica.md` §6.
//!
//! Invariant: a sum is taken only over batches without an error; an error
//! poisons a subscribe for good.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::model::Multiset;
use crate::protocol::v26_30::{ComputeResponse, SubscribeBatch, SubscribeResponse};
use crate::repr::{Antichain, Diff, GlobalId, Row, Timestamp};
use crate::script::event::Event;

/// How many times of a batch are compared where the model is not asked, from its
/// first on: a batch to the empty frontier has no last one.
const COMPARED: u64 = 64;

/// A response about a subscribe.
pub fn heard(event: &Event) -> Option<(GlobalId, &SubscribeResponse)> {
    let Event::Response(response) = event else {
        return None;
    };
    match response.as_ref() {
        ComputeResponse::SubscribeResponse(id, said) => Some((*id, said)),
        ComputeResponse::Frontiers(..)
        | ComputeResponse::PeekResponse(..)
        | ComputeResponse::CopyToResponse(..)
        | ComputeResponse::Status(..) => None,
    }
}

/// A batch of a subscribe.
pub fn batch(event: &Event) -> Option<(GlobalId, &SubscribeBatch)> {
    match heard(event)? {
        (id, SubscribeResponse::Batch(batch)) => Some((id, batch)),
        (_, SubscribeResponse::DroppedAt(_)) => None,
    }
}

/// The times in `[lower, upper)` at which what was told is compared with what was
/// told elsewhere: a collection without end is the same at all times after its
/// last change, `last`.
pub fn times(
    lower: &Antichain,
    upper: &Antichain,
    last: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    let first = lower.as_option();
    let end = upper.as_option().unwrap_or(last.saturating_add(2));
    first
        .into_iter()
        .flat_map(move |first| first..end.min(first.saturating_add(COMPARED)))
}

/// The times in `[lower, upper)` at which a collection may be something else than
/// before, by what the model knows of its inputs and by what was told of it.
///
/// Invariant: a time that is left out is like the one before it; there is an end,
/// whatever the collection does.
pub struct Turns<'a> {
    next: Option<Timestamp>,
    upper: &'a Antichain,
    left: usize,
}

impl<'a> Turns<'a> {
    /// So many are looked at.
    const MOST: usize = 1_000;

    pub fn within(lower: &Antichain, upper: &'a Antichain) -> Self {
        Turns {
            next: lower.as_option(),
            upper,
            left: Turns::MOST,
        }
    }

    /// The time to look at; [`Turns::turn`] says which is the next one.
    pub fn at(&mut self) -> Option<Timestamp> {
        let ts = self.next.filter(|ts| !self.upper.less_equal(*ts))?;
        self.left = self.left.checked_sub(1)?;
        Some(ts)
    }

    /// There is something to see at the earliest of these times next.
    pub fn turn(&mut self, times: impl IntoIterator<Item = Option<Timestamp>>) {
        self.next = times.into_iter().flatten().min();
    }

    /// Whether times were left out because they are too many.
    pub fn is_cut(&self) -> bool {
        self.left == 0 && self.next.is_some_and(|ts| !self.upper.less_equal(ts))
    }
}

/// What a collection was told to be, by updates.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    updates: BTreeMap<Timestamp, Vec<(Row, Diff)>>,
}

impl Sum {
    pub fn of(updates: impl IntoIterator<Item = (Row, Timestamp, Diff)>) -> Sum {
        let mut sum = Sum::default();
        sum.add(updates);
        sum
    }

    pub fn add(&mut self, updates: impl IntoIterator<Item = (Row, Timestamp, Diff)>) {
        for (row, time, diff) in updates {
            self.updates.entry(time).or_default().push((row, diff));
        }
    }

    /// The contents at `ts`.
    pub fn at(&self, ts: Timestamp) -> Multiset {
        let mut rows = Multiset::new();
        for (row, diff) in self.updates.range(..=ts).flat_map(|(_, changes)| changes) {
            rows.add(row.clone(), *diff);
        }
        rows
    }

    /// The time of the first change after `ts`.
    pub fn change_after(&self, ts: Timestamp) -> Option<Timestamp> {
        let later = (Bound::Excluded(ts), Bound::Unbounded);
        self.updates.range(later).next().map(|(time, _)| *time)
    }

    /// The time of the last change.
    pub fn last(&self) -> Timestamp {
        self.updates.keys().next_back().copied().unwrap_or(0)
    }
}

/// Every subscribe of a session, summed up.
#[derive(Debug, Default)]
pub struct Sums {
    sums: BTreeMap<GlobalId, Sum>,
}

impl Sums {
    /// Takes note of an event. Gives the sum so far if the event is a batch
    /// with rows that decode.
    pub fn hear<'a>(
        &'a mut self,
        event: &'a Event,
    ) -> Option<(GlobalId, &'a SubscribeBatch, &'a Sum)> {
        if let Event::SessionStarted { .. } = event {
            self.sums.clear();
        }
        let (id, batch) = batch(event)?;
        let collections = batch.updates.as_ref().ok()?;
        let sum = self.sums.entry(id).or_default();
        for collection in collections {
            sum.add(collection.updates().ok()?);
        }
        Some((id, batch, sum))
    }
}
