//! The replica's evaluator against what the real crates computed. What this
//! file alone can catch: a function, an order of errors or an accumulation that
//! is self-consistent but not the field's. Data: `tests/golden/values`,
//! described in `spec/plan.md` §5.

#[path = "support/values.rs"]
mod values;

use std::collections::BTreeMap;

use clusterd_fuzz::protocol::v26_30::{
    AggregateFunc, EvalError, MapFilterProject, MirScalarExpr, SafeMfpPlan, TableFunc,
};
use clusterd_fuzz::replica::eval::{self, Accum, Arena, MfpPlan};
use clusterd_fuzz::repr::{Datum, Row};
use serde_json::Value;
use values::{decoded, golden, row, same};

/// Whether an outcome is the recorded one; texts of date and time parsers may
/// differ in their details.
fn agrees(outcome: &Result<Row, EvalError>, case: &Value) -> bool {
    match (outcome, case.get("err")) {
        (Ok(got), None) => same(got, &row(&case["ok_hex"])),
        (Err(got), Some(expected)) => {
            let error: EvalError = decoded(&expected["hex"]);
            match (got, &error) {
                (EvalError::Parse(a), EvalError::Parse(b)) if a.type_name == b.type_name => {
                    a.kind == b.kind && a.input == b.input
                }
                _ => *got == error && got.to_string() == expected["text"].as_str().unwrap(),
            }
        }
        _ => false,
    }
}

/// Core functions that the replica refuses.
const REFUSED: [&str; 6] = [
    "AgeTimestamp",
    "AgeTimestampTz",
    "CastStringToInterval",
    "DivInterval",
    "MulInterval",
    "mz_now",
];

/// "/New_York": zones by name are refused as texts that do not read.
const ZONE: &str = "2f4e65775f596f726b";

fn is_refused(reason: &str) -> bool {
    REFUSED.iter().any(|name| reason.ends_with(name))
}

/// Failures by name: how many, and the first ones.
#[derive(Default)]
struct Failures(BTreeMap<String, (usize, Vec<String>)>);

impl Failures {
    fn add(&mut self, name: &str, text: String) {
        let entry = self.0.entry(name.to_string()).or_default();
        entry.0 += 1;
        if entry.1.len() < 4 {
            entry.1.push(text);
        }
    }

    fn assert_none(self, checked: usize) {
        let total: usize = self.0.values().map(|entry| entry.0).sum();
        let text: String = self
            .0
            .iter()
            .map(|(name, (n, first))| format!("{name}: {n}\n  {}\n", first.join("\n  ")))
            .collect();
        assert!(total == 0, "{total} of {checked} disagree\n{text}");
    }
}

#[test]
fn scalar_expressions_have_the_values_and_errors_of_the_real_evaluator() {
    let mut failures = Failures::default();
    let mut checked = 0;
    let mut lacking: BTreeMap<String, usize> = BTreeMap::new();
    for case in golden("scalars.jsonl.gz") {
        let expr: MirScalarExpr = decoded(&case["expr_hex"]);
        let name = case["fn"].as_str().unwrap();
        if let Err(reason) = eval::supported(&expr) {
            if case["group"] == "misuse" {
                continue;
            }
            *lacking.entry(reason.clone()).or_default() += 1;
            if case["core"] == true && !is_refused(&reason) {
                failures.add(name, format!("{}: {reason}", case["expr"]));
            }
            continue;
        }
        if case["row_hex"].as_str().unwrap().contains(ZONE) {
            continue;
        }
        checked += 1;
        let input = row(&case["row_hex"]);
        let arena = Arena::new();
        let outcome = eval::eval(&expr, &input.unpack(), &arena).map(|datum| eval::pack([datum]));
        if !agrees(&outcome, &case) {
            let expected = case.get("err").map_or(&case["ok"], |err| &err["text"]);
            failures.add(
                name,
                format!(
                    "{} of {input}: {outcome:?}, expected {expected}",
                    case["expr"]
                ),
            );
        }
    }
    eprintln!("checked {checked}; lacking: {lacking:?}");
    failures.assert_none(checked);
}

