//! Parsing relations: one operator a line, inputs on later lines, indented by
//! two. Source: `spec/script.md` §3.1, §3.2.
//!
//! Invariants: a plan that is returned passed the type checker; no text makes
//! the parser panic, loop or exhaust the stack.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use thiserror::Error;

use super::lex::{ParseError, Spanned, Token, tokens};
use super::names::{TABLE_FUNCTIONS, plain_wrap, second_word, simple_type, sql_column, sql_type};
use super::values::Written;
use crate::plan::check::{Globals, type_of};
use crate::plan::functions::{self, snake_name};
use crate::plan::relation::{JoinImplementation, Lookup, RecBinding, Relation};
use crate::plan::resolve::resolve_types;
use crate::plan::scalar;
use crate::plan::types::{RelationType, TypeError};
use crate::protocol::v26_30::{
    AggregateExpr, AggregateFunc, ColumnOrder, Id, LetRecLimit, MirScalarExpr, TableFunc,
};
use crate::repr::{
    GlobalId, LocalId, ReprColumnType, ReprScalarType, Row, SqlScalarType, Timestamp,
};

/// How deep operators may be nested.
const MAX_DEPTH: usize = 100;

/// Text that is no plan, or a plan that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error(transparent)]
    Type(#[from] TypeError),
}

/// Reads a plan over the given collections and infers its type.
pub fn parse(text: &str, globals: &Globals) -> Result<(Relation, RelationType), PlanError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        globals: globals
            .iter()
            .map(|(id, typ)| (id.to_string(), (*id, typ)))
            .collect(),
    };
    let mut relation = parser.relation(0)?;
    if parser.peek().token != Token::End {
        return Err(parser.fail("unexpected token").into());
    }
    resolve_types(&mut relation, globals)?;
    let typ = type_of(&relation, globals)?;
    Ok((relation, typ))
}

pub(super) struct Parser<'a> {
    tokens: Vec<Spanned>,
    at: usize,
    globals: BTreeMap<String, (GlobalId, &'a RelationType)>,
}

/// What stands behind `::` in braces.
#[derive(Default)]
struct Annotations {
    types: Option<Vec<ReprColumnType>>,
    keys: Vec<Vec<usize>>,
}

