//! Evaluation of scalar expressions over the datums of a row. Source:
//! `spec/plan.md` §5.1, §5.2.
//!
//! Invariants: only the branch that is taken is evaluated; a function that this
//! evaluator lacks never yields a value, and [`supported`] tells it beforehand.

use super::convert::Evaluated;
use super::lacking::is_lacking;
use super::pack::pack;
use super::{Arena, binary, unary, variadic};
use protocol::v26_30::{EvalError, MirScalarExpr, VariadicFunc};
use repr::Datum;

/// Evaluates an expression over the columns in `datums`; computed values live
/// in `arena`.
///
/// Errors: the expression's own error (`spec/plan.md` §5.2 says which one if
/// there are several).
pub fn eval<'a>(expr: &'a MirScalarExpr, datums: &[Datum<'a>], arena: &'a Arena) -> Evaluated<'a> {
    match expr {
        MirScalarExpr::Column(at, _) => datums
            .get(*at)
            .copied()
            .ok_or_else(|| EvalError::Internal(format!("column #{at} of {}", datums.len()))),
        MirScalarExpr::Literal(literal, _) => match literal {
            Ok(row) => Ok(row.iter().next().unwrap_or(Datum::Null)),
            Err(error) => Err(error.clone()),
        },
        MirScalarExpr::CallUnmaterializable(func) => Err(EvalError::Internal(format!(
            "cannot evaluate unmaterializable function: {func:?}"
        ))),
        MirScalarExpr::CallUnary { func, expr } => {
            unary::call(func, eval(expr, datums, arena), arena)
        }
        MirScalarExpr::CallBinary { func, expr1, expr2 } => {
            let (a, b) = (eval(expr1, datums, arena), eval(expr2, datums, arena));
            binary::call(func, a, b, arena)
        }
        MirScalarExpr::CallVariadic { func, exprs } => call_variadic(func, exprs, datums, arena),
        MirScalarExpr::If { cond, then, els } => match eval(cond, datums, arena)? {
            Datum::True => eval(then, datums, arena),
            Datum::False | Datum::Null => eval(els, datums, arena),
            other => Err(EvalError::Internal(format!(
                "if condition evaluated to non-boolean datum: {}",
                super::debug::redacted(other)
            ))),
        },
    }
}

/// Calls a function of any number of arguments: a lazy one on expressions, every
/// other on what they evaluate to.
fn call_variadic<'a>(
    func: &'a VariadicFunc,
    exprs: &'a [MirScalarExpr],
    datums: &[Datum<'a>],
    arena: &'a Arena,
) -> Evaluated<'a> {
    match func {
        VariadicFunc::And => junction(exprs, datums, arena, Datum::False, Datum::True),
        VariadicFunc::Or => junction(exprs, datums, arena, Datum::True, Datum::False),
        VariadicFunc::Coalesce => {
            for expr in exprs {
                let datum = eval(expr, datums, arena)?;
                if !datum.is_null() {
                    return Ok(datum);
                }
            }
            Ok(Datum::Null)
        }
        VariadicFunc::Greatest => extreme(exprs, datums, arena, |new, best| new >= best),
        VariadicFunc::Least => extreme(exprs, datums, arena, |new, best| new < best),
        VariadicFunc::ErrorIfNull => {
            let [value, message] = exprs else {
                return Err(EvalError::Internal("missing parameter".into()));
            };
            let value = eval(value, datums, arena)?;
            if !value.is_null() {
                return Ok(value);
            }
            Err(match eval(message, datums, arena)? {
                Datum::String(text) => EvalError::IfNullError(text.into()),
                Datum::Null => {
                    EvalError::Internal("unexpected NULL in error side of error_if_null".into())
                }
                _ => super::convert::wrong_type(),
            })
        }
        VariadicFunc::CaseLiteral { lookup, .. } => {
            let (Some(first), Some(last)) = (exprs.first(), exprs.last()) else {
                return Err(EvalError::Internal("missing parameter".into()));
            };
            let input = eval(first, datums, arena)?;
            let row = pack([input]);
            let found = lookup
                .binary_search_by(|entry| entry.literal.cmp(&row))
                .ok()
                .filter(|_| !input.is_null())
                .and_then(|at| exprs.get(lookup[at].expr_index));
            eval(found.unwrap_or(last), datums, arena)
        }
        strict => {
            let arguments = exprs.iter().map(|expr| eval(expr, datums, arena));
            variadic::call(strict, arguments.collect(), arena)
        }
    }
}

/// AND and OR: the `decisive` value at once; else the greatest error, else
/// NULL if one was seen, else the `neutral` value.
fn junction<'a>(
    exprs: &'a [MirScalarExpr],
    datums: &[Datum<'a>],
    arena: &'a Arena,
    decisive: Datum<'a>,
    neutral: Datum<'a>,
) -> Evaluated<'a> {
    let mut error: Option<EvalError> = None;
    let mut null = false;
    for expr in exprs {
        match eval(expr, datums, arena) {
            Ok(datum) if datum == decisive => return Ok(decisive),
            Ok(Datum::Null) => null = true,
            Ok(Datum::True | Datum::False) => {}
            Ok(_) => error = error.max(Some(super::convert::wrong_type())),
            Err(new) => error = error.max(Some(new)),
        }
    }
    match error {
        Some(error) => Err(error),
        None if null => Ok(Datum::Null),
        None => Ok(neutral),
    }
}

/// Greatest and Least: NULLs are passed over, the first error ends it.
fn extreme<'a>(
    exprs: &'a [MirScalarExpr],
    datums: &[Datum<'a>],
    arena: &'a Arena,
    better: impl Fn(&Datum<'a>, &Datum<'a>) -> bool,
) -> Evaluated<'a> {
    let mut best = Datum::Null;
    for expr in exprs {
        let new = eval(expr, datums, arena)?;
        if !new.is_null() && (best.is_null() || better(&new, &best)) {
            best = new;
        }
    }
    Ok(best)
}

/// Whether this evaluator implements everything that an expression calls.
///
/// Errors: the name of a function that it lacks.
pub fn supported(expr: &MirScalarExpr) -> Result<(), String> {
    let arena = Arena::new();
    // A function answers a datum of no type it takes with an error, and only a
    // lacking one with the error that says so.
    let probe = |outcome: Evaluated<'_>| match outcome {
        Err(error) => match is_lacking(&error) {
            Some(name) => Err(format!("unsupported function {name}")),
            None => Ok(()),
        },
        Ok(_) => Ok(()),
    };
    match expr {
        MirScalarExpr::Column(..) | MirScalarExpr::Literal(..) => Ok(()),
        MirScalarExpr::CallUnmaterializable(func) => {
            Err(format!("unmaterializable function {func:?}"))
        }
        MirScalarExpr::CallUnary { func, expr } => {
            probe(unary::call(func, Ok(Datum::Dummy), &arena))?;
            supported(expr)
        }
        MirScalarExpr::CallBinary { func, expr1, expr2 } => {
            probe(binary::call(
                func,
                Ok(Datum::Dummy),
                Ok(Datum::Dummy),
                &arena,
            ))?;
            supported(expr1)?;
            supported(expr2)
        }
        MirScalarExpr::CallVariadic { func, exprs } => {
            if !variadic::is_lazy(func) {
                probe(variadic::call(
                    func,
                    vec![Ok(Datum::Dummy); exprs.len()],
                    &arena,
                ))?;
            }
            exprs.iter().try_for_each(supported)
        }
        MirScalarExpr::If { cond, then, els } => {
            supported(cond)?;
            supported(then)?;
            supported(els)
        }
    }
}
