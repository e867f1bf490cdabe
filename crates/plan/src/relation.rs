//! The logical plan: what a dataflow computes, operator by operator, over
//! multisets of rows. The model evaluates this tree by the book; lowering turns
//! it into what a replica renders. Source: `spec/script.md` §3, operators as in
//! `spec/lowering.md` §2.
//!
//! Invariant: a plan is plain data and may be ill-typed; `check` says whether
//! it means something, and everything after it relies on that.

use super::scalar;
use super::types::RelationType;
use protocol::v26_30::{
    AggregateExpr, ColumnOrder, EvalError, Id, LetRecLimit, MirScalarExpr, TableFunc,
};
use repr::{Diff, GlobalId, LocalId, Row, Timestamp};

/// A relational expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Relation {
    /// Fixed updates, or an error in place of any contents. A time before the
    /// dataflow's as-of counts as the as-of. Upstream's text writes time 0 only.
    Constant {
        rows: Result<Vec<(Row, Timestamp, Diff)>, EvalError>,
        typ: RelationType,
    },
    /// What a binding, an import or an earlier object contains.
    Get { id: Id, typ: RelationType },
    /// `value` under the name `id` in `body`.
    Let {
        id: LocalId,
        value: Box<Relation>,
        body: Box<Relation>,
    },
    /// Bindings that may use each other and themselves, evaluated to a fixed
    /// point (or to their limit), then `body`.
    LetRec {
        bindings: Vec<RecBinding>,
        body: Box<Relation>,
    },
    /// Output column `i` is input column `outputs[i]`.
    Project {
        input: Box<Relation>,
        outputs: Vec<usize>,
    },
    /// Appends one column per scalar; a scalar may use the ones before it.
    Map {
        input: Box<Relation>,
        scalars: Vec<MirScalarExpr>,
    },
    /// Appends, for each row, every row that the function makes of it.
    FlatMap {
        input: Box<Relation>,
        func: TableFunc,
        exprs: Vec<MirScalarExpr>,
    },
    /// Keeps the rows for which every predicate is true.
    Filter {
        input: Box<Relation>,
        predicates: Vec<MirScalarExpr>,
    },
    /// The product of the inputs, restricted to rows in which the members of
    /// each class are equal (NULL equals NULL). Columns number the
    /// concatenation of the inputs.
    Join {
        inputs: Vec<Relation>,
        equivalences: Vec<Vec<MirScalarExpr>>,
        implementation: JoinImplementation,
    },
    /// One row per group that has rows: the key, then the aggregates. Without
    /// aggregates: distinct keys.
    Reduce {
        input: Box<Relation>,
        group_key: Vec<MirScalarExpr>,
        aggregates: Vec<AggregateExpr>,
        /// A promise that the input never retracts.
        monotonic: bool,
        expected_group_size: Option<u64>,
    },
    /// Per group the rows at positions `offset` to `offset + limit` by the order.
    TopK {
        input: Box<Relation>,
        group_key: Vec<usize>,
        order_key: Vec<ColumnOrder>,
        /// Over the input's columns, of which only those in the group key.
        limit: Option<MirScalarExpr>,
        offset: usize,
        monotonic: bool,
        expected_group_size: Option<u64>,
    },
    /// Every multiplicity negated.
    Negate { input: Box<Relation> },
    /// Keeps the rows with positive multiplicity.
    Threshold { input: Box<Relation> },
    /// The sum of the multisets; at least one input, the first is the base.
    Union { inputs: Vec<Relation> },
    /// Its input; asks for arrangements by the keys.
    ArrangeBy {
        input: Box<Relation>,
        keys: Vec<Vec<MirScalarExpr>>,
    },
}

/// One binding of a [`Relation::LetRec`].
#[derive(Debug, Clone, PartialEq)]
pub struct RecBinding {
    pub id: LocalId,
    /// What readers of the binding may rely on.
    pub typ: RelationType,
    pub value: Relation,
    pub limit: Option<LetRecLimit>,
}

/// An input to look up and the key (over the input's own columns) to look it
/// up by.
pub type Lookup = (usize, Vec<MirScalarExpr>);

