//! Shards: durable, shared, definite collections of (row, time, diff), in the
//! format of Materialize's persist (`spec/persist.md`), so that a real clusterd
//! reads what is written here and the other way round.
//!
//! Two stores: [`Consensus`] holds a short log per shard, [`Blob`] holds
//! everything big. All calls block.
//!
//! Invariant: this room knows no dataflows and no wire protocol.

pub mod blob;
mod check;
mod chores;
mod client;
pub mod clock;
mod config;
pub mod consensus;
mod error;
mod handle;
pub mod part;
mod pubsub;
mod retry;
pub mod rows;
mod runtime;
mod shard;
mod shards;
pub mod state;
pub mod trace;
pub mod wire;

pub use blob::{Blob, open_blob};
pub use check::{
    BatchReport, Examine, Examined, HandleReport, KnownShard, MergeReport, Report, RollupReport,
    SchemaReport, ShardSummary, check, examine, inspect, list_shards, render_list, render_report,
};
pub use client::PersistClient;
pub use config::{Maintenance, PersistConfig};
pub use consensus::{Consensus, SeqNo, open_consensus};
pub use error::{Corrupt, LocationError, PersistError, StoreError, UpperMismatch};
pub use handle::{
    Batch, BatchBuilder, CONTROLLER_CRITICAL_READER, LeasedPart, Listen, ListenEvent, OPAQUE_CODEC,
    ReadHandle, SinceHandle, WriteHandle,
};
pub use pubsub::{PubSubError, PubSubServer};
pub use rows::{DataflowErrorBytes, SourceDatum, Update, consolidate};
pub use shard::ChangeListener;

#[cfg(test)]
mod tests;
