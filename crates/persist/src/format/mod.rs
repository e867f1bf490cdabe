//! The format: what a shard consists of, as types, and how each of them is
//! bytes (`spec/persist.md` §2, §3, §5). Pure functions and types, from the
//! bottom up:
//!
//! * [`wire`]: the protobuf messages, field by field;
//! * [`seqno`], [`description`]: the numbers of states, the bounds of batches;
//! * [`part`]: updates as columns, in Parquet or inside of the state;
//! * [`rows`]: rows and errors as keys of such columns, and the schemas;
//! * [`trace`]: the batches of a shard, and which are merged when;
//! * [`state`]: everything that the shard's log says at one seqno, its diffs
//!   and its rollups.
//!
//! Invariant: nothing here does I/O, waits, reads a clock or draws a random
//! number, and nothing names `service`. Hostile bytes are a
//! [`Corrupt`](corrupt::Corrupt), never a panic.

pub mod corrupt;
pub mod description;
pub mod part;
pub mod rows;
pub mod seqno;
pub mod state;
pub mod trace;
pub mod wire;
