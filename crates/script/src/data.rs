//! From what a script wrote to rows: schemas, the types that they give to cells,
//! synthetic rows. Source: `spec/script.md` §2.3, §2.4, §5.
//!
//! Invariant: the error texts are upstream's, since golden blocks show them.

use std::collections::BTreeMap;

use super::cell::{Cell, RowLine, Value, is_text};
use super::command::{ColumnDef, Command};
use super::error::{CommandError, ValueError};
use super::literal::Literal;
use plan::text::read_type;
use repr::{Diff, RelationDesc, ReprScalarType, Row, SqlScalarType};

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

    /// Reads the cells of a command that comes next in its script, each as its
    /// column's type says, and takes note of the schema that it defines.
    pub fn read(&mut self, command: &mut Command) {
        command.visit_cells(&mut |schema, cells| {
            let desc = self.get(schema).ok();
            let types = desc.iter().flat_map(|desc| &desc.typ.column_types);
            let types = types.map(|column| Some(&column.scalar_type));
            for (cell, ty) in cells.iter_mut().zip(types.chain(std::iter::repeat(None))) {
                cell.read_as(ty);
            }
        });
        self.note(command);
    }

    /// Takes note of the schema that a command defines. One that cannot be defined
    /// is the script's own business.
    pub fn note(&mut self, command: &Command) {
        if let Some((name, columns)) = command.defined_schema() {
            let _ = self.define(name, columns);
        }
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

/// Reads the cells of a script from its first command on.
pub fn read_cells<'a>(commands: impl IntoIterator<Item = &'a mut Command>) {
    let mut schemas = Schemas::default();
    for command in commands {
        schemas.read(command);
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

/// Whether a type has a name in our scripts only.
pub(super) fn is_extension(name: &str) -> bool {
    match scalar_type(name) {
        Ok(
            SqlScalarType::Int16
            | SqlScalarType::Int32
            | SqlScalarType::Int64
            | SqlScalarType::Bool
            | SqlScalarType::String
            | SqlScalarType::Bytes,
        )
        | Err(_) => false,
        Ok(_) => true,
    }
}

/// The type that a script's type name means; names are case-insensitive. Those beyond
/// upstream's are the ones of plans.
fn scalar_type(name: &str) -> Result<SqlScalarType, CommandError> {
    let name = name.to_ascii_lowercase();
    Ok(match name.as_str() {
        "int16" | "smallint" => SqlScalarType::Int16,
        "int32" | "int" | "integer" => SqlScalarType::Int32,
        "int64" | "bigint" => SqlScalarType::Int64,
        "bool" | "boolean" => SqlScalarType::Bool,
        "string" | "text" => SqlScalarType::String,
        "bytes" | "bytea" => SqlScalarType::Bytes,
        // *Extension*.
        "float4" | "real" => SqlScalarType::Float32,
        "float8" => SqlScalarType::Float64,
        "numeric" => SqlScalarType::Numeric { max_scale: None },
        "uint2" => SqlScalarType::UInt16,
        "uint4" => SqlScalarType::UInt32,
        "uint8" => SqlScalarType::UInt64,
        "date" => SqlScalarType::Date,
        "time" => SqlScalarType::Time,
        "timestamp" => SqlScalarType::Timestamp { precision: None },
        "timestamptz" => SqlScalarType::TimestampTz { precision: None },
        "interval" => SqlScalarType::Interval,
        "mz_timestamp" => SqlScalarType::MzTimestamp,
        "uuid" => SqlScalarType::Uuid,
        "jsonb" => SqlScalarType::Jsonb,
        "name" => SqlScalarType::PgLegacyName,
        "varchar" => SqlScalarType::VarChar { max_length: None },
        "bpchar" => SqlScalarType::Char { length: None },
        "oid" => SqlScalarType::Oid,
        _ => return with_parts(&name).ok_or(CommandError::UnknownColumnType(name)),
    })
}

/// A type of values with parts, which is named as in plans: `list(bigint)`. None if it is
/// no such type, or one without values in scripts.
fn with_parts(name: &str) -> Option<SqlScalarType> {
    let typ = read_type(name)?;
    match typ {
        ReprScalarType::List { .. } | ReprScalarType::Map { .. } | ReprScalarType::Array(_) => {
            Literal::number(0, &typ)?;
            plan::text::sql_type(&typ)
        }
        _ => None,
    }
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
            .map(|(cell, column)| cell.value(&column.scalar_type, column.nullable))
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
        .map(|(cell, column)| cell.value(&column.scalar_type, true))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Row::pack(values.iter().map(Value::datum)))
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
                ty if is_text(ty) => Value::String(text.clone()),
                SqlScalarType::Bytes => Value::Bytes(text.clone().into_bytes()),
                other => {
                    let literal = Literal::number(i, &other.to_repr());
                    Value::Literal(literal.ok_or_else(|| ValueError::Type(other.clone()))?)
                }
            })
        })
        .collect::<Result<Vec<_>, ValueError>>()?;
    Ok(Row::pack(values.iter().map(Value::datum)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use repr::Datum;

    #[test]
    fn types_beyond_upstreams_have_the_names_of_plans() {
        let typ = |name: &str| scalar_type(name).map(|typ| typ.to_repr());
        for name in [
            "uuid",
            "jsonb",
            "numeric",
            "list(bigint)",
            "map(list(text))",
        ] {
            assert_eq!(typ(name).unwrap(), read_type(name).unwrap());
            assert!(is_extension(name));
        }
        for text in ["name", "varchar", "bpchar", "TEXT"] {
            assert_eq!(typ(text).unwrap(), ReprScalarType::String);
        }
        for unknown in [
            "list",
            "list(jsonb)",
            "range(bigint)",
            "record(bigint)",
            "uint1",
            "list()",
        ] {
            assert!(typ(unknown).is_err(), "{unknown}");
            assert!(!is_extension(unknown));
        }
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
