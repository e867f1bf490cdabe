//! The evaluator: a logical plan at one time, by the book, over multisets of
//! rows beside a multiset of errors. Source: `spec/plan.md` §2, §5,
//! `spec/replica.md` §9, §16.
//!
//! Architecture Invariant: nothing here is shared with a replica, and nothing
//! is incremental: every operator takes whole multisets and gives a whole one.
//! Errors never suppress rows; a reader looks at the errors first.

mod aggregate;
mod basic;
mod block;
mod early;
mod endless;
mod evaluated;
mod flat_map;
mod horizon;
mod join;
mod recursion;
mod reduce;
pub mod scalar;
mod temporal;
mod top_k;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use endless::{Length, endless_calls};
pub use evaluated::{ErrorCounts, Evaluated, Fault, Moment};
pub use horizon::Horizon;

use super::answer::Undefined;
use super::multiset::Multiset;
use plan::Relation;
use protocol::v26_30::{EvalError, Id, MirScalarExpr};
use repr::{Diff, GlobalId, LocalId, Row, Timestamp};

/// Gives the contents of a global collection at a time.
pub type Globals<'a> = dyn FnMut(GlobalId, Timestamp) -> Result<Arc<Evaluated>, Undefined> + 'a;

/// What a plan contains at a time.
///
/// Errors: an operator or function that the model does not evaluate.
pub fn evaluate(
    plan: &Relation,
    moment: Moment,
    globals: &mut Globals<'_>,
) -> Result<Evaluated, Undefined> {
    let (mut binds, mut tells_the_time) = (false, false);
    plan.visit(&mut |operator| {
        binds |= matches!(operator, Relation::Let { .. } | Relation::LetRec { .. });
        tells_the_time |= temporal::tells_the_time(operator);
    });
    let hoisted = binds.then(|| block::bindings_first(plan.clone()));
    let mut scope = Scope {
        moment,
        globals,
        bound: Vec::new(),
        locals: BTreeMap::new(),
        recursive: false,
    };
    let mut out = scope.relation(hoisted.as_ref().unwrap_or(plan))?;
    if tells_the_time {
        out.horizon.end_at(moment.ts.saturating_add(1));
    }
    let counts_once = match moment.error_counts {
        ErrorCounts::AsRaised => false,
        ErrorCounts::OncePerBinding { planned } => planned || binds,
    };
    if counts_once {
        out.lose_counts();
    }
    Ok(out)
}

/// The global collections that a plan reads: a binding that is not used reads
/// nothing.
pub fn global_gets(plan: &Relation) -> BTreeSet<GlobalId> {
    let gets = gets(plan).into_iter();
    gets.filter_map(|id| match id {
        Id::Global(id) => Some(id),
        Id::Local(_) => None,
    })
    .collect()
}

/// What a plan reads, its own names left out.
fn gets(plan: &Relation) -> BTreeSet<Id> {
    match plan {
        Relation::Get { id, .. } => [*id].into(),
        Relation::Let { id, value, body } => {
            let mut read = gets(body);
            if read.remove(&Id::Local(*id)) {
                read.extend(gets(value));
            }
            read
        }
        Relation::LetRec { bindings, body } => {
            let mut read = gets(body);
            let mut used = BTreeSet::new();
            // What is used may use others, earlier and later ones.
            while let Some(binding) = bindings
                .iter()
                .find(|b| read.contains(&Id::Local(b.id)) && !used.contains(&b.id))
            {
                used.insert(binding.id);
                read.extend(gets(&binding.value));
            }
            for binding in bindings {
                read.remove(&Id::Local(binding.id));
            }
            read
        }
        other => other.children().into_iter().flat_map(gets).collect(),
    }
}

/// What names mean while a plan is evaluated.
struct Scope<'a, 'g, 'p> {
    moment: Moment,
    globals: &'a mut Globals<'g>,
    /// The plans of names that are no recursive ones, outer ones first.
    bound: Vec<(LocalId, &'p Relation)>,
    locals: BTreeMap<LocalId, Arc<Evaluated>>,
    /// Whether recursive names are in scope.
    recursive: bool,
}

