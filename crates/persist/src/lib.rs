//! Shards: durable, shared, definite collections of (row, time, diff), in the
//! format of Materialize's persist (`spec/persist.md`), so that a real clusterd
//! reads what is written here and the other way round.
//!
//! Three rooms, each of which uses only those before it:
//!
//! * [`mod@format`]: what a shard consists of, as bytes;
//! * [`service`]: two stores ([`Consensus`] holds a short log per shard,
//!   [`Blob`] everything big), clients of them, and their handles;
//! * `check`: the validator.
//!
//! All calls block.
//!
//! Invariant: this crate knows no dataflows and no wire protocol.

mod check;
pub mod format;
pub mod service;

pub use check::{
    BatchReport, Examine, Examined, HandleReport, KnownShard, MergeReport, Report, RollupReport,
    SchemaReport, ShardSummary, check, examine, inspect, list_shards,
};
pub use format::corrupt::Corrupt;
pub use format::rows::stats::{ColumnStats, PartStats, ValueStats};
pub use format::rows::{DataflowErrorBytes, SourceDatum, Update, consolidate};
pub use format::seqno::{SeqNo, VersionedData};
pub use format::{part, rows, state, trace, wire};
pub use service::blob::{Blob, open_blob};
pub use service::client::PersistClient;
pub use service::config::{Maintenance, PartSizes, PersistConfig};
pub use service::consensus::{Consensus, open_consensus};
pub use service::error::{LocationError, PersistError, PubSubError, StoreError, UpperMismatch};
pub use service::handle::{
    Batch, BatchBuilder, CONTROLLER_CRITICAL_READER, LeasedPart, Listen, ListenEvent, OPAQUE_CODEC,
    ReadHandle, SinceHandle, WriteHandle,
};
pub use service::pubsub::PubSubServer;
pub use service::shard::ChangeListener;
pub use service::{blob, clock, consensus};

#[cfg(test)]
mod tests;
