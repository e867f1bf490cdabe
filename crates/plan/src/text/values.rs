//! Values of literals and constant rows: `5`, `"a"`, `null`, `5::integer`,
//! `"2024-02-29"::date`, `"{\"a\":1}"::jsonb`. What has no text of its own is written as
//! the bytes of its row, `row("32 05")::bigint`. Source: `spec/script.md` §3.2, §3.3.
//!
//! Invariant: printing a value and reading it back gives the same bytes.

use super::compound;
use super::names::type_name;
use crate::types::datum_fits;
use repr::moments::{
    date_text, interval_text, parse_date, parse_interval, parse_time, parse_timestamp, time_text,
    timestamp_text,
};
use repr::{Datum, Numeric, ReprScalarType, Row, jsonb};
use uuid::Uuid;

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
            (Written::Str(s), ReprScalarType::Float32) => {
                Datum::Float32(special_float(s).ok_or_else(none)? as f32)
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
            (Written::Str(s), ReprScalarType::String) => Datum::String(s),
            (Written::Str(s), ReprScalarType::Bytes) => {
                bytes = s.strip_prefix("\\x").and_then(parse_hex).ok_or_else(none)?;
                Datum::Bytes(&bytes)
            }
            (Written::Str(s), ReprScalarType::Uuid) => Datum::Uuid(parse_uuid(s).ok_or_else(none)?),
            (Written::Str(s), ReprScalarType::Jsonb) => {
                return jsonb::row(s).map_err(|why| format!("{}: {why}", none()));
            }
            (Written::Str(s), typ) if compound::has_texts(typ) => {
                return compound::row(s, typ).ok_or_else(none);
            }
            (Written::Str(s), typ) => moment(s, typ).ok_or_else(none)?,
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

/// A value of this type from the text that a literal has within its quotes, or
/// without any.
pub fn read_value(text: &str, typ: &ReprScalarType) -> Option<Row> {
    let number = text.parse().map(Written::Int).ok();
    let float = text.parse().map(Written::Float).ok();
    let ways = [number, float, Some(Written::Str(text.to_string()))];
    let mut ways = ways.into_iter().flatten();
    ways.find_map(|written| written.as_type(typ).ok())
}

/// The text from which [`read_value`] gives the value back; None if there is none.
pub fn plain_text(datum: Datum<'_>, typ: &ReprScalarType) -> Option<String> {
    let text = match written(datum, typ)? {
        Written::Str(text) => text,
        other => other.shown(),
    };
    let again = read_value(&text, typ)?;
    (again == Row::pack([datum])).then_some(text)
}

/// How to write the value, if there is a way that might give it back.
fn written(datum: Datum<'_>, typ: &ReprScalarType) -> Option<Written> {
    if !datum_fits(&datum, typ) {
        return None;
    }
    if datum.is_null() {
        return Some(Written::Null);
    }
    // What is inside of such a value has another text than it has by itself.
    if *typ == ReprScalarType::Jsonb {
        return jsonb::text(datum).ok().map(Written::Str);
    }
    if compound::has_texts(typ) {
        return compound::text(datum, typ).map(Written::Str);
    }
    Some(match datum {
        Datum::True => Written::Bool(true),
        Datum::False => Written::Bool(false),
        Datum::Int16(n) => Written::Int(n.into()),
        Datum::Int32(n) => Written::Int(n.into()),
        Datum::Int64(n) => Written::Int(n.into()),
        Datum::UInt16(n) => Written::Int(n.into()),
        Datum::UInt32(n) => Written::Int(n.into()),
        Datum::UInt64(n) | Datum::MzTimestamp(n) => Written::Int(n.into()),
        Datum::Float64(x) if x.is_finite() => Written::Float(x),
        Datum::Float64(x) => Written::Str(special_text(x)?.into()),
        Datum::Float32(x) if x.is_finite() => Written::Float(x.into()),
        Datum::Float32(x) => Written::Str(special_text(x.into())?.into()),
        Datum::Numeric(n) => Written::Str(n.to_string()),
        Datum::String(s) => Written::Str(s.into()),
        Datum::Bytes(b) => Written::Str(format!("\\x{}", hex::encode(b))),
        Datum::Date(days) => Written::Str(date_text(days)?),
        Datum::Timestamp(t) | Datum::TimestampTz(t) => Written::Str(timestamp_text(t)?),
        Datum::Time(t) => Written::Str(time_text(t.secs, t.nanos)),
        Datum::Interval(interval) => Written::Str(interval_text(interval)),
        Datum::Uuid(uuid) => Written::Str(uuid.to_string()),
        _ => return None,
    })
}

/// A date, a time or an interval; None for other types.
fn moment(s: &str, typ: &ReprScalarType) -> Option<Datum<'static>> {
    Some(match typ {
        ReprScalarType::Date => Datum::Date(parse_date(s)?),
        ReprScalarType::Time => Datum::Time(parse_time(s)?),
        ReprScalarType::Timestamp => Datum::Timestamp(parse_timestamp(s)?),
        ReprScalarType::TimestampTz => Datum::TimestampTz(parse_timestamp(s)?),
        ReprScalarType::Interval => Datum::Interval(parse_interval(s)?),
        _ => return None,
    })
}

