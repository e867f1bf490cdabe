//! The wire: how values become bytes (`wire`), how payloads travel
//! (`ctp`), how several streams of responses become one (`merge`), and, a
//! module for each protocol version, which values there are. The rest of the
//! program thinks in the `neutral` form, and asks a `Release` how to say it.
//!
//! Architecture Invariant: the protocol knows no persist and no logical plans.

pub mod ctp;
pub mod merge;
pub mod neutral;
mod release;
mod renumber;
pub mod shape;
pub mod v26_30;
pub mod v26_39;
pub mod wire;

pub use release::{Announced, AnnouncedError, Release, Unspeakable};
