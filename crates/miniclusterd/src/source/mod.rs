//! Reading a shard into a dataflow. Source: `spec/replica.md` §3.2,
//! `spec/persist.md` §6.
//!
//! One worker of the replica reads the shard (which one follows from the id of
//! the source) and hands the rows to all, since two workers might see the same
//! history cut into different batches.
//!
//! Invariant: every update before `until` enters exactly once, at its time or
//! at the as-of, whichever is later.

mod feed;
mod operator;
mod pushdown;
mod reader;

pub use feed::{Feed, Inline};
pub use operator::{SourceStream, persist_source};
pub use pushdown::PartFilter;
pub use reader::{Event, SourceReader};

#[cfg(test)]
mod tests;
