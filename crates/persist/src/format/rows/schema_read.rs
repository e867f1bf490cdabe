//! Registered schemas, decoded (`spec/persist.md` §5.4).
//!
//! Invariant: the exact inverse of `schema` and `scalar_type`.

use bytes::Bytes;
use prost::Message;

use crate::format::corrupt::Corrupt;
use crate::format::wire::relation::{
    CatalogItemKind, ProtoCatalogItemId, ProtoColumnType, ProtoOptionalNumber, ProtoRecordField,
    ProtoRelationDesc, ProtoScalarType, ScalarKind,
};
use crate::format::wire::state::{Empty, ProtoEncodedSchemas};
use repr::{
    CatalogItemId, CharLength, ColumnIndex, ColumnMetadata, ColumnName, NumericMaxScale,
    RelationDesc, RelationVersion, SqlColumnType, SqlRelationType, SqlScalarType,
    TimestampPrecision, VarCharMaxLength,
};

fn bad(why: impl Into<String>) -> Corrupt {
    Corrupt::new("schema", why)
}

/// The description that is registered.
pub fn decode_schemas(schemas: &ProtoEncodedSchemas) -> Result<RelationDesc, Corrupt> {
    decode_relation_desc(&schemas.key)
}

/// Decodes a `ProtoRelationDesc`.
pub fn decode_relation_desc(bytes: &Bytes) -> Result<RelationDesc, Corrupt> {
    let proto = ProtoRelationDesc::decode(bytes.clone()).map_err(|e| bad(e.to_string()))?;
    let typ = proto.typ.unwrap_or_default();
    let column_types: Vec<SqlColumnType> = typ
        .column_types
        .iter()
        .map(column_type)
        .collect::<Result<_, _>>()?;
    let keys = typ.keys.into_iter().map(|key| {
        let positions = key.keys.into_iter();
        positions
            .map(|i| usize::try_from(i).map_err(|_| bad(format!("key column {i}"))))
            .collect()
    });
    let keys = keys.collect::<Result<_, Corrupt>>()?;
    let names = proto.names.len();
    if names != column_types.len() || !(proto.metadata.is_empty() || proto.metadata.len() == names)
    {
        return Err(bad(format!(
            "{} types, {names} names, {} versions",
            column_types.len(),
            proto.metadata.len()
        )));
    }
    let mut metadata = std::collections::BTreeMap::new();
    for (i, name) in proto.names.into_iter().enumerate() {
        let versions = proto.metadata.get(i).copied().unwrap_or_default();
        let column = ColumnMetadata {
            name: ColumnName(name.value.unwrap_or_default().into()),
            typ_idx: i,
            added: RelationVersion(versions.added.map_or(0, |v| v.value)),
            dropped: versions.dropped.map(|v| RelationVersion(v.value)),
        };
        metadata.insert(ColumnIndex(i), column);
    }
    let typ = SqlRelationType { column_types, keys };
    Ok(RelationDesc { typ, metadata })
}

fn column_type(proto: &ProtoColumnType) -> Result<SqlColumnType, Corrupt> {
    Ok(SqlColumnType {
        scalar_type: scalar(proto.scalar_type.as_ref())?,
        nullable: proto.nullable,
    })
}

fn number<T: TryFrom<u32>>(proto: &ProtoOptionalNumber) -> Result<Option<T>, Corrupt> {
    let narrow = |n: u32| T::try_from(n).map_err(|_| bad(format!("type parameter {n}")));
    proto.value.map(|v| narrow(v.value)).transpose()
}

fn custom_id(proto: Option<ProtoCatalogItemId>) -> Result<Option<CatalogItemId>, Corrupt> {
    let Some(proto) = proto else { return Ok(None) };
    let kind = proto.kind.ok_or_else(|| bad("an id is missing"))?;
    Ok(Some(match kind {
        CatalogItemKind::System(n) => CatalogItemId::System(n),
        CatalogItemKind::User(n) => CatalogItemId::User(n),
        CatalogItemKind::Transient(n) => CatalogItemId::Transient(n),
        CatalogItemKind::IntrospectionSourceIndex(n) => CatalogItemId::IntrospectionSourceIndex(n),
    }))
}

