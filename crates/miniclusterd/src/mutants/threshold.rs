//! What passes a threshold.

use super::{Mutant, Mutants};
use repr::Diff;

#[derive(Debug, Clone, Copy)]
pub struct ThresholdSeams(pub(super) Mutants);

impl ThresholdSeams {
    /// How often a row passes: as often as it counts, if that is positive.
    pub fn passes(self, count: Diff) -> Option<Diff> {
        let passed = if self.0.is(Mutant::ThresholdForgetsMultiplicity) {
            count.signum()
        } else {
            count
        };
        (count > 0 || self.0.is(Mutant::ThresholdPassesNegatives)).then_some(passed)
    }
}
