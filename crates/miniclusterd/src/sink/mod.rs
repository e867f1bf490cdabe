//! What leaves a dataflow other than as an index: subscribes, and materialized
//! views. Source: `spec/replica.md` §6, §7.
//!
//! Invariant: a sink never reads a clock and never waits: what may take long is
//! done by a thread of its own, or by polls of the owner of the worker.

mod correction;
mod desired;
mod materialized;
mod refresh;
mod subscribe;

pub use desired::{Desired, desired};
pub use materialized::{MaterializedView, ViewConfig, materialized_view};
pub use refresh::round_up;
pub use subscribe::{SubscribeState, subscribe};
