//! Values with parts as texts: lists and arrays as JSON arrays, maps as JSON objects,
//! `[1,null,3]`. Numbers and truth values stand for themselves, other parts in quotes,
//! as a literal has them: `["2024-02-29"]`; NULL is `null`.
//!
//! Invariant: a text means one value of its type. Arrays have one dimension that starts
//! at 1, or none; an array with others has no text.

use super::values::{plain_text, read_value};
use repr::{Array, Datum, ReprScalarType, Row, RowPacker, jsonb};

/// Whether the type's values are written as this module says.
pub(super) fn has_texts(typ: &ReprScalarType) -> bool {
    match typ {
        ReprScalarType::Array(part)
        | ReprScalarType::List { element_type: part }
        | ReprScalarType::Map { value_type: part } => has_texts(part) || is_plain(part),
        _ => false,
    }
}

/// Whether a value of this type can be a part: of JSON a null could not be told from
/// NULL.
fn is_plain(typ: &ReprScalarType) -> bool {
    match typ {
        ReprScalarType::Bool
        | ReprScalarType::Int16
        | ReprScalarType::Int32
        | ReprScalarType::Int64
        | ReprScalarType::UInt16
        | ReprScalarType::UInt32
        | ReprScalarType::UInt64
        | ReprScalarType::Float32
        | ReprScalarType::Float64
        | ReprScalarType::Numeric
        | ReprScalarType::Date
        | ReprScalarType::Time
        | ReprScalarType::Timestamp
        | ReprScalarType::TimestampTz
        | ReprScalarType::MzTimestamp
        | ReprScalarType::Interval
        | ReprScalarType::Bytes
        | ReprScalarType::String
        | ReprScalarType::Uuid => true,
        ReprScalarType::UInt8
        | ReprScalarType::Jsonb
        | ReprScalarType::Int2Vector
        | ReprScalarType::Record { .. }
        | ReprScalarType::Range { .. }
        | ReprScalarType::MzAclItem
        | ReprScalarType::AclItem
        | ReprScalarType::Array(_)
        | ReprScalarType::List { .. }
        | ReprScalarType::Map { .. } => false,
    }
}

/// The value of a text, as a row of one datum; None if it is none.
pub(super) fn row(text: &str, typ: &ReprScalarType) -> Option<Row> {
    let json = jsonb::row(text).ok()?;
    let mut packer = RowPacker::default();
    push(json.iter().next()?, typ, &mut packer)?;
    Some(packer.finish())
}

/// Packs the value that JSON says.
fn push(json: Datum<'_>, typ: &ReprScalarType, packer: &mut RowPacker) -> Option<()> {
    let mut done = Some(());
    match (json, typ) {
        (Datum::JsonNull, _) => packer.push(Datum::Null),
        (Datum::List(list), ReprScalarType::List { element_type }) => packer.push_list(|p| {
            done = list.iter().try_for_each(|part| push(part, element_type, p));
        }),
        (Datum::List(list), ReprScalarType::Array(element)) => {
            let dims = match list.iter().count() {
                0 => vec![],
                count => vec![(1, count as u64)],
            };
            packer.push_array(&dims, |p| {
                done = list.iter().try_for_each(|part| push(part, element, p));
            });
        }
        (Datum::Map(map), ReprScalarType::Map { value_type }) => packer.push_map(|p| {
            done = map.iter().try_for_each(|(key, value)| {
                p.push(Datum::String(key));
                push(value, value_type, p)
            });
        }),
        (bool @ (Datum::True | Datum::False), ReprScalarType::Bool) => packer.push(bool),
        (Datum::Numeric(number), typ) if is_number(typ) => {
            let row = read_value(&number.to_string(), typ)?;
            packer.push(row.iter().next()?);
        }
        (Datum::String(text), typ) if is_plain(typ) && !is_number(typ) => {
            let row = read_value(text, typ)?;
            packer.push(row.iter().next()?);
        }
        _ => return None,
    }
    done
}

/// Whether the type's values stand for themselves.
fn is_number(typ: &ReprScalarType) -> bool {
    matches!(
        typ,
        ReprScalarType::Int16
            | ReprScalarType::Int32
            | ReprScalarType::Int64
            | ReprScalarType::UInt16
            | ReprScalarType::UInt32
            | ReprScalarType::UInt64
            | ReprScalarType::MzTimestamp
    )
}

