//! The model's evaluator against what the real crates computed. What this file
//! alone can catch: a rule that the model has otherwise than the field, which no
//! comparison with our own replica would show if both have it. Every case is
//! evaluated as a plan of its own, as campaigns do. Data: `tests/golden/values`,
//! described in `spec/plan.md` §3, §5.
//!
//! What plans cannot call, or the model does not evaluate, is counted by reason,
//! and the counts may only shrink.

#[path = "support/values.rs"]
mod values;

use std::collections::BTreeMap;

use clusterd_fuzz::model::eval::{self, Evaluated, Fault};
use clusterd_fuzz::model::{Multiset, Undefined};
use clusterd_fuzz::plan::functions::{AGGREGATES, BINARY, UNARY, is_comparison};
use clusterd_fuzz::plan::{Relation, RelationType, scalar};
use clusterd_fuzz::protocol::v26_30::{
    AggregateExpr, AggregateFunc, EvalError, MapFilterProject, MirScalarExpr, TableFunc, UnaryFunc,
    UnmaterializableFunc, VariadicFunc,
};
use clusterd_fuzz::repr::{Diff, ReprColumnType, ReprScalarType, Row, Timestamp};
use serde_json::Value;
use values::{decoded, golden, row, same};

/// A constant of these updates. Only the number of columns of its type counts.
fn constant(updates: Vec<(Row, Timestamp, Diff)>, arity: usize) -> Relation {
    let column = ReprColumnType {
        scalar_type: ReprScalarType::Bool,
        nullable: true,
    };
    Relation::Constant {
        rows: Ok(updates),
        typ: RelationType {
            column_types: vec![column; arity],
            keys: Vec::new(),
        },
    }
}

fn once(row: Row) -> Relation {
    let arity = row.iter().count();
    constant(vec![(row, 0, 1)], arity)
}

fn evaluated(plan: &Relation, ts: Timestamp) -> Result<Evaluated, Undefined> {
    eval::evaluate(plan, eval::Moment::snapshot(ts), &mut |id, _| {
        Err(Undefined::Unknown(id))
    })
}

/// The columns from `from` on of the only row, or the only error.
fn outcome(evaluated: &Evaluated, from: usize) -> Result<Option<Row>, Fault> {
    match evaluated.errors.keys().next() {
        Some(fault) => Err(fault.clone()),
        None => Ok(evaluated
            .rows
            .iter()
            .next()
            .map(|(row, _)| Row::pack(row.iter().skip(from)))),
    }
}

/// Whether the fault is the recorded error, by value and by text.
fn is_error(fault: &Fault, expected: &Value) -> bool {
    let error: EvalError = decoded(&expected["hex"]);
    match fault {
        Fault::Eval(got) => *got == error && got.to_string() == expected["text"].as_str().unwrap(),
        Fault::Begins(_) => false,
    }
}

/// Disagreements and what was left out, by name.
#[derive(Default)]
struct Tally {
    checked: usize,
    wrong: BTreeMap<String, (usize, Vec<String>)>,
    /// What no plan can say.
    inexpressible: BTreeMap<String, usize>,
    /// What a plan can say and the model does not evaluate.
    unsupported: BTreeMap<String, usize>,
}

impl Tally {
    fn wrong(&mut self, name: &str, text: String) {
        let entry = self.wrong.entry(name.to_string()).or_default();
        entry.0 += 1;
        if entry.1.len() < 4 {
            entry.1.push(text);
        }
    }

    fn inexpressible(&mut self, reason: String) {
        *self.inexpressible.entry(reason).or_default() += 1;
    }

    /// Panics if something is wrong, or if more was left out than is known.
    fn settle(self, name: &str, most_inexpressible: usize, unsupported: &[(&str, usize)]) {
        let left_out: usize = self.inexpressible.values().sum();
        println!(
            "{name}: {} checked, {left_out} that plans cannot say, unsupported {:?}",
            self.checked, self.unsupported
        );
        let total: usize = self.wrong.values().map(|entry| entry.0).sum();
        let text: String = self
            .wrong
            .iter()
            .map(|(name, (n, first))| format!("{name}: {n}\n  {}\n", first.join("\n  ")))
            .collect();
        assert!(total == 0, "{total} of {} disagree\n{text}", self.checked);
        assert!(
            left_out <= most_inexpressible,
            "{left_out} cannot be said: {:?}",
            self.inexpressible
        );
        let known: BTreeMap<&str, usize> = unsupported.iter().copied().collect();
        for (reason, count) in &self.unsupported {
            let most = known.get(reason.as_str()).copied().unwrap_or(0);
            assert!(*count <= most, "{count} of {reason}, at most {most} known");
        }
    }
}

