//! Multisets of rows: what a collection holds at one time. Multiplicities may
//! be negative, as in differential's collections, and are never zero.
//!
//! Invariant: no entry has multiplicity zero, so equal contents are equal maps.

use std::collections::BTreeMap;

use crate::repr::{Diff, Row};

/// Rows with their multiplicities; consolidated at all times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Multiset {
    rows: BTreeMap<Row, Diff>,
}

impl Multiset {
    /// The empty multiset.
    pub fn new() -> Self {
        Multiset::default()
    }

    /// Adds `diff` copies of `row`. Sums saturate: a multiplicity beyond i64 is
    /// beyond what any script writes.
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
                let sum = entry.get().saturating_add(diff);
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
            self.add(row.clone(), diff.saturating_mul(times));
        }
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
    use crate::repr::Datum;

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
    fn the_difference_added_back_gives_the_first() {
        let a: Multiset = [(row(1), 2), (row(2), 1)].into_iter().collect();
        let b: Multiset = [(row(1), 1), (row(3), 4)].into_iter().collect();
        let mut sum = b.clone();
        sum.add_all(&a.minus(&b), 1);
        assert_eq!(sum, a);
    }
}
