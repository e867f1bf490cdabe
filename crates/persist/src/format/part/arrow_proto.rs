//! Arrow types and arrays as protobuf (`spec/persist.md` §5.5).
//!
//! Invariant: the bytes depend on the values alone: offsets are resolved,
//! null slots are as arrow's builders leave them, and validity is present
//! only where something is null. Decoding validates fully.

use arrow::array::{Array, ArrayData, ArrayRef, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use std::sync::Arc;

use crate::format::corrupt::Corrupt;
use crate::format::wire::arrow::{
    DataTypeKind, ProtoArrayData, ProtoBuffer, ProtoDataType, ProtoField, ProtoMapType, ProtoNulls,
    ProtoStructType,
};
use crate::format::wire::state::Empty;

fn bad(why: impl Into<String>) -> Corrupt {
    Corrupt::new("arrow data", why)
}

/// The message of a type; an error names a type that persist does not use.
pub fn type_to_proto(data_type: &DataType) -> Result<ProtoDataType, Corrupt> {
    use DataTypeKind as K;
    let kind = match data_type {
        DataType::Utf8 => K::String(Empty {}),
        DataType::Binary => K::Binary(Empty {}),
        DataType::FixedSizeBinary(width) => K::FixedBinary(*width),
        DataType::Int8 => K::Int8(Empty {}),
        DataType::Int16 => K::Int16(Empty {}),
        DataType::Int32 => K::Int32(Empty {}),
        DataType::Int64 => K::Int64(Empty {}),
        DataType::UInt8 => K::UInt8(Empty {}),
        DataType::UInt16 => K::UInt16(Empty {}),
        DataType::UInt32 => K::UInt32(Empty {}),
        DataType::UInt64 => K::UInt64(Empty {}),
        DataType::Float32 => K::Float32(Empty {}),
        DataType::Float64 => K::Float64(Empty {}),
        DataType::Boolean => K::Boolean(Empty {}),
        DataType::Null => K::Null(Empty {}),
        DataType::Struct(fields) => K::Struct(ProtoStructType {
            children: fields
                .iter()
                .map(|f| field_to_proto(f))
                .collect::<Result<_, _>>()?,
        }),
        DataType::List(field) => K::List(Box::new(field_to_proto(field)?)),
        DataType::Map(field, sorted) => K::Map(Box::new(ProtoMapType {
            value: Some(Box::new(field_to_proto(field)?)),
            sorted: *sorted,
        })),
        other => return Err(bad(format!("type {other} is not used by persist"))),
    };
    Ok(ProtoDataType { kind: Some(kind) })
}

fn field_to_proto(field: &Field) -> Result<ProtoField, Corrupt> {
    Ok(ProtoField {
        name: field.name().clone(),
        nullable: field.is_nullable(),
        data_type: Some(Box::new(type_to_proto(field.data_type())?)),
    })
}

/// The type of a message.
pub fn type_from_proto(proto: &ProtoDataType) -> Result<DataType, Corrupt> {
    use DataTypeKind as K;
    let kind = proto
        .kind
        .as_ref()
        .ok_or_else(|| bad("a type is missing"))?;
    Ok(match kind {
        K::String(Empty {}) => DataType::Utf8,
        K::Binary(Empty {}) => DataType::Binary,
        K::FixedBinary(width) if *width > 0 => DataType::FixedSizeBinary(*width),
        K::FixedBinary(width) => return Err(bad(format!("fixed binary of width {width}"))),
        K::Int8(Empty {}) => DataType::Int8,
        K::Int16(Empty {}) => DataType::Int16,
        K::Int32(Empty {}) => DataType::Int32,
        K::Int64(Empty {}) => DataType::Int64,
        K::UInt8(Empty {}) => DataType::UInt8,
        K::UInt16(Empty {}) => DataType::UInt16,
        K::UInt32(Empty {}) => DataType::UInt32,
        K::UInt64(Empty {}) => DataType::UInt64,
        K::Float32(Empty {}) => DataType::Float32,
        K::Float64(Empty {}) => DataType::Float64,
        K::Boolean(Empty {}) => DataType::Boolean,
        K::Null(Empty {}) => DataType::Null,
        K::Struct(fields) => {
            let children: Vec<Field> = fields
                .children
                .iter()
                .map(field_from_proto)
                .collect::<Result<_, _>>()?;
            DataType::Struct(Fields::from(children))
        }
        K::List(field) => DataType::List(Arc::new(field_from_proto(field)?)),
        K::Map(map) => {
            let entries = map
                .value
                .as_deref()
                .ok_or_else(|| bad("a map without entries"))?;
            let entries = field_from_proto(entries)?;
            match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {}
                _ => return Err(bad("the entries of a map are not pairs")),
            }
            DataType::Map(Arc::new(entries), map.sorted)
        }
    })
}

