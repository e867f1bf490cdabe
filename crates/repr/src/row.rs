//! Rows: the concatenation of their datums' encodings. Source: `spec/plan.md`
//! §6.1, §6.2, §6.4.
//!
//! Invariants: every `Row` holds whole, valid datums, since bytes from outside
//! are checked before they become one; one value has one encoding; the order is
//! by byte length, then by bytes, not by datums.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::civil::{CivilTimestamp, nanos_from_civil};
use super::datum::{Array, Datum, Range};
use super::row_read::{RowError, RowIter};
use super::tag;

/// A row, owned.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Row {
    bytes: Box<[u8]>,
}

impl Row {
    /// Packs datums into a row.
    pub fn pack<'a>(datums: impl IntoIterator<Item = Datum<'a>>) -> Row {
        let mut packer = RowPacker::default();
        datums.into_iter().for_each(|datum| packer.push(datum));
        packer.finish()
    }

    /// Takes bytes from outside.
    ///
    /// Errors: where and why they are no row.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Row, RowError> {
        super::row_read::check(&bytes)?;
        Ok(Row {
            bytes: bytes.into_boxed_slice(),
        })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn iter(&self) -> RowIter<'_> {
        RowIter::new(&self.bytes)
    }

    pub fn unpack(&self) -> Vec<Datum<'_>> {
        self.iter().collect()
    }
}

/// Builds rows datum by datum; nested values are packed by a closure.
#[derive(Debug, Default)]
pub struct RowPacker {
    bytes: Vec<u8>,
}

impl RowPacker {
    pub fn finish(self) -> Row {
        Row {
            bytes: self.bytes.into_boxed_slice(),
        }
    }

    /// Appends one datum.
    pub fn push(&mut self, datum: Datum<'_>) {
        if let Some(bare) = bare_tag(&datum) {
            return self.bytes.push(bare);
        }
        match datum {
            Datum::Int16(v) => self.signed(tag::INT16, tag::NEG_INT16, v.into()),
            Datum::Int32(v) => self.signed(tag::INT32, tag::NEG_INT32, v.into()),
            Datum::Int64(v) => self.signed(tag::INT64, tag::NEG_INT64, v),
            Datum::UInt8(v) => self.unsigned(tag::UINT8, v.into()),
            Datum::UInt16(v) => self.unsigned(tag::UINT16, v.into()),
            Datum::UInt32(v) => self.unsigned(tag::UINT32, v.into()),
            Datum::UInt64(v) => self.unsigned(tag::UINT64, v),
            Datum::Float32(v) => self.fixed(tag::FLOAT32, &[&v.to_bits().to_le_bytes()]),
            Datum::Float64(v) => self.fixed(tag::FLOAT64, &[&v.to_bits().to_le_bytes()]),
            Datum::Date(v) => self.fixed(tag::DATE, &[&v.to_le_bytes()]),
            Datum::Time(v) => {
                self.fixed(tag::TIME, &[&v.secs.to_le_bytes(), &v.nanos.to_le_bytes()]);
            }
            Datum::Timestamp(v) => self.civil(tag::CHEAP_TIMESTAMP, tag::TIMESTAMP, v),
            Datum::TimestampTz(v) => self.civil(tag::CHEAP_TIMESTAMP_TZ, tag::TIMESTAMP_TZ, v),
            Datum::Interval(v) => self.fixed(
                tag::INTERVAL,
                &[
                    &v.months.to_le_bytes(),
                    &v.days.to_le_bytes(),
                    &v.micros.to_le_bytes(),
                ],
            ),
            Datum::Bytes(v) => self.sized(tag::BYTES, v),
            Datum::String(v) => self.sized(tag::STRING, v.as_bytes()),
            Datum::Array(Array { dims, elements }) => {
                self.fixed(tag::ARRAY, &[&[(dims.len() / 16) as u8], dims]);
                self.bytes.extend((elements.len() as u64).to_le_bytes());
                self.bytes.extend(elements);
            }
            Datum::List(v) => self.sized(tag::LIST, v.0),
            Datum::Map(v) => {
                self.fixed(tag::MAP, &[&(v.0.len() as u64).to_le_bytes(), v.0]);
            }
            Datum::Numeric(v) => {
                let (digits, exponent, bits, units) = v.parts();
                self.fixed(tag::NUMERIC, &[&[digits, exponent as u8, bits]]);
                self.bytes
                    .extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
            }
            Datum::Uuid(v) => self.fixed(tag::UUID, &[v.as_bytes()]),
            Datum::MzTimestamp(v) => self.fixed(tag::MZ_TIMESTAMP, &[&v.to_le_bytes()]),
            Datum::Range(Range { flags, bounds }) => self.fixed(tag::RANGE, &[&[flags], bounds]),
            Datum::MzAclItem(v) => self.fixed(tag::MZ_ACL_ITEM, &[&v]),
            Datum::AclItem(v) => self.fixed(
                tag::ACL_ITEM,
                &[
                    &v.grantee.to_le_bytes(),
                    &v.grantor.to_le_bytes(),
                    &v.mode.to_le_bytes(),
                ],
            ),
            Datum::Null | Datum::False | Datum::True | Datum::JsonNull | Datum::Dummy => {
                unreachable!("a datum without payload has a bare tag")
            }
        }
    }

