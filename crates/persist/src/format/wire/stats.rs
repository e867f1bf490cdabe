//! Messages of part statistics (`spec/persist.md` §5.9).
//!
//! Invariant: maps are written in the order of their keys, and a bound is
//! present even where it is the default of its type, as upstream writes them.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

use super::state::Empty;

/// Statistics of a column of structs, and of a whole part.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoStructStats {
    #[prost(uint64, tag = "1")]
    pub len: u64,
    #[prost(btree_map = "string, message", tag = "2")]
    pub cols: BTreeMap<String, ProtoDynStats>,
}

/// Statistics of one column.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoDynStats {
    /// Present exactly if the column is nullable.
    #[prost(message, optional, tag = "1")]
    pub option: Option<ProtoOptionStats>,
    #[prost(oneof = "StatsKind", tags = "2, 3, 4, 5")]
    pub kind: Option<StatsKind>,
}

/// How many values of a nullable column are null.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoOptionStats {
    #[prost(uint64, tag = "1")]
    pub none: u64,
}

/// What is known of the values that are not null.
#[derive(Clone, PartialEq, Oneof)]
pub enum StatsKind {
    #[prost(message, tag = "2")]
    Struct(ProtoStructStats),
    #[prost(message, tag = "3")]
    Primitive(ProtoPrimitiveStats),
    #[prost(message, tag = "4")]
    Bytes(ProtoBytesStats),
    #[prost(message, tag = "5")]
    None(Empty),
}

/// The least and the greatest value of a primitive type.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoPrimitiveStats {
    #[prost(oneof = "Lower", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13")]
    pub lower: Option<Lower>,
    #[prost(
        oneof = "Upper",
        tags = "14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26"
    )]
    pub upper: Option<Upper>,
}

/// A lower bound, inclusive.
#[derive(Clone, PartialEq, Oneof)]
pub enum Lower {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(uint32, tag = "2")]
    U8(u32),
    #[prost(uint32, tag = "3")]
    U16(u32),
    #[prost(uint32, tag = "4")]
    U32(u32),
    #[prost(uint64, tag = "5")]
    U64(u64),
    #[prost(int32, tag = "6")]
    I8(i32),
    #[prost(int32, tag = "7")]
    I16(i32),
    #[prost(int32, tag = "8")]
    I32(i32),
    #[prost(int64, tag = "9")]
    I64(i64),
    #[prost(float, tag = "10")]
    F32(f32),
    #[prost(double, tag = "11")]
    F64(f64),
    #[prost(string, tag = "13")]
    String(String),
}

/// An upper bound, inclusive.
#[derive(Clone, PartialEq, Oneof)]
pub enum Upper {
    #[prost(bool, tag = "14")]
    Bool(bool),
    #[prost(uint32, tag = "15")]
    U8(u32),
    #[prost(uint32, tag = "16")]
    U16(u32),
    #[prost(uint32, tag = "17")]
    U32(u32),
    #[prost(uint64, tag = "18")]
    U64(u64),
    #[prost(int32, tag = "19")]
    I8(i32),
    #[prost(int32, tag = "20")]
    I16(i32),
    #[prost(int32, tag = "21")]
    I32(i32),
    #[prost(int64, tag = "22")]
    I64(i64),
    #[prost(float, tag = "23")]
    F32(f32),
    #[prost(double, tag = "24")]
    F64(f64),
    #[prost(string, tag = "26")]
    String(String),
}

/// Statistics of what is stored as bytes.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoBytesStats {
    #[prost(oneof = "BytesKind", tags = "1, 2, 3, 4")]
    pub kind: Option<BytesKind>,
}

/// What the bytes mean.
#[derive(Clone, PartialEq, Oneof)]
pub enum BytesKind {
    #[prost(message, tag = "1")]
    Primitive(ProtoBytesBounds),
    #[prost(message, tag = "2")]
    Json(ProtoJsonStats),
    /// Encoded `ProtoDatum`s, of old.
    #[prost(message, tag = "3")]
    Atomic(ProtoBytesBounds),
    #[prost(message, tag = "4")]
    FixedSize(ProtoFixedSizeStats),
}

/// Statistics of a column of JSON, or of the values that maps have for a key.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoJsonStats {
    #[prost(oneof = "JsonKind", tags = "1, 2, 3, 4, 5, 7, 8, 9")]
    pub kind: Option<JsonKind>,
}

/// What all of the values are.
#[derive(Clone, PartialEq, Oneof)]
pub enum JsonKind {
    /// There are no values.
    #[prost(message, tag = "1")]
    None(Empty),
    /// They are of several kinds.
    #[prost(message, tag = "2")]
    Mixed(Empty),
    /// Nulls of JSON.
    #[prost(message, tag = "3")]
    JsonNulls(Empty),
    #[prost(message, tag = "4")]
    Bools(ProtoPrimitiveStats),
    #[prost(message, tag = "5")]
    Strings(ProtoPrimitiveStats),
    #[prost(message, tag = "7")]
    Lists(Empty),
    #[prost(message, tag = "8")]
    Maps(ProtoJsonMapStats),
    /// Encoded `ProtoDatum`s.
    #[prost(message, tag = "9")]
    Numerics(ProtoBytesBounds),
}

/// Of every key that occurs in some map.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoJsonMapStats {
    #[prost(message, repeated, tag = "1")]
    pub elements: Vec<ProtoJsonElementStats>,
}

/// The values of one key.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoJsonElementStats {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint64, tag = "2")]
    pub len: u64,
    #[prost(message, optional, tag = "3")]
    pub stats: Option<ProtoJsonStats>,
}

/// The least and the greatest value as bytes.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ProtoBytesBounds {
    #[prost(bytes = "vec", tag = "1")]
    pub lower: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub upper: Vec<u8>,
}

/// Bounds of values of fixed width, as they stand in the column.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoFixedSizeStats {
    #[prost(bytes = "vec", tag = "1")]
    pub lower: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub upper: Vec<u8>,
    #[prost(oneof = "FixedSizeKind", tags = "3, 4, 5, 6, 7")]
    pub kind: Option<FixedSizeKind>,
}

/// What the fixed width holds.
#[derive(Clone, Copy, PartialEq, Eq, Oneof)]
pub enum FixedSizeKind {
    #[prost(message, tag = "3")]
    Time(Empty),
    #[prost(message, tag = "4")]
    Interval(Empty),
    #[prost(message, tag = "5")]
    Numeric(Empty),
    #[prost(message, tag = "6")]
    Uuid(Empty),
    /// Of dates with times, with or without a zone.
    #[prost(message, tag = "7")]
    DateTime(Empty),
}
