//! Scalar types as registered, and the arrow types of their columns
//! (`spec/persist.md` §5.4, §5.5).
//!
//! Invariant: the arrow type depends on the SQL type alone.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use crate::format::wire::relation::{
    CatalogItemKind, ProtoCatalogItemId, ProtoColumnName, ProtoColumnType, ProtoListType,
    ProtoMapScalarType, ProtoNumber, ProtoOptionalNumber, ProtoRangeType, ProtoRecordField,
    ProtoRecordType, ProtoScalarType, ScalarKind,
};
use crate::format::wire::state::Empty;
use repr::{CatalogItemId, ColumnName, SqlColumnType, SqlScalarType};

fn number(value: Option<u32>) -> ProtoOptionalNumber {
    ProtoOptionalNumber {
        value: value.map(|value| ProtoNumber { value }),
    }
}

fn custom_id(id: Option<CatalogItemId>) -> Option<ProtoCatalogItemId> {
    let kind = match id? {
        CatalogItemId::System(n) => CatalogItemKind::System(n),
        CatalogItemId::User(n) => CatalogItemKind::User(n),
        CatalogItemId::Transient(n) => CatalogItemKind::Transient(n),
        CatalogItemId::IntrospectionSourceIndex(n) => CatalogItemKind::IntrospectionSourceIndex(n),
    };
    Some(ProtoCatalogItemId { kind: Some(kind) })
}

fn boxed(scalar: &SqlScalarType) -> Box<ProtoScalarType> {
    Box::new(scalar_type_to_proto(scalar))
}

/// The message of a column's type.
pub(super) fn column_type_to_proto(column: &SqlColumnType) -> ProtoColumnType {
    ProtoColumnType {
        scalar_type: Some(scalar_type_to_proto(&column.scalar_type)),
        nullable: column.nullable,
    }
}

fn field_to_proto((name, column): &(ColumnName, SqlColumnType)) -> ProtoRecordField {
    ProtoRecordField {
        name: Some(ProtoColumnName {
            value: Some(name.0.to_string()),
        }),
        column_type: Some(column_type_to_proto(column)),
    }
}

/// The message of a scalar type.
pub(super) fn scalar_type_to_proto(scalar: &SqlScalarType) -> ProtoScalarType {
    use ScalarKind as K;
    let kind = match scalar {
        SqlScalarType::Bool => K::Bool(Empty {}),
        SqlScalarType::Int16 => K::Int16(Empty {}),
        SqlScalarType::Int32 => K::Int32(Empty {}),
        SqlScalarType::Int64 => K::Int64(Empty {}),
        SqlScalarType::UInt16 => K::UInt16(Empty {}),
        SqlScalarType::UInt32 => K::UInt32(Empty {}),
        SqlScalarType::UInt64 => K::UInt64(Empty {}),
        SqlScalarType::Float32 => K::Float32(Empty {}),
        SqlScalarType::Float64 => K::Float64(Empty {}),
        SqlScalarType::Numeric { max_scale } => K::Numeric(number(max_scale.map(|s| s.0.into()))),
        SqlScalarType::Date => K::Date(Empty {}),
        SqlScalarType::Time => K::Time(Empty {}),
        SqlScalarType::Timestamp { precision } => {
            K::Timestamp(number(precision.map(|p| p.0.into())))
        }
        SqlScalarType::TimestampTz { precision } => {
            K::TimestampTz(number(precision.map(|p| p.0.into())))
        }
        SqlScalarType::Interval => K::Interval(Empty {}),
        SqlScalarType::PgLegacyChar => K::PgLegacyChar(Empty {}),
        SqlScalarType::PgLegacyName => K::PgLegacyName(Empty {}),
        SqlScalarType::Bytes => K::Bytes(Empty {}),
        SqlScalarType::String => K::String(Empty {}),
        SqlScalarType::Char { length } => K::Char(number(length.map(|l| l.0))),
        SqlScalarType::VarChar { max_length } => K::VarChar(number(max_length.map(|l| l.0))),
        SqlScalarType::Jsonb => K::Jsonb(Empty {}),
        SqlScalarType::Uuid => K::Uuid(Empty {}),
        SqlScalarType::Array(element) => K::Array(boxed(element)),
        SqlScalarType::List {
            element_type,
            custom_id: id,
        } => K::List(Box::new(ProtoListType {
            element_type: Some(boxed(element_type)),
            custom_id: custom_id(*id),
        })),
        SqlScalarType::Record {
            fields,
            custom_id: id,
        } => K::Record(ProtoRecordType {
            fields: fields.iter().map(field_to_proto).collect(),
            custom_id: custom_id(*id),
        }),
        SqlScalarType::Oid => K::Oid(Empty {}),
        SqlScalarType::Map {
            value_type,
            custom_id: id,
        } => K::Map(Box::new(ProtoMapScalarType {
            value_type: Some(boxed(value_type)),
            custom_id: custom_id(*id),
        })),
        SqlScalarType::RegProc => K::RegProc(Empty {}),
        SqlScalarType::RegType => K::RegType(Empty {}),
        SqlScalarType::RegClass => K::RegClass(Empty {}),
        SqlScalarType::Int2Vector => K::Int2Vector(Empty {}),
        SqlScalarType::MzTimestamp => K::MzTimestamp(Empty {}),
        SqlScalarType::Range { element_type } => K::Range(Box::new(ProtoRangeType {
            element_type: Some(boxed(element_type)),
        })),
        SqlScalarType::MzAclItem => K::MzAclItem(Empty {}),
        SqlScalarType::AclItem => K::AclItem(Empty {}),
    };
    ProtoScalarType { kind: Some(kind) }
}

