//! Functions of any number of arguments, and those that a frontend must
//! replace before it ships a plan. Source: `spec/plan.md` §4.5, §4.6.
//!
//! Invariant: a variant's position is its number on the wire.

use serde::{Deserialize, Serialize};

use repr::{ColumnName, Row, SqlColumnType, SqlScalarType};

/// A function of any number of arguments; 43 variants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VariadicFunc {
    Coalesce,
    Greatest,
    Least,
    Concat,
    ConcatWs,
    MakeTimestamp,
    PadLeading,
    Substr,
    Replace,
    JsonbBuildArray,
    JsonbBuildObject,
    MapBuild {
        value_type: SqlScalarType,
    },
    ArrayCreate {
        elem_type: SqlScalarType,
    },
    ArrayToString {
        elem_type: SqlScalarType,
    },
    ArrayIndex {
        offset: i64,
    },
    ListCreate {
        elem_type: SqlScalarType,
    },
    RecordCreate {
        field_names: Vec<ColumnName>,
    },
    ListIndex,
    ListSliceLinear,
    SplitPart,
    RegexpMatch,
    HmacString,
    HmacBytes,
    ErrorIfNull,
    DateBinTimestamp,
    DateBinTimestampTz,
    DateDiffTimestamp,
    DateDiffTimestampTz,
    DateDiffDate,
    DateDiffTime,
    And,
    Or,
    RangeCreate {
        elem_type: SqlScalarType,
    },
    MakeAclItem,
    MakeMzAclItem,
    Translate,
    ArrayPosition,
    ArrayFill {
        elem_type: SqlScalarType,
    },
    StringToArray,
    TimezoneTimeVariadic,
    RegexpSplitToArray,
    RegexpReplace,
    CaseLiteral {
        lookup: Vec<CaseLiteralEntry>,
        return_type: SqlColumnType,
    },
}

/// One arm of a `CaseLiteral`; arms are sorted by row order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaseLiteralEntry {
    pub literal: Row,
    pub expr_index: usize,
}

/// A function whose value is not a function of its arguments; only `MzNow` may
/// reach a replica. 21 variants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UnmaterializableFunc {
    CurrentDatabase,
    CurrentSchema,
    CurrentSchemasWithSystem,
    CurrentSchemasWithoutSystem,
    CurrentTimestamp,
    CurrentUser,
    IsRbacEnabled,
    MzEnvironmentId,
    MzIsSuperuser,
    MzNow,
    MzRoleOidMemberships,
    MzSessionId,
    MzSessionRoleMemberships,
    MzUptime,
    MzVersion,
    MzVersionNum,
    PgBackendPid,
    PgPostmasterStartTime,
    SessionUser,
    Version,
    ViewableVariables,
}
