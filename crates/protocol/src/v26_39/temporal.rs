//! Temporal filters in their two forms: predicates over `mz_now()` (26.30) and
//! bounds (26.39). Source: `spec/v26_39.md` §3.4, `spec/lowering.md` §3.7.
//!
//! Invariants: to predicates and back gives the same bounds; nothing is optimized
//! on the way, which the renderer does itself.

use super::MfpPlan;
use crate::neutral::Obstacle;
use crate::v26_30::{
    BinaryFunc, MapFilterProject, MirScalarExpr, SafeMfpPlan, UnaryFunc, UnmaterializableFunc,
};

const MZ_NOW: MirScalarExpr = MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow);

/// Takes the temporal predicates out of an MFP and makes them bounds.
///
/// Errors: a predicate that does not compare the whole of `mz_now()` by `=`, `<`,
/// `<=`, `>` or `>=` with an expression free of it; `mz_now()` outside of
/// predicates.
pub(super) fn planned(mfp: MapFilterProject) -> Result<MfpPlan, Obstacle> {
    if mfp.expressions.iter().any(is_temporal) {
        return Err(Obstacle::TemporalExpression);
    }
    let (temporal, predicates): (Vec<_>, _) = mfp
        .predicates
        .into_iter()
        .partition(|(_, predicate)| is_temporal(predicate));
    let mut plan = MfpPlan {
        mfp: SafeMfpPlan {
            mfp: MapFilterProject { predicates, ..mfp },
        },
        lower_bounds: Vec::new(),
        upper_bounds: Vec::new(),
    };
    for (_, predicate) in temporal {
        let (lower, upper) = bounds(predicate).ok_or(Obstacle::TemporalPredicate)?;
        plan.lower_bounds.extend(lower);
        plan.upper_bounds.extend(upper);
    }
    Ok(plan)
}

/// The MFP with its bounds as predicates behind its own.
pub(super) fn unplanned(plan: MfpPlan) -> MapFilterProject {
    let mut mfp = plan.mfp.mfp;
    let lower = plan.lower_bounds.into_iter().map(|e| (BinaryFunc::Gte, e));
    let upper = plan.upper_bounds.into_iter().map(|e| (BinaryFunc::Lt, e));
    for (func, bound) in lower.chain(upper) {
        let columns = parts(&bound);
        let columns = columns.iter().filter_map(|part| column(part));
        let position = columns.map(|i| i.saturating_add(1)).max().unwrap_or(0);
        let predicate = MirScalarExpr::CallBinary {
            func,
            expr1: Box::new(MZ_NOW),
            expr2: Box::new(bound),
        };
        mfp.predicates.push((position, predicate));
    }
    mfp
}

/// Whether `mz_now()` is called anywhere.
pub(super) fn is_temporal(expr: &MirScalarExpr) -> bool {
    parts(expr).contains(&&MZ_NOW)
}

/// The lower and the upper bound of a temporal predicate.
fn bounds(predicate: MirScalarExpr) -> Option<(Option<MirScalarExpr>, Option<MirScalarExpr>)> {
    let MirScalarExpr::CallBinary { func, expr1, expr2 } = predicate else {
        return None;
    };
    let (func, bound) = if *expr1 == MZ_NOW {
        (func, *expr2)
    } else if *expr2 == MZ_NOW {
        (turned_around(func)?, *expr1)
    } else {
        return None;
    };
    if is_temporal(&bound) {
        return None;
    }
    match func {
        BinaryFunc::Eq => Some((Some(bound.clone()), Some(step(bound)))),
        BinaryFunc::Lt => Some((None, Some(bound))),
        BinaryFunc::Lte => Some((None, Some(step(bound)))),
        BinaryFunc::Gt => Some((Some(step(bound)), None)),
        BinaryFunc::Gte => Some((Some(bound), None)),
        _ => None,
    }
}

/// The comparison with its sides exchanged.
fn turned_around(func: BinaryFunc) -> Option<BinaryFunc> {
    match func {
        BinaryFunc::Eq => Some(BinaryFunc::Eq),
        BinaryFunc::Lt => Some(BinaryFunc::Gt),
        BinaryFunc::Lte => Some(BinaryFunc::Gte),
        BinaryFunc::Gt => Some(BinaryFunc::Lt),
        BinaryFunc::Gte => Some(BinaryFunc::Lte),
        _ => None,
    }
}

/// The time after `bound`.
fn step(bound: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallUnary {
        func: UnaryFunc::StepMzTimestamp,
        expr: Box::new(bound),
    }
}

fn column(expr: &MirScalarExpr) -> Option<usize> {
    if let MirScalarExpr::Column(i, _) = expr {
        Some(*i)
    } else {
        None
    }
}

/// An expression and all of its subexpressions. The expressions that casts apply
/// to elements are left out, since their columns are others.
fn parts(expr: &MirScalarExpr) -> Vec<&MirScalarExpr> {
    let mut parts = vec![expr];
    let mut at = 0;
    while let Some(part) = parts.get(at).copied() {
        match part {
            MirScalarExpr::Column(..)
            | MirScalarExpr::Literal(..)
            | MirScalarExpr::CallUnmaterializable(_) => {}
            MirScalarExpr::CallUnary { func: _, expr } => parts.push(expr),
            MirScalarExpr::CallBinary {
                func: _,
                expr1,
                expr2,
            } => parts.extend([&**expr1, &**expr2]),
            MirScalarExpr::CallVariadic { func: _, exprs } => parts.extend(exprs),
            MirScalarExpr::If { cond, then, els } => parts.extend([&**cond, &**then, &**els]),
        }
        at += 1;
    }
    parts
}
