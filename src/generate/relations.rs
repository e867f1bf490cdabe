//! Plans of a few operators over what a dataflow can read. Source:
//! `spec/script.md` §3, operators as in `spec/plan.md` §2.
//!
//! Invariants: an operator that the type checker refuses is left out, so what
//! is drawn is well typed; it has at least one column, and at most
//! [`WIDEST`]; what upstream gets wrong on purpose, or leaves open, occurs only
//! if the profile's switch says so.

use std::collections::BTreeSet;

use super::choices::Choices;
use super::plans::{WIDEST, key};
use super::profile::Profile;
use super::scalars::{self, Over};
use crate::plan::scalar::{as_column, binary, column, int64, literal};
use crate::plan::{Globals, JoinImplementation, Relation, RelationType, type_of};
use crate::protocol::v26_30::{BinaryFunc, EvalError, MirScalarExpr, TableFunc};
use crate::repr::{
    Datum, Diff, GlobalId, LocalId, ReprColumnType, ReprScalarType, Row, SqlColumnType,
    SqlScalarType,
};

/// Rows that a plan may be expected to have, at most.
const LARGEST: u64 = 3_000;

/// A collection that a plan may read.
#[derive(Debug, Clone)]
pub struct Readable {
    pub id: GlobalId,
    pub typ: RelationType,
    /// It never retracts.
    pub monotonic: bool,
    /// A guess at how many rows it has.
    pub size: u64,
    /// Keys by which it can be read as an arrangement.
    pub keys: Vec<Vec<usize>>,
    /// A shard with parts that may be passed over, by their statistics.
    pub statistics: bool,
}

/// A plan, and what is known of its result.
#[derive(Debug, Clone)]
pub struct Drawn {
    pub plan: Relation,
    pub typ: RelationType,
    pub monotonic: bool,
    pub size: u64,
    /// Keys by which it is arranged already.
    pub keys: Vec<Vec<usize>>,
}

impl Drawn {
    fn read(readable: &Readable) -> Drawn {
        let Readable {
            id,
            typ,
            monotonic,
            size,
            keys,
            statistics: _,
        } = readable.clone();
        Drawn {
            plan: Relation::get_global(id, typ.clone()),
            typ,
            monotonic,
            size,
            keys,
        }
    }

    fn columns(&self) -> &[ReprColumnType] {
        &self.typ.column_types
    }

    fn arity(&self) -> usize {
        self.typ.arity()
    }

    fn of_type(&self, typ: &ReprScalarType) -> Vec<usize> {
        scalars::columns_of(self.columns(), typ)
    }
}

/// What plans are drawn from.
pub struct Planner<'c, 'p> {
    pub choices: &'c mut dyn Choices,
    pub profile: &'p Profile,
    pub readable: Vec<Readable>,
    /// What is readable and was not read yet.
    unread: BTreeSet<GlobalId>,
    /// Counts may become negative.
    pub negative: bool,
    /// Nothing may fail: an error with a negative count, inside a recursion,
    /// comes and goes for ever.
    pub(super) careful: bool,
    /// Joins, bindings anywhere and mixed reduces are planned before lowering.
    pub planned: bool,
    pub(super) locals: Vec<(LocalId, Drawn)>,
    pub(super) next_local: u64,
}

impl<'c, 'p> Planner<'c, 'p> {
    pub fn new(choices: &'c mut dyn Choices, profile: &'p Profile, planned: bool) -> Self {
        Planner {
            choices,
            profile,
            negative: false,
            careful: false,
            readable: Vec::new(),
            unread: BTreeSet::new(),
            planned,
            locals: Vec::new(),
            next_local: 0,
        }
    }

    /// Makes something readable, which plans then tend to read.
    pub fn offer(&mut self, readable: Readable) {
        self.unread.insert(readable.id);
        self.readable.push(readable);
    }