/// How a join is to be computed (`spec/lowering.md` §2.6, §4).
#[derive(Debug, Clone, PartialEq)]
pub enum JoinImplementation {
    /// Not decided; lowering refuses it unless told which one to choose.
    Unimplemented,
    /// Start with one input, arranged by `start_key` if given, and look up the
    /// others one after another.
    Differential {
        start: usize,
        start_key: Option<Vec<MirScalarExpr>>,
        order: Vec<Lookup>,
    },
    /// One order per input, each of all other inputs.
    DeltaQuery(Vec<Vec<Lookup>>),
    /// Input 0 is an arrangement by `key`, input 1 a constant of wanted keys.
    IndexedFilter { key: Vec<MirScalarExpr> },
}

impl Relation {
    /// Reads the global collection `id`.
    pub fn get_global(id: GlobalId, typ: RelationType) -> Self {
        Relation::Get {
            id: Id::Global(id),
            typ,
        }
    }

    /// Reads the binding `id`.
    pub fn get_local(id: LocalId, typ: RelationType) -> Self {
        Relation::Get {
            id: Id::Local(id),
            typ,
        }
    }

    pub fn project(self, outputs: Vec<usize>) -> Self {
        Relation::Project {
            input: Box::new(self),
            outputs,
        }
    }

    pub fn map(self, scalars: Vec<MirScalarExpr>) -> Self {
        Relation::Map {
            input: Box::new(self),
            scalars,
        }
    }

    pub fn filter(self, predicates: Vec<MirScalarExpr>) -> Self {
        Relation::Filter {
            input: Box::new(self),
            predicates,
        }
    }

    pub fn arrange_by(self, keys: Vec<Vec<MirScalarExpr>>) -> Self {
        Relation::ArrangeBy {
            input: Box::new(self),
            keys,
        }
    }

    pub fn negate(self) -> Self {
        Relation::Negate {
            input: Box::new(self),
        }
    }

    pub fn threshold(self) -> Self {
        Relation::Threshold {
            input: Box::new(self),
        }
    }

    /// The inputs, left to right; of bindings the values, then the body.
    pub fn children(&self) -> Vec<&Relation> {
        match self {
            Relation::Constant { .. } | Relation::Get { .. } => Vec::new(),
            Relation::Let { value, body, .. } => vec![value, body],
            Relation::LetRec { bindings, body } => bindings
                .iter()
                .map(|binding| &binding.value)
                .chain([&**body])
                .collect(),
            Relation::Project { input, .. }
            | Relation::Map { input, .. }
            | Relation::FlatMap { input, .. }
            | Relation::Filter { input, .. }
            | Relation::Reduce { input, .. }
            | Relation::TopK { input, .. }
            | Relation::Negate { input }
            | Relation::Threshold { input }
            | Relation::ArrangeBy { input, .. } => vec![input],
            Relation::Join { inputs, .. } | Relation::Union { inputs } => inputs.iter().collect(),
        }
    }

    /// The inputs, to be changed in place.
    pub fn children_mut(&mut self) -> Vec<&mut Relation> {
        match self {
            Relation::Constant { .. } | Relation::Get { .. } => Vec::new(),
            Relation::Let { value, body, .. } => vec![value, body],
            Relation::LetRec { bindings, body } => bindings
                .iter_mut()
                .map(|binding| &mut binding.value)
                .chain([&mut **body])
                .collect(),
            Relation::Project { input, .. }
            | Relation::Map { input, .. }
            | Relation::FlatMap { input, .. }
            | Relation::Filter { input, .. }
            | Relation::Reduce { input, .. }
            | Relation::TopK { input, .. }
            | Relation::Negate { input }
            | Relation::Threshold { input }
            | Relation::ArrangeBy { input, .. } => vec![input],
            Relation::Join { inputs, .. } | Relation::Union { inputs } => {
                inputs.iter_mut().collect()
            }
        }
    }

    /// The number of operators on the longest way down.
    pub fn depth(&self) -> usize {
        let below = self.children().into_iter().map(Relation::depth);
        1 + below.max().unwrap_or(0)
    }

