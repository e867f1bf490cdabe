//! Map, Filter and Project: a chain of them is one block, because a replica
//! evaluates it as one. Source: `spec/plan.md` §3, `spec/replica.md` §16.1,
//! §16.2.
//!
//! Invariants: a column that is not read is not evaluated; a row that a
//! predicate rejects raises nothing of the columns above it. Where predicates
//! mask each other's errors, the order is the replica's: the error is possible,
//! not certain.
//! A temporal predicate bounds the times of a row: what the block raises, it
//! raises from the row's own time on, whether the row is valid then or not;
//! unless the predicate is evaluated in the source, where the same one stands
//! above all reads of it: then the rest is looked at while the row is valid.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::scalar::{self, Stop, Value};
use super::temporal::{self, Lifetime};
use super::{Evaluated, Fault, Horizon, pack};
use crate::answer::Undefined;
use crate::multiset::Multiset;
use plan::Relation;
use protocol::v26_30::{BinaryFunc, Id, MirScalarExpr, VariadicFunc};
use repr::{Datum, Row, Timestamp};

/// The plan with bindings above the chains that stand on them: names come first
/// before anything is rendered, and what they stood between is one block then.
pub(super) fn bindings_first(mut plan: Relation) -> Relation {
    for child in plan.children_mut() {
        let nothing = Relation::Union { inputs: Vec::new() };
        *child = bindings_first(std::mem::replace(child, nothing));
    }
    let (Relation::Project { input, .. }
    | Relation::Map { input, .. }
    | Relation::Filter { input, .. }) = &mut plan
    else {
        return plan;
    };
    let (Relation::Let { body, .. } | Relation::LetRec { body, .. }) = &mut **input else {
        return plan;
    };
    let nothing = || Box::new(Relation::Union { inputs: Vec::new() });
    let body = std::mem::replace(body, nothing());
    let mut bindings = std::mem::replace(input, body);
    // What is below may have been a binding as well.
    let inner = bindings_first(plan);
    if let Relation::Let { body, .. } | Relation::LetRec { body, .. } = &mut *bindings {
        **body = inner;
    }
    *bindings
}

/// A chain of Map, Filter and Project.
pub(super) struct Block<'a> {
    computed: Vec<Scalar<'a>>,
    predicates: Vec<Scalar<'a>>,
    /// Predicates on `mz_now()`.
    bounds: Vec<Bound<'a>>,
    outputs: Layout,
    /// It reads a global collection: bounds may be pushed into a source.
    over_global: bool,
    /// Some part occurs twice: the replica may compute it ahead of predicates.
    shares: bool,
}

/// An expression, and what its column numbers meant where it was written.
struct Scalar<'a> {
    expr: &'a MirScalarExpr,
    layout: Layout,
}

/// `mz_now() op expr`.
struct Bound<'a> {
    func: BinaryFunc,
    scalar: Scalar<'a>,
}

type Layout = Rc<Vec<Origin>>;

/// Where a column's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Input(usize),
    Computed(usize),
}

