//! Parsing scalar expressions: operands and operators, with upstream's levels
//! and its quirk about postfix `IS`. Source: `spec/script.md` §3.3.
//!
//! Invariants: an expression ends with the line on which it starts; nesting is
//! bounded, so that no text can exhaust the stack.

use super::cursor::Parser;
use super::errors;
use super::lex::{ParseError, Token};
use super::names::{OPERATORS, sql_type};
use super::values::{Written, parse_hex};
use crate::functions::{self, snake_name};
use crate::scalar;
use protocol::v26_30::{BinaryFunc, EvalError, MirScalarExpr, UnaryFunc, VariadicFunc};
use repr::{ColumnName, Datum, ReprColumnType, ReprScalarType, Row, SqlScalarType};

/// How deep expressions may be nested.
pub(super) const MAX_DEPTH: usize = 100;

/// An expression and how deep its tree is.
type Deep = (MirScalarExpr, usize);

/// A function that its name and parameters fix.
enum Called {
    Unary(UnaryFunc),
    Variadic(VariadicFunc),
}

/// What waits on the operator stack, with its level.
#[derive(Clone)]
enum Waiting {
    Infix(usize),
    And,
    Or,
    Coalesce,
    Is { func: UnaryFunc, not: bool },
}

impl Waiting {
    fn level(&self) -> u8 {
        match self {
            Waiting::Infix(i) => OPERATORS[*i].1,
            Waiting::Is { .. } => 13,
            Waiting::And => 2,
            Waiting::Or => 1,
            Waiting::Coalesce => 0,
        }
    }
}

impl Parser {
    /// A whole expression, starting at the next token, on its line.
    pub(super) fn expression(&mut self) -> Result<MirScalarExpr, ParseError> {
        self.deep_expression(0).map(|(e, _)| e)
    }

    fn deep_expression(&mut self, nesting: usize) -> Result<Deep, ParseError> {
        let line = self.peek().line;
        let mut operands = vec![self.deep_operand(nesting)?];
        let mut waiting: Vec<Waiting> = Vec::new();
        while self.peek().line == line {
            let Some(operator) = self.operator()? else {
                break;
            };
            while waiting
                .last()
                .is_some_and(|top| top.level() >= operator.level())
            {
                self.apply(&mut waiting, &mut operands)?;
            }
            let postfix = matches!(operator, Waiting::Is { .. });
            waiting.push(operator);
            if !postfix {
                if self.peek().line != line {
                    return self.error("the operator has no right side on its line");
                }
                operands.push(self.deep_operand(nesting)?);
            }
        }
        while !waiting.is_empty() {
            self.apply(&mut waiting, &mut operands)?;
        }
        match operands.pop() {
            Some(whole) if operands.is_empty() => Ok(whole),
            _ => self.error("the expression has operands without an operator"),
        }
    }