    /// The number of output columns; of an ill-typed plan, some number.
    pub fn arity(&self) -> usize {
        match self {
            Relation::Constant { typ, .. } | Relation::Get { typ, .. } => typ.arity(),
            Relation::Let { body, .. } | Relation::LetRec { body, .. } => body.arity(),
            Relation::Project { outputs, .. } => outputs.len(),
            Relation::Map { input, scalars } => input.arity() + scalars.len(),
            Relation::FlatMap { input, func, .. } => input.arity() + table_function_arity(func),
            Relation::Filter { input, .. }
            | Relation::TopK { input, .. }
            | Relation::Negate { input }
            | Relation::Threshold { input }
            | Relation::ArrangeBy { input, .. } => input.arity(),
            Relation::Join { inputs, .. } => inputs.iter().map(Relation::arity).sum(),
            Relation::Reduce {
                group_key,
                aggregates,
                ..
            } => group_key.len() + aggregates.len(),
            Relation::Union { inputs } => inputs.first().map_or(0, Relation::arity),
        }
    }

    /// Calls `f` on every operator, parents before children.
    pub fn visit<'a>(&'a self, f: &mut impl FnMut(&'a Relation)) {
        f(self);
        for child in self.children() {
            child.visit(f);
        }
    }

    /// Calls `f` on the id of every global collection that is read, in order.
    pub fn visit_globals_mut(&mut self, f: &mut impl FnMut(&mut GlobalId)) {
        if let Relation::Get {
            id: Id::Global(id), ..
        } = self
        {
            f(id);
        }
        for child in self.children_mut() {
            child.visit_globals_mut(f);
        }
    }

    /// Calls `f` on the id of every global collection that is read, in order.
    pub fn visit_globals(&self, f: &mut impl FnMut(GlobalId)) {
        self.visit(&mut |operator| {
            if let Relation::Get {
                id: Id::Global(id), ..
            } = operator
            {
                f(*id);
            }
        });
    }

    /// Takes the types off what is read: they are those of the place where the
    /// plan stands ([`resolve_types`](crate::resolve_types)).
    pub fn forget_types(&mut self) {
        if let Relation::Get { typ, .. } = self {
            *typ = RelationType::default();
        }
        for child in self.children_mut() {
            child.forget_types();
        }
    }

    /// The scalars of this operator; not those below it.
    pub fn scalars(&self) -> Vec<&MirScalarExpr> {
        match self {
            Relation::Constant { .. }
            | Relation::Get { .. }
            | Relation::Let { .. }
            | Relation::LetRec { .. }
            | Relation::Project { .. }
            | Relation::Negate { .. }
            | Relation::Threshold { .. }
            | Relation::Union { .. } => Vec::new(),
            Relation::Map { scalars, .. } => scalars.iter().collect(),
            Relation::Filter { predicates, .. } => predicates.iter().collect(),
            Relation::FlatMap { exprs, .. } => exprs.iter().collect(),
            Relation::Join { equivalences, .. } => equivalences.iter().flatten().collect(),
            Relation::Reduce {
                group_key,
                aggregates,
                ..
            } => {
                let arguments = aggregates.iter().map(|aggregate| &aggregate.expr);
                group_key.iter().chain(arguments).collect()
            }
            Relation::TopK { limit, .. } => limit.iter().collect(),
            Relation::ArrangeBy { keys, .. } => keys.iter().flatten().collect(),
        }
    }

    /// The scalars of this operator, to be changed in place; not those below it.
    pub fn scalars_mut(&mut self) -> Vec<&mut MirScalarExpr> {
        match self {
            Relation::Constant { .. }
            | Relation::Get { .. }
            | Relation::Let { .. }
            | Relation::LetRec { .. }
            | Relation::Project { .. }
            | Relation::Negate { .. }
            | Relation::Threshold { .. }
            | Relation::Union { .. } => Vec::new(),
            Relation::Map { scalars, .. } => scalars.iter_mut().collect(),
            Relation::Filter { predicates, .. } => predicates.iter_mut().collect(),
            Relation::FlatMap { exprs, .. } => exprs.iter_mut().collect(),
            Relation::Join { equivalences, .. } => equivalences.iter_mut().flatten().collect(),
            Relation::Reduce {
                group_key,
                aggregates,
                ..
            } => {
                let arguments = aggregates.iter_mut().map(|aggregate| &mut aggregate.expr);
                group_key.iter_mut().chain(arguments).collect()
            }
            Relation::TopK { limit, .. } => limit.iter_mut().collect(),
            Relation::ArrangeBy { keys, .. } => keys.iter_mut().flatten().collect(),
        }
    }