impl<'a> Block<'a> {
    /// The block at the top of a plan, and the plan below it.
    pub(super) fn above(plan: &'a Relation) -> (Block<'a>, &'a Relation) {
        let mut steps = Vec::new();
        let mut below = plan;
        while let Relation::Project { input, .. }
        | Relation::Map { input, .. }
        | Relation::Filter { input, .. } = below
        {
            steps.push(below);
            below = input;
        }
        let mut layout: Layout = Rc::new((0..super::arity(below)).map(Origin::Input).collect());
        let mut computed: Vec<Scalar<'a>> = Vec::new();
        let mut predicates = Vec::new();
        let mut bounds = Vec::new();
        for step in steps.into_iter().rev() {
            if let Relation::Map { scalars, .. } = step {
                let mut origins = layout.as_ref().clone();
                for expr in scalars {
                    let layout = Rc::new(origins.clone());
                    origins.push(Origin::Computed(computed.len()));
                    computed.push(Scalar { expr, layout });
                }
                layout = Rc::new(origins);
            } else if let Relation::Filter {
                predicates: all, ..
            } = step
            {
                for expr in all {
                    let layout = Rc::clone(&layout);
                    match temporal::comparison(expr) {
                        Some((func, expr)) => {
                            let scalar = Scalar { expr, layout };
                            bounds.push(Bound { func, scalar });
                        }
                        None => predicates.push(Scalar { expr, layout }),
                    }
                }
            } else if let Relation::Project { outputs, .. } = step {
                let origins = outputs.iter().filter_map(|c| layout.get(*c).copied());
                layout = Rc::new(origins.collect());
            }
        }
        let mut block = Block {
            computed,
            predicates,
            bounds,
            outputs: layout,
            over_global: matches!(
                below,
                Relation::Get {
                    id: Id::Global(_),
                    ..
                }
            ),
            shares: false,
        };
        block.shares = block.has_shared_part();
        (block, below)
    }

    /// The block's answer over its input.
    /// `kept` are the errors that may be left of earlier times
    /// ([`Block::may_keep_errors`]).
    pub(super) fn apply(
        &self,
        input: Evaluated,
        kept: BTreeSet<Fault>,
        ts: Timestamp,
    ) -> Result<Evaluated, Undefined> {
        let (rows, apart) = (input.rows.clone(), input.apart.clone());
        let mut out = input.with_rows(Multiset::new());
        self.apply_apart(&apart, &mut out, ts)?;
        out.takes_back |= !kept.is_empty();
        out.negative.extend(kept.iter().cloned());
        out.possible.extend(kept);
        for (row, diff) in rows.iter() {
            let over = Over::new(self, row.iter().map(Some).collect(), ts);
            over.turn(&mut out.horizon);
            let mut outcome = over.outcome()?;
            let (mut possible, mut told) = (Vec::new(), None);
            if let Outcome::Row(values) = outcome {
                let lifetime = over.lifetime()?;
                possible.extend(lifetime.possible);
                outcome = match lifetime.now {
                    Ok(true) => Outcome::Row(values),
                    Ok(false) => Outcome::Dropped,
                    Err(fault) => Outcome::Failed(fault),
                };
            }
            match outcome {
                Outcome::Row(values) => out.rows.add(pack(&values), diff),
                Outcome::Dropped => {}
                Outcome::Failed(fault) if self.over_global && over.is_out_of_bounds() => {
                    out.may_raise(fault, diff);
                }
                Outcome::Failed(fault) => {
                    told = Some(fault.clone());
                    out.fail(fault, diff);
                }
            }
            possible.extend(over.possible()?);
            possible.retain(|fault| told.as_ref() != Some(fault));
            if let (false, Some(told), true) = (possible.is_empty(), told, diff < 0) {
                // Which of them takes back the error of another row is the replica's
                // choice.
                out.may_raise(told, diff);
            }
            for fault in possible {
                out.may_raise(fault, diff);
            }
        }
        // A bound is moved by a step, which is a call as well.
        let computes =
            !self.bounds.is_empty() || self.scalars().any(|scalar| super::is_call(scalar.expr));
        Ok(if computes { out.computed() } else { out })
    }

    /// What rows raise that cancel each other, and what is made of them.
    fn apply_apart(
        &self,
        rows: &BTreeSet<Row>,
        out: &mut Evaluated,
        ts: Timestamp,
    ) -> Result<(), Undefined> {
        for row in rows {
            let over = Over::new(self, row.iter().map(Some).collect(), ts);
            over.turn(&mut out.horizon);
            let values = match over.outcome()? {
                Outcome::Row(values) => values,
                Outcome::Dropped => continue,
                Outcome::Failed(fault) => {
                    out.raised_apart.insert(fault);
                    continue;
                }
            };
            let lifetime = over.lifetime()?;
            out.raised_apart.extend(lifetime.possible);
            match lifetime.now {
                Ok(true) => drop(out.apart.insert(pack(&values))),
                Ok(false) => {}
                Err(fault) => drop(out.raised_apart.insert(fault)),
            }
        }
        Ok(())
    }

