//! What table functions read and give.

use super::{Mutant, Mutants};
use repr::{Datum, Diff, Row};

#[derive(Debug, Clone, Copy)]
pub struct FlatMapSeams(pub(super) Mutants);

impl FlatMapSeams {
    /// The columns of an entry of an arrangement, `[key, value]`: those of the
    /// key come first.
    pub fn columns<'a>(self, entry: &[&'a Row]) -> Vec<Datum<'a>> {
        if self.0.is(Mutant::FlatMapMisplacesKey) {
            return entry.iter().rev().flat_map(|row| row.iter()).collect();
        }
        entry.iter().flat_map(|row| row.iter()).collect()
    }

    /// How often an input row is extended: as often as it counts.
    pub fn multiplicity(self, diff: Diff) -> Diff {
        if self.0.is(Mutant::FlatMapIgnoresMultiplicity) {
            return diff.signum();
        }
        diff
    }

    /// Whether the extension with this number (from 0) of a row is made: every
    /// one is.
    pub fn makes(self, number: u64, is_last: bool) -> bool {
        !(self.0.is(Mutant::FlatMapDropsLastRow) && number > 0 && is_last)
    }

    /// After how many rows the operator lets others go on.
    pub fn fuel(self, fuel: u64) -> u64 {
        if self.0.is(Mutant::TableFunctionNeverYields) {
            return u64::MAX;
        }
        fuel
    }
}
