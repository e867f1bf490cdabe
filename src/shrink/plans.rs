//! Simpler plans: what a dataflow builds, with an operator less, a scalar less,
//! an option less. Source: the operators of `spec/plan.md` §2.
//!
//! Invariants: a candidate has as many columns as the plan that it replaces, so
//! that whatever reads it stays as it is; whether it is well typed is for the
//! caller to ask. Equal plans stay equal: a dataflow that is created again must
//! stay the one that it was. What recurs without a limit stays as it is: whether
//! anything else reaches a fixed point cannot be told.

use std::collections::BTreeSet;

use super::edits::Commands;
use super::inputs::over_plainer_inputs;
use super::parts::{fitted, shorter, without_a_part};
use crate::plan::{Globals, Relation, functions, resolve_types, scalar, window_order};
use crate::protocol::v26_30::{Id, MirScalarExpr, UnaryFunc, VariadicFunc};
use crate::repr::LocalId;
use crate::script::interpret::{Interpreter, Uuids};
use crate::script::{Command, Plan};

/// Every plan that some dataflow builds or some peek computes, each once.
pub fn plans(commands: &[Command]) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::new();
    let dataflows = commands.iter().filter_map(Command::dataflow);
    let builds = dataflows.flat_map(|dataflow| &dataflow.builds);
    let peeks = commands.iter().filter_map(computed);
    for plan in builds.map(|build| &build.plan).chain(peeks) {
        if !plans.contains(plan) {
            plans.push(plan.clone());
        }
    }
    plans
}

/// What a peek computes of the rows that it looks at.
fn computed(command: &Command) -> Option<&Plan> {
    command.selection()?.plan.as_deref()
}

/// Plans simpler than this one, which some dataflow builds. None if it does not
/// mean anything there.
pub fn simpler(commands: &[Command], plan: &Plan) -> Vec<Plan> {
    let Some((plan, _)) = typed(commands, plan) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let fixed = recurring(&plan);
    let reads = reads(&plan);
    for at in (0..count(&plan)).filter(|at| !fixed.contains(at)) {
        let operator = node(&plan, &mut at.clone());
        let mut variants = variants(operator);
        if let Relation::Constant { .. } = operator {
            let reads = reads.iter().cloned();
            variants.extend(reads.filter_map(|read| fitted(read, operator.arity())));
        }
        for variant in variants {
            let mut candidate = plan.clone();
            replace(&mut candidate, &mut at.clone(), variant);
            let candidate = Plan::from(candidate);
            if !out.contains(&candidate) {
                out.push(candidate);
            }
        }
    }
    out
}

/// The collections that a plan reads, each once.
fn reads(plan: &Relation) -> Vec<Relation> {
    let mut reads: Vec<Relation> = Vec::new();
    plan.visit(&mut |operator| {
        if let Relation::Get {
            id: Id::Global(_), ..
        } = operator
            && !reads.contains(operator)
        {
            reads.push(operator.clone());
        }
    });
    reads
}

/// The script with one plan replaced by another, wherever it stands.
pub fn with_plan(commands: &[Command], from: &Plan, to: &Plan) -> Commands {
    let mut out = commands.to_vec();
    let dataflows = out.iter_mut().filter_map(Command::dataflow_mut);
    for build in dataflows.flat_map(|dataflow| &mut dataflow.builds) {
        if build.plan == *from {
            build.plan.clone_from(to);
        }
    }
    for selection in out.iter_mut().filter_map(Command::selection_mut) {
        if selection.plan.as_deref() == Some(from) {
            selection.plan = Some(Box::new(to.clone()));
        }
    }
    out
}

/// The plan with the types of what it reads where it stands first, and these types.
pub(super) fn typed(commands: &[Command], plan: &Plan) -> Option<(Relation, Globals)> {
    let mut interpreter = Interpreter::new(Uuids::Seeded(0));
    for command in commands {
        let types = match command.dataflow() {
            Some(dataflow) if dataflow.builds.iter().any(|build| build.plan == *plan) => {
                Some(interpreter.readable(dataflow).ok()?)
            }
            Some(_) => None,
            None if computed(command) == Some(plan) => Some(interpreter.peeked(command)?),
            None => None,
        };
        if let Some(types) = types {
            let mut typed = plan.operators()?.clone();
            resolve_types(&mut typed, &types).ok()?;
            return Some((typed, types));
        }
        // What cannot be put together makes nothing that could be read.
        let _ = interpreter.take(command);
    }
    None
}

/// The places, in pre-order, of what is inside a recursion without a limit.
fn recurring(plan: &Relation) -> BTreeSet<usize> {
    let mut places = BTreeSet::new();
    let mut at = 0;
    plan.visit(&mut |operator| {
        if let Relation::LetRec { bindings, .. } = operator
            && bindings.iter().any(|binding| binding.limit.is_none())
        {
            let inside: usize = bindings.iter().map(|b| count(&b.value)).sum();
            places.extend(at + 1..=at + inside);
        }
        at += 1;
    });
    places
}

pub(super) fn count(plan: &Relation) -> usize {
    let mut nodes = 0;
    plan.visit(&mut |_| nodes += 1);
    nodes
}