    /// Whether an error may outlive its row: of several upper bounds one may be
    /// looked at when the row comes, and fail, and not be looked at when it
    /// goes, because another leaves the row no time then (`spec/plan.md` §3.3,
    /// step 4). What went before is not known to the evaluator of one time.
    pub(super) fn may_keep_errors(&self) -> bool {
        let uppers = || self.upper_bounds();
        uppers().count() > 1 && uppers().any(|bound| self.may_fail(&bound.scalar))
    }

    /// The bounds that need not all be looked at; lower ones always are.
    fn upper_bounds(&self) -> impl Iterator<Item = &Bound<'a>> {
        let is_upper =
            |func: &BinaryFunc| matches!(func, BinaryFunc::Eq | BinaryFunc::Lt | BinaryFunc::Lte);
        self.bounds
            .iter()
            .filter(move |bound| is_upper(&bound.func))
    }

    /// What the upper bounds raise of a row, each by itself.
    pub(super) fn faults_of_bounds(&self, row: &Row, ts: Timestamp) -> BTreeSet<Fault> {
        let over = Over::new(self, row.iter().map(Some).collect(), ts);
        let alone = |bound: &Bound<'_>| {
            let alone = vec![(&bound.func, || over.scalar(&bound.scalar))];
            temporal::lifetime(alone, ts).ok()?.now.err()
        };
        self.upper_bounds().filter_map(alone).collect()
    }

    /// Whether a scalar fails for some row, as far as that shows without one.
    fn may_fail(&self, scalar: &Scalar<'_>) -> bool {
        if let MirScalarExpr::Column(column, _) = scalar.expr {
            return match scalar.layout.get(*column) {
                Some(Origin::Computed(index)) => self.may_fail(&self.computed[*index]),
                Some(Origin::Input(_)) | None => false,
            };
        }
        let mut reads = false;
        visit(scalar.expr, &mut |node| {
            reads |= matches!(node, MirScalarExpr::Column(..));
        });
        reads || scalar::eval(scalar.expr, &[], Timestamp::MIN).is_err()
    }

    /// What is computed of a row, wherever it stands.
    fn scalars(&self) -> impl Iterator<Item = &Scalar<'a>> {
        let bounds = self.bounds.iter().map(|bound| &bound.scalar);
        self.computed.iter().chain(&self.predicates).chain(bounds)
    }

    /// Whether nothing is computed that could fail.
    pub(super) fn is_infallible(&self) -> bool {
        let plain = |scalar: &Scalar<'_>| matches!(scalar.expr, MirScalarExpr::Column(..));
        self.scalars().all(plain)
    }

    /// What the scalars raise of a row of which some columns are not there yet.
    pub(super) fn faults(&self, datums: Vec<Option<Datum<'_>>>, ts: Timestamp) -> Vec<Fault> {
        let over = Over::new(self, datums, ts);
        let stops = self
            .scalars()
            .filter_map(|scalar| over.scalar(scalar).err());
        // What lacks a column is not computed yet.
        stops.filter_map(|stop| stop.fault().ok()).collect()
    }

    /// Whether a call occurs more than once, columns that are read more than
    /// once included.
    fn has_shared_part(&self) -> bool {
        let mut reads = vec![0_usize; self.computed.len()];
        let mut calls: Vec<&MirScalarExpr> = Vec::new();
        let mut shared = false;
        for scalar in self.scalars() {
            let mut behind = plan::scalar::support(scalar.expr);
            visit(scalar.expr, &mut |node| match node {
                MirScalarExpr::Column(column, _) => {
                    behind.remove(column);
                    if let Some(Origin::Computed(index)) = scalar.layout.get(*column) {
                        reads[*index] += 1;
                    }
                }
                MirScalarExpr::Literal(..) | MirScalarExpr::CallUnmaterializable(_) => {}
                MirScalarExpr::CallUnary { .. }
                | MirScalarExpr::CallBinary { .. }
                | MirScalarExpr::CallVariadic { .. }
                | MirScalarExpr::If { .. } => {
                    shared |= calls.contains(&node);
                    calls.push(node);
                }
            });
            // Those in branches of If and Coalesce.
            for column in behind {
                if let Some(Origin::Computed(index)) = scalar.layout.get(column) {
                    reads[*index] += 1;
                }
            }
        }
        for origin in self.outputs.iter() {
            if let Origin::Computed(index) = origin {
                reads[*index] += 1;
            }
        }
        shared || reads.iter().any(|reads| *reads > 1)
    }
}

