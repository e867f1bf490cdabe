//! Collecting the statistics of a part that is written.
//!
//! Invariant: the statistics of equal rows are equal bytes, and those that a
//! real writer made of the same rows.

use std::collections::BTreeMap;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, FixedSizeBinaryArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow::compute::{
    max, max_binary, max_boolean, max_string, min, min_binary, min_boolean, min_string,
};
use bytes::Bytes;
use prost::Message;

use super::super::column::FixedKind;
use super::super::column_read::Column;
use super::super::numeric::Special;
use super::super::schema::live_columns;
use super::super::{fixed, numeric};
use super::LONGEST_BOUND;
use super::json;
use super::trim::{lower_bytes, lower_string, to_budget, upper_bytes, upper_string};
use crate::format::corrupt::Corrupt;
use crate::format::wire::state::Empty;
use crate::format::wire::stats::{
    BytesKind, FixedSizeKind, Lower, ProtoBytesBounds, ProtoBytesStats, ProtoDynStats,
    ProtoFixedSizeStats, ProtoOptionStats, ProtoPrimitiveStats, ProtoStructStats, StatsKind, Upper,
};
use repr::{CivilTimestamp, Datum, Interval, Numeric, RelationDesc, SqlScalarType, Time};

fn bad(why: impl Into<String>) -> Corrupt {
    Corrupt::new("part statistics", why)
}

/// The bytes of `key_stats` for these keys, at most about `budget` bytes: what
/// does not fit is left out, the largest columns first.
pub fn encode_stats(
    desc: &RelationDesc,
    keys: &StructArray,
    budget: usize,
) -> Result<Bytes, Corrupt> {
    let mut stats = collect(desc, keys)?;
    to_budget(&mut stats, budget);
    Ok(stats.encode_to_vec().into())
}

/// The statistics of keys of `desc`, of every column that statistics exist for.
pub fn collect(desc: &RelationDesc, keys: &StructArray) -> Result<ProtoStructStats, Corrupt> {
    let child = |name: &str| {
        let found = keys.column_by_name(name);
        found.ok_or_else(|| bad(format!("the keys have no {name}")))
    };
    let len = keys.len() as u64;
    let err = of_array(&SqlScalarType::Bytes, true, child("err")?).map_err(bad)?;
    let errors = len - err.as_ref().and_then(|e| e.option).map_or(0, |o| o.none);
    let ok = child("ok")?.as_any().downcast_ref::<StructArray>();
    let mut cols = BTreeMap::new();
    for (index, column) in live_columns(desc) {
        let name = desc.metadata.get(&repr::ColumnIndex(index));
        let array = ok.and_then(|ok| ok.column_by_name(&index.to_string()));
        let (Some(name), Some(array)) = (name, array) else {
            continue;
        };
        let stats = of_array(&column.scalar_type, column.nullable, array)
            .map_err(|why| bad(format!("column {index}: {why}")))?;
        if let Some(stats) = stats {
            cols.insert(name.name.0.to_string(), stats);
        }
    }
    let rows = ProtoDynStats {
        option: Some(ProtoOptionStats { none: errors }),
        kind: Some(StatsKind::Struct(ProtoStructStats { len, cols })),
    };
    let err = err.map(|err| ("err".to_string(), err));
    let cols = err.into_iter().chain([("ok".to_string(), rows)]).collect();
    Ok(ProtoStructStats { len, cols })
}

/// The statistics of one column; `None` of one that the part does not have.
fn of_array(
    scalar: &SqlScalarType,
    nullable: bool,
    array: &ArrayRef,
) -> Result<Option<ProtoDynStats>, String> {
    let Some(kind) = kind(&Column::new(scalar, array)?)? else {
        return Ok(None);
    };
    let none = array.logical_null_count() as u64;
    Ok(Some(ProtoDynStats {
        option: nullable.then_some(ProtoOptionStats { none }),
        kind: Some(kind),
    }))
}

fn primitive(lower: Lower, upper: Upper) -> StatsKind {
    StatsKind::Primitive(ProtoPrimitiveStats {
        lower: Some(lower),
        upper: Some(upper),
    })
}

/// The least and the greatest value; the default of the type if there is none.
fn ends<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> (T::Native, T::Native) {
    let least = min(array).unwrap_or_default();
    (least, max(array).unwrap_or_default())
}

