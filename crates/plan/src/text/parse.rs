//! Parsing relations: one operator a line, inputs on later lines, indented by
//! two. Source: `spec/script.md` §3.1, §3.2.
//!
//! Invariants: a plan that is returned passed the type checker; no text makes
//! the parser panic, loop or exhaust the stack.

use thiserror::Error;

use super::cursor::Parser;
use super::lex::{ParseError, Spanned, Token};
use super::names::{TABLE_FUNCTIONS, plain_wrap, sql_column, sql_type};
use super::values::Written;
use crate::check::type_of;
use crate::relation::{JoinImplementation, Lookup, Relation};
use crate::resolve::resolve_types;
use crate::scalar;
use crate::types::{Globals, RelationType, TypeError};
use protocol::v26_30::{AggregateExpr, Id, MirScalarExpr, TableFunc};
use repr::{LocalId, ReprScalarType, Row, SqlScalarType, Timestamp};

/// How deep operators may be nested.
const MAX_DEPTH: usize = 64;

/// Text that is no plan, or a plan that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error(transparent)]
    Type(#[from] TypeError),
    /// In a text; line and column as in [`ParseError`].
    #[error("type error at {line}:{column}: {error}")]
    Typed {
        line: usize,
        column: usize,
        error: TypeError,
    },
}

/// Reads a plan without knowing what it reads: its `Get`s have no types until
/// [`resolve_types`] gives them those of a place where the plan stands. Any id of
/// a collection is one that can be read.
pub fn read(text: &str) -> Result<Relation, ParseError> {
    let mut parser = Parser::new(text, None)?;
    parser.whole()
}

/// Reads a plan over the given collections and infers its type.
pub fn parse(text: &str, globals: &Globals) -> Result<(Relation, RelationType), PlanError> {
    let known = globals.keys().map(|id| (id.to_string(), *id)).collect();
    let mut parser = Parser::new(text, Some(known))?;
    let mut relation = parser.whole()?;
    let typed = resolve_types(&mut relation, globals).and_then(|()| type_of(&relation, globals));
    match typed {
        Ok(typ) => Ok((relation, typ)),
        Err(error) => Err(match (&error, &parser.places) {
            (TypeError::At { node, .. }, places) if *node < places.len() => {
                let (line, column) = places[*node];
                PlanError::Typed {
                    line,
                    column,
                    error,
                }
            }
            _ => error.into(),
        }),
    }
}

impl Parser {
    /// The whole text as one plan.
    fn whole(&mut self) -> Result<Relation, ParseError> {
        let relation = self.relation(0)?;
        match self.peek().token {
            Token::End => Ok(relation),
            _ => Err(self.fail("unexpected token")),
        }
    }

    fn exprs(&mut self) -> Result<Vec<MirScalarExpr>, ParseError> {
        self.list("[", "]", Self::expression)
    }

    pub(super) fn child(&mut self, parent: &Spanned, depth: usize) -> Result<Relation, ParseError> {
        let here = self.peek();
        if here.token != Token::End && here.line <= parent.line {
            return self.error(format!("child expected at line > {}", parent.line));
        }
        if !self.child_ahead(parent) {
            return self.error(format!("child expected at column {}", parent.column + 2));
        }
        self.relation(depth + 1)
    }

    fn one(&mut self, parent: &Spanned, depth: usize) -> Result<Box<Relation>, ParseError> {
        self.child(parent, depth).map(Box::new)
    }

    fn many(&mut self, parent: &Spanned, depth: usize) -> Result<Vec<Relation>, ParseError> {
        let mut children = vec![self.child(parent, depth)?];
        while self.child_ahead(parent) {
            children.push(self.relation(depth + 1)?);
        }
        Ok(children)
    }

