//! What a worker does with the rows of a peek before it answers: order, thin,
//! measure. Source: `spec/replica.md` §5.4.
//!
//! Invariant: whatever is left out, the first `limit + offset` rows under the
//! order of the finishing are there.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::eval::compare_columns;
use crate::mutants::PeekSeams;
use protocol::merge::ByteSize;
use protocol::v26_30::{ColumnOrder, PeekResponse, RowCollection, RowSetFinishing};
use repr::Row;

/// The bytes that every row counts beside its encoding.
const ROW_HEAD: u64 = 24;
/// Encodings up to this length count nothing beside it.
const INLINE: usize = 23;

/// Collects the rows of one answer.
pub struct Collector<'a> {
    finishing: &'a RowSetFinishing,
    max_result_size: u64,
    seams: PeekSeams,
    /// Beyond so many bytes the rows go into the stash; `None` for never.
    stash_beyond: Option<u64>,
    rows: Vec<(Row, NonZeroUsize)>,
    bytes: u64,
}

/// Why no more rows are wanted.
#[derive(Debug)]
pub enum Full {
    /// This is the answer.
    Answer(PeekResponse),
    /// The rows, from the first one on, go into the stash.
    Stash,
}

/// The order of rows in an answer.
pub fn compare_rows(order_by: &[ColumnOrder], a: &Row, b: &Row) -> Ordering {
    if order_by.is_empty() {
        return a.cmp(b);
    }
    compare_columns(order_by, &a.unpack(), &b.unpack(), || a.cmp(b))
}

/// The memory that a row is said to take.
pub fn row_bytes(row: &Row) -> u64 {
    let encoded = row.bytes().len();
    let spilled = if encoded > INLINE { encoded } else { 0 };
    ROW_HEAD + spilled as u64 + 8
}

impl<'a> Collector<'a> {
    pub fn new(finishing: &'a RowSetFinishing, max_result_size: u64, seams: PeekSeams) -> Self {
        Collector {
            finishing,
            max_result_size,
            seams,
            stash_beyond: None,
            rows: Vec::new(),
            bytes: 0,
        }
    }

    /// Sends what has more bytes than this into the stash.
    pub fn stashing(mut self, beyond: Option<u64>) -> Self {
        self.stash_beyond = beyond;
        self
    }

    /// How many rows are needed at most; None for all.
    fn needed(&self) -> Option<usize> {
        let limit = usize::try_from(self.finishing.limit?).unwrap_or(0);
        Some(limit.saturating_add(self.finishing.offset))
    }

    /// Takes a row.
    pub fn push(&mut self, row: Row, copies: NonZeroUsize) -> ControlFlow<Full> {
        self.bytes += row_bytes(&row);
        if self.stash_beyond.is_some_and(|beyond| self.bytes > beyond) {
            return ControlFlow::Break(Full::Stash);
        }
        if self.bytes > self.max_result_size {
            let limit = ByteSize(self.max_result_size);
            let text = format!("result exceeds max size of {limit}");
            return ControlFlow::Break(Full::Answer(PeekResponse::Error(text)));
        }
        self.rows.push((row, copies));
        let Some(needed) = self.needed() else {
            return ControlFlow::Continue(());
        };
        let ordered = !self.finishing.order_by.is_empty();
        if self.seams.has_enough(ordered, self.rows.len(), needed) {
            self.rows.truncate(needed);
            return ControlFlow::Break(Full::Answer(self.answer()));
        }
        if self.rows.len() >= needed.saturating_mul(2) {
            self.sort();
            for (row, _) in self.rows.drain(needed..) {
                self.bytes = self.bytes.saturating_sub(row_bytes(&row));
            }
        }
        ControlFlow::Continue(())
    }

    fn sort(&mut self) {
        let order_by = &self.finishing.order_by;
        self.rows
            .sort_by(|(a, _), (b, _)| compare_rows(order_by, a, b));
    }

    /// The answer with the rows that were taken.
    pub fn answer(&mut self) -> PeekResponse {
        self.sort();
        let rows = self.seams.in_order(std::mem::take(&mut self.rows));
        PeekResponse::Rows(vec![RowCollection::from_rows(&rows)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::Seams;
    use repr::Datum;

    fn finishing(limit: Option<i64>, offset: usize, desc: Option<bool>) -> RowSetFinishing {
        let order = |desc| ColumnOrder {
            column: 0,
            desc,
            nulls_last: desc,
        };
        RowSetFinishing {
            order_by: desc.into_iter().map(order).collect(),
            limit,
            offset,
            project: vec![0],
        }
    }

    fn collect(finishing: &RowSetFinishing, values: &[i64]) -> Vec<i64> {
        let mut collector = Collector::new(finishing, u64::MAX, Seams::healthy().peek());
        let mut answer = None;
        for v in values {
            let row = Row::pack([Datum::Int64(*v)]);
            match collector.push(row, NonZeroUsize::MIN) {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(Full::Answer(enough)) => {
                    answer = Some(enough);
                    break;
                }
                ControlFlow::Break(Full::Stash) => panic!("no stash was asked for"),
            }
        }
        let PeekResponse::Rows(rows) = answer.unwrap_or_else(|| collector.answer()) else {
            panic!("rows");
        };
        let value = |row: &Row| match row.iter().next() {
            Some(Datum::Int64(v)) => v,
            other => panic!("{other:?}"),
        };
        rows[0]
            .rows()
            .unwrap()
            .iter()
            .map(|(row, _)| value(row))
            .collect()
    }

    #[test]
    fn an_ordered_limit_keeps_the_first_of_all() {
        let values = [5, 1, 9, 7, 3, 8, 2];
        let kept = collect(&finishing(Some(1), 1, Some(true)), &values);
        assert_eq!(kept[..2], [9, 8]);
        let kept = collect(&finishing(Some(2), 0, Some(false)), &values);
        assert_eq!(kept[..2], [1, 2]);
    }

    #[test]
    fn an_unordered_limit_has_enough() {
        assert_eq!(
            collect(&finishing(Some(2), 1, None), &[4, 3, 2, 1, 0, 9]).len(),
            3
        );
        assert_eq!(collect(&finishing(None, 0, None), &[2, 1]), [1, 2]);
        assert_eq!(collect(&finishing(Some(0), 0, None), &[2, 1]).len(), 0);
        assert_eq!(
            collect(&finishing(Some(i64::MAX), usize::MAX, Some(true)), &[1]),
            [1]
        );
    }
}
