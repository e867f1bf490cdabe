//! Rows as protobuf: the keys of parts of old, and the values of range columns
//! (`spec/persist.md` §5.4, §5.5).
//!
//! Invariant: every datum that a row can hold is written and read back equal;
//! anything else is an error.

use prost::Message;
use uuid::Uuid;

use super::fixed::{RoleText, check_dims, role_from_text, role_to_text};
use super::{DataflowErrorBytes, SourceDatum, numeric};
use crate::format::wire::row::{
    DatumKind, ProtoAclItem, ProtoAclMode, ProtoArray, ProtoDate, ProtoDatum, ProtoDict,
    ProtoDictElement, ProtoDimension, ProtoInterval, ProtoMzAclItem, ProtoRange, ProtoRangeInner,
    ProtoRoleId, ProtoRow, ProtoSourceData, ProtoTime, ProtoTimestamp, RoleKind, SourceDataKind,
    other,
};
use crate::format::wire::state::Empty;
use repr::{
    AclItem, Array, CivilTimestamp, Datum, Interval, List, Map, Numeric, Range, RowPacker, Time,
};

/// The bytes of a key as `ProtoSourceData`.
pub fn encode_source_data(key: &SourceDatum) -> Vec<u8> {
    let kind = match key {
        Ok(row) => SourceDataKind::Ok(ProtoRow {
            datums: row.iter().map(datum_to_proto).collect(),
        }),
        Err(error) => SourceDataKind::Err(error.0.clone()),
    };
    ProtoSourceData { kind: Some(kind) }.encode_to_vec()
}

/// The inverse; `arity` columns, of which missing trailing ones are NULL.
pub fn decode_source_data(bytes: &[u8], arity: usize) -> Result<SourceDatum, String> {
    let proto = ProtoSourceData::decode(bytes).map_err(|e| e.to_string())?;
    match proto.kind.ok_or("a key is neither a row nor an error")? {
        SourceDataKind::Err(error) => Ok(Err(DataflowErrorBytes(error))),
        SourceDataKind::Ok(row) => {
            if row.datums.len() > arity {
                let count = row.datums.len();
                return Err(format!("a row of {count} columns, expected {arity}"));
            }
            let mut packer = RowPacker::default();
            for datum in &row.datums {
                push_proto(datum, &mut packer)?;
            }
            for _ in row.datums.len()..arity {
                packer.push(Datum::Null);
            }
            Ok(Ok(packer.finish()))
        }
    }
}

fn timestamp(t: CivilTimestamp) -> ProtoTimestamp {
    ProtoTimestamp {
        year: t.year,
        ordinal: t.ordinal,
        secs: t.secs,
        frac: t.nanos,
    }
}

fn row_of(list: List<'_>) -> ProtoRow {
    ProtoRow {
        datums: list.iter().map(datum_to_proto).collect(),
    }
}

fn array_to_proto(array: Array<'_>) -> ProtoArray {
    let dims = array.dims().into_iter();
    ProtoArray {
        elements: Some(row_of(array.elements())),
        dims: dims
            .map(|(lower_bound, length)| ProtoDimension {
                lower_bound,
                length,
            })
            .collect(),
    }
}

fn map_to_proto(map: Map<'_>) -> ProtoDict {
    let element = |(key, val): (&str, Datum<'_>)| ProtoDictElement {
        key: key.to_string(),
        val: Some(datum_to_proto(val)),
    };
    ProtoDict {
        elements: map.iter().map(element).collect(),
    }
}

fn range_to_proto(range: Range<'_>) -> ProtoRange {
    if range.flags & Range::EMPTY != 0 {
        return ProtoRange { inner: None };
    }
    let (lower, upper) = range.bounds();
    let bound = |d: Option<Datum<'_>>| d.map(|d| Box::new(datum_to_proto(d)));
    ProtoRange {
        inner: Some(Box::new(ProtoRangeInner {
            lower_inclusive: range.flags & Range::LOWER_INCLUSIVE != 0,
            lower: bound(lower),
            upper_inclusive: range.flags & Range::UPPER_INCLUSIVE != 0,
            upper: bound(upper),
        })),
    }
}

fn numeric_to_proto(value: &Numeric) -> DatumKind {
    match numeric::special(value) {
        Some(numeric::Special::PosInf) => DatumKind::Other(other::NUMERIC_POS_INF),
        Some(numeric::Special::NegInf) => DatumKind::Other(other::NUMERIC_NEG_INF),
        Some(numeric::Special::Nan) => DatumKind::Other(other::NUMERIC_NAN),
        None => DatumKind::Numeric(numeric::to_bcd(value)),
    }
}

