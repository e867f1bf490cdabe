//! Scalar types as registered (`spec/persist.md` §5.4).

use crate::persist::wire::relation::{ProtoScalarType, ScalarKind};
use crate::persist::wire::state::Empty;
use crate::repr::SqlScalarType;

/// The message of a scalar type.
pub(super) fn scalar_type_to_proto(scalar: &SqlScalarType) -> ProtoScalarType {
    use ScalarKind as K;
    let kind = match scalar {
        SqlScalarType::Bool => K::Bool(Empty {}),
        SqlScalarType::Int16 => K::Int16(Empty {}),
        SqlScalarType::Int32 => K::Int32(Empty {}),
        SqlScalarType::Int64 => K::Int64(Empty {}),
        SqlScalarType::String => K::String(Empty {}),
        SqlScalarType::Bytes => K::Bytes(Empty {}),
    };
    ProtoScalarType { kind: Some(kind) }
}
