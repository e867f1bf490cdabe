//! How the answer of a command follows from what its steps brought. Source:
//! `spec/script.md` §2.6, §2.7.
//!
//! Invariant: an answer depends on what the replica answered and on the command
//! alone, so that the golden block of a model and of a run are made alike.

use thiserror::Error;
use uuid::Uuid;

use crate::output::{Output, finished_lines};
use crate::selection::Finish;
use repr::{GlobalId, Row, Timestamp};

/// What a command answers after its last step.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Ok,
    Wrote {
        rows: u64,
    },
    /// Whether the wait ran out, which it may.
    Awaited,
    /// What the rows of a peek become.
    Peek {
        uuid: Uuid,
        shown: Shown,
    },
    /// What a subscribe told since it was last asked.
    Updates {
        id: GlobalId,
    },
    /// The answer of a cancelled peek, which may be any.
    Canceled {
        uuid: Uuid,
    },
    /// The steps, or this answer, must fail.
    Fails(Box<Answer>),
    /// The failure that was expected was found before any step.
    Caught(String),
}

/// What a command shows of the rows of a peek.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// The rows, as the client finishes them.
    Rows(Finish),
    /// How many there are; another number than `expected` is an error.
    Count {
        ts: Timestamp,
        expected: Option<u64>,
    },
    /// The one value in the one row; no row counts as zero.
    CountRow,
}

/// Rows of which the command cannot make anything.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswerError {
    #[error("expected {expected} rows at ts {ts}, got {actual}")]
    OtherCount {
        expected: u64,
        ts: Timestamp,
        actual: u64,
    },
    #[error("the count is no integer: {0}")]
    CountIsNoInteger(String),
    #[error("count reduce returned {0} rows, expected 0 or 1")]
    SeveralCounts(usize),
}

impl Answer {
    /// Whether the command is one that must fail.
    pub fn is_expected_to_fail(&self) -> bool {
        match self {
            Answer::Fails(_) | Answer::Caught(_) => true,
            Answer::Ok
            | Answer::Wrote { .. }
            | Answer::Awaited
            | Answer::Peek { .. }
            | Answer::Updates { .. }
            | Answer::Canceled { .. } => false,
        }
    }
}

impl Shown {
    /// What is shown of these rows, each with its multiplicity.
    ///
    /// Errors: a count that is not the expected one; rows that are no count.
    pub fn of(&self, rows: Vec<(Row, usize)>) -> Result<Output, AnswerError> {
        match self {
            Shown::Rows(finish) => Ok(Output::Lines(finished_lines(rows, finish))),
            Shown::Count { ts, expected } => {
                let actual = rows.iter().map(|(_, count)| *count as u64).sum();
                match expected {
                    Some(expected) if *expected != actual => Err(AnswerError::OtherCount {
                        expected: *expected,
                        ts: *ts,
                        actual,
                    }),
                    Some(_) | None => Ok(Output::Count { count: actual }),
                }
            }
            Shown::CountRow => match rows.as_slice() {
                [] => Ok(Output::Count { count: 0 }),
                [(row, 1)] => {
                    let value = row.iter().next().map(|datum| datum.to_string());
                    let value = value.unwrap_or_default();
                    let count = value.parse();
                    let count = count.map_err(|_| AnswerError::CountIsNoInteger(value))?;
                    Ok(Output::Count { count })
                }
                several => {
                    let rows = several.iter().map(|(_, count)| *count).sum();
                    Err(AnswerError::SeveralCounts(rows))
                }
            },
        }
    }
}
