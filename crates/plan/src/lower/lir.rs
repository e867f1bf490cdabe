//! LIR as a tree, before it becomes the flat plan of the wire. Source:
//! `spec/lowering.md` §1.4, §1.6; the parts of the nodes are the wire's own.
//!
//! Invariant: ids are unique in a dataflow and ascend from inputs to users.

use crate::Mfp;
use protocol::neutral::{JoinPlan, TopKPlan};
use protocol::v26_30::{
    ArrangementStrategy, AvailableCollections, EvalError, Id, KeyValPlan, LetRecLimit,
    MirScalarExpr, ReducePlan, TableFunc, ThresholdPlan,
};
use repr::{Diff, LocalId, Row, Timestamp};

/// A node and the number that lowering gave it.
#[derive(Debug, Clone)]
pub(super) struct Lir {
    pub id: u64,
    pub op: Op,
}

pub(super) type Key = Vec<MirScalarExpr>;

/// How a `Get` reads what it names.
#[derive(Debug, Clone)]
pub(super) enum Reading {
    Pass,
    Arrangement(Key, Option<Row>, Mfp),
    Collection(Mfp),
}

#[expect(
    clippy::large_enum_variant,
    reason = "plans are few and read often; the shape is the wire's"
)]
#[derive(Debug, Clone)]
pub(super) enum Op {
    Constant(Result<Vec<(Row, Timestamp, Diff)>, EvalError>),
    Get {
        id: Id,
        keys: AvailableCollections,
        plan: Reading,
    },
    Let {
        id: LocalId,
        value: Box<Lir>,
        body: Box<Lir>,
    },
    LetRec {
        bindings: Vec<(LocalId, Lir, Option<LetRecLimit>)>,
        body: Box<Lir>,
    },
    Mfp {
        input: Box<Lir>,
        mfp: Mfp,
        input_key_val: Option<(Key, Option<Row>)>,
    },
    FlatMap {
        input_key: Option<Key>,
        input: Box<Lir>,
        exprs: Vec<MirScalarExpr>,
        func: TableFunc,
        mfp_after: Mfp,
    },
    Join {
        inputs: Vec<Lir>,
        plan: JoinPlan,
    },
    Reduce {
        input_key: Option<Key>,
        input: Box<Lir>,
        key_val_plan: KeyValPlan,
        plan: ReducePlan,
        mfp_after: Mfp,
        strategy: ArrangementStrategy,
    },
    TopK {
        input: Box<Lir>,
        plan: TopKPlan,
        strategy: ArrangementStrategy,
    },
    Negate {
        input: Box<Lir>,
    },
    Threshold {
        input: Box<Lir>,
        plan: ThresholdPlan,
    },
    Union {
        inputs: Vec<Lir>,
        consolidate_output: bool,
        strategies: Vec<ArrangementStrategy>,
    },
    ArrangeBy {
        input_key: Option<Key>,
        input: Box<Lir>,
        input_mfp: Mfp,
        forms: AvailableCollections,
        strategy: ArrangementStrategy,
    },
}

impl Lir {
    /// The inputs in order; of bindings the values, then the body.
    pub(super) fn children_mut(&mut self) -> Vec<&mut Lir> {
        match &mut self.op {
            Op::Constant(_) | Op::Get { .. } => Vec::new(),
            Op::Let { value, body, .. } => vec![value, body],
            Op::LetRec { bindings, body } => bindings
                .iter_mut()
                .map(|(_, value, _)| value)
                .chain([&mut **body])
                .collect(),
            Op::Mfp { input, .. }
            | Op::FlatMap { input, .. }
            | Op::Reduce { input, .. }
            | Op::TopK { input, .. }
            | Op::Negate { input }
            | Op::Threshold { input, .. }
            | Op::ArrangeBy { input, .. } => vec![input],
            Op::Join { inputs, .. } | Op::Union { inputs, .. } => inputs.iter_mut().collect(),
        }
    }

    /// Calls `f` on every node, users before inputs.
    pub(super) fn visit_mut(&mut self, f: &mut impl FnMut(&mut Lir)) {
        f(self);
        for child in self.children_mut() {
            child.visit_mut(f);
        }
    }
}
