//! Messages of the shard state: diffs, rollups, batches, readers, writers
//! (`spec/persist.md` §3.2–3.7).
//!
//! Invariant: field numbers and types are those of the document, and numbers
//! that hold a time or a diff are bit patterns of 64-bit integers.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::{Message, Oneof};

/// A frontier; `[]` is a present, empty message.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoU64Antichain {
    #[prost(int64, repeated, packed = "true", tag = "1")]
    pub elements: Vec<i64>,
}

/// `[lower, upper)` with a since.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoU64Description {
    #[prost(message, optional, tag = "1")]
    pub lower: Option<ProtoU64Antichain>,
    #[prost(message, optional, tag = "2")]
    pub upper: Option<ProtoU64Antichain>,
    #[prost(message, optional, tag = "3")]
    pub since: Option<ProtoU64Antichain>,
}

/// The value in consensus.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoStateDiff {
    #[prost(string, tag = "1")]
    pub applier_version: String,
    #[prost(uint64, tag = "2")]
    pub seqno_from: u64,
    #[prost(uint64, tag = "3")]
    pub seqno_to: u64,
    #[prost(string, tag = "4")]
    pub latest_rollup_key: String,
    #[prost(message, optional, tag = "5")]
    pub field_diffs: Option<ProtoStateFieldDiffs>,
    #[prost(uint64, tag = "6")]
    pub walltime_ms: u64,
}

/// The packed columns of a diff (`spec/persist.md` §3.3).
#[derive(Clone, PartialEq, Message)]
pub struct ProtoStateFieldDiffs {
    #[prost(int32, repeated, packed = "true", tag = "1")]
    pub fields: Vec<i32>,
    #[prost(int32, repeated, packed = "true", tag = "2")]
    pub diff_types: Vec<i32>,
    #[prost(uint64, repeated, packed = "true", tag = "3")]
    pub data_lens: Vec<u64>,
    #[prost(bytes = "bytes", tag = "4")]
    pub data_bytes: Bytes,
}

/// The whole state at one seqno, in blob.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRollup {
    #[prost(string, tag = "1")]
    pub shard_id: String,
    #[prost(string, tag = "2")]
    pub key_codec: String,
    #[prost(string, tag = "3")]
    pub val_codec: String,
    #[prost(string, tag = "4")]
    pub ts_codec: String,
    #[prost(string, tag = "5")]
    pub diff_codec: String,
    #[prost(uint64, tag = "6")]
    pub seqno: u64,
    #[prost(message, optional, tag = "7")]
    pub trace: Option<ProtoTrace>,
    #[prost(btree_map = "string, message", tag = "8")]
    pub leased_readers: BTreeMap<String, ProtoLeasedReaderState>,
    #[prost(btree_map = "string, message", tag = "9")]
    pub writers: BTreeMap<String, ProtoWriterState>,
    #[prost(uint64, tag = "10")]
    pub last_gc_req: u64,
    #[prost(string, tag = "11")]
    pub applier_version: String,
    #[prost(btree_map = "uint64, string", tag = "12")]
    pub deprecated_rollups: BTreeMap<u64, String>,
    #[prost(btree_map = "string, message", tag = "13")]
    pub critical_readers: BTreeMap<String, ProtoCriticalReaderState>,
    #[prost(string, tag = "14")]
    pub hostname: String,
    #[prost(uint64, tag = "15")]
    pub walltime_ms: u64,
    #[prost(btree_map = "uint64, message", tag = "16")]
    pub rollups: BTreeMap<u64, ProtoHollowRollup>,
    #[prost(message, optional, tag = "17")]
    pub diffs: Option<ProtoInlinedDiffs>,
    #[prost(btree_map = "uint64, message", tag = "18")]
    pub schemas: BTreeMap<u64, ProtoEncodedSchemas>,
    #[prost(message, optional, tag = "19")]
    pub active_rollup: Option<ProtoActive>,
    #[prost(message, optional, tag = "20")]
    pub active_gc: Option<ProtoActive>,
}

/// The consensus values that led from the latest rollup to this one.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoInlinedDiffs {
    #[prost(uint64, tag = "1")]
    pub lower: u64,
    #[prost(uint64, tag = "2")]
    pub upper: u64,
    #[prost(message, repeated, tag = "3")]
    pub diffs: Vec<ProtoVersionedData>,
}

/// A consensus value with its seqno.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoVersionedData {
    #[prost(uint64, tag = "1")]
    pub seqno: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub data: Bytes,
}

