//! What is asked of a source file by its syntax tree: how long its functions
//! are, and which of its matches have a catch-all arm.
//!
//! Invariant: tests are left out, in modules under `cfg(test)` as in files of
//! their own.

use std::collections::BTreeMap;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, Attribute, Block, Expr, ExprMatch, File, ImplItemFn, Item, ItemFn, ItemImpl};
use syn::{ItemUse, Pat, Signature, Stmt, TraitItemFn, Type, UseTree};

/// A function with a body.
pub struct Function {
    /// `name`, or `Type::name` in an implementation.
    pub name: String,
    /// From `fn` to the closing brace; of a [`table`], its longest arm alone.
    pub lines: usize,
}

/// A `_` arm beside arms that name variants.
pub struct CatchAll {
    /// The function around the match.
    pub function: String,
    pub line: usize,
    /// The enum whose variants the other arms name.
    pub matched: String,
}

/// What a file holds.
#[derive(Default)]
pub struct Findings {
    pub functions: Vec<Function>,
    pub catch_alls: Vec<CatchAll>,
    /// Names given by `use A as B`: from B to A.
    renamed: BTreeMap<String, String>,
    /// The type whose implementation is being visited.
    self_type: Option<String>,
    /// The functions around the place that is being visited.
    inside: Vec<String>,
}

/// Reads a source text.
pub fn findings(text: &str) -> syn::Result<Findings> {
    let file: File = syn::parse_file(text)?;
    let mut renames = Renames::default();
    renames.visit_file(&file);
    let mut findings = Findings {
        renamed: renames.0,
        ..Findings::default()
    };
    findings.visit_file(&file);
    Ok(findings)
}

/// Collects `use A as B`, wherever it stands.
#[derive(Default)]
struct Renames(BTreeMap<String, String>);

impl<'a> Visit<'a> for Renames {
    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let mut trees = vec![&item.tree];
        while let Some(tree) = trees.pop() {
            match tree {
                UseTree::Path(path) => trees.push(&path.tree),
                UseTree::Group(group) => trees.extend(&group.items),
                UseTree::Rename(rename) => {
                    let (from, to) = (rename.rename.to_string(), rename.ident.to_string());
                    self.0.insert(from, to);
                }
                UseTree::Name(_) | UseTree::Glob(_) => {}
            }
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let cfg_test = |list: &syn::MetaList| list.tokens.to_string() == "test";
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(cfg_test)
    })
}

/// The arms that make a match a table: fewer are read one after the other.
const ARMS_OF_A_TABLE: usize = 8;

/// A match that is a step of a function and has an arm for each of many variants, or
/// texts, none for "all others" but an error. A reader looks one of them up.
fn table(statement: &Stmt) -> Option<&ExprMatch> {
    let expr = match statement {
        Stmt::Expr(expr, _) => expr,
        Stmt::Local(local) => &local.init.as_ref()?.expr,
        Stmt::Item(_) | Stmt::Macro(_) => return None,
    };
    let table = match expr {
        Expr::Match(table) => table,
        // `Ok(match …)`
        Expr::Call(call) => match call.args.first() {
            Some(Expr::Match(table)) => table,
            _ => return None,
        },
        _ => return None,
    };
    let is_named = |arm: &Arm| match &arm.pat {
        Pat::Wild(_) => false,
        // Texts have no list, so that one more arm says which are known.
        Pat::Ident(ident) => ident.subpat.is_some() || matches!(*arm.body, Expr::Return(_)),
        _ => true,
    };
    let lists = table.arms.iter().all(is_named);
    (lists && table.arms.len() >= ARMS_OF_A_TABLE).then_some(table)
}

/// The lines of all arms of a table but the longest.
fn passed_over(table: &ExprMatch) -> usize {
    let arms = table.arms.iter().map(|arm| {
        let span = arm.span();
        span.end().line - span.start().line + 1
    });
    arms.clone().sum::<usize>() - arms.max().unwrap_or(0)
}