/// A list's element field, named as arrow does by default.
pub(super) fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, true))
}

/// The fields of a numeric.
pub(super) fn numeric_fields() -> Fields {
    Fields::from(vec![
        Field::new("approx", DataType::Float64, true),
        Field::new("binary", DataType::Binary, true),
    ])
}

/// The fields of an array of elements of `element`.
pub(super) fn array_fields(element: &SqlScalarType) -> Fields {
    let dims = DataType::List(item(DataType::FixedSizeBinary(16)));
    let vals = DataType::List(item(arrow_type(element)));
    Fields::from(vec![
        Field::new("dims", dims, true),
        Field::new("vals", vals, true),
    ])
}

/// The fields of an entry of a map to `value`.
pub(super) fn map_fields(value: &SqlScalarType) -> Fields {
    Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("val", arrow_type(value), true),
    ])
}

/// The entries of a map.
pub(super) fn map_entries(value: &SqlScalarType) -> Arc<Field> {
    let entries = DataType::Struct(map_fields(value));
    Arc::new(Field::new("map_entries", entries, false))
}

/// The arrow type of a scalar type.
pub(super) fn arrow_type(scalar: &SqlScalarType) -> DataType {
    match scalar {
        SqlScalarType::Bool => DataType::Boolean,
        SqlScalarType::Int16 => DataType::Int16,
        SqlScalarType::Int32 | SqlScalarType::Date => DataType::Int32,
        SqlScalarType::Int64 => DataType::Int64,
        SqlScalarType::PgLegacyChar => DataType::UInt8,
        SqlScalarType::UInt16 => DataType::UInt16,
        SqlScalarType::UInt32
        | SqlScalarType::Oid
        | SqlScalarType::RegProc
        | SqlScalarType::RegType
        | SqlScalarType::RegClass => DataType::UInt32,
        SqlScalarType::UInt64 | SqlScalarType::MzTimestamp => DataType::UInt64,
        SqlScalarType::Float32 => DataType::Float32,
        SqlScalarType::Float64 => DataType::Float64,
        SqlScalarType::Numeric { .. } => DataType::Struct(numeric_fields()),
        SqlScalarType::String
        | SqlScalarType::PgLegacyName
        | SqlScalarType::Char { .. }
        | SqlScalarType::VarChar { .. }
        | SqlScalarType::Jsonb => DataType::Utf8,
        SqlScalarType::Bytes | SqlScalarType::MzAclItem | SqlScalarType::Range { .. } => {
            DataType::Binary
        }
        SqlScalarType::Time => DataType::FixedSizeBinary(8),
        SqlScalarType::Timestamp { .. }
        | SqlScalarType::TimestampTz { .. }
        | SqlScalarType::Interval
        | SqlScalarType::Uuid
        | SqlScalarType::AclItem => DataType::FixedSizeBinary(16),
        SqlScalarType::Array(element) => DataType::Struct(array_fields(element)),
        SqlScalarType::Int2Vector => DataType::Struct(array_fields(&SqlScalarType::Int16)),
        SqlScalarType::List { element_type, .. } => DataType::List(item(arrow_type(element_type))),
        SqlScalarType::Map { value_type, .. } => DataType::List(map_entries(value_type)),
        SqlScalarType::Record { fields, .. } if fields.is_empty() => DataType::Boolean,
        SqlScalarType::Record { fields, .. } => {
            let field = |(i, (_, column)): (usize, &(_, SqlColumnType))| {
                Field::new(i.to_string(), arrow_type(&column.scalar_type), true)
            };
            DataType::Struct(fields.iter().enumerate().map(field).collect())
        }
    }
}
