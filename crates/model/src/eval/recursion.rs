//! LetRec: bindings that use each other, iterated to a fixed point or to their
//! limit. Source: `spec/plan.md` §2.7.
//!
//! Invariant: an iteration that never settles is endless for the replica, and not
//! for the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Evaluated, Horizon, Scope};
use crate::answer::Undefined;
use plan::{RecBinding, Relation};
use protocol::v26_30::EvalError;
use repr::LocalId;

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
        // What each binding's own value and those before it read of it at the end.
        let mut fed: BTreeMap<LocalId, Arc<Evaluated>> = BTreeMap::new();
        let mut exceeded: BTreeMap<LocalId, EvalError> = BTreeMap::new();
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
                fed.insert(binding.id, Arc::clone(&previous));
                if let Some(limit) = limit.filter(|limit| iteration == limit.max_iters.get())
                    && !limit.return_at_limit
                    && !value.rows.minus(&previous.rows).is_empty()
                {
                    let n = limit.max_iters.to_string();
                    exceeded.insert(binding.id, EvalError::LetRecLimitExceeded(n));
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
        if !exceeded.is_empty() {
            self.tell_exceeded(bindings, &fed, &exceeded)?;
        }
        let result = self.relation(body);
        self.locals = outer;
        self.recursive = around;
        let mut result = result?;
        result.horizon.meet(horizon);
        Ok(result)
    }
}

impl<'p> Scope<'_, '_, 'p> {
    /// Lets the values of bindings fail that read one which exceeded its limit. That
    /// error is fed back, so that the binding's own value and those before it read it,
    /// whereas those behind it and the body read its value.
    fn tell_exceeded(
        &mut self,
        bindings: &'p [RecBinding],
        fed: &BTreeMap<LocalId, Arc<Evaluated>>,
        exceeded: &BTreeMap<LocalId, EvalError>,
    ) -> Result<(), Undefined> {
        let mut values: BTreeMap<LocalId, Arc<Evaluated>> = BTreeMap::new();
        let mut fed = fed.clone();
        for binding in bindings {
            values.insert(binding.id, Arc::clone(&self.locals[&binding.id]));
        }
        for (id, error) in exceeded {
            if let Some(fed) = fed.get_mut(id) {
                Arc::make_mut(fed).fail(error.clone(), 1);
            }
        }
        loop {
            let mut settled = true;
            for (at, binding) in bindings.iter().enumerate() {
                for other in &bindings[..at] {
                    self.locals.insert(other.id, Arc::clone(&values[&other.id]));
                }
                for other in &bindings[at..] {
                    self.locals.insert(other.id, Arc::clone(&fed[&other.id]));
                }
                let mut value = self.relation(&binding.value)?;
                distinct_errors(&mut value);
                let known = &values[&binding.id];
                if value.errors != known.errors {
                    settled = false;
                    let mut told = known.as_ref().clone();
                    told.errors = value.errors;
                    told.possible.extend(value.possible);
                    told.raised.extend(value.raised);
                    let mut again = fed[&binding.id].as_ref().clone();
                    for fault in told.errors.keys() {
                        again.errors.entry(fault.clone()).or_insert(1);
                    }
                    values.insert(binding.id, Arc::new(told));
                    fed.insert(binding.id, Arc::new(again));
                }
            }
            if settled {
                break;
            }
        }
        self.locals.extend(values);
        Ok(())
    }
}

/// Errors are made distinct before they are fed back.
fn distinct_errors(value: &mut Evaluated) {
    for count in value.errors.values_mut() {
        *count = count.signum();
    }
}
