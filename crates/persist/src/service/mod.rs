//! The service: shards that are shared by threads and processes
//! (`spec/persist.md` §1, §4, §6, §7). From the bottom up:
//!
//! * [`consensus`], [`blob`]: the two stores, each with a few backends; `retry`
//!   tries their operations again;
//! * [`clock`], `config`, `runtime`: time and chance, settings, I/O threads;
//! * `shard`: one shard's state as this process knows it, and the commands that
//!   change it by compare-and-set; `shards`: those that a client holds;
//! * `part`, `maintenance`, `lease`: reading and writing of updates; rollups,
//!   garbage collection and compaction; what a reader holds;
//! * `pubsub`: diffs are passed on, so that nothing has to be polled;
//! * `client`: a process's access to a location;
//! * `handle`: readers and writers.
//!
//! Invariant: what a shard contains is decided by `format` and by consensus
//! alone; settings, threads and PubSub only decide how soon it is seen and how
//! compactly it is stored.

pub mod blob;
pub mod clock;
pub mod consensus;

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod error;
pub(crate) mod handle;
mod lease;
mod maintenance;
mod part;
pub(crate) mod pubsub;
mod retry;
mod runtime;
pub(crate) mod shard;
mod shards;
