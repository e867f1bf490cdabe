//! From what a script wrote to rows: schemas, cells, synthetic rows. Source:
//! `spec/script.md` §2.3, §2.4, §5.
//!
//! Invariant: the error texts are upstream's, since golden blocks show them.

use std::collections::BTreeMap;

use super::command::{Cell, ColumnDef, RowLine};
use super::error::{CommandError, ValueError};
use repr::{Datum, Diff, RelationDesc, Row, SqlScalarType};

/// The schemas that a script has defined, by name.
#[derive(Debug, Clone, Default)]
pub struct Schemas {
    by_name: BTreeMap<String, RelationDesc>,
}

impl Schemas {
    /// Defines or redefines a schema.
    ///
    /// Errors: a column type that scripts cannot name.
    pub fn define(&mut self, name: &str, columns: &[ColumnDef]) -> Result<(), CommandError> {
        let desc = resolve(columns)?;
        self.insert(name.to_string(), desc);
        Ok(())
    }

    /// Defines or redefines a schema that is resolved.
    pub fn insert(&mut self, name: String, desc: RelationDesc) {
        self.by_name.insert(name, desc);
    }

    /// The named schema, or the sample schema `(id bigint, payload text)`.
    pub fn get(&self, name: Option<&str>) -> Result<RelationDesc, CommandError> {
        match name {
            None => Ok(sample()),
            Some(name) => {
                let known = self.by_name.get(name).cloned();
                known.ok_or_else(|| CommandError::UnknownSchema(name.to_string()))
            }
        }
    }
}

/// The schema of commands that name none.
fn sample() -> RelationDesc {
    RelationDesc::from_columns([
        ("id", SqlScalarType::Int64, false),
        ("payload", SqlScalarType::String, false),
    ])
}

/// The relation that these columns declare.
///
/// Errors: a column type that scripts cannot name.
pub fn resolve(columns: &[ColumnDef]) -> Result<RelationDesc, CommandError> {
    let columns: Vec<(&str, SqlScalarType, bool)> = columns
        .iter()
        .map(|c| Ok((c.name.as_str(), scalar_type(&c.ty)?, c.nullable)))
        .collect::<Result<_, CommandError>>()?;
    Ok(RelationDesc::from_columns(columns))
}

/// The type that a script's type name means; names are case-insensitive.
fn scalar_type(name: &str) -> Result<SqlScalarType, CommandError> {
    let name = name.to_ascii_lowercase();
    Ok(match name.as_str() {
        "int16" | "smallint" => SqlScalarType::Int16,
        "int32" | "int" | "integer" => SqlScalarType::Int32,
        "int64" | "bigint" => SqlScalarType::Int64,
        "bool" | "boolean" => SqlScalarType::Bool,
        "string" | "text" => SqlScalarType::String,
        "bytes" | "bytea" => SqlScalarType::Bytes,
        _ => return Err(CommandError::UnknownColumnType(name)),
    })
}

/// Types the rows of `write-rows`.
///
/// Errors: arity first, then cells from left to right; the first row with an
/// error decides.
pub fn rows(desc: &RelationDesc, lines: &[RowLine]) -> Result<Vec<(Row, Diff)>, CommandError> {
    let columns = &desc.typ.column_types;
    let mut rows = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        if line.cells.len() != columns.len() {
            return Err(CommandError::RowWidth {
                row: at,
                values: line.cells.len(),
                columns: columns.len(),
            });
        }
        let values = line
            .cells
            .iter()
            .zip(columns)
            .map(|(cell, column)| value(cell, &column.scalar_type, column.nullable))
            .collect::<Result<Vec<_>, _>>()?;
        rows.push((Row::pack(values.iter().map(Value::datum)), line.diff));
    }
    Ok(rows)
}