/// Why a plan cannot hold this expression.
fn inexpressible(expr: &MirScalarExpr) -> Option<String> {
    let mut reason = None;
    scalar::visit(expr, &mut |node| {
        let known = match node {
            MirScalarExpr::Column(..) | MirScalarExpr::Literal(..) | MirScalarExpr::If { .. } => {
                true
            }
            MirScalarExpr::CallUnmaterializable(func) => *func == UnmaterializableFunc::MzNow,
            MirScalarExpr::CallUnary { func, .. } => match func {
                UnaryFunc::IsNull
                | UnaryFunc::IsTrue
                | UnaryFunc::IsFalse
                | UnaryFunc::RecordGet(_)
                | UnaryFunc::ListLength => true,
                func => UNARY.iter().any(|entry| entry.func == *func),
            },
            MirScalarExpr::CallBinary { func, .. } => {
                is_comparison(func) || BINARY.iter().any(|entry| entry.func == *func)
            }
            MirScalarExpr::CallVariadic { func, .. } => matches!(
                func,
                VariadicFunc::And
                    | VariadicFunc::Or
                    | VariadicFunc::Coalesce
                    | VariadicFunc::Greatest
                    | VariadicFunc::Least
                    | VariadicFunc::Concat
                    | VariadicFunc::Replace
                    | VariadicFunc::Substr
                    | VariadicFunc::PadLeading
                    | VariadicFunc::SplitPart
                    | VariadicFunc::ErrorIfNull
                    | VariadicFunc::ListCreate { .. }
                    | VariadicFunc::ArrayCreate { .. }
                    | VariadicFunc::RecordCreate { .. }
            ),
        };
        if !known {
            let debug = match node {
                MirScalarExpr::CallUnary { func, .. } => format!("{func:?}"),
                MirScalarExpr::CallBinary { func, .. } => format!("{func:?}"),
                MirScalarExpr::CallVariadic { func, .. } => format!("{func:?}"),
                other => format!("{other:?}"),
            };
            let name = debug.split(['(', '{', ' ']).next().unwrap_or_default();
            reason.get_or_insert(name.to_string());
        }
    });
    reason
}

#[test]
fn scalar_expressions_have_the_values_and_errors_of_the_real_evaluator() {
    let mut tally = Tally::default();
    for case in golden("scalars.jsonl.gz") {
        let expr: MirScalarExpr = decoded(&case["expr_hex"]);
        let text = case.get("err").and_then(|error| error["text"].as_str());
        let mistyped = text.is_some_and(|text| text.contains("to non-boolean datum"));
        if case["group"] == "misuse" || mistyped {
            tally.inexpressible("wrong types".to_string());
            continue;
        }
        if let Some(reason) = inexpressible(&expr) {
            tally.inexpressible(reason);
            continue;
        }
        let input = row(&case["row_hex"]);
        let arity = input.iter().count();
        let plan = once(input.clone()).map(vec![expr]);
        match evaluated(&plan, 0) {
            Err(undefined) => {
                *tally.unsupported.entry(undefined.to_string()).or_default() += 1;
                continue;
            }
            Ok(evaluated) => {
                tally.checked += 1;
                let got = outcome(&evaluated, arity);
                let fine = match (&got, case.get("err")) {
                    (Ok(Some(got)), None) => same(got, &row(&case["ok_hex"])),
                    (Err(fault), Some(expected)) => is_error(fault, expected),
                    _ => false,
                };
                if !fine {
                    let expected = case.get("err").map_or(&case["ok"], |err| &err["text"]);
                    let text = format!("{} of {input}: {got:?}, not {expected}", case["expr"]);
                    tally.wrong(case["fn"].as_str().unwrap(), text);
                }
            }
        }
    }
    tally.settle("scalars", 16829, &[]);
}

