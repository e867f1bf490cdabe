//! The named bugs that miniclusterd can be told to have, so that we can measure
//! whether the fuzzer finds them. Each distorts one decision of the replica,
//! deterministically whenever its trigger occurs.
//!
//! The replica asks a *seam* wherever a mutant may decide otherwise. A seam is a
//! method that is named for the decision in the field's words and says what a
//! healthy replica decides; most take the healthy value and give it back. The
//! files beside this one hold the seams, one file a family, and nothing outside
//! of this folder names a mutant.
//!
//! Invariant: with no mutant set, every seam gives the healthy decision. A seam
//! costs a test of one bit; what is decided for a whole operator is asked when
//! the operator is built.

mod arrangement;
mod catalogue;
mod compaction;
mod flat_map;
mod frontier;
mod join;
mod lifecycle;
mod linear;
mod overtaken;
mod peek;
mod pushdown;
mod reconciliation;
mod recursion;
mod reduce;
mod source;
mod subscribe;
#[cfg(test)]
mod tests;
mod threshold;
mod top_k;
mod view;

pub(crate) use arrangement::ArrangementSeams;
pub use catalogue::{Family, Mutant, UnknownMutant, list};
pub(crate) use compaction::CompactionSeams;
pub(crate) use flat_map::FlatMapSeams;
pub(crate) use frontier::FrontierSeams;
pub(crate) use join::JoinSeams;
pub(crate) use lifecycle::{ConfigurationSeams, ConnectionSeams, LifecycleSeams};
pub(crate) use linear::LinearSeams;
pub(crate) use peek::PeekSeams;
pub(crate) use pushdown::PushdownSeams;
pub(crate) use reconciliation::ReconciliationSeams;
pub(crate) use recursion::RecursionSeams;
pub(crate) use reduce::ReduceSeams;
pub(crate) use source::SourceSeams;
pub(crate) use subscribe::SubscribeSeams;
pub(crate) use threshold::ThresholdSeams;
pub(crate) use top_k::TopKSeams;
pub(crate) use view::{DroppedViews, ViewSeams};

/// The set of mutants of one replica; usually empty or one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mutants([u128; WORDS]);

/// Enough for every mutant, a bit each.
const WORDS: usize = Mutant::ALL.len().div_ceil(u128::BITS as usize);

/// The word of a mutant's bit, and the bit.
const fn bit(mutant: Mutant) -> (usize, u128) {
    let number = mutant as usize;
    let bits = u128::BITS as usize;
    (number / bits, 1 << (number % bits))
}

impl Mutants {
    /// A healthy replica.
    pub const fn none() -> Self {
        Mutants([0; WORDS])
    }

    /// Whether the replica has this bug.
    #[inline]
    fn is(self, mutant: Mutant) -> bool {
        let (word, bit) = bit(mutant);
        self.0[word] & bit != 0
    }
}

impl FromIterator<Mutant> for Mutants {
    fn from_iter<I: IntoIterator<Item = Mutant>>(iter: I) -> Self {
        let mut mutants = Mutants::none();
        for mutant in iter {
            let (word, bit) = bit(mutant);
            mutants.0[word] |= bit;
        }
        mutants
    }
}

impl From<Mutant> for Mutants {
    fn from(mutant: Mutant) -> Self {
        [mutant].into_iter().collect()
    }
}

/// The decisions of a replica with these mutants, by family.
#[derive(Debug, Clone, Copy)]
pub struct Seams(Mutants);

impl From<Mutants> for Seams {
    fn from(mutants: Mutants) -> Self {
        Seams(mutants)
    }
}

impl Seams {
    /// Those of a replica without a mutant.
    pub const fn healthy() -> Self {
        Seams(Mutants::none())
    }

    pub(crate) fn arrangement(self) -> ArrangementSeams {
        ArrangementSeams(self.0)
    }

    /// Of one index: they remember its compaction.
    pub(crate) fn compaction(self) -> CompactionSeams {
        CompactionSeams::new(self.0)
    }

    /// Of a connection; `reconnected` says whether there was one before.
    pub(crate) fn connection(self, reconnected: bool) -> ConnectionSeams {
        ConnectionSeams::new(self.0, reconnected)
    }

    /// Of one worker: they may keep what it is told.
    pub(crate) fn configuration(self) -> ConfigurationSeams {
        ConfigurationSeams::new(self.0)
    }

    pub(crate) fn flat_map(self) -> FlatMapSeams {
        FlatMapSeams(self.0)
    }

    /// Of the worker with this index.
    pub(crate) fn frontier(self, worker: usize) -> FrontierSeams {
        FrontierSeams::new(self.0, worker)
    }

    pub(crate) fn join(self) -> JoinSeams {
        JoinSeams(self.0)
    }

    pub(crate) fn lifecycle(self) -> LifecycleSeams {
        LifecycleSeams(self.0)
    }

    pub(crate) fn linear(self) -> LinearSeams {
        LinearSeams(self.0)
    }

    pub(crate) fn peek(self) -> PeekSeams {
        PeekSeams(self.0)
    }

    pub(crate) fn pushdown(self) -> PushdownSeams {
        PushdownSeams(self.0)
    }

    pub(crate) fn reconciliation(self) -> ReconciliationSeams {
        ReconciliationSeams(self.0)
    }

    pub(crate) fn recursion(self) -> RecursionSeams {
        RecursionSeams(self.0)
    }

    pub(crate) fn reduce(self) -> ReduceSeams {
        ReduceSeams(self.0)
    }

    /// Of one source: they count its batches.
    pub(crate) fn source(self) -> SourceSeams {
        SourceSeams::new(self.0)
    }

    pub(crate) fn subscribe(self) -> SubscribeSeams {
        SubscribeSeams(self.0)
    }

    pub(crate) fn threshold(self) -> ThresholdSeams {
        ThresholdSeams(self.0)
    }

    pub(crate) fn top_k(self) -> TopKSeams {
        TopKSeams(self.0)
    }

    /// Of one view; `held` says whether its shard held something when the view
    /// began to read it.
    pub(crate) fn view(self, held: bool) -> ViewSeams {
        ViewSeams::new(self.0, held)
    }

    /// The views that a worker dropped.
    pub(crate) fn dropped_views(self) -> DroppedViews {
        DroppedViews::new(self.0)
    }
}