impl<'p> Scope<'_, '_, 'p> {
    fn relation(&mut self, plan: &'p Relation) -> Result<Evaluated, Undefined> {
        let evaluated = self.operator(plan)?;
        match evaluated.rows.has_overflowed() {
            true => Err(Undefined::Overflow),
            false => Ok(evaluated),
        }
    }

    fn operator(&mut self, plan: &'p Relation) -> Result<Evaluated, Undefined> {
        let ts = self.moment.ts;
        match plan {
            Relation::Constant { rows, typ: _ } => Ok(constant(rows, ts)),
            Relation::Get { id, typ: _ } => self.get(*id),
            Relation::Let { id, value, body } => self.binding(*id, value, body),
            Relation::LetRec { bindings, body } => self.recursion(bindings, body),
            Relation::Project { .. } | Relation::Map { .. } | Relation::Filter { .. } => {
                let (block, below) = block::Block::above(plan);
                let input = match below {
                    Relation::Join { .. } => self.join(below, Some(&block))?,
                    below => self.relation(below)?,
                };
                let kept = self.kept_errors(&block, below, &input)?;
                block.apply(input, kept, ts)
            }
            Relation::FlatMap { input, func, exprs } => {
                let input = self.relation(input)?;
                let out = flat_map::flat_map(input, func, exprs, ts)?;
                Ok(match exprs.iter().any(is_call) {
                    true => out.computed(),
                    false => out,
                })
            }
            Relation::Join { .. } => self.join(plan, None),
            Relation::Reduce {
                input,
                group_key,
                aggregates,
                monotonic,
                expected_group_size,
            } => {
                let input = self.relation(input)?.computed().grouped();
                let promise = reduce::Promise {
                    monotonic: *monotonic,
                    expected_group_size: *expected_group_size,
                };
                reduce::reduce(input, group_key, aggregates, promise, ts)
            }
            Relation::TopK {
                input,
                group_key,
                order_key,
                limit,
                offset,
                monotonic,
                expected_group_size: _,
            } => {
                let mut input = self.relation(input)?.grouped();
                if limit.as_ref().is_some_and(is_call) {
                    input = input.computed();
                }
                let order = top_k::Order {
                    group_key,
                    order_key,
                    limit: limit.as_ref(),
                    offset: *offset,
                    monotonic: *monotonic,
                };
                top_k::top_k(input, &order, ts)
            }
            Relation::Negate { input } => Ok(negate(self.relation(input)?)),
            Relation::Threshold { input } => Ok(threshold(self.relation(input)?)),
            Relation::Union { inputs } => Ok(union(self.relations(inputs)?)),
            Relation::ArrangeBy { input, keys } => arrange_by(self.relation(input)?, keys, ts),
        }
    }

    fn get(&mut self, id: Id) -> Result<Evaluated, Undefined> {
        match id {
            Id::Global(id) => Ok((self.globals)(id, self.moment.ts)?.as_ref().clone()),
            Id::Local(id) => match self.locals.get(&id) {
                Some(known) => Ok(known.as_ref().clone()),
                None => Err(Undefined::Unsupported(format!("the unbound name {id}"))),
            },
        }
    }

    fn binding(
        &mut self,
        id: LocalId,
        value: &'p Relation,
        body: &'p Relation,
    ) -> Result<Evaluated, Undefined> {
        let contents = Arc::new(self.relation(value)?);
        let shadowed = self.locals.insert(id, contents);
        self.bound.push((id, value));
        let body = self.relation(body);
        self.bound.pop();
        match shadowed {
            Some(old) => self.locals.insert(id, old),
            None => self.locals.remove(&id),
        };
        body
    }

    /// A join, and what the block above it may raise of partial rows.
    fn join(
        &mut self,
        plan: &'p Relation,
        above: Option<&block::Block<'_>>,
    ) -> Result<Evaluated, Undefined> {
        let Relation::Join {
            inputs,
            equivalences,
            implementation,
        } = plan
        else {
            return self.relation(plan);
        };
        let evaluated = self.relations(inputs)?;
        let arities: Vec<usize> = inputs.iter().map(arity).collect();
        let early = match above {
            None => early::Early::default(),
            Some(block) => {
                let joined = early::Joined {
                    inputs,
                    arities: &arities,
                    equivalences,
                    implementation,
                    evaluated: &evaluated,
                };
                self.early(block, &joined)?
            }
        };
        let mut joined = join::join(evaluated, &arities, equivalences, self.moment.ts)?;
        joined.takes_back |= !early.negative.is_empty();
        joined.possible.extend(early.possible);
        joined.negative.extend(early.negative);
        Ok(match equivalences.iter().flatten().any(is_call) {
            true => joined.computed(),
            false => joined,
        })
    }