fn boxed(proto: Option<&ProtoScalarType>) -> Result<Box<SqlScalarType>, Corrupt> {
    scalar(proto).map(Box::new)
}

fn field(proto: &ProtoRecordField) -> Result<(ColumnName, SqlColumnType), Corrupt> {
    let name = proto.name.clone().and_then(|n| n.value);
    let column = proto.column_type.as_ref();
    let column = column.ok_or_else(|| bad("a field has no type"))?;
    Ok((
        ColumnName(name.unwrap_or_default().into()),
        column_type(column)?,
    ))
}

fn scalar(proto: Option<&ProtoScalarType>) -> Result<SqlScalarType, Corrupt> {
    use ScalarKind as K;
    use SqlScalarType as S;
    let kind = proto
        .and_then(|p| p.kind.as_ref())
        .ok_or_else(|| bad("a type is missing"))?;
    Ok(match kind {
        K::Bool(Empty {}) => S::Bool,
        K::Int16(Empty {}) => S::Int16,
        K::Int32(Empty {}) => S::Int32,
        K::Int64(Empty {}) => S::Int64,
        K::Float32(Empty {}) => S::Float32,
        K::Float64(Empty {}) => S::Float64,
        K::Numeric(scale) => S::Numeric {
            max_scale: number(scale)?.map(NumericMaxScale),
        },
        K::Date(Empty {}) => S::Date,
        K::Time(Empty {}) => S::Time,
        K::Interval(Empty {}) => S::Interval,
        K::PgLegacyChar(Empty {}) => S::PgLegacyChar,
        K::Bytes(Empty {}) => S::Bytes,
        K::String(Empty {}) => S::String,
        K::Char(length) => S::Char {
            length: number(length)?.map(CharLength),
        },
        K::VarChar(length) => S::VarChar {
            max_length: number(length)?.map(VarCharMaxLength),
        },
        K::Jsonb(Empty {}) => S::Jsonb,
        K::Uuid(Empty {}) => S::Uuid,
        K::Array(element) => S::Array(boxed(Some(element))?),
        K::List(list) => S::List {
            element_type: boxed(list.element_type.as_deref())?,
            custom_id: custom_id(list.custom_id)?,
        },
        K::Record(record) => S::Record {
            fields: record.fields.iter().map(field).collect::<Result<_, _>>()?,
            custom_id: custom_id(record.custom_id)?,
        },
        K::Oid(Empty {}) => S::Oid,
        K::Map(map) => S::Map {
            value_type: boxed(map.value_type.as_deref())?,
            custom_id: custom_id(map.custom_id)?,
        },
        K::RegProc(Empty {}) => S::RegProc,
        K::RegType(Empty {}) => S::RegType,
        K::RegClass(Empty {}) => S::RegClass,
        K::Int2Vector(Empty {}) => S::Int2Vector,
        K::UInt16(Empty {}) => S::UInt16,
        K::UInt32(Empty {}) => S::UInt32,
        K::UInt64(Empty {}) => S::UInt64,
        K::MzTimestamp(Empty {}) => S::MzTimestamp,
        K::Range(range) => S::Range {
            element_type: boxed(range.element_type.as_deref())?,
        },
        K::MzAclItem(Empty {}) => S::MzAclItem,
        K::PgLegacyName(Empty {}) => S::PgLegacyName,
        K::AclItem(Empty {}) => S::AclItem,
        K::Timestamp(precision) => S::Timestamp {
            precision: number(precision)?.map(TimestampPrecision),
        },
        K::TimestampTz(precision) => S::TimestampTz {
            precision: number(precision)?.map(TimestampPrecision),
        },
    })
}
