//! The neutral form of commands and plans: the one that the rest of the program
//! thinks in, into which and out of which each version translates at the edge. It
//! is what 26.30 says, and in the few places where versions differ by type, what
//! any of them can say.
//!
//! Invariants: every command of every version has a neutral form, without loss; its
//! bytes are those of no version, and only the processes of one replica of ours say
//! them to each other.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::shape;
use crate::v26_30::{ColumnOrder, Key, MapFilterProject};
pub use crate::v26_39::InstanceConfig;

/// The neutral form as the parameter of the shared shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Neutral {}

impl shape::Version for Neutral {
    type InstanceConfig = InstanceConfig;
    /// Temporal filters are predicates over `mz_now()`.
    type Mfp = MapFilterProject;
    type MfpAfterReduce = MapFilterProject;
    /// None reads the raw collection of the source relation.
    type DeltaSourceKey = Option<Key>;
    type MonotonicTop1 = MonotonicTop1Plan;
}

pub type ComputeCommand = shape::ComputeCommand<Neutral>;
pub type DataflowDescription = shape::DataflowDescription<Neutral>;
pub type BuildDesc = shape::BuildDesc<Neutral>;
pub type RenderPlan = shape::RenderPlan<Neutral>;
pub type BindStage = shape::BindStage<Neutral>;
pub type LetBind = shape::LetBind<Neutral>;
pub type RecBind = shape::RecBind<Neutral>;
pub type LetFreePlan = shape::LetFreePlan<Neutral>;
pub type Node = shape::Node<Neutral>;
pub type Expr = shape::Expr<Neutral>;
pub type GetPlan = shape::GetPlan<Neutral>;
pub type JoinPlan = shape::JoinPlan<Neutral>;
pub type DeltaJoinPlan = shape::DeltaJoinPlan<Neutral>;
pub type DeltaPathPlan = shape::DeltaPathPlan<Neutral>;
pub type TopKPlan = shape::TopKPlan<Neutral>;

/// The first row of each group of a monotonic collection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MonotonicTop1Plan {
    pub group_key: Vec<usize>,
    pub order_key: Vec<ColumnOrder>,
    pub must_consolidate: bool,
    pub offers: Top1Form,
}

/// In which form a `MonotonicTop1` offers its rows. Source: `spec/v26_39.md` §3.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Top1Form {
    /// As a collection (26.30).
    Raw,
    /// Arranged by the columns of the group key, and in no other form (26.39).
    Arranged {
        /// The number of columns of the rows.
        arity: usize,
    },
}

/// Why a part of a neutral command has no form in a version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Obstacle {
    #[error("26.30 creates an instance without an initial configuration")]
    InitialConfig,
    #[error("26.30 reads the source of a delta path by an arrangement only")]
    RawDeltaSource,
    #[error("a MonotonicTop1 offers a collection in 26.30, not an arrangement")]
    ArrangedTop1,
    #[error("a MonotonicTop1 offers an arrangement in 26.39, not a collection")]
    RawTop1,
    #[error(
        "a temporal predicate must compare the whole of mz_now() with an expression free of it"
    )]
    TemporalPredicate,
    #[error("mz_now() is called outside of a predicate, which 26.39 has no form for")]
    TemporalExpression,
    #[error("the MFP after a Reduce filters by time, which 26.39 has no form for")]
    TemporalReduce,
    /// A variant of an enum that the version lacks; the text names it.
    #[error("{0}")]
    Variant(String),
}

/// Why a neutral command is none of a version.
pub type Untranslatable = shape::Untranslatable<Obstacle>;