const SPECIAL: [(&str, f64); 3] = [
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
];

fn special_text(x: f64) -> Option<&'static str> {
    let is = |special: &f64| *special == x || special.is_nan() && x.is_nan();
    let known = SPECIAL.iter().find(|(_, special)| is(special));
    known.map(|(text, _)| *text)
}

fn special_float(s: &str) -> Option<f64> {
    let known = SPECIAL.iter().find(|(text, _)| *text == s);
    known.map(|(_, x)| *x)
}

/// `936da01f-9abd-4d9d-80c7-02af85c822a8`: other forms of it are none.
fn parse_uuid(s: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(s).ok()?;
    uuid.to_string().eq_ignore_ascii_case(s).then_some(uuid)
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

fn bytes_text(row: &Row, typ: &ReprScalarType) -> String {
    format!("row(\"{}\")::{}", hex::encode(row.bytes()), type_name(typ))
}

pub(super) fn parse_hex(s: &str) -> Option<Vec<u8>> {
    hex::decode(s).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use repr::{CivilTimestamp, Interval, Time};

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
                Datum::Float32(f32::NEG_INFINITY),
                T::Float32,
                "\"-Infinity\"::real",
            ),
            (
                Datum::UInt64(u64::MAX),
                T::UInt64,
                "18446744073709551615::uint8",
            ),
            (
                Datum::Interval(Interval {
                    months: -14,
                    days: 3,
                    micros: -1_500_000,
                }),
                T::Interval,
                "\"-14 months 3 days -00:00:01.500000\"::interval",
            ),
            (
                Datum::Time(Time {
                    secs: 3_661,
                    nanos: 0,
                }),
                T::Time,
                "\"01:01:01\"::time",
            ),
            (
                Datum::Uuid(Uuid::from_u128(10)),
                T::Uuid,
                "\"00000000-0000-0000-0000-00000000000a\"::uuid",
            ),
            (Datum::JsonNull, T::Jsonb, "\"null\"::jsonb"),
            (Datum::True, T::Jsonb, "\"true\"::jsonb"),
            (Datum::String("5"), T::Jsonb, "\"\\\"5\\\"\"::jsonb"),
            (Datum::String("5"), T::String, "\"5\""),
            (Datum::Int64(-5), T::Int64, "-5"),
        ] {
            let row = Row::pack([datum]);
            assert_eq!(value_text(&row, &typ), text);
        }
        let json = jsonb::row(r#"{"a": [1.50, null]}"#).unwrap();
        let text = "\"{\\\"a\\\":[1.5,null]}\"::jsonb";
        assert_eq!(value_text(&json, &T::Jsonb), text);
        // A leap second has no text of its own.
        let row = Row::pack([Datum::Timestamp(t(2016, 366, 86_399, 1_500_000_000))]);
        assert!(value_text(&row, &T::Timestamp).starts_with("row("));
    }

    #[test]
    fn what_is_no_value_of_its_type_is_refused() {
        use ReprScalarType as T;
        for (text, typ) in [
            ("936da01f9abd4d9d80c702af85c822a8", T::Uuid),
            ("{936da01f-9abd-4d9d-80c7-02af85c822a8}", T::Uuid),
            ("936da01f", T::Uuid),
            ("{\"a\"}", T::Jsonb),
            ("NaN", T::Jsonb),
            ("", T::Jsonb),
        ] {
            assert_eq!(read_value(text, &typ), None, "{text}");
        }
        let error = Written::Str("[1".into()).as_type(&T::Jsonb).unwrap_err();
        assert_eq!(error, "\"[1\" is no jsonb: JSON ends too early");
        let upper = read_value("936DA01F-9abd-4d9d-80c7-02af85c822a8", &T::Uuid).unwrap();
        let datum = upper.iter().next().unwrap();
        let text = plain_text(datum, &T::Uuid).unwrap();
        assert_eq!(text, "936da01f-9abd-4d9d-80c7-02af85c822a8");
    }
}