    fn relation(&mut self, depth: usize) -> Result<Relation, ParseError> {
        if depth > MAX_DEPTH {
            return self.error(format!("operators are nested deeper than {MAX_DEPTH}"));
        }
        let start = self.peek().clone();
        let name = match &start.token {
            Token::Ident(name) => name.clone(),
            _ => return self.error(format!("{}, expected an operator", self.unexpected())),
        };
        self.next();
        self.places.push((start.line, start.column));
        match name.as_str() {
            "Constant" => self.constant(&start),
            "Get" => self.get(),
            "Project" => {
                let outputs = self.list("(", ")", Self::column)?;
                let input = self.one(&start, depth)?;
                Ok(Relation::Project { input, outputs })
            }
            "Map" => {
                let scalars = self.list("(", ")", Self::expression)?;
                let input = self.one(&start, depth)?;
                Ok(Relation::Map { input, scalars })
            }
            "FlatMap" => self.flat_map(&start, depth),
            "Filter" => self.filter(&start, depth),
            "CrossJoin" => self.join(&start, Vec::new(), depth),
            "Join" => {
                self.attribute("on")?;
                let equivalences = self.equivalences()?;
                self.join(&start, equivalences, depth)
            }
            "Distinct" => {
                let group_key = self.keys_named("project")?;
                self.reduce(&start, group_key, Vec::new(), depth)
            }
            "Reduce" => {
                let group_key = self.keys_named("group_by")?;
                self.attribute("aggregates")?;
                let aggregates = self.list("[", "]", Self::aggregate)?;
                self.reduce(&start, group_key, aggregates, depth)
            }
            "TopK" => self.top_k(&start, depth),
            "Negate" => Ok(Relation::Negate {
                input: self.one(&start, depth)?,
            }),
            "Threshold" => Ok(Relation::Threshold {
                input: self.one(&start, depth)?,
            }),
            "Union" => {
                let inputs = self.many(&start, depth)?;
                Ok(Relation::Union { inputs })
            }
            "ArrangeBy" => {
                self.attribute("keys")?;
                let keys = self.list("[", "]", Self::exprs)?;
                let input = self.one(&start, depth)?;
                Ok(Relation::ArrangeBy { input, keys })
            }
            "With" => {
                let recursive = self.mutually_recursive()?;
                self.with_first(&start, recursive, depth)
            }
            "Return" => self.return_first(&start, depth),
            _ => {
                self.at -= 1;
                self.error(format!("`{name}` is no operator"))
            }
        }
    }

    fn flat_map(&mut self, start: &Spanned, depth: usize) -> Result<Relation, ParseError> {
        let func = self.table_function(0)?;
        let exprs = self.list("(", ")", Self::expression)?;
        let input = self.one(start, depth)?;
        Ok(Relation::FlatMap { input, func, exprs })
    }

    fn filter(&mut self, start: &Spanned, depth: usize) -> Result<Relation, ParseError> {
        let predicates = if self.take_attribute("predicates") {
            self.exprs()?
        } else {
            scalar::conjuncts(self.expression()?)
        };
        let input = self.one(start, depth)?;
        Ok(Relation::Filter { input, predicates })
    }

    /// `name=[…]`; none if the attribute is not there.
    fn keys_named(&mut self, name: &str) -> Result<Vec<MirScalarExpr>, ParseError> {
        if self.take_attribute(name) {
            self.exprs()
        } else {
            Ok(Vec::new())
        }
    }

    fn constant(&mut self, start: &Spanned) -> Result<Relation, ParseError> {
        let empty = self.take("<");
        if empty {
            self.expect_word("empty")?;
            self.expect(">")?;
        }
        let error = matches!(&self.peek().token, Token::Ident(word) if word == "error");
        let error = if error && !empty {
            Some(self.error_text()?)
        } else {
            None
        };
        let Some(typ) = self.relation_type()? else {
            return self.error("Missing expected `types` analyses for Constant line");
        };
        if let Some(error) = error {
            return Ok(Relation::Constant {
                rows: Err(error),
                typ,
            });
        }
        let mut rows = Vec::new();
        if !empty {
            if !self.child_ahead(start) {
                return self.error(format!("child expected at column {}", start.column + 2));
            }
            while self.child_ahead(start) {
                rows.push(self.constant_row(&typ)?);
            }
        }
        Ok(Relation::Constant {
            rows: Ok(rows),
            typ,
        })
    }

