//! What a command answers, in both forms. Source: `spec/script.md` §2.1, §2.6,
//! §2.7, §5.
//!
//! Invariant: rows are shown in a canonical order (sorted lines), so that the
//! same contents give the same block whatever the replica's workers did.

use std::collections::BTreeMap;

use serde_json::json;

use super::selection::Finish;
use repr::{Datum, Diff, Row, Timestamp};

/// The answer of a command that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Ok,
    Wrote {
        rows: u64,
    },
    Count {
        count: u64,
    },
    /// A wait that was allowed to run out.
    Awaited {
        timed_out: bool,
    },
    /// Rows of a peek, updates of a subscribe: lines, already sorted.
    Lines(Vec<String>),
    /// The answer of a cancelled peek: rows, an error or `Canceled`, all legal.
    Answered,
    CaughtError {
        message: String,
    },
}

impl Output {
    /// The expected block of the text form.
    pub fn text(&self) -> String {
        match self {
            Output::Ok => "ok".to_string(),
            Output::Wrote { rows } => format!("wrote {rows}"),
            Output::Count { count } => count.to_string(),
            Output::Awaited { timed_out: _ } => "awaited".to_string(),
            Output::Lines(lines) => lines.join("\n"),
            Output::Answered => "answered".to_string(),
            Output::CaughtError { message } => format!("caught error: {message}"),
        }
    }

    /// The response line of the JSON form.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Output::Ok | Output::Answered | Output::Awaited { timed_out: false } => {
                json!({"status": "ok"})
            }
            Output::Wrote { rows } => json!({"status": "wrote", "rows": rows}),
            Output::Count { count } => json!({"status": "count", "count": count}),
            Output::Awaited { timed_out: true } => json!({"status": "timeout"}),
            Output::Lines(lines) => json!({"status": "rows", "rows": lines}),
            Output::CaughtError { message } => {
                json!({"status": "caught_error", "message": message})
            }
        }
    }

    /// The text that names this answer where a failure was expected.
    pub fn debug_name(&self) -> String {
        match self {
            Output::Ok | Output::Answered | Output::Awaited { timed_out: false } => "Ok".into(),
            Output::Wrote { rows } => format!("Wrote {{ rows: {rows} }}"),
            Output::Count { count } => format!("Count {{ count: {count} }}"),
            Output::Awaited { timed_out: true } => "Timeout".into(),
            Output::Lines(lines) => format!("Rows {{ rows: {lines:?} }}"),
            Output::CaughtError { message } => format!("CaughtError {{ message: {message:?} }}"),
        }
    }
}

/// The lines of a peek's answer: each row as often as it counts.
pub fn row_lines(rows: impl IntoIterator<Item = (Row, usize)>) -> Vec<String> {
    let mut lines: Vec<String> = rows
        .into_iter()
        .flat_map(|(row, count)| std::iter::repeat_n(row_text(&row), count))
        .collect();
    lines.sort_unstable();
    lines
}

/// The lines of a peek as the client finishes it: in its order, if it has one.
pub fn finished_lines(rows: Vec<(Row, usize)>, finish: &Finish) -> Vec<String> {
    let rows = finish.client(rows);
    match finish.order_by.is_empty() {
        true => row_lines(rows),
        false => rows
            .iter()
            .flat_map(|(row, count)| std::iter::repeat_n(row_text(row), *count))
            .collect(),
    }
}

/// The lines of a subscribe: updates summed by time and row.
pub fn update_lines(updates: impl IntoIterator<Item = (Row, Timestamp, Diff)>) -> Vec<String> {
    let mut sums: BTreeMap<(Timestamp, Row), Diff> = BTreeMap::new();
    for (row, time, diff) in updates {
        *sums.entry((time, row)).or_default() += diff;
    }
    let mut lines: Vec<String> = sums
        .into_iter()
        .filter(|(_, diff)| *diff != 0)
        .map(|((time, row), diff)| format!("{time} {diff} {}", row_text(&row)))
        .collect();
    lines.sort_unstable();
    lines
}

/// The datums of a row, separated by blanks.
pub fn row_text(row: &Row) -> String {
    let datums: Vec<String> = row
        .iter()
        .map(|datum: Datum<'_>| datum.to_string())
        .collect();
    datums.join(" ")
}