    /// Draws a whole plan.
    pub fn draw(&mut self) -> Drawn {
        let depth = self.choices.between("operators", 1, self.profile.depth);
        let recursions = if self.negative { 0 } else { 2 };
        let forms = [40, 8, 4 * recursions, 1];
        let drawn = match self.choices.weighted("bindings", &forms) {
            Some(1) => self.binding(depth as usize),
            Some(2) => self.recursion(),
            Some(3) => self.chain(),
            _ => self.relation(depth as usize),
        };
        self.narrowed(drawn)
    }

    /// At least one column and not too many.
    fn narrowed(&mut self, drawn: Drawn) -> Drawn {
        match drawn.arity() {
            0 => self.over(drawn, |input, _| input.map(vec![int64(1)])),
            1..=WIDEST => drawn,
            _ => self.project(drawn),
        }
    }

    /// One operator over one input; the input itself if it would be ill-typed.
    pub(super) fn over(
        &mut self,
        input: Drawn,
        build: impl FnOnce(Relation, &mut Self) -> Relation,
    ) -> Drawn {
        let fallback = input.clone();
        self.combined(vec![input], |mut inputs, planner| match inputs.pop() {
            Some(input) => build(input, planner),
            None => Relation::Union { inputs },
        })
        .unwrap_or(fallback)
    }

    /// One operator over these inputs, in order; `None` if it is ill-typed.
    /// `build` gets stand-ins for the inputs, of their types.
    pub(super) fn combined(
        &mut self,
        inputs: Vec<Drawn>,
        build: impl FnOnce(Vec<Relation>, &mut Self) -> Relation,
    ) -> Option<Drawn> {
        let mut globals = Globals::new();
        let stand_ins = inputs.iter().zip(0..).map(|(input, n)| {
            let id = GlobalId::Transient(n);
            globals.insert(id, input.typ.clone());
            Relation::get_global(id, input.typ.clone())
        });
        let stand_ins = stand_ins.collect();
        let mut plan = build(stand_ins, self);
        let typ = type_of(&plan, &globals).ok()?;
        let monotonic = inputs.iter().all(|input| input.monotonic);
        let size = inputs.iter().map(|input| input.size).max().unwrap_or(1);
        for (child, input) in plan.children_mut().into_iter().zip(inputs) {
            *child = input.plan;
        }
        Some(Drawn {
            plan,
            typ,
            monotonic,
            size,
            keys: Vec::new(),
        })
    }

    pub(super) fn relation(&mut self, depth: usize) -> Drawn {
        if depth == 0 {
            return self.leaf();
        }
        let below = depth - 1;
        const FORMS: [u64; 18] = [4, 4, 3, 6, 3, 4, 3, 2, 2, 2, 2, 2, 1, 2, 4, 1, 2, 3];
        let mut weights = FORMS;
        if !self.planned {
            // The joins would stay unplanned, and bindings stand at the top.
            (weights[13], weights[14], weights[15]) = (0, 0, 0);
        }
        if self.unread.len() > 1 {
            // What reads several inputs: unions, differences, joins.
            for (form, times) in [(6, 8), (7, 5), (8, 3), (14, 10)] {
                weights[form] *= times;
            }
        }
        match self.choices.weighted("operator of a plan", &weights) {
            Some(1) => self.atop(below, Self::map),
            Some(2) => self.atop(below, Self::project),
            Some(3) => self.atop(below, Self::reduce),
            Some(4) => self.atop(below, Self::distinct),
            Some(5) => self.atop(below, Self::top_k),
            Some(6) => self.union(below),
            Some(7) => self.difference(below),
            Some(8) => self.without_some(below),
            Some(9) => self.atop(below, Self::threshold),
            Some(10) => self.atop(below, Self::flat_map),
            Some(11) => self.temporal(below),
            Some(12) => self.atop(below, Self::negated_twice),
            Some(13) => self.binding(depth),
            Some(14) => self.join(below, true),
            Some(15) => self.join(below, false),
            Some(16) => self.lookup(below),
            Some(17) => self.above_changes(below),
            _ => self.atop(below, Self::filter),
        }
    }

