//! Structural questions about scalar expressions: which columns they use, how
//! large they are, whether they contain `mz_now()`. The expression tree itself
//! is the wire's own (`MirScalarExpr`), which the logical plan shares.
//!
//! Invariant: nothing here evaluates an expression; the model and the replica
//! each do that on their own.

use std::collections::BTreeSet;

use protocol::v26_30::{BinaryFunc, EvalError, MirScalarExpr, UnmaterializableFunc, VariadicFunc};
use repr::{Datum, ReprColumnType, ReprScalarType, Row, Timestamp};

/// Column `c`, without a name.
pub fn column(c: usize) -> MirScalarExpr {
    MirScalarExpr::column(c)
}

/// A literal of the given type; nullable exactly if the datum is NULL.
pub fn literal(datum: Datum<'_>, scalar_type: ReprScalarType) -> MirScalarExpr {
    let nullable = matches!(datum, Datum::Null);
    MirScalarExpr::Literal(
        Ok(Row::pack([datum])),
        ReprColumnType {
            scalar_type,
            nullable,
        },
    )
}

/// A literal that raises `error` wherever it is evaluated.
pub fn literal_error(error: EvalError, scalar_type: ReprScalarType) -> MirScalarExpr {
    MirScalarExpr::Literal(
        Err(error),
        ReprColumnType {
            scalar_type,
            nullable: false,
        },
    )
}

/// The Int64 literal `n`.
pub fn int64(n: i64) -> MirScalarExpr {
    literal(Datum::Int64(n), ReprScalarType::Int64)
}

/// The Bool literal `b`.
pub fn boolean(b: bool) -> MirScalarExpr {
    literal(Datum::from(b), ReprScalarType::Bool)
}

/// A binary call.
pub fn binary(func: BinaryFunc, a: MirScalarExpr, b: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallBinary {
        func,
        expr1: Box::new(a),
        expr2: Box::new(b),
    }
}

/// The operands, left to right.
pub fn children(e: &MirScalarExpr) -> Vec<&MirScalarExpr> {
    match e {
        MirScalarExpr::Column(..)
        | MirScalarExpr::Literal(..)
        | MirScalarExpr::CallUnmaterializable(_) => Vec::new(),
        MirScalarExpr::CallUnary { expr, .. } => vec![expr],
        MirScalarExpr::CallBinary { expr1, expr2, .. } => vec![expr1, expr2],
        MirScalarExpr::CallVariadic { exprs, .. } => exprs.iter().collect(),
        MirScalarExpr::If { cond, then, els } => vec![cond, then, els],
    }
}

/// The operands, left to right, to be changed in place.
pub fn children_mut(e: &mut MirScalarExpr) -> Vec<&mut MirScalarExpr> {
    match e {
        MirScalarExpr::Column(..)
        | MirScalarExpr::Literal(..)
        | MirScalarExpr::CallUnmaterializable(_) => Vec::new(),
        MirScalarExpr::CallUnary { expr, .. } => vec![expr],
        MirScalarExpr::CallBinary { expr1, expr2, .. } => vec![expr1, expr2],
        MirScalarExpr::CallVariadic { exprs, .. } => exprs.iter_mut().collect(),
        MirScalarExpr::If { cond, then, els } => vec![cond, then, els],
    }
}

/// Calls `f` on every node, parents before children.
pub fn visit<'a>(e: &'a MirScalarExpr, f: &mut impl FnMut(&'a MirScalarExpr)) {
    f(e);
    for child in children(e) {
        visit(child, f);
    }
}

/// Says what `mz_now()` is, wherever it stands.
pub fn replace_now(e: &mut MirScalarExpr, now: Timestamp) {
    if let MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow) = e {
        *e = literal(Datum::MzTimestamp(now), ReprScalarType::MzTimestamp);
    }
    for child in children_mut(e) {
        replace_now(child, now);
    }
}

/// Calls `f` on every column number, left to right.
pub fn visit_columns(e: &mut MirScalarExpr, f: &mut impl FnMut(&mut usize)) {
    if let MirScalarExpr::Column(c, _) = e {
        f(c);
    }
    for child in children_mut(e) {
        visit_columns(child, f);
    }
}

/// Replaces every column `c` by `f(c)`.
pub fn map_columns(e: &mut MirScalarExpr, f: impl Fn(usize) -> usize) {
    visit_columns(e, &mut |c| *c = f(*c));
}

/// The expression with every column `c` replaced by `f(c)`.
pub fn mapped(e: &MirScalarExpr, f: impl Fn(usize) -> usize) -> MirScalarExpr {
    let mut e = e.clone();
    map_columns(&mut e, f);
    e
}

/// The columns that the expression uses.
pub fn support(e: &MirScalarExpr) -> BTreeSet<usize> {
    let mut columns = BTreeSet::new();
    visit(e, &mut |node| {
        if let MirScalarExpr::Column(c, _) = node {
            columns.insert(*c);
        }
    });
    columns
}

/// One more than the largest column used; 0 if none is.
pub fn support_width(e: &MirScalarExpr) -> usize {
    support(e).last().map_or(0, |c| c + 1)
}

/// The number of nodes.
pub fn size(e: &MirScalarExpr) -> usize {
    let mut n = 0;
    visit(e, &mut |_| n += 1);
    n
}

/// The column, if the expression is nothing but one.
pub fn as_column(e: &MirScalarExpr) -> Option<usize> {
    let MirScalarExpr::Column(c, _) = e else {
        return None;
    };
    Some(*c)
}

/// The row of one datum, if the expression is a literal that is no error.
pub fn as_literal(e: &MirScalarExpr) -> Option<&Row> {
    let MirScalarExpr::Literal(Ok(row), _) = e else {
        return None;
    };
    Some(row)
}

/// Whether the expression is a literal, error or not.
pub fn is_literal(e: &MirScalarExpr) -> bool {
    matches!(e, MirScalarExpr::Literal(..))
}

/// Whether the expression is a literal error.
pub fn is_literal_error(e: &MirScalarExpr) -> bool {
    matches!(e, MirScalarExpr::Literal(Err(_), _))
}

/// Whether the expression is `mz_now()` itself.
pub fn is_now(e: &MirScalarExpr) -> bool {
    matches!(
        e,
        MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow)
    )
}

/// Whether `mz_now()` occurs anywhere in the expression.
pub fn is_temporal(e: &MirScalarExpr) -> bool {
    let mut found = false;
    visit(e, &mut |node| found |= is_now(node));
    found
}

/// The operands of a top-level `AND`; the expression itself otherwise.
pub fn conjuncts(e: MirScalarExpr) -> Vec<MirScalarExpr> {
    match e {
        MirScalarExpr::CallVariadic {
            func: VariadicFunc::And,
            exprs,
        } => exprs,
        other => vec![other],
    }
}
