//! Batch parts: updates as columns, inside the state or in Parquet blobs
//! (`spec/persist.md` §5).
//!
//! Invariant: what is written here a real reader accepts, what a real writer
//! wrote is read here, and hostile bytes are errors.

mod arrow_proto;
mod columns;
mod inline;
mod parquet;

pub use arrow_proto::{array_from_proto, array_to_proto, type_from_proto, type_to_proto};
pub use columns::{Columns, Keys, PartDesc};
pub use inline::{decode_inline, encode_inline, inline_diffs_sum};
pub use parquet::{decode_parquet, encode_parquet};

use super::trace::HollowBatch;
use super::wire::state::PartKind;

/// The sum of a batch's diffs over its physical updates, where it is known.
pub fn diffs_sum(batch: &HollowBatch) -> Option<i64> {
    batch.parts.iter().try_fold(0i64, |sum, part| {
        let part = match &part.kind {
            Some(PartKind::Inline(bytes)) => inline_diffs_sum(bytes).ok()?,
            Some(PartKind::Key(_) | PartKind::RunRef(_)) => part.diffs_sum?,
            None => return None,
        };
        Some(sum.wrapping_add(part))
    })
}
