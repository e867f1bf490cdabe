//! The replica's evaluator against what the real crates computed. What this
//! file alone can catch: a function, an order of errors or an accumulation that
//! is self-consistent but not the field's. Data: `tests/golden/values`,
//! described in `spec/plan.md` §5.

use std::collections::BTreeMap;
use std::io::Read;

use bincode::Options;
use clusterd_fuzz::protocol::v26_30::{EvalError, MapFilterProject, MirScalarExpr, SafeMfpPlan};
use clusterd_fuzz::replica::eval::{self, Arena, MfpPlan};
use clusterd_fuzz::repr::{Datum, Row};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The JSON objects of a golden file.
fn golden(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/golden/values/{name}", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn row(value: &Value) -> Row {
    Row::from_bytes(bytes(value)).unwrap()
}

fn decoded<T: DeserializeOwned>(value: &Value) -> T {
    bincode::DefaultOptions::new()
        .deserialize(&bytes(value))
        .unwrap()
}

/// Rows are equal by bytes; any NaN passes for any other.
fn same(a: &Row, b: &Row) -> bool {
    let nan = |datum: &Datum<'_>| match datum {
        Datum::Float32(v) => v.is_nan(),
        Datum::Float64(v) => v.is_nan(),
        _ => false,
    };
    a == b
        || a.iter().count() == b.iter().count()
            && a.iter()
                .zip(b.iter())
                .all(|(a, b)| nan(&a) && nan(&b) || Row::pack([a]) == Row::pack([b]))
}

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

/// Whether the functions that a replica must have are all there.
const WHOLE: bool = false;

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
            if case["core"] == true && WHOLE {
                failures.add(name, format!("{}: {reason}", case["expr"]));
            }
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
            if WHOLE {
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
        let plan = MfpPlan {
            mfp,
            lower_bounds,
            upper_bounds,
        };
        let own = match own {
            Ok(own) => own,
            Err(reason) => {
                if WHOLE {
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
