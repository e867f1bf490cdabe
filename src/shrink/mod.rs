//! Shrinking: from a script that fails to the simplest one found that fails in
//! the same way. Whether a script still fails *in the same way* is a [`Judge`]'s
//! question; what is simpler is [`Complexity`]'s; how a script becomes a simpler
//! one is told by the edits.
//!
//! Shrinking is greedy. A *pass* walks over the script and offers candidates; the
//! first that is simpler and still fails is the script from there on. The passes
//! are asked in turn until none of them finds anything. What makes a pass legal
//! follows MacIver and Donaldson, *Test-Case Reduction via Test-Case Generation:
//! Insights from the Hypothesis Reducer* (ECOOP 2020), and Hypothesis's
//! `shrinker.py`:
//!
//! * A pass never loops to its own fix-point. Where a candidate was taken, it goes
//!   on from that place and ends at the end of the script; only the outer loop
//!   starts over. A pass that started over would ask again about all that it has
//!   asked about, while a later pass could take away in one step what it works on.
//! * Successes are as cheap as failures: after one, a pass does no more work than
//!   it would have done without it. A pass over `n` places then asks about `n`
//!   candidates, however many of them are taken.
//! * Candidates come in the order of what they can win, and so do the passes.
//!   Runs of commands are removed as in Zeller and Hildebrandt's *ddmin*
//!   (*Simplifying and Isolating Failure-Inducing Input*, TSE 2002), with two
//!   changes: from the back, since later commands rest on earlier ones, and with
//!   runs that grow again where that succeeds, so that no success starts over.
//! * A pass is deterministic: what it offers depends on the script alone. The same
//!   failure then shrinks to the same script.
//!
//! Invariants: every accepted step is strictly simpler, so shrinking ends; no
//! script is judged twice beside the same best one; of several candidates the
//! first in order that fails is taken, however many were asked about at once;
//! cells are read as their columns say, so that a candidate is what its text
//! would be.

mod columns;
mod edits;
mod inputs;
mod judge;
mod measure;
mod narrow;
mod order;
mod parts;
mod passes;
mod plans;
mod prune;
mod slice;
mod stop;

use std::collections::HashSet;
use std::time::{Duration, Instant};

pub use edits::{Commands, without};
pub use judge::{Judge, Settled};
pub use order::{Complexity, text};
pub use stop::Stop;

use crate::script::Command;
use crate::script::data::read_cells;
use order::Measure;
use passes::PASSES;

/// When to stop before the fix-point.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Runs of the target.
    pub max_runs: usize,
    /// Runs of what stands in for the target and costs next to nothing.
    pub max_cheap_runs: usize,
    /// Candidates about which the model alone is asked.
    pub max_candidates: usize,
    pub max_time: Duration,
    /// Ends at once with what there is.
    pub stop: Stop,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            max_runs: 5_000,
            max_cheap_runs: 20_000,
            max_candidates: 200_000,
            max_time: Duration::from_secs(120),
            stop: Stop::never(),
        }
    }
}

impl Budget {
    /// Runs that are left for the last word about the simplest script.
    fn reserve(&self) -> usize {
        const LAST_WORD: usize = 20;
        LAST_WORD.min(self.max_runs / 3)
    }
}

/// What shrinking did.
#[derive(Debug, Clone)]
pub struct Shrunk {
    pub commands: Commands,
    /// From the script that was given to `commands`, each simpler than the one
    /// before and failing in the same way.
    pub trail: Vec<Commands>,
    /// Scripts that were run.
    pub runs: usize,
    /// Whether no edit makes it simpler any more (the budget was enough).
    pub at_fixpoint: bool,
}

/// Shrinks `commands`, of which `fails` is known to hold.
pub fn shrink(
    commands: Commands,
    budget: Budget,
    fails: &mut dyn FnMut(&[Command]) -> bool,
) -> Shrunk {
    shrink_with(commands, budget, &mut judge::Certain::new(fails))
}

