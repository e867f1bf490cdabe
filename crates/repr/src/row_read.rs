//! Reading the bytes of rows. Source: `spec/plan.md` §6.2.
//!
//! Invariants: one decoder serves both the check of bytes from outside and the
//! iteration over checked ones; no input makes it panic, recurse without bound,
//! or allocate.
//!
//! This file and `datum` need each other: nested values are read as they are
//! iterated over.

use thiserror::Error;
use uuid::Uuid;

use super::civil::{CivilTimestamp, Interval, Time, civil_from_nanos};
use super::datum::{AclItem, Array, Datum, List, Map, Range};
use super::numeric::Numeric;
use super::tag;

/// Bytes that are no row.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowError {
    #[error("unknown row tag {0}")]
    UnknownTag(u8),
    #[error("a row ends inside {0}")]
    Truncated(&'static str),
    #[error("a row holds {0}")]
    Invalid(&'static str),
}

/// How deep values may nest in bytes from outside.
const MAX_DEPTH: usize = 64;

/// Whether these bytes are whole, valid datums, nested ones included.
pub(super) fn check(bytes: &[u8]) -> Result<(), RowError> {
    check_at(bytes, 0).map(|_| ())
}

fn check_at(bytes: &[u8], depth: usize) -> Result<usize, RowError> {
    if depth > MAX_DEPTH {
        return Err(RowError::Invalid("values nested too deeply"));
    }
    let mut rest = bytes;
    let mut count = 0;
    while !rest.is_empty() {
        match read(&mut rest)? {
            Datum::List(list) => check_at(list.0, depth + 1).map(|_| ())?,
            Datum::Array(array) => check_at(array.elements, depth + 1).map(|_| ())?,
            Datum::Range(range) => check_at(range.bounds, depth + 1).map(|_| ())?,
            Datum::Map(map) => {
                let datums = check_at(map.0, depth + 1)?;
                // Each entry is a string and one more datum.
                if map.iter().count() * 2 != datums {
                    return Err(RowError::Invalid("a map whose keys are no strings"));
                }
            }
            _ => {}
        }
        count += 1;
    }
    Ok(count)
}

/// The datums of checked bytes.
#[derive(Debug, Clone)]
pub struct RowIter<'a> {
    rest: &'a [u8],
}

impl<'a> RowIter<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        RowIter { rest: bytes }
    }
}

impl<'a> Iterator for RowIter<'a> {
    type Item = Datum<'a>;