/// A batch on its way between processes (`spec/persist.md` §3.7).
#[derive(Clone, PartialEq, Message)]
pub struct ProtoBatch {
    #[prost(string, tag = "1")]
    pub shard_id: String,
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(message, optional, tag = "3")]
    pub batch: Option<ProtoHollowBatch>,
    #[prost(bytes = "bytes", tag = "5")]
    pub key_schema: Bytes,
    #[prost(bytes = "bytes", tag = "6")]
    pub val_schema: Bytes,
}

/// A batch of the trace.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoHollowBatch {
    #[prost(message, optional, tag = "1")]
    pub desc: Option<ProtoU64Description>,
    #[prost(string, repeated, tag = "2")]
    pub deprecated_keys: Vec<String>,
    #[prost(uint64, tag = "3")]
    pub len: u64,
    #[prost(message, repeated, tag = "4")]
    pub parts: Vec<ProtoHollowBatchPart>,
    #[prost(uint64, repeated, packed = "true", tag = "5")]
    pub runs: Vec<u64>,
    #[prost(message, repeated, tag = "6")]
    pub run_meta: Vec<ProtoRunMeta>,
}

/// The `order` of a run whose updates are not sorted.
pub const UNORDERED_ORDER: i32 = 1;

/// The `order` of a run whose updates are sorted by their structured keys and
/// consolidated (`spec/persist.md` §5.3).
pub const STRUCTURED_ORDER: i32 = 3;

/// What is known about a run of parts.
#[allow(
    clippy::len_without_is_empty,
    reason = "the derive makes `len` of a field, not of a container"
)]
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRunMeta {
    #[prost(int32, tag = "1")]
    pub order: i32,
    #[prost(uint64, optional, tag = "2")]
    pub deprecated_schema_id: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub schema_id: Option<u64>,
    #[prost(string, optional, tag = "4")]
    pub id: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    pub len: Option<u64>,
    #[prost(btree_map = "string, bytes", tag = "6")]
    pub meta: BTreeMap<String, Vec<u8>>,
}

/// The empty message.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Empty {}

/// A part in blob, a part in the state, or a reference to a spilled run.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoHollowBatchPart {
    #[prost(oneof = "PartKind", tags = "1, 5, 11")]
    pub kind: Option<PartKind>,
    #[prost(uint64, tag = "2")]
    pub encoded_size_bytes: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub key_lower: Bytes,
    #[prost(message, optional, tag = "4")]
    pub ts_rewrite: Option<ProtoU64Antichain>,
    #[prost(int64, optional, tag = "6")]
    pub diffs_sum: Option<i64>,
    #[prost(oneof = "PartFormat", tags = "7, 8, 13")]
    pub format: Option<PartFormat>,
    #[prost(uint64, optional, tag = "9")]
    pub deprecated_schema_id: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "10")]
    pub structured_key_lower: Option<Bytes>,
    #[prost(uint64, optional, tag = "12")]
    pub schema_id: Option<u64>,
    #[prost(btree_map = "string, bytes", tag = "14")]
    pub metadata: BTreeMap<String, Vec<u8>>,
    #[prost(bytes = "bytes", optional, tag = "536870906")]
    pub key_stats: Option<Bytes>,
}

/// Where a part's bytes are.
#[derive(Clone, PartialEq, Oneof)]
pub enum PartKind {
    /// A blob; the partial key.
    #[prost(string, tag = "1")]
    Key(String),
    /// In the state itself: an encoded `ProtoInlineBatchPart`.
    #[prost(bytes = "bytes", tag = "5")]
    Inline(Bytes),
    /// A blob that holds a `ProtoHollowRun`.
    #[prost(message, tag = "11")]
    RunRef(ProtoHollowRunRef),
}

/// Which columns a part was written with.
#[derive(Clone, Copy, PartialEq, Eq, Oneof)]
pub enum PartFormat {
    #[prost(message, tag = "7")]
    Row(Empty),
    #[prost(uint64, tag = "8")]
    RowAndColumnar(u64),
    #[prost(message, tag = "13")]
    Structured(Empty),
}

/// A reference to a spilled run.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoHollowRunRef {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(uint64, tag = "2")]
    pub max_part_bytes: u64,
}

/// The content of a spilled run's blob.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoHollowRun {
    #[prost(message, repeated, tag = "1")]
    pub parts: Vec<ProtoHollowBatchPart>,
}

/// A reader with a lease.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoLeasedReaderState {
    #[prost(message, optional, tag = "1")]
    pub since: Option<ProtoU64Antichain>,
    #[prost(uint64, tag = "2")]
    pub seqno: u64,
    #[prost(uint64, tag = "3")]
    pub last_heartbeat_timestamp_ms: u64,
    #[prost(uint64, tag = "4")]
    pub lease_duration_ms: u64,
    #[prost(message, optional, tag = "5")]
    pub debug: Option<ProtoHandleDebugState>,
}

