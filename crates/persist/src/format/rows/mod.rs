//! Rows and errors as persist stores them: the structured columns, the
//! registered schema, and the older protobuf form (`spec/persist.md` §5.4,
//! §5.5).
//!
//! Invariant: reading what was written gives the same datums, and writing the
//! same rows in the same order gives the same bytes.

mod builder;
mod codec;
mod column;
mod column_read;
mod fixed;
mod numeric;
mod reader;
mod scalar_type;
mod schema;
mod schema_read;
pub mod stats;
#[cfg(test)]
mod tests;

use std::fmt;

pub use builder::KeyBuilder;
pub use codec::{decode_source_data, encode_source_data};
pub use reader::KeyReader;
pub use schema::{encode_relation_desc, encode_schemas, key_data_type, same_schema};
pub use schema_read::{decode_relation_desc, decode_schemas};

use repr::{Diff, Row, Timestamp};

/// An encoded `ProtoDataflowError`. Equal errors have equal bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataflowErrorBytes(pub Vec<u8>);

impl fmt::Debug for DataflowErrorBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataflowErrorBytes({})", hex::encode(&self.0))
    }
}

/// What a shard holds: a row, or the error that stands in its place.
pub type SourceDatum = Result<Row, DataflowErrorBytes>;

/// An update of a shard.
pub type Update = (SourceDatum, Timestamp, Diff);

/// Sums the diffs of equal (key, time), drops what is zero, and sorts.
pub fn consolidate(updates: &mut Vec<Update>) {
    updates.sort_unstable_by(|(a, t, _), (b, u, _)| a.cmp(b).then(t.cmp(u)));
    let mut kept = 0;
    let mut at = 0;
    while at < updates.len() {
        let mut end = at + 1;
        let mut sum = updates[at].2;
        while end < updates.len()
            && updates[end].1 == updates[at].1
            && updates[end].0 == updates[at].0
        {
            sum = sum.wrapping_add(updates[end].2);
            end += 1;
        }
        if sum != 0 {
            updates.swap(kept, at);
            updates[kept].2 = sum;
            kept += 1;
        }
        at = end;
    }
    updates.truncate(kept);
}
