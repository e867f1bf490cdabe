//! Parsing types and the annotations that carry them. Source: `spec/script.md`
//! §3.2; more type names are ours.
//!
//! Invariant: an annotation stands on one line; nesting of types is bounded.

use super::cursor::Parser;
use super::lex::{ParseError, Token};
use super::names::{second_word, simple_type};
use crate::types::RelationType;
use repr::{ReprColumnType, ReprScalarType};

/// The type of a text, as [`type_name`](super::type_name) gives it; None if it is none.
///
/// ```
/// let typ = plan::text::read_type("list(bigint)").unwrap();
/// assert_eq!(plan::text::type_name(&typ), "list(bigint)");
/// assert_eq!(plan::text::read_type("list(bigint) text"), None);
/// ```
pub fn read_type(text: &str) -> Option<ReprScalarType> {
    let mut parser = Parser::new(text, None).ok()?;
    let typ = parser.scalar_type().ok()?;
    (parser.peek().token == Token::End).then_some(typ)
}

/// What stands behind `::` in braces.
#[derive(Default)]
struct Annotations {
    types: Option<Vec<ReprColumnType>>,
    keys: Vec<Vec<usize>>,
}

impl Parser {
    pub(super) fn scalar_type(&mut self) -> Result<ReprScalarType, ParseError> {
        self.nested_type(0)
    }

    fn nested_type(&mut self, depth: usize) -> Result<ReprScalarType, ParseError> {
        if depth > 20 {
            return self.error("the type is nested deeper than 20");
        }
        let mut name = self.ident()?;
        if let Some(second) = second_word(&name)
            && self.take_word(second)
        {
            name = format!("{name} {second}");
        }
        if let Some(typ) = simple_type(&name) {
            return Ok(typ);
        }
        let mut parts = match name.as_str() {
            "array" | "list" | "map" | "range" | "record" => {
                self.list("(", ")", |p| p.nested_column(depth + 1))?
            }
            _ => return self.error(format!("unknown type `{name}`")),
        };
        if name == "record" {
            return Ok(ReprScalarType::Record {
                fields: parts.into(),
            });
        }
        let (Some(part), true) = (parts.pop(), parts.is_empty()) else {
            return self.error(format!("`{name}` has one element type"));
        };
        let element_type = Box::new(part.scalar_type);
        Ok(match name.as_str() {
            "array" => ReprScalarType::Array(element_type),
            "list" => ReprScalarType::List { element_type },
            "map" => ReprScalarType::Map {
                value_type: element_type,
            },
            _ => ReprScalarType::Range { element_type },
        })
    }

    fn nested_column(&mut self, depth: usize) -> Result<ReprColumnType, ParseError> {
        let scalar_type = self.nested_type(depth)?;
        let nullable = self.take("?");
        Ok(ReprColumnType {
            scalar_type,
            nullable,
        })
    }

    pub(super) fn column_type(&mut self) -> Result<ReprColumnType, ParseError> {
        self.nested_column(0)
    }

    /// `:: { types: "(bigint, text?)", keys: "([0], [1, 2])" }`, on one line.
    fn annotations(&mut self) -> Result<Annotations, ParseError> {
        let mut found = Annotations::default();
        let line = self.peek().line;
        if !self.take("::") {
            return Ok(found);
        }
        self.expect("{")?;
        while !self.take("}") {
            let name = self.ident()?;
            self.expect(":")?;
            let place = self.peek().clone();
            let text = self.string()?;
            let inner = |p: ParseError| ParseError {
                line: place.line,
                column: place.column,
                message: p.message,
            };
            let mut nested = Parser::new(&text, None).map_err(inner)?;
            match name.as_str() {
                "types" => {
                    let types = nested.list("(", ")", Parser::column_type);
                    found.types = Some(types.map_err(inner)?);
                }
                "keys" => {
                    let key = |p: &mut Parser| p.list("[", "]", Parser::index);
                    found.keys = nested.list("(", ")", key).map_err(inner)?;
                }
                _ => return self.error(format!("unexpected analysis type `{name}`")),
            }
            if nested.peek().token != Token::End {
                return Err(inner(nested.fail("unexpected token in the annotation")));
            }
            self.take(",");
        }
        if self.tokens[self.at - 1].line != line {
            return self.error("analyses should not span more than one line");
        }
        Ok(found)
    }

    pub(super) fn relation_type(&mut self) -> Result<Option<RelationType>, ParseError> {
        let Annotations { types, keys } = self.annotations()?;
        Ok(types.map(|column_types| RelationType { column_types, keys }))
    }
}