/// Shrinks `commands`, which fail; the judge says in which way.
pub fn shrink_with(mut commands: Commands, budget: Budget, judge: &mut dyn Judge) -> Shrunk {
    read_cells(&mut commands);
    let mut shrinker = Shrinker {
        measure: Measure::of(&commands),
        best: commands.clone(),
        trail: vec![commands],
        seen: HashSet::new(),
        budget,
        deadline: Instant::now() + budget.max_time,
        judge,
    };
    let at_fixpoint = loop {
        let before = shrinker.best.clone();
        for (name, pass) in PASSES {
            pass(&mut shrinker);
            tracing::debug!(pass = name, runs = shrinker.judge.runs(), simplest = ?shrinker.measure);
        }
        let is_anew = !budget.stop.is_raised() && shrinker.settle();
        if shrinker.exhausted() {
            break false;
        }
        // What was taken back is not taken again: each round comes further.
        if shrinker.best == before && !is_anew {
            break true;
        }
    };
    Shrunk {
        commands: shrinker.best,
        trail: shrinker.trail,
        runs: shrinker.judge.runs(),
        at_fixpoint,
    }
}

struct Shrinker<'a> {
    best: Commands,
    /// What is measured of `best`.
    measure: Measure,
    /// What was best so far, `best` last.
    trail: Vec<Commands>,
    seen: HashSet<String>,
    budget: Budget,
    deadline: Instant,
    judge: &'a mut dyn Judge,
}

impl Shrinker<'_> {
    fn exhausted(&self) -> bool {
        let runs = self.budget.max_runs - self.budget.reserve();
        self.judge.runs() >= runs
            || self.seen.len() >= self.budget.max_candidates
            || self.budget.stop.is_raised()
            || Instant::now() >= self.deadline
    }

    /// Takes the candidate if it is simpler and still fails.
    fn consider(&mut self, candidate: Commands) -> bool {
        self.consider_any([candidate]).is_some()
    }

    /// Takes the first of the candidates that is simpler and still fails, and
    /// gives its place. As many are judged at once as the judge likes.
    fn consider_any(&mut self, candidates: impl IntoIterator<Item = Commands>) -> Option<usize> {
        let mut candidates = candidates.into_iter().enumerate();
        loop {
            let mut batch = Vec::new();
            while batch.len() < self.judge.at_once() && !self.exhausted() {
                let Some((at, mut candidate)) = candidates.next() else {
                    break;
                };
                read_cells(&mut candidate);
                let measure = Measure::of(&candidate);
                if self.is_simpler(&candidate, measure)
                    && self.seen.insert(text(&candidate))
                    && self.judge.is_worth_running(&candidate)
                {
                    batch.push((at, measure, candidate));
                }
            }
            if batch.is_empty() {
                return None;
            }
            let scripts: Vec<&[Command]> = batch.iter().map(|(.., c)| c.as_slice()).collect();
            if let Some(first) = self.judge.first_failing(&scripts) {
                // Those behind it were judged beside a best that is none any more.
                for (.., passed) in &batch[first + 1..] {
                    self.seen.remove(&text(passed));
                }
                let (at, measure, candidate) = batch.swap_remove(first);
                self.trail.push(candidate.clone());
                self.best = candidate;
                self.measure = measure;
                return Some(at);
            }
        }
    }

    fn is_simpler(&self, candidate: &[Command], measure: Measure) -> bool {
        let best = Complexity::measured(&self.best, self.measure);
        Complexity::measured(candidate, measure) < best
    }

    /// Goes back to the simplest script that fails as it must. True if all
    /// candidates are worth another look.
    fn settle(&mut self) -> bool {
        let Settled { place, is_anew } = self.judge.settle(&self.trail);
        let last = place.min(self.trail.len() - 1);
        if is_anew {
            self.seen.clear();
        }
        self.trail.truncate(last + 1);
        self.best = self.trail[last].clone();
        self.measure = Measure::of(&self.best);
        is_anew
    }
}