    /// An operator over a plan of at most `below` operators.
    fn atop(&mut self, below: usize, operator: impl FnOnce(&mut Self, Drawn) -> Drawn) -> Drawn {
        let input = self.relation(below);
        operator(self, input)
    }

    pub(super) fn leaf(&mut self) -> Drawn {
        let (locals, globals) = (self.locals.len(), self.readable.len());
        if locals > 0 && self.choices.chance("read a binding", 2, 3) {
            let (id, bound) = &self.locals[self.choices.index("binding", locals)];
            return Drawn {
                plan: Relation::get_local(*id, bound.typ.clone()),
                ..bound.clone()
            };
        }
        if globals == 0 || self.choices.chance("constant", 1, 8) {
            return self.constant();
        }
        let is_unread = |at: &usize| self.unread.contains(&self.readable[*at].id);
        let unread: Vec<usize> = (0..globals).filter(is_unread).collect();
        let index = match !unread.is_empty() && self.choices.chance("read something else", 3, 4) {
            true => unread[self.choices.index("unread collection", unread.len())],
            // The newest, so that what was built is read.
            false => globals - 1 - self.choices.index("read collection", globals),
        };
        self.unread.remove(&self.readable[index].id);
        let read = Drawn::read(&self.readable[index]);
        // A part is passed over by what is filtered where its shard is read.
        let filters = self.readable[index].statistics && !self.careful;
        match filters && self.choices.chance("filter at a shard", 1, 5) {
            true if self.choices.chance("of now", 2, 3) => self.of_now(read),
            true => self.filter(read),
            false => read,
        }
    }

    fn constant(&mut self) -> Drawn {
        let types = [
            ReprScalarType::Int64,
            ReprScalarType::String,
            ReprScalarType::Int32,
            ReprScalarType::Bool,
            ReprScalarType::MzTimestamp,
            ReprScalarType::Int16,
        ];
        let arity = self.choices.between("constant columns", 1, 3);
        let columns = (0..arity).map(|c| match c {
            0 if !self.choices.chance("first column of any type", 1, 4) => ReprScalarType::Int64,
            _ => types[self.choices.index("constant column", types.len())].clone(),
        });
        let columns: Vec<ReprScalarType> = columns.collect();
        let count = self.choices.index("constant rows", 5);
        let mut rows: Vec<(Row, u64, Diff)> = Vec::new();
        let mut monotonic = true;
        for _ in 0..count {
            let values: Vec<MirScalarExpr> = columns
                .iter()
                .map(|typ| scalars::value(self.choices, typ))
                .collect();
            let datums = values.iter().filter_map(crate::plan::scalar::as_literal);
            let row = Row::pack(datums.flat_map(Row::iter));
            let negative = self.negative && self.choices.chance("negative row", 1, 4);
            let diff = match negative {
                true => -1,
                false => 1 + i64::from(self.choices.chance("two copies", 1, 5)),
            };
            monotonic &= diff > 0;
            rows.push((row, 0, diff));
        }
        let column = |scalar_type: &ReprScalarType| ReprColumnType {
            scalar_type: scalar_type.clone(),
            nullable: false,
        };
        let typ = RelationType {
            column_types: columns.iter().map(column).collect(),
            keys: Vec::new(),
        };
        let rows = match !self.careful && self.choices.chance("constant error", 1, 40) {
            true => Err(EvalError::DivisionByZero),
            false => Ok(rows),
        };
        Drawn {
            plan: Relation::Constant {
                rows,
                typ: typ.clone(),
            },
            typ,
            monotonic,
            size: count as u64,
            keys: Vec::new(),
        }
    }

    /// How bold the scalars of the next operator are.
    pub(super) fn is_fallible(&mut self) -> bool {
        !self.careful && self.choices.chance("fallible scalars", 1, 6)
    }

    /// What is drawn where nothing may fail.
    pub(super) fn carefully(&mut self, draw: impl FnOnce(&mut Self) -> Drawn) -> Drawn {
        let before = std::mem::replace(&mut self.careful, true);
        let drawn = draw(self);
        self.careful = before;
        drawn
    }

