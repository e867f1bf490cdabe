//! Multisets of rows: what a collection holds at one time. Multiplicities may
//! be negative, as in differential's collections, and are never zero.
//!
//! Invariants: no entry has multiplicity zero, so equal contents are equal maps; a
//! multiplicity that did not fit is never forgotten.

use std::collections::BTreeMap;

use repr::{Diff, Row};

/// Rows with their multiplicities; consolidated at all times.
///
/// ```
/// use model::Multiset;
/// use repr::{Datum, Row};
///
/// let row = |n| Row::pack([Datum::Int64(n)]);
/// let mut contents: Multiset = [(row(1), 2), (row(2), 1)].into_iter().collect();
/// // A retraction takes away what is there, and the order does not matter.
/// contents.add(row(1), -2);
/// contents.add(row(2), -3);
/// contents.add(row(2), 1);
/// // What has cancelled leaves no trace; what is negative stays, to be seen.
/// assert_eq!((contents.count(&row(1)), contents.count(&row(2))), (0, -1));
/// assert_eq!(contents, [(row(2), -1)].into_iter().collect());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Multiset {
    rows: BTreeMap<Row, Diff>,
    /// Some multiplicity did not fit: the others mean nothing either.
    overflowed: bool,
}

impl Multiset {
    /// The empty multiset.
    pub fn new() -> Self {
        Multiset::default()
    }

    /// Adds `diff` copies of `row`.
    pub fn add(&mut self, row: Row, diff: Diff) {
        use std::collections::btree_map::Entry;
        if diff == 0 {
            return;
        }
        match self.rows.entry(row) {
            Entry::Vacant(entry) => {
                entry.insert(diff);
            }
            Entry::Occupied(mut entry) => {
                let (sum, overflows) = entry.get().overflowing_add(diff);
                self.overflowed |= overflows;
                if sum == 0 {
                    entry.remove();
                } else {
                    entry.insert(sum);
                }
            }
        }
    }

    /// Adds every row of `other`, `times` times.
    pub fn add_all(&mut self, other: &Multiset, times: Diff) {
        for (row, diff) in other.iter() {
            self.add_times(row.clone(), diff, times);
        }
        self.overflowed |= other.overflowed;
    }

    /// Adds `diff` copies of `row`, `times` times.
    pub fn add_times(&mut self, row: Row, diff: Diff, times: Diff) {
        let (product, overflows) = diff.overflowing_mul(times);
        self.overflowed |= overflows;
        self.add(row, product);
    }

    /// Whether some multiplicity was beyond 64 bits.
    pub fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// How often `row` is in here; 0 if it is not.
    pub fn count(&self, row: &Row) -> Diff {
        self.rows.get(row).copied().unwrap_or(0)
    }

    /// Rows and multiplicities, in Row order (`spec/plan.md` §6.4).
    pub fn iter(&self) -> impl Iterator<Item = (&Row, Diff)> {
        self.rows.iter().map(|(row, diff)| (row, *diff))
    }

    /// The number of distinct rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The sum of all multiplicities.
    pub fn total(&self) -> Diff {
        self.rows.values().fold(0, |sum, d| sum.saturating_add(*d))
    }

    /// Whether some row has a negative multiplicity.
    pub fn has_negative(&self) -> bool {
        self.rows.values().any(|diff| *diff < 0)
    }

    /// What must be added to `other` to get `self`.
    ///
    /// ```
    /// use model::Multiset;
    /// use repr::{Datum, Row};
    ///
    /// let row = |n| Row::pack([Datum::Int64(n)]);
    /// let before: Multiset = [(row(1), 1), (row(2), 1)].into_iter().collect();
    /// let after: Multiset = [(row(2), 3)].into_iter().collect();
    /// let changes: Vec<_> = after.minus(&before).iter().map(|(_, diff)| diff).collect();
    /// assert_eq!(changes, [-1, 2]);
    /// ```
    pub fn minus(&self, other: &Multiset) -> Multiset {
        let mut difference = self.clone();
        difference.add_all(other, -1);
        difference
    }
}

impl FromIterator<(Row, Diff)> for Multiset {
    fn from_iter<I: IntoIterator<Item = (Row, Diff)>>(items: I) -> Self {
        let mut multiset = Multiset::new();
        for (row, diff) in items {
            multiset.add(row, diff);
        }
        multiset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repr::Datum;

    fn row(n: i64) -> Row {
        Row::pack([Datum::Int64(n)])
    }

    #[test]
    fn what_cancels_is_gone() {
        let mut m: Multiset = [(row(1), 2), (row(2), 1), (row(1), -2)]
            .into_iter()
            .collect();
        assert_eq!((m.len(), m.count(&row(1)), m.total()), (1, 0, 1));
        m.add(row(2), -3);
        assert!(m.has_negative());
        assert_eq!(m.count(&row(2)), -2);
    }

    #[test]
    fn what_does_not_fit_is_not_forgotten() {
        let mut m = Multiset::new();
        m.add_times(row(1), Diff::MAX, 2);
        m.add(row(1), 3);
        assert!(m.has_overflowed());
        let mut sum = Multiset::new();
        sum.add_all(&m, 1);
        assert!(sum.has_overflowed());
        sum = [(row(1), Diff::MAX), (row(2), 1)].into_iter().collect();
        assert!(!sum.has_overflowed());
    }

    #[test]
    fn the_difference_added_back_gives_the_first() {
        let a: Multiset = [(row(1), 2), (row(2), 1)].into_iter().collect();
        let b: Multiset = [(row(1), 1), (row(3), 4)].into_iter().collect();
        let mut sum = b.clone();
        sum.add_all(&a.minus(&b), 1);
        assert_eq!(sum, a);
    }
}
