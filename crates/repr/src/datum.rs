//! Datums: the values in a row, borrowed from its bytes. Source:
//! `spec/plan.md` §6.2, §6.3.
//!
//! Invariants: the order is total, by variant first and then by content, with
//! NULL greatest; floats compare by value (−0 = +0, NaN greatest).
//!
//! Nested values are kept as their bytes and read when they are asked for, so
//! this file and `row_read` need each other.

use std::cmp::Ordering;
use std::fmt;

use uuid::Uuid;

use super::Numeric;
use super::civil::{CivilTimestamp, Interval, Time};
use super::moments::{date_text, interval_text, time_text, timestamp_text};
use super::row_read::RowIter;

/// One value. Variants stand in the order of `spec/plan.md` §6.3.
#[derive(Debug, Clone, Copy)]
pub enum Datum<'a> {
    False,
    True,
    Int16(i16),
    Int32(i32),
    Int64(i64),
    UInt8(u8),
    UInt16(u16),
    UInt32(u32),
    UInt64(u64),
    Float32(f32),
    Float64(f64),
    /// Days since 2000-01-01.
    Date(i32),
    Time(Time),
    Timestamp(CivilTimestamp),
    TimestampTz(CivilTimestamp),
    Interval(Interval),
    Bytes(&'a [u8]),
    String(&'a str),
    Array(Array<'a>),
    /// A list or a record.
    List(List<'a>),
    Map(Map<'a>),
    Numeric(Numeric),
    JsonNull,
    Uuid(Uuid),
    MzTimestamp(u64),
    Range(Range<'a>),
    MzAclItem([u8; 26]),
    AclItem(AclItem),
    Dummy,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclItem {
    pub grantee: u32,
    pub grantor: u32,
    pub mode: u64,
}

/// The elements of a list, encoded one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct List<'a>(pub(super) &'a [u8]);

impl<'a> List<'a> {
    pub fn iter(self) -> RowIter<'a> {
        RowIter::new(self.0)
    }
}

/// The entries of a map: key and value in turn, keys ascending.
#[derive(Debug, Clone, Copy)]
pub struct Map<'a>(pub(super) &'a [u8]);

impl<'a> Map<'a> {
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Datum<'a>)> {
        let mut inner = RowIter::new(self.0);
        std::iter::from_fn(move || match (inner.next()?, inner.next()?) {
            (Datum::String(key), value) => Some((key, value)),
            _ => None,
        })
    }
}

/// An array: its dimensions (lower bound, length), then its elements.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    /// 16 bytes a dimension, as encoded.
    pub(super) dims: &'a [u8],
    pub(super) elements: &'a [u8],
}

impl<'a> Array<'a> {
    /// Lower bound and length of each dimension.
    pub fn dims(self) -> Vec<(i64, u64)> {
        self.dims
            .chunks_exact(16)
            .map(|dim| {
                let half = |range: std::ops::Range<usize>| {
                    dim[range].try_into().expect("half of 16 bytes")
                };
                (
                    i64::from_le_bytes(half(0..8)),
                    u64::from_le_bytes(half(8..16)),
                )
            })
            .collect()
    }

    /// Row-major.
    pub fn elements(self) -> List<'a> {
        List(self.elements)
    }
}

/// A range: flag bits, then the bounds that are finite.
#[derive(Debug, Clone, Copy)]
pub struct Range<'a> {
    pub flags: u8,
    pub(super) bounds: &'a [u8],
}

impl<'a> Range<'a> {
    pub const EMPTY: u8 = 1;
    pub const LOWER_INCLUSIVE: u8 = 2;
    pub const LOWER_INFINITE: u8 = 4;
    pub const UPPER_INCLUSIVE: u8 = 8;
    pub const UPPER_INFINITE: u8 = 16;

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The finite bounds: lower, upper.
    pub fn bounds(self) -> (Option<Datum<'a>>, Option<Datum<'a>>) {
        if self.has(Range::EMPTY) {
            return (None, None);
        }
        let mut inner = RowIter::new(self.bounds);
        let lower = if self.has(Range::LOWER_INFINITE) {
            None
        } else {
            inner.next()
        };
        let upper = if self.has(Range::UPPER_INFINITE) {
            None
        } else {
            inner.next()
        };
        (lower, upper)
    }

