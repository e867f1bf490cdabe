//! Messages of arrow types and arrays (`spec/persist.md` §5.5).
//!
//! Invariant: a child array has no data type of its own; it takes it from the
//! parent's type.

use prost::{Message, Oneof};

use super::state::Empty;

/// An arrow data type.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoDataType {
    #[prost(
        oneof = "DataTypeKind",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20"
    )]
    pub kind: Option<DataTypeKind>,
}

/// The kinds of data types.
#[derive(Clone, PartialEq, Oneof)]
pub enum DataTypeKind {
    #[prost(message, tag = "1")]
    String(Empty),
    #[prost(message, tag = "2")]
    Binary(Empty),
    #[prost(int32, tag = "3")]
    FixedBinary(i32),
    #[prost(message, tag = "4")]
    Int32(Empty),
    #[prost(message, tag = "5")]
    Int64(Empty),
    #[prost(message, tag = "6")]
    UInt32(Empty),
    #[prost(message, tag = "7")]
    UInt64(Empty),
    #[prost(message, tag = "8")]
    Float32(Empty),
    #[prost(message, tag = "9")]
    Float64(Empty),
    #[prost(message, tag = "10")]
    Struct(ProtoStructType),
    #[prost(message, boxed, tag = "11")]
    List(Box<ProtoField>),
    #[prost(message, tag = "12")]
    UInt8(Empty),
    #[prost(message, tag = "13")]
    Boolean(Empty),
    #[prost(message, tag = "16")]
    Null(Empty),
    #[prost(message, tag = "17")]
    Int8(Empty),
    #[prost(message, tag = "18")]
    Int16(Empty),
    #[prost(message, tag = "19")]
    UInt16(Empty),
    #[prost(message, boxed, tag = "20")]
    Map(Box<ProtoMapType>),
}

/// The fields of a struct.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoStructType {
    #[prost(message, repeated, tag = "1")]
    pub children: Vec<ProtoField>,
}

/// The entries of a map.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoMapType {
    #[prost(message, optional, boxed, tag = "1")]
    pub value: Option<Box<ProtoField>>,
    #[prost(bool, tag = "2")]
    pub sorted: bool,
}

/// A named, typed field.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoField {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(bool, tag = "2")]
    pub nullable: bool,
    #[prost(message, optional, boxed, tag = "3")]
    pub data_type: Option<Box<ProtoDataType>>,
}

/// An array: arrow's physical buffers.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoArrayData {
    #[prost(message, optional, tag = "1")]
    pub data_type: Option<ProtoDataType>,
    #[prost(uint64, tag = "2")]
    pub length: u64,
    #[prost(uint64, tag = "3")]
    pub offset: u64,
    #[prost(message, repeated, tag = "4")]
    pub buffers: Vec<ProtoBuffer>,
    #[prost(message, repeated, tag = "5")]
    pub children: Vec<ProtoArrayData>,
    #[prost(message, optional, tag = "6")]
    pub nulls: Option<ProtoNulls>,
}

/// One buffer.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoBuffer {
    #[prost(bytes = "bytes", tag = "1")]
    pub data: bytes::Bytes,
}

/// The validity bitmap.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoNulls {
    #[prost(message, optional, tag = "1")]
    pub buffer: Option<ProtoBuffer>,
    #[prost(uint64, tag = "2")]
    pub length: u64,
}
