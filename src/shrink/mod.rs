//! Shrinking: from a script that fails to the simplest one found that fails in
//! the same way. Whether a script still fails *in the same way* is the caller's
//! question; what is simpler is [`Complexity`]'s.
//!
//! Invariants: every accepted step is strictly simpler, so shrinking ends; no
//! script is run twice; a pass never loops to its own fix-point, the outer loop
//! does (after Hypothesis's shrinker: successes must be as cheap as failures).

mod edits;
mod order;
mod plans;
mod stop;
mod structure;

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use edits::Commands;
pub use order::Complexity;
pub use stop::Stop;

use crate::script::{Cell, Command, RowLine};

/// When to stop before the fix-point.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub max_runs: usize,
    pub max_time: Duration,
    /// Ends at once with what there is.
    pub stop: Stop,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            max_runs: 5_000,
            max_time: Duration::from_secs(120),
            stop: Stop::never(),
        }
    }
}

/// What shrinking did.
#[derive(Debug, Clone)]
pub struct Shrunk {
    pub commands: Vec<Command>,
    /// Candidates that were run.
    pub runs: usize,
    /// Whether no edit makes it simpler any more (the budget was enough).
    pub at_fixpoint: bool,
}

/// Shrinks `commands`, of which `fails` is known to hold.
pub fn shrink(
    commands: Vec<Command>,
    budget: Budget,
    fails: &mut dyn FnMut(&[Command]) -> bool,
) -> Shrunk {
    let mut shrinker = Shrinker {
        best_key: Complexity::of(&commands),
        best: commands,
        seen: HashSet::new(),
        runs: 0,
        budget,
        deadline: Instant::now() + budget.max_time,
        fails,
    };
    let at_fixpoint = loop {
        let before = shrinker.best_key.clone();
        // In the order of what they can win.
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
        if shrinker.exhausted() {
            break false;
        }
        if shrinker.best_key == before {
            break true;
        }
    };
    Shrunk {
        commands: shrinker.best,
        runs: shrinker.runs,
        at_fixpoint,
    }
}

struct Shrinker<'a> {
    best: Commands,
    best_key: Complexity,
    seen: HashSet<String>,
    runs: usize,
    budget: Budget,
    deadline: Instant,
    fails: &'a mut dyn FnMut(&[Command]) -> bool,
}

