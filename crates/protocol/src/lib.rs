//! The wire: how values become bytes (`wire`), how payloads travel
//! (`ctp`), how several streams of responses become one (`merge`), and, a
//! module for each protocol version, which values there are.
//!
//! Architecture Invariant: the protocol knows no persist and no logical plans.

pub mod ctp;
pub mod merge;
mod renumber;
pub mod shape;
pub mod v26_30;
pub mod v26_39;
pub mod wire;
