//! Jsonb columns as text (`spec/persist.md` §5.5): no blanks, keys in order,
//! numbers in plain notation.
//!
//! Invariant: reading what was written gives the same datum; any other text is
//! an error, however deep it nests.

use super::numeric;
use repr::{Datum, RowPacker};

/// How deep values may nest.
const MAX_DEPTH: usize = 60;

/// Appends the text of a datum; an error if it is none of JSON's.
pub(super) fn write(datum: Datum<'_>, out: &mut String) -> Result<(), String> {
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
pub(super) fn read(text: &str, packer: &mut RowPacker) -> Result<(), String> {
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
        let number = numeric::parse(&self.rest[..end]).ok_or_else(|| self.unexpected())?;
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
    use repr::Row;

    fn row(text: &str) -> Result<Row, String> {
        let mut packer = RowPacker::default();
        read(text, &mut packer)?;
        Ok(packer.finish())
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
            let mut again = String::new();
            write(row(text).unwrap().iter().next().unwrap(), &mut again).unwrap();
            assert_eq!(again, text);
        }
        let loose = row(" { \"b\" : 1e2 , \"a\" : [ true ] } ").unwrap();
        let mut strict = String::new();
        write(loose.iter().next().unwrap(), &mut strict).unwrap();
        assert_eq!(strict, r#"{"a":[true],"b":100}"#);
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
