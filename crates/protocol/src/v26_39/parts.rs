//! The types whose structure 26.39 changed. Source: `spec/v26_39.md` §2.1, §3.4,
//! §3.6.
//!
//! Invariant: serde order is wire order.

use serde::{Deserialize, Serialize};

use crate::v26_30::{self, ColumnOrder, ConfigUpdates, MirScalarExpr, SafeMfpPlan};

/// What `CreateInstance` carries (§2.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceConfig {
    /// The four fields of 26.30.
    pub common: v26_30::InstanceConfig,
    /// What the replica applies to its configuration before it creates anything.
    pub initial_config: ConfigUpdates,
}

/// A map-filter-project whose temporal filters are planned (§3.4): a row is live at
/// the times from the greatest lower bound on, and before the least upper one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MfpPlan {
    pub mfp: SafeMfpPlan,
    /// Of type MzTimestamp, over the columns of `mfp`: inputs and expressions.
    pub lower_bounds: Vec<MirScalarExpr>,
    /// Like `lower_bounds`.
    pub upper_bounds: Vec<MirScalarExpr>,
}

/// The first row of each group of a monotonic collection (§3.6). It offers only an
/// arrangement by the group key (§3.7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MonotonicTop1Plan {
    pub group_key: Vec<usize>,
    pub order_key: Vec<ColumnOrder>,
    /// The number of columns of the input.
    pub arity: usize,
    pub must_consolidate: bool,
}
