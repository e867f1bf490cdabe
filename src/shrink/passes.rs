//! The passes in their order, as data. Each is one walk over the places of a
//! script; what makes a pass legal is told in `shrink`.
//!
//! Invariant: a pass decides by the script alone; where a candidate was taken it
//! goes on from the same place, and never starts over.

use std::collections::BTreeSet;

use super::edits::{self, Commands, ids, options, rows, schemas, sessions, shards, times};
use super::order::inversions;
use super::{Shrinker, columns, narrow, plans, slice};
use crate::script::Command;

/// One walk over the script.
pub(super) type Pass = fn(&mut Shrinker<'_>);

/// All passes, in the order of what they can win: whole dataflows, commands and
/// sessions, then rows, then what is in plans and schemas, then values and names.
/// The one that asks about every pair of commands comes when the cheaper ones have
/// left few of them.
pub(super) const PASSES: [(&str, Pass); 22] = [
    ("slice", slice_dataflows),
    ("remove commands", remove_commands),
    ("merge sessions", merge_sessions),
    ("replace sinks by indexes", plain_exports),
    ("read sources", read_sources),
    ("remove builds", remove_builds),
    ("unify ids", unify_ids),
    ("unify shards", unify_shards),
    ("remove times", remove_times),
    ("remove rows", remove_rows),
    ("remove pairs of rows", remove_row_pairs),
    ("simplify plans", simplify_plans),
    ("narrow plans", narrow_plans),
    ("remove columns", remove_columns),
    ("simplify options", simplify_options),
    ("simplify schemas", simplify_schemas),
    ("remove pairs of commands", remove_pairs),
    ("simplify values", simplify_values),
    ("move rows", move_rows),
    ("lower times", lower_times),
    ("reorder", reorder),
    ("rename", rename),
];

/// Offers the candidates of an edit in order. Where one is taken the edit is
/// asked again, and the walk goes on from there: at the same place if what stood
/// there is gone, else at the next.
fn walk(shrinker: &mut Shrinker<'_>, edit: impl Fn(&[Command]) -> Vec<Commands>) {
    let mut from = 0;
    let mut candidates = edit(&shrinker.best);
    loop {
        let before = candidates.len();
        let Some(taken) = shrinker.consider_any(candidates.into_iter().skip(from)) else {
            return;
        };
        candidates = edit(&shrinker.best);
        from += taken + usize::from(candidates.len() >= before);
    }
}

/// Only one dataflow, and what it depends on.
fn slice_dataflows(shrinker: &mut Shrinker<'_>) {
    shrinker.consider_any(slice::slices(&shrinker.best));
}

/// Removes runs of commands from the back, longer runs while that succeeds.
fn remove_commands(shrinker: &mut Shrinker<'_>) {
    let mut end = shrinker.best.len();
    let mut size = shrinker.best.len().div_ceil(2).max(1);
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
        let best = shrinker.best.clone();
        let candidates = places.iter().map(|(end, size)| {
            let removed = end.saturating_sub(*size)..(*end).min(best.len());
            edits::without(&best, &removed.collect::<BTreeSet<usize>>())
        });
        let Some(taken) = shrinker.consider_any(candidates) else {
            return;
        };
        let gone = best.len() - shrinker.best.len();
        end = places[taken]
            .0
            .saturating_sub(gone)
            .min(shrinker.best.len());
        size = places[taken].1 * 2;
    }
}

/// Removes two commands at once: a reconnect and what it made necessary, a
/// write and the wait for it.
fn remove_pairs(shrinker: &mut Shrinker<'_>) {
    let (mut first, mut second) = (0, 1);
    loop {
        let best = shrinker.best.clone();
        let later = (first..best.len()).flat_map(|a| {
            let from = if a == first { second } else { a + 1 };
            (from..best.len()).map(move |b| (a, b))
        });
        let places: Vec<(usize, usize)> = later.collect();
        let candidates = places
            .iter()
            .map(|(a, b)| edits::without(&best, &[*a, *b].into()));
        let Some(taken) = shrinker.consider_any(candidates) else {
            return;
        };
        (first, second) = places[taken];
    }
}

/// Merges a session with the next: several commands at once that mean nothing
/// one by one.
fn merge_sessions(shrinker: &mut Shrinker<'_>) {
    let mut at = 0;
    while at < shrinker.best.len() {
        let merged = sessions::ends_session(&shrinker.best[at])
            && shrinker
                .consider_any(sessions::merged_sessions(&shrinker.best, at))
                .is_some();
        at += usize::from(!merged);
    }
}

/// An index does what a sink did.
fn plain_exports(shrinker: &mut Shrinker<'_>) {
    walk(shrinker, ids::plainer_exports);
}

/// A dataflow reads the source of an index that it imported.
fn read_sources(shrinker: &mut Shrinker<'_>) {
    walk(shrinker, ids::without_indexes);
}

/// What is read does what was built of it.
fn remove_builds(shrinker: &mut Shrinker<'_>) {
    walk(shrinker, ids::without_builds);
}

/// One collection does what two did.
fn unify_ids(shrinker: &mut Shrinker<'_>) {
    let exported = ids::exported(&shrinker.best);
    for from in ids::named(&shrinker.best).iter().rev() {
        let others = exported.iter().filter(|to| *to != from);
        let best = shrinker.best.clone();
        shrinker.consider_any(others.map(|to| ids::unified(&best, *from, *to)));
    }
}

/// One shard does what two did.
fn unify_shards(shrinker: &mut Shrinker<'_>) {
    walk(shrinker, shards::unified);
}

fn remove_times(shrinker: &mut Shrinker<'_>) {
    for t in times::times(&shrinker.best) {
        let best = shrinker.best.clone();
        shrinker.consider_any([false, true].map(|keep| times::without_time(&best, t, keep)));
    }
}

