//! How often a script shows a finding, and after how many runs that is known
//! well enough.
//!
//! Invariant: every test ends: each further run brings one of its two ends
//! nearer, and there is a greatest number of runs.
//!
//! Source: A. Wald, *Sequential Tests of Statistical Hypotheses* (1945), for
//! [`Standard`].

use std::fmt;

/// Runs of a script, and those of them that showed the finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    pub shows: usize,
    pub runs: usize,
}

impl Rate {
    pub fn add(&mut self, shows: bool) {
        self.shows += usize::from(shows);
        self.runs += 1;
    }

    /// Between 0 and 1; 0 without a run.
    pub fn share(self) -> f64 {
        self.shows as f64 / self.runs.max(1) as f64
    }

    /// At least nine of ten runs show it.
    pub fn is_reliable(self) -> bool {
        self.runs >= LAST_WORD && self.shows * 10 >= self.runs * 9
    }

    fn clean(self) -> usize {
        self.runs - self.shows
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} runs", self.shows, self.runs)
    }
}

/// Runs after which a rate is told.
const LAST_WORD: usize = 10;

/// What is known of a script after some runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgment {
    Kept,
    TurnedAway,
    /// If all of so many further runs show the finding, it is kept.
    Open {
        wanted: usize,
    },
}

/// What a candidate is held against: how often the finding shows in the script
/// that is shrunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standard {
    /// Every run of a script is the same.
    Exact,
    /// The share of runs that show it; more than 0, less than 1.
    Likely(f64),
}

/// How often a script that shows it half as often as expected is kept.
const WRONGLY_KEPT: f64 = 1.0 / 8.0;

/// The same where it shows nearly always: what was kept by luck does not last, and is
/// given back before anything is written.
const KEPT_BY_LUCK: f64 = 1.0 / 4.0;

/// How often a script that shows it as often as expected is turned away.
const WRONGLY_TURNED_AWAY: f64 = 1.0 / 10.0;

/// What shows always, as far as is known, is taken for this.
const NEARLY_ALWAYS: f64 = 0.95;

/// No candidate is run more often.
const MOST_RUNS: usize = 40;

impl Standard {
    /// Of what is expected to show always.
    pub const CERTAIN: Standard = Standard::Likely(NEARLY_ALWAYS);

    pub fn of(rate: Rate) -> Standard {
        Standard::Likely(rate.share().clamp(1.0 / MOST_RUNS as f64, NEARLY_ALWAYS))
    }

    /// Whether a candidate shows it often enough to go on from: a sequential
    /// probability ratio test of the expected share against half of it.
    pub fn judge(self, rate: Rate) -> Judgment {
        let Standard::Likely(expected) = self else {
            return match (rate.shows, rate.runs) {
                (0, 0) => Judgment::Open { wanted: 1 },
                (0, _) => Judgment::TurnedAway,
                (_, _) => Judgment::Kept,
            };
        };
        let show = 2_f64.ln();
        let clean = ((1.0 - expected) / (1.0 - expected / 2.0)).ln();
        let evidence = rate.shows as f64 * show + rate.clean() as f64 * clean;
        let wrongly_kept = match expected < NEARLY_ALWAYS {
            true => WRONGLY_KEPT,
            false => KEPT_BY_LUCK,
        };
        let missing = -wrongly_kept.ln() - evidence;
        // Numbers that come out even must not depend on the last bit.
        if missing < 1e-9 {
            Judgment::Kept
        } else if evidence <= WRONGLY_TURNED_AWAY.ln() || rate.runs >= MOST_RUNS {
            Judgment::TurnedAway
        } else {
            Judgment::Open {
                wanted: (missing / show - 1e-9).ceil() as usize,
            }
        }
    }

    /// Whether a script shows it often enough to be written: nine of ten, or
    /// half as often as expected where that is less.
    pub fn last_word(self, rate: Rate) -> Judgment {
        let (runs, shows) = match self {
            Standard::Exact => (1, 1),
            Standard::Likely(expected) if expected >= 0.9 => (LAST_WORD, LAST_WORD * 9 / 10),
            Standard::Likely(expected) => {
                let runs = ((3.0 / expected).ceil() as usize).clamp(LAST_WORD, MOST_RUNS);
                let shows = (expected * runs as f64 / 2.0).ceil() as usize;
                (runs, shows)
            }
        };
        if rate.clean() > runs - shows {
            Judgment::TurnedAway
        } else if rate.runs >= runs {
            Judgment::Kept
        } else {
            Judgment::Open {
                wanted: runs - rate.runs,
            }
        }
    }

    /// Whether one clean run says next to nothing.
    pub fn is_rare(self) -> bool {
        match self {
            Standard::Exact => false,
            Standard::Likely(expected) => expected < 0.7,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(shows: usize, runs: usize) -> Rate {
        Rate { shows, runs }
    }

    #[test]
    fn what_shows_always_is_kept_after_two_runs_and_turned_away_after_one() {
        let standard = Standard::of(rate(3, 3));
        assert_eq!(standard.judge(rate(0, 0)), Judgment::Open { wanted: 2 });
        assert_eq!(standard.judge(rate(1, 1)), Judgment::Open { wanted: 1 });
        assert_eq!(standard.judge(rate(2, 2)), Judgment::Kept);
        assert_eq!(standard.judge(rate(0, 1)), Judgment::TurnedAway);
    }

    #[test]
    fn what_shows_rarely_is_given_the_runs_that_its_rate_wants() {
        let standard = Standard::of(rate(3, 10));
        let clean = (1..).find(|n| standard.judge(rate(0, *n)) == Judgment::TurnedAway);
        // A script of rate 0.3 has so many clean runs once in seventy.
        assert_eq!(clean, Some(12));
        assert_eq!(standard.judge(rate(3, 3)), Judgment::Kept);
        assert_eq!(standard.judge(rate(3, 10)), Judgment::Open { wanted: 2 });
    }

    #[test]
    fn every_test_ends() {
        for tenths in 0..=10 {
            let standard = Standard::of(rate(tenths, 10));
            for shows in 0..=MOST_RUNS {
                let end = standard.judge(rate(shows, MOST_RUNS));
                assert!(!matches!(end, Judgment::Open { .. }), "{tenths} {shows}");
                let end = standard.last_word(rate(shows, MOST_RUNS));
                assert!(!matches!(end, Judgment::Open { .. }), "{tenths} {shows}");
            }
        }
    }

    #[test]
    fn the_last_word_wants_nine_of_ten() {
        let standard = Standard::of(rate(3, 3));
        assert_eq!(standard.last_word(rate(9, 9)), Judgment::Open { wanted: 1 });
        assert_eq!(standard.last_word(rate(9, 10)), Judgment::Kept);
        assert_eq!(standard.last_word(rate(1, 3)), Judgment::TurnedAway);
        assert!(rate(9, 10).is_reliable() && !rate(8, 10).is_reliable());
    }
}
