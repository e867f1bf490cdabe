//! Frontiers over totally ordered time. An antichain of `u64` times has zero
//! or one element; the empty one is the frontier of something that is done.
//!
//! Invariant: the elements are kept as they arrived, so that a decoded message
//! encodes to the same bytes; every question is answered by the least element.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A frontier: `[t]` (everything before `t` is settled) or `[]` (done).
///
/// On the wire: a count, then the elements (`spec/ctp.md` §1.8).
///
/// ```
/// use repr::Antichain;
///
/// let upper = Antichain::from_elem(5);
/// // What happens at 4 is known, what happens at 5 is still to come.
/// assert!(!upper.less_equal(4) && upper.less_equal(5));
/// // Times only settle: frontiers move towards the empty one, the greatest.
/// assert!(Antichain::minimum() < upper && upper < Antichain::empty());
/// // Of the empty frontier nothing is to come, whatever the time.
/// assert!(!Antichain::empty().less_equal(u64::MAX));
/// ```
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Antichain {
    elements: Vec<Timestamp>,
}

impl Antichain {
    /// The frontier `[t]`.
    pub fn from_elem(t: Timestamp) -> Self {
        Antichain { elements: vec![t] }
    }

    /// The empty frontier: nothing can come any more.
    pub fn empty() -> Self {
        Antichain::default()
    }

    /// The least frontier, `[0]`.
    pub fn minimum() -> Self {
        Antichain::from_elem(0)
    }

    /// From "the first time not settled", where `None` is the empty frontier.
    pub fn from_option(t: Option<Timestamp>) -> Self {
        Antichain {
            elements: t.into_iter().collect(),
        }
    }

    /// The least time that is not settled; `None` for the empty frontier.
    pub fn as_option(&self) -> Option<Timestamp> {
        self.elements.iter().copied().min()
    }

    /// Whether this is the empty frontier.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The elements as they arrived. More than one never occurs between
    /// well-behaved peers, but decoding does not forbid it.
    pub fn elements(&self) -> &[Timestamp] {
        &self.elements
    }

    /// Whether some element is at or before `t`: `t` is not settled.
    ///
    /// A collection can be read at an as-of if that lies between its since and
    /// its upper:
    ///
    /// ```
    /// use repr::Antichain;
    ///
    /// let (since, upper) = (Antichain::from_elem(3), Antichain::from_elem(7));
    /// let readable = |t| since.less_equal(t) && !upper.less_equal(t);
    /// assert_eq!([2, 3, 6, 7].map(readable), [false, true, true, false]);
    /// ```
    pub fn less_equal(&self, t: Timestamp) -> bool {
        self.as_option().is_some_and(|e| e <= t)
    }

    /// Whether some element is strictly before `t`.
    pub fn less_than(&self, t: Timestamp) -> bool {
        self.as_option().is_some_and(|e| e < t)
    }

    /// The order of frontiers, in which the empty one is the greatest.
    pub fn is_le(&self, other: &Antichain) -> bool {
        self <= other
    }

    /// The greatest lower bound: settled here is what is settled by both, as for
    /// the upper of what reads two inputs.
    ///
    /// ```
    /// use repr::Antichain;
    ///
    /// let (fast, slow) = (Antichain::empty(), Antichain::from_elem(4));
    /// assert_eq!(fast.meet(&slow), slow);
    /// ```
    pub fn meet(&self, other: &Antichain) -> Antichain {
        std::cmp::min(self, other).clone()
    }

    /// The least upper bound: readable from here on is what is readable by both,
    /// as for the since of what reads two inputs.
    ///
    /// ```
    /// use repr::Antichain;
    ///
    /// let (early, late) = (Antichain::minimum(), Antichain::from_elem(4));
    /// assert_eq!(early.join(&late), late);
    /// ```
    pub fn join(&self, other: &Antichain) -> Antichain {
        std::cmp::max(self, other).clone()
    }
}

impl PartialEq for Antichain {
    fn eq(&self, other: &Self) -> bool {
        self.as_option() == other.as_option()
    }
}

impl Eq for Antichain {}

impl PartialOrd for Antichain {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Antichain {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |a: &Antichain| (a.is_empty(), a.as_option());
        key(self).cmp(&key(other))
    }
}

impl std::hash::Hash for Antichain {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_option().hash(state);
    }
}

/// `[5]`, `[]`.
impl fmt::Display for Antichain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.elements)
    }
}

/// `Antichain { elements: [5] }`, which is how the field's error texts show a
/// frontier (`spec/script.md` §2.8).
impl fmt::Debug for Antichain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Antichain")
            .field("elements", &self.elements)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_frontier_is_beyond_every_time() {
        let done = Antichain::empty();
        let five = Antichain::from_elem(5);
        assert!(five < done && !done.less_equal(u64::MAX));
        assert_eq!(five.meet(&done), five);
        assert_eq!(five.join(&done), done);
        assert!(five.less_equal(5) && !five.less_than(5) && five.less_than(6));
    }

    #[test]
    fn debug_text_is_the_one_of_error_messages() {
        assert_eq!(
            format!("{:?}", Antichain::from_elem(3)),
            "Antichain { elements: [3] }"
        );
        assert_eq!(Antichain::empty().to_string(), "[]");
    }
}
