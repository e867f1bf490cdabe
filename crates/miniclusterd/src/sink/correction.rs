//! The difference between what a view should hold and what its shard holds.
//! Source: `spec/replica.md` §7.
//!
//! Invariant: what cannot be written any more (times before the shard's upper)
//! is made up for at the upper.

use persist::{Update, consolidate};
use repr::{Antichain, Timestamp};

/// Desired minus persisted.
#[derive(Debug, Default)]
pub struct Correction {
    updates: Vec<Update>,
    /// How many of them were consolidated last time.
    clean: usize,
}

impl Correction {
    /// Adds what the shard should hold.
    pub fn desire(&mut self, updates: impl IntoIterator<Item = Update>) {
        self.updates.extend(updates);
        self.tidy();
    }

    /// Takes off what the shard holds.
    pub fn persisted(&mut self, updates: impl IntoIterator<Item = Update>) {
        let negated = updates
            .into_iter()
            .map(|(datum, time, diff)| (datum, time, -diff));
        self.updates.extend(negated);
        self.tidy();
    }

    /// Moves every time before `since` up to it.
    pub fn advance(&mut self, since: Timestamp) {
        let mut moved = false;
        for (_, time, _) in &mut self.updates {
            if *time < since {
                *time = since;
                moved = true;
            }
        }
        if moved {
            self.consolidate();
        }
    }

    /// The updates that have to be written before `upper`.
    pub fn before(&mut self, upper: &Antichain) -> Vec<Update> {
        self.consolidate();
        let before = |time: Timestamp| !upper.less_equal(time);
        self.updates
            .iter()
            .filter(|(_, time, _)| before(*time))
            .cloned()
            .collect()
    }

    fn tidy(&mut self) {
        if self.updates.len() > 2 * self.clean + 1024 {
            self.consolidate();
        }
    }

    fn consolidate(&mut self) {
        consolidate(&mut self.updates);
        self.clean = self.updates.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repr::{Datum, Row};

    fn update(value: i64, time: u64, diff: i64) -> Update {
        (Ok(Row::pack([Datum::Int64(value)])), time, diff)
    }

    #[test]
    fn what_was_written_cancels_and_what_was_missed_is_made_up_for() {
        let mut correction = Correction::default();
        correction.desire([update(1, 0, 1), update(2, 3, 1)]);
        correction.persisted([update(1, 0, 1), update(9, 1, 1)]);
        correction.advance(2);
        assert_eq!(
            correction.before(&Antichain::from_elem(3)),
            vec![update(9, 2, -1)]
        );
        assert_eq!(correction.before(&Antichain::empty()).len(), 2);
    }
}
