//! The handles of a shard: writers, readers, since handles, and what they
//! hand out.
//!
//! Invariant: a handle that is dropped takes its entry out of the state.

mod batch;
mod listen;
mod part;
mod read;
mod since;
mod write;

pub use batch::{Batch, BatchBuilder};
pub use listen::{Listen, ListenEvent};
pub use part::LeasedPart;
pub use read::ReadHandle;
pub use since::{CONTROLLER_CRITICAL_READER, OPAQUE_CODEC, SinceHandle};
pub use write::WriteHandle;
