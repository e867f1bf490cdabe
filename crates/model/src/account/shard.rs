//! Shards: everything that the driver wrote, as (row, time, diff), with since
//! and upper. Source: `spec/persist.md` §1 (pTVCs), `spec/replica.md` §3.2.
//!
//! Invariants: the upper only grows; updates lie below it; contents at times
//! below the upper never change again.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::multiset::Multiset;
use repr::{Diff, RelationDesc, Row, Timestamp};

/// One shard, under the alias that scripts use.
#[derive(Debug, Clone, Default)]
pub struct Shard {
    /// Updates by time, as written.
    updates: BTreeMap<Timestamp, Vec<(Row, Diff)>>,
    /// What its rows are, once some were written.
    desc: Option<RelationDesc>,
    since: Timestamp,
    upper: Timestamp,
}

impl Shard {
    /// Takes note of an append. Everything below `upper` is sealed by it.
    pub fn append(
        &mut self,
        desc: &RelationDesc,
        updates: &[(Row, Timestamp, Diff)],
        upper: Timestamp,
    ) {
        self.desc.get_or_insert_with(|| desc.clone());
        for (row, time, diff) in updates {
            self.updates
                .entry(*time)
                .or_default()
                .push((row.clone(), *diff));
        }
        self.upper = self.upper.max(upper);
    }

    /// Takes note of a since that moved.
    pub fn downgrade_since(&mut self, since: Timestamp) {
        self.since = self.since.max(since);
    }

    /// What its rows are; `None` before the first append.
    pub fn desc(&self) -> Option<&RelationDesc> {
        self.desc.as_ref()
    }

    /// The first time that is not sealed.
    pub fn upper(&self) -> Timestamp {
        self.upper
    }

    /// The first time that can still be read.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// The contents accumulated at `ts`: final iff `ts` is below the upper.
    pub fn contents(&self, ts: Timestamp) -> Multiset {
        self.updates
            .range(..=ts)
            .flat_map(|(_, updates)| updates.iter().cloned())
            .collect()
    }

    /// The first time after `ts` at which something was written.
    pub fn changes_after(&self, ts: Timestamp) -> Option<Timestamp> {
        let later = (Bound::Excluded(ts), Bound::Unbounded);
        self.updates.range(later).next().map(|(time, _)| *time)
    }

    /// The times at which something was written, ascending.
    pub fn times(&self) -> impl Iterator<Item = Timestamp> + '_ {
        self.updates.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repr::{Datum, SqlScalarType};

    #[test]
    fn contents_are_the_sum_of_what_was_written_up_to_then() {
        let row = Row::pack([Datum::Int64(7)]);
        let mut shard = Shard::default();
        let desc = RelationDesc::from_columns([("a", SqlScalarType::Int64, false)]);
        shard.append(&desc, &[(row.clone(), 0, 2)], 1);
        shard.append(&desc, &[], 4);
        shard.append(&desc, &[(row.clone(), 4, -2)], 5);
        assert_eq!(shard.contents(0).count(&row), 2);
        assert_eq!(shard.contents(3).count(&row), 2);
        assert!(shard.contents(4).is_empty());
        assert_eq!(shard.upper(), 5);
        assert_eq!(shard.times().collect::<Vec<_>>(), [0, 4]);
    }
}
