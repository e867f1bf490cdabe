//! The protobuf messages of persist, by hand: what is stored in consensus and
//! blob, field by field (`spec/persist.md` §3, §5).
//!
//! Invariant: a message that upstream wrote encodes to the same bytes after
//! decoding; byte fields that upstream keeps undecoded are kept verbatim.

pub mod arrow;
pub mod part;
pub mod relation;
pub mod row;
pub mod state;
pub mod stats;
