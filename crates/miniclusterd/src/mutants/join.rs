//! What meets in a join, and which changes do.

use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::trace::{BatchCursor, Cursor, Navigable, TraceReader};

use super::overtaken::pass_over_cancelled;
use super::{Mutant, Mutants};
use repr::{Datum, Diff, Row};

#[derive(Debug, Clone, Copy)]
pub struct JoinSeams(pub(super) Mutants);

impl JoinSeams {
    /// Whether two members of an equivalence that became ready are equal; NULL
    /// equals NULL.
    #[inline]
    pub fn equal(self, a: Datum<'_>, b: Datum<'_>) -> bool {
        a == b || self.0.is(Mutant::JoinSkipsEqualities)
    }

    /// The columns of a match of a linear join: those of the key, of the stream
    /// and of the relation that was looked up.
    pub fn matched<'a>(
        self,
        key: &'a Row,
        stream: &'a Row,
        lookup: &'a Row,
    ) -> Option<Vec<Datum<'a>>> {
        if self.0.is(Mutant::JoinDropsNullKeys) && key.iter().any(|datum| datum.is_null()) {
            return None;
        }
        let columns = key.iter().chain(stream.iter()).chain(lookup.iter());
        let mut columns: Vec<Datum<'a>> = columns.collect();
        if self.0.is(Mutant::JoinRepeatsColumn)
            && let [.., before, last] = &mut columns[..]
        {
            *last = *before;
        }
        Some(columns)
    }

    /// What a linear join hears of an arrangement whose other input is `other`: every
    /// batch.
    pub fn heard<'s, A, B>(
        self,
        arranged: Arranged<'s, A>,
        other: &Arranged<'s, B>,
    ) -> Arranged<'s, A>
    where
        A: TraceReader<Batch: Navigable> + Clone + 'static,
        B: TraceReader<Time = A::Time> + Clone + 'static,
        BatchCursor<A>: Cursor<Time = A::Time, Diff = Diff>,
    {
        match self.0.is(Mutant::JoinPassesOverCancelled) {
            true => pass_over_cancelled(arranged, other.clone()),
            false => arranged,
        }
    }

    /// Whether the changes of `source` see those of `lookup` at the same time:
    /// of two changes at one time, that of the later relation sees the other's.
    pub fn sees_simultaneous(self, source: usize, lookup: usize) -> bool {
        if self.0.is(Mutant::DeltaJoinCountsTwice) {
            return true;
        }
        if self.0.is(Mutant::DeltaJoinMissesSimultaneous) {
            return false;
        }
        source < lookup
    }

    /// Whether a delta join follows its path number `at` of `paths`: it follows
    /// each.
    pub fn follows_path(self, at: usize, paths: usize) -> bool {
        !(self.0.is(Mutant::DeltaJoinOmitsLastPath) && at + 1 == paths)
    }

    /// Whether a path of a delta join begins with what its source holds at the
    /// as-of: the first relation's alone does.
    pub fn begins_with_snapshot(self, source: usize) -> bool {
        source == 0 || self.0.is(Mutant::DeltaJoinFailsEarly)
    }
}
