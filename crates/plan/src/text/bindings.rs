//! Parsing bindings: `With` and `With Mutually Recursive`, before or after
//! `Return`. Source: `spec/script.md` §3.2.
//!
//! Invariant: bindings nest in the order of their ids, the lowest outermost;
//! the recorded places stand in the order of the plan, not of the text.

use std::num::NonZeroU64;

use super::cursor::{Parser, Place};
use super::lex::{ParseError, Spanned};
use crate::relation::{RecBinding, Relation};
use protocol::v26_30::LetRecLimit;
use repr::LocalId;

/// How many bindings a plan may have: each is nested in the one before.
const MAX_BINDINGS: usize = 64;

/// A binding, where it stands, and where the operators of its value do.
pub(super) struct Bound {
    binding: RecBinding,
    place: Place,
    inner: Vec<Place>,
}

impl Parser {
    pub(super) fn mutually_recursive(&mut self) -> Result<bool, ParseError> {
        let recursive = self.take_word("Mutually");
        if recursive {
            self.expect_word("Recursive")?;
        }
        Ok(recursive)
    }

    /// `With`, its bindings, then `Return` in the same column.
    pub(super) fn with_first(
        &mut self,
        start: &Spanned,
        recursive: bool,
        depth: usize,
    ) -> Result<Relation, ParseError> {
        let mark = self.places.len() - 1;
        let bindings = self.bindings(start, recursive, depth)?;
        let here = self.peek().clone();
        if here.column != start.column || !self.take_word("Return") {
            return self.error("expected `Return`");
        }
        let body = self.child(&here, depth)?;
        self.check_order(&bindings, "seen With before Return", "ascending", |a, b| {
            a <= b
        })?;
        let inner = self.places.split_off(mark + 1);
        Ok(self.bind(mark, bindings, recursive, body, inner))
    }

    /// `Return`, the body, then `With` in the same column, last binding first.
    pub(super) fn return_first(
        &mut self,
        start: &Spanned,
        depth: usize,
    ) -> Result<Relation, ParseError> {
        let mark = self.places.len() - 1;
        let body = self.child(start, depth)?;
        let inner = self.places.split_off(mark + 1);
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
        Ok(self.bind(mark, bindings, recursive, body, inner))
    }

    /// The bindings around the body. What stands from `mark` on is replaced by
    /// the places in the order of the plan; `inner` are the body's.
    fn bind(
        &mut self,
        mark: usize,
        bindings: Vec<Bound>,
        recursive: bool,
        body: Relation,
        inner: Vec<Place>,
    ) -> Relation {
        self.places.truncate(mark + usize::from(recursive));
        let mut all = Vec::new();
        for bound in bindings {
            if !recursive {
                self.places.push(bound.place);
            }
            self.places.extend(bound.inner);
            all.push(bound.binding);
        }
        self.places.extend(inner);
        bind(all, recursive, body)
    }

    fn check_order(
        &self,
        bindings: &[Bound],
        seen: &str,
        expected: &str,
        fine: impl Fn(u64, u64) -> bool,
    ) -> Result<(), ParseError> {
        let ids: Vec<u64> = bindings.iter().map(|b| b.binding.id.0).collect();
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
    ) -> Result<Vec<Bound>, ParseError> {
        let mut bindings = Vec::new();
        while self.child_ahead(start) {
            let here = self.peek().clone();
            self.bound += 1;
            if self.bound > MAX_BINDINGS {
                return self.error(format!("the plan has more than {MAX_BINDINGS} bindings"));
            }
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
            let mark = self.places.len();
            let value = self.child(&here, depth)?;
            bindings.push(Bound {
                binding: RecBinding {
                    id: LocalId(n),
                    typ: typ.unwrap_or_default(),
                    value,
                    limit,
                },
                place: (here.line, here.column),
                inner: self.places.split_off(mark),
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
