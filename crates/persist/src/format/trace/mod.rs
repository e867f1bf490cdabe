//! The trace: the batches of a shard, and the structure ("spine") that decides
//! which of them are merged when (`spec/persist.md` §3.8).
//!
//! Invariant: batches cover contiguous ids and times from 0; an older batch
//! never lies at a lower level than a younger one; no level holds more than two
//! batches.

mod batch;
mod compact;
mod flat;
mod insert;
mod spine;
#[cfg(test)]
mod tests;
mod unflatten;

pub use batch::{HollowBatch, SpineId, check_part, level_of};
pub use compact::MergeOutcome;
pub use flat::{FlatTrace, ThinBatch, ThinMerge};
pub use insert::MergeReq;
pub use spine::{FuelMerge, IdBatch, Level, SpineBatch, Trace};
