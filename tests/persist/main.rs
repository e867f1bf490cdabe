//! The persist room from outside: golden shards that real programs left,
//! several processes on one shard, servers, bad bytes.

mod contents;
mod golden;
mod log;
mod maintenance;
#[path = "../support/postgres.rs"]
mod postgres;
mod processes;
mod stats;
mod unreliable;
mod writes;