    fn next(&mut self) -> Option<Datum<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        match read(&mut self.rest) {
            Ok(datum) => Some(datum),
            // Checked bytes cannot get here; unchecked ones end.
            Err(_) => {
                self.rest = &[];
                None
            }
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], n: usize, what: &'static str) -> Result<&'a [u8], RowError> {
    if rest.len() < n {
        return Err(RowError::Truncated(what));
    }
    let (taken, left) = rest.split_at(n);
    *rest = left;
    Ok(taken)
}

/// `N` bytes, for a number.
fn fixed<const N: usize>(rest: &mut &[u8], what: &'static str) -> Result<[u8; N], RowError> {
    Ok(take(rest, N, what)?.try_into().expect("took N bytes"))
}

/// An unsigned number in `n` ≤ 8 bytes.
fn number(rest: &mut &[u8], n: usize, what: &'static str) -> Result<u64, RowError> {
    let mut bytes = [0; 8];
    bytes[..n].copy_from_slice(take(rest, n, what)?);
    Ok(u64::from_le_bytes(bytes))
}

/// A negative number of which the `n` low bytes are stored.
fn negative(rest: &mut &[u8], n: usize) -> Result<i64, RowError> {
    let mut bytes = [0xff; 8];
    bytes[..n].copy_from_slice(take(rest, n, "an integer")?);
    Ok(i64::from_le_bytes(bytes))
}

/// What a length in 1, 2, 4 or 8 bytes announces.
fn sized<'a>(rest: &mut &'a [u8], step: u8, what: &'static str) -> Result<&'a [u8], RowError> {
    let length = number(rest, 1 << step, what)?;
    let length = usize::try_from(length).map_err(|_| RowError::Truncated(what))?;
    take(rest, length, what)
}

/// A number that must fit its type: more bytes than the type has are refused.
fn narrow<T, F: TryInto<T>>(v: F) -> Result<T, RowError> {
    v.try_into()
        .map_err(|_| RowError::Invalid("an integer out of its range"))
}

fn civil(rest: &mut &[u8]) -> Result<CivilTimestamp, RowError> {
    Ok(CivilTimestamp {
        year: i32::from_le_bytes(fixed(rest, "a timestamp")?),
        ordinal: u32::from_le_bytes(fixed(rest, "a timestamp")?),
        secs: u32::from_le_bytes(fixed(rest, "a timestamp")?),
        nanos: u32::from_le_bytes(fixed(rest, "a timestamp")?),
    })
}

fn time(rest: &mut &[u8]) -> Result<Time, RowError> {
    Ok(Time {
        secs: u32::from_le_bytes(fixed(rest, "a time")?),
        nanos: u32::from_le_bytes(fixed(rest, "a time")?),
    })
}

/// A timestamp as nanoseconds since 1970.
fn nanos(rest: &mut &[u8]) -> Result<CivilTimestamp, RowError> {
    let nanos = i64::from_le_bytes(fixed(rest, "a timestamp")?);
    Ok(civil_from_nanos(nanos))
}

fn interval(rest: &mut &[u8]) -> Result<Interval, RowError> {
    Ok(Interval {
        months: i32::from_le_bytes(fixed(rest, "an interval")?),
        days: i32::from_le_bytes(fixed(rest, "an interval")?),
        micros: i64::from_le_bytes(fixed(rest, "an interval")?),
    })
}

fn acl_item(rest: &mut &[u8]) -> Result<AclItem, RowError> {
    Ok(AclItem {
        grantee: u32::from_le_bytes(fixed(rest, "an aclitem")?),
        grantor: u32::from_le_bytes(fixed(rest, "an aclitem")?),
        mode: u64::from_le_bytes(fixed(rest, "an aclitem")?),
    })
}

fn string<'a>(rest: &mut &'a [u8], step: u8) -> Result<&'a str, RowError> {
    let bytes = sized(rest, step, "a string")?;
    std::str::from_utf8(bytes).map_err(|_| RowError::Invalid("a string that is not UTF-8"))
}

fn array<'a>(rest: &mut &'a [u8]) -> Result<Array<'a>, RowError> {
    let [ndims] = fixed(rest, "an array")?;
    let dims = take(rest, 16 * usize::from(ndims), "an array")?;
    let elements = sized(rest, 3, "an array")?;
    Ok(Array { dims, elements })
}

fn numeric(rest: &mut &[u8]) -> Result<Numeric, RowError> {
    let [digits, exponent, bits] = fixed(rest, "a numeric")?;
    let units: Vec<u16> = take(rest, 2 * usize::from(digits).div_ceil(3), "a numeric")?
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
        .collect();
    Numeric::from_parts(digits, exponent as i8, bits, &units)
        .ok_or(RowError::Invalid("a numeric that is no decimal"))
}

fn range<'a>(rest: &mut &'a [u8]) -> Result<Range<'a>, RowError> {
    let [flags] = fixed(rest, "a range")?;
    let start = *rest;
    for infinite in [Range::LOWER_INFINITE, Range::UPPER_INFINITE] {
        if flags & (Range::EMPTY | infinite) == 0 {
            range_bound(rest)?;
        }
    }
    let bounds = &start[..start.len() - rest.len()];
    Ok(Range { flags, bounds })
}

/// An integer of which the tag says how many low bytes are stored.
fn integer(t: u8, rest: &mut &[u8]) -> Result<Datum<'static>, RowError> {
    let mut unsigned = |first: u8| number(rest, (t - first).into(), "an integer");
    Ok(match t {
        tag::INT16..tag::INT32 => Datum::Int16(unsigned(tag::INT16)? as u16 as i16),
        tag::INT32..tag::INT64 => Datum::Int32(unsigned(tag::INT32)? as u32 as i32),
        tag::INT64..tag::NEG_INT16 => Datum::Int64(unsigned(tag::INT64)? as i64),
        tag::NEG_INT16..tag::NEG_INT32 => {
            Datum::Int16(narrow(negative(rest, (t - tag::NEG_INT16).into())?)?)
        }
        tag::NEG_INT32..tag::NEG_INT64 => {
            Datum::Int32(narrow(negative(rest, (t - tag::NEG_INT32).into())?)?)
        }
        tag::NEG_INT64..tag::UINT8 => Datum::Int64(negative(rest, (t - tag::NEG_INT64).into())?),
        tag::UINT8..tag::UINT16 => Datum::UInt8(unsigned(tag::UINT8)? as u8),
        tag::UINT16..tag::UINT32 => Datum::UInt16(unsigned(tag::UINT16)? as u16),
        tag::UINT32..tag::UINT64 => Datum::UInt32(unsigned(tag::UINT32)? as u32),
        tag::UINT64..=tag::LAST => Datum::UInt64(unsigned(tag::UINT64)?),
        unknown => return Err(RowError::UnknownTag(unknown)),
    })
}

