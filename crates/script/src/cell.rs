//! Cells: what stands in the rows of a script. A value of its column's type, or
//! what no column says the type of, as it was written. Source: `spec/script.md`
//! §2.4, §5.
//!
//! Invariants: a row means what its text means where it stands, so a value whose
//! column has another type by now is read again from its text; a value reads
//! back from its text; the error texts are upstream's, since golden blocks show
//! them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::ValueError;
use super::lex;
use super::literal::Literal;
use plan::text::type_name;
use repr::{Datum, Diff, ReprScalarType, SqlScalarType};

/// A cell of a row, or of a literal that a peek looks up.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// What its column holds.
    Value(Value),
    /// What its column cannot hold, or stands where no schema is known.
    Verbatim(Written),
}

/// One row of `write-rows`.
#[derive(Debug, Clone, PartialEq)]
pub struct RowLine {
    pub cells: Vec<Cell>,
    /// *Extension* unless 1: written `… diff=-1` behind the cells.
    pub diff: Diff,
}

/// A value as scripts write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    Null,
    Bool(bool),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    String(String),
    /// What a text can be made of: UTF-8.
    Bytes(Vec<u8>),
    /// *Extension*: a value of another type, which a literal of a plan can have.
    Literal(Literal),
}

/// A cell as its script wrote it.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// A token of the text form, quotes kept.
    Token(String),
    /// A value of the JSON form.
    Json(serde_json::Value),
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Cell::Value(value)
    }
}

impl Cell {
    /// A token of the text form whose column is not known yet.
    pub fn token(token: impl Into<String>) -> Cell {
        Cell::Verbatim(Written::Token(token.into()))
    }

    /// What a column of this type holds of it.
    ///
    /// Errors: a value that such a column cannot hold.
    pub fn value(&self, ty: &SqlScalarType, nullable: bool) -> Result<Value, ValueError> {
        let value = match self {
            Cell::Value(value) if value.is_of(ty) => value.clone(),
            Cell::Value(value) => from_token(&value.to_string(), ty)?,
            Cell::Verbatim(Written::Token(token)) => from_token(token, ty)?,
            Cell::Verbatim(Written::Json(json)) => from_json(json, ty)?,
        };
        match (&value, nullable) {
            (Value::Null, false) => Err(ValueError::Null),
            _ => Ok(value),
        }
    }

    /// Reads the cell as one of a column of this type, or of none.
    pub fn read_as(&mut self, ty: Option<&SqlScalarType>) {
        if let (Cell::Value(value), Some(ty)) = (&*self, ty)
            && value.is_of(ty)
        {
            return;
        }
        match (ty.map(|ty| self.value(ty, true)), &*self) {
            (Some(Ok(value)), _) => *self = Cell::Value(value),
            (Some(Err(_)) | None, Cell::Value(value)) => *self = Cell::token(value.to_string()),
            (Some(Err(_)) | None, Cell::Verbatim(_)) => {}
        }
    }
}

impl Value {
    pub fn datum(&self) -> Datum<'_> {
        match self {
            Value::Null => Datum::Null,
            Value::Bool(true) => Datum::True,
            Value::Bool(false) => Datum::False,
            Value::Int16(v) => Datum::Int16(*v),
            Value::Int32(v) => Datum::Int32(*v),
            Value::Int64(v) => Datum::Int64(*v),
            Value::String(v) => Datum::String(v),
            Value::Bytes(v) => Datum::Bytes(v),
            Value::Literal(v) => v.datum(),
        }
    }

    /// The value of a datum in a column of this type; `None` if scripts cannot write it.
    pub fn of_type(datum: Datum<'_>, typ: &ReprScalarType) -> Option<Value> {
        match typ {
            // What JSON and parts consist of has other types by itself.
            ReprScalarType::Jsonb
            | ReprScalarType::List { .. }
            | ReprScalarType::Map { .. }
            | ReprScalarType::Array(_)
                if !datum.is_null() =>
            {
                Literal::of_type(datum, typ).map(Value::Literal)
            }
            _ => Value::of(datum),
        }
    }

    /// The value of a datum in a column of the type that such datums have by themselves;
    /// `None` if scripts cannot write it.
    pub fn of(datum: Datum<'_>) -> Option<Value> {
        Some(match datum {
            Datum::Null => Value::Null,
            Datum::True => Value::Bool(true),
            Datum::False => Value::Bool(false),
            Datum::Int16(n) => Value::Int16(n),
            Datum::Int32(n) => Value::Int32(n),
            Datum::Int64(n) => Value::Int64(n),
            Datum::String(text) => Value::String(text.to_string()),
            Datum::Bytes(bytes) if std::str::from_utf8(bytes).is_ok() => {
                Value::Bytes(bytes.to_vec())
            }
            other => Value::Literal(Literal::of(other)?),
        })
    }

    /// Whether a nullable column of this type holds it.
    fn is_of(&self, ty: &SqlScalarType) -> bool {
        match self {
            Value::Null => true,
            Value::Bool(_) => *ty == SqlScalarType::Bool,
            Value::Int16(_) => *ty == SqlScalarType::Int16,
            Value::Int32(_) => *ty == SqlScalarType::Int32,
            Value::Int64(_) => *ty == SqlScalarType::Int64,
            Value::String(_) => is_text(ty),
            Value::Bytes(_) => *ty == SqlScalarType::Bytes,
            Value::Literal(literal) => *literal.typ() == ty.to_repr(),
        }
    }
}

