//! How large results are, and how sizes are written. Source: `spec/replica.md`
//! §2.4, §5.4.
//!
//! Invariant: sizes are of the encoded form, so that every part counts alike.

use std::fmt;

use crate::v26_30::{RowCollection, UpdateCollection};

/// A number of bytes as the field's error texts write it: `512 B`, `1.0 KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let power = (self.0.ilog2() / 10) as usize;
        let value = self.0 as f64 / (1u64 << (10 * power)) as f64;
        write!(f, "{value:.1} {}", UNITS[power - 1])
    }
}

/// The bytes of the rows, and 16 a row: its end and its multiplicity.
pub(super) fn row_collection(rows: &RowCollection) -> u64 {
    (rows.rows.bytes.len() + 8 * rows.rows.run_ends.len() + 8 * rows.diffs.len()) as u64
}

/// The bytes of the rows, and 24 a row: its end, its time and its diff.
pub(super) fn update_collection(updates: &UpdateCollection) -> u64 {
    (updates.rows.bytes.len()
        + 8 * updates.rows.run_ends.len()
        + 8 * updates.times.len()
        + 8 * updates.diffs.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_the_field_writes_them() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }
}