/// Types the values of a key: the first columns of `desc`, as many as there are.
///
/// Errors: as for [`rows`].
pub fn key(desc: &RelationDesc, cells: &[Cell]) -> Result<Row, CommandError> {
    let columns = &desc.typ.column_types;
    if cells.len() > columns.len() {
        return Err(CommandError::KeyWidth {
            values: cells.len(),
            columns: columns.len(),
        });
    }
    let values = cells
        .iter()
        .zip(columns)
        .map(|(cell, column)| value(cell, &column.scalar_type, true))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Row::pack(values.iter().map(Value::datum)))
}

/// The row that holds only what this cell means in a column of this type.
///
/// Errors: a value that such a column cannot hold; NULL is one.
pub fn datum_row(cell: &Cell, typ: &SqlScalarType) -> Result<Row, ValueError> {
    Ok(Row::pack([value(cell, typ, false)?.datum()]))
}

/// A typed cell, owned, so that a row can be packed from borrowed datums.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Null,
    Bool(bool),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    String(String),
    Bytes(Vec<u8>),
}

impl Value {
    fn datum(&self) -> Datum<'_> {
        match self {
            Value::Null => Datum::Null,
            Value::Bool(true) => Datum::True,
            Value::Bool(false) => Datum::False,
            Value::Int16(v) => Datum::Int16(*v),
            Value::Int32(v) => Datum::Int32(*v),
            Value::Int64(v) => Datum::Int64(*v),
            Value::String(v) => Datum::String(v),
            Value::Bytes(v) => Datum::Bytes(v),
        }
    }
}

fn value(cell: &Cell, ty: &SqlScalarType, nullable: bool) -> Result<Value, ValueError> {
    let is_null = match cell {
        Cell::Token(token) => token == "null",
        Cell::Json(json) => json.is_null(),
    };
    match (is_null, nullable) {
        (true, true) => Ok(Value::Null),
        (true, false) => Err(ValueError::Null),
        (false, _) => match cell {
            Cell::Token(token) => from_token(token, ty),
            Cell::Json(json) => from_json(json, ty),
        },
    }
}

fn from_token(token: &str, ty: &SqlScalarType) -> Result<Value, ValueError> {
    fn integer<T: std::str::FromStr<Err = std::num::ParseIntError>>(
        token: &str,
        kind: &'static str,
        postgres: &'static str,
    ) -> Result<T, ValueError> {
        token.trim().parse().map_err(|cause| ValueError::Integer {
            token: token.to_string(),
            kind,
            postgres,
            cause,
        })
    }
    match ty {
        SqlScalarType::Int16 => integer(token, "int16", "smallint").map(Value::Int16),
        SqlScalarType::Int32 => integer(token, "int32", "integer").map(Value::Int32),
        SqlScalarType::Int64 => integer(token, "int64", "bigint").map(Value::Int64),
        SqlScalarType::Bool => match token.trim().to_lowercase().as_str() {
            "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Ok(Value::Bool(true)),
            "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => {
                Ok(Value::Bool(false))
            }
            _ => Err(ValueError::Bool {
                token: token.to_string(),
            }),
        },
        SqlScalarType::String => Ok(Value::String(unquote(token).to_string())),
        SqlScalarType::Bytes => Ok(Value::Bytes(unquote(token).as_bytes().to_vec())),
        other => Err(ValueError::Type(other.clone())),
    }
}

fn from_json(json: &serde_json::Value, ty: &SqlScalarType) -> Result<Value, ValueError> {
    let other = |expected| ValueError::Json {
        expected,
        json: json.clone(),
    };
    let integer = || json.as_i64().ok_or_else(|| other("integer"));
    let narrow = |_| ValueError::OutOfRange;
    match ty {
        SqlScalarType::Int16 => Ok(Value::Int16(integer()?.try_into().map_err(narrow)?)),
        SqlScalarType::Int32 => Ok(Value::Int32(integer()?.try_into().map_err(narrow)?)),
        SqlScalarType::Int64 => Ok(Value::Int64(integer()?)),
        SqlScalarType::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| other("bool")),
        SqlScalarType::String => json
            .as_str()
            .map(|s| Value::String(s.to_string()))
            .ok_or_else(|| other("string")),
        SqlScalarType::Bytes => json
            .as_str()
            .map(|s| Value::Bytes(s.as_bytes().to_vec()))
            .ok_or_else(|| other("string (utf8 bytes)")),
        typ => Err(ValueError::Type(typ.clone())),
    }
}

