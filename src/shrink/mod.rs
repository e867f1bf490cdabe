//! Shrinking: from a script that fails to the simplest one found that fails in
//! the same way. Whether a script still fails *in the same way* is a [`Judge`]'s
//! question; what is simpler is [`Complexity`]'s.
//!
//! Invariants: every accepted step is strictly simpler, so shrinking ends; no
//! script is judged twice beside the same best one; of several candidates the first in order that fails
//! is taken, however many were asked about at once; a pass never loops to its
//! own fix-point, the outer loop does (after Hypothesis's shrinker: successes
//! must be as cheap as failures).

mod edits;
mod judge;
mod order;
mod plans;
mod slice;
mod stop;
mod structure;

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

pub use edits::{Commands, without};
pub use judge::Judge;
pub use order::Complexity;
pub use stop::Stop;

use crate::script::{Cell, Command, RowLine};

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
pub fn shrink_with(commands: Commands, budget: Budget, judge: &mut dyn Judge) -> Shrunk {
    let mut shrinker = Shrinker {
        best_key: Complexity::of(&commands),
        best: commands.clone(),
        trail: vec![commands],
        seen: HashSet::new(),
        budget,
        deadline: Instant::now() + budget.max_time,
        judge,
    };
    let at_fixpoint = loop {
        let before = shrinker.best_key.clone();
        // In the order of what they can win.
        shrinker.slice();
        shrinker.remove_commands();
        shrinker.merge_sessions();
        shrinker.unify_ids();
        shrinker.remove_pairs();
        shrinker.remove_times();
        shrinker.remove_rows();
        shrinker.simplify_plans();
        shrinker.remove_columns();
        shrinker.simplify_options();
        shrinker.simplify_schemas();
        shrinker.simplify_cells();
        shrinker.lower_times();
        shrinker.reorder();
        shrinker.rename();
        if !budget.stop.is_raised() {
            shrinker.settle();
        }
        if shrinker.exhausted() {
            break false;
        }
        // What was taken back is not taken again: each round comes further.
        if shrinker.best_key == before {
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
    best_key: Complexity,
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
                let Some((at, candidate)) = candidates.next() else {
                    break;
                };
                let key = Complexity::of(&candidate);
                if key < self.best_key
                    && self.seen.insert(text(&candidate))
                    && self.judge.is_worth_running(&candidate)
                {
                    batch.push((at, key, candidate));
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
                let (at, key, candidate) = batch.swap_remove(first);
                self.trail.push(candidate.clone());
                self.best = candidate;
                self.best_key = key;
                return Some(at);
            }
        }
    }

    /// Goes back to the simplest script that fails as it must.
    fn settle(&mut self) {
        let last = self.judge.settle(&self.trail).min(self.trail.len() - 1);
        self.trail.truncate(last + 1);
        self.best = self.trail[last].clone();
        self.best_key = Complexity::of(&self.best);
    }

    /// Only one dataflow, and what it depends on.
    fn slice(&mut self) {
        self.consider_any(slice::slices(&self.best));
    }

    /// Removes runs of commands from the back, longer runs while that succeeds.
    fn remove_commands(&mut self) {
        let mut end = self.best.len();
        let mut size = self.best.len().div_ceil(2).max(1);
        loop {
            // What comes next for as long as nothing succeeds.
            let (mut next_end, mut next_size) = (end, size);
            let places = std::iter::from_fn(move || {
                let place = (next_end > 0).then_some((next_end, next_size))?;
                match next_size {
                    1 => next_end -= 1,
                    size if size.div_ceil(2) == 2 && size.min(next_end) <= 2 => next_size = 1,
                    size => next_size = size.div_ceil(2),
                }
                Some(place)
            });
            let places: Vec<(usize, usize)> = places.collect();
            let best = self.best.clone();
            let candidates = places.iter().map(|(end, size)| {
                let removed = end.saturating_sub(*size)..(*end).min(best.len());
                edits::without(&best, &removed.collect::<BTreeSet<usize>>())
            });
            let Some(taken) = self.consider_any(candidates) else {
                return;
            };
            let gone = best.len() - self.best.len();
            end = places[taken].0.saturating_sub(gone).min(self.best.len());
            size = places[taken].1 * 2;
        }
    }

    /// Removes two commands at once: a reconnect and what it made necessary, a
    /// write and the wait for it.
    fn remove_pairs(&mut self) {
        let (mut first, mut second) = (0, 1);
        loop {
            let best = self.best.clone();
            let later = (first..best.len()).flat_map(|a| {
                let from = if a == first { second } else { a + 1 };
                (from..best.len()).map(move |b| (a, b))
            });
            let places: Vec<(usize, usize)> = later.collect();
            let candidates = places
                .iter()
                .map(|(a, b)| edits::without(&best, &[*a, *b].into()));
            let Some(taken) = self.consider_any(candidates) else {
                return;
            };
            (first, second) = places[taken];
        }
    }

    /// Merges a session with the next: several commands at once that mean
    /// nothing one by one.
    fn merge_sessions(&mut self) {
        let mut at = 0;
        while at < self.best.len() {
            let merged = matches!(self.best[at], Command::Reconnect | Command::Restart)
                && self
                    .consider_any(structure::merged_sessions(&self.best, at))
                    .is_some();
            if !merged {
                at += 1;
            }
        }
    }

    /// One collection does what two did, and an index what a sink did.
    fn unify_ids(&mut self) {
        while self
            .consider_any(structure::plainer_exports(&self.best))
            .is_some()
        {}
        while self
            .consider_any(structure::without_builds(&self.best))
            .is_some()
        {}
        let ids = structure::exported(&self.best);
        for from in ids.iter().rev() {
            let others = ids.iter().filter(|to| *to != from);
            let best = self.best.clone();
            self.consider_any(others.map(|to| structure::unified(&best, *from, *to)));
        }
    }

    /// The sample schema, or simpler types; explicit rows; plain indexes.
    fn simplify_schemas(&mut self) {
        self.consider(structure::with_sample_schema(&self.best));
        while self
            .consider_any(structure::unified_schemas(&self.best))
            .is_some()
        {}
        for at in 0..self.best.len() {
            let plainer = structure::explicit_rows(&self.best, at)
                .or_else(|| structure::plain_index(&self.best[at]));
            if let Some(plainer) = plainer {
                let mut candidate = self.best.clone();
                candidate[at] = plainer.clone();
                for twin in twins(&self.best, at) {
                    candidate[twin] = plainer.clone();
                }
                self.consider(candidate);
            }
        }
        for (name, columns) in self.schemas() {
            for column in 0..columns {
                self.consider_any(structure::with_column_types(&self.best, &name, column));
            }
        }
    }

    /// Sorts the commands as far as the failure allows.
    fn reorder(&mut self) {
        for at in 0..self.best.len() {
            let best = self.best.clone();
            let before = structure::inversions(&best);
            let moved = (0..best.len()).map(|to| structure::moved(&best, at, to));
            self.consider_any(moved.filter(|moved| structure::inversions(moved) < before));
        }
    }

    fn remove_times(&mut self) {
        for t in edits::times(&self.best) {
            let best = self.best.clone();
            self.consider_any([false, true].map(|keep| edits::without_time(&best, t, keep)));
        }
    }

    fn remove_rows(&mut self) {
        for at in 0..self.best.len() {
            let best = self.best.clone();
            let smaller = edits::smaller_synthetic_writes(&best[at]).into_iter();
            self.consider_any(smaller.map(|smaller| {
                let mut candidate = best.clone();
                candidate[at] = smaller;
                candidate
            }));
            let mut end = rows(&self.best[at]).len();
            while end > 0 {
                let all = rows(&self.best[at]).to_vec();
                let mut fewer = all.clone();
                fewer.remove(end - 1);
                let alone = vec![all[end - 1].clone()];
                if !self.consider(edits::with_rows(&self.best, at, Vec::new()))
                    && !self.consider(edits::with_rows(&self.best, at, alone))
                    && !self.consider(edits::with_rows(&self.best, at, fewer))
                {
                    for simpler in [1, all[end - 1].diff.signum()] {
                        let mut single = all.clone();
                        single[end - 1].diff = simpler;
                        if self.consider(edits::with_rows(&self.best, at, single)) {
                            break;
                        }
                    }
                }
                end = (end - 1).min(rows(&self.best[at]).len());
            }
        }
        while self
            .consider_any(structure::without_row_pairs(&self.best))
            .is_some()
        {}
    }

    /// Plans with less in them, each as often as it stands in the script.
    fn simplify_plans(&mut self) {
        let mut pending = plans::plans(&self.best);
        while let Some(plan) = pending.pop() {
            let best = self.best.clone();
            let mut simpler = plans::simpler(&best, &plan);
            let candidates = simpler
                .iter()
                .map(|simpler| plans::with_plan(&best, &plan, simpler));
            let taken = self.consider_any(candidates);
            pending.extend(taken.map(|at| simpler.swap_remove(at)));
        }
        let mut narrowed = true;
        while narrowed {
            let plans = plans::plans(&self.best);
            let candidates = plans.iter().map(|plan| plans::narrower(&self.best, plan));
            let candidates: Vec<Commands> = candidates.flatten().collect();
            narrowed = self.consider_any(candidates).is_some();
        }
    }

    fn remove_columns(&mut self) {
        for (name, columns) in self.schemas() {
            for column in (0..columns).rev() {
                if let Some(candidate) = edits::without_column(&self.best, &name, column) {
                    self.consider(candidate);
                }
            }
        }
    }

    /// The schemas that are defined, and how many columns each has.
    fn schemas(&self) -> Vec<(String, usize)> {
        self.best
            .iter()
            .filter_map(|command| match command {
                Command::DefineSchema { name, columns } => Some((name.clone(), columns.len())),
                _ => None,
            })
            .collect()
    }

    fn simplify_options(&mut self) {
        for at in (0..self.best.len()).rev() {
            let mut improved = true;
            while improved {
                let best = self.best.clone();
                let simpler = edits::simpler_options(&best[at]).into_iter();
                // Two definitions of one name are kept alike: a replayed
                // dataflow that changes would be another one.
                let candidates = simpler.map(|simpler| {
                    let mut candidate = best.clone();
                    for twin in twins(&best, at) {
                        candidate[twin] = simpler.clone();
                    }
                    candidate[at] = simpler;
                    candidate
                });
                improved = self.consider_any(candidates).is_some();
            }
        }
    }

    fn simplify_cells(&mut self) {
        let simple = ["0", "1", "2", "a", "b", "true", "false", "\"\""];
        let targets: Vec<Cell> = simple.iter().map(|s| Cell::Token(s.to_string())).collect();
        // All occurrences together first, then one by one.
        for from in edits::cells(&self.best) {
            let best = self.best.clone();
            let candidates = targets.iter().map(|to| edits::with_cell(&best, &from, to));
            self.consider_any(candidates);
        }
        for at in 0..self.best.len() {
            for simpler in structure::simpler_rows(rows(&self.best[at])) {
                self.consider(edits::with_rows(&self.best, at, simpler));
            }
            for row in 0..rows(&self.best[at]).len() {
                for cell in 0..rows(&self.best[at])[row].cells.len() {
                    let best = self.best.clone();
                    let candidates = targets
                        .iter()
                        .map(|to| edits::with_one_cell(&best, at, row, cell, to));
                    self.consider_any(candidates);
                }
            }
        }
    }

    fn lower_times(&mut self) {
        for n in 0..edits::time_occurrences(&self.best).len() {
            let time = edits::time_occurrences(&self.best)[n];
            let best = self.best.clone();
            let lower = [0, time / 2, time.saturating_sub(1)];
            let lower = lower.into_iter().filter(|to| *to < time);
            self.consider_any(lower.map(|to| edits::with_time(&best, n, to)));
        }
    }

    fn rename(&mut self) {
        self.consider(edits::renamed(&self.best));
    }
}

/// What tells one script from another.
fn text(commands: &[Command]) -> String {
    let texts: Vec<String> = commands.iter().map(Command::to_string).collect();
    texts.join("\n\n")
}

/// The rows of an explicit write; none for any other command.
fn rows(command: &Command) -> &[RowLine] {
    match command {
        Command::WriteRows { rows, .. } => rows,
        _ => &[],
    }
}

/// The other positions that hold an equal command.
fn twins(commands: &[Command], at: usize) -> Vec<usize> {
    (0..commands.len())
        .filter(|other| *other != at && commands[*other] == commands[at])
        .collect()
}
