//! Values of literals and constant rows: `5`, `"a"`, `null`, `5::integer`,
//! `"2024-02-29"::date`. What has no text of its own is written as the bytes of
//! its row, `row("32 05")::bigint`. Source: `spec/script.md` §3.2, §3.3.
//!
//! Invariant: printing a value and reading it back gives the same bytes.

use super::names::type_name;
use crate::types::datum_fits;
use repr::{CivilTimestamp, Datum, Numeric, ReprScalarType, Row};

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
            (Written::Str(s), ReprScalarType::Float64) => {
                Datum::Float64(special_float(s).ok_or_else(none)?)
            }
            (Written::Int(n), ReprScalarType::Float32) => Datum::Float32(*n as f32),
            (Written::Float(x), ReprScalarType::Float32) => Datum::Float32(*x as f32),
            (Written::Int(n), ReprScalarType::UInt16) => {
                Datum::UInt16((*n).try_into().map_err(|_| in_range())?)
            }
            (Written::Int(n), ReprScalarType::UInt32) => {
                Datum::UInt32((*n).try_into().map_err(|_| in_range())?)
            }
            (Written::Int(n), ReprScalarType::UInt64) => {
                Datum::UInt64((*n).try_into().map_err(|_| in_range())?)
            }
            (Written::Int(n), ReprScalarType::Numeric) => {
                Datum::Numeric(Numeric::new(*n, 0).ok_or_else(in_range)?)
            }
            (Written::Str(s), ReprScalarType::Numeric) => {
                Datum::Numeric(parse_decimal(s).ok_or_else(none)?)
            }
            (Written::Str(s), ReprScalarType::Timestamp) => {
                Datum::Timestamp(parse_timestamp(s).ok_or_else(none)?)
            }
            (Written::Str(s), ReprScalarType::TimestampTz) => {
                Datum::TimestampTz(parse_timestamp(s).ok_or_else(none)?)
            }
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
    let Some(written) = written(datum, typ) else {
        return bytes_text(row, typ);
    };
    let text = match &written {
        Written::Str(s) => quoted(s),
        other => other.shown(),
    };
    if written.own_type().as_ref() == Some(typ) {
        return text;
    }
    // What has no exact text is shown by its bytes.
    match written.as_type(typ) {
        Ok(again) if again == *row => format!("{text}::{}", type_name(typ)),
        _ => bytes_text(row, typ),
    }
}

/// How to write the value, if there is a way that might give it back.
fn written(datum: Datum<'_>, typ: &ReprScalarType) -> Option<Written> {
    if !datum_fits(&datum, typ) {
        return None;
    }
    Some(match datum {
        Datum::Null => Written::Null,
        Datum::True => Written::Bool(true),
        Datum::False => Written::Bool(false),
        Datum::Int16(n) => Written::Int(n.into()),
        Datum::Int32(n) => Written::Int(n.into()),
        Datum::Int64(n) => Written::Int(n.into()),
        Datum::UInt16(n) => Written::Int(n.into()),
        Datum::UInt32(n) => Written::Int(n.into()),
        Datum::UInt64(n) | Datum::MzTimestamp(n) => Written::Int(n.into()),
        Datum::Float64(x) if x.is_finite() => Written::Float(x),
        Datum::Float64(x) => {
            let known = SPECIAL
                .iter()
                .find(|(_, special)| *special == x || x.is_nan());
            Written::Str(known?.0.into())
        }
        Datum::Float32(x) if x.is_finite() => Written::Float(x.into()),
        Datum::Numeric(n) => Written::Str(n.to_string()),
        Datum::String(s) => Written::Str(s.into()),
        Datum::Bytes(b) => Written::Str(format!("\\x{}", hex::encode(b))),
        Datum::Date(days) => Written::Str(date_text(days)?),
        Datum::Timestamp(t) | Datum::TimestampTz(t) => Written::Str(timestamp_text(t)?),
        _ => return None,
    })
}

const SPECIAL: [(&str, f64); 3] = [
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
];

