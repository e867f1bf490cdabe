//! Plans as they are rendered: let-free trees of LIR nodes under bindings.
//! Source: `spec/plan.md` §1.
//!
//! Invariants: serde order is wire order; decoding checks no tree structure
//! (the invariants of §1.1 are the renderer's to check).

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::{
    AggregateExpr, AggregateFunc, EvalError, MapFilterProject, MirScalarExpr, SafeMfpPlan,
    TableFunc,
};
use repr::{Diff, GlobalId, LocalId, Row, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RenderPlan {
    pub binds: Vec<BindStage>,
    pub body: LetFreePlan,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BindStage {
    pub lets: Vec<LetBind>,
    pub recs: Vec<RecBind>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LetBind {
    pub id: LocalId,
    pub value: LetFreePlan,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecBind {
    pub id: LocalId,
    pub value: RenderPlan,
    pub limit: Option<LetRecLimit>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LetRecLimit {
    pub max_iters: NonZeroU64,
    pub return_at_limit: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LetFreePlan {
    pub nodes: BTreeMap<LirId, Node>,
    pub root: LirId,
    /// Inputs before users; the root is last.
    pub topological_order: Vec<LirId>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node {
    pub expr: Expr,
    pub parent: Option<LirId>,
    pub nesting: u8,
}

/// The number of a node, unique within a dataflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LirId(pub u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Id {
    Local(LocalId),
    Global(GlobalId),
}

/// One operator.
#[expect(
    clippy::large_enum_variant,
    reason = "plans are few and read often; the shape is the wire's"
)]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Expr {
    Constant {
        rows: Result<Vec<(Row, Timestamp, Diff)>, EvalError>,
    },
    Get {
        id: Id,
        keys: AvailableCollections,
        plan: GetPlan,
    },
    Mfp {
        input: LirId,
        mfp: MapFilterProject,
        input_key_val: Option<(Key, Option<Row>)>,
    },
    FlatMap {
        input_key: Option<Key>,
        input: LirId,
        exprs: Vec<MirScalarExpr>,
        func: TableFunc,
        mfp_after: MapFilterProject,
    },
    Join {
        inputs: Vec<LirId>,
        plan: JoinPlan,
    },
    Reduce {
        input_key: Option<Key>,
        input: LirId,
        key_val_plan: KeyValPlan,
        plan: ReducePlan,
        mfp_after: MapFilterProject,
        temporal_bucketing_strategy: ArrangementStrategy,
    },
    TopK {
        input: LirId,
        top_k_plan: TopKPlan,
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
        input_mfp: MapFilterProject,
        forms: AvailableCollections,
        strategy: ArrangementStrategy,
    },
}

/// The expressions by which a collection is arranged.
pub type Key = Vec<MirScalarExpr>;

/// A key, where each column of the relation is found in key ++ value, and the
/// columns that the value keeps.
pub type KeyPermutationThinning = (Key, Vec<usize>, Vec<usize>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AvailableCollections {
    pub raw: bool,
    pub arranged: Vec<KeyPermutationThinning>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ArrangementStrategy {
    Direct,
    TemporalBucketing,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GetPlan {
    PassArrangements,
    Arrangement(Key, Option<Row>, MapFilterProject),
    Collection(MapFilterProject),
}

#[expect(
    clippy::large_enum_variant,
    reason = "plans are few and read often; the shape is the wire's"
)]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum JoinPlan {
    Linear(LinearJoinPlan),
    Delta(DeltaJoinPlan),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JoinClosure {
    pub ready_equivalences: Vec<Vec<MirScalarExpr>>,
    pub before: SafeMfpPlan,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinearJoinPlan {
    pub source_relation: usize,
    pub source_key: Option<Key>,
    pub initial_closure: Option<JoinClosure>,
    pub stage_plans: Vec<JoinStagePlan>,
    pub final_closure: Option<JoinClosure>,
}

/// A stage of a linear or of a delta join; both have one layout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JoinStagePlan {
    pub lookup_relation: usize,
    pub stream_key: Key,
    pub stream_thinning: Vec<usize>,
    pub lookup_key: Key,
    pub closure: JoinClosure,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeltaJoinPlan {
    pub path_plans: Vec<DeltaPathPlan>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeltaPathPlan {
    pub source_relation: usize,
    pub source_key: Key,
    pub initial_closure: JoinClosure,
    pub stage_plans: Vec<JoinStagePlan>,
    pub final_closure: Option<JoinClosure>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyValPlan {
    pub key_plan: SafeMfpPlan,
    pub val_plan: SafeMfpPlan,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReducePlan {
    Distinct,
    Accumulable(AccumulablePlan),
    Hierarchical(HierarchicalPlan),
    Basic(BasicPlan),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccumulablePlan {
    pub full_aggrs: Vec<AggregateExpr>,
    pub simple_aggrs: Vec<(usize, AggregateExpr)>,
    pub distinct_aggrs: Vec<(usize, AggregateExpr)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HierarchicalPlan {
    Monotonic(MonotonicPlan),
    Bucketed(BucketedPlan),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MonotonicPlan {
    pub aggr_funcs: Vec<AggregateFunc>,
    pub must_consolidate: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BucketedPlan {
    pub aggr_funcs: Vec<AggregateFunc>,
    pub buckets: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BasicPlan {
    Single(SingleBasicPlan),
    Multiple(Vec<AggregateExpr>),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SingleBasicPlan {
    pub expr: AggregateExpr,
    pub fused_unnest_list: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TopKPlan {
    MonotonicTop1(MonotonicTop1Plan),
    MonotonicTopK(MonotonicTopKPlan),
    Basic(BasicTopKPlan),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MonotonicTop1Plan {
    pub group_key: Vec<usize>,
    pub order_key: Vec<ColumnOrder>,
    pub must_consolidate: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MonotonicTopKPlan {
    pub group_key: Vec<usize>,
    pub order_key: Vec<ColumnOrder>,
    pub limit: Option<MirScalarExpr>,
    pub arity: usize,
    pub must_consolidate: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BasicTopKPlan {
    pub group_key: Vec<usize>,
    pub order_key: Vec<ColumnOrder>,
    pub limit: Option<MirScalarExpr>,
    pub offset: usize,
    pub arity: usize,
    pub buckets: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ThresholdPlan {
    Basic(BasicThresholdPlan),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BasicThresholdPlan {
    pub ensure_arrangement: KeyPermutationThinning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnOrder {
    pub column: usize,
    pub desc: bool,
    pub nulls_last: bool,
}
