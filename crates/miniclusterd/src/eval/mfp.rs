//! Evaluation of map-filter-projects, temporal ones included. Source:
//! `spec/plan.md` §3.
//!
//! Invariants: an expression that is not read is never evaluated; an update
//! leaves at times in `[lower, upper)` and before `until`, its errors at its own
//! time.

use super::Arena;
use super::convert::Evaluated;
use super::pack::pack;
use super::scalar::{eval, supported};
use protocol::v26_30::{
    BinaryFunc, EvalError, MapFilterProject, MirScalarExpr, SafeMfpPlan, UnaryFunc,
    UnmaterializableFunc,
};
use repr::{Datum, Diff, Row, Timestamp};

/// A map-filter-project as it is evaluated on updates: temporal predicates have
/// become bounds on the times at which a row exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MfpPlan {
    pub mfp: SafeMfpPlan,
    pub lower_bounds: Vec<MirScalarExpr>,
    pub upper_bounds: Vec<MirScalarExpr>,
    /// Which expressions are read.
    wanted: Vec<bool>,
}

fn mentions_now(expr: &MirScalarExpr) -> bool {
    match expr {
        MirScalarExpr::Column(..) | MirScalarExpr::Literal(..) => false,
        MirScalarExpr::CallUnmaterializable(func) => *func == UnmaterializableFunc::MzNow,
        MirScalarExpr::CallUnary { expr, .. } => mentions_now(expr),
        MirScalarExpr::CallBinary { expr1, expr2, .. } => {
            mentions_now(expr1) || mentions_now(expr2)
        }
        MirScalarExpr::CallVariadic { exprs, .. } => exprs.iter().any(mentions_now),
        MirScalarExpr::If { cond, then, els } => {
            [cond, then, els].into_iter().any(|expr| mentions_now(expr))
        }
    }
}

fn step(expr: &MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallUnary {
        func: UnaryFunc::StepMzTimestamp,
        expr: Box::new(expr.clone()),
    }
}

/// The columns that an expression reads.
fn columns(expr: &MirScalarExpr, read: &mut impl FnMut(usize)) {
    match expr {
        MirScalarExpr::Column(at, _) => read(*at),
        MirScalarExpr::Literal(..) | MirScalarExpr::CallUnmaterializable(_) => {}
        MirScalarExpr::CallUnary { expr, .. } => columns(expr, read),
        MirScalarExpr::CallBinary { expr1, expr2, .. } => {
            columns(expr1, read);
            columns(expr2, read);
        }
        MirScalarExpr::CallVariadic { exprs, .. } => {
            exprs.iter().for_each(|expr| columns(expr, read));
        }
        MirScalarExpr::If { cond, then, els } => {
            [cond, then, els]
                .into_iter()
                .for_each(|expr| columns(expr, read));
        }
    }
}

impl MfpPlan {
    /// Plans a map-filter-project for updates.
    ///
    /// Errors: a predicate whose use of `mz_now()` has no bound to become, or a
    /// function that the evaluator lacks.
    pub fn create(mfp: &MapFilterProject) -> Result<MfpPlan, String> {
        let mut plan =
            MfpPlan::from_parts(SafeMfpPlan { mfp: mfp.clone() }, Vec::new(), Vec::new());
        let (temporal, predicates) = mfp
            .predicates
            .iter()
            .cloned()
            .partition(|(_, predicate)| mentions_now(predicate));
        plan.mfp.mfp.predicates = predicates;
        let temporal: Vec<(usize, MirScalarExpr)> = temporal;
        for (_, predicate) in &temporal {
            plan.bound(predicate)?;
        }
        plan.supported()?;
        Ok(MfpPlan::from_parts(
            plan.mfp,
            plan.lower_bounds,
            plan.upper_bounds,
        ))
    }

    /// A plan of these parts; the bounds are over input and mapped columns.
    pub fn from_parts(
        mfp: SafeMfpPlan,
        lower_bounds: Vec<MirScalarExpr>,
        upper_bounds: Vec<MirScalarExpr>,
    ) -> MfpPlan {
        let wanted = demanded(&mfp.mfp, lower_bounds.iter().chain(&upper_bounds));
        MfpPlan {
            mfp,
            lower_bounds,
            upper_bounds,
            wanted,
        }
    }

