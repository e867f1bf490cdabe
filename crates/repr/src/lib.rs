//! The vocabulary that every room shares: times, diffs, ids, frontiers, rows
//! and schemas. Types that cross the wire derive serde in the wire's field
//! order (`spec/ctp.md` §4, `spec/plan.md` §6), so that the protocol mirror
//! can embed them.
//!
//! Invariant: nothing here does I/O, and decoding hostile bytes gives an error.

mod antichain;
mod civil;
mod datum;
mod ids;
pub mod jsonb;
pub mod moments;
mod numeric;
mod row;
mod row_read;
mod schema;
mod tag;

pub use antichain::Antichain;
pub use civil::{CivilTimestamp, Interval, Time};
pub use datum::{AclItem, Array, Datum, List, Map, Range};
pub use ids::{CatalogItemId, GlobalId, IdParseError, LocalId, ShardId};
pub use numeric::{Numeric, NumericError};
pub use row::{Row, RowPacker};
pub use row_read::{RowError, RowIter};
pub use schema::*;

/// A time, in milliseconds. On the wire a varint u64 (`spec/ctp.md` §1.8).
pub type Timestamp = u64;

/// A multiplicity: positive for insertions, negative for retractions. On the
/// wire a zigzag varint (`spec/ctp.md` §1.8).
pub type Diff = i64;
