//! What the model answers: exact rows, a set of possible errors, or that the
//! question has no answer. Source: `spec/replica.md` §5.2, §5.3, §9, §16.
//!
//! Invariant: an answer is only ever as strict as the contract; where the
//! contract leaves a choice, `matches_error` accepts every side of it.

use std::collections::BTreeSet;
use std::fmt;

use super::decimal::Decimal;
use super::multiset::Multiset;
use repr::{Antichain, GlobalId, Row, Timestamp};

/// What a read must give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Exactly these rows.
    Rows(Multiset),
    /// An error: one of these texts.
    Errors(ErrorTexts),
    /// These rows, or one of these errors: the contract allows both, because
    /// the order of evaluation is the replica's (`spec/replica.md` §16.2).
    Either(Multiset, ErrorTexts),
    /// The question has no answer that the contract fixes.
    Undefined(Undefined),
}

impl Expected {
    /// The same, or one of these errors.
    pub(super) fn or_error(self, other: ErrorTexts) -> Expected {
        match self {
            Expected::Rows(rows) => Expected::Either(rows, other),
            Expected::Either(rows, mut errors) => {
                errors.extend(other);
                Expected::Either(rows, errors)
            }
            Expected::Errors(mut errors) => {
                errors.extend(other);
                Expected::Errors(errors)
            }
            Expected::Undefined(undefined) => Expected::Undefined(undefined),
        }
    }
}

/// How the replica's complaint about a negative row begins.
pub(super) const NEGATIVE_ROW: &str = "Invalid data in source, saw retractions (";

/// How its complaint about an error with a negative count begins.
pub(super) const NEGATIVE_ERROR: &str = "Invalid data in source errors, saw retractions (";

/// Texts of which an error answer must be one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorTexts {
    /// Whole texts.
    pub exact: BTreeSet<String>,
    /// Beginnings of texts whose rest depends on workers or on redaction.
    pub prefixes: BTreeSet<String>,
}

impl ErrorTexts {
    /// One whole text.
    pub fn exact(text: impl Into<String>) -> Self {
        ErrorTexts {
            exact: [text.into()].into(),
            prefixes: BTreeSet::new(),
        }
    }