    /// Makes bounds of `mz_now() op e`.
    fn bound(&mut self, predicate: &MirScalarExpr) -> Result<(), String> {
        let refused = || format!("unsupported temporal predicate {predicate:?}");
        let MirScalarExpr::CallBinary { func, expr1, expr2 } = predicate else {
            return Err(refused());
        };
        let is_now = |expr: &MirScalarExpr| {
            *expr == MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow)
        };
        let (func, e) = match (is_now(expr1), is_now(expr2)) {
            (true, false) => (func.clone(), expr2),
            (false, true) => {
                let mirrored = match func {
                    BinaryFunc::Eq => BinaryFunc::Eq,
                    BinaryFunc::Lt => BinaryFunc::Gt,
                    BinaryFunc::Lte => BinaryFunc::Gte,
                    BinaryFunc::Gt => BinaryFunc::Lt,
                    BinaryFunc::Gte => BinaryFunc::Lte,
                    _ => return Err(refused()),
                };
                (mirrored, expr1)
            }
            _ => return Err(refused()),
        };
        if mentions_now(e) {
            return Err(refused());
        }
        match func {
            BinaryFunc::Eq => {
                self.lower_bounds.push((**e).clone());
                self.upper_bounds.push(step(e));
            }
            BinaryFunc::Lt => self.upper_bounds.push((**e).clone()),
            BinaryFunc::Lte => self.upper_bounds.push(step(e)),
            BinaryFunc::Gt => self.lower_bounds.push(step(e)),
            BinaryFunc::Gte => self.lower_bounds.push((**e).clone()),
            _ => return Err(refused()),
        }
        Ok(())
    }

    /// Whether rows leave at other times than they arrive.
    pub fn is_temporal(&self) -> bool {
        !self.lower_bounds.is_empty() || !self.upper_bounds.is_empty()
    }

    /// Whether the `at`-th mapped expression is read, hence evaluated.
    pub fn is_read(&self, at: usize) -> bool {
        self.wanted.get(at).copied().unwrap_or(true)
    }

    pub fn is_identity(&self) -> bool {
        let mfp = &self.mfp.mfp;
        !self.is_temporal()
            && mfp.expressions.is_empty()
            && mfp.predicates.is_empty()
            && mfp.projection.len() == mfp.input_arity
            && mfp.projection.iter().enumerate().all(|(at, c)| at == *c)
    }

    fn supported(&self) -> Result<(), String> {
        supported_mfp(&self.mfp.mfp)?;
        let bounds = self.lower_bounds.iter().chain(&self.upper_bounds);
        bounds.into_iter().try_for_each(supported)
    }

    /// Evaluates one update: `datums` are its columns (computed ones are
    /// appended), `emit` receives rows or errors with their time and diff.
    /// `until` is the first time that is not wanted any more, if there is one.
    pub fn evaluate<'a>(
        &'a self,
        datums: &mut Vec<Datum<'a>>,
        arena: &'a Arena,
        (time, diff): (Timestamp, Diff),
        until: Option<Timestamp>,
        mut emit: impl FnMut(Result<Row, EvalError>, Timestamp, Diff),
    ) {
        let wanted = |at: Timestamp| until.is_none_or(|until| at < until);
        match run(&self.mfp.mfp, &self.wanted, datums, arena) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return emit(Err(error), time, diff),
        }
        let mut null = false;
        let mut lower = time;
        for bound in &self.lower_bounds {
            match moment(eval(bound, datums, arena)) {
                Ok(Some(at)) => lower = lower.max(at),
                Ok(None) => null = true,
                Err(error) => return emit(Err(error), time, diff),
            }
        }
        if !wanted(lower) {
            return;
        }
        let mut upper: Option<Timestamp> = None;
        for bound in &self.upper_bounds {
            if upper == Some(lower) {
                break;
            }
            match moment(eval(bound, datums, arena)) {
                Ok(Some(at)) => {
                    let least = upper.map_or(at, |upper| upper.min(at));
                    upper = Some(least.max(lower));
                }
                Ok(None) => null = true,
                Err(error) => return emit(Err(error), time, diff),
            }
        }
        upper = upper.filter(|upper| wanted(*upper));
        if null || upper == Some(lower) {
            return;
        }
        let row = projected(&self.mfp.mfp, datums);
        if let Some(upper) = upper {
            emit(Ok(row.clone()), lower, diff);
            emit(Ok(row), upper, -diff);
        } else {
            emit(Ok(row), lower, diff);
        }
    }
}

