//! The mirror types against bytes of real programs. What this file alone can
//! catch: a field out of order, a variant at the wrong number, a type that
//! decodes and loses something.

use std::fmt::Debug;
use std::io::Read;
use std::path::PathBuf;

use clusterd_fuzz::protocol::v26_30::{
    AggregateFunc, CollectionMetadata, ComputeCommand, ComputeResponse, EvalError,
    MapFilterProject, MirScalarExpr, RenderPlan, TableFunc,
};
use clusterd_fuzz::protocol::wire;
use clusterd_fuzz::repr::{RelationDesc, ReprRelationType};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn golden(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(path)
}

fn lines(path: PathBuf) -> Vec<Value> {
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    if path.extension().is_some_and(|ext| ext == "gz") {
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn hex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// Decodes, encodes, compares; a byte less or more must not decode.
fn round_trip<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8], at: &str) -> T {
    let value: T = wire::decode(bytes).unwrap_or_else(|e| panic!("{at}: {e}"));
    let again = wire::encode(&value);
    if again != bytes {
        let same = again.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        panic!(
            "{at}: bytes differ from {same} on, of {}: {value:#?}",
            bytes.len()
        );
    }
    let longer = [bytes, &[0]].concat();
    assert!(
        wire::decode::<T>(&longer).is_err(),
        "{at}: a byte too many is accepted"
    );
    assert!(
        wire::decode::<T>(&bytes[..bytes.len() - 1]).is_err(),
        "{at}: a byte too few is accepted"
    );
    value
}

#[test]
fn every_vector_decodes_and_encodes_to_its_bytes() {
    let mut checked = 0;
    for vector in lines(golden("frames/vectors.jsonl")) {
        let at = vector["name"].as_str().unwrap();
        let bytes = hex(&vector["hex"]);
        match vector["type"].as_str().unwrap() {
            "ComputeCommand" => drop(round_trip::<ComputeCommand>(&bytes, at)),
            "ComputeResponse" => drop(round_trip::<ComputeResponse>(&bytes, at)),
            "CollectionMetadata" => drop(round_trip::<CollectionMetadata>(&bytes, at)),
            "RelationDesc" => drop(round_trip::<RelationDesc>(&bytes, at)),
            "ReprRelationType" => drop(round_trip::<ReprRelationType>(&bytes, at)),
            "CtpHello" => drop(round_trip::<(String, Option<String>)>(&bytes, at)),
            "raw" => continue,
            other => panic!("{at}: unknown type {other}"),
        }
        checked += 1;
    }
    assert!(checked > 80, "only {checked} vectors");
}

#[test]
fn every_recorded_frame_decodes_and_encodes_to_its_bytes() {
    let mut frames = 0;
    for entry in std::fs::read_dir(golden("recordings")).unwrap() {
        let recording = entry.unwrap().path();
        for file in ["frames.jsonl", "frames-4-workers.jsonl"] {
            let mut greeted = std::collections::BTreeSet::new();
            for frame in lines(recording.join(file)) {
                if frame["kind"] != "frame" {
                    continue;
                }
                let dir = frame["dir"].as_str().unwrap();
                let at = format!(
                    "{}/{file} {} {dir} {}",
                    recording.display(),
                    frame["conn"],
                    frame["i"]
                );
                let bytes = hex(&frame["hex"]);
                // The first frame of each direction is the transport's greeting.
                if greeted.insert((frame["conn"].to_string(), dir.to_string())) {
                    round_trip::<(String, Option<String>)>(&bytes, &at);
                } else if dir == "c2r" {
                    round_trip::<ComputeCommand>(&bytes, &at);
                } else {
                    round_trip::<ComputeResponse>(&bytes, &at);
                }
                frames += 1;
            }
        }
    }
    assert!(frames > 1_500, "only {frames} frames");
}

#[test]
fn every_evaluation_error_has_the_fields_text() {
    let mut checked = 0;
    for case in lines(golden("values/types.jsonl.gz")) {
        if case["type"] != "EvalError" || case["display"].is_null() {
            continue;
        }
        let at = case["debug"].as_str().unwrap();
        let error: EvalError = round_trip(&hex(&case["hex"]), at);
        assert_eq!(error.to_string(), case["display"].as_str().unwrap(), "{at}");
        checked += 1;
    }
    assert!(checked > 100, "only {checked} errors");
}

#[test]
fn mutated_payloads_give_errors_and_never_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let payloads: Vec<Vec<u8>> = lines(golden("frames/vectors.jsonl"))
        .iter()
        .filter(|vector| vector["type"] != "raw")
        .map(|vector| hex(&vector["hex"]))
        .collect();
    for _ in 0..10_000 {
        let mut bytes = payloads[next() as usize % payloads.len()].clone();
        for _ in 0..1 + next() % 3 {
            let at = next() as usize % bytes.len();
            bytes[at] = next() as u8;
        }
        if let Ok(command) = wire::decode::<ComputeCommand>(&bytes) {
            let again = wire::encode(&command);
            // Compared as bytes: a NaN is not equal to itself.
            assert_eq!(
                again,
                wire::encode(&wire::decode::<ComputeCommand>(&again).unwrap())
            );
        }
        let _ = wire::decode::<ComputeResponse>(&bytes);
    }
}

#[test]
fn every_lowered_plan_decodes_and_encodes_to_its_bytes() {
    let mut plans = 0;
    for file in ["dataflows", "dataflows_ext", "worked"] {
        let path = format!("lowering/{file}.jsonl.gz");
        for (n, case) in lines(golden(&path)).iter().enumerate() {
            for object in case["objects"].as_array().into_iter().flatten() {
                if !object["render_plan_hex"].is_null() {
                    round_trip::<RenderPlan>(
                        &hex(&object["render_plan_hex"]),
                        &format!("{file} {n}"),
                    );
                    plans += 1;
                }
            }
        }
    }
    assert!(plans > 3_000, "only {plans} plans");
}

#[test]
fn every_function_of_the_golden_values_decodes_and_encodes_to_its_bytes() {
    let mut checked = 0;
    let mut check = |file: &str, field: &str, decode: &dyn Fn(&[u8], &str)| {
        for (n, case) in lines(golden(&format!("values/{file}.jsonl.gz")))
            .iter()
            .enumerate()
        {
            if !case[field].is_null() {
                decode(&hex(&case[field]), &format!("{file} {n} {}", case["fn"]));
                checked += 1;
            }
        }
    };
    check("scalars", "expr_hex", &|bytes, at| {
        drop(round_trip::<MirScalarExpr>(bytes, at))
    });
    check("mfp", "mfp_hex", &|bytes, at| {
        drop(round_trip::<MapFilterProject>(bytes, at))
    });
    check("aggregates", "func_hex", &|bytes, at| {
        drop(round_trip::<AggregateFunc>(bytes, at))
    });
    check("tablefuncs", "func_hex", &|bytes, at| {
        drop(round_trip::<TableFunc>(bytes, at))
    });
    assert!(checked > 30_000, "only {checked} values");
}
