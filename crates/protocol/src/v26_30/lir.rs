//! What the nodes of a plan hold; the tree itself is of `shape::plan`. Source:
//! `spec/plan.md` §1.
//!
//! Invariant: serde order is wire order.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::{AggregateExpr, AggregateFunc, MirScalarExpr, SafeMfpPlan, V26_30};
use crate::shape;
use repr::{GlobalId, LocalId};

pub type RenderPlan = shape::RenderPlan<V26_30>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LetRecLimit {
    pub max_iters: NonZeroU64,
    pub return_at_limit: bool,
}

/// The number of a node, unique within a dataflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LirId(pub u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Id {
    Local(LocalId),
    Global(GlobalId),
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