#[test]
fn map_filter_projects_give_the_rows_and_errors_of_the_real_evaluator() {
    let mut failures = Failures::default();
    let mut checked = 0;
    for case in golden("mfp.jsonl.gz").iter().filter(|c| c["t"] == "mfp") {
        let plan = SafeMfpPlan {
            mfp: decoded(&case["mfp_hex"]),
        };
        if let Err(reason) = eval::supported_mfp(&plan.mfp) {
            if !is_refused(&reason) {
                failures.add("lacking", reason);
            }
            continue;
        }
        for line in case["rows"].as_array().unwrap() {
            checked += 1;
            let input = row(&line["row_hex"]);
            let arena = Arena::new();
            let outcome = eval::eval_safe(&plan, &mut input.unpack(), &arena);
            let expected = &line["result"];
            let fine = match &outcome {
                Ok(None) => expected["none"] == true,
                Ok(Some(row)) => agrees(&Ok(row.clone()), expected) && expected["none"] != true,
                Err(error) => agrees(&Err(error.clone()), expected),
            };
            if !fine {
                failures.add(
                    "mfp",
                    format!("{}: {outcome:?}, expected {expected}", case["id"]),
                );
            }
        }
    }
    failures.assert_none(checked);
}

/// The bincode form of a plan that never crosses the wire.
#[derive(serde::Deserialize)]
struct PlanBytes {
    mfp: SafeMfpPlan,
    lower_bounds: Vec<MirScalarExpr>,
    upper_bounds: Vec<MirScalarExpr>,
}

#[test]
fn temporal_filters_emit_the_updates_of_the_real_evaluator() {
    let mut failures = Failures::default();
    let mut checked = 0;
    for case in golden("mfp.jsonl.gz")
        .iter()
        .filter(|c| c["t"] == "temporal")
    {
        let mfp: MapFilterProject = decoded(&case["mfp_hex"]);
        let own = MfpPlan::create(&mfp);
        if let Some(error) = case.get("plan_error") {
            if own.is_ok() {
                failures.add("plans", format!("{}: expected {error}", case["id"]));
            }
            continue;
        }
        let PlanBytes {
            mfp,
            lower_bounds,
            upper_bounds,
        } = decoded(&case["plan_hex"]);
        let plan = MfpPlan::from_parts(mfp, lower_bounds, upper_bounds);
        let own = match own {
            Ok(own) => own,
            Err(reason) => {
                if !is_refused(&reason) {
                    failures.add("plans", format!("{}: {reason}", case["id"]));
                }
                continue;
            }
        };
        for line in case["cases"].as_array().unwrap() {
            checked += 1;
            let input = row(&line["row_hex"]);
            let update = (
                line["time"].as_u64().unwrap(),
                line["diff"].as_i64().unwrap(),
            );
            let until = line["until"].as_u64();
            let run = |plan: &MfpPlan| {
                let arena = Arena::new();
                let mut out = Vec::new();
                plan.evaluate(
                    &mut input.unpack(),
                    &arena,
                    update,
                    until,
                    |row, time, diff| {
                        out.push((row, time, diff));
                    },
                );
                out
            };
            let out = run(&plan);
            let expected = line["out"].as_array().unwrap();
            let fine = out.len() == expected.len()
                && out
                    .iter()
                    .zip(expected)
                    .all(|((outcome, time, diff), expected)| {
                        expected["time"] == *time
                            && expected["diff"] == *diff
                            && agrees(outcome, expected)
                    });
            if !fine {
                failures.add(
                    "updates",
                    format!("{}: {out:?}, expected {expected:?}", case["id"]),
                );
            }
            let own = run(&own);
            if own != out && !own.iter().any(|(row, _, _)| row.is_err()) {
                failures.add("own plans", format!("{}: {own:?}, not {out:?}", case["id"]));
            }
        }
    }
    failures.assert_none(checked);
}

