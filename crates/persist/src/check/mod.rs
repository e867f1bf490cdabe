//! The validator: what a shard consists of, and every rule of
//! `spec/persist.md` that it breaks, as typed reports.
//!
//! Invariant: checking changes nothing, registers nothing, and reports what is
//! broken instead of failing on it.

mod hints;
mod location;
mod log;
mod parts;
mod report;
mod shard;
mod state;
#[cfg(test)]
mod tests;
mod validator;

pub use location::{Examine, Examined, KnownShard, ShardSummary, examine, list_shards};
pub use report::{BatchReport, HandleReport, MergeReport, Report, RollupReport, SchemaReport};
pub use shard::{check, inspect};
