//! Values that have a type of their own in scripts (*extension*): those of every type
//! that the literals of plans can have, written as there.
//!
//! Invariant: a literal has a text, which gives it back.

use std::fmt;

use plan::text::{plain_text, read_value};
use repr::moments::{date_text, time_text};
use repr::{Datum, ReprScalarType, Row};
use uuid::Uuid;

/// A value with a type of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Literal {
    typ: ReprScalarType,
    /// Of one datum, which has a text.
    row: Row,
}

impl Literal {
    /// Reads its text; None if it is no value of the type.
    pub fn read(text: &str, typ: &ReprScalarType) -> Option<Literal> {
        let row = read_value(text, typ)?;
        let datum = row.iter().next()?;
        plain_text(datum, typ)?;
        Some(Literal {
            typ: typ.clone(),
            row,
        })
    }

    /// Value number `n` of a type: numbers count, days and seconds count from 2000-01-01
    /// 00:00:00, what has parts has one; what is narrow starts anew. None for types
    /// without literals.
    pub fn number(n: u64, typ: &ReprScalarType) -> Option<Literal> {
        Literal::read(&number_text(n, typ)?, typ)
    }

    /// The literal of a datum whose type is the only one that holds it; None if it
    /// has no text.
    pub(super) fn of(datum: Datum<'_>) -> Option<Literal> {
        let typ = match datum {
            Datum::Float32(_) => ReprScalarType::Float32,
            Datum::Float64(_) => ReprScalarType::Float64,
            Datum::Numeric(_) => ReprScalarType::Numeric,
            Datum::UInt16(_) => ReprScalarType::UInt16,
            Datum::UInt32(_) => ReprScalarType::UInt32,
            Datum::UInt64(_) => ReprScalarType::UInt64,
            Datum::Date(_) => ReprScalarType::Date,
            Datum::Time(_) => ReprScalarType::Time,
            Datum::Timestamp(_) => ReprScalarType::Timestamp,
            Datum::TimestampTz(_) => ReprScalarType::TimestampTz,
            Datum::Interval(_) => ReprScalarType::Interval,
            Datum::MzTimestamp(_) => ReprScalarType::MzTimestamp,
            Datum::Uuid(_) => ReprScalarType::Uuid,
            _ => return None,
        };
        Literal::of_type(datum, &typ)
    }

    /// The literal of a datum of this type; None if it has no text.
    pub(super) fn of_type(datum: Datum<'_>, typ: &ReprScalarType) -> Option<Literal> {
        Literal::read(&plain_text(datum, typ)?, typ)
    }

    /// Its type.
    pub(super) fn typ(&self) -> &ReprScalarType {
        &self.typ
    }

    pub(super) fn datum(&self) -> Datum<'_> {
        self.row.iter().next().unwrap_or(Datum::Null)
    }

    /// Its text without what ends a token, where it can do without: JSON can escape that.
    pub(super) fn escaped(&self) -> String {
        let text = self.to_string();
        match &self.typ {
            ReprScalarType::Jsonb
            | ReprScalarType::List { .. }
            | ReprScalarType::Map { .. }
            | ReprScalarType::Array(_) => escaped(&text),
            _ => text,
        }
    }
}

/// Its text, without quotes.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain_text(self.datum(), &self.typ).unwrap_or_default())
    }
}

/// JSON without blanks, brackets and quotes in its strings.
fn escaped(json: &str) -> String {
    let mut out = String::new();
    let mut in_string = false;
    let mut chars = json.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('"') => out.push_str("\\u0022"),
                Some(next) => out.extend([c, next]),
                None => out.push(c),
            },
            '"' => {
                in_string = !in_string;
                out.push(c);
            }
            c if in_string && (c.is_whitespace() || matches!(c, '[' | ']')) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

fn number_text(n: u64, typ: &ReprScalarType) -> Option<String> {
    const SECONDS: u64 = 86_400;
    let day = |n: u64| date_text((n % 10_000) as i32);
    let time = time_text((n % SECONDS) as u32, 0);
    Some(match typ {
        ReprScalarType::Date => day(n)?,
        ReprScalarType::Time | ReprScalarType::Interval => time,
        ReprScalarType::Timestamp | ReprScalarType::TimestampTz => {
            format!("{} {time}", day(n / SECONDS)?)
        }
        ReprScalarType::UInt16 => (n % (1 << 16)).to_string(),
        ReprScalarType::UInt32 => (n % (1 << 32)).to_string(),
        ReprScalarType::Uuid => Uuid::from_u128(n.into()).to_string(),
        ReprScalarType::List { element_type } => format!("[{}]", part_text(n, element_type)?),
        ReprScalarType::Array(element) => format!("[{}]", part_text(n, element)?),
        ReprScalarType::Map { value_type } => format!("{{\"a\":{}}}", part_text(n, value_type)?),
        _ => n.to_string(),
    })
}

/// Value number `n` as a part of another one.
fn part_text(n: u64, typ: &ReprScalarType) -> Option<String> {
    Some(match typ {
        ReprScalarType::Bool => (n % 2 == 1).to_string(),
        ReprScalarType::Int16 => (n % (1 << 15)).to_string(),
        ReprScalarType::Int32 => (n % (1 << 31)).to_string(),
        ReprScalarType::Int64 => i64::try_from(n).ok()?.to_string(),
        ReprScalarType::UInt16
        | ReprScalarType::UInt32
        | ReprScalarType::UInt64
        | ReprScalarType::MzTimestamp
        | ReprScalarType::List { .. }
        | ReprScalarType::Array(_)
        | ReprScalarType::Map { .. } => number_text(n, typ)?,
        ReprScalarType::Bytes => format!("\"\\\\x{:02x}\"", n % 256),
        _ => format!("\"{}\"", number_text(n, typ)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plan::text::read_type;

    #[test]
    fn values_are_counted_up_whatever_their_type() {
        for (typ, text) in [
            ("uuid", "00000000-0000-0000-0000-000000000007"),
            ("jsonb", "7"),
            ("date", "2000-01-08"),
            ("list(bigint)", "[7]"),
            ("list(text)", "[\"7\"]"),
            ("list(boolean)", "[true]"),
            ("array(bytea)", "[\"\\\\x07\"]"),
            (
                "map(list(uuid))",
                "{\"a\":[\"00000000-0000-0000-0000-000000000007\"]}",
            ),
        ] {
            let typ = read_type(typ).unwrap();
            assert_eq!(Literal::number(7, &typ).unwrap().to_string(), text);
        }
        let range = read_type("range(bigint)").unwrap();
        assert_eq!(Literal::number(7, &range), None);
    }
}
