//! The tags of the row encoding, one before every datum. Source: `spec/plan.md`
//! §6.2.
//!
//! Those of integers, bytes, strings and lists are bases: a number is added that
//! says how many bytes hold the value or its length.

pub const NULL: u8 = 0;
pub const FALSE: u8 = 1;
pub const TRUE: u8 = 2;
pub const OLD_INT16: u8 = 3;
pub const OLD_INT32: u8 = 4;
pub const OLD_INT64: u8 = 5;
pub const OLD_UINT8: u8 = 6;
pub const OLD_UINT32: u8 = 7;
pub const FLOAT32: u8 = 8;
pub const FLOAT64: u8 = 9;
pub const DATE: u8 = 10;
pub const TIME: u8 = 11;
pub const TIMESTAMP: u8 = 12;
pub const TIMESTAMP_TZ: u8 = 13;
pub const INTERVAL: u8 = 14;
pub const BYTES: u8 = 15;
pub const STRING: u8 = 19;
pub const UUID: u8 = 23;
pub const ARRAY: u8 = 24;
pub const LIST: u8 = 25;
pub const MAP: u8 = 29;
pub const JSON_NULL: u8 = 30;
pub const DUMMY: u8 = 31;
pub const NUMERIC: u8 = 32;
pub const OLD_UINT16: u8 = 33;
pub const OLD_UINT64: u8 = 34;
pub const MZ_TIMESTAMP: u8 = 35;
pub const RANGE: u8 = 36;
pub const MZ_ACL_ITEM: u8 = 37;
pub const ACL_ITEM: u8 = 38;
pub const CHEAP_TIMESTAMP: u8 = 39;
pub const CHEAP_TIMESTAMP_TZ: u8 = 40;
pub const INT16: u8 = 41;
pub const INT32: u8 = 44;
pub const INT64: u8 = 49;
pub const NEG_INT16: u8 = 58;
pub const NEG_INT32: u8 = 61;
pub const NEG_INT64: u8 = 66;
pub const UINT8: u8 = 75;
pub const UINT16: u8 = 77;
pub const UINT32: u8 = 80;
pub const UINT64: u8 = 85;
pub const LAST: u8 = 93;