/// A chain of operators that says the same.
fn chain(mfp: &MapFilterProject, input: Relation) -> Relation {
    let mut plan = input;
    let mut width = mfp.input_arity;
    let mut expressions = mfp.expressions.iter();
    for (position, predicate) in &mfp.predicates {
        while width < *position {
            plan = plan.map(expressions.next().cloned().into_iter().collect());
            width += 1;
        }
        plan = plan.filter(vec![predicate.clone()]);
    }
    plan.map(expressions.cloned().collect())
        .project(mfp.projection.clone())
}

fn inexpressible_mfp(mfp: &MapFilterProject) -> Option<String> {
    let predicates = mfp.predicates.iter().map(|(_, predicate)| predicate);
    mfp.expressions
        .iter()
        .chain(predicates)
        .find_map(inexpressible)
}

/// Whether the model's answer is the recorded one, or allows it: which error
/// is met first, and whether one that a predicate masks is, is the replica's
/// choice.
fn allows(evaluated: &Evaluated, expected: &Value) -> bool {
    if let Some(error) = expected.get("hex").map(|_| expected) {
        let mut faults = evaluated.errors.keys().chain(&evaluated.possible);
        return faults.any(|fault| is_error(fault, error));
    }
    match outcome(evaluated, 0) {
        Ok(None) => expected["none"] == true,
        Ok(Some(got)) => expected
            .get("ok_hex")
            .is_some_and(|ok| same(&got, &row(ok))),
        Err(_) => false,
    }
}

#[test]
fn map_filter_projects_give_the_rows_and_errors_of_the_real_evaluator() {
    let mut tally = Tally::default();
    for case in golden("mfp.jsonl.gz").iter().filter(|c| c["t"] == "mfp") {
        let mfp: MapFilterProject = decoded(&case["mfp_hex"]);
        if let Some(reason) = inexpressible_mfp(&mfp) {
            tally.inexpressible(reason);
            continue;
        }
        for line in case["rows"].as_array().unwrap() {
            let plan = chain(&mfp, once(row(&line["row_hex"])));
            match evaluated(&plan, 0) {
                Err(undefined) => {
                    *tally.unsupported.entry(undefined.to_string()).or_default() += 1;
                }
                Ok(evaluated) => {
                    tally.checked += 1;
                    // The model evaluates only what is read.
                    let results = [Some(&line["result"]), line.get("optimized_result")];
                    let recorded = results.into_iter().flatten();
                    let mut recorded = recorded.map(|r| r.get("err").unwrap_or(r));
                    if !recorded.any(|expected| allows(&evaluated, expected)) {
                        let text = format!("{}: {evaluated:?}, not {line}", case["id"]);
                        tally.wrong("mfp", text);
                    }
                }
            }
        }
    }
    tally.settle("mfps", 81, &[]);
}

#[test]
fn temporal_filters_have_the_rows_and_errors_of_the_real_evaluator_at_every_time() {
    let mut tally = Tally::default();
    let is_temporal = |case: &&Value| case["t"] == "temporal";
    for case in golden("mfp.jsonl.gz").iter().filter(is_temporal) {
        let mfp: MapFilterProject = decoded(&case["mfp_hex"]);
        if case.get("plan_error").is_some() {
            tally.inexpressible("a plan that the replica refuses".to_string());
            continue;
        }
        if let Some(reason) = inexpressible_mfp(&mfp) {
            tally.inexpressible(reason);
            continue;
        }
        for line in case["cases"].as_array().unwrap() {
            let input = row(&line["row_hex"]);
            let (time, diff) = (
                line["time"].as_u64().unwrap(),
                line["diff"].as_i64().unwrap(),
            );
            let until = line["until"].as_u64();
            let arity = input.iter().count();
            let plan = chain(&mfp, constant(vec![(input, time, diff)], arity));
            let out = line["out"].as_array().unwrap();
            let moment = |update: &Value| update["time"].as_u64().unwrap();
            let around = |t: u64| [t.saturating_sub(1), t, t.saturating_add(1)];
            let mut times: Vec<u64> = out
                .iter()
                .flat_map(|update| around(moment(update)))
                .collect();
            times.extend([time, time.saturating_add(10), u64::MAX]);
            times.extend(until.map(|until| until.saturating_sub(1)));
            times.retain(|ts| *ts >= time && until.is_none_or(|until| *ts < until));
            times.sort();
            times.dedup();
            for ts in times {
                let got = match evaluated(&plan, ts) {
                    Ok(got) => got,
                    Err(undefined) => {
                        *tally.unsupported.entry(undefined.to_string()).or_default() += 1;
                        continue;
                    }
                };
                tally.checked += 1;
                let mut rows = Multiset::new();
                let mut errors = Vec::new();
                for update in out.iter().filter(|update| moment(update) <= ts) {
                    match update.get("err") {
                        Some(error) => errors.push(error),
                        None => {
                            let diff = update["diff"].as_i64().unwrap();
                            rows.add(row(&update["ok_hex"]), diff);
                        }
                    }
                }
                let faults = || got.errors.keys().chain(&got.possible);
                let fine = match errors.is_empty() {
                    true => got.errors.is_empty() && got.rows == rows,
                    false => errors
                        .iter()
                        .all(|error| faults().any(|fault| is_error(fault, error))),
                };
                if !fine {
                    let text = format!("{} at {ts}: {got:?}, not {line}", case["id"]);
                    tally.wrong("temporal", text);
                }
            }
        }
    }
    tally.settle("temporal filters", 12, &[]);
}