    fn compare(self, other: Range<'_>) -> Ordering {
        let by_emptiness = other.has(Range::EMPTY).cmp(&self.has(Range::EMPTY));
        if by_emptiness != Ordering::Equal || self.has(Range::EMPTY) {
            return by_emptiness;
        }
        let ((al, au), (bl, bu)) = (self.bounds(), other.bounds());
        let lower = match (al, bl) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => a.compare(&b).then_with(|| {
                other
                    .has(Range::LOWER_INCLUSIVE)
                    .cmp(&self.has(Range::LOWER_INCLUSIVE))
            }),
        };
        lower.then_with(|| match (au, bu) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.compare(&b).then_with(|| {
                self.has(Range::UPPER_INCLUSIVE)
                    .cmp(&other.has(Range::UPPER_INCLUSIVE))
            }),
        })
    }
}

impl From<bool> for Datum<'_> {
    fn from(value: bool) -> Self {
        if value { Datum::True } else { Datum::False }
    }
}

impl Datum<'_> {
    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }

    /// The place of the variant in the order of variants.
    fn rank(&self) -> u8 {
        match self {
            Datum::False => 0,
            Datum::True => 1,
            Datum::Int16(_) => 2,
            Datum::Int32(_) => 3,
            Datum::Int64(_) => 4,
            Datum::UInt8(_) => 5,
            Datum::UInt16(_) => 6,
            Datum::UInt32(_) => 7,
            Datum::UInt64(_) => 8,
            Datum::Float32(_) => 9,
            Datum::Float64(_) => 10,
            Datum::Date(_) => 11,
            Datum::Time(_) => 12,
            Datum::Timestamp(_) => 13,
            Datum::TimestampTz(_) => 14,
            Datum::Interval(_) => 15,
            Datum::Bytes(_) => 16,
            Datum::String(_) => 17,
            Datum::Array(_) => 18,
            Datum::List(_) => 19,
            Datum::Map(_) => 20,
            Datum::Numeric(_) => 21,
            Datum::JsonNull => 22,
            Datum::Uuid(_) => 23,
            Datum::MzTimestamp(_) => 24,
            Datum::Range(_) => 25,
            Datum::MzAclItem(_) => 26,
            Datum::AclItem(_) => 27,
            Datum::Dummy => 28,
            Datum::Null => 29,
        }
    }

    /// The total order of `spec/plan.md` §6.3.
    fn compare(&self, other: &Datum<'_>) -> Ordering {
        match (self, other) {
            (Datum::Int16(a), Datum::Int16(b)) => a.cmp(b),
            (Datum::Int32(a), Datum::Int32(b)) | (Datum::Date(a), Datum::Date(b)) => a.cmp(b),
            (Datum::Int64(a), Datum::Int64(b)) => a.cmp(b),
            (Datum::UInt8(a), Datum::UInt8(b)) => a.cmp(b),
            (Datum::UInt16(a), Datum::UInt16(b)) => a.cmp(b),
            (Datum::UInt32(a), Datum::UInt32(b)) => a.cmp(b),
            (Datum::UInt64(a), Datum::UInt64(b))
            | (Datum::MzTimestamp(a), Datum::MzTimestamp(b)) => a.cmp(b),
            (Datum::Float32(a), Datum::Float32(b)) => float_cmp((*a).into(), (*b).into()),
            (Datum::Float64(a), Datum::Float64(b)) => float_cmp(*a, *b),
            (Datum::Time(a), Datum::Time(b)) => a.cmp(b),
            (Datum::Timestamp(a), Datum::Timestamp(b))
            | (Datum::TimestampTz(a), Datum::TimestampTz(b)) => a.cmp(b),
            (Datum::Interval(a), Datum::Interval(b)) => a.cmp(b),
            (Datum::Bytes(a), Datum::Bytes(b)) => a.cmp(b),
            (Datum::String(a), Datum::String(b)) => a.cmp(b),
            (Datum::Array(a), Datum::Array(b)) => a
                .elements()
                .iter()
                .cmp(b.elements().iter())
                .then_with(|| a.dims.len().cmp(&b.dims.len())),
            (Datum::List(a), Datum::List(b)) => a.iter().cmp(b.iter()),
            (Datum::Map(a), Datum::Map(b)) => a.iter().cmp(b.iter()),
            (Datum::Numeric(a), Datum::Numeric(b)) => a.cmp(b),
            (Datum::Uuid(a), Datum::Uuid(b)) => a.cmp(b),
            (Datum::Range(a), Datum::Range(b)) => a.compare(*b),
            (Datum::MzAclItem(a), Datum::MzAclItem(b)) => mz_acl_key(a).cmp(&mz_acl_key(b)),
            (Datum::AclItem(a), Datum::AclItem(b)) => a.cmp(b),
            // Different variants, or variants without content.
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

/// By value; NaN greatest, all NaN equal, −0 = +0.
fn float_cmp(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Grantee, grantor, mode; roles by kind (system, predefined, user, public),
/// then by number.
fn mz_acl_key(item: &[u8; 26]) -> [(u8, u64); 3] {
    let number = |at: usize| u64::from_le_bytes(item[at..at + 8].try_into().expect("8 bytes"));
    let kind = |at: usize| match item[at] {
        b's' => 0,
        b'g' => 1,
        b'u' => 2,
        _ => 3,
    };
    [(kind(0), number(1)), (kind(9), number(10)), (0, number(18))]
}

impl Ord for Datum<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other)
    }
}

