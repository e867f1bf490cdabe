//! What must be true of a fact: a word, a flag, a number or a bound of one.

use std::collections::BTreeSet;

use serde::Deserialize;

/// Something that is so at a place of a script.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fact {
    Flag(bool),
    Number(i128),
    /// One word, or several of which each is so.
    Words(BTreeSet<String>),
}

/// What kind of fact a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FactKind {
    Flag,
    Number,
    Words,
}

/// What an entry of `when` says of one fact.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Condition {
    Flag(bool),
    Number(i64),
    /// A word, or `>= N` or `<= N`.
    Text(String),
    /// All of these words.
    Words(Vec<String>),
}

/// A bound, for numbers that a TOML integer does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtLeast(i128),
    AtMost(i128),
}

impl Condition {
    pub fn holds(&self, fact: Option<&Fact>) -> bool {
        match (self, fact) {
            (Condition::Flag(wanted), Some(Fact::Flag(flag))) => wanted == flag,
            (Condition::Number(wanted), Some(Fact::Number(n))) => i128::from(*wanted) == *n,
            (Condition::Text(text), Some(Fact::Number(n))) => match bound(text) {
                Some(Bound::AtLeast(least)) => *n >= least,
                Some(Bound::AtMost(most)) => *n <= most,
                None => false,
            },
            (Condition::Text(word), Some(Fact::Words(words))) => words.contains(word),
            (Condition::Words(wanted), Some(Fact::Words(words))) => {
                wanted.iter().all(|word| words.contains(word))
            }
            // A fact that is not so of this place.
            (_, None) => false,
            // Refused when the file was read.
            (_, Some(Fact::Flag(_) | Fact::Number(_) | Fact::Words(_))) => false,
        }
    }

    /// Whether it says something about facts of this kind.
    pub fn fits(&self, kind: FactKind) -> bool {
        match (self, kind) {
            (Condition::Flag(_), FactKind::Flag)
            | (Condition::Number(_), FactKind::Number)
            | (Condition::Text(_) | Condition::Words(_), FactKind::Words) => true,
            (Condition::Text(text), FactKind::Number) => bound(text).is_some(),
            (
                Condition::Flag(_)
                | Condition::Number(_)
                | Condition::Text(_)
                | Condition::Words(_),
                FactKind::Flag | FactKind::Number | FactKind::Words,
            ) => false,
        }
    }
}

fn bound(text: &str) -> Option<Bound> {
    let number = |rest: &str| rest.trim().parse().ok();
    match text.split_at_checked(2)? {
        (">=", rest) => number(rest).map(Bound::AtLeast),
        ("<=", rest) => number(rest).map(Bound::AtMost),
        (_, _) => None,
    }
}