    /// Appends a list of what the closure packs.
    pub fn push_list(&mut self, pack: impl FnOnce(&mut RowPacker)) {
        let mut inner = RowPacker::default();
        pack(&mut inner);
        self.sized(tag::LIST, &inner.bytes);
    }

    /// Appends a map; the closure packs keys (strings, ascending) and values in
    /// turn.
    pub fn push_map(&mut self, pack: impl FnOnce(&mut RowPacker)) {
        let mut inner = RowPacker::default();
        pack(&mut inner);
        self.fixed(
            tag::MAP,
            &[&(inner.bytes.len() as u64).to_le_bytes(), &inner.bytes],
        );
    }

    /// Appends an array of these dimensions (lower bound, length).
    pub fn push_array(&mut self, dims: &[(i64, u64)], pack: impl FnOnce(&mut RowPacker)) {
        let mut inner = RowPacker::default();
        pack(&mut inner);
        self.bytes.extend([tag::ARRAY, dims.len() as u8]);
        for (lower, length) in dims {
            self.bytes.extend(lower.to_le_bytes());
            self.bytes.extend(length.to_le_bytes());
        }
        self.bytes.extend((inner.bytes.len() as u64).to_le_bytes());
        self.bytes.extend(inner.bytes);
    }

    /// Appends a range; the closure packs its finite bounds.
    pub fn push_range(&mut self, flags: u8, pack: impl FnOnce(&mut RowPacker)) {
        self.bytes.extend([tag::RANGE, flags]);
        pack(self);
    }

    fn fixed(&mut self, tag: u8, parts: &[&[u8]]) {
        self.bytes.push(tag);
        parts.iter().for_each(|part| self.bytes.extend(*part));
    }

    /// A length in as few of 1, 2, 4, 8 bytes as it needs, then the bytes.
    fn sized(&mut self, base: u8, payload: &[u8]) {
        let length = payload.len() as u64;
        let (step, width) = match length {
            0..=0xff => (0, 1),
            0x100..=0xffff => (1, 2),
            0x1_0000..=0xffff_ffff => (2, 4),
            _ => (3, 8),
        };
        self.fixed(base + step, &[&length.to_le_bytes()[..width], payload]);
    }

    /// As few bytes of the two's complement as hold the bits that are no copies
    /// of the sign.
    fn signed(&mut self, base: u8, negative_base: u8, v: i64) {
        let (base, magnitude) = if v < 0 {
            (negative_base, !v)
        } else {
            (base, v)
        };
        let n = (64 - magnitude.leading_zeros()).div_ceil(8);
        self.fixed(base + n as u8, &[&v.to_le_bytes()[..n as usize]]);
    }

    fn unsigned(&mut self, base: u8, v: u64) {
        let n = (64 - v.leading_zeros()).div_ceil(8);
        self.fixed(base + n as u8, &[&v.to_le_bytes()[..n as usize]]);
    }

    fn civil(&mut self, cheap: u8, full: u8, v: CivilTimestamp) {
        match nanos_from_civil(v) {
            Some(nanos) => self.fixed(cheap, &[&nanos.to_le_bytes()]),
            None => self.fixed(
                full,
                &[
                    &v.year.to_le_bytes(),
                    &v.ordinal.to_le_bytes(),
                    &v.secs.to_le_bytes(),
                    &v.nanos.to_le_bytes(),
                ],
            ),
        }
    }
}

/// The tag of a datum without payload, if it is one.
fn bare_tag(datum: &Datum<'_>) -> Option<u8> {
    Some(match datum {
        Datum::Null => tag::NULL,
        Datum::False => tag::FALSE,
        Datum::True => tag::TRUE,
        Datum::JsonNull => tag::JSON_NULL,
        Datum::Dummy => tag::DUMMY,
        _ => return None,
    })
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |row: &Row| row.bytes.len();
        key(self)
            .cmp(&key(other))
            .then_with(|| self.bytes.cmp(&other.bytes))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (at, datum) in self.iter().enumerate() {
            write!(f, "{}{datum}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row{{{:?}}}", self.unpack())
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.bytes)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Row;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of a row")
            }
            fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<Row, E> {
                Row::from_bytes(v.to_vec()).map_err(E::custom)
            }
            fn visit_byte_buf<E: serde::de::Error>(self, v: Vec<u8>) -> Result<Row, E> {
                Row::from_bytes(v).map_err(E::custom)
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}
