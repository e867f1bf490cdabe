//! The tree of a plan as it is rendered: let-free trees of LIR nodes under
//! bindings. Source: `spec/plan.md` §1, `spec/v26_39.md` §3.
//!
//! Invariants: serde order is wire order; decoding checks no tree structure
//! (the invariants of §1.1 are the renderer's to check).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Version;
use crate::v26_30::{
    ArrangementStrategy, AvailableCollections, BasicTopKPlan, EvalError, Id, JoinClosure,
    JoinStagePlan, Key, KeyValPlan, LetRecLimit, LinearJoinPlan, LirId, MirScalarExpr,
    MonotonicTopKPlan, ReducePlan, TableFunc, ThresholdPlan,
};
use repr::{Diff, LocalId, Row, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct RenderPlan<V: Version> {
    pub binds: Vec<BindStage<V>>,
    pub body: LetFreePlan<V>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct BindStage<V: Version> {
    pub lets: Vec<LetBind<V>>,
    pub recs: Vec<RecBind<V>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct LetBind<V: Version> {
    pub id: LocalId,
    pub value: LetFreePlan<V>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct RecBind<V: Version> {
    pub id: LocalId,
    pub value: RenderPlan<V>,
    pub limit: Option<LetRecLimit>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct LetFreePlan<V: Version> {
    pub nodes: BTreeMap<LirId, Node<V>>,
    pub root: LirId,
    /// Inputs before users; the root is last.
    pub topological_order: Vec<LirId>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Node<V: Version> {
    pub expr: Expr<V>,
    pub parent: Option<LirId>,
    pub nesting: u8,
}

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Expr<V: Version> {
    Constant {
        rows: Result<Vec<(Row, Timestamp, Diff)>, EvalError>,
    },
    Get {
        id: Id,
        keys: AvailableCollections,
        plan: GetPlan<V>,
    },
    Mfp {
        input: LirId,
        mfp: V::Mfp,
        input_key_val: Option<(Key, Option<Row>)>,
    },
    FlatMap {
        input_key: Option<Key>,
        input: LirId,
        exprs: Vec<MirScalarExpr>,
        func: TableFunc,
        mfp_after: V::Mfp,
    },
    Join {
        inputs: Vec<LirId>,
        plan: JoinPlan<V>,
    },
    Reduce {
        input_key: Option<Key>,
        input: LirId,
        key_val_plan: KeyValPlan,
        plan: ReducePlan,
        mfp_after: V::MfpAfterReduce,
        temporal_bucketing_strategy: ArrangementStrategy,
    },
    TopK {
        input: LirId,
        top_k_plan: TopKPlan<V>,
        temporal_bucketing_strategy: ArrangementStrategy,
    },
    Negate {
        input: LirId,
    },
    Threshold {
        input: LirId,
        threshold_plan: ThresholdPlan,
    },
    Union {
        inputs: Vec<LirId>,
        consolidate_output: bool,
        temporal_bucketing_strategies: Vec<ArrangementStrategy>,
    },
    ArrangeBy {
        input_key: Option<Key>,
        input: LirId,
        input_mfp: V::Mfp,
        forms: AvailableCollections,
        strategy: ArrangementStrategy,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum GetPlan<V: Version> {
    PassArrangements,
    Arrangement(Key, Option<Row>, V::Mfp),
    Collection(V::Mfp),
}

#[expect(
    clippy::large_enum_variant,
    reason = "plans are few and read often; the shape is the wire's"
)]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum JoinPlan<V: Version> {
    Linear(LinearJoinPlan),
    Delta(DeltaJoinPlan<V>),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct DeltaJoinPlan<V: Version> {
    pub path_plans: Vec<DeltaPathPlan<V>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct DeltaPathPlan<V: Version> {
    pub source_relation: usize,
    pub source_key: V::DeltaSourceKey,
    pub initial_closure: JoinClosure,
    pub stage_plans: Vec<JoinStagePlan>,
    pub final_closure: Option<JoinClosure>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum TopKPlan<V: Version> {
    MonotonicTop1(V::MonotonicTop1),
    MonotonicTopK(MonotonicTopKPlan),
    Basic(BasicTopKPlan),
}