/// A reader without a lease; it is never expired.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoCriticalReaderState {
    #[prost(message, optional, tag = "1")]
    pub since: Option<ProtoU64Antichain>,
    #[prost(int64, tag = "2")]
    pub opaque: i64,
    #[prost(string, tag = "3")]
    pub opaque_codec: String,
    #[prost(message, optional, tag = "4")]
    pub debug: Option<ProtoHandleDebugState>,
}

/// A writer with a lease.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoWriterState {
    #[prost(uint64, tag = "1")]
    pub last_heartbeat_timestamp_ms: u64,
    #[prost(uint64, tag = "2")]
    pub lease_duration_ms: u64,
    #[prost(string, tag = "3")]
    pub most_recent_write_token: String,
    #[prost(message, optional, tag = "4")]
    pub most_recent_write_upper: Option<ProtoU64Antichain>,
    #[prost(message, optional, tag = "5")]
    pub debug: Option<ProtoHandleDebugState>,
}

/// Who opened a handle, and what for.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoHandleDebugState {
    #[prost(string, tag = "1")]
    pub hostname: String,
    #[prost(string, tag = "2")]
    pub purpose: String,
}

/// A registered pair of schemas.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoEncodedSchemas {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub val: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub key_data_type: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub val_data_type: Bytes,
}

/// A rollup's blob.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoHollowRollup {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(uint64, optional, tag = "2")]
    pub encoded_size_bytes: Option<u64>,
}

/// `ProtoActiveRollup` and `ProtoActiveGC`, which have the same shape.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoActive {
    #[prost(uint64, tag = "1")]
    pub seqno: u64,
    #[prost(uint64, tag = "2")]
    pub start_ms: u64,
}

/// A half-open range of batch numbers.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoSpineId {
    #[prost(uint64, tag = "1")]
    pub lo: u64,
    #[prost(uint64, tag = "2")]
    pub hi: u64,
}

/// A batch of the spine, without its contents.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoSpineBatch {
    #[prost(uint64, tag = "1")]
    pub level: u64,
    #[prost(message, optional, tag = "2")]
    pub desc: Option<ProtoU64Description>,
    #[prost(message, repeated, tag = "3")]
    pub parts: Vec<ProtoSpineId>,
    #[prost(message, repeated, tag = "4")]
    pub descs: Vec<ProtoU64Description>,
}

/// A running merge of a level, or the claim of a compaction.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoMerge {
    #[prost(message, optional, tag = "1")]
    pub since: Option<ProtoU64Antichain>,
    #[prost(uint64, tag = "2")]
    pub remaining_work: u64,
    #[prost(message, optional, tag = "3")]
    pub active_compaction: Option<ProtoCompaction>,
}

/// The claim of a compaction.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoCompaction {
    #[prost(uint64, tag = "1")]
    pub start_ms: u64,
}

/// A hollow batch by id.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoIdHollowBatch {
    #[prost(message, optional, tag = "1")]
    pub id: Option<ProtoSpineId>,
    #[prost(message, optional, tag = "2")]
    pub batch: Option<ProtoHollowBatch>,
}

/// A spine batch by id.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoIdSpineBatch {
    #[prost(message, optional, tag = "1")]
    pub id: Option<ProtoSpineId>,
    #[prost(message, optional, tag = "2")]
    pub batch: Option<ProtoSpineBatch>,
}

/// A merge by id.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoIdMerge {
    #[prost(message, optional, tag = "1")]
    pub id: Option<ProtoSpineId>,
    #[prost(message, optional, tag = "2")]
    pub merge: Option<ProtoMerge>,
}

/// The flat form of the trace.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoTrace {
    #[prost(message, optional, tag = "1")]
    pub since: Option<ProtoU64Antichain>,
    #[prost(message, repeated, tag = "2")]
    pub legacy_batches: Vec<ProtoHollowBatch>,
    #[prost(message, repeated, tag = "3")]
    pub hollow_batches: Vec<ProtoIdHollowBatch>,
    #[prost(message, repeated, tag = "4")]
    pub spine_batches: Vec<ProtoIdSpineBatch>,
    #[prost(message, repeated, tag = "5")]
    pub merges: Vec<ProtoIdMerge>,
}

/// The wrapper of a string key or value in a diff.
#[derive(Clone, PartialEq, Message)]
pub struct StringValue {
    #[prost(string, tag = "1")]
    pub value: String,
}

/// The wrapper of a number in a diff.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct U64Value {
    #[prost(uint64, tag = "1")]
    pub value: u64,
}