    fn relations(&mut self, plans: &'p [Relation]) -> Result<Vec<Evaluated>, Undefined> {
        plans.iter().map(|plan| self.relation(plan)).collect()
    }
}

/// Fixed updates as of a time.
fn constant(rows: &Result<Vec<(Row, Timestamp, Diff)>, EvalError>, ts: Timestamp) -> Evaluated {
    let mut out = Evaluated::default();
    match rows {
        Ok(rows) => {
            for (row, time, diff) in rows {
                if *time <= ts {
                    out.rows.add(row.clone(), *diff);
                    out.apart.insert(row.clone());
                } else {
                    out.horizon.end_at(*time);
                }
            }
            let rows = &out.rows;
            out.apart.retain(|row| rows.count(row) == 0);
        }
        Err(error) => out.fail(error.clone(), 1),
    }
    out
}

fn negate(input: Evaluated) -> Evaluated {
    let mut rows = Multiset::new();
    rows.add_all(&input.rows, -1);
    input.with_rows(rows)
}

fn threshold(input: Evaluated) -> Evaluated {
    let positive = input.rows.iter().filter(|(_, diff)| *diff > 0);
    let rows = positive.map(|(row, diff)| (row.clone(), diff)).collect();
    input.with_rows(rows)
}

fn union(inputs: Vec<Evaluated>) -> Evaluated {
    let mut out = Evaluated::default();
    for input in inputs {
        out.rows.add_all(&input.rows, 1);
        out.apart.extend(input.apart.iter().cloned());
        out.inherit(&input);
    }
    out
}

/// A key that fails shows only to readers of its arrangement, and which form a
/// reader takes is the planner's choice.
fn arrange_by(
    mut out: Evaluated,
    keys: &[Vec<MirScalarExpr>],
    ts: Timestamp,
) -> Result<Evaluated, Undefined> {
    for (row, diff) in out.rows.clone().iter() {
        let datums = row.unpack();
        for key in keys.iter().flatten() {
            if let Err(stop) = scalar::eval(key, &datums, ts) {
                out.may_raise(stop.fault()?, diff);
            }
        }
    }
    Ok(match keys.iter().flatten().any(is_call) {
        true => out.computed(),
        false => out,
    })
}

/// Whether it is computed, and so may fail.
fn is_call(expr: &MirScalarExpr) -> bool {
    match expr {
        MirScalarExpr::Column(..)
        | MirScalarExpr::Literal(..)
        | MirScalarExpr::CallUnmaterializable(_) => false,
        MirScalarExpr::CallUnary { .. }
        | MirScalarExpr::CallBinary { .. }
        | MirScalarExpr::CallVariadic { .. }
        | MirScalarExpr::If { .. } => true,
    }
}

/// A row of values.
fn pack(values: &[scalar::Value]) -> Row {
    Row::pack(values.iter().map(|value| scalar::reduced(value.datum())))
}

/// The number of columns of a plan.
fn arity(plan: &Relation) -> usize {
    match plan {
        Relation::Constant { typ, .. } | Relation::Get { typ, .. } => typ.arity(),
        Relation::Let { body, .. } | Relation::LetRec { body, .. } => arity(body),
        Relation::Project { outputs, .. } => outputs.len(),
        Relation::Map { input, scalars } => arity(input) + scalars.len(),
        Relation::FlatMap { input, func, .. } => arity(input) + flat_map::width(func),
        Relation::Join { inputs, .. } => inputs.iter().map(arity).sum(),
        Relation::Reduce {
            group_key,
            aggregates,
            ..
        } => group_key.len() + aggregates.len(),
        Relation::Filter { input, .. }
        | Relation::TopK { input, .. }
        | Relation::Negate { input }
        | Relation::Threshold { input }
        | Relation::ArrangeBy { input, .. } => arity(input),
        Relation::Union { inputs } => inputs.first().map_or(0, arity),
    }
}
