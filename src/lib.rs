//! clusterd-fuzz: a property-based fuzzer and model checker for **clusterd**,
//! the compute replica of Materialize. It generates scripts, drives them
//! against a replica over the replica's own wire protocol, holds everything
//! the replica says against a reference model, and shrinks what it finds.
//!
//! The rooms and who may call whom are in `ARCHITECTURE.md`; `tests/tidy.rs`
//! holds the code to it.

pub use {driver, miniclusterd as replica, model, persist, plan, protocol, repr, script};

pub mod campaign;
pub mod cli;
pub mod generate;
pub mod invariants;
pub mod known;
pub mod schedule;
pub mod shrink;
