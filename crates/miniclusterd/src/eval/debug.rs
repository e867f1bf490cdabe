//! The redacted debug text of datums and rows, as it reaches users inside some
//! errors. Source: `spec/plan.md` §6.4.
//!
//! Invariant: no digit and no letter of a value shows.

use repr::{Datum, Row};

/// A payload's text with digits and letters hidden.
fn hidden(text: String) -> String {
    let mask = |c: char| {
        if c.is_ascii_digit() {
            '#'
        } else if c.is_alphabetic() {
            'X'
        } else {
            c
        }
    };
    format!("<{}>", text.chars().map(mask).collect::<String>())
}

/// `Int64(<#>)`, `String(<"X">)`, `Null`.
pub(super) fn redacted(datum: Datum<'_>) -> String {
    let text = format!("{datum:?}");
    let Some((name, _)) = text.split_once(['(', ' ']) else {
        return text;
    };
    let payload = match datum {
        Datum::String(text) => format!("{text:?}"),
        Datum::List(list) => {
            let parts: Vec<String> = list.iter().map(redacted).collect();
            return format!("List([{}])", parts.join(", "));
        }
        other => other.to_string(),
    };
    format!("{name}({})", hidden(payload))
}

/// `Row{[Int64(<#>), Null]}`.
pub fn redacted_row(row: &Row) -> String {
    let parts: Vec<String> = row.iter().map(redacted).collect();
    format!("Row{{[{}]}}", parts.join(", "))
}
