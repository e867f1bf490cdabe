//! Statistics at the edges: what they say must include every row.

use super::*;
use crate::format::rows::{DataflowErrorBytes, KeyBuilder, SourceDatum};
use crate::format::wire::stats::{BytesKind, ProtoBytesStats, StatsKind};
use prost::Message;
use repr::{Datum, Numeric, RelationDesc, Row, SqlScalarType as S, Time, jsonb};

const NUMERIC: S = S::Numeric { max_scale: None };

fn error() -> SourceDatum {
    Err(DataflowErrorBytes(vec![1, 2, 3]))
}

/// The statistics of a part of one column, written and read again.
fn of_keys(scalar: &S, nullable: bool, keys: &[SourceDatum]) -> PartStats {
    let desc = RelationDesc::from_columns([("c", scalar.clone(), nullable)]);
    let mut builder = KeyBuilder::new(&desc);
    for key in keys {
        builder.push(key).unwrap();
    }
    let bytes = encode_stats(&desc, &builder.finish(), 1024).unwrap();
    decode_stats(&desc, &desc, &bytes).unwrap()
}

fn rows(datums: &[Datum<'_>]) -> Vec<SourceDatum> {
    datums.iter().map(|d| Ok(Row::pack([*d]))).collect()
}

/// Keys of one column of JSON.
fn json(texts: &[&str]) -> Vec<SourceDatum> {
    let row = |text: &&str| Ok(jsonb::row(text).unwrap());
    texts.iter().map(row).collect()
}

fn of(scalar: &S, datums: &[Datum<'_>]) -> PartStats {
    of_keys(scalar, true, &rows(datums))
}

fn between(lower: Datum<'_>, upper: Datum<'_>) -> ValueStats {
    ValueStats::Between(Row::pack([lower, upper]))
}

#[test]
fn every_row_is_within_the_statistics_of_its_part() {
    let long = "é".repeat(80);
    let longer = format!("{}z", "\u{10ffff}".repeat(40));
    let n = |n: i128, e: i32| Datum::Numeric(Numeric::new(n, e).unwrap());
    let time = |secs| Datum::Time(Time { secs, nanos: 1 });
    let columns: Vec<(S, Vec<Datum<'_>>)> = vec![
        (S::Bool, vec![Datum::True, Datum::False]),
        (S::Int16, vec![Datum::Int16(-1), Datum::Int16(i16::MIN)]),
        (S::Int64, vec![Datum::Int64(i64::MAX), Datum::Int64(-5)]),
        (S::UInt64, vec![Datum::UInt64(u64::MAX), Datum::UInt64(0)]),
        (S::Date, vec![Datum::Date(-700), Datum::Date(3)]),
        (S::MzTimestamp, vec![Datum::MzTimestamp(9)]),
        (
            S::Float64,
            vec![
                Datum::Float64(-0.0),
                Datum::Float64(f64::NAN),
                Datum::Float64(f64::NEG_INFINITY),
                Datum::Float64(3.5),
            ],
        ),
        (
            S::Float32,
            vec![Datum::Float32(-f32::NAN), Datum::Float32(1.0)],
        ),
        (NUMERIC, vec![n(15, -1), n(2, 0), n(1, 1), n(-999, -2)]),
        (S::String, vec![Datum::String(&long), Datum::String("a")]),
        (S::String, vec![Datum::String(&longer), Datum::String("")]),
        (
            S::Bytes,
            vec![Datum::Bytes(&[255; 300]), Datum::Bytes(&[7; 300])],
        ),
        (S::Time, vec![time(86_399), time(4)]),
        (S::Uuid, vec![Datum::Uuid(uuid::Uuid::from_u128(77))]),
    ];
    let of_json = [
        json(&["1", "-2.5", "1e3"]),
        json(&[r#""b""#, r#""a""#]),
        json(&["true", "false"]),
        json(&["null"]),
        json(&["[1]", "[]"]),
        json(&[r#"{"a":1}"#, r#"{"a":"x","b":{}}"#, "{}"]),
        json(&["1", "null", r#""a""#, "[]", "{}", "true"]),
    ];
    let columns = columns.iter().map(|(s, datums)| (s, rows(datums)));
    for (scalar, values) in columns.chain(of_json.map(|keys| (&S::Jsonb, keys))) {
        for with_null in [false, true] {
            let mut keys = values.clone();
            if with_null {
                keys.extend(rows(&[Datum::Null]));
                keys.push(error());
            }
            let stats = of_keys(scalar, with_null, &keys);
            for key in &keys {
                assert!(stats.allow(key), "{scalar:?}: {key:?} and {stats:?}");
            }
            assert_eq!(stats.errors, Some(u64::from(with_null)));
        }
    }
}

#[test]
fn bounds_of_long_texts_are_cut_and_still_enclose_them() {
    let text = "a".repeat(150);
    let stats = of(&S::String, &[Datum::String(&text)]);
    let lower = "a".repeat(100);
    let upper = format!("{}b", "a".repeat(99));
    let expected = between(Datum::String(&lower), Datum::String(&upper));
    assert_eq!(stats.columns[0].values, expected);
    // A character of several bytes is cut as a whole, and the greatest one cannot
    // be made greater.
    let text = format!("{}{}", "é".repeat(40), "\u{10ffff}".repeat(20));
    let stats = of(&S::String, &[Datum::String(&text)]);
    let ValueStats::Between(ends) = &stats.columns[0].values else {
        panic!("{stats:?}");
    };
    let ends = ends.unpack();
    assert!(ends[0] < Datum::String(&text) && Datum::String(&text) < ends[1]);
    let stats = of(&S::Bytes, &[Datum::Bytes(&[255; 300])]);
    assert!(stats.columns[0].allows(Datum::Bytes(&[255; 300])));
}

#[test]
fn a_nan_with_a_sign_bounds_nothing() {
    let both = [
        Datum::Float64(-f64::NAN),
        Datum::Float64(0.0),
        Datum::Float64(f64::NAN),
    ];
    let stats = of(&S::Float64, &both);
    assert_eq!(stats.columns[0].values, ValueStats::Any);
    let stats = of(&S::Float64, &both[1..]);
    let expected = between(Datum::Float64(0.0), Datum::Float64(f64::NAN));
    assert_eq!(stats.columns[0].values, expected);
}

#[test]
fn decimals_are_bounded_by_their_values_not_by_their_bytes() {
    let n = |n: i128, e: i32| Datum::Numeric(Numeric::new(n, e).unwrap());
    let stats = of(&NUMERIC, &[n(1, 2), n(-7, 0), n(99, 0), n(5, -1)]);
    assert_eq!(stats.columns[0].values, between(n(-7, 0), n(1, 2)));
}

#[test]
fn json_is_bounded_where_all_values_are_of_one_kind() {
    let values = |texts: &[&str]| {
        let stats = of_keys(&S::Jsonb, false, &json(texts));
        stats.columns[0].values.clone()
    };
    let n = |n: i128, e: i32| Datum::Numeric(Numeric::new(n, e).unwrap());
    assert_eq!(values(&["1", "-2.5", "10"]), between(n(-25, -1), n(1, 1)));
    let texts = between(Datum::String("a"), Datum::String("b"));
    assert_eq!(values(&[r#""b""#, r#""a""#]), texts);
    let nulls = between(Datum::JsonNull, Datum::JsonNull);
    assert_eq!(values(&["null", "null"]), nulls);
    assert_eq!(values(&["true"]), between(Datum::True, Datum::True));
    for several in [
        ["1", "null"],
        ["true", "\"a\""],
        ["[1]", "[]"],
        ["{}", "{}"],
    ] {
        assert_eq!(values(&several), ValueStats::Any, "{several:?}");
    }
}

/// The statistics of a column of JSON, as bytes.
fn json_bytes(texts: &[&str]) -> Vec<u8> {
    let desc = RelationDesc::from_columns([("c", S::Jsonb, false)]);
    let mut builder = KeyBuilder::new(&desc);
    for key in json(texts) {
        builder.push(&key).unwrap();
    }
    let stats = collect(&desc, &builder.finish()).unwrap();
    let Some(StatsKind::Struct(rows)) = &stats.cols["ok"].kind else {
        panic!("{stats:?}");
    };
    match &rows.cols["c"].kind {
        Some(StatsKind::Bytes(ProtoBytesStats {
            kind: Some(BytesKind::Json(stats)),
        })) => stats.encode_to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn statistics_of_json_have_the_bytes_of_the_contract() {
    for (texts, hex) in [
        // Maps (8) of an element (1): its name (1), how many values (2), bools (4) of them (3).
        (
            &[r#"{"a":true}"#, "{}"][..],
            "420f0a0d0a016110011a06220408017001",
        ),
        (&["null"], "1a00"),
        (&["1", "null"], "1200"),
        (&["[]", "[1]"], "3a00"),
        (&[], "0a00"),
        // Numbers (9) are whole datums: a decimal (24) of packed digits (1).
        (&["1"], "4a100a06c201030a011c1206c201030a011c"),
        (&[r#""b""#, r#""a""#], "2a076a0161d2010162"),
    ] {
        assert_eq!(hex::encode(json_bytes(texts)), hex, "{texts:?}");
    }
}

#[test]
fn statistics_of_deep_json_are_read_back() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(55), "}".repeat(55));
    let stats = of_keys(&S::Jsonb, false, &json(&[&deep]));
    assert_eq!(stats.errors, Some(0));
    assert_eq!(stats.columns[0].values, ValueStats::Any);
}

#[test]
fn nulls_of_errors_are_no_nulls_of_rows() {
    let keys = [rows(&[Datum::Int64(4)]), vec![error(), error()]].concat();
    let stats = of_keys(&S::Int64, true, &keys);
    assert_eq!((stats.len, stats.errors), (3, Some(2)));
    assert!(!stats.columns[0].nullable);
    let stats = of(&S::Int64, &[Datum::Null, Datum::Null]);
    let only_null = ColumnStats {
        nullable: true,
        values: ValueStats::None,
    };
    assert_eq!(stats.columns, [only_null]);
}

#[test]
fn statistics_of_another_type_or_shape_say_nothing() {
    let desc = RelationDesc::from_columns([("c", S::Int64, false)]);
    let mut builder = KeyBuilder::new(&desc);
    builder.push(&Ok(Row::pack([Datum::Int64(1)]))).unwrap();
    let keys = builder.finish();
    let bytes = encode_stats(&desc, &keys, 1024).unwrap();
    let unknown = ColumnStats {
        nullable: true,
        values: ValueStats::Any,
    };
    let as_text = RelationDesc::from_columns([("c", S::String, false)]);
    let read = decode_stats(&desc, &as_text, &bytes).unwrap();
    assert_eq!(read.columns, std::slice::from_ref(&unknown));
    let renamed = RelationDesc::from_columns([("d", S::Int64, false)]);
    let read = decode_stats(&renamed, &desc, &bytes).unwrap();
    assert_eq!(read.columns, std::slice::from_ref(&unknown));
    // Two columns of one name cannot be told apart.
    let twice = RelationDesc::from_columns([("c", S::Int64, false), ("c", S::Int64, false)]);
    let read = decode_stats(&twice, &twice, &bytes).unwrap();
    assert_eq!(read.columns, [unknown.clone(), unknown]);
    // Counts that contradict each other tell of no errors.
    let mut stats = collect(&desc, &keys).unwrap();
    stats.cols.remove("err");
    let bytes = prost::Message::encode_to_vec(&stats);
    let read = decode_stats(&desc, &desc, &bytes).unwrap();
    assert_eq!(read.errors, None);
    assert!(decode_stats(&desc, &desc, b"\xff\xff").is_err());
}

#[test]
fn a_reader_finds_columns_by_their_numbers_whatever_it_calls_them() {
    let written = RelationDesc::from_columns([("a", S::Int64, false), ("b", S::Int64, false)]);
    let mut builder = KeyBuilder::new(&written);
    let row = Row::pack([Datum::Int64(1), Datum::Int64(9)]);
    builder.push(&Ok(row.clone())).unwrap();
    let bytes = encode_stats(&written, &builder.finish(), 1024).unwrap();
    let swapped = RelationDesc::from_columns([("b", S::Int64, false), ("a", S::Int64, false)]);
    let stats = decode_stats(&written, &swapped, &bytes).unwrap();
    assert!(stats.allow(&Ok(row)), "{stats:?}");
    assert!(!stats.columns[0].allows(Datum::Int64(9)));
}

#[test]
fn what_exceeds_the_budget_is_left_out_and_read_as_unknown() {
    let names = ["a", "b", "c", "seen_at"];
    let columns = names.map(|name| (name, S::String, false));
    let desc = RelationDesc::from_columns(columns);
    let mut builder = KeyBuilder::new(&desc);
    let texts = [90, 10, 80, 100].map(|n| "x".repeat(n));
    let row = Row::pack(texts.iter().map(|text| Datum::String(text)));
    builder.push(&Ok(row.clone())).unwrap();
    let keys = builder.finish();
    let bytes = encode_stats(&desc, &keys, 350).unwrap();
    assert!(bytes.len() <= 350, "{}", bytes.len());
    let stats = decode_stats(&desc, &desc, &bytes).unwrap();
    let known = stats.columns.iter().map(|c| c.values != ValueStats::Any);
    assert_eq!(known.collect::<Vec<_>>(), [false, true, false, true]);
    assert!(stats.allow(&Ok(row)) && stats.errors == Some(0));
}

#[test]
fn a_least_key_loses_its_last_columns_until_it_fits() {
    let desc = RelationDesc::from_columns([("n", S::Int64, false), ("t", S::String, false)]);
    let least = |text: &str| {
        let mut builder = KeyBuilder::new(&desc);
        for n in [5, 3, 4] {
            let row = Row::pack([Datum::Int64(n), Datum::String(text)]);
            builder.push(&Ok(row)).unwrap();
        }
        encode_key_lower(&builder.finish(), 256).unwrap()
    };
    assert!(least("short").unwrap().len() > least(&"x".repeat(6000)).unwrap().len());
    let none = KeyBuilder::new(&desc).finish();
    assert_eq!(encode_key_lower(&none, 256).unwrap(), None);
}
