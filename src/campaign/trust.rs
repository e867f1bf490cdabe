//! Whether a green campaign can be believed: that its scripts were valid, and that
//! every invariant had something to check and could decide it.
//!
//! Invariant: nothing here makes a red campaign green.

use super::event::Summary;

/// One script of so many may turn out invalid, and one more.
const CASES_PER_INVALID: u64 = 10_000;

/// From so many cases on, every invariant must have been checked.
const CASES_TO_CHECK_ALL: u64 = 1_000;

/// Of so many judgments of an invariant, one may be left open.
const CHECKS_PER_UNKNOWN: u64 = 50;

impl Summary {
    /// Why the campaign is not to be believed if it is green, one line each.
    pub fn distrust(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let allowed = 1 + self.cases / CASES_PER_INVALID;
        if self.invalid > allowed {
            reasons.push(format!(
                "{} scripts were not valid to their end; at most {allowed} of {} may be",
                self.invalid, self.cases
            ));
        }
        for (id, counts) in &self.counts {
            if counts.checked == 0 && self.cases >= CASES_TO_CHECK_ALL {
                reasons.push(format!("{id} was never checked in {} cases", self.cases));
            }
            let all = counts.checked + counts.unknown;
            if counts.unknown > 1 + all / CHECKS_PER_UNKNOWN {
                reasons.push(format!(
                    "{id} was left open {} of {all} times; at most one of {CHECKS_PER_UNKNOWN} may be",
                    counts.unknown
                ));
            }
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::Counts;

    fn summary(checked: u64, unknown: u64) -> Summary {
        let counts = Counts {
            checked,
            violated: 0,
            unknown,
        };
        Summary {
            cases: 5_000,
            counts: vec![("I-01", counts)],
            ..Summary::default()
        }
    }

    #[test]
    fn a_campaign_that_checked_everything_is_believed() {
        assert_eq!(summary(1_000, 20).distrust(), Vec::<String>::new());
    }

    #[test]
    fn one_that_checked_nothing_or_left_much_open_is_not() {
        assert_eq!(
            summary(0, 0).distrust(),
            ["I-01 was never checked in 5000 cases"]
        );
        assert_eq!(
            summary(900, 100).distrust(),
            ["I-01 was left open 100 of 1000 times; at most one of 50 may be"]
        );
        let few = Summary {
            cases: 200,
            ..summary(0, 0)
        };
        assert_eq!(few.distrust(), Vec::<String>::new());
    }

    #[test]
    fn one_with_invalid_scripts_is_not() {
        let invalid = Summary {
            invalid: 2,
            ..summary(1_000, 0)
        };
        assert_eq!(
            invalid.distrust(),
            ["2 scripts were not valid to their end; at most 1 of 5000 may be"]
        );
    }
}
