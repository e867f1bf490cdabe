//! clusterd-fuzz: a property-based fuzzer and model checker for **clusterd**,
//! the compute replica of Materialize. It generates scripts, drives them
//! against a replica over the replica's own wire protocol, holds everything
//! the replica says against a reference model, and shrinks what it finds.
//!
//! The rooms and who may call whom are in `ARCHITECTURE.md`; `tests/tidy.rs`
//! holds the code to it.

pub mod campaign;
pub mod cli;
pub mod driver;
pub mod generate;
pub mod invariants;
pub mod model;
pub mod persist;
pub mod plan;
pub mod protocol;
pub mod replica;
pub mod repr;
pub mod script;
pub mod shrink;
