//! Rows of answers: one blob, the end of each row in it, multiplicities.
//! Source: `spec/ctp.md` §3.2.
//!
//! Invariant: the wire's redundancy is kept as it came; reading it checks that
//! counts agree and that the blob holds rows, and never panics.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use repr::{Diff, Row, RowError, Timestamp};

/// A collection whose parts do not fit each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowsError {
    #[error("a collection of rows holds {rows} rows but {others} multiplicities or times")]
    Counts { rows: usize, others: usize },
    #[error("row {row} of a collection ends at {end}, outside of its blob")]
    Ends { row: usize, end: usize },
    #[error("row {row} of a collection: {source}")]
    Row { row: usize, source: RowError },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rows {
    pub bytes: bytes::Bytes,
    /// What to subtract from every end: a collection that was cut off another
    /// one keeps the other's ends.
    pub run_start: usize,
    pub run_ends: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowCollection {
    pub rows: Rows,
    pub diffs: Vec<NonZeroUsize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateCollection {
    pub rows: Rows,
    pub times: Vec<Timestamp>,
    pub diffs: Vec<Diff>,
}

impl Rows {
    /// Concatenates rows.
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Rows {
        let mut bytes = Vec::new();
        let mut run_ends = Vec::new();
        for row in rows {
            bytes.extend_from_slice(row.bytes());
            run_ends.push(bytes.len());
        }
        Rows {
            bytes: bytes.into(),
            run_start: 0,
            run_ends,
        }
    }

    /// The rows, checked.
    pub fn rows(&self) -> Result<Vec<Row>, RowsError> {
        let mut start = 0;
        let mut rows = Vec::new();
        for (at, end) in self.run_ends.iter().enumerate() {
            let outside = || RowsError::Ends { row: at, end: *end };
            let end = end.checked_sub(self.run_start).ok_or_else(outside)?;
            let bytes = self.bytes.get(start..end).ok_or_else(outside)?;
            let row = Row::from_bytes(bytes.to_vec())
                .map_err(|source| RowsError::Row { row: at, source })?;
            rows.push(row);
            start = end;
        }
        Ok(rows)
    }

    fn expect_count(&self, others: usize) -> Result<(), RowsError> {
        let rows = self.run_ends.len();
        if rows == others {
            Ok(())
        } else {
            Err(RowsError::Counts { rows, others })
        }
    }
}

impl RowCollection {
    pub fn from_rows(rows: &[(Row, NonZeroUsize)]) -> RowCollection {
        RowCollection {
            rows: Rows::from_rows(rows.iter().map(|(row, _)| row)),
            diffs: rows.iter().map(|(_, count)| *count).collect(),
        }
    }

    /// Each row and how often it counts.
    pub fn rows(&self) -> Result<Vec<(Row, usize)>, RowsError> {
        self.rows.expect_count(self.diffs.len())?;
        let counts = self.diffs.iter().map(|count| count.get());
        Ok(self.rows.rows()?.into_iter().zip(counts).collect())
    }
}

impl UpdateCollection {
    pub fn from_updates(updates: &[(Row, Timestamp, Diff)]) -> UpdateCollection {
        UpdateCollection {
            rows: Rows::from_rows(updates.iter().map(|(row, _, _)| row)),
            times: updates.iter().map(|(_, time, _)| *time).collect(),
            diffs: updates.iter().map(|(_, _, diff)| *diff).collect(),
        }
    }

    pub fn updates(&self) -> Result<Vec<(Row, Timestamp, Diff)>, RowsError> {
        self.rows.expect_count(self.times.len())?;
        self.rows.expect_count(self.diffs.len())?;
        let changes = self.times.iter().zip(&self.diffs);
        let rows = self.rows.rows()?.into_iter().zip(changes);
        Ok(rows
            .map(|(row, (time, diff))| (row, *time, *diff))
            .collect())
    }
}