/// What becomes of a row.
enum Outcome {
    Row(Vec<Value>),
    Dropped,
    Failed(Fault),
}

/// A block over one row; columns are computed when they are read.
struct Over<'b, 'a, 'r> {
    block: &'b Block<'a>,
    /// What is known of the input; a column may not be there yet.
    datums: Vec<Option<Datum<'r>>>,
    memo: RefCell<Vec<Option<scalar::Result>>>,
    ts: Timestamp,
}

impl<'b, 'a, 'r> Over<'b, 'a, 'r> {
    fn new(block: &'b Block<'a>, datums: Vec<Option<Datum<'r>>>, ts: Timestamp) -> Self {
        Over {
            block,
            datums,
            memo: RefCell::new(vec![None; block.computed.len()]),
            ts,
        }
    }

    /// The row's bounds may say something else of it at later times.
    fn turn(&self, horizon: &mut Horizon) {
        let bounds = self.block.bounds.iter();
        let bounds = bounds.filter_map(|bound| match self.scalar(&bound.scalar).ok()?.datum() {
            Datum::MzTimestamp(time) => Some(time),
            _ => None,
        });
        let turns = bounds.flat_map(temporal::turns);
        let later = turns.filter(|turn| *turn > self.ts);
        later.for_each(|turn| horizon.end_at(turn));
    }

    fn origin(&self, origin: Origin) -> scalar::Result {
        match origin {
            Origin::Input(column) => match self.datums.get(column).copied().flatten() {
                Some(datum) => Ok(Value::new(datum)),
                None => Err(Stop::Unsupported(format!("column #{column}"))),
            },
            Origin::Computed(index) => {
                if let Some(known) = &self.memo.borrow()[index] {
                    return known.clone();
                }
                let computed = self.scalar(&self.block.computed[index]);
                self.memo.borrow_mut()[index] = Some(computed.clone());
                computed
            }
        }
    }

    fn expr(&self, expr: &MirScalarExpr, layout: &Layout) -> scalar::Result {
        let column = &mut |column: usize| match layout.get(column) {
            Some(origin) => self.origin(*origin),
            None => Err(Stop::Unsupported(format!("column #{column}"))),
        };
        scalar::eval_over(expr, column, self.ts)
    }

    fn scalar(&self, scalar: &Scalar<'_>) -> scalar::Result {
        self.expr(scalar.expr, &scalar.layout)
    }

    /// When the row is valid, by the predicates on `mz_now()`.
    fn lifetime(&self) -> Result<Lifetime, Undefined> {
        let bounds = self.block.bounds.iter();
        let evaluated = bounds.map(|bound| (&bound.func, || self.scalar(&bound.scalar)));
        temporal::lifetime(evaluated.collect(), self.ts)
    }

    /// Whether some bound alone says that the row is not valid.
    fn is_out_of_bounds(&self) -> bool {
        self.block.bounds.iter().any(|bound| {
            let alone = vec![(&bound.func, || self.scalar(&bound.scalar))];
            let alone = temporal::lifetime(alone, self.ts);
            alone.is_ok_and(|alone| alone.now == Ok(false))
        })
    }

