//! The source of choices: one labelled, bounded draw, behind which a seed, the
//! bytes of a fuzzer, or an enumerator sits. Everything that the generator
//! decides goes through it, so a case is a list of small numbers.
//!
//! Invariant: 0 is always the simplest choice, so a source that has run dry
//! and answers 0 for ever ends every loop of the generator.

/// A source of decisions.
///
/// ```
/// use clusterd_fuzz::generate::{ByteChoices, Choices};
///
/// // A source that has run dry answers with the simplest choice, for ever.
/// let mut dry = ByteChoices::new(&[]);
/// let choices: &mut dyn Choices = &mut dry;
/// assert!(!choices.chance("a rare thing", 99, 100));
/// assert_eq!(choices.between("rows", 1, 4), 1);
/// assert_eq!(choices.pick("type", &["bigint", "text"]), Some(&"bigint"));
/// assert_eq!(choices.weighted("action", &[0, 3, 5]), Some(1));
/// ```
pub trait Choices {
    /// A number in `0..bound`. `label` says what is decided; `bound` is at
    /// least 1 (a bound of 0 is read as 1).
    fn draw(&mut self, label: &'static str, bound: u64) -> u64;
}

/// What the generator asks for, in terms of draws.
impl dyn Choices + '_ {
    /// True in `yes` of `of` cases; false is the simple answer.
    pub fn chance(&mut self, label: &'static str, yes: u64, of: u64) -> bool {
        // The upper end of the range means yes, so that 0 means no.
        self.draw(label, of) >= of.saturating_sub(yes).max(1) || yes >= of
    }

    /// A number in `low..=high`; `low` is the simple answer.
    pub fn between(&mut self, label: &'static str, low: u64, high: u64) -> u64 {
        low + self.draw(label, high.saturating_sub(low) + 1)
    }

    /// An index into a list of `len` items, the first being the simple one.
    pub fn index(&mut self, label: &'static str, len: usize) -> usize {
        self.draw(label, len as u64) as usize
    }

    /// One of `items`, the first being the simple one; `None` of nothing.
    pub fn pick<'a, T>(&mut self, label: &'static str, items: &'a [T]) -> Option<&'a T> {
        match items.len() {
            0 => None,
            len => items.get(self.index(label, len)),
        }
    }

    /// An index drawn in proportion to `weights`; `None` if all are zero.
    pub fn weighted(&mut self, label: &'static str, weights: &[u64]) -> Option<usize> {
        let total: u64 = weights.iter().sum();
        if total == 0 {
            return None;
        }
        let mut at = self.draw(label, total);
        for (index, weight) in weights.iter().enumerate() {
            match at.checked_sub(*weight) {
                None => return Some(index),
                Some(rest) => at = rest,
            }
        }
        None
    }
}

/// Choices read from bytes, as a fuzzer hands them out. Exhausted input means
/// 0 for ever.
pub struct ByteChoices<'a> {
    bytes: arbitrary::Unstructured<'a>,
}

impl<'a> ByteChoices<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        ByteChoices {
            bytes: arbitrary::Unstructured::new(bytes),
        }
    }

    /// Whether every byte was used.
    pub fn exhausted(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl Choices for ByteChoices<'_> {
    fn draw(&mut self, _label: &'static str, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        self.bytes.int_in_range(0..=bound - 1).unwrap_or(0)
    }
}

/// One decision that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub label: &'static str,
    pub bound: u64,
    pub chosen: u64,
}

/// Passes draws on and remembers them.
pub struct Recording<'a> {
    inner: &'a mut dyn Choices,
    choices: Vec<Choice>,
}

impl<'a> Recording<'a> {
    pub fn new(inner: &'a mut dyn Choices) -> Self {
        Recording {
            inner,
            choices: Vec::new(),
        }
    }

    /// What was drawn, in order.
    pub fn into_choices(self) -> Vec<Choice> {
        self.choices
    }
}

impl Choices for Recording<'_> {
    fn draw(&mut self, label: &'static str, bound: u64) -> u64 {
        let chosen = self.inner.draw(label, bound);
        self.choices.push(Choice {
            label,
            bound,
            chosen,
        });
        chosen
    }
}

/// Answers with remembered numbers, then with 0; numbers out of range are
/// brought into it.
pub struct Replayed {
    numbers: std::vec::IntoIter<u64>,
}

impl Replayed {
    pub fn new(numbers: Vec<u64>) -> Self {
        Replayed {
            numbers: numbers.into_iter(),
        }
    }
}

impl Choices for Replayed {
    fn draw(&mut self, _label: &'static str, bound: u64) -> u64 {
        self.numbers.next().unwrap_or(0).min(bound.max(1) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::SeededChoices;

    #[test]
    fn bytes_that_ran_out_answer_zero() {
        let mut choices = ByteChoices::new(&[200]);
        let first = choices.draw("x", 256);
        assert!(first < 256 && choices.exhausted());
        assert_eq!(choices.draw("x", 1_000), 0);
        assert_eq!(choices.draw("x", 0), 0);
    }

    #[test]
    fn zero_is_the_simple_answer_of_every_question() {
        let mut dry = ByteChoices::new(&[]);
        let choices: &mut dyn Choices = &mut dry;
        assert!(!choices.chance("x", 1, 2));
        assert_eq!(choices.between("x", 3, 9), 3);
        assert_eq!(choices.pick("x", &["a", "b"]), Some(&"a"));
        assert_eq!(choices.weighted("x", &[0, 2, 5]), Some(1));
        assert_eq!(choices.weighted("x", &[0, 0]), None);
        assert_eq!(choices.pick::<u8>("x", &[]), None);
    }

    #[test]
    fn chances_come_true_about_as_often_as_they_say() {
        let mut seeded = SeededChoices::new(1);
        let choices: &mut dyn Choices = &mut seeded;
        let hits = (0..4_000).filter(|_| choices.chance("x", 1, 4)).count();
        assert!((800..1_200).contains(&hits), "{hits}");
        assert!((0..10).all(|_| choices.chance("x", 4, 4)));
        assert!((0..10).all(|_| !choices.chance("x", 0, 4)));
    }

    #[test]
    fn a_recording_replays_to_the_same_numbers() {
        let mut seeded = SeededChoices::new(7);
        let mut recording = Recording::new(&mut seeded);
        let first: Vec<u64> = (1..20).map(|bound| recording.draw("x", bound)).collect();
        let numbers = recording.into_choices().iter().map(|c| c.chosen).collect();
        let mut replayed = Replayed::new(numbers);
        let second: Vec<u64> = (1..20).map(|bound| replayed.draw("x", bound)).collect();
        assert_eq!(first, second);
    }
}
