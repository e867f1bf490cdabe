//! Reduce: one row per group, by the classes of its aggregates. Source:
//! `spec/plan.md` §2.5, §5.8, `spec/replica.md` §9, §16.4.
//!
//! Invariant: a group exists while something of it is left; what is left after
//! cancelling decides, never what came and went.

use std::collections::BTreeMap;

use super::aggregate::{self, Class, Group};
use super::basic;
use super::scalar::{self, Value};
use super::{Evaluated, Fault, pack};
use crate::answer::{Undefined, row_text};
use crate::multiset::Multiset;
use plan::window_order;
use protocol::v26_30::{AggregateExpr, MirScalarExpr};
use repr::{Diff, Row, Timestamp};

/// What the plan promises about its input.
#[derive(Clone, Copy)]
pub(super) struct Promise {
    pub monotonic: bool,
    pub expected_group_size: Option<u64>,
}

/// Without a promise of this size, min and max work in buckets, and complain
/// with another text.
const ONE_BUCKET: u64 = 16;

pub(super) fn reduce(
    input: Evaluated,
    group_key: &[MirScalarExpr],
    aggregates: &[AggregateExpr],
    promise: Promise,
    ts: Timestamp,
) -> Result<Evaluated, Undefined> {
    let parts = parts(aggregates);
    if let [_] = parts[..] {
        return one_class(input, group_key, aggregates, promise, ts);
    }
    // Reduces of one class each over the same input, joined on the key: a group
    // is there if all of them have it.
    let mut out = Evaluated::default();
    let mut results: Vec<BTreeMap<Row, Vec<Value>>> = Vec::new();
    for part in &parts {
        let aggregates: Vec<AggregateExpr> =
            part.iter().map(|at| aggregates[*at].clone()).collect();
        let reduced = one_class(input.clone(), group_key, &aggregates, promise, ts)?;
        out.inherit(&reduced);
        let groups = reduced.rows.iter().map(|(row, _)| {
            let datums = row.unpack();
            let (key, values) = datums.split_at(group_key.len());
            let values = values.iter().map(|datum| Value::new(*datum)).collect();
            (Row::pack(key.iter().copied()), values)
        });
        results.push(groups.collect());
    }
    let Some((first, others)) = results.split_first() else {
        return Ok(out);
    };
    for (key, values) in first {
        let mut found = vec![values];
        found.extend(others.iter().filter_map(|groups| groups.get(key)));
        if found.len() < parts.len() {
            continue;
        }
        let mut row: Vec<Value> = key.iter().map(Value::new).collect();
        for position in 0..aggregates.len() {
            let place = parts.iter().zip(&found).find_map(|(part, values)| {
                let at = part.iter().position(|at| *at == position)?;
                values.get(at).cloned()
            });
            row.extend(place);
        }
        out.rows.add(pack(&row), 1);
    }
    Ok(out)
}

/// A group: the arguments of all aggregates, with their counts.
type Entries = BTreeMap<Vec<Value>, Diff>;

fn one_class(
    input: Evaluated,
    group_key: &[MirScalarExpr],
    aggregates: &[AggregateExpr],
    promise: Promise,
    ts: Timestamp,
) -> Result<Evaluated, Undefined> {
    let rows = input.rows.clone();
    let mut out = input.with_rows(Multiset::new());
    let groups = groups(&rows, group_key, aggregates, ts, &mut out)?;
    let class = aggregates.first().map(|a| aggregate::class(&a.func));
    for (key, entries) in groups {
        let negative = entries.values().any(|diff| *diff < 0);
        match class {
            // Exact arithmetic, whatever the sign.
            Some(Class::Accumulable) => {}
            None | Some(Class::Hierarchical | Class::Basic) if negative => out.lose_meaning(),
            None | Some(Class::Hierarchical | Class::Basic) => {}
        }
        let results = match class {
            None => distinct(&entries, &mut out),
            Some(Class::Accumulable) => accumulate(aggregates, &entries, &key, &mut out)?,
            Some(Class::Hierarchical) => {
                if negative {
                    out.fail(hierarchical_complaint(promise), 1);
                }
                Some(extremes(aggregates, &entries)?)
            }
            Some(Class::Basic) => Some(basics(aggregates, &entries, &mut out)?),
        };
        if let Some(results) = results {
            let mut values: Vec<Value> = key.iter().map(Value::new).collect();
            values.extend(results);
            out.rows.add(pack(&values), 1);
        }
    }
    Ok(out)
}

/// The groups of which something is left. Rows whose key or arguments fail are
/// errors of `out`.
fn groups(
    rows: &Multiset,
    group_key: &[MirScalarExpr],
    aggregates: &[AggregateExpr],
    ts: Timestamp,
    out: &mut Evaluated,
) -> Result<BTreeMap<Row, Entries>, Undefined> {
    let mut groups: BTreeMap<Row, Entries> = BTreeMap::new();
    for (row, diff) in rows.iter() {
        let datums = row.unpack();
        let values = |exprs: &mut dyn Iterator<Item = &MirScalarExpr>| {
            exprs
                .map(|expr| scalar::eval(expr, &datums, ts))
                .collect::<scalar::Result<Vec<Value>>>()
        };
        let key = values(&mut group_key.iter());
        let arguments = values(&mut aggregates.iter().map(|a| &a.expr));
        match key.and_then(|key| Ok((key, arguments?))) {
            Ok((key, arguments)) => {
                let group = groups.entry(pack(&key)).or_default();
                *group.entry(arguments).or_default() += diff;
            }
            Err(stop) => out.fail(stop.fault()?, diff),
        }
    }
    groups.retain(|_, entries| {
        entries.retain(|_, diff| *diff != 0);
        !entries.is_empty()
    });
    Ok(groups)
}