impl Parser<'_> {
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

    fn fail(&self, message: impl Into<String>) -> ParseError {
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

    fn unexpected(&self) -> String {
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

    fn ident(&mut self) -> Result<String, ParseError> {
        match self.peek().token.clone() {
            Token::Ident(word) => {
                self.next();
                Ok(word)
            }
            _ => self.error(format!("{}, expected an identifier", self.unexpected())),
        }
    }

    /// A number without sign.
    fn number<T: TryFrom<u128>>(&mut self) -> Result<T, ParseError> {
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

    fn column(&mut self) -> Result<usize, ParseError> {
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

    fn exprs(&mut self) -> Result<Vec<MirScalarExpr>, ParseError> {
        self.list("[", "]", Self::expression)
    }

    /// `name=` if it is next.
    fn take_attribute(&mut self, name: &str) -> bool {
        let word = matches!(&self.peek().token, Token::Ident(w) if w == name);
        let found = word && self.peek_at(1).token == Token::Punct("=");
        self.at += if found { 2 } else { 0 };
        found
    }

    // Types.

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

    fn column_type(&mut self) -> Result<ReprColumnType, ParseError> {
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
            let mut nested = Parser {
                tokens: tokens(&text).map_err(inner)?,
                at: 0,
                globals: BTreeMap::new(),
            };
            match name.as_str() {
                "types" => {
                    let types = nested.list("(", ")", Parser::column_type);
                    found.types = Some(types.map_err(inner)?);
                }
                "keys" => {
                    let key = |p: &mut Parser<'_>| p.list("[", "]", Parser::index);
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

    fn relation_type(&mut self) -> Result<Option<RelationType>, ParseError> {
        let Annotations { types, keys } = self.annotations()?;
        Ok(types.map(|column_types| RelationType { column_types, keys }))
    }

    // Layout.

    /// Whether the next token begins a child of what begins at `parent`.
    fn child_ahead(&self, parent: &Spanned) -> bool {
        let here = self.peek();
        here.token != Token::End && here.line > parent.line && here.column == parent.column + 2
    }

    fn child(&mut self, parent: &Spanned, depth: usize) -> Result<Relation, ParseError> {
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

    // Operators.

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
            "FlatMap" => {
                let func = self.table_function(0)?;
                let exprs = self.list("(", ")", Self::expression)?;
                let input = self.one(&start, depth)?;
                Ok(Relation::FlatMap { input, func, exprs })
            }
            "Filter" => {
                let predicates = if self.take_attribute("predicates") {
                    self.exprs()?
                } else {
                    scalar::conjuncts(self.expression()?)
                };
                let input = self.one(&start, depth)?;
                Ok(Relation::Filter { input, predicates })
            }
            "CrossJoin" => self.join(&start, Vec::new(), depth),
            "Join" => {
                if !self.take_attribute("on") {
                    return self.error("expected `on=`");
                }
                let equivalences = self.equivalences()?;
                self.join(&start, equivalences, depth)
            }
            "Distinct" => {
                let group_key = if self.take_attribute("project") {
                    self.exprs()?
                } else {
                    Vec::new()
                };
                self.reduce(&start, group_key, Vec::new(), depth)
            }
            "Reduce" => {
                let group_key = if self.take_attribute("group_by") {
                    self.exprs()?
                } else {
                    Vec::new()
                };
                if !self.take_attribute("aggregates") {
                    return self.error("expected `aggregates=`");
                }
                let aggregates = self.list("[", "]", Self::aggregate)?;
                self.reduce(&start, group_key, aggregates, depth)
            }
            "TopK" => self.top_k(&start, depth),
            "Negate" => {
                let input = self.one(&start, depth)?;
                Ok(Relation::Negate { input })
            }
            "Threshold" => {
                let input = self.one(&start, depth)?;
                Ok(Relation::Threshold { input })
            }
            "Union" => {
                let inputs = self.many(&start, depth)?;
                Ok(Relation::Union { inputs })
            }
            "ArrangeBy" => {
                if !self.take_attribute("keys") {
                    return self.error("expected `keys=`");
                }
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
        if let Some((id, typ)) = self.globals.get(&name) {
            return Ok(Relation::Get {
                id: Id::Global(*id),
                typ: (*typ).clone(),
            });
        }
        let digits = name.strip_prefix('l').and_then(|n| n.parse().ok());
        match digits {
            // The type is filled in once the binding's is known.
            Some(n) => Ok(Relation::Get {
                id: Id::Local(LocalId(n)),
                typ: RelationType::default(),
            }),
            None => Err(ParseError {
                line: place.line,
                column: place.column,
                message: "invalid LocalId".into(),
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
                        return self.error("the element type cannot be a record");
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
                    None => self.error("a column cannot be a record"),
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

    /// `sum(distinct #0)`, `count(*)`, `string_agg[#0 asc nulls_last](…)`
    fn aggregate(&mut self) -> Result<AggregateExpr, ParseError> {
        let place = self.at;
        let name = self.ident()?.to_ascii_lowercase();
        let order_by = if self.peek().token == Token::Punct("[") {
            self.list("[", "]", Self::order)?
        } else {
            Vec::new()
        };
        let func = match name.as_str() {
            "count" => AggregateFunc::Count,
            "sum" => AggregateFunc::SumInt64,
            "max" => AggregateFunc::MaxInt64,
            "min" => AggregateFunc::MinInt64,
            "string_agg" => AggregateFunc::StringAgg { order_by },
            "array_concat" => AggregateFunc::ArrayConcat { order_by },
            "list_concat" => AggregateFunc::ListConcat { order_by },
            _ => {
                let table = &functions::AGGREGATES;
                match table.iter().find(|entry| snake_name(&entry.func) == name) {
                    Some(entry) => entry.func.clone(),
                    None => {
                        self.at = place;
                        return self.error(format!("unsupported function name `{name}`"));
                    }
                }
            }
        };
        self.expect("(")?;
        let distinct = self.take_word("distinct");
        let expr = if self.peek().token == Token::Punct("*") {
            self.next();
            scalar::boolean(true)
        } else {
            self.expression()?
        };
        self.expect(")")?;
        Ok(AggregateExpr {
            func,
            expr,
            distinct,
        })
    }

    /// `#1 asc nulls_first`; descending and NULLs last unless said.
    fn order(&mut self) -> Result<ColumnOrder, ParseError> {
        let column = self.column()?;
        let desc = !self.take_word("asc");
        if desc {
            self.take_word("desc");
        }
        let nulls_last = !self.take_word("nulls_first");
        if nulls_last {
            self.take_word("nulls_last");
        }
        Ok(ColumnOrder {
            column,
            desc,
            nulls_last,
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

    // Bindings.

    fn mutually_recursive(&mut self) -> Result<bool, ParseError> {
        let recursive = self.take_word("Mutually");
        if recursive {
            self.expect_word("Recursive")?;
        }
        Ok(recursive)
    }

    /// `With`, its bindings, then `Return` in the same column.
    fn with_first(
        &mut self,
        start: &Spanned,
        recursive: bool,
        depth: usize,
    ) -> Result<Relation, ParseError> {
        let bindings = self.bindings(start, recursive, depth)?;
        let here = self.peek().clone();
        if here.column != start.column || !self.take_word("Return") {
            return self.error("expected `Return`");
        }
        let body = self.child(&here, depth)?;
        self.check_order(&bindings, "seen With before Return", "ascending", |a, b| {
            a <= b
        })?;
        Ok(bind(bindings, recursive, body))
    }

    /// `Return`, the body, then `With` in the same column, last binding first.
    fn return_first(&mut self, start: &Spanned, depth: usize) -> Result<Relation, ParseError> {
        let body = self.child(start, depth)?;
        let here = self.peek().clone();
        if here.column != start.column || !self.take_word("With") {
            return self.error("expected `With`");
        }
        let recursive = self.mutually_recursive()?;
        let mut bindings = self.bindings(&here, recursive, depth)?;
        self.check_order(
            &bindings,
            "seen Return before With",
            "descending",
            |a, b| a >= b,
        )?;
        bindings.reverse();
        Ok(bind(bindings, recursive, body))
    }

    fn check_order(
        &self,
        bindings: &[RecBinding],
        seen: &str,
        expected: &str,
        fine: impl Fn(u64, u64) -> bool,
    ) -> Result<(), ParseError> {
        let ids: Vec<u64> = bindings.iter().map(|b| b.id.0).collect();
        if ids.windows(2).all(|pair| fine(pair[0], pair[1])) {
            return Ok(());
        }
        self.error(format!(
            "Error parsing Let/LetRec: {seen}, but cte ids are not ordered {expected}: {ids:?}"
        ))
    }

    /// The `cte l0 =` entries, one level deeper than `start`.
    fn bindings(
        &mut self,
        start: &Spanned,
        recursive: bool,
        depth: usize,
    ) -> Result<Vec<RecBinding>, ParseError> {
        let mut bindings = Vec::new();
        while self.child_ahead(start) {
            let here = self.peek().clone();
            self.expect_word("cte")?;
            let limit = self.recursion_limit()?;
            let place = self.peek().clone();
            let name = self.ident()?;
            let Some(n) = name.strip_prefix('l').and_then(|n| n.parse().ok()) else {
                return Err(ParseError {
                    line: place.line,
                    column: place.column,
                    message: "invalid LocalId".into(),
                });
            };
            self.expect("=")?;
            let typ = self.relation_type()?;
            if recursive && typ.is_none() {
                return self.error(format!("`let {name}` needs a `types` analyses"));
            }
            let value = self.child(&here, depth)?;
            bindings.push(RecBinding {
                id: LocalId(n),
                typ: typ.unwrap_or_default(),
                value,
                limit,
            });
        }
        Ok(bindings)
    }

    /// `[recursion_limit=3, return_at_recursion_limit]`
    fn recursion_limit(&mut self) -> Result<Option<LetRecLimit>, ParseError> {
        if !self.take("[") {
            return Ok(None);
        }
        if !self.take_attribute("recursion_limit") {
            return self.error("expected `recursion_limit=`");
        }
        let n: u64 = self.number()?;
        let Some(max_iters) = NonZeroU64::new(n) else {
            return self.error("the recursion limit must be at least 1");
        };
        let return_at_limit = self.take(",");
        if return_at_limit {
            self.expect_word("return_at_recursion_limit")?;
        }
        self.expect("]")?;
        Ok(Some(LetRecLimit {
            max_iters,
            return_at_limit,
        }))
    }
}

fn bind(bindings: Vec<RecBinding>, recursive: bool, body: Relation) -> Relation {
    if recursive {
        let body = Box::new(body);
        return Relation::LetRec { bindings, body };
    }
    bindings
        .into_iter()
        .rev()
        .fold(body, |body, binding| Relation::Let {
            id: binding.id,
            value: Box::new(binding.value),
            body: Box::new(body),
        })
}
