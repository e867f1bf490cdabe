//! The columns of a part: keys, times and diffs, all of one length.
//!
//! Invariant: the three columns have equal lengths.

use arrow::array::{Array, BinaryArray, StructArray};

use crate::format::corrupt::Corrupt;
use crate::format::description::{Description, frontier_from_proto};
use crate::format::wire::state::ProtoU64Description;
use repr::{Antichain, Diff, Timestamp};

/// The keys of a part: rows or errors.
#[derive(Debug, Clone)]
pub enum Keys {
    /// `Struct{ok, err}` (`spec/persist.md` §5.5).
    Structured(StructArray),
    /// Encoded `ProtoSourceData`, of old (§5.4).
    Codec(BinaryArray),
}

/// The updates of a part.
#[derive(Debug, Clone)]
pub struct Columns {
    pub keys: Keys,
    pub times: Vec<Timestamp>,
    pub diffs: Vec<Diff>,
}

impl Columns {
    /// Checks the lengths.
    pub fn new(keys: Keys, times: Vec<Timestamp>, diffs: Vec<Diff>) -> Result<Self, Corrupt> {
        let len = match &keys {
            Keys::Structured(array) => array.len(),
            Keys::Codec(array) => array.len(),
        };
        if times.len() != len || diffs.len() != len {
            return Err(Corrupt::new(
                "batch part",
                format!("{len} keys, {} times, {} diffs", times.len(), diffs.len()),
            ));
        }
        Ok(Columns { keys, times, diffs })
    }

    /// How many updates there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

/// The description inside a part, which may be wider than the registered one
/// (`spec/persist.md` §5.7).
pub type PartDesc = Description;

/// The description of a part's metadata, in which missing frontiers mean `[0]`
/// (§3.5).
pub(super) fn part_desc(proto: Option<&ProtoU64Description>) -> Result<PartDesc, Corrupt> {
    let frontier = |f: Option<&_>| match f {
        None => Ok(Antichain::minimum()),
        Some(f) => frontier_from_proto(Some(f), "batch part"),
    };
    let default = ProtoU64Description::default();
    let proto = proto.unwrap_or(&default);
    Ok(Description {
        lower: frontier(proto.lower.as_ref())?,
        upper: frontier(proto.upper.as_ref())?,
        since: frontier(proto.since.as_ref())?,
    })
}