impl Shrinker<'_> {
    fn exhausted(&self) -> bool {
        self.runs >= self.budget.max_runs
            || self.budget.stop.is_raised()
            || Instant::now() >= self.deadline
    }

    /// Takes the candidate if it is simpler and still fails.
    fn consider(&mut self, candidate: Commands) -> bool {
        if self.exhausted() {
            return false;
        }
        let key = Complexity::of(&candidate);
        if key >= self.best_key {
            return false;
        }
        let texts: Vec<String> = candidate.iter().map(Command::to_string).collect();
        if !self.seen.insert(texts.join("\n\n")) {
            return false;
        }
        self.runs += 1;
        let fails = (self.fails)(&candidate);
        if fails {
            self.best = candidate;
            self.best_key = key;
        }
        fails
    }

    /// Removes runs of commands from the back, longer runs while that succeeds.
    fn remove_commands(&mut self) {
        let mut end = self.best.len();
        let mut size = self.best.len().div_ceil(2).max(1);
        while end > 0 {
            let start = end.saturating_sub(size);
            let removed: BTreeSet<usize> = (start..end.min(self.best.len())).collect();
            let before = self.best.len();
            if self.consider(edits::without(&self.best, &removed)) {
                let gone = before - self.best.len();
                end = end.saturating_sub(gone).min(self.best.len());
                size *= 2;
            } else if size > 1 {
                size = size.div_ceil(2);
                if size == 2 && end - start <= 2 {
                    size = 1;
                }
            } else {
                end -= 1;
            }
        }
    }

    /// Removes two commands at once: a reconnect and what it made necessary, a
    /// write and the wait for it.
    fn remove_pairs(&mut self) {
        let mut first = 0;
        while first < self.best.len() {
            let mut second = first + 1;
            while second < self.best.len() {
                if !self.consider(edits::without(&self.best, &[first, second].into())) {
                    second += 1;
                }
                if self.exhausted() {
                    return;
                }
            }
            first += 1;
        }
    }

    /// Merges a session with the next: several commands at once that mean
    /// nothing one by one.
    fn merge_sessions(&mut self) {
        let mut at = 0;
        while at < self.best.len() {
            let merged = matches!(self.best[at], Command::Reconnect | Command::Restart)
                && structure::merged_sessions(&self.best, at)
                    .into_iter()
                    .any(|candidate| self.consider(candidate));
            if !merged {
                at += 1;
            }
        }
    }

    /// One collection does what two did, and an index what a sink did.
    fn unify_ids(&mut self) {
        while structure::plainer_exports(&self.best)
            .into_iter()
            .any(|candidate| self.consider(candidate))
        {}
        while structure::without_builds(&self.best)
            .into_iter()
            .any(|candidate| self.consider(candidate))
        {}
        let ids = structure::exported(&self.best);
        for from in ids.iter().rev() {
            for to in &ids {
                if from != to && self.consider(structure::unified(&self.best, *from, *to)) {
                    break;
                }
            }
        }
    }

    /// The sample schema, or simpler types; explicit rows; plain indexes.
    fn simplify_schemas(&mut self) {
        self.consider(structure::with_sample_schema(&self.best));
        while structure::unified_schemas(&self.best)
            .into_iter()
            .any(|candidate| self.consider(candidate))
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
                structure::with_column_types(&self.best, &name, column)
                    .into_iter()
                    .any(|candidate| self.consider(candidate));
            }
        }
    }

    /// Sorts the commands as far as the failure allows.
    fn reorder(&mut self) {
        for at in 0..self.best.len() {
            for to in 0..self.best.len() {
                let moved = structure::moved(&self.best, at, to);
                let before = structure::inversions(&self.best);
                if structure::inversions(&moved) < before && self.consider(moved) {
                    break;
                }
            }
        }
    }

    fn remove_times(&mut self) {
        for t in edits::times(&self.best) {
            for keep_rows in [false, true] {
                if self.consider(edits::without_time(&self.best, t, keep_rows)) {
                    break;
                }
            }
        }
    }

    fn remove_rows(&mut self) {
        for at in 0..self.best.len() {
            for smaller in edits::smaller_synthetic_writes(&self.best[at]) {
                let mut candidate = self.best.clone();
                candidate[at] = smaller;
                if self.consider(candidate) {
                    break;
                }
            }
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
        while structure::without_row_pairs(&self.best)
            .into_iter()
            .any(|candidate| self.consider(candidate))
        {}
    }

    /// Plans with less in them, each as often as it stands in the script.
    fn simplify_plans(&mut self) {
        let mut pending = plans::texts(&self.best);
        while let Some(text) = pending.pop() {
            let simpler = plans::simpler(&self.best, &text)
                .into_iter()
                .find(|simpler| self.consider(plans::with_plan(&self.best, &text, simpler)));
            pending.extend(simpler);
        }
        let mut narrowed = true;
        while narrowed {
            let texts = plans::texts(&self.best);
            let candidates = texts.iter().map(|text| plans::narrower(&self.best, text));
            let candidates: Vec<Commands> = candidates.flatten().collect();
            narrowed = candidates
                .into_iter()
                .any(|candidate| self.consider(candidate));
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
                improved = false;
                for simpler in edits::simpler_options(&self.best[at]) {
                    let mut candidate = self.best.clone();
                    candidate[at] = simpler;
                    // Two definitions of one name are kept alike: a replayed
                    // dataflow that changes would be another one.
                    let twins = twins(&self.best, at);
                    let changed = candidate[at].clone();
                    for twin in twins {
                        candidate[twin] = changed.clone();
                    }
                    if self.consider(candidate) {
                        improved = true;
                        break;
                    }
                }
            }
        }
    }

    fn simplify_cells(&mut self) {
        let simple = ["0", "1", "2", "a", "b", "true", "false", "\"\""];
        let targets: Vec<Cell> = simple.iter().map(|s| Cell::Token(s.to_string())).collect();
        // All occurrences together first, then one by one.
        for from in edits::cells(&self.best) {
            for to in &targets {
                if self.consider(edits::with_cell(&self.best, &from, to)) {
                    break;
                }
            }
        }
        for at in 0..self.best.len() {
            for simpler in structure::simpler_rows(rows(&self.best[at])) {
                self.consider(edits::with_rows(&self.best, at, simpler));
            }
            for row in 0..rows(&self.best[at]).len() {
                for cell in 0..rows(&self.best[at])[row].cells.len() {
                    for to in &targets {
                        if self.consider(edits::with_one_cell(&self.best, at, row, cell, to)) {
                            break;
                        }
                    }
                }
            }
        }
    }

    fn lower_times(&mut self) {
        for n in 0..edits::time_occurrences(&self.best).len() {
            let time = edits::time_occurrences(&self.best)[n];
            for to in [0, time / 2, time.saturating_sub(1)] {
                if to < time && self.consider(edits::with_time(&self.best, n, to)) {
                    break;
                }
            }
        }
    }

    fn rename(&mut self) {
        self.consider(edits::renamed(&self.best));
    }
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