/// Datums from one-column rows.
fn rows(values: &Value) -> Vec<Row> {
    values.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn basic_and_hierarchical_aggregates_have_the_values_of_the_real_evaluator() {
    let mut failures = Failures::default();
    let mut checked = 0;
    for case in golden("aggregates.jsonl.gz") {
        let func: AggregateFunc = decoded(&case["func_hex"]);
        if case["t"] != "eval" || eval::is_accumulable(&func) {
            continue;
        }
        checked += 1;
        let inputs = rows(&case["inputs_hex"]);
        let arena = Arena::new();
        let mut values: Vec<Datum<'_>> = inputs.iter().flat_map(Row::iter).collect();
        let got = eval::pack([eval::eval_basic(&func, &values, &arena)]);
        values.reverse();
        let again = eval::pack([eval::eval_basic(&func, &values, &arena)]);
        let equal = |a: &Row, b: &Row| same(a, b) || a.iter().eq(b.iter());
        if !equal(&got, &row(&case["ok_hex"])) || !equal(&got, &again) {
            failures.add(
                case["fn"].as_str().unwrap(),
                format!(
                    "{func:?} of {}: {got:?}, expected {}",
                    case["inputs"], case["ok"]
                ),
            );
        }
    }
    failures.assert_none(checked);
}

#[test]
fn accumulations_have_the_values_and_complaints_of_the_real_replica() {
    let mut failures = Failures::default();
    let mut checked = 0;
    for case in golden("aggregates.jsonl.gz")
        .iter()
        .filter(|c| c["t"] == "accum")
    {
        checked += 1;
        let func: AggregateFunc = decoded(&case["func_hex"]);
        let mut sum = Accum::zero(&func);
        let mut total = 0i64;
        for update in case["updates_hex"].as_array().unwrap() {
            let value = row(&update[0]);
            let diff = update[1].as_i64().unwrap();
            let datum = value.iter().next().unwrap();
            sum.plus(&Accum::of(&func, datum).times(diff));
            total = total.wrapping_add(diff);
        }
        let absent = total == 0 && sum.is_zero();
        let (value, negative) = sum.finish(&func, total);
        let mut errors: Vec<&str> = Vec::new();
        if total == 0 && !sum.is_zero() {
            errors.push("net-zero");
        }
        if negative {
            errors.push("negative-unsigned");
        }
        let fine = case["absent"] == absent
            && case["errors"] == serde_json::json!(errors)
            && (absent || same(&eval::pack([value]), &row(&case["ok_hex"])));
        if !fine {
            failures.add(
                case["fn"].as_str().unwrap(),
                format!(
                    "{}: {value:?}, {errors:?}, absent {absent}; expected {} {} {}",
                    case["updates"], case["ok"], case["errors"], case["absent"]
                ),
            );
        }
    }
    failures.assert_none(checked);
}

#[test]
fn table_functions_give_the_rows_of_the_real_evaluator() {
    let mut failures = Failures::default();
    let mut checked = 0;
    for case in golden("tablefuncs.jsonl.gz") {
        let func: TableFunc = decoded(&case["func_hex"]);
        if eval::supported_table(&func).is_err() {
            continue;
        }
        checked += 1;
        assert_eq!(
            case["empty_on_null"],
            eval::empty_on_null(&func),
            "{func:?}"
        );
        let input = row(&case["row_hex"]);
        let fine = match eval::eval_table(&func, &input.unpack()) {
            Err(error) => agrees(&Err(error), &case),
            Ok(got) => case.get("rows").is_some_and(|expected| {
                let expected = expected.as_array().unwrap();
                let got: Vec<_> = got.into_rows().take(expected.len() + 1).collect();
                let whole = case["truncated"] == true || got.len() == expected.len();
                whole
                    && expected.len() <= got.len()
                    && got.iter().zip(expected).all(|((got, diff), expected)| {
                        same(got, &row(&expected["row_hex"])) && expected["diff"] == *diff
                    })
            }),
        };
        if !fine {
            let got = eval::eval_table(&func, &input.unpack())
                .map(|rows| rows.into_rows().take(50).collect::<Vec<_>>());
            failures.add(
                case["fn"].as_str().unwrap(),
                format!(
                    "{input}: {got:?}, expected {} {}",
                    case["rows"], case["err"]
                ),
            );
        }
    }
    failures.assert_none(checked);
}
