//! An operator without one of its parts: a scalar, a key, an input or an option
//! less. Source: the operators of `spec/plan.md` §2.
//!
//! Invariant: a candidate has as many columns as the operator that it replaces.

use crate::plan::{Relation, scalar};
use crate::protocol::v26_30::MirScalarExpr;

/// The operator without one of its parts.
pub(super) fn without_a_part(operator: &Relation) -> Vec<Relation> {
    let arity = operator.arity();
    match operator {
        Relation::Constant { rows: Ok(rows), .. } => fewer_rows(operator, rows.len()),
        Relation::Constant { rows: Err(_), .. }
        | Relation::Get { .. }
        | Relation::Let { .. }
        | Relation::LetRec { .. }
        | Relation::Project { .. }
        | Relation::FlatMap { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. } => Vec::new(),
        Relation::Map { input, scalars } => shorter(scalars)
            .filter_map(|(at, fewer)| {
                let fewer = match fewer.is_empty() {
                    true => (**input).clone(),
                    false => (**input).clone().map(fewer),
                };
                without_column(fewer, input.arity() + at, arity)
            })
            .collect(),
        Relation::Filter { input, predicates } => shorter(predicates)
            .filter(|(_, fewer)| !fewer.is_empty())
            .map(|(_, fewer)| (**input).clone().filter(fewer))
            .collect(),
        Relation::Join {
            inputs,
            equivalences,
            ..
        } => of_join(operator, inputs, equivalences),
        Relation::Reduce {
            group_key,
            aggregates,
            ..
        } => of_reduce(operator, group_key.len(), aggregates.len()),
        Relation::TopK {
            group_key,
            order_key,
            ..
        } => of_top_k(operator, group_key.len(), order_key.len()),
        Relation::Union { inputs } => shorter(inputs)
            .filter(|(_, fewer)| fewer.len() > 1)
            .map(|(_, inputs)| Relation::Union { inputs })
            .collect(),
        Relation::ArrangeBy { input, keys } => shorter(keys)
            .filter(|(_, fewer)| !fewer.is_empty())
            .map(|(_, fewer)| (**input).clone().arrange_by(fewer))
            .collect(),
    }
}

/// A copy of the operator, changed.
pub(super) fn changed(operator: &Relation, change: impl FnOnce(&mut Relation)) -> Relation {
    let mut copy = operator.clone();
    change(&mut copy);
    copy
}

fn fewer_rows(constant: &Relation, rows: usize) -> Vec<Relation> {
    let without = |at| {
        changed(constant, |copy| {
            if let Relation::Constant { rows: Ok(rows), .. } = copy {
                rows.remove(at);
            }
        })
    };
    (0..rows).map(without).collect()
}

/// A class of equal expressions less, a member of one less, all in order, an input
/// less.
fn of_join(
    join: &Relation,
    inputs: &[Relation],
    equivalences: &[Vec<MirScalarExpr>],
) -> Vec<Relation> {
    let with = |classes: Vec<Vec<MirScalarExpr>>| {
        changed(join, |copy| {
            if let Relation::Join { equivalences, .. } = copy {
                *equivalences = classes;
            }
        })
    };
    let mut out: Vec<Relation> = shorter(equivalences)
        .map(|(_, fewer)| with(fewer))
        .collect();
    for (at, class) in equivalences.iter().enumerate() {
        for (_, fewer) in shorter(class).filter(|(_, fewer)| fewer.len() > 1) {
            let mut classes = equivalences.to_vec();
            classes[at] = fewer;
            out.push(with(classes));
        }
    }
    let mut sorted = equivalences.to_vec();
    for class in &mut sorted {
        class.sort_by_key(scalar::support);
    }
    sorted.sort_by_key(|class| class.first().map(scalar::support));
    if sorted != equivalences {
        out.push(with(sorted));
    }
    out.extend(by_first_columns(inputs, equivalences).into_iter().map(with));
    if inputs.len() > 2 {
        let all = 0..inputs.len();
        out.extend(all.map(|at| without_input(join, inputs, at)));
    }
    out
}

/// The join without one of its inputs, and without what was compared with that; its
/// first column stands in for those of the input.
fn without_input(join: &Relation, inputs: &[Relation], at: usize) -> Relation {
    let before: usize = inputs[..at].iter().map(Relation::arity).sum();
    let behind = before + inputs[at].arity();
    let place = |column: usize| match column {
        c if c < before => Some(c),
        c if c < behind => None,
        c => Some(c - (behind - before)),
    };
    let kept = |member: &MirScalarExpr| {
        let support = scalar::support(member);
        let is_left = support.into_iter().all(|column| place(column).is_some());
        is_left.then(|| scalar::mapped(member, |column| place(column).unwrap_or(0)))
    };
    let fewer = changed(join, |copy| {
        if let Relation::Join {
            inputs,
            equivalences,
            ..
        } = copy
        {
            inputs.remove(at);
            for class in equivalences.iter_mut() {
                *class = class.iter().filter_map(kept).collect();
            }
            equivalences.retain(|class| class.len() > 1);
        }
    });
    let columns = (0..join.arity()).map(|column| place(column).unwrap_or(0));
    fewer.project(columns.collect())
}