fn special_float(s: &str) -> Option<f64> {
    let known = SPECIAL.iter().find(|(text, _)| *text == s);
    known.map(|(_, x)| *x)
}

/// `-12.034`
fn parse_decimal(s: &str) -> Option<Numeric> {
    let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let all = [digits, fraction];
    let plain = all
        .iter()
        .all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if digits.is_empty() || !plain || fraction.len() > 60 {
        return None;
    }
    let coefficient = format!("{whole}{fraction}").parse().ok()?;
    Numeric::new(coefficient, -(fraction.len() as i32))
}

/// Days from 2000-01-01 to the first of January of a year.
fn days_to_year(year: i32) -> Option<i32> {
    parse_date(&format!("{year:04}-01-01"))
}

/// `2024-02-29 23:59:59.000000001`, for years 1 to 9999.
fn timestamp_text(t: CivilTimestamp) -> Option<String> {
    let days = days_to_year(t.year)?.checked_add(i32::try_from(t.ordinal).ok()? - 1)?;
    let date = date_text(days)?;
    let (hour, minute, second) = (t.secs / 3_600, t.secs / 60 % 60, t.secs % 60);
    let fraction = match t.nanos {
        0 => String::new(),
        nanos => format!(".{nanos:09}"),
    };
    Some(format!(
        "{date} {hour:02}:{minute:02}:{second:02}{fraction}"
    ))
}

fn parse_timestamp(s: &str) -> Option<CivilTimestamp> {
    let (date, time) = s.split_once(' ')?;
    let year: i32 = date.get(..4)?.parse().ok()?;
    let ordinal = parse_date(date)? - days_to_year(year)? + 1;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let fields: Vec<u32> = clock
        .split(':')
        .map(|field| field.parse().ok())
        .collect::<Option<_>>()?;
    let [hour, minute, second] = fields[..] else {
        return None;
    };
    if hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some(CivilTimestamp {
        year,
        ordinal: ordinal.try_into().ok()?,
        secs: hour * 3_600 + minute * 60 + second,
        nanos,
    })
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
    fn values_are_written_as_people_write_them() {
        let t = |year, ordinal, secs, nanos| CivilTimestamp {
            year,
            ordinal,
            secs,
            nanos,
        };
        let n = |c, e| Datum::Numeric(Numeric::new(c, e).unwrap());
        use ReprScalarType as T;
        for (datum, typ, text) in [
            (
                Datum::Timestamp(t(2024, 60, 86_399, 5)),
                T::Timestamp,
                "\"2024-02-29 23:59:59.000000005\"::timestamp",
            ),
            (
                Datum::TimestampTz(t(1, 1, 0, 0)),
                T::TimestampTz,
                "\"0001-01-01 00:00:00\"::timestamptz",
            ),
            (n(-12034, -3), T::Numeric, "\"-12.034\"::numeric"),
            (n(12, 2), T::Numeric, "\"1200\"::numeric"),
            (
                Datum::Float64(f64::NAN),
                T::Float64,
                "\"NaN\"::double precision",
            ),
            (Datum::Float32(0.1), T::Float32, "0.10000000149011612::real"),
            (
                Datum::UInt64(u64::MAX),
                T::UInt64,
                "18446744073709551615::uint8",
            ),
            (Datum::String("5"), T::String, "\"5\""),
            (Datum::Int64(-5), T::Int64, "-5"),
        ] {
            let row = Row::pack([datum]);
            assert_eq!(value_text(&row, &typ), text);
        }
        // A leap second has no text of its own.
        let row = Row::pack([Datum::Timestamp(t(2016, 366, 86_399, 1_500_000_000))]);
        assert!(value_text(&row, &T::Timestamp).starts_with("row("));
        for bad in [
            "2023-02-29 00:00:00",
            "2023-01-01 24:00:00",
            "2023-01-01",
            "é",
        ] {
            assert_eq!(parse_timestamp(bad), None);
        }
    }

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
