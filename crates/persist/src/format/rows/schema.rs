//! The registered schema of a shard (`spec/persist.md` §5.4, §5.5).
//!
//! Invariant: equal descriptions have equal bytes.

use arrow::datatypes::{DataType, Field, Fields};
use bytes::Bytes;
use prost::Message;

use crate::format::corrupt::Corrupt;
use crate::format::part::type_to_proto;
use crate::format::wire::relation::{
    ProtoColumnMetadata, ProtoColumnName, ProtoKey, ProtoRelationDesc, ProtoRelationType,
    ProtoVersion,
};
use crate::format::wire::state::ProtoEncodedSchemas;
use repr::{RelationDesc, SqlColumnType};

use super::scalar_type::{arrow_type, column_type_to_proto};
use super::schema_read::decode_schemas;

/// The stable index and type of each column that is there.
pub(super) fn live_columns(desc: &RelationDesc) -> impl Iterator<Item = (usize, &SqlColumnType)> {
    desc.metadata
        .iter()
        .filter(|(_, meta)| meta.dropped.is_none())
        .filter_map(|(index, meta)| Some((index.0, desc.typ.column_types.get(meta.typ_idx)?)))
}

/// The type of the structured keys of rows of `desc`.
pub fn key_data_type(desc: &RelationDesc) -> DataType {
    let fields: Vec<Field> = live_columns(desc)
        .map(|(index, column)| Field::new(index.to_string(), arrow_type(&column.scalar_type), true))
        .collect();
    let ok = if fields.is_empty() {
        DataType::Null
    } else {
        DataType::Struct(Fields::from(fields))
    };
    DataType::Struct(Fields::from(vec![
        Field::new("ok", ok, true),
        Field::new("err", DataType::Binary, true),
    ]))
}

/// The bytes of a `ProtoRelationDesc`.
pub fn encode_relation_desc(desc: &RelationDesc) -> Bytes {
    let version = |value: u64| ProtoVersion { value };
    // Left out entirely while no column was ever added or dropped.
    let plain = desc
        .metadata
        .values()
        .all(|m| m.added.0 == 0 && m.dropped.is_none());
    let metadata = if plain {
        Vec::new()
    } else {
        let column = |m: &repr::ColumnMetadata| ProtoColumnMetadata {
            added: Some(version(m.added.0)),
            dropped: m.dropped.map(|v| version(v.0)),
        };
        desc.metadata.values().map(column).collect()
    };
    let proto = ProtoRelationDesc {
        typ: Some(ProtoRelationType {
            column_types: desc
                .typ
                .column_types
                .iter()
                .map(column_type_to_proto)
                .collect(),
            keys: desc
                .typ
                .keys
                .iter()
                .map(|key| ProtoKey {
                    keys: key.iter().map(|i| *i as u64).collect(),
                })
                .collect(),
        }),
        names: desc
            .metadata
            .values()
            .map(|m| ProtoColumnName {
                value: Some(m.name.0.to_string()),
            })
            .collect(),
        metadata,
    };
    proto.encode_to_vec().into()
}

/// What is registered for rows of `desc` with unit values.
pub fn encode_schemas(desc: &RelationDesc) -> Result<ProtoEncodedSchemas, Corrupt> {
    let encode = |data_type: &DataType| -> Result<Bytes, Corrupt> {
        Ok(type_to_proto(data_type)?.encode_to_vec().into())
    };
    Ok(ProtoEncodedSchemas {
        key: encode_relation_desc(desc),
        val: Bytes::new(),
        key_data_type: encode(&key_data_type(desc))?,
        val_data_type: encode(&DataType::Null)?,
    })
}

/// Whether a registered schema is the one of `desc`, whose encoding is `ours`.
/// Schemas are equal when they decode to equal descriptions.
pub fn same_schema(
    registered: &ProtoEncodedSchemas,
    ours: &ProtoEncodedSchemas,
    desc: &RelationDesc,
) -> bool {
    registered.val == ours.val
        && (registered.key == ours.key
            || decode_schemas(registered).is_ok_and(|theirs| theirs == *desc))
}