/// Each class of columns made one of the first columns of their inputs.
fn by_first_columns(
    inputs: &[Relation],
    equivalences: &[Vec<MirScalarExpr>],
) -> Vec<Vec<Vec<MirScalarExpr>>> {
    let mut firsts = Vec::new();
    let mut before = 0;
    for input in inputs {
        firsts.extend(std::iter::repeat_n(before, input.arity()));
        before += input.arity();
    }
    let mut out = Vec::new();
    for (at, class) in equivalences.iter().enumerate() {
        let first = |member: &MirScalarExpr| {
            let column = scalar::as_column(member)?;
            Some(scalar::column(*firsts.get(column)?))
        };
        let lower: Option<Vec<MirScalarExpr>> = class.iter().map(first).collect();
        if let Some(lower) = lower.filter(|lower| lower != class) {
            let mut classes = equivalences.to_vec();
            classes[at] = lower;
            out.push(classes);
        }
    }
    out
}

/// A key less, an aggregate less, an aggregate over all values instead of the
/// distinct ones, no hints.
fn of_reduce(reduce: &Relation, keys: usize, aggregates: usize) -> Vec<Relation> {
    let arity = reduce.arity();
    let without_key = |at| {
        changed(reduce, |copy| {
            if let Relation::Reduce { group_key, .. } = copy {
                group_key.remove(at);
            }
        })
    };
    let without_aggregate = |at| {
        changed(reduce, |copy| {
            if let Relation::Reduce { aggregates, .. } = copy {
                aggregates.remove(at);
            }
        })
    };
    let of_all = |at: usize| {
        changed(reduce, |copy| {
            if let Relation::Reduce { aggregates, .. } = copy {
                aggregates[at].distinct = false;
            }
        })
    };
    let unhinted = changed(reduce, |copy| {
        if let Relation::Reduce {
            monotonic,
            expected_group_size,
            ..
        } = copy
        {
            (*monotonic, *expected_group_size) = (false, None);
        }
    });
    let fewer_keys = (0..keys).filter_map(|at| without_column(without_key(at), at, arity));
    let fewer_aggregates =
        (0..aggregates).filter_map(|at| without_column(without_aggregate(at), keys + at, arity));
    fewer_keys
        .chain(fewer_aggregates)
        .chain((0..aggregates).map(of_all))
        .chain([unhinted])
        .collect()
}

/// A key less, a column of the order less, and each option as it is when nothing
/// is said of it.
fn of_top_k(top_k: &Relation, keys: usize, columns: usize) -> Vec<Relation> {
    let without_key = |at| {
        changed(top_k, |copy| {
            if let Relation::TopK { group_key, .. } = copy {
                group_key.remove(at);
            }
        })
    };
    let without_column = |at| {
        changed(top_k, |copy| {
            if let Relation::TopK { order_key, .. } = copy {
                order_key.remove(at);
            }
        })
    };
    let options: [fn(&mut Relation); 5] = [
        |copy| {
            if let Relation::TopK { limit, .. } = copy {
                *limit = None;
            }
        },
        |copy| {
            if let Relation::TopK { offset, .. } = copy {
                *offset = 0;
            }
        },
        |copy| {
            if let Relation::TopK {
                monotonic,
                expected_group_size,
                ..
            } = copy
            {
                (*monotonic, *expected_group_size) = (false, None);
            }
        },
        |copy| {
            if let Relation::TopK { order_key, .. } = copy {
                for column in order_key {
                    (column.desc, column.nulls_last) = (false, false);
                }
            }
        },
        |copy| {
            if let Relation::TopK { offset, .. } = copy {
                *offset = (*offset).min(1);
            }
        },
    ];
    (0..keys)
        .map(without_key)
        .chain((0..columns).map(without_column))
        .chain(options.map(|option| changed(top_k, option)))
        .collect()
}

/// A plan with this many columns: the first ones, or the first one again.
pub(super) fn fitted(plan: Relation, arity: usize) -> Option<Relation> {
    let has = plan.arity();
    match has == arity {
        true => Some(plan),
        false if has == 0 => None,
        false => {
            let outputs = (0..arity).map(|c| if c < has { c } else { 0 }).collect();
            Some(plan.project(outputs))
        }
    }
}

/// The same columns but one, which another stands in for.
fn without_column(plan: Relation, removed: usize, arity: usize) -> Option<Relation> {
    let stand_in = |c: usize| match c.cmp(&removed) {
        std::cmp::Ordering::Less => c,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => c - 1,
    };
    (plan.arity() > 0).then(|| plan.project((0..arity).map(stand_in).collect()))
}

/// Every list without one of its members.
pub(super) fn shorter<T: Clone>(list: &[T]) -> impl Iterator<Item = (usize, Vec<T>)> + '_ {
    (0..list.len()).map(|at| {
        let mut shorter = list.to_vec();
        shorter.remove(at);
        (at, shorter)
    })
}