fn field_from_proto(proto: &ProtoField) -> Result<Field, Corrupt> {
    let data_type = proto
        .data_type
        .as_deref()
        .ok_or_else(|| bad("a field has no type"))?;
    Ok(Field::new(
        proto.name.clone(),
        type_from_proto(data_type)?,
        proto.nullable,
    ))
}

/// The message of an array.
pub fn array_to_proto(array: &dyn Array) -> Result<ProtoArrayData, Corrupt> {
    let mut proto = data_to_proto(&array.to_data());
    proto.data_type = Some(type_to_proto(array.data_type())?);
    Ok(proto)
}

fn data_to_proto(data: &ArrayData) -> ProtoArrayData {
    let nulls = data.nulls().filter(|nulls| nulls.null_count() > 0);
    ProtoArrayData {
        data_type: None,
        length: data.len() as u64,
        offset: data.offset() as u64,
        buffers: data
            .buffers()
            .iter()
            .map(|b| ProtoBuffer {
                data: bytes::Bytes::copy_from_slice(b.as_slice()),
            })
            .collect(),
        children: data.child_data().iter().map(data_to_proto).collect(),
        nulls: nulls.map(|nulls| ProtoNulls {
            buffer: Some(ProtoBuffer {
                data: bytes::Bytes::copy_from_slice(nulls.inner().sliced().as_slice()),
            }),
            length: nulls.len() as u64,
        }),
    }
}

/// The array of a message that carries its type, fully validated.
pub fn array_from_proto(proto: &ProtoArrayData) -> Result<ArrayRef, Corrupt> {
    let data_type = proto
        .data_type
        .as_ref()
        .ok_or_else(|| bad("an array has no type"))?;
    let data = data_from_proto(proto, type_from_proto(data_type)?)?;
    data.validate_full().map_err(|e| bad(e.to_string()))?;
    Ok(make_array(data))
}

fn data_from_proto(proto: &ProtoArrayData, data_type: DataType) -> Result<ArrayData, Corrupt> {
    let size = |n: u64| {
        // Arrow computes byte sizes from lengths without checking.
        usize::try_from(n)
            .ok()
            .filter(|n| *n <= u32::MAX as usize)
            .ok_or_else(|| bad(format!("length {n}")))
    };
    let (len, offset) = (size(proto.length)?, size(proto.offset)?);
    let child_types: Vec<&DataType> = match &data_type {
        DataType::Struct(fields) => fields.iter().map(|f| f.data_type()).collect(),
        DataType::List(field) | DataType::Map(field, _) => vec![field.data_type()],
        _ => Vec::new(),
    };
    if child_types.len() != proto.children.len() {
        return Err(bad(format!(
            "{} children for a type of {}",
            proto.children.len(),
            child_types.len()
        )));
    }
    let children: Vec<ArrayData> = proto
        .children
        .iter()
        .zip(child_types)
        .map(|(child, t)| data_from_proto(child, t.clone()))
        .collect::<Result<_, _>>()?;
    let nulls = match &proto.nulls {
        None => None,
        Some(nulls) => {
            let bits = nulls.buffer.as_ref().map(|b| b.data.clone());
            let bits = Buffer::from(bits.unwrap_or_default());
            let nulls_len = size(nulls.length)?;
            if nulls_len != len || bits.len() < nulls_len.div_ceil(8) {
                return Err(bad(format!(
                    "{} validity bytes for {nulls_len} of {len} values",
                    bits.len()
                )));
            }
            Some(NullBuffer::new(BooleanBuffer::new(bits, 0, nulls_len)))
        }
    };
    if data_type == DataType::Null && nulls.is_some() {
        return Err(bad("a null array with validity"));
    }
    let buffers = proto.buffers.iter().map(|b| Buffer::from(b.data.clone()));
    ArrayData::builder(data_type)
        .len(len)
        .offset(offset)
        .nulls(nulls)
        .buffers(buffers.collect())
        .child_data(children)
        .align_buffers(true)
        .build()
        .map_err(|e| bad(e.to_string()))
}