fn role_to_proto(role: RoleText) -> ProtoRoleId {
    let kind = match role.kind {
        b's' => RoleKind::System(role.id),
        b'g' => RoleKind::Predefined(role.id),
        b'u' => RoleKind::User(role.id),
        _ => RoleKind::Public(Empty {}),
    };
    ProtoRoleId { kind: Some(kind) }
}

fn role_from_proto(role: Option<ProtoRoleId>) -> Result<RoleText, String> {
    let (kind, id) = match role.and_then(|r| r.kind).ok_or("a role is missing")? {
        RoleKind::System(id) => (b's', id),
        RoleKind::Predefined(id) => (b'g', id),
        RoleKind::User(id) => (b'u', id),
        RoleKind::Public(Empty {}) => (b'p', 0),
    };
    Ok(RoleText { kind, id })
}

/// The message of a datum.
pub(super) fn datum_to_proto(datum: Datum<'_>) -> ProtoDatum {
    use DatumKind as K;
    let kind = match datum {
        Datum::Null => K::Other(other::NULL),
        Datum::False => K::Other(other::FALSE),
        Datum::True => K::Other(other::TRUE),
        Datum::JsonNull => K::Other(other::JSON_NULL),
        Datum::Dummy => K::Other(other::DUMMY),
        Datum::Int16(v) => K::Int16(v.into()),
        Datum::Int32(v) => K::Int32(v),
        Datum::Int64(v) => K::Int64(v),
        Datum::UInt8(v) => K::UInt8(v.into()),
        Datum::UInt16(v) => K::UInt16(v.into()),
        Datum::UInt32(v) => K::UInt32(v),
        Datum::UInt64(v) => K::UInt64(v),
        Datum::Float32(v) => K::Float32(v),
        Datum::Float64(v) => K::Float64(v),
        Datum::Date(days) => K::Date(ProtoDate { days }),
        Datum::Time(t) => K::Time(ProtoTime {
            secs: t.secs,
            frac: t.nanos,
        }),
        Datum::Timestamp(t) => K::Timestamp(timestamp(t)),
        Datum::TimestampTz(t) => K::TimestampTz(timestamp(t)),
        Datum::Interval(i) => K::Interval(ProtoInterval {
            months: i.months,
            days: i.days,
            micros: i.micros,
        }),
        Datum::Bytes(v) => K::Bytes(v.to_vec()),
        Datum::String(v) => K::String(v.to_string()),
        Datum::Array(array) => K::Array(array_to_proto(array)),
        Datum::List(list) => K::List(row_of(list)),
        Datum::Map(map) => K::Dict(map_to_proto(map)),
        Datum::Numeric(n) => numeric_to_proto(&n),
        Datum::Uuid(v) => K::Uuid(v.as_bytes().to_vec()),
        Datum::MzTimestamp(v) => K::MzTimestamp(v),
        Datum::Range(range) => K::Range(Box::new(range_to_proto(range))),
        Datum::MzAclItem(bytes) => {
            let (grantee, grantor, bits) = role_from_text(&bytes);
            K::MzAclItem(ProtoMzAclItem {
                grantee: Some(role_to_proto(grantee)),
                grantor: Some(role_to_proto(grantor)),
                acl_mode: Some(ProtoAclMode { bits }),
            })
        }
        Datum::AclItem(item) => K::AclItem(ProtoAclItem {
            grantee: item.grantee,
            grantor: item.grantor,
            acl_mode: Some(ProtoAclMode { bits: item.mode }),
        }),
    };
    ProtoDatum { kind: Some(kind) }
}

fn special(special: numeric::Special) -> Result<Datum<'static>, String> {
    numeric::from_special(special)
        .map(Datum::Numeric)
        .ok_or_else(|| "a numeric cannot be infinite".into())
}

fn narrow<A, B: TryFrom<A>>(value: A) -> Result<B, String> {
    B::try_from(value).map_err(|_| "an integer out of its range".to_string())
}

