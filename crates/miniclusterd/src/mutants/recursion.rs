//! When recursive bindings end, and what they feed back.

use super::{Mutant, Mutants};
use crate::render::{Errs, RenderTimestamp};
use protocol::v26_30::LetRecLimit;

#[derive(Debug, Clone, Copy)]
pub struct RecursionSeams(pub(super) Mutants);

impl RecursionSeams {
    /// After how many iterations a binding ends, and whether that is no error;
    /// None if it has no limit.
    pub fn limit(self, limit: Option<&LetRecLimit>) -> Option<(u64, bool)> {
        if self.0.is(Mutant::RecursionStopsEarly) {
            return Some((3, true));
        }
        let limit = limit?;
        let (max, quiet) = (limit.max_iters.get(), limit.return_at_limit);
        if self.0.is(Mutant::RecursionLimitOffByOne) {
            return Some((max.saturating_add(1), quiet));
        }
        Some((max, quiet || self.0.is(Mutant::RecursionLimitQuiet)))
    }

    /// The errors that a binding feeds to its next iteration: all of them.
    pub fn fed_back<'s, T: RenderTimestamp>(self, errs: Errs<'s, T>) -> Errs<'s, T> {
        if self.0.is(Mutant::RecursionDropsErrors) {
            return errs.filter(|_| false);
        }
        errs
    }
}
