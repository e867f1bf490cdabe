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
    fn draws_stay_below_their_bound() {
        let mut choices = SeededChoices::new(3);
        for bound in 0..200 {
            assert!(choices.draw("x", bound) < bound.max(1));
        }
    }
}
