//! The replica's evaluator: scalar expressions, map-filter-projects, table
//! functions and aggregates, over borrowed datums. Source: `spec/plan.md` §3,
//! §5.
//!
//! Invariants: knows nothing of dataflows; shares nothing with the model's
//! evaluator, since the two are each other's witness; a function that it lacks
//! is refused beforehand ([`supported`]) and never answered.

mod arena;
mod binary;
mod calendar;
mod convert;
mod debug;
mod decimal;
mod mfp;
mod number;
mod scalar;
mod text;
mod unary;
mod variadic;

pub use arena::Arena;
pub use convert::Evaluated;
pub use debug::redacted_row;
pub use mfp::{MfpPlan, eval_safe, supported_mfp};
pub use scalar::{eval, pack, supported};
