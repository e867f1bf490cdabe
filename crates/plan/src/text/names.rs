//! Names of types, operators and table functions in the text form. Source:
//! `spec/script.md` §3.2–3.4; more type names are ours.
//!
//! Invariant: parsing a name gives back what was named.

use crate::functions::snake_name;
use protocol::v26_30::{BinaryFunc, TableFunc};
use repr::{ColumnName, ReprColumnType, ReprScalarType, SqlColumnType, SqlScalarType};

/// Types without parts. The first name of a type is the one that is printed.
const TYPES: [(&str, ReprScalarType); 22] = [
    ("bigint", ReprScalarType::Int64),
    ("integer", ReprScalarType::Int32),
    ("smallint", ReprScalarType::Int16),
    ("boolean", ReprScalarType::Bool),
    ("double precision", ReprScalarType::Float64),
    ("text", ReprScalarType::String),
    ("character varying", ReprScalarType::String),
    ("bytea", ReprScalarType::Bytes),
    ("date", ReprScalarType::Date),
    ("timestamp", ReprScalarType::Timestamp),
    ("timestamptz", ReprScalarType::TimestampTz),
    ("time", ReprScalarType::Time),
    ("interval", ReprScalarType::Interval),
    ("numeric", ReprScalarType::Numeric),
    ("real", ReprScalarType::Float32),
    ("mz_timestamp", ReprScalarType::MzTimestamp),
    ("jsonb", ReprScalarType::Jsonb),
    ("uuid", ReprScalarType::Uuid),
    ("uint1", ReprScalarType::UInt8),
    ("uint2", ReprScalarType::UInt16),
    ("uint4", ReprScalarType::UInt32),
    ("uint8", ReprScalarType::UInt64),
];

/// The type with this name of one or two words.
pub(super) fn simple_type(name: &str) -> Option<ReprScalarType> {
    let found = TYPES.iter().find(|(known, _)| *known == name);
    found.map(|(_, typ)| typ.clone())
}

/// Whether a type's name starts with this word and needs a second one.
pub(super) fn second_word(first: &str) -> Option<&'static str> {
    match first {
        "double" => Some("precision"),
        "character" => Some("varying"),
        _ => None,
    }
}

/// The text form of a type; types with parts as `list(bigint)`,
/// `record(text, text?)`.
pub fn type_name(typ: &ReprScalarType) -> String {
    if let Some((name, _)) = TYPES.iter().find(|(_, known)| known == typ) {
        return (*name).to_string();
    }
    match typ {
        ReprScalarType::Array(element) => format!("array({})", type_name(element)),
        ReprScalarType::List { element_type } => format!("list({})", type_name(element_type)),
        ReprScalarType::Map { value_type } => format!("map({})", type_name(value_type)),
        ReprScalarType::Range { element_type } => format!("range({})", type_name(element_type)),
        ReprScalarType::Record { fields } => format!("record({})", columns_text(fields)),
        other => snake_name(other),
    }
}

/// `bigint, text?`
pub(super) fn columns_text(columns: &[ReprColumnType]) -> String {
    let names: Vec<String> = columns.iter().map(column_text).collect();
    names.join(", ")
}

pub(super) fn column_text(column: &ReprColumnType) -> String {
    let mark = if column.nullable { "?" } else { "" };
    format!("{}{mark}", type_name(&column.scalar_type))
}

/// The plain SQL type of a representation type, where functions carry one; the
/// fields of a record are `f1`, `f2`, ….
pub fn sql_type(typ: &ReprScalarType) -> Option<SqlScalarType> {
    Some(match typ {
        ReprScalarType::Bool => SqlScalarType::Bool,
        ReprScalarType::Int16 => SqlScalarType::Int16,
        ReprScalarType::Int32 => SqlScalarType::Int32,
        ReprScalarType::Int64 => SqlScalarType::Int64,
        ReprScalarType::UInt8 => SqlScalarType::PgLegacyChar,
        ReprScalarType::UInt16 => SqlScalarType::UInt16,
        ReprScalarType::UInt32 => SqlScalarType::UInt32,
        ReprScalarType::UInt64 => SqlScalarType::UInt64,
        ReprScalarType::Float32 => SqlScalarType::Float32,
        ReprScalarType::Float64 => SqlScalarType::Float64,
        ReprScalarType::Numeric => SqlScalarType::Numeric { max_scale: None },
        ReprScalarType::Date => SqlScalarType::Date,
        ReprScalarType::Time => SqlScalarType::Time,
        ReprScalarType::Timestamp => SqlScalarType::Timestamp { precision: None },
        ReprScalarType::TimestampTz => SqlScalarType::TimestampTz { precision: None },
        ReprScalarType::MzTimestamp => SqlScalarType::MzTimestamp,
        ReprScalarType::Interval => SqlScalarType::Interval,
        ReprScalarType::Bytes => SqlScalarType::Bytes,
        ReprScalarType::Jsonb => SqlScalarType::Jsonb,
        ReprScalarType::String => SqlScalarType::String,
        ReprScalarType::Uuid => SqlScalarType::Uuid,
        ReprScalarType::Array(element) => SqlScalarType::Array(Box::new(sql_type(element)?)),
        ReprScalarType::List { element_type } => SqlScalarType::List {
            element_type: Box::new(sql_type(element_type)?),
            custom_id: None,
        },
        ReprScalarType::Map { value_type } => SqlScalarType::Map {
            value_type: Box::new(sql_type(value_type)?),
            custom_id: None,
        },
        ReprScalarType::Record { fields } => {
            let named = |(n, column): (usize, &ReprColumnType)| {
                Some((ColumnName(format!("f{n}").into()), sql_column(column)?))
            };
            let fields: Option<Vec<_>> = (1..).zip(fields.iter()).map(named).collect();
            SqlScalarType::Record {
                fields: fields?.into(),
                custom_id: None,
            }
        }
        ReprScalarType::Int2Vector
        | ReprScalarType::Range { .. }
        | ReprScalarType::MzAclItem
        | ReprScalarType::AclItem => return None,
    })
}

