//! Reading the statistics of a part.
//!
//! Invariant: whatever is missing, of another shape or type, or at odds with the
//! rest is read as unknown: such a part may hold anything.

use prost::Message;

use super::super::schema::live_columns;
use super::super::{SourceDatum, fixed, numeric};
use super::json;
use crate::format::corrupt::Corrupt;
use crate::format::wire::stats::{
    BytesKind, FixedSizeKind, Lower, ProtoDynStats, ProtoFixedSizeStats, ProtoPrimitiveStats,
    ProtoStructStats, StatsKind, Upper,
};
use repr::{ColumnIndex, Datum, RelationDesc, Row, SqlScalarType};

/// What is known of a part without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartStats {
    /// How many physical updates it has.
    pub len: u64,
    /// How many of them are errors; `None` if that is not known.
    pub errors: Option<u64>,
    /// Of each column of the schema, in its order.
    pub columns: Vec<ColumnStats>,
}

/// What is known of a column of the rows of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnStats {
    /// Whether it may be NULL in some row.
    pub nullable: bool,
    /// Its values where it is not NULL.
    pub values: ValueStats,
}

/// What is known of values that are not NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueStats {
    /// There are none.
    None,
    /// A row of two datums, of which the first is not greater than the second:
    /// both are inclusive, and neither need occur.
    Between(Row),
    Any,
}

impl ColumnStats {
    /// Whether a row may have this value in the column.
    pub fn allows(&self, value: Datum<'_>) -> bool {
        if value.is_null() {
            return self.nullable;
        }
        match &self.values {
            ValueStats::None => false,
            ValueStats::Between(ends) => {
                let mut ends = ends.iter();
                let lower = ends.next().is_some_and(|lower| lower <= value);
                lower && ends.next().is_some_and(|upper| value <= upper)
            }
            ValueStats::Any => true,
        }
    }
}

impl PartStats {
    /// Whether the part may hold this key. A part that does all the same has
    /// wrong statistics.
    pub fn allow(&self, key: &SourceDatum) -> bool {
        match key {
            Ok(row) => self
                .columns
                .iter()
                .zip(row.iter())
                .all(|(c, d)| c.allows(d)),
            Err(_) => self.errors != Some(0),
        }
    }
}

/// The statistics in `bytes` (`key_stats`) of a part that was written with the schema
/// `written`, as a reader of rows of `desc` sees them. Statistics name their columns as
/// the writer's schema does; a reader finds a column by its number.
///
/// Errors: bytes that are no statistics.
pub fn decode_stats(
    written: &RelationDesc,
    desc: &RelationDesc,
    bytes: &[u8],
) -> Result<PartStats, Corrupt> {
    let stats = ProtoStructStats::decode(bytes)
        .map_err(|e| Corrupt::new("part statistics", e.to_string()))?;
    let errors = errors(&stats);
    let rows = match stats.cols.get("ok").and_then(|ok| ok.kind.as_ref()) {
        Some(StatsKind::Struct(rows)) => Some(rows),
        Some(StatsKind::Primitive(_) | StatsKind::Bytes(_) | StatsKind::None(_)) | None => None,
    };
    let known = |index: usize, scalar: &SqlScalarType| {
        let name = written
            .metadata
            .get(&ColumnIndex(index))?
            .name
            .0
            .to_string();
        let (_, column) = live_columns(written).find(|(at, _)| *at == index)?;
        let names = written.metadata.values().map(|column| &*column.name.0);
        // Columns of one name cannot be told apart.
        let alone = names.filter(|other| *other == name).count() == 1;
        let found = rows?.cols.get(&name)?;
        (alone && column.scalar_type == *scalar)
            .then(|| of_column(scalar, found, stats.len, errors))
    };
    let columns = live_columns(desc).map(|(index, column)| {
        known(index, &column.scalar_type).unwrap_or(ColumnStats {
            nullable: true,
            values: ValueStats::Any,
        })
    });
    Ok(PartStats {
        len: stats.len,
        errors,
        columns: columns.collect(),
    })
}

/// How many rows are errors: `ok` and `err` must say the same.
fn errors(stats: &ProtoStructStats) -> Option<u64> {
    let err = stats.cols.get("err")?;
    let ok = stats.cols.get("ok")?;
    let (Some(StatsKind::Bytes(_)), Some(StatsKind::Struct(_))) = (&err.kind, &ok.kind) else {
        return None;
    };
    let errors = stats.len.checked_sub(err.option?.none)?;
    (ok.option?.none == errors).then_some(errors)
}

fn of_column(
    scalar: &SqlScalarType,
    stats: &ProtoDynStats,
    len: u64,
    errors: Option<u64>,
) -> ColumnStats {
    // Where a row is an error, its columns are null.
    let nulls = stats.option.map(|option| option.none);
    let nullable = match (nulls, errors) {
        (Some(nulls), Some(errors)) => nulls != errors,
        (Some(nulls), None) => nulls != 0,
        (None, _) => false,
    };
    let values = if nulls == Some(len) {
        ValueStats::None
    } else {
        bounds(scalar, stats.kind.as_ref())
    };
    ColumnStats { nullable, values }
}

/// The bounds, if they are of the column's type, and in order.
fn bounds(scalar: &SqlScalarType, kind: Option<&StatsKind>) -> ValueStats {
    let row = match kind {
        Some(StatsKind::Primitive(stats)) => primitive(scalar, stats),
        Some(StatsKind::Bytes(stats)) => match &stats.kind {
            Some(BytesKind::Primitive(bounds)) if *scalar == SqlScalarType::Bytes => {
                ordered(Datum::Bytes(&bounds.lower), Datum::Bytes(&bounds.upper))
            }
            Some(BytesKind::FixedSize(bounds)) => fixed_size(scalar, bounds),
            Some(BytesKind::Json(stats)) if *scalar == SqlScalarType::Jsonb => {
                json::bounds(stats).filter(is_ordered)
            }
            Some(BytesKind::Primitive(_) | BytesKind::Json(_) | BytesKind::Atomic(_)) | None => {
                None
            }
        },
        Some(StatsKind::Struct(_) | StatsKind::None(_)) | None => None,
    };
    row.map_or(ValueStats::Any, ValueStats::Between)
}

