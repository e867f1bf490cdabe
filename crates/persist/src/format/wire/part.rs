//! Messages of batch parts: the inline form and the metadata of a blob part
//! (`spec/persist.md` §5.2, §5.6).
//!
//! Invariant: nothing here is validated; `part` does that.

use prost::Message;

use super::arrow::ProtoArrayData;
use super::state::ProtoU64Description;

/// A part that lives in the state.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoInlineBatchPart {
    #[prost(message, optional, tag = "1")]
    pub desc: Option<ProtoU64Description>,
    #[prost(uint64, tag = "2")]
    pub index: u64,
    #[prost(message, optional, tag = "3")]
    pub updates: Option<ProtoColumnarRecords>,
}

/// Updates in columns.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoColumnarRecords {
    #[prost(uint64, tag = "1")]
    pub len: u64,
    #[prost(int32, repeated, packed = "true", tag = "2")]
    pub key_offsets: Vec<i32>,
    #[prost(bytes = "bytes", tag = "3")]
    pub key_data: bytes::Bytes,
    #[prost(int32, repeated, packed = "true", tag = "4")]
    pub val_offsets: Vec<i32>,
    #[prost(bytes = "bytes", tag = "5")]
    pub val_data: bytes::Bytes,
    #[prost(int64, repeated, packed = "true", tag = "6")]
    pub timestamps: Vec<i64>,
    #[prost(int64, repeated, packed = "true", tag = "7")]
    pub diffs: Vec<i64>,
    #[prost(message, optional, tag = "8")]
    pub key_structured: Option<ProtoArrayData>,
    #[prost(message, optional, tag = "9")]
    pub val_structured: Option<ProtoArrayData>,
}

/// The `MZ:inline` metadata of a Parquet part, before base64.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoBatchPartInline {
    #[prost(int32, tag = "1")]
    pub format: i32,
    #[prost(message, optional, tag = "2")]
    pub desc: Option<ProtoU64Description>,
    #[prost(uint64, tag = "3")]
    pub index: u64,
    #[prost(oneof = "StructuredMigration", tags = "4")]
    pub structured_migration: Option<StructuredMigration>,
}

/// Which columns of the file count (presence matters, hence the oneof).
#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum StructuredMigration {
    #[prost(uint64, tag = "4")]
    Version(u64),
}