/// Without aggregates only the key counts, whatever rows it came from; `None` if
/// nothing of it is left.
fn distinct(entries: &Entries, out: &mut Evaluated) -> Option<Vec<Value>> {
    let net: Diff = entries.values().sum();
    if net == 0 {
        return None;
    }
    if net < 0 {
        let complaint = "Non-positive multiplicity in DistinctBy";
        out.fail(Fault::internal(complaint), 1);
    }
    Some(Vec::new())
}

fn extremes(aggregates: &[AggregateExpr], entries: &Entries) -> Result<Vec<Value>, Undefined> {
    let of = |(index, aggregate): (usize, &AggregateExpr)| {
        let column = entries.keys().map(|arguments| &arguments[index]);
        aggregate::extreme(&aggregate.func, column)
    };
    aggregates.iter().enumerate().map(of).collect()
}

fn basics(
    aggregates: &[AggregateExpr],
    entries: &Entries,
    out: &mut Evaluated,
) -> Result<Vec<Value>, Undefined> {
    let mut values = Vec::new();
    for (index, aggregate) in aggregates.iter().enumerate() {
        let mut column = column(entries, index);
        // Only the first one's values are looked at, and those of a window function
        // only where its list is not taken apart at once (`spec/plan.md` §2.5).
        if index == 0
            && window_order(&aggregate.func).is_none()
            && column.values().any(|diff| *diff < 0)
        {
            let begins = "Evaluation error: internal error: Non-positive accumulation in ReduceInaccumulable";
            out.fail(Fault::Begins(begins.to_string()), 1);
        }
        if aggregate.distinct {
            // Any count but none (`spec/replica.md` §16.4).
            column.values_mut().for_each(|diff| *diff = 1);
        }
        values.push(basic::basic(&aggregate.func, &column)?);
    }
    Ok(values)
}

/// One aggregate's arguments in a group, with their counts.
fn column(entries: &Entries, index: usize) -> BTreeMap<Value, Diff> {
    let mut column: BTreeMap<Value, Diff> = BTreeMap::new();
    for (arguments, diff) in entries {
        *column.entry(arguments[index].clone()).or_default() += diff;
    }
    column.retain(|_, diff| *diff != 0);
    column
}

/// The positions of the aggregates that one plan of a replica can hold
/// together. Basic ones share a plan among themselves only (`spec/lowering.md`
/// §2.8.4).
fn parts(aggregates: &[AggregateExpr]) -> Vec<Vec<usize>> {
    let classes: Vec<Class> = aggregates
        .iter()
        .map(|a| aggregate::class(&a.func))
        .collect();
    if classes.windows(2).all(|pair| pair[0] == pair[1]) {
        return vec![(0..aggregates.len()).collect()];
    }
    let of = |wanted: Class| {
        let positions = (0..classes.len()).filter(|at| classes[*at] == wanted);
        positions.collect::<Vec<usize>>()
    };
    let mut parts = vec![of(Class::Accumulable), of(Class::Hierarchical)];
    parts.extend(of(Class::Basic).into_iter().map(|at| vec![at]));
    parts.retain(|part| !part.is_empty());
    parts
}

fn hierarchical_complaint(promise: Promise) -> Fault {
    let begins = |core: &str| Fault::Begins(format!("Evaluation error: internal error: {core}"));
    match promise {
        Promise {
            monotonic: true, ..
        } => begins("tried to build a monotonic reduction on non-monotonic input"),
        Promise {
            expected_group_size: Some(size),
            ..
        } if size <= ONE_BUCKET => begins("Non-positive accumulation in ReduceMinsMaxes"),
        Promise { .. } => begins("Invalid data in source, saw non-positive accumulation for key "),
    }
}

/// The accumulable aggregates of a group; `None` if nothing of it is left.
fn accumulate(
    aggregates: &[AggregateExpr],
    entries: &Entries,
    key: &Row,
    out: &mut Evaluated,
) -> Result<Option<Vec<Value>>, Undefined> {
    let simple = aggregates.iter().any(|aggregate| !aggregate.distinct);
    let mut total: i128 = match simple {
        true => entries.values().map(|diff| i128::from(*diff)).sum(),
        false => 0,
    };
    let mut columns = Vec::new();
    for (index, aggregate) in aggregates.iter().enumerate() {
        let mut column = column(entries, index);
        if aggregate.distinct {
            // Any nonzero count counts once, a negative one too.
            column.values_mut().for_each(|diff| *diff = 1);
            total += column.len() as i128;
        }
        columns.push(column);
    }
    let groups: Vec<Group> = aggregates
        .iter()
        .zip(&columns)
        .map(|(aggregate, column)| Group::of(&aggregate.func, column))
        .collect::<Result<_, _>>()?;
    if total == 0 {
        if groups.iter().all(Group::is_zero) {
            return Ok(None);
        }
        let key = row_text(key);
        out.fail(
            Fault::Begins(format!(
                "Evaluation error: internal error: Invalid data in source, saw net-zero records for key {key}"
            )),
            1,
        );
    }
    let mut values = Vec::new();
    for (aggregate, group) in aggregates.iter().zip(&groups) {
        let (value, negative_unsigned) = group.result(&aggregate.func, total)?;
        if negative_unsigned {
            let begins = "Evaluation error: internal error: Invalid data in source, saw negative accumulation with unsigned type";
            out.fail(Fault::Begins(begins.to_string()), 1);
        }
        values.push(value);
    }
    Ok(Some(values))
}
