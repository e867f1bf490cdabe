//! Lowering of bindings, recursive or not. Source: `spec/lowering.md` §2.3, §2.4.
//!
//! Invariant: a recursive value offers raw rows, and its arrangements do not
//! leave the scope.

use super::context::{Context, Lowered, raw_only, strategy};
use super::error::LowerError;
use super::inputs::undo_first;
use super::lir::{Lir, Op};
use crate::relation::{RecBinding, Relation};
use protocol::v26_30::{AvailableCollections, Id};
use repr::LocalId;

impl Context {
    /// §2.3
    pub(super) fn one_binding(
        &mut self,
        id: LocalId,
        value: &Relation,
        body: &Relation,
    ) -> Result<Lowered, LowerError> {
        let value = self.lower(value)?;
        self.bind(Id::Local(id), value.keys, value.future);
        let body = self.lower(body)?;
        self.unbind(Id::Local(id));
        let plan = self.node(Op::Let {
            id,
            value: Box::new(value.plan),
            body: Box::new(body.plan),
        });
        Ok(Lowered {
            plan,
            keys: body.keys,
            future: body.future,
        })
    }

    /// §2.4
    pub(super) fn let_rec(
        &mut self,
        bindings: &[RecBinding],
        body: &Relation,
    ) -> Result<Lowered, LowerError> {
        let mut lowered_bindings = Vec::new();
        let mut any_future = false;
        for binding in bindings {
            let mut value = self.lower_recursive(&binding.value)?;
            if !value.keys.raw {
                let arity = binding.value.arity();
                let future = value.future;
                value.plan = self.make_raw(value.plan, &value.keys, arity, future);
                value.keys.raw = true;
            }
            any_future |= value.future;
            self.bind(Id::Local(binding.id), value.keys, value.future);
            lowered_bindings.push((binding.id, value.plan, binding.limit.clone()));
        }
        // Arrangements do not leave the scope.
        for binding in bindings {
            self.available.insert(Id::Local(binding.id), raw_only());
        }
        let body = self.lower(body)?;
        for binding in bindings {
            self.unbind(Id::Local(binding.id));
        }
        let plan = self.node(Op::LetRec {
            bindings: lowered_bindings,
            body: Box::new(body.plan),
        });
        Ok(Lowered {
            plan,
            keys: body.keys,
            future: body.future || any_future,
        })
    }

    /// A recursive value that offers raw rows: the wrapper of §2.4 below its
    /// bindings. Upstream looks through one `LetRec` only.
    fn make_raw(
        &mut self,
        plan: Lir,
        keys: &AvailableCollections,
        arity: usize,
        future: bool,
    ) -> Lir {
        let quirk = self.options.quirks.arranged_let_in_recursion;
        let Lir { id: plan_id, op } = plan;
        let op = match op {
            Op::LetRec { bindings, body } => {
                let body = Box::new(if quirk {
                    self.rewrapped(*body, keys, arity, future)
                } else {
                    self.make_raw(*body, keys, arity, future)
                });
                Op::LetRec { bindings, body }
            }
            Op::Let { id, value, body } if !quirk => {
                let body = Box::new(self.make_raw(*body, keys, arity, future));
                Op::Let { id, value, body }
            }
            op => return self.rewrapped(Lir { id: plan_id, op }, keys, arity, future),
        };
        Lir { id: plan_id, op }
    }

    /// A new node even around an ArrangeBy.
    fn rewrapped(
        &mut self,
        plan: Lir,
        keys: &AvailableCollections,
        arity: usize,
        future: bool,
    ) -> Lir {
        let (input_key, input_mfp) = undo_first(keys, arity);
        self.node(Op::ArrangeBy {
            input_key,
            input: Box::new(plan),
            input_mfp,
            forms: raw_only(),
            strategy: strategy(future),
        })
    }
}
