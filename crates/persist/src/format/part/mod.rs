//! Batch parts: updates as columns, inside the state or in Parquet blobs
//! (`spec/persist.md` §5).
//!
//! Invariant: what is written here a real reader accepts, what a real writer
//! wrote is read here, and hostile bytes are errors.

mod arrow_proto;
mod columns;
mod inline;
mod order;
mod parquet;

pub use arrow_proto::{array_from_proto, array_to_proto, type_from_proto, type_to_proto};
pub use columns::{Columns, Keys, PartDesc};
pub use inline::{decode_inline, encode_inline, inline_diffs_sum};
pub use order::key_order;
pub use parquet::{decode_parquet, encode_parquet};
