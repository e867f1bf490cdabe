//! Relation types: SQL types as sources and sinks carry them, representation
//! types as arrangements carry them. Source: `spec/ctp.md` §4.
//!
//! Invariants: serde order is wire order; variants stand in wire order. The two
//! families have different variant numbers and are never mixed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CatalogItemId;

/// A SQL type (`spec/ctp.md` §4.2; 36 variants).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SqlScalarType {
    Bool,
    Int16,
    Int32,
    Int64,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Numeric {
        max_scale: Option<NumericMaxScale>,
    },
    Date,
    Time,
    Timestamp {
        precision: Option<TimestampPrecision>,
    },
    TimestampTz {
        precision: Option<TimestampPrecision>,
    },
    Interval,
    PgLegacyChar,
    PgLegacyName,
    Bytes,
    String,
    Char {
        length: Option<CharLength>,
    },
    VarChar {
        max_length: Option<VarCharMaxLength>,
    },
    Jsonb,
    Uuid,
    Array(Box<SqlScalarType>),
    List {
        element_type: Box<SqlScalarType>,
        custom_id: Option<CatalogItemId>,
    },
    Record {
        fields: Box<[(ColumnName, SqlColumnType)]>,
        custom_id: Option<CatalogItemId>,
    },
    Oid,
    Map {
        value_type: Box<SqlScalarType>,
        custom_id: Option<CatalogItemId>,
    },
    RegProc,
    RegType,
    RegClass,
    Int2Vector,
    MzTimestamp,
    Range {
        element_type: Box<SqlScalarType>,
    },
    MzAclItem,
    AclItem,
}

/// The greatest scale of a numeric type; one raw byte on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NumericMaxScale(pub u8);

/// Digits of sub-second precision; one raw byte on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimestampPrecision(pub u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CharLength(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VarCharMaxLength(pub u32);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnName(pub Box<str>);