impl PartialOrd for Datum<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Datum<'_> {
    /// Equal by the order; arrays must agree in their lower bounds as well.
    fn eq(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
            && match (self, other) {
                (Datum::Array(a), Datum::Array(b)) => a.dims == b.dims,
                _ => true,
            }
    }
}

impl Eq for Datum<'_> {}

impl fmt::Display for Datum<'_> {
    /// As golden blocks show values (`spec/script.md` §2.6).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::False => f.write_str("false"),
            Datum::True => f.write_str("true"),
            Datum::Int16(v) => write!(f, "{v}"),
            Datum::Int32(v) => write!(f, "{v}"),
            Datum::Int64(v) => write!(f, "{v}"),
            Datum::UInt8(v) => write!(f, "{v}"),
            Datum::UInt16(v) => write!(f, "{v}"),
            Datum::UInt32(v) => write!(f, "{v}"),
            Datum::UInt64(v) | Datum::MzTimestamp(v) => write!(f, "{v}"),
            Datum::Float32(v) => write!(f, "{v}"),
            Datum::Float64(v) => write!(f, "{v}"),
            Datum::Bytes(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Datum::String(text) => {
                f.write_str("\"")?;
                for c in text.chars() {
                    match c {
                        '"' => f.write_str("\\\"")?,
                        '\n' => f.write_str("\\n")?,
                        '\r' => f.write_str("\\r")?,
                        '\t' => f.write_str("\\t")?,
                        c => write!(f, "{c}")?,
                    }
                }
                f.write_str("\"")
            }
            Datum::List(list) => {
                f.write_str("[")?;
                for (at, datum) in list.iter().enumerate() {
                    write!(f, "{}{datum}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Datum::Map(map) => {
                f.write_str("{")?;
                for (at, (key, value)) in map.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Datum::Numeric(n) => write!(f, "{n}"),
            Datum::JsonNull => f.write_str("json_null"),
            Datum::Uuid(uuid) => write!(f, "{uuid}"),
            Datum::Dummy => f.write_str("dummy"),
            Datum::Null => f.write_str("null"),
            Datum::Date(days) => match date_text(*days) {
                Some(text) => f.write_str(&text),
                None => write!(f, "date({days})"),
            },
            Datum::Time(v) => f.write_str(&time_text(v.secs, v.nanos)),
            Datum::Timestamp(v) | Datum::TimestampTz(v) => match timestamp_text(*v) {
                Some(text) => f.write_str(&text),
                None => write!(f, "{v:?}"),
            },
            Datum::Interval(v) => f.write_str(&interval_text(*v)),
            Datum::Array(array) => {
                let dims = array.dims();
                if dims.iter().any(|(lower, _)| *lower != 1) {
                    for (lower, len) in dims {
                        let upper = lower.wrapping_add_unsigned(len).wrapping_sub(1);
                        write!(f, "[{lower}:{upper}]")?;
                    }
                    f.write_str("=")?;
                }
                f.write_str("{")?;
                for (at, datum) in array.elements().iter().enumerate() {
                    write!(f, "{}{datum}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            // Scripts cannot make these; their fields say enough.
            Datum::Range(v) => write!(f, "range({}, {:?})", v.flags, v.bounds()),
            Datum::MzAclItem(v) => write!(f, "{v:?}"),
            Datum::AclItem(v) => write!(f, "{v:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Row, RowPacker};

    fn array(dims: &[(i64, u64)], elements: &[Datum<'_>]) -> Row {
        let mut packer = RowPacker::default();
        packer.push_array(dims, |p| elements.iter().for_each(|e| p.push(*e)));
        packer.finish()
    }

    #[test]
    fn arrays_are_shown_in_braces_and_say_where_they_start_unless_at_1() {
        let two = [Datum::Int64(1), Datum::Null];
        for (dims, elements, shown) in [
            (&[][..], &[][..], "{}"),
            (&[(1, 2)], &two, "{1, null}"),
            (&[(0, 2)], &two, "[0:1]={1, null}"),
            (&[(1, 2), (-1, 1)], &two, "[1:2][-1:-1]={1, null}"),
        ] {
            let row = array(dims, elements);
            assert_eq!(row.iter().next().unwrap().to_string(), shown);
        }
    }
}