/// The node at this place in pre-order.
fn node<'a>(plan: &'a Relation, at: &mut usize) -> &'a Relation {
    let mut found = plan;
    plan.visit(&mut |operator| {
        if *at == 0 {
            found = operator;
        }
        *at = at.wrapping_sub(1);
    });
    found
}

/// Puts another node at this place; true once that is done.
pub(super) fn replace(plan: &mut Relation, at: &mut usize, node: Relation) -> bool {
    if *at == 0 {
        *plan = node;
        return true;
    }
    for child in plan.children_mut() {
        *at -= 1;
        if *at == 0 {
            *child = node;
            return true;
        }
        let inside = count(child);
        if *at < inside {
            return replace(child, at, node);
        }
        *at -= inside - 1;
    }
    false
}

/// What may stand in place of an operator, with as many columns.
fn variants(operator: &Relation) -> Vec<Relation> {
    let arity = operator.arity();
    let mut out: Vec<Relation> = operator
        .children()
        .into_iter()
        .filter_map(|child| fitted(child.clone(), arity))
        .collect();
    if let Relation::Let { id, value, body } = operator {
        out.push(inlined(body, *id, value));
    }
    // Either of them alone would turn the signs around.
    if let Relation::Negate { input } = operator
        && let Relation::Negate { input } = input.as_ref()
    {
        out.push(input.as_ref().clone());
    }
    // Without one of them there is one row a group, or no list to take apart.
    if let Relation::FlatMap { input, .. } = operator {
        let rows = below_a_list(input).cloned();
        out.extend(rows.and_then(|rows| fitted(rows, arity)));
    }
    out.extend(without_a_part(operator));
    out.extend(over_plainer_inputs(operator));
    out.extend(with_simpler_scalars(operator));
    out
}

/// The rows of which a window function makes its lists.
fn below_a_list(list: &Relation) -> Option<&Relation> {
    let list = match list {
        Relation::Project { input, .. } => input,
        other => other,
    };
    let Relation::Reduce {
        input, aggregates, ..
    } = list
    else {
        return None;
    };
    let mut windows = aggregates.iter().map(|a| window_order(&a.func));
    windows.any(|order| order.is_some()).then_some(&**input)
}

/// The body of a binding with its value wherever it is read.
fn inlined(body: &Relation, bound: LocalId, value: &Relation) -> Relation {
    let is_bound_again = |r: &Relation| matches!(r, Relation::Let { id, .. } if *id == bound);
    let reads_it =
        |r: &Relation| matches!(r, Relation::Get { id: Id::Local(id), .. } if *id == bound);
    if reads_it(body) {
        return value.clone();
    }
    let mut body = body.clone();
    if !is_bound_again(&body) {
        for child in body.children_mut() {
            *child = inlined(child, bound, value);
        }
    }
    body
}

/// Whether a call gives a truth value, as far as its function alone tells.
fn is_predicate(expr: &MirScalarExpr) -> bool {
    match expr {
        MirScalarExpr::CallUnary { func, .. } => matches!(
            func,
            UnaryFunc::Not | UnaryFunc::IsNull | UnaryFunc::IsTrue | UnaryFunc::IsFalse
        ),
        MirScalarExpr::CallBinary { func, .. } => functions::is_comparison(func),
        MirScalarExpr::CallVariadic { func, .. } => {
            matches!(func, VariadicFunc::And | VariadicFunc::Or)
        }
        MirScalarExpr::Column(..)
        | MirScalarExpr::Literal(..)
        | MirScalarExpr::CallUnmaterializable(_)
        | MirScalarExpr::If { .. } => false,
    }
}

/// The operator with one call in one of its scalars replaced by one of the
/// call's arguments.
fn with_simpler_scalars(operator: &Relation) -> Vec<Relation> {
    let mut out = Vec::new();
    for (which, whole) in operator.scalars().into_iter().enumerate() {
        for simpler in simpler_scalars(whole) {
            let mut copy = operator.clone();
            *copy.scalars_mut()[which] = simpler;
            out.push(copy);
        }
    }
    out
}

/// The expression with one call somewhere in it replaced by an argument of it, or by
/// what is always true or false, or with an argument less.
fn simpler_scalars(expr: &MirScalarExpr) -> Vec<MirScalarExpr> {
    let mut out: Vec<MirScalarExpr> = scalar::children(expr).into_iter().cloned().collect();
    if is_predicate(expr) {
        out.extend([false, true].map(scalar::boolean));
    }
    if let MirScalarExpr::CallVariadic { func, exprs } = expr {
        out.extend(
            shorter(exprs)
                .filter(|(_, fewer)| fewer.len() > 1)
                .map(|(_, exprs)| MirScalarExpr::CallVariadic {
                    func: func.clone(),
                    exprs,
                }),
        );
    }
    for at in 0..scalar::children(expr).len() {
        for simpler in simpler_scalars(scalar::children(expr)[at]) {
            let mut copy = expr.clone();
            *scalar::children_mut(&mut copy)[at] = simpler;
            out.push(copy);
        }
    }
    out
}
