//! One column of datums in the making (`spec/persist.md` §5.5).
//!
//! Invariant: null slots hold what arrow's builders put there (zeroes, empty
//! strings), so that the bytes depend on the datums alone.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Float32Builder,
    Float64Builder, Int16Builder, Int32Builder, Int64Builder, ListArray, StringBuilder,
    StructArray, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};
use prost::Message;

use super::scalar_type::{array_fields, arrow_type, item, map_entries, map_fields, numeric_fields};
use super::{codec, fixed, numeric};
use repr::{Array, Datum, List, Map, SqlScalarType, jsonb};

/// Which values have fixed width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FixedKind {
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    AclItem,
}

impl FixedKind {
    pub fn width(self) -> i32 {
        match self {
            FixedKind::Time => 8,
            FixedKind::Timestamp
            | FixedKind::TimestampTz
            | FixedKind::Interval
            | FixedKind::Uuid
            | FixedKind::AclItem => 16,
        }
    }
}

/// A column in the making.
#[derive(Debug)]
pub(super) enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt8(UInt8Builder),
    UInt16(UInt16Builder),
    UInt32(UInt32Builder),
    UInt64(UInt64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Date(Int32Builder),
    MzTimestamp(UInt64Builder),
    String(StringBuilder),
    Bytes(BinaryBuilder),
    Json(StringBuilder),
    MzAclItem(BinaryBuilder),
    Range(BinaryBuilder),
    Fixed(FixedKind, FixedSizeBinaryBuilder),
    Numeric(Float64Builder, BinaryBuilder, Vec<bool>),
    Array(Box<ArrayBuilder>),
    List(Box<ListBuilder>),
    Map(Box<MapBuilder>),
    Record(RecordBuilder),
    /// A record without fields: true for each value.
    Unit(BooleanBuilder),
}

/// Offsets and validity of lists; the elements are elsewhere.
#[derive(Debug, Default)]
pub(super) struct Spans {
    ends: Vec<i32>,
    valid: Vec<bool>,
}

impl Spans {
    /// A list of `count` more elements.
    fn push(&mut self, count: usize, valid: bool) -> Result<(), String> {
        let end = self.ends.last().copied().unwrap_or(0);
        let end = i32::try_from(count).ok().and_then(|n| end.checked_add(n));
        self.ends.push(end.ok_or("a column of too many elements")?);
        self.valid.push(valid);
        Ok(())
    }

    fn finish(&mut self, field: FieldRef, values: ArrayRef) -> ArrayRef {
        let mut offsets = vec![0];
        offsets.append(&mut self.ends);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let nulls = validity(&mut self.valid);
        Arc::new(ListArray::new(field, offsets, values, nulls))
    }
}

/// The validity of a column, if something is null.
fn validity(valid: &mut Vec<bool>) -> Option<NullBuffer> {
    let valid = std::mem::take(valid);
    valid.contains(&false).then(|| NullBuffer::from(valid))
}

#[derive(Debug)]
pub(super) struct ArrayBuilder {
    fields: Fields,
    dims: FixedSizeBinaryBuilder,
    dim_spans: Spans,
    element: FieldRef,
    vals: ColumnBuilder,
    val_spans: Spans,
    valid: Vec<bool>,
}

impl ArrayBuilder {
    fn new(element: &SqlScalarType) -> Self {
        ArrayBuilder {
            fields: array_fields(element),
            dims: FixedSizeBinaryBuilder::new(16),
            dim_spans: Spans::default(),
            element: item(arrow_type(element)),
            vals: ColumnBuilder::new(element),
            val_spans: Spans::default(),
            valid: Vec::new(),
        }
    }

    fn push(&mut self, array: Array<'_>) -> Result<usize, String> {
        let dims = array.dims();
        for dim in &dims {
            let bytes = fixed::dimension_to_bytes(*dim);
            self.dims.append_value(bytes).map_err(|e| e.to_string())?;
        }
        self.dim_spans.push(dims.len(), true)?;
        let (count, size) = push_all(&mut self.vals, array.elements().iter())?;
        self.val_spans.push(count, true)?;
        self.valid.push(true);
        Ok(16 * dims.len() + size)
    }
}

#[derive(Debug)]
pub(super) struct ListBuilder {
    field: FieldRef,
    elements: ColumnBuilder,
    spans: Spans,
}

impl ListBuilder {
    fn new(element: &SqlScalarType) -> Self {
        ListBuilder {
            field: item(arrow_type(element)),
            elements: ColumnBuilder::new(element),
            spans: Spans::default(),
        }
    }
}

