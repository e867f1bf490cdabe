//! Loading recorded stores (`tests/golden/recordings`, `tests/golden/persist`).

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use clusterd_fuzz::persist::VersionedData;
use clusterd_fuzz::persist::blob::MemBlob;
use clusterd_fuzz::persist::consensus::MemConsensus;
use clusterd_fuzz::persist::{Blob, SeqNo};
use serde::Deserialize;

/// The folder of golden data.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every recorded store, by name.
pub fn stores() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for parent in ["recordings", "persist/runs"] {
        for entry in fs::read_dir(folder().join(parent)).unwrap() {
            let path = entry.unwrap().path();
            if path.join("consensus.jsonl").exists() {
                let name = path.file_name().unwrap().to_str().unwrap();
                found.push((name.to_string(), path));
            }
        }
    }
    found.sort();
    assert!(found.len() >= 29);
    found
}

/// A row of consensus.
#[derive(Deserialize)]
struct Row {
    shard: String,
    seqno: u64,
    hex: String,
}

/// A blob.
#[derive(Deserialize)]
struct File_ {
    file: String,
    base64: String,
}

/// The rows of consensus: each shard with its log.
pub fn logs(path: &Path) -> Vec<(String, Vec<VersionedData>)> {
    let mut logs: Vec<(String, Vec<VersionedData>)> = Vec::new();
    let file = File::open(path.join("consensus.jsonl")).unwrap();
    for line in BufReader::new(file).lines() {
        let row: Row = serde_json::from_str(&line.unwrap()).unwrap();
        let entry = VersionedData {
            seqno: SeqNo(row.seqno),
            data: Bytes::from(hex::decode(row.hex).unwrap()),
        };
        match logs.last_mut() {
            Some((shard, log)) if *shard == row.shard => log.push(entry),
            _ => logs.push((row.shard, vec![entry])),
        }
    }
    logs
}

/// The blobs by key.
pub fn blobs(path: &Path) -> Vec<(String, Bytes)> {
    let file = File::open(path.join("blobs.jsonl.gz")).unwrap();
    BufReader::new(flate2::read::GzDecoder::new(file))
        .lines()
        .map(|line| {
            let file: File_ = serde_json::from_str(&line.unwrap()).unwrap();
            let value = base64::engine::general_purpose::STANDARD
                .decode(file.base64)
                .unwrap();
            (file.file.replace('\u{2215}', "/"), Bytes::from(value))
        })
        .collect()
}

/// The recording in memory.
pub fn load(path: &Path) -> (Arc<MemConsensus>, Arc<MemBlob>) {
    let consensus = Arc::new(MemConsensus::default());
    for (shard, log) in logs(path) {
        for entry in log {
            consensus.load(&shard, entry);
        }
    }
    let blob = Arc::new(MemBlob::default());
    for (key, value) in blobs(path) {
        blob.set(&key, value).unwrap();
    }
    (consensus, blob)
}
