//! One worker of the replica: commands in, dataflows, responses out. Source:
//! `spec/replica.md` §2 to §5.
//!
//! Invariant: nothing here waits, looks at a clock, or knows whether it runs as
//! a process or within one.

mod collection;
mod compat;
mod dataflow;
mod dyncfg;
mod environment;
mod finishing;
mod frontiers;
mod history;
mod holds;
mod instance;
mod peek;
mod persist_peek;
mod persist_settings;
mod reconcile;
mod start;
mod stash;
mod stash_wire;
mod traces;
mod worker;

pub(crate) use collection::{Collection, DataflowHandle, Reported};
pub use environment::{Clients, Environment, Host};
pub(crate) use history::exports;
pub use instance::Outgoing;
pub use persist_settings::PersistSettings;
pub use start::StartSignal;
pub(crate) use start::StartToken;
pub use traces::frontier as frontier_of;
pub use worker::{Worker, command_name};
