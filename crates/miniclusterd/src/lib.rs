//! miniclusterd: a small, honest compute replica on timely and
//! differential-dataflow, that speaks clusterd's bytes, takes its flags, and
//! can be told to misbehave in named ways. Source: `spec/replica.md`.
//!
//! Architecture Invariant: the replica knows neither logical plans nor the
//! model, the script or the driver: it shares `repr`, `protocol` and `persist`
//! with them and nothing else.

pub mod args;
pub mod compute;
pub mod errors;
pub mod eval;
pub mod halt;
pub mod in_process;
pub mod meter;
pub mod mutants;
pub mod outlet;
pub mod process;
pub mod render;
mod sink;
mod source;
pub mod timely_config;
