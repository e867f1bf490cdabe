//! The tokens of a text and where the parser stands among them: what every part
//! of the parser is made of.
//!
//! Invariant: the last token is the end, which is never passed.

use std::collections::BTreeMap;

use super::lex::{ParseError, Spanned, Token, tokens};
use repr::GlobalId;

/// Line and column.
pub(super) type Place = (usize, usize);

pub(super) struct Parser {
    pub(super) tokens: Vec<Spanned>,
    pub(super) at: usize,
    /// Where each operator stands, in the type checker's order.
    pub(super) places: Vec<Place>,
    /// How many bindings there are so far.
    pub(super) bound: usize,
    /// The collections that can be read, by name; None if any can.
    pub(super) globals: Option<BTreeMap<String, GlobalId>>,
}

impl Parser {
    pub(super) fn new(
        text: &str,
        globals: Option<BTreeMap<String, GlobalId>>,
    ) -> Result<Self, ParseError> {
        Ok(Parser {
            tokens: tokens(text)?,
            at: 0,
            places: Vec::new(),
            bound: 0,
            globals,
        })
    }

    /// The collection of this name, if it can be read.
    pub(super) fn global(&self, name: &str) -> Option<GlobalId> {
        match &self.globals {
            Some(known) => known.get(name).copied(),
            // A bare number is no id in a plan text.
            None if name.starts_with(|c: char| c.is_ascii_digit()) => None,
            None => name.parse().ok(),
        }
    }

    pub(super) fn peek(&self) -> &Spanned {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> &Spanned {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)]
    }

    pub(super) fn next(&mut self) {
        self.at += 1;
    }

    pub(super) fn fail(&self, message: impl Into<String>) -> ParseError {
        let here = self.peek();
        ParseError {
            line: here.line,
            column: here.column,
            message: message.into(),
        }
    }

    pub(super) fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(self.fail(message))
    }

    /// Consumes the punctuation if it is next.
    pub(super) fn take(&mut self, p: &'static str) -> bool {
        let found = self.peek().token == Token::Punct(p);
        self.at += usize::from(found);
        found
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(&self.peek().token, Token::Ident(w) if w == word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, p: &'static str) -> Result<(), ParseError> {
        if self.take(p) {
            return Ok(());
        }
        self.error(format!("{}, expected `{p}`", self.unexpected()))
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), ParseError> {
        if self.take_word(word) {
            return Ok(());
        }
        self.error(format!("{}, expected `{word}`", self.unexpected()))
    }

    pub(super) fn unexpected(&self) -> String {
        format!("unexpected {}", self.peek().token.shown())
    }

    pub(super) fn string(&mut self) -> Result<String, ParseError> {
        match self.peek().token.clone() {
            Token::Str(s) => {
                self.next();
                Ok(s)
            }
            _ => self.error(format!("{}, expected a string", self.unexpected())),
        }
    }

    pub(super) fn ident(&mut self) -> Result<String, ParseError> {
        match self.peek().token.clone() {
            Token::Ident(word) => {
                self.next();
                Ok(word)
            }
            _ => self.error(format!("{}, expected an identifier", self.unexpected())),
        }
    }

    /// A number without sign.
    pub(super) fn number<T: TryFrom<u128>>(&mut self) -> Result<T, ParseError> {
        match &self.peek().token {
            Token::Int(n) => match T::try_from(*n) {
                Ok(n) => {
                    self.next();
                    Ok(n)
                }
                Err(_) => self.error(format!("{n} is out of range")),
            },
            _ => self.error(format!("{}, expected an integer", self.unexpected())),
        }
    }

    pub(super) fn index(&mut self) -> Result<usize, ParseError> {
        self.number()
    }

    pub(super) fn column(&mut self) -> Result<usize, ParseError> {
        self.expect("#")?;
        self.index()
    }

    /// Items between brackets, separated by commas; a trailing one is fine.
    pub(super) fn list<T>(
        &mut self,
        open: &'static str,
        close: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        self.expect(open)?;
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(item(self)?);
            if !self.take(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok(items)
    }

    /// `name=` if it is next.
    pub(super) fn take_attribute(&mut self, name: &str) -> bool {
        let word = matches!(&self.peek().token, Token::Ident(w) if w == name);
        let found = word && self.peek_at(1).token == Token::Punct("=");
        self.at += if found { 2 } else { 0 };
        found
    }

    /// `name=`, which must be next.
    pub(super) fn attribute(&mut self, name: &str) -> Result<(), ParseError> {
        if self.take_attribute(name) {
            Ok(())
        } else {
            self.error(format!("expected `{name}=`"))
        }
    }

    /// Whether the next token begins a child of what begins at `parent`.
    pub(super) fn child_ahead(&self, parent: &Spanned) -> bool {
        let here = self.peek();
        here.token != Token::End && here.line > parent.line && here.column == parent.column + 2
    }
}