/// The text of a value; None if it has none.
pub(super) fn text(datum: Datum<'_>, typ: &ReprScalarType) -> Option<String> {
    let mut json = RowPacker::default();
    push_json(datum, typ, &mut json)?;
    jsonb::text(json.finish().iter().next()?).ok()
}

/// Packs the JSON that says a value.
fn push_json(datum: Datum<'_>, typ: &ReprScalarType, packer: &mut RowPacker) -> Option<()> {
    let mut done = Some(());
    match (datum, typ) {
        (Datum::Null, _) => packer.push(Datum::JsonNull),
        (Datum::List(list), ReprScalarType::List { element_type }) => packer.push_list(|p| {
            done = list
                .iter()
                .try_for_each(|part| push_json(part, element_type, p));
        }),
        (Datum::Array(array), ReprScalarType::Array(element)) => {
            if !is_simple(array) {
                return None;
            }
            let mut parts = array.elements().iter();
            packer.push_list(|p| done = parts.try_for_each(|part| push_json(part, element, p)));
        }
        (Datum::Map(map), ReprScalarType::Map { value_type }) => packer.push_map(|p| {
            done = map.iter().try_for_each(|(key, value)| {
                p.push(Datum::String(key));
                push_json(value, value_type, p)
            });
        }),
        (bool @ (Datum::True | Datum::False), ReprScalarType::Bool) => packer.push(bool),
        (datum, typ) if is_number(typ) => {
            let number = plain_text(datum, typ)?.parse().ok()?;
            packer.push(Datum::Numeric(number));
        }
        (datum, typ) if is_plain(typ) => packer.push(Datum::String(&plain_text(datum, typ)?)),
        _ => return None,
    }
    done
}

/// Whether an array is what a plain list of elements would be.
fn is_simple(array: Array<'_>) -> bool {
    let count = array.elements().iter().count() as u64;
    match array.dims().as_slice() {
        [] => count == 0,
        [(lower, len)] => *lower == 1 && *len == count && count > 0,
        [_, _, ..] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReprScalarType as T;

    fn list(element_type: T) -> T {
        T::List {
            element_type: Box::new(element_type),
        }
    }

    #[test]
    fn values_with_parts_are_read_back() {
        let map = T::Map {
            value_type: Box::new(list(T::Bool)),
        };
        for (text, typ, shown) in [
            ("[1,null,-3]", list(T::Int64), "[1, null, -3]"),
            ("[]", list(T::String), "[]"),
            ("[[],null,[5]]", list(list(T::Int16)), "[[], null, [5]]"),
            (r#"["2024-02-29"]"#, list(T::Date), "[2024-02-29]"),
            (r#"["NaN","0.5"]"#, list(T::Float64), "[NaN, 0.5]"),
            (r#"{"a":[true],"b c":null}"#, map, "{a: [true], b c: null}"),
        ] {
            let row = row(text, &typ).unwrap();
            let datum = row.iter().next().unwrap();
            assert_eq!(super::text(datum, &typ).as_deref(), Some(text));
            assert_eq!(datum.to_string(), shown);
        }
        let array = T::Array(Box::new(T::Int64));
        for text in ["[]", "[1,null]"] {
            let row = row(text, &array).unwrap();
            let datum = row.iter().next().unwrap();
            assert_eq!(super::text(datum, &array).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_value_of_the_type_is_none() {
        for (text, typ) in [
            ("[1", list(T::Int64)),
            ("{}", list(T::Int64)),
            (r#"["1"]"#, list(T::Int64)),
            ("[1.5]", list(T::Int64)),
            ("[40000]", list(T::Int16)),
            ("[1]", list(T::String)),
            ("[true]", list(T::String)),
            (r#"["x"]"#, list(T::Date)),
        ] {
            assert_eq!(row(text, &typ), None, "{text}");
        }
        let mut packer = RowPacker::default();
        packer.push_array(&[(0, 1)], |p| p.push(Datum::Int64(1)));
        let row = packer.finish();
        let array = T::Array(Box::new(T::Int64));
        assert_eq!(text(row.iter().next().unwrap(), &array), None);
    }
}
