//! Answers that were stashed in persist: serde forms of persist's messages.
//! Source: `spec/ctp.md` §3.4.
//!
//! Invariant: serde order is wire order (plain fields first, then the oneofs).

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RowCollection;
use repr::{RelationDesc, ShardId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StashedPeekResponse {
    pub num_rows_batches: u64,
    pub encoded_size_bytes: usize,
    pub relation_desc: RelationDesc,
    pub shard_id: ShardId,
    pub batches: Vec<ProtoBatch>,
    pub inline_rows: Vec<RowCollection>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtoBatch {
    pub shard_id: String,
    pub version: String,
    pub key_schema: Bytes,
    pub val_schema: Bytes,
    pub batch: Option<ProtoHollowBatch>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtoHollowBatch {
    pub desc: Option<ProtoU64Description>,
    pub parts: Vec<ProtoHollowBatchPart>,
    pub len: u64,
    pub runs: Vec<u64>,
    pub run_meta: Vec<ProtoRunMeta>,
    pub deprecated_keys: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtoHollowBatchPart {
    pub ts_rewrite: Option<ProtoU64Antichain>,
    pub encoded_size_bytes: u64,
    pub key_lower: Bytes,
    pub structured_key_lower: Option<Bytes>,
    pub diffs_sum: Option<i64>,
    pub schema_id: Option<u64>,
    pub metadata: BTreeMap<String, Bytes>,
    pub key_stats: Option<Bytes>,
    pub deprecated_schema_id: Option<u64>,
    pub kind: Option<Kind>,
    pub format: Option<Format>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    Key(String),
    Inline(Bytes),
    RunRef(ProtoHollowRunRef),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Format {
    Row(()),
    RowAndColumnar(u64),
    Structured(()),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtoHollowRunRef {
    pub key: String,
    pub max_part_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtoRunMeta {
    pub order: i32,
    pub schema_id: Option<u64>,
    pub deprecated_schema_id: Option<u64>,
    pub id: Option<String>,
    pub len: Option<u64>,
    pub meta: BTreeMap<String, Bytes>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtoU64Description {
    pub lower: Option<ProtoU64Antichain>,
    pub upper: Option<ProtoU64Antichain>,
    pub since: Option<ProtoU64Antichain>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtoU64Antichain {
    pub elements: Vec<i64>,
}
