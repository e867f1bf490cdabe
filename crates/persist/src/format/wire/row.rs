//! Messages of rows (`spec/persist.md` §5.4): the older form of keys, and the
//! form of range columns.
//!
//! Invariant: field numbers are those of the document.

use prost::{Message, Oneof};

use super::state::Empty;

/// A row or the error in its place.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoSourceData {
    #[prost(oneof = "SourceDataKind", tags = "1, 2")]
    pub kind: Option<SourceDataKind>,
}

/// A row or the error in its place; the error stays encoded.
#[derive(Clone, PartialEq, Oneof)]
pub enum SourceDataKind {
    #[prost(message, tag = "1")]
    Ok(ProtoRow),
    #[prost(bytes, tag = "2")]
    Err(Vec<u8>),
}

/// The datums of a row, list or record.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRow {
    #[prost(message, repeated, tag = "1")]
    pub datums: Vec<ProtoDatum>,
}

/// A datum.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoDatum {
    #[prost(
        oneof = "DatumKind",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33"
    )]
    pub kind: Option<DatumKind>,
}

/// The kinds of datums.
#[derive(Clone, PartialEq, Oneof)]
pub enum DatumKind {
    /// One of [`other`].
    #[prost(int32, tag = "1")]
    Other(i32),
    #[prost(int32, tag = "2")]
    Int16(i32),
    #[prost(int32, tag = "3")]
    Int32(i32),
    #[prost(int64, tag = "4")]
    Int64(i64),
    #[prost(float, tag = "5")]
    Float32(f32),
    #[prost(double, tag = "6")]
    Float64(f64),
    #[prost(bytes, tag = "7")]
    Bytes(Vec<u8>),
    #[prost(string, tag = "8")]
    String(String),
    #[prost(message, tag = "16")]
    Date(ProtoDate),
    #[prost(message, tag = "17")]
    Time(ProtoTime),
    #[prost(message, tag = "18")]
    Timestamp(ProtoTimestamp),
    #[prost(message, tag = "19")]
    TimestampTz(ProtoTimestamp),
    #[prost(message, tag = "20")]
    Interval(ProtoInterval),
    #[prost(message, tag = "21")]
    Array(ProtoArray),
    #[prost(message, tag = "22")]
    List(ProtoRow),
    #[prost(message, tag = "23")]
    Dict(ProtoDict),
    #[prost(message, tag = "24")]
    Numeric(ProtoNumeric),
    #[prost(bytes, tag = "25")]
    Uuid(Vec<u8>),
    #[prost(uint32, tag = "26")]
    UInt32(u32),
    #[prost(uint32, tag = "27")]
    UInt8(u32),
    #[prost(uint32, tag = "28")]
    UInt16(u32),
    #[prost(uint64, tag = "29")]
    UInt64(u64),
    #[prost(uint64, tag = "30")]
    MzTimestamp(u64),
    #[prost(message, boxed, tag = "31")]
    Range(Box<ProtoRange>),
    #[prost(message, tag = "32")]
    MzAclItem(ProtoMzAclItem),
    #[prost(message, tag = "33")]
    AclItem(ProtoAclItem),
}

/// The datums without content.
pub mod other {
    pub const NULL: i32 = 1;
    pub const FALSE: i32 = 2;
    pub const TRUE: i32 = 3;
    pub const JSON_NULL: i32 = 4;
    pub const DUMMY: i32 = 5;
    pub const NUMERIC_POS_INF: i32 = 6;
    pub const NUMERIC_NEG_INF: i32 = 7;
    pub const NUMERIC_NAN: i32 = 8;
}

/// Days since 2000-01-01.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoDate {
    #[prost(int32, tag = "1")]
    pub days: i32,
}

/// A time of day.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoTime {
    #[prost(uint32, tag = "1")]
    pub secs: u32,
    /// Nanoseconds.
    #[prost(uint32, tag = "2")]
    pub frac: u32,
}

/// A date and time; `ordinal` is the day of the year, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoTimestamp {
    #[prost(int32, tag = "1")]
    pub year: i32,
    #[prost(uint32, tag = "2")]
    pub ordinal: u32,
    #[prost(uint32, tag = "3")]
    pub secs: u32,
    /// Nanoseconds.
    #[prost(uint32, tag = "4")]
    pub frac: u32,
}

/// An interval.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoInterval {
    #[prost(int32, tag = "1")]
    pub months: i32,
    #[prost(int32, tag = "2")]
    pub days: i32,
    #[prost(int64, tag = "3")]
    pub micros: i64,
}

/// An array; elements in row-major order.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoArray {
    #[prost(message, optional, tag = "1")]
    pub elements: Option<ProtoRow>,
    #[prost(message, repeated, tag = "2")]
    pub dims: Vec<ProtoDimension>,
}

/// A dimension of an array.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoDimension {
    #[prost(int64, tag = "1")]
    pub lower_bound: i64,
    #[prost(uint64, tag = "2")]
    pub length: u64,
}

/// A map.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoDict {
    #[prost(message, repeated, tag = "1")]
    pub elements: Vec<ProtoDictElement>,
}

/// An entry of a map.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoDictElement {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub val: Option<ProtoDatum>,
}

/// A finite numeric: packed decimal digits with a sign nibble, over 10^scale.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ProtoNumeric {
    #[prost(bytes = "vec", tag = "1")]
    pub bcd: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub scale: i32,
}

/// A range; without inner it is the empty one.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRange {
    #[prost(message, optional, boxed, tag = "1")]
    pub inner: Option<Box<ProtoRangeInner>>,
}

/// The bounds of a range; a missing one is infinite.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRangeInner {
    #[prost(bool, tag = "1")]
    pub lower_inclusive: bool,
    #[prost(message, optional, boxed, tag = "2")]
    pub lower: Option<Box<ProtoDatum>>,
    #[prost(bool, tag = "3")]
    pub upper_inclusive: bool,
    #[prost(message, optional, boxed, tag = "4")]
    pub upper: Option<Box<ProtoDatum>>,
}

/// A privilege of Materialize's roles.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoMzAclItem {
    #[prost(message, optional, tag = "1")]
    pub grantee: Option<ProtoRoleId>,
    #[prost(message, optional, tag = "2")]
    pub grantor: Option<ProtoRoleId>,
    #[prost(message, optional, tag = "3")]
    pub acl_mode: Option<ProtoAclMode>,
}

/// A role.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoRoleId {
    #[prost(oneof = "RoleKind", tags = "1, 2, 3, 4")]
    pub kind: Option<RoleKind>,
}

/// The kinds of roles.
#[derive(Clone, Copy, PartialEq, Eq, Oneof)]
pub enum RoleKind {
    #[prost(uint64, tag = "1")]
    System(u64),
    #[prost(uint64, tag = "2")]
    User(u64),
    #[prost(message, tag = "3")]
    Public(Empty),
    #[prost(uint64, tag = "4")]
    Predefined(u64),
}

/// Privilege bits.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoAclMode {
    #[prost(uint64, tag = "1")]
    pub bits: u64,
}

/// A privilege of Postgres roles.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoAclItem {
    #[prost(uint32, tag = "1")]
    pub grantee: u32,
    #[prost(uint32, tag = "2")]
    pub grantor: u32,
    #[prost(message, optional, tag = "3")]
    pub acl_mode: Option<ProtoAclMode>,
}