/// The result of one aggregate over these values with their counts.
fn reduced(func: &AggregateFunc, values: Vec<(Row, Diff)>) -> Result<Evaluated, Undefined> {
    let updates = values.into_iter().map(|(row, diff)| (row, 0, diff));
    let plan = Relation::Reduce {
        input: Box::new(constant(updates.collect(), 1)),
        group_key: Vec::new(),
        aggregates: vec![AggregateExpr {
            func: func.clone(),
            expr: scalar::column(0),
            distinct: false,
        }],
        monotonic: false,
        expected_group_size: None,
    };
    evaluated(&plan, 0)
}

fn is_aggregate_of_plans(func: &AggregateFunc) -> bool {
    use AggregateFunc as F;
    match func {
        F::Count | F::StringAgg { .. } | F::ArrayConcat { .. } | F::ListConcat { .. } => true,
        func => AGGREGATES.iter().any(|entry| entry.func == *func),
    }
}

/// The aggregates that a replica accumulates; constant folding computes other
/// values for them than it does.
fn is_accumulable(func: &AggregateFunc) -> bool {
    let name = format!("{func:?}");
    let others = [AggregateFunc::Count, AggregateFunc::Any, AggregateFunc::All];
    name.starts_with("Sum") || others.contains(func) || *func == AggregateFunc::Dummy
}

#[test]
fn basic_and_hierarchical_aggregates_have_the_values_of_the_real_evaluator() {
    let mut tally = Tally::default();
    for case in golden("aggregates.jsonl.gz") {
        let func: AggregateFunc = decoded(&case["func_hex"]);
        if case["t"] != "eval" || is_accumulable(&func) {
            continue;
        }
        let name = case["fn"].as_str().unwrap();
        if !is_aggregate_of_plans(&func) {
            tally.inexpressible(name.to_string());
            continue;
        }
        let inputs = case["inputs_hex"].as_array().unwrap();
        if inputs.is_empty() {
            // A group of nothing is no group.
            tally.inexpressible("no input".to_string());
            continue;
        }
        match reduced(&func, inputs.iter().map(|input| (row(input), 1)).collect()) {
            Err(undefined) => {
                *tally.unsupported.entry(undefined.to_string()).or_default() += 1;
            }
            Ok(got) => {
                tally.checked += 1;
                let expected = row(&case["ok_hex"]);
                let equal = |got: &Row| same(got, &expected) || got.iter().eq(expected.iter());
                let got = outcome(&got, 0);
                if !matches!(&got, Ok(Some(got)) if equal(got)) {
                    let text = format!(
                        "{func:?} of {}: {got:?}, not {}",
                        case["inputs"], case["ok"]
                    );
                    tally.wrong(name, text);
                }
            }
        }
    }
    tally.settle("aggregates", 277, &[]);
}

