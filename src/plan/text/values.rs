//! Values of literals and constant rows: `5`, `"a"`, `null`, `5::integer`,
//! `"2024-02-29"::date`. What has no text of its own is written as the bytes of
//! its row, `row("32 05")::bigint`. Source: `spec/script.md` §3.2, §3.3.
//!
//! Invariant: printing a value and reading it back gives the same bytes.

use super::names::type_name;
use crate::plan::types::datum_fits;
use crate::repr::{Datum, ReprScalarType, Row};

/// A value as it was written, before its type is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Written {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    /// The bytes of a row of one value.
    Bytes(Row),
}

impl Written {
    /// The type of a literal that names none.
    pub(super) fn own_type(&self) -> Option<ReprScalarType> {
        match self {
            Written::Null | Written::Bytes(_) => None,
            Written::Bool(_) => Some(ReprScalarType::Bool),
            Written::Int(_) => Some(ReprScalarType::Int64),
            Written::Float(_) => Some(ReprScalarType::Float64),
            Written::Str(_) => Some(ReprScalarType::String),
        }
    }

    /// The row of this one value in the given type.
    pub(super) fn as_type(&self, typ: &ReprScalarType) -> Result<Row, String> {
        let none = || format!("{} is no {}", self.shown(), type_name(typ));
        let in_range = || format!("{} is out of range for {}", self.shown(), type_name(typ));
        let bytes;
        let datum = match (self, typ) {
            (Written::Null, _) => Datum::Null,
            (Written::Bytes(row), _) => {
                let mut datums = row.iter();
                match (datums.next(), datums.next()) {
                    (Some(datum), None) if datum_fits(&datum, typ) => return Ok(row.clone()),
                    _ => return Err(none()),
                }
            }
            (Written::Bool(b), ReprScalarType::Bool) => Datum::from(*b),
            (Written::Int(n), ReprScalarType::Int16) => {
                Datum::Int16((*n).try_into().map_err(|_| in_range())?)
            }
            (Written::Int(n), ReprScalarType::Int32) => {
                Datum::Int32((*n).try_into().map_err(|_| in_range())?)
            }
            (Written::Int(n), ReprScalarType::Int64) => {
                Datum::Int64((*n).try_into().map_err(|_| in_range())?)
            }
            (Written::Int(n), ReprScalarType::MzTimestamp) => {
                Datum::MzTimestamp((*n).try_into().map_err(|_| in_range())?)
            }
            // Integers up to 2^53 are floats exactly; larger ones round.
            (Written::Int(n), ReprScalarType::Float64) => Datum::Float64(*n as f64),
            (Written::Float(x), ReprScalarType::Float64) => Datum::Float64(*x),
            (Written::Str(s), ReprScalarType::String) => Datum::String(s),
            (Written::Str(s), ReprScalarType::Date) => Datum::Date(parse_date(s).ok_or_else(none)?),
            (Written::Str(s), ReprScalarType::Bytes) => {
                bytes = s.strip_prefix("\\x").and_then(parse_hex).ok_or_else(none)?;
                Datum::Bytes(&bytes)
            }
            _ => return Err(none()),
        };
        Ok(Row::pack([datum]))
    }

    fn shown(&self) -> String {
        match self {
            Written::Null => "null".into(),
            Written::Bool(b) => b.to_string(),
            Written::Int(n) => n.to_string(),
            Written::Float(x) => format!("{x:?}"),
            Written::Str(s) => quoted(s),
            Written::Bytes(_) => "the row".into(),
        }
    }
}

/// A string literal. A slash that would begin an annotation is escaped.
pub(super) fn quoted(s: &str) -> String {
    format!("{s:?}").replace("// {", "/\\u{2f} {")
}

/// The text of the one value in `row`; typed unless the text says the type.
pub(super) fn value_text(row: &Row, typ: &ReprScalarType) -> String {
    let mut datums = row.iter();
    let datum = match (datums.next(), datums.next()) {
        (Some(datum), None) => datum,
        _ => return bytes_text(row, typ),
    };
    let typed = |text: String| format!("{text}::{}", type_name(typ));
    match (datum, typ) {
        (Datum::Null, _) => typed("null".into()),
        (Datum::True, ReprScalarType::Bool) => "true".into(),
        (Datum::False, ReprScalarType::Bool) => "false".into(),
        (Datum::Int64(n), ReprScalarType::Int64) => n.to_string(),
        (Datum::String(s), ReprScalarType::String) => quoted(s),
        (Datum::Float64(x), ReprScalarType::Float64) if x.is_finite() => format!("{x:?}"),
        (Datum::Int32(n), ReprScalarType::Int32) => typed(n.to_string()),
        (Datum::Int16(n), ReprScalarType::Int16) => typed(n.to_string()),
        (Datum::MzTimestamp(t), ReprScalarType::MzTimestamp) => typed(t.to_string()),
        (Datum::Bytes(b), ReprScalarType::Bytes) => {
            typed(quoted(&format!("\\x{}", hex::encode(b))))
        }
        (Datum::Date(d), ReprScalarType::Date) => match date_text(d) {
            Some(text) => typed(quoted(&text)),
            None => bytes_text(row, typ),
        },
        _ => bytes_text(row, typ),
    }
}

fn bytes_text(row: &Row, typ: &ReprScalarType) -> String {
    format!("row(\"{}\")::{}", hex::encode(row.bytes()), type_name(typ))
}

pub(super) fn parse_hex(s: &str) -> Option<Vec<u8>> {
    hex::decode(s).ok()
}

/// `YYYY-MM-DD` of a day counted from 2000-01-01, for years 1 to 9999.
fn date_text(days: i32) -> Option<String> {
    // Days since 0000-03-01, so that a leap day ends its year.
    let days = i64::from(days) + 730_425;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (1..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn parse_date(s: &str) -> Option<i32> {
    let mut parts = s.splitn(3, '-');
    let mut number = |width: usize| -> Option<i64> {
        let part = parts.next()?;
        let digits = part.len() == width && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if year < 1 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    let days = i32::try_from(era * 146_097 + of_era - 730_425).ok()?;
    // A day that the month does not have comes back as another one.
    (date_text(days)? == s).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_back() {
        for (text, days) in [
            ("2000-01-01", 0),
            ("2000-02-29", 59),
            ("1999-12-31", -1),
            ("0001-01-01", -730_119),
            ("9999-12-31", 2_921_939),
        ] {
            assert_eq!(date_text(days).as_deref(), Some(text));
            assert_eq!(parse_date(text), Some(days));
        }
        for bad in ["2001-02-29", "2000-13-01", "2000-1-01", "x", "2000-01-01x"] {
            assert_eq!(parse_date(bad), None);
        }
    }
}