fn kind(column: &Column<'_>) -> Result<Option<StatsKind>, String> {
    use Column as C;
    /// Bounds of a primitive type, as the message has it.
    macro_rules! of {
        ($array:expr, $variant:ident) => {{
            let (least, most) = ends($array);
            primitive(Lower::$variant(least.into()), Upper::$variant(most.into()))
        }};
    }
    Ok(Some(match column {
        C::Bool(a) => primitive(
            Lower::Bool(min_boolean(a).unwrap_or_default()),
            Upper::Bool(max_boolean(a).unwrap_or_default()),
        ),
        C::Int16(a) => of!(a, I16),
        C::Int32(a) | C::Date(a) => of!(a, I32),
        C::Int64(a) => of!(a, I64),
        C::UInt8(a) => of!(a, U8),
        C::UInt16(a) => of!(a, U16),
        C::UInt32(a) => of!(a, U32),
        C::UInt64(a) | C::MzTimestamp(a) => of!(a, U64),
        C::Float32(a) => of!(a, F32),
        C::Float64(a) => of!(a, F64),
        C::String(a) => strings(a),
        C::Bytes(a) => bytes(a),
        C::Fixed(kind, a) => fixed_size(*kind, a),
        C::Numeric(_, binary) => numerics(binary)?,
        C::Json(a) => {
            let kind = Some(BytesKind::Json(json::collect(a)?));
            StatsKind::Bytes(ProtoBytesStats { kind })
        }
        C::Missing => return Ok(None),
        C::MzAclItem(_)
        | C::Range(_)
        | C::Array(..)
        | C::List(_)
        | C::Map(..)
        | C::Record(..)
        | C::Unit(_) => StatsKind::None(Empty {}),
    }))
}

fn strings(array: &StringArray) -> StatsKind {
    let least = lower_string(min_string(array).unwrap_or_default(), LONGEST_BOUND);
    let most = max_string(array).unwrap_or_default();
    let most = upper_string(most, LONGEST_BOUND).unwrap_or_else(|| most.to_string());
    primitive(Lower::String(least), Upper::String(most))
}

fn bytes(array: &BinaryArray) -> StatsKind {
    let most = max_binary(array).unwrap_or_default();
    let bounds = ProtoBytesBounds {
        lower: lower_bytes(min_binary(array).unwrap_or_default(), LONGEST_BOUND),
        upper: upper_bytes(most, LONGEST_BOUND).unwrap_or_else(|| most.to_vec()),
    };
    StatsKind::Bytes(ProtoBytesStats {
        kind: Some(BytesKind::Primitive(bounds)),
    })
}

fn of_fixed_size(lower: &[u8], upper: &[u8], kind: FixedSizeKind) -> StatsKind {
    StatsKind::Bytes(ProtoBytesStats {
        kind: Some(BytesKind::FixedSize(ProtoFixedSizeStats {
            lower: lower.to_vec(),
            upper: upper.to_vec(),
            kind: Some(kind),
        })),
    })
}

/// Values whose bytes sort as they do.
fn fixed_size(kind: FixedKind, array: &FixedSizeBinaryArray) -> StatsKind {
    let (least, most) = (array.iter().flatten().min(), array.iter().flatten().max());
    let of = |default: &[u8], kind| {
        of_fixed_size(least.unwrap_or(default), most.unwrap_or(default), kind)
    };
    match kind {
        FixedKind::Time => {
            let midnight = Time { secs: 0, nanos: 0 };
            of(
                &fixed::time_to_bytes(midnight),
                FixedSizeKind::Time(Empty {}),
            )
        }
        FixedKind::Timestamp | FixedKind::TimestampTz => {
            let epoch = CivilTimestamp {
                year: 1970,
                ordinal: 1,
                secs: 0,
                nanos: 0,
            };
            let epoch = fixed::timestamp_to_bytes(epoch);
            of(&epoch, FixedSizeKind::DateTime(Empty {}))
        }
        FixedKind::Interval => {
            let none = Interval {
                months: 0,
                days: 0,
                micros: 0,
            };
            let none = fixed::interval_to_bytes(none);
            of(&none, FixedSizeKind::Interval(Empty {}))
        }
        FixedKind::Uuid => of(&[0; 16], FixedSizeKind::Uuid(Empty {})),
        FixedKind::AclItem => StatsKind::None(Empty {}),
    }
}

/// Decimals do not sort as their bytes do. Of no decimals the bounds are NaN and
/// −∞.
fn numerics(array: &BinaryArray) -> Result<StatsKind, String> {
    let mut ends: Option<(Numeric, Numeric)> = None;
    for packed in array.iter().flatten() {
        let value = numeric::unpack(packed)?;
        let less = |a: &Numeric, b: &Numeric| Datum::Numeric(*a) < Datum::Numeric(*b);
        ends = Some(match ends {
            None => (value, value),
            Some((least, most)) => (
                if less(&value, &least) { value } else { least },
                if less(&most, &value) { value } else { most },
            ),
        });
    }
    let special = numeric::from_special;
    let none = || Some((special(Special::Nan)?, special(Special::NegInf)?));
    let (least, most) = ends.or_else(none).ok_or("no special decimals")?;
    Ok(of_fixed_size(
        &numeric::pack(&least),
        &numeric::pack(&most),
        FixedSizeKind::Numeric(Empty {}),
    ))
}
