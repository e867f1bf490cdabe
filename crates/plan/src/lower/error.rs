//! Why a dataflow cannot be lowered.

use thiserror::Error;

use repr::GlobalId;

/// A dataflow that cannot be lowered. The texts are upstream's driver's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LowerError {
    #[error("lowering dataflow failed: unimplemented join")]
    UnimplementedJoin,
    /// Bindings below another operator.
    #[error("RenderPlan conversion failed for {0}")]
    RenderPlan(GlobalId),
    /// A panic upstream.
    #[error("lowering dataflow failed: Multiple reduction types detected")]
    MixedReduction,
    /// A panic upstream: a looked-up key has no counterpart on the stream side.
    #[error("lowering dataflow failed: join key of input {0} is not bound by the equivalences")]
    UnboundJoinKey(usize),
    /// A panic upstream, above a join.
    #[error("lowering dataflow failed: mz_now() outside a predicate")]
    TemporalExpression,
}
