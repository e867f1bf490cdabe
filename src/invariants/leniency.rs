//! Leniencies: where a checker accepts more than one answer, or leaves a question
//! open. Each has its reason in `invariants.md`, and a campaign counts how often each
//! was used: a bug that only ever meets a leniency is not found.
//!
//! Invariant: no checker is lenient but through [`Verdicts::open`] and
//! [`Verdicts::granted`].
//!
//! [`Verdicts::open`]: super::Verdicts::open
//! [`Verdicts::granted`]: super::Verdicts::granted

use std::collections::BTreeMap;

macro_rules! leniencies {
    ($($variant:ident, $code:literal, $text:literal;)*) => {
        /// One way in which checkers are lenient.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Leniency { $(#[doc = $text] $variant,)* }

        impl Leniency {
            /// Every leniency, in the order of `invariants.md`.
            pub const ALL: &'static [Leniency] = &[$(Leniency::$variant,)*];

            /// `L-01`, …: its number in `invariants.md`.
            pub fn code(self) -> &'static str {
                match self { $(Leniency::$variant => $code,)* }
            }

            /// What is accepted or left open, in a few words.
            pub fn text(self) -> &'static str {
                match self { $(Leniency::$variant => $text,)* }
            }
        }
    };
}

leniencies! {
    // Left open.
    Invalid, "L-01", "the sequence became invalid, or a write may or may not have happened";
    Unevaluated, "L-02", "the model does not evaluate the plan at this time";
    Impatient, "L-03", "a wait ran out before it proves anything";
    Unsettled, "L-04", "the run ended before what was owed came, and nothing was waited for";
    Overflow, "L-06", "a count beyond 64 bits may have ended the replica";
    // Accepted.
    EarlyErrors, "L-07", "an answer that may be an error or rows";
    BeforeAsOf, "L-08", "no rows, or an error, before an as_of that was not compacted";
    ErrorOfOneWorker, "L-09", "a subscribe's error that one worker raises and another takes back";
    ErrorAhead, "L-10", "a subscribe's error of a time beyond its batch";
    BesideErrors, "L-11", "rows beside an error";
    DropAhead, "L-12", "a subscribe of several workers that ends beyond its last upper";
    AnyError, "L-13", "which of several errors is told, or how its text ends";
    BelowSince, "L-14", "rows, or a refusal, from a shard below the driver's since";
    NearLimit, "L-15", "rows, or a refusal, of a result that is not far from the limit of its size";
}

/// How often each leniency was used.
pub type Uses = BTreeMap<Leniency, u64>;

/// Adds uses to others.
pub fn add(all: &mut Uses, more: &Uses) {
    for (leniency, count) in more {
        *all.entry(*leniency).or_default() += count;
    }
}