/// Fewer rows in each write: of a synthetic one fewer, of an explicit one none,
/// each alone, each left out, each once.
fn remove_rows(shrinker: &mut Shrinker<'_>) {
    for at in 0..shrinker.best.len() {
        let best = shrinker.best.clone();
        let smaller = rows::smaller_synthetic_writes(&best[at]).into_iter();
        shrinker.consider_any(smaller.map(|smaller| {
            let mut candidate = best.clone();
            candidate[at] = smaller;
            candidate
        }));
        let mut end = shrinker.best[at].rows().len();
        while end > 0 {
            let best = shrinker.best.clone();
            shrinker.consider_any(
                rows::fewer_rows(best[at].rows(), end - 1)
                    .into_iter()
                    .map(|fewer| rows::with_rows(&best, at, fewer)),
            );
            end = (end - 1).min(shrinker.best[at].rows().len());
        }
    }
}

fn remove_row_pairs(shrinker: &mut Shrinker<'_>) {
    walk(shrinker, rows::without_row_pairs);
}

/// Plans with less in them, each as often as it stands in the script.
fn simplify_plans(shrinker: &mut Shrinker<'_>) {
    for mut plan in plans::plans(&shrinker.best) {
        let mut from = 0;
        let mut simpler = plans::simpler(&shrinker.best, &plan);
        loop {
            let best = shrinker.best.clone();
            let candidates = simpler.iter().skip(from);
            let candidates = candidates.map(|simpler| plans::with_plan(&best, &plan, simpler));
            let Some(taken) = shrinker.consider_any(candidates) else {
                break;
            };
            let before = simpler.len();
            plan = simpler.swap_remove(from + taken);
            simpler = plans::simpler(&shrinker.best, &plan);
            from += taken + usize::from(simpler.len() >= before);
        }
    }
}

/// Plans with fewer columns.
fn narrow_plans(shrinker: &mut Shrinker<'_>) {
    walk(shrinker, |best| {
        let plans = plans::plans(best);
        let narrower = plans.iter().map(|plan| narrow::narrower(best, plan));
        narrower.flatten().collect()
    });
}

fn remove_columns(shrinker: &mut Shrinker<'_>) {
    for (name, width) in schemas::schemas(&shrinker.best) {
        for column in (0..width).rev() {
            if let Some(candidate) = columns::without_column(&shrinker.best, &name, column) {
                shrinker.consider(candidate);
            }
        }
    }
}

fn simplify_options(shrinker: &mut Shrinker<'_>) {
    for at in (0..shrinker.best.len()).rev() {
        walk(shrinker, |best| {
            let simpler = options::simpler_options(&best[at]);
            let simpler = simpler.iter();
            simpler
                .map(|simpler| edits::with_command(best, at, simpler))
                .collect()
        });
    }
}

/// The sample schema, or simpler types; explicit rows; plain indexes.
fn simplify_schemas(shrinker: &mut Shrinker<'_>) {
    shrinker.consider(schemas::with_sample_schema(&shrinker.best));
    walk(shrinker, schemas::unified_schemas);
    for at in 0..shrinker.best.len() {
        let plainer = rows::explicit_rows(&shrinker.best, at)
            .or_else(|| ids::plain_index(&shrinker.best[at]));
        if let Some(plainer) = plainer {
            shrinker.consider(edits::with_command(&shrinker.best, at, &plainer));
        }
    }
    for (name, columns) in schemas::schemas(&shrinker.best) {
        for column in 0..columns {
            let candidates = schemas::with_column_types(&shrinker.best, &name, column);
            shrinker.consider_any(candidates);
        }
    }
}

/// All occurrences of a value together first, then each row and each cell alone.
fn simplify_values(shrinker: &mut Shrinker<'_>) {
    for from in rows::values(&shrinker.best) {
        let best = shrinker.best.clone();
        let places = 0..rows::SIMPLEST;
        shrinker.consider_any(places.map(|place| rows::with_value(&best, &from, place)));
    }
    for at in 0..shrinker.best.len() {
        walk(shrinker, |best| {
            let simpler = rows::simpler_rows(best, at).into_iter();
            simpler
                .map(|simpler| rows::with_rows(best, at, simpler))
                .collect()
        });
        for row in 0..shrinker.best[at].rows().len() {
            for cell in 0..shrinker.best[at].rows()[row].cells.len() {
                let candidates = rows::with_simpler_cell(&shrinker.best, at, row, cell);
                shrinker.consider_any(candidates);
            }
        }
    }
}

/// Rows come with the earliest write that does.
fn move_rows(shrinker: &mut Shrinker<'_>) {
    walk(shrinker, rows::earlier_rows);
}

fn lower_times(shrinker: &mut Shrinker<'_>) {
    for n in 0..times::time_occurrences(&shrinker.best).len() {
        let time = times::time_occurrences(&shrinker.best)[n];
        let best = shrinker.best.clone();
        let lower = [0, time / 2, time.saturating_sub(1)];
        let lower = lower.into_iter().filter(|to| *to < time);
        shrinker.consider_any(lower.map(|to| times::with_time(&best, n, to)));
    }
}

/// Sorts the commands as far as the failure allows.
fn reorder(shrinker: &mut Shrinker<'_>) {
    for at in 0..shrinker.best.len() {
        let best = shrinker.best.clone();
        let before = inversions(&best);
        let moved = (0..best.len()).map(|to| edits::moved(&best, at, to));
        shrinker.consider_any(moved.filter(|moved| inversions(moved) < before));
    }
}

fn rename(shrinker: &mut Shrinker<'_>) {
    shrinker.consider(ids::renamed(&shrinker.best));
}
