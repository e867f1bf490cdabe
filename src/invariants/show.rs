//! How findings show rows and answers: short, with what is missing and what is
//! too much first.
//!
//! Invariant: a text is bounded whatever the size of the answer.

use crate::model::{Expected, Multiset};
use crate::protocol::v26_30::{PeekResponse, RowCollection};

/// How many rows a text lists.
const LISTED: usize = 8;

/// The rows of an answer, summed.
///
/// Errors: what could not be decoded.
pub fn rows_of(collections: &[RowCollection]) -> Result<Multiset, String> {
    let mut rows = Multiset::new();
    for collection in collections {
        for (row, count) in collection.rows().map_err(|e| e.to_string())? {
            rows.add(row, i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    Ok(rows)
}

/// The same of an answer; `None` if it has no rows, or they were not read.
pub fn rows_in(answer: &PeekResponse) -> Option<Result<Multiset, String>> {
    answer.collections().map(rows_of)
}

pub use crate::model::row_text as row;

/// `2 rows: (1, "a"), (2, "b") x 3`.
pub fn rows(rows: &Multiset) -> String {
    if rows.is_empty() {
        return "no rows".to_string();
    }
    let mut listed: Vec<String> = rows
        .iter()
        .take(LISTED)
        .map(|(r, diff)| match diff {
            1 => row(r),
            diff => format!("{} x {diff}", row(r)),
        })
        .collect();
    if rows.len() > LISTED {
        listed.push("…".to_string());
    }
    let noun = if rows.total() == 1 { "row" } else { "rows" };
    format!("{} {noun}: {}", rows.total(), listed.join(", "))
}

/// The end of a sentence about what did not come. A target without a clock says
/// at once that nothing more can come.
pub fn waited(waited_ms: u64) -> String {
    match waited_ms {
        0 => ", and nothing more can come".to_string(),
        ms => format!(" within {ms} ms"),
    }
}

/// What was seen, next to what it differs in.
pub fn difference(observed: &Multiset, expected: &Multiset) -> String {
    let difference = observed.minus(expected);
    let side = |sign: i64| -> Multiset {
        difference
            .iter()
            .filter(|(_, diff)| diff.signum() == sign)
            .map(|(row, diff)| (row.clone(), diff.saturating_abs()))
            .collect()
    };
    let (extra, missing) = (side(1), side(-1));
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing {}", rows(&missing)));
    }
    if !extra.is_empty() {
        parts.push(format!("too many {}", rows(&extra)));
    }
    parts.push(format!("in all {}", rows(observed)));
    parts.join("; ")
}

/// What a read must give.
pub fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Rows(multiset) => rows(multiset),
        Expected::Errors(texts) => format!("the error {texts}"),
        Expected::Either(multiset, texts) => format!("{}, or the error {texts}", rows(multiset)),
        Expected::Undefined(why) => format!("nothing certain ({why})"),
    }
}

/// What a peek was answered.
pub fn answer(response: &PeekResponse) -> String {
    match response {
        PeekResponse::Rows(_) | PeekResponse::Stashed(_) => match rows_in(response) {
            Some(Ok(multiset)) => rows(&multiset),
            Some(Err(text)) => format!("rows that do not decode: {text}"),
            None => "rows in the stash that could not be read".to_string(),
        },
        PeekResponse::Error(text) => format!("the error `{text}`"),
        PeekResponse::Canceled => "canceled".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repr::{Datum, Row};

    fn set(items: &[(i64, i64)]) -> Multiset {
        items
            .iter()
            .map(|(n, diff)| (Row::pack([Datum::Int64(*n)]), *diff))
            .collect()
    }

    #[test]
    fn a_difference_names_what_is_missing_and_what_is_too_much() {
        assert_eq!(
            difference(&set(&[(1, 1), (3, 2)]), &set(&[(1, 2), (2, 1)])),
            "missing 2 rows: (1), (2); too many 2 rows: (3) x 2; in all 3 rows: (1), (3) x 2"
        );
    }

    #[test]
    fn a_long_answer_is_cut() {
        let many: Vec<(i64, i64)> = (0..100).map(|n| (n, 1)).collect();
        let text = rows(&set(&many));
        assert!(
            text.starts_with("100 rows: (0), ") && text.ends_with(", …"),
            "{text}"
        );
        assert_eq!(rows(&set(&[])), "no rows");
        assert_eq!(rows(&set(&[(4, 1)])), "1 row: (4)");
    }
}