#[derive(Debug)]
pub(super) struct MapBuilder {
    entries: FieldRef,
    fields: Fields,
    keys: StringBuilder,
    vals: ColumnBuilder,
    spans: Spans,
}

impl MapBuilder {
    fn new(value: &SqlScalarType) -> Self {
        MapBuilder {
            entries: map_entries(value),
            fields: map_fields(value),
            keys: StringBuilder::new(),
            vals: ColumnBuilder::new(value),
            spans: Spans::default(),
        }
    }

    fn push(&mut self, map: Map<'_>) -> Result<usize, String> {
        let (mut count, mut size) = (0, 0);
        for (key, value) in map.iter() {
            self.keys.append_value(key);
            size += key.len() + self.vals.push(value)?;
            count += 1;
        }
        self.spans.push(count, true)?;
        Ok(size)
    }
}

#[derive(Debug)]
pub(super) struct RecordBuilder {
    fields: Fields,
    columns: Vec<ColumnBuilder>,
    valid: Vec<bool>,
}

impl RecordBuilder {
    fn push(&mut self, fields: List<'_>) -> Result<usize, String> {
        let mut datums = fields.iter();
        let mut size = 0;
        for column in &mut self.columns {
            let datum = datums.next().ok_or("a record of too few fields")?;
            size += column.push(datum)?;
        }
        if datums.next().is_some() {
            return Err("a record of too many fields".into());
        }
        self.valid.push(true);
        Ok(size)
    }
}

/// Appends a value or a null, and says how large it is.
macro_rules! put {
    ($builder:expr, $value:expr, $size:expr) => {{
        $builder.append_value($value);
        Ok($size)
    }};
}

/// Appends a null, and says how large its slot is.
macro_rules! null {
    ($builder:expr, $size:expr) => {{
        $builder.append_null();
        $size
    }};
}

impl ColumnBuilder {
    pub fn new(scalar: &SqlScalarType) -> Self {
        use ColumnBuilder as C;
        use SqlScalarType as S;
        let fixed = |kind: FixedKind| C::Fixed(kind, FixedSizeBinaryBuilder::new(kind.width()));
        let array = |element: &SqlScalarType| C::Array(Box::new(ArrayBuilder::new(element)));
        match scalar {
            S::Bool => C::Bool(BooleanBuilder::new()),
            S::Int16 => C::Int16(Int16Builder::new()),
            S::Int32 => C::Int32(Int32Builder::new()),
            S::Int64 => C::Int64(Int64Builder::new()),
            S::PgLegacyChar => C::UInt8(UInt8Builder::new()),
            S::UInt16 => C::UInt16(UInt16Builder::new()),
            S::UInt32 | S::Oid | S::RegProc | S::RegType | S::RegClass => {
                C::UInt32(UInt32Builder::new())
            }
            S::UInt64 => C::UInt64(UInt64Builder::new()),
            S::Float32 => C::Float32(Float32Builder::new()),
            S::Float64 => C::Float64(Float64Builder::new()),
            S::Date => C::Date(Int32Builder::new()),
            S::MzTimestamp => C::MzTimestamp(UInt64Builder::new()),
            S::String | S::PgLegacyName | S::Char { .. } | S::VarChar { .. } => {
                C::String(StringBuilder::new())
            }
            S::Bytes => C::Bytes(BinaryBuilder::new()),
            S::Jsonb => C::Json(StringBuilder::new()),
            S::MzAclItem => C::MzAclItem(BinaryBuilder::new()),
            S::Range { .. } => C::Range(BinaryBuilder::new()),
            S::Time => fixed(FixedKind::Time),
            S::Timestamp { .. } => fixed(FixedKind::Timestamp),
            S::TimestampTz { .. } => fixed(FixedKind::TimestampTz),
            S::Interval => fixed(FixedKind::Interval),
            S::Uuid => fixed(FixedKind::Uuid),
            S::AclItem => fixed(FixedKind::AclItem),
            S::Numeric { .. } => {
                C::Numeric(Float64Builder::new(), BinaryBuilder::new(), Vec::new())
            }
            S::Array(element) => array(element),
            S::Int2Vector => array(&S::Int16),
            S::List { element_type, .. } => C::List(Box::new(ListBuilder::new(element_type))),
            S::Map { value_type, .. } => C::Map(Box::new(MapBuilder::new(value_type))),
            S::Record { fields, .. } if fields.is_empty() => C::Unit(BooleanBuilder::new()),
            S::Record { fields, .. } => {
                let DataType::Struct(arrow_fields) = arrow_type(scalar) else {
                    unreachable!("a record with fields is a struct");
                };
                let columns = fields
                    .iter()
                    .map(|(_, c)| ColumnBuilder::new(&c.scalar_type));
                C::Record(RecordBuilder {
                    fields: arrow_fields,
                    columns: columns.collect(),
                    valid: Vec::new(),
                })
            }
        }
    }

