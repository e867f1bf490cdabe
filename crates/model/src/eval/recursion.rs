//! LetRec: bindings that use each other, iterated to a fixed point or to their
//! limit. Source: `spec/plan.md` §2.7.
//!
//! Invariant: an iteration that never settles is endless for the replica, and not
//! for the model.

use std::sync::Arc;

use super::{Evaluated, Horizon, Scope};
use crate::answer::Undefined;
use plan::{RecBinding, Relation};
use protocol::v26_30::EvalError;

/// How many iterations the model follows without a limit.
const PATIENCE: u64 = 1_000;

impl<'p> Scope<'_, '_, 'p> {
    pub(super) fn recursion(
        &mut self,
        bindings: &'p [RecBinding],
        body: &'p Relation,
    ) -> Result<Evaluated, Undefined> {
        let outer = self.locals.clone();
        let around = std::mem::replace(&mut self.recursive, true);
        for binding in bindings {
            self.locals.insert(binding.id, Arc::default());
        }
        let mut iteration = 0_u64;
        let mut horizon = Horizon::default();
        loop {
            iteration += 1;
            if iteration > PATIENCE {
                let text = format!("a recursion of more than {PATIENCE} iterations");
                return Err(Undefined::Endless(text));
            }
            let mut settled = true;
            for binding in bindings {
                let previous = self.locals[&binding.id].clone();
                let limit = binding.limit.as_ref();
                let exhausted = limit.is_some_and(|limit| iteration > limit.max_iters.get());
                if exhausted {
                    // What iteration n would feed to n + 1 is swallowed.
                    continue;
                }
                let mut value = self.relation(&binding.value)?;
                horizon.meet(value.horizon);
                distinct_errors(&mut value);
                let last = limit.is_some_and(|limit| iteration == limit.max_iters.get());
                if last && limit.is_some_and(|limit| !limit.return_at_limit) {
                    let changed = value.rows.minus(&previous.rows);
                    if !changed.is_empty() {
                        let n = limit.map_or(0, |limit| limit.max_iters.get());
                        value.fail(EvalError::LetRecLimitExceeded(n.to_string()), 1);
                    }
                }
                if *previous != value {
                    settled = false;
                    self.locals.insert(binding.id, Arc::new(value));
                }
            }
            if settled {
                break;
            }
        }
        let result = self.relation(body);
        self.locals = outer;
        self.recursive = around;
        let mut result = result?;
        result.horizon.meet(horizon);
        Ok(result)
    }
}

/// Errors are made distinct before they are fed back.
fn distinct_errors(value: &mut Evaluated) {
    for count in value.errors.values_mut() {
        *count = count.signum();
    }
}
