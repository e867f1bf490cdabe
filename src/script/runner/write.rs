//! The three writes of a script. Source: `spec/script.md` §2.4.
//!
//! Invariant: a write is one append at the times that the script says, with
//! exactly the lower that these times imply; nothing is written on any error.

use super::Runner;
use crate::repr::{Antichain, Diff, RelationDesc, Row, Timestamp};
use crate::script::command::Command;
use crate::script::data;
use crate::script::output::Output;
use crate::script::trace::Event;

/// The updates of one write, and the bounds of its append.
struct Append {
    updates: Vec<(Row, Timestamp, Diff)>,
    lower: Timestamp,
    upper: Timestamp,
}

impl Append {
    /// All rows at `ts`, in `[ts, ts + 1)`.
    fn at(ts: Timestamp, rows: impl IntoIterator<Item = (Row, Diff)>) -> Result<Append, String> {
        let upper = ts.checked_add(1).ok_or_else(|| {
            format!("cannot write at {ts}: there is no later time to seal it with")
        })?;
        Ok(Append {
            updates: rows
                .into_iter()
                .map(|(row, diff)| (row, ts, diff))
                .collect(),
            lower: ts,
            upper,
        })
    }
}

impl Runner<'_> {
    /// Executes a write.
    pub(super) fn write(&mut self, command: &Command) -> Result<Output, String> {
        let (shard, schema) = match command {
            Command::WriteSingleTs { shard, schema, .. }
            | Command::WriteSpread { shard, schema, .. }
            | Command::WriteRows { shard, schema, .. } => (shard, schema.as_deref()),
            other => return Err(format!("`{}` is not a write", other.verb())),
        };
        let desc = self.schemas.get(schema)?;
        let typed = match command {
            Command::WriteRows { rows, .. } => data::rows(&desc, rows)?,
            _ => Vec::new(),
        };
        let id = self.shard(shard);
        let append = match command {
            Command::WriteSingleTs {
                ts,
                count,
                start,
                row_bytes,
                ..
            } => {
                let rows = synthetic(&desc, *start, *count, *row_bytes)?;
                Append::at(*ts, rows.into_iter().map(|row| (row, 1)))?
            }
            Command::WriteSpread {
                count,
                n_ts,
                start,
                row_bytes,
                ..
            } => {
                if *n_ts == 0 {
                    return Err("n_ts must be positive".to_string());
                }
                let rows = synthetic(&desc, *start, *count, *row_bytes)?;
                let times = (0..*n_ts).cycle();
                Append {
                    updates: rows
                        .into_iter()
                        .zip(times)
                        .map(|(row, ts)| (row, ts, 1))
                        .collect(),
                    lower: 0,
                    upper: *n_ts,
                }
            }
            Command::WriteRows { ts, .. } => Append::at(*ts, typed)?,
            other => return Err(format!("`{}` is not a write", other.verb())),
        };
        let rows = append.updates.len() as u64;
        self.driver.host_mut().append(
            id,
            &desc,
            &append.updates,
            Antichain::from_elem(append.lower),
            Antichain::from_elem(append.upper),
        )?;
        self.emit(Event::ShardWritten {
            shard: shard.clone(),
            desc,
            updates: append.updates,
            upper: append.upper,
        });
        Ok(Output::Wrote { rows })
    }
}

fn synthetic(
    desc: &RelationDesc,
    start: u64,
    count: u64,
    row_bytes: usize,
) -> Result<Vec<Row>, String> {
    let end = start
        .checked_add(count)
        .ok_or_else(|| format!("row numbers {start} + {count} are too large"))?;
    (start..end)
        .map(|i| data::synthetic_row(desc, i, row_bytes))
        .collect()
}
