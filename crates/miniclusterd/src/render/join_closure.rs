//! What a join does with each match: the equalities that became ready, then a
//! map-filter-project. Source: `spec/plan.md` §2.4.
//!
//! Invariant: equalities compare datums (NULL equals NULL), lookups compare
//! bytes.

use super::{Context, RenderError, RenderTimestamp};
use crate::eval::{Arena, eval, eval_safe, pack, supported, supported_mfp};
use crate::mutants::JoinSeams;
use protocol::v26_30::{EvalError, JoinClosure, MirScalarExpr};
use repr::{Datum, Row};

/// A closure that was checked.
#[derive(Clone)]
pub struct Closure {
    closure: JoinClosure,
    seams: JoinSeams,
}

impl Closure {
    /// Errors: a function that the evaluator lacks.
    pub fn new<T: RenderTimestamp>(
        ctx: &Context<'_, T>,
        closure: &JoinClosure,
    ) -> Result<Closure, RenderError> {
        closure
            .ready_equivalences
            .iter()
            .flatten()
            .try_for_each(supported)
            .and_then(|()| supported_mfp(&closure.before.mfp))
            .map_err(RenderError::Unsupported)?;
        Ok(Closure {
            closure: closure.clone(),
            seams: ctx.settings.seams.join(),
        })
    }

    /// The output row of a match, if it has one.
    pub fn apply<'a>(
        &'a self,
        mut datums: Vec<Datum<'a>>,
        arena: &'a Arena,
    ) -> Result<Option<Row>, EvalError> {
        for class in &self.closure.ready_equivalences {
            let Some((first, rest)) = class.split_first() else {
                continue;
            };
            let first = eval(first, &datums, arena)?;
            for expr in rest {
                let other = eval(expr, &datums, arena)?;
                if !self.seams.equal(first, other) {
                    return Ok(None);
                }
            }
        }
        eval_safe(&self.closure.before, &mut datums, arena)
    }
}

/// How a stream row becomes a key to look up and the value beside it.
#[derive(Clone)]
pub struct StreamKey {
    key: Vec<MirScalarExpr>,
    thinning: Vec<usize>,
}

impl StreamKey {
    /// Errors: a function that the evaluator lacks.
    pub fn new(key: &[MirScalarExpr], thinning: &[usize]) -> Result<StreamKey, RenderError> {
        key.iter()
            .try_for_each(supported)
            .map_err(RenderError::Unsupported)?;
        Ok(StreamKey {
            key: key.to_vec(),
            thinning: thinning.to_vec(),
        })
    }

    /// Key row and value row.
    pub fn split(&self, row: &Row) -> Result<(Row, Row), EvalError> {
        let arena = Arena::new();
        let datums: Vec<Datum<'_>> = row.iter().collect();
        let key: Result<Vec<_>, _> = self
            .key
            .iter()
            .map(|expr| eval(expr, &datums, &arena))
            .collect();
        let value = self
            .thinning
            .iter()
            .map(|at| datums.get(*at).copied().unwrap_or(Datum::Null));
        Ok((pack(key?), pack(value)))
    }
}