/// The next datum; `rest` must not be empty.
fn read<'a>(rest: &mut &'a [u8]) -> Result<Datum<'a>, RowError> {
    let [t] = fixed(rest, "a tag")?;
    Ok(match t {
        tag::NULL => Datum::Null,
        tag::FALSE => Datum::False,
        tag::TRUE => Datum::True,
        tag::JSON_NULL => Datum::JsonNull,
        tag::DUMMY => Datum::Dummy,
        tag::OLD_INT16 => Datum::Int16(i16::from_le_bytes(fixed(rest, "an integer")?)),
        tag::OLD_INT32 => Datum::Int32(i32::from_le_bytes(fixed(rest, "an integer")?)),
        tag::OLD_INT64 => Datum::Int64(i64::from_le_bytes(fixed(rest, "an integer")?)),
        tag::OLD_UINT8 => Datum::UInt8(fixed::<1>(rest, "an integer")?[0]),
        tag::OLD_UINT16 => Datum::UInt16(u16::from_le_bytes(fixed(rest, "an integer")?)),
        tag::OLD_UINT32 => Datum::UInt32(u32::from_le_bytes(fixed(rest, "an integer")?)),
        tag::OLD_UINT64 => Datum::UInt64(u64::from_le_bytes(fixed(rest, "an integer")?)),
        tag::FLOAT32 => Datum::Float32(f32::from_le_bytes(fixed(rest, "a float")?)),
        tag::FLOAT64 => Datum::Float64(f64::from_le_bytes(fixed(rest, "a float")?)),
        tag::DATE => Datum::Date(i32::from_le_bytes(fixed(rest, "a date")?)),
        tag::TIME => Datum::Time(time(rest)?),
        tag::TIMESTAMP => Datum::Timestamp(civil(rest)?),
        tag::TIMESTAMP_TZ => Datum::TimestampTz(civil(rest)?),
        tag::CHEAP_TIMESTAMP => Datum::Timestamp(nanos(rest)?),
        tag::CHEAP_TIMESTAMP_TZ => Datum::TimestampTz(nanos(rest)?),
        tag::INTERVAL => Datum::Interval(interval(rest)?),
        tag::BYTES..tag::STRING => Datum::Bytes(sized(rest, t - tag::BYTES, "a bytes value")?),
        tag::STRING..tag::UUID => Datum::String(string(rest, t - tag::STRING)?),
        tag::UUID => Datum::Uuid(Uuid::from_bytes(fixed(rest, "a uuid")?)),
        tag::ARRAY => Datum::Array(array(rest)?),
        tag::LIST..tag::MAP => Datum::List(List(sized(rest, t - tag::LIST, "a list")?)),
        tag::MAP => Datum::Map(Map(sized(rest, 3, "a map")?)),
        tag::NUMERIC => Datum::Numeric(numeric(rest)?),
        tag::MZ_TIMESTAMP => {
            Datum::MzTimestamp(u64::from_le_bytes(fixed(rest, "an mz_timestamp")?))
        }
        tag::RANGE => Datum::Range(range(rest)?),
        tag::MZ_ACL_ITEM => Datum::MzAclItem(fixed(rest, "an mz_aclitem")?),
        tag::ACL_ITEM => Datum::AclItem(acl_item(rest)?),
        other => return integer(other, rest),
    })
}

/// One bound of a range: any datum but another range, so that reading nests no
/// deeper than the check allows.
fn range_bound(rest: &mut &[u8]) -> Result<(), RowError> {
    if rest.first() == Some(&tag::RANGE) {
        return Err(RowError::Invalid("a range of ranges"));
    }
    if rest.is_empty() {
        return Err(RowError::Truncated("a range"));
    }
    read(rest).map(|_| ())
}