impl Findings {
    fn function(&mut self, signature: &Signature, body: &Block) {
        let name = match &self.self_type {
            Some(typ) => format!("{typ}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        let from = signature.fn_token.span.start().line;
        let to = body.brace_token.span.close().end().line;
        let passed: usize = body.stmts.iter().filter_map(table).map(passed_over).sum();
        self.functions.push(Function {
            name: name.clone(),
            lines: to - from + 1 - passed,
        });
        self.inside.push(name);
        visit::visit_block(self, body);
        self.inside.pop();
    }

    /// The enum of which a pattern names a variant.
    fn matched(&self, pattern: &Pat) -> Option<String> {
        let path = match pattern {
            Pat::Or(or) => return or.cases.iter().find_map(|case| self.matched(case)),
            Pat::Reference(reference) => return self.matched(&reference.pat),
            Pat::Paren(paren) => return self.matched(&paren.pat),
            Pat::Ident(ident) => {
                let (_, inner) = ident.subpat.as_ref()?;
                return self.matched(inner);
            }
            Pat::Path(path) => &path.path,
            Pat::TupleStruct(pattern) => &pattern.path,
            Pat::Struct(pattern) => &pattern.path,
            _ => return None,
        };
        let name = path.segments.iter().rev().nth(1)?.ident.to_string();
        if name == "Self" {
            return self.self_type.clone();
        }
        Some(self.renamed.get(&name).cloned().unwrap_or(name))
    }
}

impl<'a> Visit<'a> for Findings {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(module) => &module.attrs,
            Item::Fn(function) => &function.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        let name = match &*item.self_ty {
            Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
            _ => None,
        };
        let before = std::mem::replace(&mut self.self_type, name);
        visit::visit_item_impl(self, item);
        self.self_type = before;
    }

    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        let before = self.self_type.take();
        self.function(&item.sig, &item.block);
        self.self_type = before;
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'a TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
    }

    fn visit_expr_match(&mut self, expr: &'a ExprMatch) {
        let matched = expr.arms.iter().find_map(|arm| self.matched(&arm.pat));
        let catch_all = expr
            .arms
            .iter()
            .find(|arm| matches!(arm.pat, Pat::Wild(_)) && arm.guard.is_none());
        if let (Some(matched), Some(arm)) = (matched, catch_all) {
            self.catch_alls.push(CatchAll {
                function: self.inside.last().cloned().unwrap_or_default(),
                line: arm.pat.span().start().line,
                matched,
            });
        }
        visit::visit_expr_match(self, expr);
    }
}

#[test]
fn a_catch_all_is_seen_through_patterns_and_renames() {
    let found = findings(
        "use plan::Relation as R;
         impl Thing {
             fn of(&self) {
                 match self.plan {
                     x @ (R::Get { .. } | R::Let { .. }) => x,
                     _ => {}
                 }
                 match other { Some(R::Get { .. }) => {} _ => {} }
             }
         }
         #[cfg(test)]
         mod tests { fn long() { match x { R::Get => {} _ => {} } } }",
    );
    let found = found.unwrap();
    let seen = found.catch_alls.iter();
    let seen: Vec<_> = seen
        .map(|c| (c.function.as_str(), c.matched.as_str(), c.line))
        .collect();
    assert_eq!(seen, [("Thing::of", "Relation", 6)]);
    let lines: Vec<_> = found.functions.iter().map(|f| f.lines).collect();
    assert_eq!(lines, [7]);
}

#[test]
fn a_table_is_as_long_as_its_longest_arm() {
    // A function of one match whose last arm has three lines.
    let lines = |(open, close): (&str, &str), last: &str| {
        let arms: String = (1..ARMS_OF_A_TABLE)
            .map(|n| format!("V::A{n} => {n},\n"))
            .collect();
        let text = format!("fn f(x: V) -> u8 {{\n{open}match x {{\n{arms}{last}\n}}{close}\n}}");
        findings(&text).unwrap().functions[0].lines
    };
    let (plain, all) = (("", ""), 7 + ARMS_OF_A_TABLE - 1);
    assert_eq!(lines(plain, "V::B | V::C => {\n0\n}"), 7);
    assert_eq!(lines(("let y = ", ";"), "V::B => {\n0\n}"), 7);
    assert_eq!(lines(("Ok(", ")"), "V::B => {\n0\n}"), 7);
    // What takes all others is no table, unless it gives an error.
    assert_eq!(lines(plain, "_ => {\n0\n}"), all);
    assert_eq!(lines(plain, "other => {\n0\n}"), all);
    assert_eq!(lines(plain, "other => return Err(\n0\n),"), 7);
}
