//! One column of datums, read (`spec/persist.md` §5.5).
//!
//! Invariant: what the column's builder was given comes out again; bytes that
//! no builder makes are errors.

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array,
    Int16Array, Int32Array, Int64Array, ListArray, MapArray, StringArray, StructArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use prost::Message;
use uuid::Uuid;

use super::column::FixedKind;
use super::{codec, fixed, numeric};
use crate::format::wire::row::{DatumKind, ProtoDatum};
use repr::{Datum, RowPacker, SqlScalarType, jsonb};

/// A column of one type.
pub(super) enum Column<'a> {
    /// The part does not have it.
    Missing,
    Bool(&'a BooleanArray),
    Int16(&'a Int16Array),
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    UInt8(&'a UInt8Array),
    UInt16(&'a UInt16Array),
    UInt32(&'a UInt32Array),
    UInt64(&'a UInt64Array),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Date(&'a Int32Array),
    MzTimestamp(&'a UInt64Array),
    String(&'a StringArray),
    Bytes(&'a BinaryArray),
    Json(&'a StringArray),
    MzAclItem(&'a BinaryArray),
    Range(&'a BinaryArray),
    Fixed(FixedKind, &'a FixedSizeBinaryArray),
    Numeric(&'a StructArray, &'a BinaryArray),
    Array(&'a StructArray, Dims<'a>, Box<Elements<'a>>),
    List(Box<Elements<'a>>),
    Map(&'a StringArray, Box<Elements<'a>>),
    Record(&'a StructArray, Vec<Column<'a>>),
    Unit(&'a BooleanArray),
}

/// The dimensions of arrays.
pub(super) struct Dims<'a> {
    lists: &'a ListArray,
    dims: &'a FixedSizeBinaryArray,
}

impl Dims<'_> {
    /// Those of the `i`-th array: lower bound and length of each.
    fn of(&self, i: usize) -> Vec<(i64, u64)> {
        let offsets = self.lists.value_offsets();
        let range = offsets[i] as usize..offsets[i + 1] as usize;
        range
            .map(|at| fixed::dimension_from_bytes(self.dims.value(at)))
            .collect()
    }
}

/// Lists of elements.
pub(super) struct Elements<'a> {
    offsets: &'a OffsetBuffer<i32>,
    nulls: Option<&'a NullBuffer>,
    column: Column<'a>,
}

impl Elements<'_> {
    fn range(&self, i: usize) -> std::ops::Range<usize> {
        // Validated when the array was made: ascending and not negative.
        self.offsets[i] as usize..self.offsets[i + 1] as usize
    }

    fn is_null(&self, i: usize) -> bool {
        self.nulls.is_some_and(|n| n.is_null(i))
    }

    /// Packs the `i`-th list as an array.
    fn push_array(
        &self,
        i: usize,
        dims: &[(i64, u64)],
        packer: &mut RowPacker,
    ) -> Result<(), String> {
        let range = self.range(i);
        fixed::check_dims(dims, range.len())?;
        let mut outcome = Ok(());
        packer.push_array(dims, |p| outcome = self.column.push_range(range, p));
        outcome
    }

    /// Packs the `i`-th list as the values of a map.
    fn push_map(&self, i: usize, keys: &StringArray, packer: &mut RowPacker) -> Result<(), String> {
        let mut outcome = Ok(());
        packer.push_map(|p| {
            for at in self.range(i) {
                p.push(Datum::String(keys.value(at)));
                outcome = self.column.push(at, p);
                if outcome.is_err() {
                    return;
                }
            }
        });
        outcome
    }
}

fn cast<A: 'static>(array: &ArrayRef) -> Result<&A, String> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| format!("it is stored as {}", array.data_type()))
}

fn child<'a>(array: &'a StructArray, name: &str) -> Result<&'a ArrayRef, String> {
    array
        .column_by_name(name)
        .ok_or_else(|| format!("it has no field {name}"))
}

impl<'a> Column<'a> {
    /// What is wrong if the array does not hold values of the type.
    pub fn new(scalar: &SqlScalarType, array: &'a ArrayRef) -> Result<Self, String> {
        use Column as C;
        use SqlScalarType as S;
        let fixed = |kind: FixedKind| -> Result<Self, String> {
            let array: &FixedSizeBinaryArray = cast(array)?;
            if array.value_length() != kind.width() {
                return Err(format!("it is stored as {}", array.data_type()));
            }
            Ok(C::Fixed(kind, array))
        };
        Ok(match scalar {
            S::Bool => C::Bool(cast(array)?),
            S::Int16 => C::Int16(cast(array)?),
            S::Int32 => C::Int32(cast(array)?),
            S::Int64 => C::Int64(cast(array)?),
            S::PgLegacyChar => C::UInt8(cast(array)?),
            S::UInt16 => C::UInt16(cast(array)?),
            S::UInt32 | S::Oid | S::RegProc | S::RegType | S::RegClass => C::UInt32(cast(array)?),
            S::UInt64 => C::UInt64(cast(array)?),
            S::Float32 => C::Float32(cast(array)?),
            S::Float64 => C::Float64(cast(array)?),
            S::Date => C::Date(cast(array)?),
            S::MzTimestamp => C::MzTimestamp(cast(array)?),
            S::String | S::PgLegacyName | S::Char { .. } | S::VarChar { .. } => {
                C::String(cast(array)?)
            }
            S::Bytes => C::Bytes(cast(array)?),
            S::Jsonb => C::Json(cast(array)?),
            S::MzAclItem => C::MzAclItem(cast(array)?),
            S::Range { .. } => C::Range(cast(array)?),
            S::Time => fixed(FixedKind::Time)?,
            S::Timestamp { .. } => fixed(FixedKind::Timestamp)?,
            S::TimestampTz { .. } => fixed(FixedKind::TimestampTz)?,
            S::Interval => fixed(FixedKind::Interval)?,
            S::Uuid => fixed(FixedKind::Uuid)?,
            S::AclItem => fixed(FixedKind::AclItem)?,
            S::Numeric { .. } => {
                let array: &StructArray = cast(array)?;
                C::Numeric(array, cast(child(array, "binary")?)?)
            }
            S::Array(element) => Column::array(element, array)?,
            S::Int2Vector => Column::array(&S::Int16, array)?,
            S::List { element_type, .. } => C::List(Box::new(elements(element_type, array)?)),
            S::Map { value_type, .. } => Column::map(value_type, array)?,
            S::Record { fields, .. } if fields.is_empty() => C::Unit(cast(array)?),
            S::Record { fields, .. } => {
                let array: &StructArray = cast(array)?;
                let columns = fields.iter().enumerate().map(|(i, (_, field))| {
                    match array.column_by_name(&i.to_string()) {
                        Some(column) => Column::new(&field.scalar_type, column),
                        None if field.nullable => Ok(C::Missing),
                        None => Err(format!("it has no field {i}")),
                    }
                });
                C::Record(array, columns.collect::<Result<_, _>>()?)
            }
        })
    }

    fn array(element: &SqlScalarType, array: &'a ArrayRef) -> Result<Self, String> {
        let array: &StructArray = cast(array)?;
        let lists: &ListArray = cast(child(array, "dims")?)?;
        let dims: &FixedSizeBinaryArray = cast(lists.values())?;
        if dims.value_length() != 16 {
            return Err(format!("its dimensions are stored as {}", dims.data_type()));
        }
        let vals = elements(element, child(array, "vals")?)?;
        Ok(Column::Array(array, Dims { lists, dims }, Box::new(vals)))
    }

    /// Entries in a list of pairs, or in arrow's own map.
    fn map(value: &SqlScalarType, array: &'a ArrayRef) -> Result<Self, String> {
        let (entries, offsets, nulls): (&StructArray, _, _) =
            match array.as_any().downcast_ref::<MapArray>() {
                Some(map) => (map.entries(), map.offsets(), map.nulls()),
                None => {
                    let list: &ListArray = cast(array)?;
                    (cast(list.values())?, list.offsets(), list.nulls())
                }
            };
        let [keys, vals] = entries.columns() else {
            return Err(format!("its entries are stored as {}", entries.data_type()));
        };
        let elements = Elements {
            offsets,
            nulls,
            column: Column::new(value, vals)?,
        };
        Ok(Column::Map(cast(keys)?, Box::new(elements)))
    }

    /// Packs the `i`-th datum.
    pub fn push(&self, i: usize, packer: &mut RowPacker) -> Result<(), String> {
        use Column as C;
        if self.is_null(i) {
            packer.push(Datum::Null);
            return Ok(());
        }
        let datum = match self {
            C::Missing => Datum::Null,
            C::Bool(a) => Datum::from(a.value(i)),
            C::Int16(a) => Datum::Int16(a.value(i)),
            C::Int32(a) => Datum::Int32(a.value(i)),
            C::Int64(a) => Datum::Int64(a.value(i)),
            C::UInt8(a) => Datum::UInt8(a.value(i)),
            C::UInt16(a) => Datum::UInt16(a.value(i)),
            C::UInt32(a) => Datum::UInt32(a.value(i)),
            C::UInt64(a) => Datum::UInt64(a.value(i)),
            C::Float32(a) => Datum::Float32(a.value(i)),
            C::Float64(a) => Datum::Float64(a.value(i)),
            C::Date(a) => Datum::Date(a.value(i)),
            C::MzTimestamp(a) => Datum::MzTimestamp(a.value(i)),
            C::String(a) => Datum::String(a.value(i)),
            C::Bytes(a) => Datum::Bytes(a.value(i)),
            C::Json(a) => return jsonb::read(a.value(i), packer),
            C::MzAclItem(a) => Datum::MzAclItem(fixed::mz_acl_item_from_bytes(a.value(i))?),
            C::Range(a) => {
                let proto = ProtoDatum::decode(a.value(i)).map_err(|e| e.to_string())?;
                if !matches!(proto.kind, Some(DatumKind::Range(_))) {
                    return Err("a value of a range column is no range".into());
                }
                return codec::push_proto(&proto, packer);
            }
            C::Fixed(kind, a) => fixed_datum(*kind, a.value(i)),
            C::Numeric(_, binary) => Datum::Numeric(numeric::unpack(binary.value(i))?),
            C::Array(_, dims, vals) => return vals.push_array(i, &dims.of(i), packer),
            C::List(list) => {
                let mut outcome = Ok(());
                packer.push_list(|p| outcome = list.column.push_range(list.range(i), p));
                return outcome;
            }
            C::Map(keys, vals) => return vals.push_map(i, keys, packer),
            C::Record(_, columns) => {
                let mut outcome = Ok(());
                packer.push_list(|p| {
                    outcome = columns.iter().try_for_each(|c| c.push(i, p));
                });
                return outcome;
            }
            C::Unit(_) => {
                packer.push_list(|_| {});
                return Ok(());
            }
        };
        packer.push(datum);
        Ok(())
    }

    fn push_range(
        &self,
        mut range: std::ops::Range<usize>,
        packer: &mut RowPacker,
    ) -> Result<(), String> {
        range.try_for_each(|at| self.push(at, packer))
    }

    fn is_null(&self, i: usize) -> bool {
        use Column as C;
        match self {
            C::Missing => true,
            C::Bool(a) | C::Unit(a) => a.is_null(i),
            C::Int16(a) => a.is_null(i),
            C::Int32(a) | C::Date(a) => a.is_null(i),
            C::Int64(a) => a.is_null(i),
            C::UInt8(a) => a.is_null(i),
            C::UInt16(a) => a.is_null(i),
            C::UInt32(a) => a.is_null(i),
            C::UInt64(a) | C::MzTimestamp(a) => a.is_null(i),
            C::Float32(a) => a.is_null(i),
            C::Float64(a) => a.is_null(i),
            C::String(a) | C::Json(a) => a.is_null(i),
            C::Bytes(a) | C::MzAclItem(a) | C::Range(a) => a.is_null(i),
            C::Fixed(_, a) => a.is_null(i),
            C::Numeric(a, _) | C::Array(a, _, _) | C::Record(a, _) => a.is_null(i),
            C::List(a) | C::Map(_, a) => a.is_null(i),
        }
    }
}

fn elements<'a>(element: &SqlScalarType, array: &'a ArrayRef) -> Result<Elements<'a>, String> {
    let list: &ListArray = cast(array)?;
    Ok(Elements {
        offsets: list.offsets(),
        nulls: list.nulls(),
        column: Column::new(element, list.values())?,
    })
}

fn fixed_datum(kind: FixedKind, bytes: &[u8]) -> Datum<'static> {
    match kind {
        FixedKind::Time => Datum::Time(fixed::time_from_bytes(bytes)),
        FixedKind::Timestamp => Datum::Timestamp(fixed::timestamp_from_bytes(bytes)),
        FixedKind::TimestampTz => Datum::TimestampTz(fixed::timestamp_from_bytes(bytes)),
        FixedKind::Interval => Datum::Interval(fixed::interval_from_bytes(bytes)),
        FixedKind::Uuid => {
            let mut uuid = [0; 16];
            uuid.copy_from_slice(bytes);
            Datum::Uuid(Uuid::from_bytes(uuid))
        }
        FixedKind::AclItem => Datum::AclItem(fixed::acl_item_from_bytes(bytes)),
    }
}