/// Packs the datum of a message.
pub(super) fn push_proto(proto: &ProtoDatum, packer: &mut RowPacker) -> Result<(), String> {
    use DatumKind as K;
    let civil = |t: &ProtoTimestamp| CivilTimestamp {
        year: t.year,
        ordinal: t.ordinal,
        secs: t.secs,
        nanos: t.frac,
    };
    let datum = match proto.kind.as_ref().ok_or("a datum is missing")? {
        K::Other(other::NULL) => Datum::Null,
        K::Other(other::FALSE) => Datum::False,
        K::Other(other::TRUE) => Datum::True,
        K::Other(other::JSON_NULL) => Datum::JsonNull,
        K::Other(other::DUMMY) => Datum::Dummy,
        K::Other(other::NUMERIC_POS_INF) => special(numeric::Special::PosInf)?,
        K::Other(other::NUMERIC_NEG_INF) => special(numeric::Special::NegInf)?,
        K::Other(other::NUMERIC_NAN) => special(numeric::Special::Nan)?,
        K::Other(unknown) => return Err(format!("unknown datum {unknown}")),
        K::Int16(v) => Datum::Int16(narrow(*v)?),
        K::Int32(v) => Datum::Int32(*v),
        K::Int64(v) => Datum::Int64(*v),
        K::UInt8(v) => Datum::UInt8(narrow(*v)?),
        K::UInt16(v) => Datum::UInt16(narrow(*v)?),
        K::UInt32(v) => Datum::UInt32(*v),
        K::UInt64(v) => Datum::UInt64(*v),
        K::Float32(v) => Datum::Float32(*v),
        K::Float64(v) => Datum::Float64(*v),
        K::Date(d) => Datum::Date(d.days),
        K::Time(t) => Datum::Time(Time {
            secs: t.secs,
            nanos: t.frac,
        }),
        K::Timestamp(t) => Datum::Timestamp(civil(t)),
        K::TimestampTz(t) => Datum::TimestampTz(civil(t)),
        K::Interval(i) => Datum::Interval(Interval {
            months: i.months,
            days: i.days,
            micros: i.micros,
        }),
        K::Bytes(v) => Datum::Bytes(v),
        K::String(v) => Datum::String(v),
        K::Array(array) => return push_array(array, packer),
        K::List(row) => {
            let mut outcome = Ok(());
            packer.push_list(|p| outcome = push_all(&row.datums, p));
            return outcome;
        }
        K::Dict(dict) => return push_dict(dict, packer),
        K::Numeric(n) => Datum::Numeric(numeric::from_bcd(n).ok_or("a numeric is no decimal")?),
        K::Uuid(v) => Datum::Uuid(Uuid::from_slice(v).map_err(|e| e.to_string())?),
        K::MzTimestamp(v) => Datum::MzTimestamp(*v),
        K::Range(range) => return push_range(range, packer),
        K::MzAclItem(item) => Datum::MzAclItem(role_to_text(
            role_from_proto(item.grantee)?,
            role_from_proto(item.grantor)?,
            item.acl_mode.unwrap_or_default().bits,
        )),
        K::AclItem(item) => Datum::AclItem(AclItem {
            grantee: item.grantee,
            grantor: item.grantor,
            mode: item.acl_mode.unwrap_or_default().bits,
        }),
    };
    packer.push(datum);
    Ok(())
}

fn push_all(datums: &[ProtoDatum], packer: &mut RowPacker) -> Result<(), String> {
    datums.iter().try_for_each(|d| push_proto(d, packer))
}

fn push_array(array: &ProtoArray, packer: &mut RowPacker) -> Result<(), String> {
    let dims: Vec<(i64, u64)> = array
        .dims
        .iter()
        .map(|d| (d.lower_bound, d.length))
        .collect();
    let elements = array.elements.as_ref().map_or(&[][..], |row| &row.datums);
    check_dims(&dims, elements.len())?;
    let mut outcome = Ok(());
    packer.push_array(&dims, |p| outcome = push_all(elements, p));
    outcome
}

fn push_dict(dict: &ProtoDict, packer: &mut RowPacker) -> Result<(), String> {
    let mut outcome = Ok(());
    packer.push_map(|p| {
        for element in &dict.elements {
            p.push(Datum::String(&element.key));
            let value = element.val.as_ref().ok_or("a value is missing");
            outcome = value.map_err(String::from).and_then(|v| push_proto(v, p));
            if outcome.is_err() {
                return;
            }
        }
    });
    outcome
}

fn push_range(range: &ProtoRange, packer: &mut RowPacker) -> Result<(), String> {
    let Some(inner) = &range.inner else {
        packer.push_range(Range::EMPTY, |_| {});
        return Ok(());
    };
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    let flags = flag(inner.lower_inclusive, Range::LOWER_INCLUSIVE)
        | flag(inner.lower.is_none(), Range::LOWER_INFINITE)
        | flag(inner.upper_inclusive, Range::UPPER_INCLUSIVE)
        | flag(inner.upper.is_none(), Range::UPPER_INFINITE);
    let bounds: Vec<&ProtoDatum> = [&inner.lower, &inner.upper]
        .into_iter()
        .flatten()
        .map(|b| &**b)
        .collect();
    if bounds
        .iter()
        .any(|b| matches!(b.kind, Some(DatumKind::Range(_))))
    {
        return Err("a range of ranges".into());
    }
    let mut outcome = Ok(());
    packer.push_range(flags, |p| {
        outcome = bounds.iter().try_for_each(|b| push_proto(b, p));
    });
    outcome
}
