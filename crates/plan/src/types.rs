//! The types of relations, which datums a type holds, and how a plan that has no
//! type is reported. Source: `spec/script.md` §4.1.
//!
//! Invariant: types are compared by the datums that they hold; what is said of
//! nullability is compared apart.

use std::collections::BTreeMap;

use thiserror::Error;

use repr::{Datum, GlobalId, LocalId, ReprRelationType, ReprScalarType};

/// Columns and unique keys of a relation.
pub type RelationType = ReprRelationType;

/// The types of the collections that a plan may read.
pub type Globals = BTreeMap<GlobalId, RelationType>;

/// The types of the bindings in scope.
pub(crate) type Locals = BTreeMap<LocalId, RelationType>;

/// A plan that means nothing: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TypeError {
    /// The text is upstream's.
    #[error("Cannot fix type of unbound CTE {0}")]
    UnboundLocal(LocalId),
    #[error("{operator}: {problem}")]
    At {
        /// The operator's number: parents before inputs, of bindings the values
        /// before the body.
        node: usize,
        /// The operator's own line in the text form.
        operator: String,
        problem: String,
    },
}

/// Whether two types hold the same datums; nullability inside records aside.
pub fn same_type(a: &ReprScalarType, b: &ReprScalarType) -> bool {
    match (a, b) {
        (ReprScalarType::Array(a), ReprScalarType::Array(b)) => same_type(a, b),
        (ReprScalarType::List { element_type: a }, ReprScalarType::List { element_type: b })
        | (ReprScalarType::Range { element_type: a }, ReprScalarType::Range { element_type: b })
        | (ReprScalarType::Map { value_type: a }, ReprScalarType::Map { value_type: b }) => {
            same_type(a, b)
        }
        (ReprScalarType::Record { fields: a }, ReprScalarType::Record { fields: b }) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|(a, b)| same_type(&a.scalar_type, &b.scalar_type))
        }
        (a, b) => a == b,
    }
}

/// Whether a datum may stand in a column of the type; NULL is asked separately.
pub fn datum_fits(datum: &Datum<'_>, typ: &ReprScalarType) -> bool {
    if datum.is_null() {
        return true;
    }
    match typ {
        ReprScalarType::Bool => matches!(datum, Datum::True | Datum::False),
        ReprScalarType::Int16 => matches!(datum, Datum::Int16(_)),
        ReprScalarType::Int32 => matches!(datum, Datum::Int32(_)),
        ReprScalarType::Int64 => matches!(datum, Datum::Int64(_)),
        ReprScalarType::UInt8 => matches!(datum, Datum::UInt8(_)),
        ReprScalarType::UInt16 => matches!(datum, Datum::UInt16(_)),
        ReprScalarType::UInt32 => matches!(datum, Datum::UInt32(_)),
        ReprScalarType::UInt64 => matches!(datum, Datum::UInt64(_)),
        ReprScalarType::Float32 => matches!(datum, Datum::Float32(_)),
        ReprScalarType::Float64 => matches!(datum, Datum::Float64(_)),
        ReprScalarType::Numeric => matches!(datum, Datum::Numeric(_)),
        ReprScalarType::Date => matches!(datum, Datum::Date(_)),
        ReprScalarType::Time => matches!(datum, Datum::Time(_)),
        ReprScalarType::Timestamp => matches!(datum, Datum::Timestamp(_)),
        ReprScalarType::TimestampTz => matches!(datum, Datum::TimestampTz(_)),
        ReprScalarType::MzTimestamp => matches!(datum, Datum::MzTimestamp(_)),
        ReprScalarType::Interval => matches!(datum, Datum::Interval(_)),
        ReprScalarType::Bytes => matches!(datum, Datum::Bytes(_)),
        ReprScalarType::String => matches!(datum, Datum::String(_)),
        ReprScalarType::Uuid => matches!(datum, Datum::Uuid(_)),
        ReprScalarType::MzAclItem => matches!(datum, Datum::MzAclItem(_)),
        ReprScalarType::AclItem => matches!(datum, Datum::AclItem(_)),
        ReprScalarType::Jsonb => match datum {
            Datum::True | Datum::False | Datum::JsonNull | Datum::Numeric(_) => true,
            Datum::String(_) => true,
            Datum::List(list) => list.iter().all(|d| datum_fits(&d, typ)),
            Datum::Map(map) => map.iter().all(|(_, d)| datum_fits(&d, typ)),
            _ => false,
        },
        ReprScalarType::Array(element) => match datum {
            Datum::Array(array) => array.elements().iter().all(|d| datum_fits(&d, element)),
            _ => false,
        },
        ReprScalarType::Int2Vector => matches!(datum, Datum::Array(_)),
        ReprScalarType::List { element_type } => match datum {
            Datum::List(list) => list.iter().all(|d| datum_fits(&d, element_type)),
            _ => false,
        },
        ReprScalarType::Record { fields } => match datum {
            Datum::List(list) => {
                let values: Vec<_> = list.iter().collect();
                values.len() == fields.len()
                    && values.iter().zip(fields.iter()).all(|(d, field)| {
                        datum_fits(d, &field.scalar_type) && (field.nullable || !d.is_null())
                    })
            }
            _ => false,
        },
        ReprScalarType::Map { value_type } => match datum {
            Datum::Map(map) => map.iter().all(|(_, d)| datum_fits(&d, value_type)),
            _ => false,
        },
        ReprScalarType::Range { element_type } => match datum {
            Datum::Range(range) => {
                let (lower, upper) = range.bounds();
                let bounds = [lower, upper];
                bounds.iter().flatten().all(|d| datum_fits(d, element_type))
            }
            _ => false,
        },
    }
}
