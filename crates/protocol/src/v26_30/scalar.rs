//! Scalar expressions and the map-filter-project that holds them. Source:
//! `spec/plan.md` §3.1, §4.1.
//!
//! Invariant: a column's name travels along and is never compared, since
//! arrangements are looked up by expression.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BinaryFunc, EvalError, UnaryFunc, UnmaterializableFunc, VariadicFunc};
use repr::{ReprColumnType, Row};

/// A scalar expression over the columns of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MirScalarExpr {
    Column(usize, ColumnLabel),
    /// The row holds exactly one datum.
    Literal(Result<Row, EvalError>, ReprColumnType),
    CallUnmaterializable(UnmaterializableFunc),
    CallUnary {
        func: UnaryFunc,
        expr: Box<MirScalarExpr>,
    },
    CallBinary {
        func: BinaryFunc,
        expr1: Box<MirScalarExpr>,
        expr2: Box<MirScalarExpr>,
    },
    CallVariadic {
        func: VariadicFunc,
        exprs: Vec<MirScalarExpr>,
    },
    If {
        cond: Box<MirScalarExpr>,
        then: Box<MirScalarExpr>,
        els: Box<MirScalarExpr>,
    },
}

impl MirScalarExpr {
    /// Column `i`, without a name.
    pub fn column(i: usize) -> Self {
        MirScalarExpr::Column(i, ColumnLabel(None))
    }
}

/// The name of a column, all of which are equal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ColumnLabel(pub Option<Arc<str>>);

impl PartialEq for ColumnLabel {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ColumnLabel {}

impl PartialOrd for ColumnLabel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ColumnLabel {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for ColumnLabel {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// Maps, filters and projects rows. Columns below `input_arity` are inputs, the
/// following ones are `expressions` in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MapFilterProject {
    pub expressions: Vec<MirScalarExpr>,
    /// Each with the number of columns that must exist before it is evaluated.
    pub predicates: Vec<(usize, MirScalarExpr)>,
    pub projection: Vec<usize>,
    pub input_arity: usize,
}

impl MapFilterProject {
    /// Changes nothing.
    pub fn identity(arity: usize) -> Self {
        MapFilterProject {
            expressions: Vec::new(),
            predicates: Vec::new(),
            projection: (0..arity).collect(),
            input_arity: arity,
        }
    }
}

/// A map-filter-project without temporal predicates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SafeMfpPlan {
    pub mfp: MapFilterProject,
}
