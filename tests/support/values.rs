//! Reads the golden values: rows, and what is encoded as on the wire.

use bincode::Options;
use clusterd_fuzz::repr::{Datum, Row};
use serde::de::DeserializeOwned;
use serde_json::Value;

#[path = "golden.rs"]
mod golden_file;

/// The JSON objects of a golden file of values.
pub fn golden(name: &str) -> Vec<Value> {
    golden_file::lines(&format!("values/{name}"))
}

pub fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

pub fn row(value: &Value) -> Row {
    Row::from_bytes(bytes(value)).unwrap()
}

pub fn decoded<T: DeserializeOwned>(value: &Value) -> T {
    bincode::DefaultOptions::new()
        .deserialize(&bytes(value))
        .unwrap()
}

/// Rows are equal by bytes; any NaN passes for any other.
pub fn same(a: &Row, b: &Row) -> bool {
    let nan = |datum: &Datum<'_>| match datum {
        Datum::Float32(v) => v.is_nan(),
        Datum::Float64(v) => v.is_nan(),
        _ => false,
    };
    let (a, b) = (a.unpack(), b.unpack());
    a.len() == b.len()
        && a.iter()
            .zip(&b)
            .all(|(a, b)| nan(a) && nan(b) || Row::pack([*a]) == Row::pack([*b]))
}
