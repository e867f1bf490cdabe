//! Schemas and values: few columns of few types, and few values of each, so
//! that keys meet, rows repeat and predicates are sometimes true.
//!
//! Invariant: a value is one that both forms of a script can write (`spec/script.md`
//! §2.4).

use super::choices::Choices;
use crate::repr::{ReprColumnType, ReprScalarType, Row};
use crate::script::{Cell, ColumnDef, Literal, Value};

/// The types of columns that are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    Int64,
    String,
    Int32,
    Int16,
    Bool,
    Bytes,
    Float64,
    Numeric,
    Date,
    Timestamp,
    Interval,
    Uuid,
    Jsonb,
    /// A list of bigints.
    List,
}

impl Type {
    const ALL: [Type; 14] = [
        Type::Int64,
        Type::String,
        Type::Int32,
        Type::Int16,
        Type::Bool,
        Type::Bytes,
        Type::Float64,
        Type::Numeric,
        Type::Date,
        Type::Timestamp,
        Type::Interval,
        Type::Uuid,
        Type::Jsonb,
        Type::List,
    ];

    /// Those that upstream's driver has a name for; they come first.
    const UPSTREAMS: usize = 6;

    /// The type's name in a schema.
    pub fn name(self) -> &'static str {
        match self {
            Type::Int64 => "bigint",
            Type::String => "text",
            Type::Int32 => "integer",
            Type::Int16 => "smallint",
            Type::Bool => "boolean",
            Type::Bytes => "bytea",
            Type::Float64 => "float8",
            Type::Numeric => "numeric",
            Type::Date => "date",
            Type::Timestamp => "timestamp",
            Type::Interval => "interval",
            Type::Uuid => "uuid",
            Type::Jsonb => "jsonb",
            Type::List => "list(bigint)",
        }
    }

    /// Its few values, the simplest first.
    fn values(self) -> Vec<Value> {
        match self {
            Type::Int64 => [0, 1, 2, 3, -1, 300, i64::MAX, i64::MIN]
                .map(Value::Int64)
                .into(),
            Type::String => ["a", "b", "", "ab", "long-enough-to-leave-the-row"]
                .map(|text| Value::String(text.to_string()))
                .into(),
            Type::Int32 => [0, 1, 2, -1, i32::MAX].map(Value::Int32).into(),
            Type::Int16 => [0, 1, -1, 256, i16::MIN].map(Value::Int16).into(),
            Type::Bool => [false, true].map(Value::Bool).into(),
            Type::Bytes => ["", "x", "xy", "y"]
                .map(|text| Value::Bytes(text.as_bytes().to_vec()))
                .into(),
            // Not -0.0: what is looked up by 0 does not find it, though `=` does
            // (`tests/questions/zeros-and-nans.spec`).
            Type::Float64 => self.literals(&["0", "1", "-1.5", "NaN", "0.1", "-Infinity"]),
            Type::Numeric => self.literals(&["0", "1", "-1.5", "12345678901234567890.01"]),
            Type::Date => self.literals(&["2000-01-01", "2000-01-02", "1969-12-31"]),
            Type::Timestamp => self.literals(&[
                "2000-01-01 00:00:00",
                "2000-01-01 00:00:01",
                "1969-12-31 23:59:59.999999",
            ]),
            Type::Interval => {
                self.literals(&["00:00:00", "1 days", "1 months", "30 days", "-00:00:01"])
            }
            Type::Uuid => self.literals(&[
                "00000000-0000-0000-0000-000000000000",
                "00000000-0000-0000-0000-000000000001",
                "936da01f-9abd-4d9d-80c7-02af85c822a8",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
            ]),
            // Of every kind, since the order tells them apart before their contents.
            Type::Jsonb => self.literals(&[
                "1",
                "null",
                r#"{"a":1,"b":null}"#,
                r#""a""#,
                "[1,[]]",
                "true",
                r#"{"a":"b c"}"#,
                "-1.50",
                "{}",
            ]),
            Type::List => self.literals(&["[1]", "[]", "[1,null]", "[0,1]", "[-1,2,3]"]),
        }
    }

    fn literals(self, texts: &[&str]) -> Vec<Value> {
        let typ = self.repr();
        let literals = texts.iter().filter_map(|text| Literal::read(text, &typ));
        literals.map(Value::Literal).collect()
    }

    /// As plans see it.
    fn repr(self) -> ReprScalarType {
        match self {
            Type::Int64 => ReprScalarType::Int64,
            Type::String => ReprScalarType::String,
            Type::Int32 => ReprScalarType::Int32,
            Type::Int16 => ReprScalarType::Int16,
            Type::Bool => ReprScalarType::Bool,
            Type::Bytes => ReprScalarType::Bytes,
            Type::Float64 => ReprScalarType::Float64,
            Type::Numeric => ReprScalarType::Numeric,
            Type::Date => ReprScalarType::Date,
            Type::Timestamp => ReprScalarType::Timestamp,
            Type::Interval => ReprScalarType::Interval,
            Type::Uuid => ReprScalarType::Uuid,
            Type::Jsonb => ReprScalarType::Jsonb,
            Type::List => ReprScalarType::List {
                element_type: Box::new(ReprScalarType::Int64),
            },
        }
    }
}

