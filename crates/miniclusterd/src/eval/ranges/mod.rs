//! What an expression may give over many rows of which only the least and the
//! greatest values of the columns are known: by it, a source passes over parts
//! whose rows it does not want (`spec/persist.md` §6.6).
//!
//! Invariant: what an expression gives for some of the rows is always among what
//! it is said that it may give. The other way round nothing is promised: an answer
//! may be wider than the truth.

mod functions;
mod interpret;
mod part;
#[cfg(test)]
mod tests;

use repr::Datum;

pub use part::{PartRows, may_give};

/// What an expression may give.
#[derive(Debug, Clone, Copy)]
pub struct Possible<'a> {
    pub null: bool,
    pub error: bool,
    /// What it may give beside NULL.
    pub values: Values<'a>,
}

/// Values that are not NULL.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    None,
    /// Both inclusive, the first not greater than the second.
    Between(Datum<'a>, Datum<'a>),
    Any,
}

/// Whether two datums are the same in every respect, also in those that do not
/// count when they are compared: zeroes of either sign, digits of decimals. Of
/// nested values that is not known.
fn identical(a: Datum<'_>, b: Datum<'_>) -> bool {
    match (a, b) {
        (Datum::Float32(a), Datum::Float32(b)) => a.to_bits() == b.to_bits(),
        (Datum::Float64(a), Datum::Float64(b)) => a.to_bits() == b.to_bits(),
        (Datum::Numeric(a), Datum::Numeric(b)) => a.parts() == b.parts(),
        (Datum::Array(_) | Datum::List(_) | Datum::Map(_) | Datum::Range(_), _) => false,
        (a, b) => a == b,
    }
}

impl<'a> Values<'a> {
    /// The values at which to ask a function that is known between them: those
    /// that there are, if they are few; else the ends. Whether there are others
    /// between them.
    fn ends(self) -> Option<(Vec<Datum<'a>>, bool)> {
        match self {
            Values::None | Values::Any => None,
            Values::Between(a, b) if identical(a, b) => Some((vec![a], false)),
            Values::Between(Datum::False, Datum::True) => {
                Some((vec![Datum::False, Datum::True], false))
            }
            Values::Between(a, b) => Some((vec![a, b], true)),
        }
    }

    fn union(self, other: Values<'a>) -> Values<'a> {
        match (self, other) {
            (Values::None, values) | (values, Values::None) => values,
            (Values::Any, _) | (_, Values::Any) => Values::Any,
            (Values::Between(a, b), Values::Between(c, d)) => {
                Values::Between(if c < a { c } else { a }, if d > b { d } else { b })
            }
        }
    }

    fn is_none(self) -> bool {
        matches!(self, Values::None)
    }

    /// Whether `datum` may be among them.
    pub fn may_be(self, datum: Datum<'_>) -> bool {
        match self {
            Values::None => false,
            Values::Between(a, b) => a <= datum && datum <= b,
            Values::Any => true,
        }
    }
}

impl<'a> Possible<'a> {
    /// Nothing at all: of no rows.
    pub const NOTHING: Possible<'static> = Possible {
        null: false,
        error: false,
        values: Values::None,
    };

    pub const ANYTHING: Possible<'static> = Possible {
        null: true,
        error: true,
        values: Values::Any,
    };

    const ERROR: Possible<'static> = Possible {
        error: true,
        ..Possible::NOTHING
    };

    /// This datum and nothing else.
    pub fn just(datum: Datum<'a>) -> Possible<'a> {
        if datum.is_null() {
            Possible {
                null: true,
                ..Possible::NOTHING
            }
        } else {
            Possible {
                values: Values::Between(datum, datum),
                ..Possible::NOTHING
            }
        }
    }

    /// Whatever either gives.
    pub fn or(self, other: Possible<'a>) -> Possible<'a> {
        Possible {
            null: self.null || other.null,
            error: self.error || other.error,
            values: self.values.union(other.values),
        }
    }

    /// Any value, maybe NULL; an error if `error`.
    fn unknown(error: bool) -> Possible<'a> {
        Possible {
            error,
            ..Possible::ANYTHING
        }
    }
}
