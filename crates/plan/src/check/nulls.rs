//! Which columns a filter makes non-null. Source: `spec/script.md` §4.1.
//!
//! Invariant: a column is only named if no row with a NULL in it passes.

use crate::scalar;
use protocol::v26_30::{MirScalarExpr, UnaryFunc, VariadicFunc};

/// The columns that are not NULL where the predicate is true.
pub(super) fn non_null_where_true(predicate: &MirScalarExpr, columns: &mut Vec<usize>) {
    if let MirScalarExpr::CallUnary {
        func: UnaryFunc::Not,
        expr,
    } = predicate
        && let MirScalarExpr::CallUnary {
            func: UnaryFunc::IsNull,
            expr,
        } = &**expr
    {
        columns.extend(scalar::as_column(expr));
    }
    non_null_requirements(predicate, columns);
}

/// The columns that are not NULL where the expression is not NULL.
fn non_null_requirements(e: &MirScalarExpr, columns: &mut Vec<usize>) {
    match e {
        MirScalarExpr::Column(c, _) => columns.push(*c),
        MirScalarExpr::Literal(..) | MirScalarExpr::CallUnmaterializable(_) => {}
        MirScalarExpr::CallUnary { func, expr } => {
            let of_null = [UnaryFunc::IsNull, UnaryFunc::IsTrue, UnaryFunc::IsFalse];
            if !of_null.contains(func) {
                non_null_requirements(expr, columns);
            }
        }
        MirScalarExpr::CallBinary { expr1, expr2, .. } => {
            non_null_requirements(expr1, columns);
            non_null_requirements(expr2, columns);
        }
        MirScalarExpr::CallVariadic { func, exprs } => {
            let propagates_nulls = matches!(
                func,
                VariadicFunc::Replace
                    | VariadicFunc::Substr
                    | VariadicFunc::PadLeading
                    | VariadicFunc::SplitPart
            );
            if propagates_nulls {
                for e in exprs {
                    non_null_requirements(e, columns);
                }
            }
        }
        MirScalarExpr::If { .. } => {}
    }
}
