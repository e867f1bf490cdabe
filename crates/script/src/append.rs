//! What a write of a script appends. Source: `spec/script.md` §2.4.
//!
//! Invariant: a write is one append at the times that the script says, with
//! exactly the lower that these times imply.

use super::command::Command;
use super::data;
use super::error::CommandError;
use repr::{Diff, RelationDesc, Row, Timestamp};

/// The updates of one write, all in `[lower, upper)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub updates: Vec<(Row, Timestamp, Diff)>,
    pub lower: Timestamp,
    pub upper: Timestamp,
    /// The size at which a part is cut; `None` leaves it to the writer.
    pub part_bytes: Option<u64>,
}

impl Append {
    /// What `command`, a write with the schema `desc`, appends.
    ///
    /// Errors: the messages of golden blocks.
    pub fn of(command: &Command, desc: &RelationDesc) -> Result<Append, CommandError> {
        match command {
            Command::WriteSingleTs {
                ts,
                count,
                start,
                row_bytes,
                ..
            } => {
                let rows = synthetic(desc, *start, *count, *row_bytes)?;
                Append::at(*ts, rows.into_iter().map(|row| (row, 1)))
            }
            Command::WriteSpread {
                count,
                n_ts,
                start,
                row_bytes,
                ..
            } => {
                if *n_ts == 0 {
                    return Err(CommandError::NoTimes);
                }
                let rows = synthetic(desc, *start, *count, *row_bytes)?;
                let times = (0..*n_ts).cycle();
                Ok(Append {
                    updates: rows
                        .into_iter()
                        .zip(times)
                        .map(|(row, ts)| (row, ts, 1))
                        .collect(),
                    lower: 0,
                    upper: *n_ts,
                    part_bytes: None,
                })
            }
            Command::WriteRows {
                ts,
                rows,
                part_bytes,
                ..
            } => Ok(Append {
                part_bytes: *part_bytes,
                ..Append::at(*ts, data::rows(desc, rows)?)?
            }),
            other => Err(CommandError::NotAWrite(other.verb())),
        }
    }

    /// All rows at `ts`, in `[ts, ts + 1)`.
    fn at(
        ts: Timestamp,
        rows: impl IntoIterator<Item = (Row, Diff)>,
    ) -> Result<Append, CommandError> {
        let upper = ts.checked_add(1).ok_or(CommandError::NoLaterTime(ts))?;
        Ok(Append {
            updates: rows
                .into_iter()
                .map(|(row, diff)| (row, ts, diff))
                .collect(),
            lower: ts,
            upper,
            part_bytes: None,
        })
    }
}

fn synthetic(
    desc: &RelationDesc,
    start: u64,
    count: u64,
    row_bytes: usize,
) -> Result<Vec<Row>, CommandError> {
    let end = start
        .checked_add(count)
        .ok_or(CommandError::RowNumbers { start, count })?;
    (start..end)
        .map(|i| Ok(data::synthetic_row(desc, i, row_bytes)?))
        .collect()
}