impl From<&str> for ColumnName {
    fn from(name: &str) -> Self {
        ColumnName(name.into())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SqlColumnType {
    pub scalar_type: SqlScalarType,
    pub nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SqlRelationType {
    pub column_types: Vec<SqlColumnType>,
    /// Each key: sorted positions of columns.
    pub keys: Vec<Vec<usize>>,
}

impl SqlRelationType {
    pub fn arity(&self) -> usize {
        self.column_types.len()
    }

    /// The representation type: names of record fields are lost, nullability
    /// and keys are copied (`spec/ctp.md` §4.3).
    pub fn to_repr(&self) -> ReprRelationType {
        ReprRelationType {
            column_types: self
                .column_types
                .iter()
                .map(SqlColumnType::to_repr)
                .collect(),
            keys: self.keys.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnIndex(pub usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RelationVersion(pub u64);

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ColumnMetadata {
    pub name: ColumnName,
    pub typ_idx: usize,
    pub added: RelationVersion,
    pub dropped: Option<RelationVersion>,
}

/// A relation's type and the names of its columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RelationDesc {
    pub typ: SqlRelationType,
    pub metadata: BTreeMap<ColumnIndex, ColumnMetadata>,
}

impl RelationDesc {
    /// The ordinary descriptor: column i has index i, is of version 0 and was
    /// never dropped. Surplus names are ignored.
    pub fn new<'a>(typ: SqlRelationType, names: impl IntoIterator<Item = &'a str>) -> Self {
        let metadata = names
            .into_iter()
            .take(typ.arity())
            .enumerate()
            .map(|(i, name)| {
                let column = ColumnMetadata {
                    name: name.into(),
                    typ_idx: i,
                    added: RelationVersion(0),
                    dropped: None,
                };
                (ColumnIndex(i), column)
            })
            .collect();
        RelationDesc { typ, metadata }
    }

    /// From (name, type, nullable), without keys.
    pub fn from_columns<'a>(
        columns: impl IntoIterator<Item = (&'a str, SqlScalarType, bool)>,
    ) -> Self {
        let (names, column_types): (Vec<_>, Vec<_>) = columns
            .into_iter()
            .map(|(name, scalar_type, nullable)| {
                (
                    name,
                    SqlColumnType {
                        scalar_type,
                        nullable,
                    },
                )
            })
            .unzip();
        RelationDesc::new(
            SqlRelationType {
                column_types,
                keys: Vec::new(),
            },
            names,
        )
    }

    pub fn arity(&self) -> usize {
        self.typ.arity()
    }

    /// The name and type of each column, in the order of its index.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &SqlColumnType)> {
        self.metadata.values().filter_map(|column| {
            let typ = self.typ.column_types.get(column.typ_idx)?;
            Some((&*column.name.0, typ))
        })
    }
}

/// A representation type (`spec/ctp.md` §4.3; 29 variants).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReprScalarType {
    Bool,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Numeric,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    MzTimestamp,
    Interval,
    Bytes,
    Jsonb,
    String,
    Uuid,
    Array(Box<ReprScalarType>),
    Int2Vector,
    List { element_type: Box<ReprScalarType> },
    Record { fields: Box<[ReprColumnType]> },
    Map { value_type: Box<ReprScalarType> },
    Range { element_type: Box<ReprScalarType> },
    MzAclItem,
    AclItem,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReprColumnType {
    pub scalar_type: ReprScalarType,
    pub nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ReprRelationType {
    pub column_types: Vec<ReprColumnType>,
    pub keys: Vec<Vec<usize>>,
}

impl ReprRelationType {
    pub fn arity(&self) -> usize {
        self.column_types.len()
    }
}

impl SqlColumnType {
    pub fn to_repr(&self) -> ReprColumnType {
        ReprColumnType {
            scalar_type: self.scalar_type.to_repr(),
            nullable: self.nullable,
        }
    }
}

impl SqlScalarType {
    /// The type of the datums that represent this type (`spec/ctp.md` §4.2).
    pub fn to_repr(&self) -> ReprScalarType {
        match self {
            SqlScalarType::Bool => ReprScalarType::Bool,
            SqlScalarType::Int16 => ReprScalarType::Int16,
            SqlScalarType::Int32 => ReprScalarType::Int32,
            SqlScalarType::Int64 => ReprScalarType::Int64,
            SqlScalarType::UInt16 => ReprScalarType::UInt16,
            SqlScalarType::UInt32
            | SqlScalarType::Oid
            | SqlScalarType::RegProc
            | SqlScalarType::RegType
            | SqlScalarType::RegClass => ReprScalarType::UInt32,
            SqlScalarType::UInt64 => ReprScalarType::UInt64,
            SqlScalarType::Float32 => ReprScalarType::Float32,
            SqlScalarType::Float64 => ReprScalarType::Float64,
            SqlScalarType::Numeric { .. } => ReprScalarType::Numeric,
            SqlScalarType::Date => ReprScalarType::Date,
            SqlScalarType::Time => ReprScalarType::Time,
            SqlScalarType::Timestamp { .. } => ReprScalarType::Timestamp,
            SqlScalarType::TimestampTz { .. } => ReprScalarType::TimestampTz,
            SqlScalarType::Interval => ReprScalarType::Interval,
            SqlScalarType::PgLegacyChar => ReprScalarType::UInt8,
            SqlScalarType::PgLegacyName
            | SqlScalarType::String
            | SqlScalarType::Char { .. }
            | SqlScalarType::VarChar { .. } => ReprScalarType::String,
            SqlScalarType::Bytes => ReprScalarType::Bytes,
            SqlScalarType::Jsonb => ReprScalarType::Jsonb,
            SqlScalarType::Uuid => ReprScalarType::Uuid,
            SqlScalarType::Array(element) => ReprScalarType::Array(Box::new(element.to_repr())),
            SqlScalarType::List { element_type, .. } => ReprScalarType::List {
                element_type: Box::new(element_type.to_repr()),
            },
            SqlScalarType::Record { fields, .. } => ReprScalarType::Record {
                fields: fields.iter().map(|(_, column)| column.to_repr()).collect(),
            },
            SqlScalarType::Map { value_type, .. } => ReprScalarType::Map {
                value_type: Box::new(value_type.to_repr()),
            },
            SqlScalarType::Int2Vector => ReprScalarType::Int2Vector,
            SqlScalarType::MzTimestamp => ReprScalarType::MzTimestamp,
            SqlScalarType::Range { element_type } => ReprScalarType::Range {
                element_type: Box::new(element_type.to_repr()),
            },
            SqlScalarType::MzAclItem => ReprScalarType::MzAclItem,
            SqlScalarType::AclItem => ReprScalarType::AclItem,
        }
    }
}