    /// Adds a datum; its size as "goodbytes" (§5.6).
    pub fn push(&mut self, datum: Datum<'_>) -> Result<usize, String> {
        use ColumnBuilder as C;
        match (self, datum) {
            (column, Datum::Null) => column.push_null(),
            (C::Bool(b), Datum::True) => put!(b, true, 1),
            (C::Bool(b), Datum::False) => put!(b, false, 1),
            (C::Int16(b), Datum::Int16(v)) => put!(b, v, 2),
            (C::Int32(b), Datum::Int32(v)) => put!(b, v, 4),
            (C::Int64(b), Datum::Int64(v)) => put!(b, v, 8),
            (C::UInt8(b), Datum::UInt8(v)) => put!(b, v, 1),
            (C::UInt16(b), Datum::UInt16(v)) => put!(b, v, 2),
            (C::UInt32(b), Datum::UInt32(v)) => put!(b, v, 4),
            (C::UInt64(b), Datum::UInt64(v)) => put!(b, v, 8),
            (C::Float32(b), Datum::Float32(v)) => put!(b, v, 4),
            (C::Float64(b), Datum::Float64(v)) => put!(b, v, 8),
            (C::Date(b), Datum::Date(v)) => put!(b, v, 4),
            (C::MzTimestamp(b), Datum::MzTimestamp(v)) => put!(b, v, 8),
            (C::String(b), Datum::String(v)) => put!(b, v, v.len()),
            (C::Bytes(b), Datum::Bytes(v)) => put!(b, v, v.len()),
            (C::Json(b), value) => {
                let mut text = String::new();
                jsonb::write(value, &mut text)?;
                put!(b, &text, text.len())
            }
            (C::MzAclItem(b), Datum::MzAclItem(v)) => {
                put!(b, fixed::mz_acl_item_to_bytes(&v)?, 32)
            }
            (C::Range(b), range @ Datum::Range(_)) => {
                let bytes = codec::datum_to_proto(range).encode_to_vec();
                put!(b, &bytes, bytes.len())
            }
            (C::Fixed(kind, b), value) => push_fixed(*kind, b, value),
            (C::Numeric(approx, binary, valid), Datum::Numeric(n)) => {
                approx.append_value(numeric::approx(&n));
                binary.append_value(numeric::pack(&n));
                valid.push(true);
                Ok(8 + numeric::PACKED_LEN)
            }
            (C::Array(b), Datum::Array(array)) => b.push(array),
            (C::List(b), Datum::List(list)) => {
                let (count, size) = push_all(&mut b.elements, list.iter())?;
                b.spans.push(count, true)?;
                Ok(size)
            }
            (C::Map(b), Datum::Map(map)) => b.push(map),
            (C::Record(b), Datum::List(fields)) => b.push(fields),
            (C::Unit(b), Datum::List(_)) => put!(b, true, 1),
            (_, other) => Err(format!("{other} in a column of another type")),
        }
    }

    /// Adds a null; the size of its slot.
    pub fn push_null(&mut self) -> Result<usize, String> {
        use ColumnBuilder as C;
        Ok(match self {
            C::Bool(b) | C::Unit(b) => null!(b, 1),
            C::Int16(b) => null!(b, 2),
            C::Int32(b) | C::Date(b) => null!(b, 4),
            C::Int64(b) => null!(b, 8),
            C::UInt8(b) => null!(b, 1),
            C::UInt16(b) => null!(b, 2),
            C::UInt32(b) => null!(b, 4),
            C::UInt64(b) | C::MzTimestamp(b) => null!(b, 8),
            C::Float32(b) => null!(b, 4),
            C::Float64(b) => null!(b, 8),
            C::String(b) | C::Json(b) => null!(b, 0),
            C::Bytes(b) | C::MzAclItem(b) | C::Range(b) => null!(b, 0),
            C::Fixed(kind, b) => null!(b, kind.width() as usize),
            C::Numeric(approx, binary, valid) => {
                approx.append_null();
                binary.append_null();
                valid.push(false);
                8
            }
            C::Array(b) => {
                b.dim_spans.push(0, false)?;
                b.val_spans.push(0, false)?;
                b.valid.push(false);
                0
            }
            C::List(b) => {
                b.spans.push(0, false)?;
                0
            }
            C::Map(b) => {
                b.spans.push(0, false)?;
                0
            }
            C::Record(b) => {
                b.valid.push(false);
                let mut size = 0;
                for column in &mut b.columns {
                    size += column.push_null()?;
                }
                size
            }
        })
    }

