//! Every golden value of 26.30 under the numbers of 26.39, and the planning of
//! temporal filters against plans of the real crates. What this file alone can
//! catch: a variant whose number no hand-written case names, and a temporal filter
//! in a combination that none shows.

use std::fmt::Debug;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::temporal::{planned, unplanned};
use super::tests::building;
use super::*;
use crate::neutral::Obstacle;
use crate::renumber::Numbering;
use crate::v26_30::{
    self, AggregateFunc, BinaryFunc, EvalError, MapFilterProject, MirScalarExpr, TableFunc,
    UnaryFunc, UnmaterializableFunc, VariadicFunc,
};

fn lines(file: &str) -> Vec<Value> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let compressed = std::fs::read(golden.join(file)).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&compressed[..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn payload(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// Encodes the value of a payload of 26.30 for 26.39, and checks that it decodes to
/// the same value.
fn renumbered<T: Serialize + DeserializeOwned + Debug + PartialEq>(
    old: &[u8],
    numbering: &'static Numbering,
) -> Vec<u8> {
    let value: T = wire::decode(old).unwrap();
    let new = wire::encode(&Under::new(&value, numbering));
    let again: T = wire::decode_seed(Under::new(PhantomData, numbering), &new).unwrap();
    // Compared as bytes: a NaN is not equal to itself.
    assert_eq!(wire::encode(&again), old, "{value:?}");
    new
}

/// The number that a payload begins with: a byte, or 251 and two bytes.
fn number(payload: &[u8]) -> u64 {
    match payload {
        [251, low, high, ..] => u64::from(u16::from_le_bytes([*low, *high])),
        [number, ..] => u64::from(*number),
        [] => panic!("an empty payload"),
    }
}

/// Checks that a golden value gets the number which `expected` makes of its number
/// in 26.30.
fn expect_number<T: Serialize + DeserializeOwned + Debug + PartialEq>(
    case: &Value,
    expected: impl Fn(u64) -> u64,
) {
    let old = payload(&case["hex"]);
    let new = renumbered::<T>(&old, &NUMBERS);
    assert_eq!(number(&new), expected(number(&old)), "{case}");
}

#[test]
fn every_golden_function_and_error_has_the_number_of_the_spec() {
    let mut checked = 0;
    for case in lines("values/types.jsonl.gz") {
        if case["hex"].is_null() {
            continue;
        }
        // `MzEnvironmentId`.
        let gone = case["type"] == "UnmaterializableFunc" && payload(&case["hex"]) == [7];
        match case["type"].as_str().unwrap() {
            "UnaryFunc" => expect_number::<UnaryFunc>(&case, |n| match n {
                0..255 => n,
                255..258 => n + 1,
                _ => n + 5,
            }),
            "EvalError" => expect_number::<EvalError>(&case, |n| n + u64::from(n >= 79)),
            "TableFunc" => expect_number::<TableFunc>(&case, |n| n + u64::from(n >= 11)),
            "UnmaterializableFunc" if gone => continue,
            "UnmaterializableFunc" => {
                expect_number::<UnmaterializableFunc>(&case, |n| n - u64::from(n > 7));
            }
            "BinaryFunc" => expect_number::<BinaryFunc>(&case, |n| n),
            "VariadicFunc" => expect_number::<VariadicFunc>(&case, |n| n),
            "AggregateFunc" => expect_number::<AggregateFunc>(&case, |n| n),
            _ => continue,
        }
        checked += 1;
    }
    assert!(checked > 750, "only {checked} values");
}

#[test]
fn every_golden_scalar_round_trips_inside_of_plans_and_outside() {
    let mut checked = 0;
    for case in lines("values/scalars.jsonl.gz") {
        let old = payload(&case["expr_hex"]);
        let outside = renumbered::<MirScalarExpr>(&old, &NUMBERS);
        // `mz_now()` alone, which no plan may hold.
        if old.starts_with(&[2]) {
            continue;
        }
        let inside = renumbered::<MirScalarExpr>(&old, &numbers::PLAN);
        let (mir, lir) = (number(&outside), number(&inside));
        assert_eq!(lir, mir - u64::from(mir > 2), "{case}");
        checked += 1;
    }
    assert!(checked > 30_000, "only {checked} scalars");
}

#[test]
fn temporal_filters_are_planned_as_the_real_crates_plan_them() {
    let (mut plans, mut optimized, mut refused) = (0, 0, 0);
    for case in lines("values/mfp.jsonl.gz") {
        if case["t"] != "temporal" {
            continue;
        }
        let mfp: MapFilterProject = wire::decode(&payload(&case["mfp_hex"])).unwrap();
        if case["plan_error"] == true {
            assert_eq!(planned(mfp), Err(Obstacle::TemporalPredicate), "{case}");
            refused += 1;
            continue;
        }
        let expected: MfpPlan = wire::decode(&payload(&case["plan_hex"])).unwrap();
        let plan = planned(mfp).unwrap();
        // The real crates optimize first: they share or drop expressions, and drop
        // repeated filters.
        let size = |plan: &MfpPlan| {
            let bounds = (plan.lower_bounds.len(), plan.upper_bounds.len());
            (plan.mfp.mfp.expressions.clone(), bounds)
        };
        if size(&plan) == size(&expected) {
            assert_eq!(plan, expected, "{case}");
            plans += 1;
        } else {
            optimized += 1;
        }
        assert_eq!(planned(unplanned(plan.clone())).unwrap(), plan, "{case}");
    }
    assert_eq!((plans, optimized, refused), (606, 82, 12));
}

#[test]
fn every_lowered_plan_translates_both_ways_unless_its_monotonic_top_1_is_raw() {
    let (mut plans, mut top_1) = (0, 0);
    for file in ["dataflows", "dataflows_ext", "worked"] {
        for case in lines(&format!("lowering/{file}.jsonl.gz")) {
            for object in case["objects"].as_array().into_iter().flatten() {
                if object["render_plan_hex"].is_null() {
                    continue;
                }
                let bytes = payload(&object["render_plan_hex"]);
                let plan: v26_30::RenderPlan = wire::decode(&bytes).unwrap();
                let Ok(neutral) = plan.clone().translate::<v26_30::ToNeutral>();
                let again = neutral.clone().translate::<v26_30::FromNeutral>();
                assert_eq!(again.unwrap(), plan, "{case}");
                let command = match from_neutral(building(neutral)) {
                    Ok(command) => command,
                    Err(error) => {
                        assert_eq!(error.obstacle, Obstacle::RawTop1);
                        top_1 += 1;
                        continue;
                    }
                };
                let encoded = encode_command(&command).unwrap();
                assert_eq!(decode_command(&encoded).unwrap(), command, "{case}");
                let neutral = to_neutral(command.clone());
                assert_eq!(from_neutral(neutral).unwrap(), command, "{case}");
                plans += 1;
            }
        }
    }
    assert_eq!((plans, top_1), (7_923, 127));
}