    /// One beginning of a text.
    pub fn prefix(text: impl Into<String>) -> Self {
        ErrorTexts {
            exact: BTreeSet::new(),
            prefixes: [text.into()].into(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    /// Whether it is one whole text, so that nothing is left to choose.
    pub fn is_one(&self) -> bool {
        let is_fixed = |text: &String| {
            let told = told_decimal(text);
            told.is_none_or(|(_, number, _)| number.clone().reduced() == number)
        };
        self.exact.len() == 1 && self.prefixes.is_empty() && self.exact.iter().all(is_fixed)
    }

    /// Whether it is about a row with a negative count, perhaps among others.
    pub fn is_negative_row(&self) -> bool {
        self.prefixes.contains(NEGATIVE_ROW)
    }

    /// Adds the texts of `other`.
    pub fn extend(&mut self, other: ErrorTexts) {
        self.exact.extend(other.exact);
        self.prefixes.extend(other.prefixes);
    }

    /// Whether `text` is one of these.
    pub fn matches(&self, text: &str) -> bool {
        self.exact.contains(text)
            || self.prefixes.iter().any(|p| text.starts_with(p.as_str()))
            || self
                .exact
                .iter()
                .any(|known| tells_equal_decimals(known, text))
    }
}

/// A decimal that an error tells, in quotes, because it is out of range; with the text
/// before and behind it.
fn told_decimal(text: &str) -> Option<(&str, Decimal, &str)> {
    let (before, rest) = text.split_once('"')?;
    let (number, behind) = rest.split_once('"')?;
    let number = Decimal::from_scientific(number)?;
    behind
        .ends_with(" out of range")
        .then_some((before, number, behind))
}

/// Whether two errors tell the same but for zeros at the end of a decimal, which it
/// loses in a row (`spec/plan.md` §6.2): whether a replica puts it into one on the way,
/// because two blocks share it, is the planner's choice.
fn tells_equal_decimals(a: &str, b: &str) -> bool {
    let reduced = |text| {
        let (before, number, behind) = told_decimal(text)?;
        Some((before, number.reduced(), behind))
    };
    reduced(a).is_some_and(|told| Some(told) == reduced(b))
}

impl fmt::Display for ErrorTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.exact.iter().map(|t| format!("`{t}`"));
        let prefixes = self.prefixes.iter().map(|t| format!("`{t}…`"));
        let all: Vec<String> = exact.chain(prefixes).collect();
        write!(f, "{}", all.join(" or "))
    }
}

/// A row as error texts show it: `(1, "a")`.
pub fn row_text(row: &Row) -> String {
    let datums: Vec<String> = row.iter().map(|datum| datum.to_string()).collect();
    format!("({})", datums.join(", "))
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undefined {
    /// No collection of the current session has this id.
    Unknown(GlobalId),
    /// The collection was dropped.
    Dropped(GlobalId),
    /// The collection has no arrangement to peek.
    NotAnIndex(GlobalId),
    /// The time was compacted away, or lies before the as_of.
    BeforeSince { ts: Timestamp, since: Antichain },
    /// The time may still change.
    NotSealed { ts: Timestamp, upper: Timestamp },
    /// Updates at the time were dropped because of `until`.
    BeyondUntil { ts: Timestamp, until: Timestamp },
    /// The peek's columns are not the collection's.
    Arity { peek: usize, collection: usize },
    /// The replica writes this shard itself.
    ReplicaWrites(String),
    /// A multiplicity does not fit into 64 bits: what a replica does then follows
    /// its overflow mode, and means nothing.
    Overflow,
    /// It is never computed: a recursion that does not settle.
    Endless(String),
    /// The model does not evaluate this.
    Unsupported(String),
}

impl Undefined {
    /// Whether the question is a sound one, of which only the model does not know the
    /// answer; of the others the contract says nothing.
    pub fn is_sound(&self) -> bool {
        match self {
            Undefined::Overflow
            | Undefined::Endless(_)
            | Undefined::Unsupported(_)
            | Undefined::ReplicaWrites(_) => true,
            Undefined::Unknown(_)
            | Undefined::Dropped(_)
            | Undefined::NotAnIndex(_)
            | Undefined::BeforeSince { .. }
            | Undefined::NotSealed { .. }
            | Undefined::BeyondUntil { .. }
            | Undefined::Arity { .. } => false,
        }
    }
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undefined::Unknown(id) => write!(f, "there is no collection {id}"),
            Undefined::Dropped(id) => write!(f, "{id} was dropped"),
            Undefined::NotAnIndex(id) => write!(f, "{id} is no index"),
            Undefined::BeforeSince { ts, since } => write!(f, "{ts} is before the since {since}"),
            Undefined::NotSealed { ts, upper } => {
                write!(f, "{ts} is not sealed, its inputs stand at {upper}")
            }
            Undefined::BeyondUntil { ts, until } => write!(f, "{ts} is not before until {until}"),
            Undefined::Arity { peek, collection } => {
                write!(
                    f,
                    "the peek has {peek} columns, the collection {collection}"
                )
            }
            Undefined::ReplicaWrites(shard) => write!(f, "the replica writes shard `{shard}`"),
            Undefined::Overflow => write!(f, "a multiplicity is beyond 64 bits"),
            Undefined::Endless(what) => write!(f, "{what} never ends"),
            Undefined::Unsupported(what) => write!(f, "the model does not evaluate {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zeros_at_the_end_of_a_decimal_are_not_told_for_certain() {
        let error =
            |number: &str| format!("Evaluation error: \"{number}\" mz_timestamp out of range");
        let texts = ErrorTexts::exact(error("-150.0"));
        assert!(texts.matches(&error("-1.5E+2")) && texts.matches(&error("-150")));
        assert!(!texts.is_one());
        for other in ["150", "-15", "-1.5E+3", "-150.1", "x"] {
            assert!(!texts.matches(&error(other)), "{other}");
        }
        assert!(ErrorTexts::exact(error("-1.5")).is_one());
        assert!(!texts.matches("\"-150\" is no number"));
        assert!(ErrorTexts::exact(error("-1000000")).matches(&error("-1E+6")));
    }

    #[test]
    fn an_error_matches_its_whole_text_or_a_known_beginning() {
        let mut texts = ErrorTexts::exact("Evaluation error: division by zero");
        texts.extend(ErrorTexts::prefix("Invalid data in source"));
        assert!(texts.matches("Evaluation error: division by zero"));
        assert!(texts.matches("Invalid data in source, saw retractions (1) for row"));
        assert!(!texts.matches("division by zero"));
        assert_eq!(
            texts.to_string(),
            "`Evaluation error: division by zero` or `Invalid data in source…`"
        );
    }
}