    /// The column, after which the builder is empty.
    pub fn finish(&mut self) -> ArrayRef {
        use ColumnBuilder as C;
        match self {
            C::Bool(b) | C::Unit(b) => Arc::new(b.finish()),
            C::Int16(b) => Arc::new(b.finish()),
            C::Int32(b) | C::Date(b) => Arc::new(b.finish()),
            C::Int64(b) => Arc::new(b.finish()),
            C::UInt8(b) => Arc::new(b.finish()),
            C::UInt16(b) => Arc::new(b.finish()),
            C::UInt32(b) => Arc::new(b.finish()),
            C::UInt64(b) | C::MzTimestamp(b) => Arc::new(b.finish()),
            C::Float32(b) => Arc::new(b.finish()),
            C::Float64(b) => Arc::new(b.finish()),
            C::String(b) | C::Json(b) => Arc::new(b.finish()),
            C::Bytes(b) | C::MzAclItem(b) | C::Range(b) => Arc::new(b.finish()),
            C::Fixed(_, b) => Arc::new(b.finish()),
            C::Numeric(approx, binary, valid) => {
                let columns: Vec<ArrayRef> =
                    vec![Arc::new(approx.finish()), Arc::new(binary.finish())];
                Arc::new(StructArray::new(numeric_fields(), columns, validity(valid)))
            }
            C::Array(b) => {
                let dim_item = item(DataType::FixedSizeBinary(16));
                let dims = b.dim_spans.finish(dim_item, Arc::new(b.dims.finish()));
                let vals = b.vals.finish();
                let vals = b.val_spans.finish(Arc::clone(&b.element), vals);
                let nulls = validity(&mut b.valid);
                Arc::new(StructArray::new(b.fields.clone(), vec![dims, vals], nulls))
            }
            C::List(b) => {
                let elements = b.elements.finish();
                b.spans.finish(Arc::clone(&b.field), elements)
            }
            C::Map(b) => {
                let columns: Vec<ArrayRef> = vec![Arc::new(b.keys.finish()), b.vals.finish()];
                let entries = StructArray::new(b.fields.clone(), columns, None);
                b.spans.finish(Arc::clone(&b.entries), Arc::new(entries))
            }
            C::Record(b) => {
                let columns = b.columns.iter_mut().map(ColumnBuilder::finish).collect();
                let nulls = validity(&mut b.valid);
                Arc::new(StructArray::new(b.fields.clone(), columns, nulls))
            }
        }
    }
}

/// Adds datums; how many, and their size.
fn push_all<'a>(
    column: &mut ColumnBuilder,
    datums: impl Iterator<Item = Datum<'a>>,
) -> Result<(usize, usize), String> {
    let (mut count, mut size) = (0, 0);
    for datum in datums {
        size += column.push(datum)?;
        count += 1;
    }
    Ok((count, size))
}

fn push_fixed(
    kind: FixedKind,
    builder: &mut FixedSizeBinaryBuilder,
    datum: Datum<'_>,
) -> Result<usize, String> {
    let appended = match (kind, datum) {
        (FixedKind::Time, Datum::Time(t)) => builder.append_value(fixed::time_to_bytes(t)),
        (FixedKind::Timestamp, Datum::Timestamp(t))
        | (FixedKind::TimestampTz, Datum::TimestampTz(t)) => {
            builder.append_value(fixed::timestamp_to_bytes(t))
        }
        (FixedKind::Interval, Datum::Interval(i)) => {
            builder.append_value(fixed::interval_to_bytes(i))
        }
        (FixedKind::Uuid, Datum::Uuid(u)) => builder.append_value(u.as_bytes()),
        (FixedKind::AclItem, Datum::AclItem(i)) => {
            builder.append_value(fixed::acl_item_to_bytes(i))
        }
        (_, other) => return Err(format!("{other} in a column of another type")),
    };
    appended.map_err(|e| e.to_string())?;
    Ok(kind.width() as usize)
}