/// The value as a token of the text form.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(v) => write!(f, "{v}"),
            Value::Int16(v) => write!(f, "{v}"),
            Value::Int32(v) => write!(f, "{v}"),
            Value::Int64(v) => write!(f, "{v}"),
            Value::String(v) => write_text(f, v),
            Value::Bytes(v) => write_text(f, &String::from_utf8_lossy(v)),
            Value::Literal(v) => match v.to_string() {
                text if is_bare(&text) => f.write_str(&text),
                _ => write_text(f, &v.escaped()),
            },
        }
    }
}

/// A text as a token, in quotes if it needs them. What no token can say, as a
/// single quote can be in JSON, is written in quotes all the same.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    match is_bare(text) {
        true => f.write_str(text),
        false => write!(f, "\"{text}\""),
    }
}

/// Whether a text is a token that means it, without quotes around it.
fn is_bare(text: &str) -> bool {
    let is_one_token = lex::tokens(text).is_ok_and(|tokens| tokens == [text]);
    is_one_token && text != "null" && !text.starts_with(DIFF) && unquote(text) == text
}

/// Whether a column of this type holds texts: nothing below SQL looks at more of it.
pub(super) fn is_text(ty: &SqlScalarType) -> bool {
    matches!(
        ty,
        SqlScalarType::String
            | SqlScalarType::PgLegacyName
            | SqlScalarType::VarChar { .. }
            | SqlScalarType::Char { .. }
    )
}

/// How the multiplicity behind the cells of a row starts.
pub(super) const DIFF: &str = "diff=";

/// The cell as a token of the text form.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Value(value) => value.fmt(f),
            Cell::Verbatim(Written::Token(token)) => f.write_str(token),
            Cell::Verbatim(Written::Json(serde_json::Value::String(s))) => write!(f, "\"{s}\""),
            Cell::Verbatim(Written::Json(json)) => json.fmt(f),
        }
    }
}

/// A JSON value. What is not of its column's type, and is none already, is
/// written as a string, and is then refused as it was before.
impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Value(Value::Null) => serializer.serialize_unit(),
            Cell::Value(Value::Bool(v)) => serializer.serialize_bool(*v),
            Cell::Value(Value::Int16(v)) => serializer.serialize_i16(*v),
            Cell::Value(Value::Int32(v)) => serializer.serialize_i32(*v),
            Cell::Value(Value::Int64(v)) => serializer.serialize_i64(*v),
            Cell::Value(Value::String(v)) => serializer.serialize_str(v),
            Cell::Value(Value::Bytes(v)) => serializer.serialize_str(&String::from_utf8_lossy(v)),
            Cell::Value(Value::Literal(v)) => serializer.serialize_str(&v.to_string()),
            Cell::Verbatim(Written::Token(token)) if token == "null" => serializer.serialize_unit(),
            Cell::Verbatim(Written::Token(token)) => serializer.serialize_str(unquote(token)),
            Cell::Verbatim(Written::Json(json)) => json.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?;
        Ok(Cell::Verbatim(Written::Json(json)))
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
    if token == "null" {
        return Ok(Value::Null);
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
        ty if is_text(ty) => Ok(Value::String(unquote(token).to_string())),
        SqlScalarType::Bytes => Ok(Value::Bytes(unquote(token).as_bytes().to_vec())),
        other => literal(unquote(token), other),
    }
}

fn literal(text: &str, ty: &SqlScalarType) -> Result<Value, ValueError> {
    let typ = ty.to_repr();
    let literal = Literal::read(text, &typ).map(Value::Literal);
    literal.ok_or_else(|| match Literal::number(0, &typ) {
        Some(example) => ValueError::Literal {
            text: text.to_string(),
            typ: type_name(&typ),
            example: example.to_string(),
        },
        None => ValueError::Type(ty.clone()),
    })
}