fn is_ordered(ends: &Row) -> bool {
    ends.iter().is_sorted()
}

fn ordered(lower: Datum<'_>, upper: Datum<'_>) -> Option<Row> {
    (lower <= upper).then(|| Row::pack([lower, upper]))
}

fn primitive(scalar: &SqlScalarType, stats: &ProtoPrimitiveStats) -> Option<Row> {
    use SqlScalarType as S;
    let narrow = |n: i32| i16::try_from(n).ok();
    match (scalar, stats.lower.as_ref()?, stats.upper.as_ref()?) {
        (S::Bool, Lower::Bool(a), Upper::Bool(b)) => ordered(Datum::from(*a), Datum::from(*b)),
        (S::Int16, Lower::I16(a), Upper::I16(b)) => {
            ordered(Datum::Int16(narrow(*a)?), Datum::Int16(narrow(*b)?))
        }
        (S::Int32, Lower::I32(a), Upper::I32(b)) => ordered(Datum::Int32(*a), Datum::Int32(*b)),
        (S::Date, Lower::I32(a), Upper::I32(b)) => ordered(Datum::Date(*a), Datum::Date(*b)),
        (S::Int64, Lower::I64(a), Upper::I64(b)) => ordered(Datum::Int64(*a), Datum::Int64(*b)),
        (S::PgLegacyChar, Lower::U8(a), Upper::U8(b)) => ordered(
            Datum::UInt8(u8::try_from(*a).ok()?),
            Datum::UInt8(u8::try_from(*b).ok()?),
        ),
        (S::UInt16, Lower::U16(a), Upper::U16(b)) => ordered(
            Datum::UInt16(u16::try_from(*a).ok()?),
            Datum::UInt16(u16::try_from(*b).ok()?),
        ),
        (
            S::UInt32 | S::Oid | S::RegProc | S::RegType | S::RegClass,
            Lower::U32(a),
            Upper::U32(b),
        ) => ordered(Datum::UInt32(*a), Datum::UInt32(*b)),
        (S::UInt64, Lower::U64(a), Upper::U64(b)) => ordered(Datum::UInt64(*a), Datum::UInt64(*b)),
        (S::MzTimestamp, Lower::U64(a), Upper::U64(b)) => {
            ordered(Datum::MzTimestamp(*a), Datum::MzTimestamp(*b))
        }
        // Arrow sorts a NaN with the sign bit before everything, and we sort every NaN
        // behind: such bounds bound nothing.
        (S::Float32, Lower::F32(a), Upper::F32(b)) => {
            let negative_nan = |f: &f32| f.is_nan() && f.is_sign_negative();
            let known = !negative_nan(a) && !negative_nan(b);
            ordered(Datum::Float32(*a), Datum::Float32(*b)).filter(|_| known)
        }
        (S::Float64, Lower::F64(a), Upper::F64(b)) => {
            let negative_nan = |f: &f64| f.is_nan() && f.is_sign_negative();
            let known = !negative_nan(a) && !negative_nan(b);
            ordered(Datum::Float64(*a), Datum::Float64(*b)).filter(|_| known)
        }
        (
            S::String | S::PgLegacyName | S::Char { .. } | S::VarChar { .. },
            Lower::String(a),
            Upper::String(b),
        ) => ordered(Datum::String(a), Datum::String(b)),
        _ => None,
    }
}

fn fixed_size(scalar: &SqlScalarType, stats: &ProtoFixedSizeStats) -> Option<Row> {
    use FixedSizeKind as K;
    use SqlScalarType as S;
    let width = match stats.kind? {
        K::Time(_) => 8,
        K::Interval(_) | K::Uuid(_) | K::DateTime(_) => 16,
        K::Numeric(_) => numeric::PACKED_LEN,
    };
    let (a, b) = (stats.lower.as_slice(), stats.upper.as_slice());
    if a.len() != width || b.len() != width {
        return None;
    }
    match (scalar, stats.kind?) {
        (S::Time, K::Time(_)) => ordered(
            Datum::Time(fixed::time_from_bytes(a)),
            Datum::Time(fixed::time_from_bytes(b)),
        ),
        (S::Timestamp { .. }, K::DateTime(_)) => ordered(
            Datum::Timestamp(fixed::timestamp_from_bytes(a)),
            Datum::Timestamp(fixed::timestamp_from_bytes(b)),
        ),
        (S::TimestampTz { .. }, K::DateTime(_)) => ordered(
            Datum::TimestampTz(fixed::timestamp_from_bytes(a)),
            Datum::TimestampTz(fixed::timestamp_from_bytes(b)),
        ),
        (S::Interval, K::Interval(_)) => ordered(
            Datum::Interval(fixed::interval_from_bytes(a)),
            Datum::Interval(fixed::interval_from_bytes(b)),
        ),
        (S::Uuid, K::Uuid(_)) => ordered(
            Datum::Uuid(uuid::Uuid::from_slice(a).ok()?),
            Datum::Uuid(uuid::Uuid::from_slice(b).ok()?),
        ),
        (S::Numeric { .. }, K::Numeric(_)) => ordered(
            Datum::Numeric(numeric::unpack(a).ok()?),
            Datum::Numeric(numeric::unpack(b).ok()?),
        ),
        _ => None,
    }
}
