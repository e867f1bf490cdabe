//! Statistics of a part: what its rows may be, without reading them
//! (`spec/persist.md` §5.9, §6.6). A reader may pass over a part by them.
//!
//! Invariant: no row of a part is outside of what its statistics say, and
//! statistics that say nothing clear are read as saying nothing.

mod collect;
mod json;
mod lower;
mod read;
#[cfg(test)]
mod tests;
mod trim;

pub use collect::{collect, encode_stats};
pub use lower::encode_key_lower;
pub use read::{ColumnStats, PartStats, ValueStats, decode_stats};

/// The longest string or byte bound, in bytes; longer ones are cut, upper ones
/// rounded up (§5.9).
const LONGEST_BOUND: usize = 100;