/// Value number `place` of those that columns of this type have, in a row of its own,
/// starting anew behind the last; None if no column is drawn of the type, or upstream's
/// driver has a name for it.
pub fn literal(typ: &ReprScalarType, place: usize) -> Option<Row> {
    let ty = Type::ALL[Type::UPSTREAMS..].iter();
    let ty = ty.copied().find(|ty| ty.repr() == *typ)?;
    let values = ty.values();
    let value = values.get(place % values.len().max(1))?;
    Some(Row::pack([value.datum()]))
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column {
    pub ty: Type,
    pub nullable: bool,
}

impl Column {
    /// As plans see it.
    pub fn repr(self) -> ReprColumnType {
        ReprColumnType {
            scalar_type: self.ty.repr(),
            nullable: self.nullable,
        }
    }

    /// The column that scripts declare for this type, if they can.
    pub fn exact(column: &ReprColumnType) -> Option<Column> {
        let nullable = column.nullable;
        let mut columns = Type::ALL.into_iter().map(|ty| Column { ty, nullable });
        columns.find(|declared| declared.repr() == *column)
    }

    /// A column that scripts can declare: of this type if it is one of them,
    /// else of some other.
    pub fn nearest(column: &ReprColumnType) -> Column {
        Column::exact(column).unwrap_or(Column {
            ty: Type::Int64,
            nullable: column.nullable,
        })
    }
}

/// Draws one to four columns; the first is most often an Int64. `more_types` are those
/// that upstream's driver has no name for.
pub fn columns(choices: &mut dyn Choices, more_types: bool) -> Vec<Column> {
    let count = choices.weighted("columns", &[1, 5, 3, 1]).unwrap_or(0) + 1;
    (0..count)
        .map(|index| Column {
            ty: match index {
                0 if !choices.chance("first column of any type", 1, 4) => Type::Int64,
                _ => column_type(choices, more_types),
            },
            nullable: choices.chance("nullable", 1, 3),
        })
        .collect()
}

fn column_type(choices: &mut dyn Choices, more_types: bool) -> Type {
    let (upstreams, ours) = Type::ALL.split_at(Type::UPSTREAMS);
    let types = match more_types && choices.chance("column type beyond upstream's", 1, 4) {
        true => ours,
        false => upstreams,
    };
    *choices.pick("column type", types).unwrap_or(&Type::Int64)
}

/// The lines of a schema.
pub fn definition(columns: &[Column]) -> Vec<ColumnDef> {
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| ColumnDef {
            name: format!("c{index}"),
            ty: column.ty.name().to_string(),
            nullable: column.nullable,
        })
        .collect()
}

/// Draws a row; one in `rarely` values is an uncommon one.
pub fn row(choices: &mut dyn Choices, columns: &[Column], rarely: u64) -> Vec<Cell> {
    columns
        .iter()
        .map(|column| value(choices, *column, rarely))
        .collect()
}

fn value(choices: &mut dyn Choices, column: Column, rarely: u64) -> Cell {
    if column.nullable && choices.chance("null", 1, 4) {
        return Value::Null.into();
    }
    let mut values = column.ty.values();
    // The first few values are the likely ones.
    let common = values.len().min(3);
    let index = match choices.chance("uncommon value", 1, rarely) {
        false => choices.index("value", common),
        true => choices.index("value", values.len()),
    };
    values.swap_remove(index).into()
}

/// The cells that write this row of such columns; `None` if it holds what no script can
/// say.
pub fn cells(row: &Row, columns: &[Column]) -> Option<Vec<Cell>> {
    let columns = columns.iter().map(|column| column.ty.repr());
    let cell = |(datum, typ)| Value::of_type(datum, &typ).map(Cell::Value);
    row.iter().zip(columns).map(cell).collect()
}
