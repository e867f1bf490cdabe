//! JSON values as text, as columns of type jsonb store them (`spec/persist.md` §5.5)
//! and literals show them: no blanks, keys in order, numbers in plain notation.
//!
//! Invariant: reading what was written gives the same datum; what is no JSON is an
//! error, however deep it nests.

use super::{Datum, Row, RowPacker};

/// How deep values may nest.
const MAX_DEPTH: usize = 60;

/// The JSON value of a text, as a row of one datum: numbers are decimals, a null is
/// [`Datum::JsonNull`], of several entries with one key the last counts.
///
/// Errors: what is no JSON there; a number of more than 39 digits; values that nest
/// deeper than 60.
///
/// ```
/// let row = repr::jsonb::row(r#" {"b": 1e2, "a": [null]} "#).unwrap();
/// let datum = row.iter().next().unwrap();
/// assert_eq!(repr::jsonb::text(datum).unwrap(), r#"{"a":[null],"b":100}"#);
/// assert_eq!(datum.to_string(), "{a: [json_null], b: 100}");
/// ```
pub fn row(text: &str) -> Result<Row, String> {
    let mut packer = RowPacker::default();
    read(text, &mut packer)?;
    Ok(packer.finish())
}

/// The text of a datum.
///
/// Errors: a datum that is none of JSON's.
pub fn text(datum: Datum<'_>) -> Result<String, String> {
    let mut text = String::new();
    write(datum, &mut text)?;
    Ok(text)
}

/// Appends the text of a datum.
///
/// Errors: a datum that is none of JSON's.
pub fn write(datum: Datum<'_>, out: &mut String) -> Result<(), String> {
    match datum {
        Datum::JsonNull => out.push_str("null"),
        Datum::True => out.push_str("true"),
        Datum::False => out.push_str("false"),
        Datum::Numeric(n) => out.push_str(&n.to_string()),
        Datum::String(text) => write_string(text, out),
        Datum::List(list) => {
            out.push('[');
            for (i, element) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(element, out)?;
            }
            out.push(']');
        }
        Datum::Map(map) => {
            out.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(value, out)?;
            }
            out.push('}');
        }
        other => return Err(format!("{other} in a jsonb column")),
    }
    Ok(())
}

fn write_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Packs the datum of a text.
///
/// Errors: as of [`row`].
pub fn read(text: &str, packer: &mut RowPacker) -> Result<(), String> {
    let mut parser = Parser { rest: text };
    let value = parser.value(0)?;
    parser.skip_blanks();
    if !parser.rest.is_empty() {
        return Err(parser.unexpected());
    }
    pack(&value, packer);
    Ok(())
}

enum Json<'a> {
    Bare(Datum<'a>),
    String(String),
    List(Vec<Json<'a>>),
    /// Keys ascending, each once.
    Map(std::collections::BTreeMap<String, Json<'a>>),
}

fn pack(value: &Json<'_>, packer: &mut RowPacker) {
    match value {
        Json::Bare(datum) => packer.push(*datum),
        Json::String(text) => packer.push(Datum::String(text)),
        Json::List(elements) => packer.push_list(|p| elements.iter().for_each(|e| pack(e, p))),
        Json::Map(entries) => packer.push_map(|p| {
            for (key, value) in entries {
                p.push(Datum::String(key));
                pack(value, p);
            }
        }),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn unexpected(&self) -> String {
        match self.rest.chars().next() {
            Some(c) => format!("unexpected {c:?} in JSON"),
            None => "JSON ends too early".into(),
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, String> {
        if depth > MAX_DEPTH {
            return Err("JSON nests too deep".into());
        }
        for (token, datum) in [
            ("null", Datum::JsonNull),
            ("true", Datum::True),
            ("false", Datum::False),
        ] {
            if self.eat(token) {
                return Ok(Json::Bare(datum));
            }
        }
        if self.eat("[") {
            let mut elements = Vec::new();
            while !self.eat("]") {
                if !elements.is_empty() && !self.eat(",") {
                    return Err(self.unexpected());
                }
                elements.push(self.value(depth + 1)?);
            }
            return Ok(Json::List(elements));
        }
        if self.eat("{") {
            let mut entries = std::collections::BTreeMap::new();
            while !self.eat("}") {
                if !entries.is_empty() && !self.eat(",") {
                    return Err(self.unexpected());
                }
                self.skip_blanks();
                let key = self.string()?;
                if !self.eat(":") {
                    return Err(self.unexpected());
                }
                entries.insert(key, self.value(depth + 1)?);
            }
            return Ok(Json::Map(entries));
        }
        if self.rest.starts_with('"') {
            return Ok(Json::String(self.string()?));
        }
        let end = self
            .rest
            .find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(self.rest.len());
        let number = self.rest[..end].parse();
        let number = number.map_err(|_| self.unexpected())?;
        self.rest = &self.rest[end..];
        Ok(Json::Bare(Datum::Numeric(number)))
    }

    fn string(&mut self) -> Result<String, String> {
        let mut escaped = false;
        let end = self
            .rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| {
                let end = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                end
            })
            .map(|(i, _)| i + 1);
        let end = end.ok_or("JSON ends inside a string")?;
        let text = serde_json::from_str(&self.rest[..end]).map_err(|e| e.to_string())?;
        self.rest = &self.rest[end..];
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        super::text(row(text).unwrap().iter().next().unwrap()).unwrap()
    }

    #[test]
    fn text_is_read_and_written_again() {
        for text in [
            "null",
            "[]",
            "{}",
            r#"{"a":[1,-2.5,{"b":null}],"ü\n\"":"x\\"}"#,
            "12345678901234567890.123",
        ] {
            assert_eq!(again(text), text);
        }
        let loose = " { \"b\" : 1e2 , \"a\" : [ true ] } ";
        assert_eq!(again(loose), r#"{"a":[true],"b":100}"#);
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        let deep = "[".repeat(100_000);
        for text in [
            "", "[1", "{\"a\"}", "nul", "\"x", "1 2", "[,]", "\"\\x\"", &deep,
        ] {
            assert!(row(text).is_err(), "{text:.20}");
        }
    }
}
