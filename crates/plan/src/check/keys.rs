//! Unique keys: sets of columns that no two rows of an operator's output
//! share. They travel with index imports and exports. Source: `spec/script.md`
//! §4.1.
//!
//! Invariant: while inference runs, a key's columns stand in the order in which
//! they arose, and the list of keys is sorted by that; in the type that comes out
//! each key's columns ascend, the list's order kept. A key is a promise about inputs that keep theirs; it is exactly
//! as strong as upstream's inference, not stronger.

use std::collections::BTreeSet;

use crate::relation::Relation;
use crate::scalar;
use protocol::v26_30::{BinaryFunc, MirScalarExpr, UnaryFunc};
use repr::{Datum, Diff, Row, Timestamp};

pub(super) type Keys = Vec<Vec<usize>>;

/// How many keys are kept of a relation. Equal columns multiply keys without
/// end, and to know fewer of them is never wrong.
const MAX_KEYS: usize = 1_000;

/// The list sorted, without duplicates, and not too long.
pub(super) fn normalized(keys: impl IntoIterator<Item = Vec<usize>>) -> Keys {
    let mut keys: Keys = keys.into_iter().collect();
    keys.sort();
    keys.dedup();
    keys.truncate(MAX_KEYS);
    keys
}

/// As the finished type shows them.
pub(super) fn finished(keys: Keys) -> Keys {
    let mut shown = Keys::new();
    for mut key in keys {
        key.sort_unstable();
        if !shown.contains(&key) {
            shown.push(key);
        }
    }
    shown
}

pub(super) fn of_constant(rows: &[(Row, Timestamp, Diff)], arity: usize) -> Keys {
    if rows.is_empty() || matches!(rows, [(_, _, 1)]) {
        return vec![Vec::new()];
    }
    if rows.iter().any(|(_, _, diff)| *diff != 1) {
        return Vec::new();
    }
    let mut columns: Vec<BTreeSet<Row>> = vec![BTreeSet::new(); arity];
    for (row, _, _) in rows {
        for (values, datum) in columns.iter_mut().zip(row.iter()) {
            values.insert(Row::pack([datum]));
        }
    }
    let distinct = |c: &usize| columns[*c].len() == rows.len();
    (0..arity).filter(distinct).map(|c| vec![c]).collect()
}

pub(super) fn of_project(input: &Keys, outputs: &[usize]) -> Keys {
    let place = |c: &usize| outputs.iter().position(|o| o == c);
    let kept = input
        .iter()
        .filter_map(|key| key.iter().map(place).collect());
    normalized(kept)
}

pub(super) fn of_map(input: &Keys, arity: usize, scalars: &[MirScalarExpr]) -> Keys {
    let copies: Vec<(usize, usize)> = scalars
        .iter()
        .enumerate()
        .filter_map(|(i, e)| Some((unique_over(e)?, arity + i)))
        .collect();
    let mut keys = input.clone();
    if let [(from, to)] = copies[..] {
        let replaced = input.iter().filter(|key| key.contains(&from)).map(|key| {
            key.iter()
                .map(|c| if *c == from { to } else { *c })
                .collect()
        });
        keys.extend(replaced);
    }
    normalized(keys)
}

/// The column of which the expression is a one-to-one image.
fn unique_over(e: &MirScalarExpr) -> Option<usize> {
    match e {
        MirScalarExpr::Column(c, _) => Some(*c),
        MirScalarExpr::CallUnary { func, expr } if preserves_uniqueness(func) => unique_over(expr),
        MirScalarExpr::CallUnary { .. }
        | MirScalarExpr::Literal(..)
        | MirScalarExpr::CallUnmaterializable(_)
        | MirScalarExpr::CallBinary { .. }
        | MirScalarExpr::CallVariadic { .. }
        | MirScalarExpr::If { .. } => None,
    }
}

fn preserves_uniqueness(func: &UnaryFunc) -> bool {
    matches!(
        func,
        UnaryFunc::Not
            | UnaryFunc::BitNotInt16
            | UnaryFunc::BitNotInt32
            | UnaryFunc::BitNotInt64
            | UnaryFunc::NegInt16
            | UnaryFunc::NegInt32
            | UnaryFunc::NegInt64
            | UnaryFunc::CastBoolToString
            | UnaryFunc::CastBoolToInt32
            | UnaryFunc::CastBoolToInt64
            | UnaryFunc::CastInt16ToInt32
            | UnaryFunc::CastInt16ToInt64
            | UnaryFunc::CastInt16ToString
            | UnaryFunc::CastInt32ToInt64
            | UnaryFunc::CastInt32ToString
            | UnaryFunc::CastInt64ToString
            | UnaryFunc::StepMzTimestamp
            | UnaryFunc::Reverse
    )
}