/// The token without one pair of surrounding quotes.
fn unquote(token: &str) -> &str {
    token
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(token)
}

/// The synthetic row number `i` of this schema: numbers count, texts are the
/// zero-padded number, `row_bytes` wide.
///
/// Errors: a number that does not fit, a type that scripts cannot name.
pub fn synthetic_row(desc: &RelationDesc, i: u64, row_bytes: usize) -> Result<Row, ValueError> {
    let text = format!("{i:0>row_bytes$}");
    let values = desc
        .typ
        .column_types
        .iter()
        .map(|column| {
            Ok(match &column.scalar_type {
                SqlScalarType::Int16 => Value::Int16((i % (1 << 15)) as i16),
                SqlScalarType::Int32 => Value::Int32((i % (1 << 31)) as i32),
                SqlScalarType::Int64 => {
                    Value::Int64(i.try_into().map_err(|_| ValueError::RowNumber(i))?)
                }
                SqlScalarType::Bool => Value::Bool(i.is_multiple_of(2)),
                SqlScalarType::String => Value::String(text.clone()),
                SqlScalarType::Bytes => Value::Bytes(text.clone().into_bytes()),
                other => return Err(ValueError::Type(other.clone())),
            })
        })
        .collect::<Result<Vec<_>, ValueError>>()?;
    Ok(Row::pack(values.iter().map(Value::datum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(token: &str, ty: SqlScalarType) -> Result<Value, ValueError> {
        value(&Cell::Token(token.to_string()), &ty, true)
    }

    #[test]
    fn tokens_read_as_postgres_reads_them() {
        assert_eq!(token(" OFF", SqlScalarType::Bool), Ok(Value::Bool(false)));
        assert_eq!(token("+7", SqlScalarType::Int16), Ok(Value::Int16(7)));
        assert_eq!(
            token("\"null\"", SqlScalarType::String),
            Ok(Value::String("null".into()))
        );
        assert_eq!(token("null", SqlScalarType::String), Ok(Value::Null));
        assert_eq!(
            token("not-an-int", SqlScalarType::Int64)
                .unwrap_err()
                .to_string(),
            "parsing \"not-an-int\" as int64: invalid input syntax for type bigint: invalid digit found in string: \"not-an-int\""
        );
        assert_eq!(
            token("a\"b", SqlScalarType::Bool).unwrap_err().to_string(),
            "parsing \"a\\\"b\" as bool: invalid input syntax for type boolean: \"a\\\"b\""
        );
    }

    #[test]
    fn json_values_must_have_the_type() {
        let json = |json, ty| value(&Cell::Json(json), &ty, false);
        assert_eq!(
            json(serde_json::json!(1.0), SqlScalarType::Int64)
                .unwrap_err()
                .to_string(),
            "expected integer, got 1.0"
        );
        assert_eq!(
            json(serde_json::json!(40000), SqlScalarType::Int16)
                .unwrap_err()
                .to_string(),
            "out of range integral type conversion attempted"
        );
        assert_eq!(
            json(serde_json::json!(null), SqlScalarType::Bool)
                .unwrap_err()
                .to_string(),
            "null value in non-nullable column"
        );
    }

    #[test]
    fn synthetic_texts_are_padded_and_never_cut() {
        let row = synthetic_row(&sample(), 123, 5).unwrap();
        assert_eq!(row.unpack(), [Datum::Int64(123), Datum::String("00123")]);
        let row = synthetic_row(&sample(), 123, 0).unwrap();
        assert_eq!(row.unpack()[1], Datum::String("123"));
        assert!(synthetic_row(&sample(), u64::MAX, 0).is_err());
    }
}