    /// The next infix or postfix operator, consumed, if there is one.
    fn operator(&mut self) -> Result<Option<Waiting>, ParseError> {
        let operator = match &self.peek().token {
            Token::Punct(p) => match OPERATORS.iter().position(|(symbol, _, _)| symbol == p) {
                Some(i) => Waiting::Infix(i),
                None => return Ok(None),
            },
            Token::Ident(word) => match word.as_str() {
                "AND" => Waiting::And,
                "OR" => Waiting::Or,
                "coalesce" => Waiting::Coalesce,
                "IS" => {
                    self.next();
                    let not = self.take_word("NOT");
                    let func = match self.peek().token.clone() {
                        Token::Ident(word) if word == "NULL" => UnaryFunc::IsNull,
                        Token::Ident(word) if word == "TRUE" => UnaryFunc::IsTrue,
                        Token::Ident(word) if word == "FALSE" => UnaryFunc::IsFalse,
                        _ => return self.error("expected one of: `NULL`, `TRUE`, `FALSE`"),
                    };
                    Waiting::Is { func, not }
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(operator))
    }

    fn apply(
        &self,
        waiting: &mut Vec<Waiting>,
        operands: &mut Vec<Deep>,
    ) -> Result<(), ParseError> {
        let (Some(operator), Some((right, depth))) = (waiting.pop(), operands.pop()) else {
            return self.error("expected an operand");
        };
        let mut left = || {
            let left = operands.pop();
            left.map_or_else(|| self.error("expected an operand"), Ok)
        };
        let result = match operator {
            Waiting::Is { func, not } => {
                let is = unary(func, right);
                if not {
                    (unary(UnaryFunc::Not, is), depth + 2)
                } else {
                    (is, depth + 1)
                }
            }
            Waiting::Infix(i) => {
                let (left, left_depth) = left()?;
                let e = scalar::binary(OPERATORS[i].2.clone(), left, right);
                (e, depth.max(left_depth) + 1)
            }
            Waiting::And => flattened(VariadicFunc::And, left()?, (right, depth)),
            Waiting::Or => flattened(VariadicFunc::Or, left()?, (right, depth)),
            Waiting::Coalesce => flattened(VariadicFunc::Coalesce, left()?, (right, depth)),
        };
        if result.1 > MAX_DEPTH {
            return self.error(format!("the expression is nested deeper than {MAX_DEPTH}"));
        }
        operands.push(result);
        Ok(())
    }

    /// One operand, without operators around it.
    pub(super) fn operand(&mut self) -> Result<MirScalarExpr, ParseError> {
        self.deep_operand(0).map(|(e, _)| e)
    }

    fn deep_operand(&mut self, nesting: usize) -> Result<Deep, ParseError> {
        if nesting > MAX_DEPTH {
            return self.error(format!("the expression is nested deeper than {MAX_DEPTH}"));
        }
        let leaf = |e| Ok((e, 1));
        match self.peek().token.clone() {
            Token::Punct("#") => {
                self.next();
                leaf(scalar::column(self.index()?))
            }
            Token::Punct("(") => {
                self.next();
                let inner = self.deep_expression(nesting + 1)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Punct("{") | Token::Punct("[") => leaf(self.collection_literal()?),
            Token::Ident(word) => self.word_operand(&word, nesting),
            Token::End => self.error("Cannot parse an empty expression"),
            _ => {
                let written = self.written()?;
                leaf(self.literal(written)?)
            }
        }
    }

    /// A literal value without its type.
    pub(super) fn written(&mut self) -> Result<Written, ParseError> {
        let negative = self.take("-");
        let token = self.peek().token.clone();
        let written = match token {
            Token::Int(n) => match i128::try_from(n) {
                Ok(n) => Written::Int(if negative { -n } else { n }),
                Err(_) => return self.error(format!("{n} is out of range")),
            },
            Token::Float(x) => Written::Float(if negative { -x } else { x }),
            _ if negative => return self.error("expected a number after `-`"),
            Token::Str(s) => Written::Str(s),
            Token::Ident(word) if word == "true" => Written::Bool(true),
            Token::Ident(word) if word == "false" => Written::Bool(false),
            Token::Ident(word) if word == "null" => Written::Null,
            Token::Ident(word) if word == "row" => {
                self.next();
                self.expect("(")?;
                let text = self.string()?;
                let bytes = parse_hex(&text);
                let Some(row) = bytes.and_then(|bytes| Row::from_bytes(bytes).ok()) else {
                    return self.error("row(…) needs the bytes of a row in hex");
                };
                self.expect(")")?;
                return Ok(Written::Bytes(row));
            }
            other => return self.error(format!("cannot parse literal {}", other.shown())),
        };
        self.next();
        Ok(written)
    }

    /// The literal, with the type that follows it or its own.
    fn literal(&mut self, written: Written) -> Result<MirScalarExpr, ParseError> {
        let typ = if self.take("::") {
            self.scalar_type()?
        } else {
            match written.own_type() {
                Some(typ) => typ,
                None => return self.error("expected `::` and a type"),
            }
        };
        match written.as_type(&typ) {
            Ok(row) => {
                let nullable = row.iter().next() == Some(Datum::Null);
                let typ = ReprColumnType {
                    scalar_type: typ,
                    nullable,
                };
                Ok(MirScalarExpr::Literal(Ok(row), typ))
            }
            Err(message) => self.error(message),
        }
    }

    fn word_operand(&mut self, word: &str, nesting: usize) -> Result<Deep, ParseError> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "true" | "false" | "null" | "row" if lower == word => {
                let written = self.written()?;
                return Ok((self.literal(written)?, 1));
            }
            "case" if lower == word => return self.case(nesting),
            "array" | "list" if self.peek_at(1).token == Token::Punct("[") => {
                self.next();
                let (exprs, depth) = self.operands("[", "]", nesting)?;
                let elem_type = SqlScalarType::Int64;
                let func = match lower.as_str() {
                    "array" => VariadicFunc::ArrayCreate { elem_type },
                    _ => VariadicFunc::ListCreate { elem_type },
                };
                return Ok((MirScalarExpr::CallVariadic { func, exprs }, depth));
            }
            "error" => return Ok((self.error_literal()?, 1)),
            _ => {}
        }
        self.call(&lower, nesting)
    }

    fn error_literal(&mut self) -> Result<MirScalarExpr, ParseError> {
        let error = self.error_text()?;
        let typ = if self.take("::") {
            self.scalar_type()?
        } else {
            ReprScalarType::Bool
        };
        Ok(scalar::literal_error(error, typ))
    }

    /// `error("…")`
    pub(super) fn error_text(&mut self) -> Result<EvalError, ParseError> {
        self.next();
        self.expect("(")?;
        let at = self.peek().clone();
        let text = self.string()?;
        let Some(error) = errors::from_text(&text) else {
            return Err(ParseError {
                line: at.line,
                column: at.column,
                message: "expected `internal error: $msg`".into(),
            });
        };
        self.expect(")")?;
        Ok(error)
    }

    fn case(&mut self, nesting: usize) -> Result<Deep, ParseError> {
        self.next();
        if !self.take_word("when") {
            return self.error("expected 'when' after 'case'");
        }
        let (cond, a) = self.deep_expression(nesting + 1)?;
        self.expect_word("then")?;
        let (then, b) = self.deep_expression(nesting + 1)?;
        self.expect_word("else")?;
        let (els, c) = self.deep_expression(nesting + 1)?;
        self.expect_word("end")?;
        let depth = a.max(b).max(c) + 1;
        if depth > MAX_DEPTH {
            return self.error(format!("the expression is nested deeper than {MAX_DEPTH}"));
        }
        let e = MirScalarExpr::If {
            cond: Box::new(cond),
            then: Box::new(then),
            els: Box::new(els),
        };
        Ok((e, depth))
    }

    /// `{1, 2}` and `[1, 2]`: arrays and lists of literals (upstream's typing
    /// of the list is wrong; here it is a list).
    fn collection_literal(&mut self) -> Result<MirScalarExpr, ParseError> {
        let array = self.peek().token == Token::Punct("{");
        let (open, close) = if array { ("{", "}") } else { ("[", "]") };
        let (exprs, _) = self.operands(open, close, 0)?;
        if !exprs.iter().all(scalar::is_literal) {
            return self.error("expected only literals");
        }
        let elem_type = SqlScalarType::Int64;
        let func = if array {
            VariadicFunc::ArrayCreate { elem_type }
        } else {
            VariadicFunc::ListCreate { elem_type }
        };
        Ok(MirScalarExpr::CallVariadic { func, exprs })
    }

    /// Bracketed expressions, separated by commas, and the depth of their call.
    fn operands(
        &mut self,
        open: &'static str,
        close: &'static str,
        nesting: usize,
    ) -> Result<(Vec<MirScalarExpr>, usize), ParseError> {
        let mut depth = 0;
        let exprs = self.list(open, close, |parser| {
            let (e, d) = parser.deep_expression(nesting + 1)?;
            depth = depth.max(d);
            Ok(e)
        })?;
        if depth + 1 > MAX_DEPTH {
            return self.error(format!("the expression is nested deeper than {MAX_DEPTH}"));
        }
        Ok((exprs, depth + 1))
    }

    fn call(&mut self, name: &str, nesting: usize) -> Result<Deep, ParseError> {
        let at = self.peek().clone();
        let unsupported = || {
            Err(ParseError {
                line: at.line,
                column: at.column,
                message: format!("unsupported function name `{name}`"),
            })
        };
        self.next();
        let parameters = self.call_parameters(name)?;
        if self.peek().token != Token::Punct("(") {
            return unsupported();
        }
        let (mut exprs, depth) = self.operands("(", ")", nesting)?;
        match parameters.or_else(|| variadic_by_name(name).map(Called::Variadic)) {
            Some(Called::Variadic(func)) => {
                return Ok((MirScalarExpr::CallVariadic { func, exprs }, depth));
            }
            Some(Called::Unary(func)) => match (exprs.pop(), exprs.is_empty()) {
                (Some(arg), true) => return Ok((unary(func, arg), depth)),
                _ => return unsupported(),
            },
            None => {}
        }
        if exprs.is_empty() {
            let known = functions::UNMATERIALIZABLE
                .iter()
                .find(|func| snake_name(func) == name);
            return match known {
                Some(func) => Ok((MirScalarExpr::CallUnmaterializable(func.clone()), 1)),
                None => unsupported(),
            };
        }
        match (exprs.pop(), exprs.pop(), exprs.is_empty()) {
            (Some(arg), None, _) => match unary_by_name(name) {
                Some(func) => Ok((unary(func, arg), depth)),
                None => unsupported(),
            },
            (Some(b), Some(a), true) => match binary_by_name(name) {
                Some(func) => Ok((scalar::binary(func, a, b), depth)),
                None => unsupported(),
            },
            _ => unsupported(),
        }
    }

    /// `[…]` behind the names of functions that have parameters.
    fn call_parameters(&mut self, name: &str) -> Result<Option<Called>, ParseError> {
        match name {
            "list_create" | "array_create" => {
                self.expect("[")?;
                let typ = self.scalar_type()?;
                self.expect("]")?;
                let Some(elem_type) = sql_type(&typ) else {
                    return self.error("no SQL type holds such elements");
                };
                Ok(Some(Called::Variadic(match name {
                    "list_create" => VariadicFunc::ListCreate { elem_type },
                    _ => VariadicFunc::ArrayCreate { elem_type },
                })))
            }
            "record_create" => {
                let names = self.list("[", "]", Parser::string)?;
                let field_names = names.iter().map(|n| ColumnName::from(n.as_str())).collect();
                Ok(Some(Called::Variadic(VariadicFunc::RecordCreate {
                    field_names,
                })))
            }
            "record_get" => {
                self.expect("[")?;
                let field = self.index()?;
                self.expect("]")?;
                Ok(Some(Called::Unary(UnaryFunc::RecordGet(field))))
            }
            _ => Ok(None),
        }
    }
}

fn unary(func: UnaryFunc, e: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallUnary {
        func,
        expr: Box::new(e),
    }
}

/// Nested calls of an associative function become one.
fn flattened(func: VariadicFunc, left: Deep, right: Deep) -> Deep {
    let mut exprs = Vec::new();
    let depth = left.1.max(right.1);
    for (e, _) in [left, right] {
        match e {
            MirScalarExpr::CallVariadic {
                func: inner,
                exprs: all,
            } if inner == func => exprs.extend(all),
            other => exprs.push(other),
        }
    }
    (MirScalarExpr::CallVariadic { func, exprs }, depth + 1)
}

fn variadic_by_name(name: &str) -> Option<VariadicFunc> {
    Some(match name {
        "and" => VariadicFunc::And,
        "or" => VariadicFunc::Or,
        "coalesce" => VariadicFunc::Coalesce,
        "greatest" => VariadicFunc::Greatest,
        "least" => VariadicFunc::Least,
        "concat" => VariadicFunc::Concat,
        "substr" => VariadicFunc::Substr,
        "replace" => VariadicFunc::Replace,
        "lpad" | "pad_leading" => VariadicFunc::PadLeading,
        "split_part" => VariadicFunc::SplitPart,
        "error_if_null" => VariadicFunc::ErrorIfNull,
        _ => return None,
    })
}

fn unary_by_name(name: &str) -> Option<UnaryFunc> {
    match name {
        "abs" => return Some(UnaryFunc::AbsInt64),
        "is_null" => return Some(UnaryFunc::IsNull),
        "is_true" => return Some(UnaryFunc::IsTrue),
        "is_false" => return Some(UnaryFunc::IsFalse),
        "list_length" => return Some(UnaryFunc::ListLength),
        _ => {}
    }
    let found = functions::UNARY
        .iter()
        .find(|f| snake_name(&f.func) == name);
    found.map(|f| f.func.clone())
}

fn binary_by_name(name: &str) -> Option<BinaryFunc> {
    if name == "ltrim" {
        return Some(BinaryFunc::TrimLeading);
    }
    let found = functions::BINARY
        .iter()
        .find(|f| snake_name(&f.func) == name);
    found.map(|f| f.func.clone())
}