    /// What the scalars of the next operator read, and how bold they are.
    pub(super) fn scope<'s>(&self, columns: &'s [ReprColumnType], fallible: bool) -> Over<'s> {
        Over {
            columns,
            fallible,
            careful: self.careful,
        }
    }

    fn filter(&mut self, input: Drawn) -> Drawn {
        let fallible = self.is_fallible();
        let columns = input.columns().to_vec();
        self.over(input, |input, planner| {
            let over = planner.scope(&columns, fallible);
            let count = planner.choices.weighted("predicates", &[5, 2]).unwrap_or(0) + 1;
            let predicates = (0..count).map(|_| scalars::predicate(planner.choices, over, 2));
            input.filter(predicates.collect())
        })
    }

    /// Appends columns of types that are there already.
    pub(super) fn map(&mut self, input: Drawn) -> Drawn {
        let fallible = self.is_fallible();
        let columns = input.columns().to_vec();
        self.over(input, |input, planner| {
            let over = planner.scope(&columns, fallible);
            let count = planner.choices.weighted("mapped", &[5, 2]).unwrap_or(0) + 1;
            let exprs = (0..count).map(|_| {
                let typ = planner.some_type(&columns);
                scalars::draw(planner.choices, over, &typ, 2)
            });
            input.map(exprs.collect())
        })
    }

    fn some_type(&mut self, columns: &[ReprColumnType]) -> ReprScalarType {
        match columns.len() {
            n if n > 0 && !self.choices.chance("truth value", 1, 4) => {
                let c = self.choices.index("type of", n);
                columns[c].scalar_type.clone()
            }
            _ => ReprScalarType::Bool,
        }
    }

    pub(super) fn project(&mut self, input: Drawn) -> Drawn {
        let arity = input.arity();
        if arity == 0 {
            return input;
        }
        let most = arity.min(WIDEST) as u64;
        let count = self.choices.between("projected columns", 1, most);
        let outputs: Vec<usize> = (0..count)
            .map(|_| self.choices.index("projected column", arity))
            .collect();
        self.over(input, |input, _| input.project(outputs))
    }

    /// The input with as many and such columns as `like`; `None` if it lacks
    /// one.
    pub(super) fn fitted(&mut self, input: Drawn, like: &RelationType) -> Option<Drawn> {
        let mut outputs = Vec::new();
        for column in &like.column_types {
            let fitting = input.of_type(&column.scalar_type);
            if fitting.is_empty() {
                return None;
            }
            outputs.push(fitting[self.choices.index("fitting column", fitting.len())]);
        }
        if outputs.iter().copied().eq(0..input.arity()) {
            return Some(input);
        }
        Some(self.over(input, |input, _| input.project(outputs)))
    }

    fn union(&mut self, depth: usize) -> Drawn {
        let base = self.relation(depth);
        let mut inputs = vec![base.clone()];
        for _ in 0..self.choices.between("more inputs", 1, 2) {
            let other = self.relation(depth.min(1));
            let other = self.fitted(other, &base.typ);
            // What does not fit is replaced by the base's own rows.
            let other = other.or_else(|| is_unbound(&base.plan).then(|| base.clone()));
            inputs.extend(other);
        }
        let inputs = inputs
            .into_iter()
            .map(|input| self.perhaps_arranged(input))
            .collect();
        let union = self.combined(inputs, |inputs, _| Relation::Union { inputs });
        let mut union = union.unwrap_or(base);
        union.size *= 2;
        union
    }

    /// `Threshold (A - B)`.
    fn difference(&mut self, depth: usize) -> Drawn {
        let base = self.relation(depth);
        let other = self.relation(depth.min(1));
        let Some(other) = self.fitted(other, &base.typ) else {
            return self.without(base);
        };
        let Some(difference) = self.minus(base.clone(), other) else {
            return base;
        };
        let bare = self.negative && self.choices.chance("no threshold", 1, 2);
        match bare {
            true => difference,
            false => self.over(difference, |input, _| input.threshold()),
        }
    }

    fn minus(&mut self, base: Drawn, other: Drawn) -> Option<Drawn> {
        let negated = self.over(other, |input, _| input.negate());
        let mut difference =
            self.combined(vec![base, negated], |inputs, _| Relation::Union { inputs })?;
        difference.monotonic = false;
        Some(difference)
    }

    fn without_some(&mut self, depth: usize) -> Drawn {
        let base = self.relation(depth);
        self.without(base)
    }

    /// A − σ(A), never negative.
    fn without(&mut self, base: Drawn) -> Drawn {
        if !is_unbound(&base.plan) {
            return self.filter(base);
        }
        let some = self.filter(base.clone());
        self.minus(base.clone(), some).unwrap_or(base)
    }

    fn negated_twice(&mut self, input: Drawn) -> Drawn {
        let once = self.over(input, |input, _| input.negate());
        // What fails between has a negative count, which no recursion may read:
        // where there may be one, nothing fails.
        let mapped = match self.negative {
            true => self.map(once),
            false => self.carefully(|planner| planner.map(once)),
        };
        let mut twice = self.over(mapped, |input, _| input.negate());
        twice.monotonic = false;
        twice
    }

    fn threshold(&mut self, input: Drawn) -> Drawn {
        let input = self.perhaps_arranged(input);
        self.over(input, |input, _| input.threshold())
    }

    /// Sometimes arranged, where the operator above is not one that lowering
    /// would fuse into the arrangement (`spec/lowering.md` §7.26).
    pub(super) fn perhaps_arranged(&mut self, input: Drawn) -> Drawn {
        if input.arity() == 0 || !self.choices.chance("arrange", 1, 6) {
            return input;
        }
        let arity = input.arity();
        let count = self.choices.between("arrangements", 1, 2);
        let keys = (0..count).map(|_| {
            let key = key(self.choices, arity);
            key.into_iter().map(column).collect()
        });
        let mut keys: Vec<Vec<MirScalarExpr>> = keys.collect();
        keys.sort();
        keys.dedup();
        self.over(input, |input, _| input.arrange_by(keys))
    }

    /// Table functions whose results stay small, whatever the values.
    fn flat_map(&mut self, input: Drawn) -> Drawn {
        let columns = input.columns().to_vec();
        let (func, exprs) = match self.unpacking(&columns) {
            Some(call) => call,
            None => self.table_call(&columns),
        };
        let input = self.perhaps_filtered(input);
        let mut out = self.over(input, |input, _| Relation::FlatMap {
            input: Box::new(input),
            func,
            exprs,
        });
        out.size *= 3;
        out
    }

    /// The parts of a column that has parts.
    fn unpacking(&mut self, columns: &[ReprColumnType]) -> Option<(TableFunc, Vec<MirScalarExpr>)> {
        let list = ReprScalarType::List {
            element_type: Box::new(ReprScalarType::Int64),
        };
        let elements = TableFunc::UnnestList {
            el_typ: SqlScalarType::Int64,
        };
        let keys = TableFunc::JsonbObjectKeys;
        let mut calls = Vec::new();
        for (typ, func) in [(list, elements), (ReprScalarType::Jsonb, keys)] {
            let columns = scalars::columns_of(columns, &typ);
            calls.extend(columns.into_iter().map(|c| (func.clone(), vec![column(c)])));
        }
        if calls.is_empty() || !self.choices.chance("unpack a column", 1, 2) {
            return None;
        }
        Some(calls.swap_remove(self.choices.index("unpacked column", calls.len())))
    }

    /// A table function of computed numbers.
    fn table_call(&mut self, columns: &[ReprColumnType]) -> (TableFunc, Vec<MirScalarExpr>) {
        let fallible = self.is_fallible();
        let over = self.scope(columns, fallible);
        let bounded =
            |expr: MirScalarExpr| crate::plan::scalar::binary(BinaryFunc::ModInt64, expr, int64(4));
        // Inside a recursion there would be one in each round.
        let endless = self.profile.endless && !self.careful && self.locals.is_empty();
        let weights = [12, 3, 3, 3, u64::from(endless)];
        match self.choices.weighted("table function", &weights) {
            Some(4) => (
                TableFunc::GenerateSeriesInt64,
                [0, i64::MAX, 1].map(int64).to_vec(),
            ),
            Some(1) => {
                let value = |choices: &mut dyn Choices| {
                    scalars::draw(choices, over, &ReprScalarType::Int64, 1)
                };
                let exprs = (0..2 * self.choices.between("wrapped rows", 1, 2))
                    .map(|_| value(self.choices));
                let wrapped = SqlColumnType {
                    scalar_type: SqlScalarType::Int64,
                    nullable: true,
                };
                let func = TableFunc::Wrap {
                    types: vec![wrapped; 2],
                    width: 2,
                };
                (func, exprs.collect())
            }
            Some(2) => {
                let count = scalars::leaf(self.choices, over, &ReprScalarType::Int64);
                // Squares of remainders are not negative.
                let count = bounded(count);
                let count = crate::plan::scalar::binary(BinaryFunc::MulInt64, count.clone(), count);
                (TableFunc::RepeatRowNonNegative, vec![bounded(count)])
            }
            form => {
                let stop = scalars::draw(self.choices, over, &ReprScalarType::Int64, 1);
                let start = match self.choices.chance("start at a column", 1, 4) {
                    true => bounded(scalars::leaf(self.choices, over, &ReprScalarType::Int64)),
                    false => int64(self.choices.index("start", 2) as i64),
                };
                let step = match fallible {
                    true => bounded(scalars::leaf(self.choices, over, &ReprScalarType::Int64)),
                    false => int64([1, 2, -1][self.choices.index("step", 3)]),
                };
                let series = TableFunc::GenerateSeriesInt64;
                let func = match form {
                    Some(3) => TableFunc::WithOrdinality {
                        inner: Box::new(series),
                    },
                    _ => series,
                };
                (func, vec![start, bounded(stop), step])
            }
        }
    }

    fn perhaps_filtered(&mut self, input: Drawn) -> Drawn {
        match self.choices.chance("filter below", 1, 4) {
            // A filter leaves the columns as they are.
            true => self.filter(input),
            false => input,
        }
    }

    /// A filter on time; over what has times, if that can be.
    fn temporal(&mut self, depth: usize) -> Drawn {
        let input = match depth > 0 && self.choices.chance("over a table function", 1, 6) {
            true => {
                let below = self.arranged_leaf();
                let below = below.unwrap_or_else(|| self.relation(depth - 1));
                self.flat_map(below)
            }
            false => self.relation(depth),
        };
        self.of_now(input)
    }

    /// The rows of now, by one or two bounds.
    fn of_now(&mut self, input: Drawn) -> Drawn {
        let (columns, monotonic) = (input.columns().to_vec(), input.monotonic);
        let mut only_comes = false;
        let mut out = self.over(input, |input, planner| {
            let over = planner.scope(&columns, false);
            let bounds = planner.choices.between("bounds of now", 1, 2);
            let funcs = [
                BinaryFunc::Gte,
                BinaryFunc::Lt,
                BinaryFunc::Lte,
                BinaryFunc::Gt,
                BinaryFunc::Eq,
            ];
            // Rows that only come are what an append-only collection gives.
            let comes = planner.choices.chance("rows only come", 1, 3);
            let weights = if comes {
                [4, 0, 0, 2, 0]
            } else {
                [4, 4, 2, 2, 1]
            };
            only_comes = comes;
            let predicates = (0..bounds).map(|_| {
                let drawn = planner.choices.weighted("comparison of now", &weights);
                let func = funcs[drawn.unwrap_or(0)].clone();
                let bound = scalars::moment(planner.choices, over);
                crate::plan::scalar::binary(func, scalars::now(), bound)
            });
            input.filter(predicates.collect())
        });
        out.monotonic = only_comes && monotonic;
        out
    }

    /// What can be read as an arrangement.
    fn arranged_leaf(&mut self) -> Option<Drawn> {
        let arranged = self.readable.iter().filter(|r| !r.keys.is_empty());
        let arranged: Vec<Drawn> = arranged.map(Drawn::read).collect();
        self.choices.pick("arrangement", &arranged).cloned()
    }

    /// What groups, orders or merges rows that come and go with time, or that
    /// come twice and are taken back once.
    fn above_changes(&mut self, depth: usize) -> Drawn {
        let below = depth.saturating_sub(1);
        let input = match self.choices.chance("taken back at once", 1, 3) {
            true => self.without_some(below),
            false => self.temporal(below),
        };
        match self.choices.weighted("above changes", &[3, 3, 1, 1, 1]) {
            Some(1) => self.top_k(input),
            Some(2) => self.distinct(input),
            Some(3) => {
                let other = self.fitted(input.clone(), &input.typ);
                let inputs = [Some(input.clone()), other].into_iter().flatten().collect();
                let union = self.combined(inputs, |inputs, _| Relation::Union { inputs });
                union.unwrap_or(input)
            }
            Some(4) => self.perhaps_arranged(input),
            _ => self.reduce(input),
        }
    }

    /// Rows of an arrangement by the value of its key; sometimes only those of
    /// now, sometimes with a table function above.
    fn lookup(&mut self, depth: usize) -> Drawn {
        let group = self.choices.chance("of a group", 1, 3);
        let leaf = if group { None } else { self.arranged_leaf() };
        let input = match leaf {
            Some(leaf) => leaf,
            None => self.atop(depth.saturating_sub(1), Self::reduce),
        };
        let columns = input.columns().to_vec();
        let Some(key) = self.choices.pick("key looked up", &input.keys).cloned() else {
            return self.filter(input);
        };
        let temporal = self.choices.chance("of now", 1, 3);
        let out = self.over(input, |input, planner| {
            let mut predicates: Vec<MirScalarExpr> = key
                .iter()
                .map(|c| {
                    let value = scalars::value(planner.choices, &columns[*c].scalar_type);
                    crate::plan::scalar::binary(BinaryFunc::Eq, column(*c), value)
                })
                .collect();
            if temporal {
                let over = planner.scope(&columns, false);
                let bound = scalars::moment(planner.choices, over);
                let now = scalars::now();
                predicates.push(crate::plan::scalar::binary(BinaryFunc::Gte, now, bound));
            }
            match predicates.is_empty() {
                true => input,
                false => input.filter(predicates),
            }
        });
        match self.choices.weighted("above a lookup", &[6, 2, 1]) {
            Some(1) => self.flat_map(out),
            Some(2) => {
                let out = self.flat_map(out);
                self.of_now(out)
            }
            _ => out,
        }
    }

    /// A join on equal columns, or of everything with everything.
    fn join(&mut self, depth: usize, on_columns: bool) -> Drawn {
        let count = match self.choices.weighted("joined inputs", &[8, 4, 1]) {
            Some(1) => 3,
            // Nothing to join with, which has to be rendered all the same.
            Some(2) => 1,
            _ => 2,
        };
        let mut inputs: Vec<Drawn> = Vec::new();
        for n in 0..count {
            let depth = if n == 0 { depth } else { depth.min(1) };
            let input = self.relation(depth);
            let input = self.narrowed(input);
            let product: u64 = inputs.iter().map(|input| input.size.max(1)).product();
            if n == 0 || product.saturating_mul(input.size) <= LARGEST {
                let input = self.perhaps_arranged(input);
                inputs.push(input);
            }
        }
        let Some(first) = inputs.first().cloned() else {
            return self.leaf();
        };
        let classes = match on_columns {
            true => self.classes(&inputs),
            false => Vec::new(),
        };
        let size: u64 = inputs.iter().map(|input| input.size.max(1)).product();
        let of_first = first.arity();
        let joined = self.combined(inputs, |inputs, _| Relation::Join {
            inputs,
            equivalences: classes,
            implementation: JoinImplementation::Unimplemented,
        });
        let mut joined = joined.unwrap_or(first);
        joined.size = joined.size.max(size / 2);
        let joined = self.failing_of_partners(joined, of_first);
        self.narrowed(joined)
    }

    /// Sometimes a predicate above a join that does nothing but fail for some rows
    /// of an input that is not the first, whether they have a partner or not.
    fn failing_of_partners(&mut self, joined: Drawn, first: usize) -> Drawn {
        let divisor = |c: usize| match joined.columns()[c].scalar_type {
            ReprScalarType::Int16 => Some((BinaryFunc::DivInt16, Datum::Int16(7), Datum::Int16(8))),
            ReprScalarType::Int32 => Some((BinaryFunc::DivInt32, Datum::Int32(7), Datum::Int32(8))),
            ReprScalarType::Int64 => Some((BinaryFunc::DivInt64, Datum::Int64(7), Datum::Int64(8))),
            _ => None,
        };
        let columns: Vec<usize> = (first..joined.arity()).collect();
        let columns: Vec<usize> = columns
            .into_iter()
            .filter(|c| divisor(*c).is_some())
            .collect();
        if self.careful || columns.is_empty() || !self.choices.chance("partners fail", 1, 6) {
            return joined;
        }
        let c = columns[self.choices.index("divisor", columns.len())];
        let Some((divide, seven, eight)) = divisor(c) else {
            return joined;
        };
        let typ = joined.columns()[c].scalar_type.clone();
        let [seven, eight] = [seven, eight].map(|datum| literal(datum, typ.clone()));
        let quotient = binary(divide, seven, column(c));
        let predicate = binary(BinaryFunc::Lt, quotient, eight);
        self.over(joined, |input, _| input.filter(vec![predicate]))
    }

    /// Disjoint classes that tie each input to some earlier one, where types
    /// allow.
    fn classes(&mut self, inputs: &[Drawn]) -> Vec<Vec<MirScalarExpr>> {
        let columns: Vec<ReprColumnType> = inputs
            .iter()
            .flat_map(|input| input.columns().iter().cloned())
            .collect();
        let mut classes: Vec<Vec<MirScalarExpr>> = Vec::new();
        let mut start = inputs[0].arity();
        for input in &inputs[1..] {
            let ties = 1 + self.choices.weighted("ties", &[4, 1]).unwrap_or(0);
            for _ in 0..ties {
                let pairs: Vec<(usize, usize)> = (0..start)
                    .flat_map(|a| (start..start + input.arity()).map(move |b| (a, b)))
                    .filter(|(a, b)| columns[*a].scalar_type == columns[*b].scalar_type)
                    .collect();
                let Some((a, b)) = self.choices.pick("tied columns", &pairs).copied() else {
                    continue;
                };
                let is = |class: &Vec<MirScalarExpr>, c: usize| {
                    class.iter().any(|member| as_column(member) == Some(c))
                };
                if classes.iter().any(|class| is(class, b)) {
                    continue;
                }
                match classes.iter_mut().find(|class| is(class, a)) {
                    Some(class) => class.push(column(b)),
                    None => classes.push(vec![column(a), column(b)]),
                }
            }
            start += input.arity();
        }
        let tied = classes.iter().flatten().filter_map(as_column);
        let mut tied: BTreeSet<usize> = tied.collect();
        for class in &mut classes {
            if self.choices.chance("one more member", 1, 4)
                && let Some(typ) = class.first().and_then(as_column).map(|c| &columns[c])
            {
                let fitting = scalars::columns_of(&columns, &typ.scalar_type);
                let more = fitting[self.choices.index("member of a class", fitting.len())];
                if tied.insert(more) {
                    class.push(column(more));
                }
            }
        }
        classes
    }
}

/// Whether a plan binds no names, so that it may occur twice.
fn is_unbound(plan: &Relation) -> bool {
    let mut unbound = true;
    plan.visit(&mut |r| {
        unbound &= !matches!(r, Relation::Let { .. } | Relation::LetRec { .. });
    });
    unbound
}
