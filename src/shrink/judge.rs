//! What the shrinker asks of the judge, which knows the failure.
//!
//! Invariant: an answer depends on the candidates alone, never on which of
//! several runs at the same time ended first.

use crate::script::Command;

/// Says of candidates whether they fail in the same way as what is shrunk.
pub trait Judge {
    /// Whether a candidate is worth a run. Runs nothing.
    fn is_worth_running(&mut self, candidate: &[Command]) -> bool;

    /// How many candidates are best asked about at once; 1 or more.
    fn at_once(&self) -> usize;

    /// The place of the first of the candidates that fails.
    fn first_failing(&mut self, candidates: &[&[Command]]) -> Option<usize>;

    /// Scripts that were run so far.
    fn runs(&self) -> usize;

    /// Every pass was tried once more. Of a trail of scripts, each simpler than
    /// the one before, the place of the last that fails often enough to be
    /// kept. (That each failed when it was taken may have been luck.)
    fn settle(&mut self, trail: &[Vec<Command>]) -> Settled;
}

/// Where a trail was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The place in the trail.
    pub place: usize,
    /// Candidates are held against less from now on: those that were turned away
    /// may be taken.
    pub is_anew: bool,
}

/// A failure that shows always or never.
pub struct Certain<'a> {
    fails: &'a mut dyn FnMut(&[Command]) -> bool,
    runs: usize,
}

impl<'a> Certain<'a> {
    pub fn new(fails: &'a mut dyn FnMut(&[Command]) -> bool) -> Self {
        Certain { fails, runs: 0 }
    }
}

impl Judge for Certain<'_> {
    fn is_worth_running(&mut self, _candidate: &[Command]) -> bool {
        true
    }

    fn at_once(&self) -> usize {
        1
    }

    fn first_failing(&mut self, candidates: &[&[Command]]) -> Option<usize> {
        candidates.iter().position(|candidate| {
            self.runs += 1;
            (self.fails)(candidate)
        })
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn settle(&mut self, trail: &[Vec<Command>]) -> Settled {
        Settled {
            place: trail.len() - 1,
            is_anew: false,
        }
    }
}