    /// `- (1, "a")`, `- ((1, "a") x -2)`, `- ((1, "a") x 1 @ 5)`
    fn constant_row(&mut self, typ: &RelationType) -> Result<(Row, Timestamp, i64), ParseError> {
        self.expect("-")?;
        let counted = self.peek_at(0).token == Token::Punct("(")
            && self.peek_at(1).token == Token::Punct("(");
        self.at += usize::from(counted);
        let mut column = 0;
        let values = self.list("(", ")", |p| {
            let declared = typ.column_types.get(column).map(|c| c.scalar_type.clone());
            column += 1;
            p.constant_value(declared)
        })?;
        let row = Row::pack(values.iter().flat_map(|value| value.iter()));
        if !counted {
            return Ok((row, 0, 1));
        }
        self.expect_word("x")?;
        let negative = self.take("-");
        let magnitude: u64 = self.number()?;
        let signed = i128::from(magnitude) * if negative { -1 } else { 1 };
        let Ok(diff) = i64::try_from(signed) else {
            return self.error("the multiplicity is out of range");
        };
        let time = if self.take("@") { self.number()? } else { 0 };
        self.expect(")")?;
        Ok((row, time, diff))
    }

    /// A value of a constant: in the type that it names, else in the declared
    /// one if it can be, else in its own (which the type checker refuses).
    fn constant_value(&mut self, declared: Option<ReprScalarType>) -> Result<Row, ParseError> {
        let written = self.written()?;
        let converted = if self.take("::") {
            let typ = self.scalar_type()?;
            written.as_type(&typ)
        } else {
            let own = written.own_type();
            let natural = match (&written, declared, own) {
                (Written::Int(_), Some(typ @ ReprScalarType::Int16), _)
                | (Written::Int(_), Some(typ @ ReprScalarType::Int32), _)
                | (Written::Int(_), Some(typ @ ReprScalarType::Float64), _)
                | (_, Some(typ), None) => typ,
                (_, _, Some(own)) => own,
                (_, None, None) => ReprScalarType::Int64,
            };
            written.as_type(&natural)
        };
        converted.or_else(|message| self.error(message))
    }

    fn get(&mut self) -> Result<Relation, ParseError> {
        let place = self.peek().clone();
        let name = self.ident()?;
        if let Some(id) = self.global(&name) {
            return Ok(Relation::Get {
                id: Id::Global(id),
                typ: RelationType::default(),
            });
        }
        let digits = name.strip_prefix('l').and_then(|n| n.parse().ok());
        match digits {
            // The types of what is read are filled in once they are known.
            Some(n) => Ok(Relation::Get {
                id: Id::Local(LocalId(n)),
                typ: RelationType::default(),
            }),
            None => Err(ParseError {
                line: place.line,
                column: place.column,
                message: format!(
                    "invalid LocalId: `{name}` is neither imported, nor built before, nor a cte"
                ),
            }),
        }
    }

    fn table_function(&mut self, depth: usize) -> Result<TableFunc, ParseError> {
        if depth > 3 {
            return self.error("the function is nested too deeply");
        }
        let name = self.ident()?.to_ascii_lowercase();
        if let Some((_, func)) = TABLE_FUNCTIONS.iter().find(|(known, _)| *known == name) {
            return Ok(func.clone());
        }
        let has_parameters = self.peek().token == Token::Punct("[");
        match name.as_str() {
            "unnest_list" | "unnest_array" => {
                let mut el_typ = SqlScalarType::Int64;
                if has_parameters {
                    self.next();
                    let typ = self.scalar_type()?;
                    self.expect("]")?;
                    let Some(typ) = sql_type(&typ) else {
                        return self.error("no SQL type holds such elements");
                    };
                    el_typ = typ;
                }
                Ok(match name.as_str() {
                    "unnest_list" => TableFunc::UnnestList { el_typ },
                    _ => TableFunc::UnnestArray { el_typ },
                })
            }
            "wrap1" => Ok(plain_wrap(1)),
            "wrap2" => Ok(plain_wrap(2)),
            "wrap3" => Ok(plain_wrap(3)),
            "wrap" => {
                let columns = self.list("[", "]", Self::column_type)?;
                let types: Option<Vec<_>> = columns.iter().map(sql_column).collect();
                match types {
                    Some(types) => Ok(TableFunc::Wrap {
                        width: types.len(),
                        types,
                    }),
                    None => self.error("no SQL type holds such a column"),
                }
            }
            "with_ordinality" => {
                self.expect("[")?;
                let inner = Box::new(self.table_function(depth + 1)?);
                self.expect("]")?;
                Ok(TableFunc::WithOrdinality { inner })
            }
            _ => {
                self.at -= 1;
                self.error(format!("unsupported function name `{name}`"))
            }
        }
    }

