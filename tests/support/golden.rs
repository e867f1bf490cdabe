//! Reads golden files: gzipped JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader};

use serde_json::Value;

/// The lines of a gzipped JSON-lines file under `tests/golden`.
pub fn lines(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let file = File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    BufReader::new(flate2::read::GzDecoder::new(file))
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}
