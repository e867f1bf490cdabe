//! Choices from a seed. The generator behind it is SplitMix64 (Steele, Lea and
//! Flood 2014), written out here so that a seed means the same case for ever,
//! whatever becomes of a library's default generator.
//!
//! Invariant: the sequence depends on the seed and the bounds alone.

use super::choices::Choices;

/// Choices from a seed.
#[derive(Debug, Clone)]
pub struct SeededChoices {
    state: u64,
}

impl SeededChoices {
    pub fn new(seed: u64) -> Self {
        SeededChoices { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// What is drawn of one seed beside a script. Each has a seed of its own, so that
/// none of them is the same sequence of numbers as the script's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Another schedule of the same case.
    Schedule { number: u64 },
    /// In which order the workers of a replica step.
    Steps,
    /// Ids of readers, writers and batches.
    Ids,
    /// Of another replica, from which its streams are drawn.
    Peer,
}

impl Stream {
    /// The seed of this stream of a case.
    pub fn seed(self, case: u64) -> u64 {
        let label = match self {
            Stream::Peer => 21,
            Stream::Steps => 22,
            Stream::Ids => 23,
            Stream::Schedule { number } => 24 + number,
        };
        // Two draws apart: streams of neighbouring labels have nothing in common.
        let mut labels = SeededChoices::new(label);
        SeededChoices::new(case ^ labels.next()).next()
    }
}

impl Choices for SeededChoices {
    fn draw(&mut self, _label: &'static str, bound: u64) -> u64 {
        // A multiplication instead of a remainder: its bias is below 2^-32 for
        // the small bounds that occur here.
        let product = u128::from(self.next()) * u128::from(bound.max(1));
        (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut choices = SeededChoices::new(42);
        let drawn: Vec<u64> = (0..6).map(|_| choices.draw("x", 100)).collect();
        assert_eq!(drawn, PINNED);
    }

    const PINNED: [u64; 6] = [74, 15, 27, 34, 3, 86];

    #[test]
    fn streams_of_one_seed_have_different_seeds() {
        let streams = [
            Stream::Steps,
            Stream::Ids,
            Stream::Schedule { number: 1 },
            Stream::Schedule { number: 2 },
        ];
        for case in 0..100 {
            let mut seeds: Vec<u64> = streams.iter().map(|s| s.seed(case)).collect();
            seeds.push(case);
            seeds.sort_unstable();
            seeds.dedup();
            assert_eq!(seeds.len(), streams.len() + 1);
        }
    }

    #[test]
    fn draws_stay_below_their_bound() {
        let mut choices = SeededChoices::new(3);
        for bound in 0..200 {
            assert!(choices.draw("x", bound) < bound.max(1));
        }
    }
}