#[test]
fn accumulations_have_the_values_and_complaints_of_the_real_replica() {
    let mut tally = Tally::default();
    for case in golden("aggregates.jsonl.gz")
        .iter()
        .filter(|c| c["t"] == "accum")
    {
        let func: AggregateFunc = decoded(&case["func_hex"]);
        let name = case["fn"].as_str().unwrap();
        if !is_aggregate_of_plans(&func) {
            tally.inexpressible(name.to_string());
            continue;
        }
        let updates = case["updates_hex"].as_array().unwrap();
        let updates = updates
            .iter()
            .map(|update| (row(&update[0]), update[1].as_i64().unwrap()));
        let updates: Vec<(Row, Diff)> = updates.collect();
        let mut counts: BTreeMap<&Row, i128> = BTreeMap::new();
        for (row, diff) in &updates {
            *counts.entry(row).or_default() += i128::from(*diff);
        }
        if counts.values().any(|count| i64::try_from(*count).is_err()) {
            tally.inexpressible("a count beyond 64 bits".to_string());
            continue;
        }
        let got = match reduced(&func, updates) {
            Ok(got) => got,
            Err(undefined) => {
                *tally.unsupported.entry(undefined.to_string()).or_default() += 1;
                continue;
            }
        };
        tally.checked += 1;
        let complaints: Vec<&str> = case["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| match error.as_str().unwrap() {
                "net-zero" => "saw net-zero records",
                _ => "saw negative accumulation with unsigned type",
            })
            .collect();
        let complained = got.errors.keys().map(|fault| fault.texts().to_string());
        let complained: Vec<String> = complained.collect();
        let same_complaints = complained.len() == complaints.len()
            && complaints
                .iter()
                .all(|text| complained.iter().any(|known| known.contains(text)));
        let rows: Vec<&Row> = got.rows.iter().map(|(row, _)| row).collect();
        let same_value = match (case["absent"] == true, &rows[..]) {
            (absent, []) => absent,
            (absent, [row_of]) => !absent && same(row_of, &row(&case["ok_hex"])),
            _ => false,
        };
        if !same_complaints || !same_value {
            let text = format!(
                "{}: {got:?}, not {} {}",
                case["updates"], case["ok"], case["errors"]
            );
            tally.wrong(name, text);
        }
    }
    tally.settle("accumulations", 4, &[]);
}

fn is_table_function_of_plans(func: &TableFunc) -> bool {
    match func {
        TableFunc::GenerateSeriesInt32
        | TableFunc::GenerateSeriesInt64
        | TableFunc::GenerateSeriesTimestamp
        | TableFunc::UnnestList { .. }
        | TableFunc::UnnestArray { .. }
        | TableFunc::RepeatRow
        | TableFunc::RepeatRowNonNegative
        | TableFunc::GenerateSubscriptsArray
        | TableFunc::JsonbObjectKeys
        | TableFunc::Wrap { .. } => true,
        TableFunc::WithOrdinality { inner } => is_table_function_of_plans(inner),
        _ => false,
    }
}

#[test]
fn table_functions_give_the_rows_of_the_real_evaluator() {
    let mut tally = Tally::default();
    for case in golden("tablefuncs.jsonl.gz") {
        let func: TableFunc = decoded(&case["func_hex"]);
        let name = case["fn"].as_str().unwrap();
        if !is_table_function_of_plans(&func) {
            tally.inexpressible(name.to_string());
            continue;
        }
        let input = row(&case["row_hex"]);
        let arity = input.iter().count();
        let plan = Relation::FlatMap {
            exprs: (0..arity).map(scalar::column).collect(),
            input: Box::new(once(input.clone())),
            func,
        };
        let got = match evaluated(&plan, 0) {
            Ok(got) => got,
            Err(undefined) => {
                *tally.unsupported.entry(undefined.to_string()).or_default() += 1;
                continue;
            }
        };
        tally.checked += 1;
        let fine = match (case.get("err"), outcome(&got, arity)) {
            (Some(error), Err(fault)) => is_error(&fault, error),
            (Some(_), Ok(_)) | (None, Err(_)) => false,
            (None, Ok(_)) => {
                let mut rows = Multiset::new();
                for line in case["rows"].as_array().unwrap() {
                    let extension = row(&line["row_hex"]);
                    let whole = Row::pack(input.iter().chain(extension.iter()));
                    rows.add(whole, line["diff"].as_i64().unwrap());
                }
                match case["truncated"] == true {
                    true => rows.iter().all(|(row, diff)| got.rows.count(row) >= diff),
                    false => rows == got.rows,
                }
            }
        };
        if !fine {
            tally.wrong(name, format!("{input}: {got:?}, not {case}"));
        }
    }
    tally.settle("table functions", 137, &[]);
}
