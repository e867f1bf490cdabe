//! Messages of schemas: the description of a relation and its types
//! (`spec/persist.md` §5.4).
//!
//! Invariant: field numbers are those of the document.

use prost::{Message, Oneof};

use super::state::Empty;

/// A relation: types, keys, names, versions.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRelationDesc {
    #[prost(message, optional, tag = "1")]
    pub typ: Option<ProtoRelationType>,
    #[prost(message, repeated, tag = "2")]
    pub names: Vec<ProtoColumnName>,
    #[prost(message, repeated, tag = "3")]
    pub metadata: Vec<ProtoColumnMetadata>,
}

/// Types and keys.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRelationType {
    #[prost(message, repeated, tag = "1")]
    pub column_types: Vec<ProtoColumnType>,
    #[prost(message, repeated, tag = "2")]
    pub keys: Vec<ProtoKey>,
}

/// The columns of a key.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoKey {
    #[prost(uint64, repeated, packed = "true", tag = "1")]
    pub keys: Vec<u64>,
}

/// A type and whether it is nullable.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoColumnType {
    #[prost(message, optional, tag = "1")]
    pub scalar_type: Option<ProtoScalarType>,
    #[prost(bool, tag = "2")]
    pub nullable: bool,
}

/// A column's name.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ProtoColumnName {
    #[prost(string, optional, tag = "1")]
    pub value: Option<String>,
}

/// When a column came and went.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoColumnMetadata {
    #[prost(message, optional, tag = "1")]
    pub added: Option<ProtoVersion>,
    #[prost(message, optional, tag = "2")]
    pub dropped: Option<ProtoVersion>,
}

/// A version of a relation.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoVersion {
    #[prost(uint64, tag = "1")]
    pub value: u64,
}

/// A scalar type.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoScalarType {
    #[prost(
        oneof = "ScalarKind",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38"
    )]
    pub kind: Option<ScalarKind>,
}

/// The kinds of scalar types.
#[derive(Clone, PartialEq, Oneof)]
pub enum ScalarKind {
    #[prost(message, tag = "1")]
    Bool(Empty),
    #[prost(message, tag = "2")]
    Int16(Empty),
    #[prost(message, tag = "3")]
    Int32(Empty),
    #[prost(message, tag = "4")]
    Int64(Empty),
    #[prost(message, tag = "5")]
    Float32(Empty),
    #[prost(message, tag = "6")]
    Float64(Empty),
    #[prost(message, tag = "7")]
    Numeric(ProtoOptionalNumber),
    #[prost(message, tag = "8")]
    Date(Empty),
    #[prost(message, tag = "9")]
    Time(Empty),
    #[prost(message, tag = "12")]
    Interval(Empty),
    #[prost(message, tag = "13")]
    PgLegacyChar(Empty),
    #[prost(message, tag = "14")]
    Bytes(Empty),
    #[prost(message, tag = "15")]
    String(Empty),
    #[prost(message, tag = "16")]
    Char(ProtoOptionalNumber),
    #[prost(message, tag = "17")]
    VarChar(ProtoOptionalNumber),
    #[prost(message, tag = "18")]
    Jsonb(Empty),
    #[prost(message, tag = "19")]
    Uuid(Empty),
    #[prost(message, boxed, tag = "20")]
    Array(Box<ProtoScalarType>),
    #[prost(message, boxed, tag = "21")]
    List(Box<ProtoListType>),
    #[prost(message, tag = "22")]
    Record(ProtoRecordType),
    #[prost(message, tag = "23")]
    Oid(Empty),
    #[prost(message, boxed, tag = "24")]
    Map(Box<ProtoMapScalarType>),
    #[prost(message, tag = "25")]
    RegProc(Empty),
    #[prost(message, tag = "26")]
    RegType(Empty),
    #[prost(message, tag = "27")]
    RegClass(Empty),
    #[prost(message, tag = "28")]
    Int2Vector(Empty),
    #[prost(message, tag = "29")]
    UInt16(Empty),
    #[prost(message, tag = "30")]
    UInt32(Empty),
    #[prost(message, tag = "31")]
    UInt64(Empty),
    #[prost(message, tag = "32")]
    MzTimestamp(Empty),
    #[prost(message, boxed, tag = "33")]
    Range(Box<ProtoRangeType>),
    #[prost(message, tag = "34")]
    MzAclItem(Empty),
    #[prost(message, tag = "35")]
    PgLegacyName(Empty),
    #[prost(message, tag = "36")]
    AclItem(Empty),
    #[prost(message, tag = "37")]
    Timestamp(ProtoOptionalNumber),
    #[prost(message, tag = "38")]
    TimestampTz(ProtoOptionalNumber),
}

/// A scale, length or precision that may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoOptionalNumber {
    #[prost(message, optional, tag = "1")]
    pub value: Option<ProtoNumber>,
}

/// A scale, length or precision.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoNumber {
    #[prost(uint32, tag = "1")]
    pub value: u32,
}

/// A list's element type.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoListType {
    #[prost(message, optional, boxed, tag = "1")]
    pub element_type: Option<Box<ProtoScalarType>>,
    #[prost(message, optional, tag = "3")]
    pub custom_id: Option<ProtoCatalogItemId>,
}

/// A map's value type.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoMapScalarType {
    #[prost(message, optional, boxed, tag = "1")]
    pub value_type: Option<Box<ProtoScalarType>>,
    #[prost(message, optional, tag = "3")]
    pub custom_id: Option<ProtoCatalogItemId>,
}

/// A range's element type.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRangeType {
    #[prost(message, optional, boxed, tag = "1")]
    pub element_type: Option<Box<ProtoScalarType>>,
}

/// A record's fields.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRecordType {
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<ProtoRecordField>,
    #[prost(message, optional, tag = "4")]
    pub custom_id: Option<ProtoCatalogItemId>,
}

/// A field of a record.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRecordField {
    #[prost(message, optional, tag = "1")]
    pub name: Option<ProtoColumnName>,
    #[prost(message, optional, tag = "2")]
    pub column_type: Option<ProtoColumnType>,
}

/// The id of a catalog item.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoCatalogItemId {
    #[prost(oneof = "CatalogItemKind", tags = "1, 2, 3, 4")]
    pub kind: Option<CatalogItemKind>,
}

/// The kinds of ids.
#[derive(Clone, Copy, PartialEq, Eq, Oneof)]
pub enum CatalogItemKind {
    #[prost(uint64, tag = "1")]
    System(u64),
    #[prost(uint64, tag = "2")]
    User(u64),
    #[prost(uint64, tag = "3")]
    Transient(u64),
    #[prost(uint64, tag = "4")]
    IntrospectionSourceIndex(u64),
}