fn from_json(json: &serde_json::Value, ty: &SqlScalarType) -> Result<Value, ValueError> {
    let other = |expected| ValueError::Json {
        expected,
        json: json.clone(),
    };
    let integer = || json.as_i64().ok_or_else(|| other("integer"));
    let text = |expected| json.as_str().ok_or_else(|| other(expected));
    let narrow = |_| ValueError::OutOfRange;
    if json.is_null() {
        return Ok(Value::Null);
    }
    match ty {
        SqlScalarType::Int16 => Ok(Value::Int16(integer()?.try_into().map_err(narrow)?)),
        SqlScalarType::Int32 => Ok(Value::Int32(integer()?.try_into().map_err(narrow)?)),
        SqlScalarType::Int64 => Ok(Value::Int64(integer()?)),
        SqlScalarType::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| other("bool")),
        ty if is_text(ty) => Ok(Value::String(text("string")?.to_string())),
        SqlScalarType::Bytes => {
            let text = text("string (utf8 bytes)")?;
            Ok(Value::Bytes(text.as_bytes().to_vec()))
        }
        other => match json {
            serde_json::Value::Number(number) => literal(&number.to_string(), other),
            _ => literal(text("string")?, other),
        },
    }
}

/// The token without one pair of surrounding quotes.
fn unquote(token: &str) -> &str {
    token
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(token: &str, ty: SqlScalarType) -> Result<Value, ValueError> {
        Cell::token(token).value(&ty, true)
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
        let json = |json, ty| Cell::Verbatim(Written::Json(json)).value(&ty, false);
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
    fn texts_stand_in_quotes_only_where_they_must() {
        let shown = |text: &str| Value::String(text.to_string()).to_string();
        for bare in ["a", "0", "a\"b c\"", "[1, 2]", "a=b", "nulls", "diff"] {
            assert_eq!(shown(bare), bare);
        }
        for quoted in ["", "null", " ", "a b", "\"a\"", "[", "diff=2", "\u{a0}"] {
            assert_eq!(shown(quoted), format!("\"{quoted}\""));
        }
    }

    #[test]
    fn json_and_values_with_parts_are_tokens_that_read_back() {
        let list = SqlScalarType::List {
            element_type: Box::new(SqlScalarType::String),
            custom_id: None,
        };
        for (text, ty, shown) in [
            ("1", SqlScalarType::Jsonb, "1"),
            ("null", SqlScalarType::Jsonb, "\"null\""),
            ("\"a\"", SqlScalarType::Jsonb, "\"\"a\"\""),
            ("\"a b\"", SqlScalarType::Jsonb, "\"\"a\\u0020b\"\""),
            ("\"[\\\"\"", SqlScalarType::Jsonb, "\"\"\\u005b\\u0022\"\""),
            (
                "{\"a b\":[1,\"[\"]}",
                SqlScalarType::Jsonb,
                "{\"a b\":[1,\"[\"]}",
            ),
            ("{\"\\\"\":1}", SqlScalarType::Jsonb, "{\"\\u0022\":1}"),
            ("[\"a b\",null]", list, "[\"a b\",null]"),
        ] {
            let value = literal(text, &ty).unwrap();
            assert_eq!(value.to_string(), shown);
            assert_eq!(token(shown, ty.clone()), Ok(value.clone()), "{shown}");
            let json = serde_json::to_value(Cell::Value(value.clone())).unwrap();
            assert_eq!(
                Cell::Verbatim(Written::Json(json)).value(&ty, false),
                Ok(value)
            );
        }
        assert_eq!(token("null", SqlScalarType::Jsonb), Ok(Value::Null));
        assert_eq!(
            token("{a:1}", SqlScalarType::Jsonb)
                .unwrap_err()
                .to_string(),
            "parsing \"{a:1}\" as jsonb: expected a value as \"0\""
        );
        assert_eq!(
            token("7", SqlScalarType::Uuid).unwrap_err().to_string(),
            "parsing \"7\" as uuid: expected a value as \"00000000-0000-0000-0000-000000000000\""
        );
    }

    #[test]
    fn a_value_whose_column_has_another_type_is_read_again_from_its_text() {
        let read = |value: Value, ty: SqlScalarType| {
            let mut cell = Cell::Value(value);
            cell.read_as(Some(&ty));
            cell
        };
        let text = |text: &str| Value::String(text.to_string());
        assert_eq!(
            read(text("7"), SqlScalarType::Int16),
            Value::Int16(7).into()
        );
        assert_eq!(
            read(Value::Int64(7), SqlScalarType::String),
            text("7").into()
        );
        assert_eq!(
            read(Value::Int64(1 << 40), SqlScalarType::Int32),
            Cell::token("1099511627776")
        );
        assert_eq!(read(Value::Null, SqlScalarType::Bool), Value::Null.into());
        // Its text has quotes, without which it would be another value.
        assert_eq!(
            read(text("null"), SqlScalarType::Int64),
            Cell::token("\"null\"")
        );
    }
}