    /// Says what `mz_now()` is, wherever it stands.
    pub fn replace_now(&mut self, now: Timestamp) {
        for scalar in self.scalars_mut() {
            scalar::replace_now(scalar, now);
        }
        for child in self.children_mut() {
            child.replace_now(now);
        }
    }

    /// The operator's name in the text form.
    pub fn name(&self) -> &'static str {
        match self {
            Relation::Constant { .. } => "Constant",
            Relation::Get { .. } => "Get",
            Relation::Let { .. } => "With",
            Relation::LetRec { .. } => "With Mutually Recursive",
            Relation::Project { .. } => "Project",
            Relation::Map { .. } => "Map",
            Relation::FlatMap { .. } => "FlatMap",
            Relation::Filter { .. } => "Filter",
            Relation::Join { .. } => "Join",
            Relation::Reduce { aggregates, .. } if aggregates.is_empty() => "Distinct",
            Relation::Reduce { .. } => "Reduce",
            Relation::TopK { .. } => "TopK",
            Relation::Negate { .. } => "Negate",
            Relation::Threshold { .. } => "Threshold",
            Relation::Union { .. } => "Union",
            Relation::ArrangeBy { .. } => "ArrangeBy",
        }
    }

    /// Whether some operator reads the global collection `id`.
    pub fn reads(&self, id: GlobalId) -> bool {
        let mut found = false;
        self.visit(&mut |r| {
            found |= matches!(r, Relation::Get { id: Id::Global(g), .. } if *g == id);
        });
        found
    }
}

/// How many columns a table function appends.
pub(super) fn table_function_arity(func: &TableFunc) -> usize {
    match func {
        TableFunc::RepeatRow | TableFunc::RepeatRowNonNegative => 0,
        TableFunc::Wrap { width, .. } => *width,
        TableFunc::WithOrdinality { inner } => table_function_arity(inner) + 1,
        TableFunc::UnnestMap { .. } | TableFunc::JsonbEach | TableFunc::JsonbEachStringify => 2,
        TableFunc::JsonbObjectKeys
        | TableFunc::JsonbArrayElements
        | TableFunc::JsonbArrayElementsStringify
        | TableFunc::GenerateSeriesInt32
        | TableFunc::GenerateSeriesInt64
        | TableFunc::GenerateSeriesTimestamp
        | TableFunc::GenerateSeriesTimestampTz
        | TableFunc::GuardSubquerySize { .. }
        | TableFunc::UnnestArray { .. }
        | TableFunc::UnnestList { .. }
        | TableFunc::GenerateSubscriptsArray
        | TableFunc::RegexpMatches => 1,
        // The type checker lets none of these pass.
        TableFunc::AclExplode
        | TableFunc::MzAclExplode
        | TableFunc::RegexpExtract(_)
        | TableFunc::CsvExtract(_)
        | TableFunc::TabletizedScalar { .. } => 1,
    }
}

/// Only repeating a row a negative number of times retracts.
pub(super) fn preserves_monotonicity(func: &TableFunc) -> bool {
    match func {
        TableFunc::RepeatRow => false,
        TableFunc::WithOrdinality { inner } => preserves_monotonicity(inner),
        TableFunc::AclExplode
        | TableFunc::MzAclExplode
        | TableFunc::JsonbEach
        | TableFunc::JsonbEachStringify
        | TableFunc::JsonbObjectKeys
        | TableFunc::JsonbArrayElements
        | TableFunc::JsonbArrayElementsStringify
        | TableFunc::RegexpExtract(_)
        | TableFunc::CsvExtract(_)
        | TableFunc::GenerateSeriesInt32
        | TableFunc::GenerateSeriesInt64
        | TableFunc::GenerateSeriesTimestamp
        | TableFunc::GenerateSeriesTimestampTz
        | TableFunc::GuardSubquerySize { .. }
        | TableFunc::RepeatRowNonNegative
        | TableFunc::UnnestArray { .. }
        | TableFunc::UnnestList { .. }
        | TableFunc::UnnestMap { .. }
        | TableFunc::Wrap { .. }
        | TableFunc::GenerateSubscriptsArray
        | TableFunc::TabletizedScalar { .. }
        | TableFunc::RegexpMatches => true,
    }
}