    /// The outcome if no predicate masks an error and no bound were there; a
    /// masked error is reported by [`Over::possible`].
    fn outcome(&self) -> Result<Outcome, Undefined> {
        let mut failed = None;
        for predicate in &self.block.predicates {
            match self.scalar(predicate) {
                Ok(value) if value.datum() == Datum::True => {}
                Ok(_) => return Ok(Outcome::Dropped),
                Err(stop) => {
                    let fault = stop.fault()?;
                    failed.get_or_insert(fault);
                }
            }
        }
        if let Some(fault) = failed {
            // Whether a later predicate drops the row was decided above.
            return Ok(Outcome::Failed(fault));
        }
        let mut values = Vec::with_capacity(self.block.outputs.len());
        for origin in self.block.outputs.iter() {
            match self.origin(*origin) {
                Ok(value) => values.push(value),
                Err(stop) => return Ok(Outcome::Failed(stop.fault()?)),
            }
        }
        Ok(Outcome::Row(values))
    }

    /// Errors that another order of evaluation would have met.
    fn possible(&self) -> Result<Vec<Fault>, Undefined> {
        let mut stops: Vec<Stop> = Vec::new();
        let mut passes = true;
        for predicate in &self.block.predicates {
            let value = self.scalar(predicate);
            passes &= matches!(&value, Ok(value) if value.datum() == Datum::True);
            stops.extend(value.err());
            if self.block.shares {
                self.masked(predicate.expr, &predicate.layout, &mut stops);
            }
        }
        if passes || self.block.shares {
            for origin in self.block.outputs.iter() {
                stops.extend(self.origin(*origin).err());
                if let (Origin::Computed(index), true) = (origin, self.block.shares) {
                    let scalar = &self.block.computed[*index];
                    self.masked(scalar.expr, &scalar.layout, &mut stops);
                }
            }
        }
        if self.block.shares {
            for bound in &self.block.bounds {
                stops.extend(self.scalar(&bound.scalar).err());
            }
        }
        stops.into_iter().map(Stop::fault).collect()
    }

    /// Errors of operands that AND and OR skip, and of computed columns that stand in a
    /// branch of If or Coalesce: what is read more than once is computed before.
    fn masked(&self, expr: &MirScalarExpr, layout: &Layout, stops: &mut Vec<Stop>) {
        for column in plan::scalar::support(expr) {
            if let Some(origin @ Origin::Computed(_)) = layout.get(column) {
                stops.extend(self.origin(*origin).err());
            }
        }
        visit(expr, &mut |node| {
            if let MirScalarExpr::CallVariadic {
                func: VariadicFunc::And | VariadicFunc::Or,
                exprs,
            } = node
            {
                for operand in exprs {
                    stops.extend(self.expr(operand, layout).err());
                }
            }
        });
    }
}

/// Calls `f` on every node that is always evaluated with its parent, and on
/// those behind AND and OR; not on the branches of If and Coalesce.
fn visit<'e>(expr: &'e MirScalarExpr, f: &mut dyn FnMut(&'e MirScalarExpr)) {
    f(expr);
    match expr {
        MirScalarExpr::Column(..)
        | MirScalarExpr::Literal(..)
        | MirScalarExpr::CallUnmaterializable(_) => {}
        MirScalarExpr::CallUnary { expr, .. } => visit(expr, f),
        MirScalarExpr::CallBinary { expr1, expr2, .. } => {
            visit(expr1, f);
            visit(expr2, f);
        }
        MirScalarExpr::CallVariadic {
            func: VariadicFunc::Coalesce,
            exprs,
        } => {
            if let Some(first) = exprs.first() {
                visit(first, f);
            }
        }
        MirScalarExpr::CallVariadic { exprs, .. } => {
            for expr in exprs {
                visit(expr, f);
            }
        }
        MirScalarExpr::If { cond, .. } => visit(cond, f),
    }
}