    /// `(#0 = #2 AND #1 = #3)`: classes of operands, the `AND` optional.
    fn equivalences(&mut self) -> Result<Vec<Vec<MirScalarExpr>>, ParseError> {
        self.expect("(")?;
        let mut classes = Vec::new();
        while !self.take(")") {
            let mut class = vec![self.operand()?];
            while self.take("=") {
                class.push(self.operand()?);
            }
            classes.push(class);
            self.take_word("AND");
            self.take(",");
        }
        Ok(classes)
    }

    fn join(
        &mut self,
        start: &Spanned,
        equivalences: Vec<Vec<MirScalarExpr>>,
        depth: usize,
    ) -> Result<Relation, ParseError> {
        let implementation = if self.take_attribute("impl") {
            self.implementation()?
        } else {
            JoinImplementation::Unimplemented
        };
        let inputs = self.many(start, depth)?;
        Ok(Relation::Join {
            inputs,
            equivalences,
            implementation,
        })
    }

    /// `linear(0 [#1], 1 [#0])`, `delta((1 [#0]), (0 [#1]))`, `lookup([#0])`
    fn implementation(&mut self) -> Result<JoinImplementation, ParseError> {
        match self.ident()?.as_str() {
            "linear" => {
                let mut first = None;
                let mut start_key = None;
                let order = self.list("(", ")", |p| {
                    let input = p.index()?;
                    let keyed = p.peek().token == Token::Punct("[");
                    let key = if keyed { Some(p.exprs()?) } else { None };
                    Ok((input, key))
                })?;
                let mut rest = Vec::new();
                for (input, key) in order {
                    match (first, key) {
                        (None, key) => {
                            first = Some(input);
                            start_key = key;
                        }
                        (Some(_), Some(key)) => rest.push((input, key)),
                        (Some(_), None) => return self.error("a looked-up input needs a key"),
                    }
                }
                match first {
                    Some(start) => Ok(JoinImplementation::Differential {
                        start,
                        start_key,
                        order: rest,
                    }),
                    None => self.error("a linear join needs a start"),
                }
            }
            "delta" => {
                let lookup =
                    |p: &mut Self| -> Result<Lookup, ParseError> { Ok((p.index()?, p.exprs()?)) };
                let orders = self.list("(", ")", |p| p.list("(", ")", lookup))?;
                Ok(JoinImplementation::DeltaQuery(orders))
            }
            "lookup" => {
                self.expect("(")?;
                let key = self.exprs()?;
                self.expect(")")?;
                Ok(JoinImplementation::IndexedFilter { key })
            }
            _ => self.error("expected one of: `linear`, `delta`, `lookup`"),
        }
    }

    fn flags(&mut self) -> Result<(bool, Option<u64>), ParseError> {
        let monotonic = self.take_word("monotonic");
        let size = if self.take_attribute("exp_group_size") {
            Some(self.number()?)
        } else {
            None
        };
        Ok((monotonic, size))
    }

    fn reduce(
        &mut self,
        start: &Spanned,
        group_key: Vec<MirScalarExpr>,
        aggregates: Vec<AggregateExpr>,
        depth: usize,
    ) -> Result<Relation, ParseError> {
        let (monotonic, expected_group_size) = self.flags()?;
        let input = self.one(start, depth)?;
        Ok(Relation::Reduce {
            input,
            group_key,
            aggregates,
            monotonic,
            expected_group_size,
        })
    }

    fn top_k(&mut self, start: &Spanned, depth: usize) -> Result<Relation, ParseError> {
        let mut group_key = Vec::new();
        let mut order_key = Vec::new();
        let mut limit = None;
        let mut offset = 0;
        if self.take_attribute("group_by") {
            group_key = self.list("[", "]", Self::column)?;
        }
        if self.take_attribute("order_by") {
            order_key = self.list("[", "]", Self::order)?;
        }
        if self.take_attribute("limit") {
            limit = Some(self.expression()?);
        }
        if self.take_attribute("offset") {
            offset = self.index()?;
        }
        let (monotonic, expected_group_size) = self.flags()?;
        let input = self.one(start, depth)?;
        Ok(Relation::TopK {
            input,
            group_key,
            order_key,
            limit,
            offset,
            monotonic,
            expected_group_size,
        })
    }
}