pub(super) fn sql_column(column: &ReprColumnType) -> Option<SqlColumnType> {
    Some(SqlColumnType {
        scalar_type: sql_type(&column.scalar_type)?,
        nullable: column.nullable,
    })
}

/// The infix operator that stands for the function.
pub fn binary_symbol(func: &BinaryFunc) -> Option<&'static str> {
    OPERATORS
        .iter()
        .find(|(_, _, known)| known == func)
        .map(|(symbol, _, _)| *symbol)
}

/// Infix operators: symbol, level (higher binds stronger), function.
pub(super) const OPERATORS: [(&str, u8, BinaryFunc); 10] = [
    ("*", 15, BinaryFunc::MulInt64),
    ("/", 15, BinaryFunc::DivInt64),
    ("%", 15, BinaryFunc::ModInt64),
    ("+", 14, BinaryFunc::AddInt64),
    ("<", 5, BinaryFunc::Lt),
    ("<=", 5, BinaryFunc::Lte),
    (">", 5, BinaryFunc::Gt),
    (">=", 5, BinaryFunc::Gte),
    ("=", 4, BinaryFunc::Eq),
    ("!=", 4, BinaryFunc::NotEq),
];

/// Table functions without parameters.
pub(super) const TABLE_FUNCTIONS: [(&str, TableFunc); 7] = [
    ("generate_series", TableFunc::GenerateSeriesInt64),
    ("generate_series_i32", TableFunc::GenerateSeriesInt32),
    (
        "generate_series_timestamp",
        TableFunc::GenerateSeriesTimestamp,
    ),
    ("jsonb_object_keys", TableFunc::JsonbObjectKeys),
    ("repeat_row", TableFunc::RepeatRow),
    ("repeat_row_non_negative", TableFunc::RepeatRowNonNegative),
    (
        "generate_subscripts_array",
        TableFunc::GenerateSubscriptsArray,
    ),
];

/// `wrap1` to `wrap3`: columns of nullable Int64.
pub(super) fn plain_wrap(width: usize) -> TableFunc {
    let column = SqlColumnType {
        scalar_type: SqlScalarType::Int64,
        nullable: true,
    };
    TableFunc::Wrap {
        types: vec![column; width],
        width,
    }
}

/// The table function's name in the text form, with its parameters.
pub fn table_function_name(func: &TableFunc) -> String {
    if let Some((name, _)) = TABLE_FUNCTIONS.iter().find(|(_, known)| known == func) {
        return (*name).to_string();
    }
    let with_type = |name: &str, typ: &SqlScalarType| {
        if *typ == SqlScalarType::Int64 {
            name.to_string()
        } else {
            format!("{name}[{}]", type_name(&typ.to_repr()))
        }
    };
    match func {
        TableFunc::UnnestList { el_typ } => with_type("unnest_list", el_typ),
        TableFunc::UnnestArray { el_typ } => with_type("unnest_array", el_typ),
        TableFunc::Wrap { types, width } => {
            if (1..=3).contains(width) && *func == plain_wrap(*width) {
                format!("wrap{width}")
            } else {
                let types: Vec<_> = types.iter().map(SqlColumnType::to_repr).collect();
                format!("wrap[{}]", columns_text(&types))
            }
        }
        TableFunc::WithOrdinality { inner } => {
            format!("with_ordinality[{}]", table_function_name(inner))
        }
        other => snake_name(other),
    }
}