pub(super) fn of_filter(input: &Keys, predicates: &[MirScalarExpr]) -> Keys {
    let mut fixed = BTreeSet::new();
    let mut equated = Vec::new();
    for p in predicates {
        let MirScalarExpr::CallBinary {
            func: BinaryFunc::Eq,
            expr1,
            expr2,
        } = p
        else {
            continue;
        };
        match (scalar::as_column(expr1), scalar::as_column(expr2)) {
            (Some(a), Some(b)) => equated.push((a, b)),
            (Some(c), None) if scalar::as_literal(expr2).is_some() => {
                fixed.insert(c);
            }
            (None, Some(c)) if scalar::as_literal(expr1).is_some() => {
                fixed.insert(c);
            }
            _ => {}
        }
    }
    // Here a column counts once, however often the key names it.
    let once = |key: BTreeSet<usize>| -> Vec<usize> { key.into_iter().collect() };
    let mut keys = normalized(input.iter().map(|key| {
        let free = key.iter().copied().filter(|c| !fixed.contains(c));
        once(free.collect())
    }));
    loop {
        let mut more = keys.clone();
        for (a, b) in &equated {
            for (from, to) in [(*a, *b), (*b, *a)] {
                for key in keys.iter().filter(|key| key.contains(&from)) {
                    let moved = key.iter().map(|c| if *c == from { to } else { *c });
                    more.push(once(moved.collect()));
                }
            }
        }
        let more = normalized(more);
        if more == keys || more.len() == MAX_KEYS {
            return more;
        }
        keys = more;
    }
}

/// The first input's keys survive if each later input has a key whose columns
/// are all equated to something that an earlier input is part of.
pub(super) fn of_join(
    inputs: &[Keys],
    arities: &[usize],
    equivalences: &[Vec<MirScalarExpr>],
) -> Keys {
    let input_of = |mut c: usize| {
        for (i, arity) in arities.iter().enumerate() {
            if c < *arity {
                return (i, c);
            }
            c -= arity;
        }
        (arities.len(), c)
    };
    let mut bound: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); inputs.len()];
    for class in equivalences {
        let first_bound = class
            .iter()
            .filter_map(|e| scalar::support(e).into_iter().map(|c| input_of(c).0).max())
            .min();
        let Some(first_bound) = first_bound else {
            continue;
        };
        for e in class {
            if let Some(c) = scalar::as_column(e) {
                let (input, local) = input_of(c);
                if input > first_bound
                    && let Some(columns) = bound.get_mut(input)
                {
                    columns.insert(local);
                }
            }
        }
    }
    let unique = |i: usize| {
        inputs[i]
            .iter()
            .any(|key| key.iter().all(|c| bound[i].contains(c)))
    };
    match inputs.first() {
        Some(keys) if (1..inputs.len()).all(unique) => keys.clone(),
        _ => Vec::new(),
    }
}

pub(super) fn of_reduce(input: &Keys, group_key: &[MirScalarExpr]) -> Keys {
    let place = |c: &usize| {
        group_key
            .iter()
            .position(|e| scalar::as_column(e) == Some(*c))
    };
    let kept: Keys = input
        .iter()
        .filter_map(|key| key.iter().map(place).collect())
        .collect();
    if kept.is_empty() {
        vec![(0..group_key.len()).collect()]
    } else {
        normalized(kept)
    }
}

pub(super) fn of_top_k(input: &Keys, group_key: &[usize], limit: Option<&MirScalarExpr>) -> Keys {
    let mut keys = input.clone();
    let one = limit
        .and_then(scalar::as_literal)
        .is_some_and(|row| row.iter().next() == Some(Datum::Int64(1)));
    if one {
        keys.push(group_key.to_vec());
    }
    normalized(keys)
}

/// Unions have no keys, but for the one shape with which SQL fills in default
/// rows: `A ∪ Map(…)(Negate(Project(A)) ∪ B)`.
pub(super) fn of_union(inputs: &[Relation], keys_of: impl Fn(&Relation) -> Keys) -> Keys {
    let [base, Relation::Map { input, .. }] = inputs else {
        return Vec::new();
    };
    let Relation::Union { inputs: inner } = &**input else {
        return Vec::new();
    };
    let [negated, other] = &inner[..] else {
        return Vec::new();
    };
    let Some((second, outputs)) = negated_projection(negated) else {
        return Vec::new();
    };
    let (first, base_outputs) = match base {
        Relation::Project { input, outputs } => (&**input, Some(outputs)),
        other => (other, None),
    };
    let (Relation::Get { id: first, .. }, Relation::Get { id: second, .. }) = (first, second)
    else {
        return Vec::new();
    };
    if first != second {
        return Vec::new();
    }
    let base_output = |c: usize| base_outputs.map_or(Some(c), |columns| columns.get(c).copied());
    let kept = keys_of(other).into_iter().filter(|key| {
        key.iter()
            .all(|c| outputs.get(*c).copied() == base_output(*c))
    });
    normalized(kept)
}

/// What is negated and projected, in either order.
fn negated_projection(r: &Relation) -> Option<(&Relation, &[usize])> {
    if let Relation::Negate { input } = r
        && let Relation::Project { input, outputs } = &**input
    {
        return Some((input, outputs));
    }
    if let Relation::Project { input, outputs } = r
        && let Relation::Negate { input } = &**input
    {
        return Some((input, outputs));
    }
    None
}
