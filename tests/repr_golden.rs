//! Rows against what the real crates packed and compared. What this file alone
//! can catch: an encoding, a reduction or an order that is self-consistent but
//! not the field's. Data: `tests/golden/values`, described in `spec/plan.md` §6.

#[path = "support/golden.rs"]
mod golden_file;

use std::cmp::Ordering;

use clusterd_fuzz::repr::Row;
use serde_json::Value;

/// The JSON objects of a golden file of values.
fn golden(name: &str) -> Vec<Value> {
    golden_file::lines(&format!("values/{name}"))
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn row(value: &Value) -> Row {
    Row::from_bytes(bytes(value)).unwrap()
}

#[test]
fn every_row_unpacks_and_packs_back_to_its_bytes() {
    let cases = golden("rows.jsonl.gz");
    assert_eq!(cases.len(), 1902);
    for case in &cases {
        let row = row(&case["row_hex"]);
        let packed = Row::pack(row.iter());
        assert_eq!(packed.bytes(), row.bytes(), "{}: {row}", case["what"]);
        let datums = case["row"].as_array().unwrap().len();
        assert_eq!(row.iter().count(), datums, "{}", case["what"]);
    }
}

#[test]
fn a_row_that_is_cut_short_is_an_error_or_a_shorter_row() {
    for case in golden("rows.jsonl.gz") {
        let bytes = bytes(&case["row_hex"]);
        let whole = Row::from_bytes(bytes.clone()).unwrap().iter().count();
        for end in 0..bytes.len() {
            if let Ok(shorter) = Row::from_bytes(bytes[..end].to_vec()) {
                assert!(shorter.iter().count() < whole || whole == 0);
            }
        }
    }
}

#[test]
fn rows_and_datums_compare_as_the_field_compares_them() {
    let sign = |ordering: Ordering| ordering as i64;
    for case in golden("order.jsonl.gz") {
        match case["t"].as_str().unwrap() {
            "pair" => {
                let (a, b) = (row(&case["a_hex"]), row(&case["b_hex"]));
                assert_eq!(
                    sign(a.cmp(&b)),
                    case["row_cmp"].as_i64().unwrap(),
                    "{a} {b}"
                );
                assert_eq!(
                    sign(a.iter().cmp(b.iter())),
                    case["datum_cmp"].as_i64().unwrap(),
                    "{a} {b}"
                );
            }
            "sort" => {
                let rows: Vec<Row> = case["rows_hex"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(row)
                    .collect();
                let sorted = |by: &dyn Fn(&Row, &Row) -> Ordering| {
                    let mut indices: Vec<usize> = (0..rows.len()).collect();
                    indices.sort_by(|a, b| by(&rows[*a], &rows[*b]));
                    serde_json::json!(indices)
                };
                assert_eq!(sorted(&Row::cmp), case["by_row"]);
                assert_eq!(sorted(&|a, b| a.iter().cmp(b.iter())), case["by_datums"]);
            }
            "columns" => {}
            other => panic!("unknown kind of case: {other}"),
        }
    }
}