/// A bound's time; NULL is none.
fn moment(bound: Evaluated<'_>) -> Result<Option<Timestamp>, EvalError> {
    match bound? {
        Datum::MzTimestamp(at) => Ok(Some(at)),
        Datum::Null => Ok(None),
        _ => Err(super::convert::wrong_type()),
    }
}

/// Whether every function of a map-filter-project is implemented; temporal
/// predicates are judged by [`MfpPlan::create`].
///
/// Errors: the name of a function that is lacking.
pub fn supported_mfp(mfp: &MapFilterProject) -> Result<(), String> {
    let predicates = mfp.predicates.iter().map(|(_, predicate)| predicate);
    mfp.expressions
        .iter()
        .chain(predicates)
        .try_for_each(supported)
}

/// Which expressions are read by predicates, the projection, `also`, or an
/// expression that is read.
fn demanded<'b>(
    mfp: &MapFilterProject,
    also: impl Iterator<Item = &'b MirScalarExpr>,
) -> Vec<bool> {
    let arity = mfp.input_arity;
    let mut wanted = vec![false; mfp.expressions.len()];
    let mut read = |at: usize| {
        if let Some(slot) = at.checked_sub(arity).and_then(|at| wanted.get_mut(at)) {
            *slot = true;
        }
    };
    mfp.projection.iter().for_each(|at| read(*at));
    mfp.predicates
        .iter()
        .for_each(|(_, predicate)| columns(predicate, &mut read));
    also.for_each(|expr| columns(expr, &mut read));
    for at in (0..wanted.len()).rev() {
        if wanted[at] {
            columns(&mfp.expressions[at], &mut |read| {
                if let Some(slot) = read.checked_sub(arity).and_then(|at| wanted.get_mut(at)) {
                    *slot = true;
                }
            });
        }
    }
    wanted
}

/// Appends the mapped columns unless a predicate drops the row first; those
/// that are not `wanted` are NULL.
fn run<'a>(
    mfp: &'a MapFilterProject,
    wanted: &[bool],
    datums: &mut Vec<Datum<'a>>,
    arena: &'a Arena,
) -> Result<bool, EvalError> {
    let mut next = 0;
    let mut map_until = |columns: usize, datums: &mut Vec<Datum<'a>>| {
        while next < mfp.expressions.len() && mfp.input_arity + next < columns {
            // A column that is not read still takes its place.
            let value = if wanted.get(next).copied().unwrap_or(true) {
                eval(&mfp.expressions[next], datums, arena)?
            } else {
                Datum::Null
            };
            datums.push(value);
            next += 1;
        }
        Ok::<(), EvalError>(())
    };
    for (position, predicate) in &mfp.predicates {
        map_until(*position, datums)?;
        if eval(predicate, datums, arena)? != Datum::True {
            return Ok(false);
        }
    }
    map_until(usize::MAX, datums)?;
    Ok(true)
}

fn projected(mfp: &MapFilterProject, datums: &[Datum<'_>]) -> Row {
    let null = Datum::Null;
    pack(
        mfp.projection
            .iter()
            .map(|at| *datums.get(*at).unwrap_or(&null)),
    )
}

/// Evaluates a map-filter-project without temporal predicates, as sent: every
/// expression counts. `datums` are the input's columns; computed ones are
/// appended. None if a predicate drops the row.
///
/// Errors: the first one met.
pub fn eval_safe<'a>(
    plan: &'a SafeMfpPlan,
    datums: &mut Vec<Datum<'a>>,
    arena: &'a Arena,
) -> Result<Option<Row>, EvalError> {
    Ok(run(&plan.mfp, &[], datums, arena)?.then(|| projected(&plan.mfp, datums)))
}
