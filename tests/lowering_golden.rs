//! Holds lowering to what upstream's own lowering made of the same plans. What
//! this file alone can catch: a plan whose bytes differ from upstream's in any
//! field, LirId or order.

mod golden_notation;

use clusterd_fuzz::plan::lower::{
    DataflowPlan, IndexExport, IndexImport, JoinKind, LowerOptions, SourceImport, lower_dataflow,
};
use clusterd_fuzz::plan::{parse, type_of};
use clusterd_fuzz::protocol::neutral::RenderPlan;
use clusterd_fuzz::protocol::v26_30::{FromNeutral, MapFilterProject};
use clusterd_fuzz::protocol::wire;
use clusterd_fuzz::repr::Antichain;
use golden_notation::*;
use serde_json::Value;

fn antichain(v: &Value) -> Antichain {
    Antichain::from_option(list(v).first().and_then(Value::as_u64))
}

fn dataflow(line: &Value) -> DataflowPlan {
    let types = import_types(line);
    let sources = list(&line["sources"]).iter();
    let indexes = list(&line["indexes"]).iter();
    DataflowPlan {
        sources: sources
            .map(|source| SourceImport {
                id: global(&source["id"]),
                typ: types[&global(&source["id"])].clone(),
                monotonic: source["monotonic"].as_bool().unwrap(),
                operators: source.get("operators_in").map(mfp),
            })
            .collect(),
        indexes: indexes
            .map(|index| IndexImport {
                index: global(&index["id"]),
                on: global(&index["on"]),
                key: scalars(&index["key"]),
                typ: relation_type(&index["type"]),
                monotonic: index["monotonic"].as_bool().unwrap(),
            })
            .collect(),
        objects: list(&line["objects"])
            .iter()
            .map(|object| (global(&object["id"]), relation(&object["mir"])))
            .collect(),
        index_exports: list(&line["exports"])
            .iter()
            .map(|export| IndexExport {
                index: global(&export["id"]),
                on: global(&export["on"]),
                key: scalars(&export["key"]),
                typ: Default::default(),
            })
            .collect(),
        sink_from: list(&line["sinks"])
            .iter()
            .map(|sink| global(&sink["on"]))
            .collect(),
        as_of: antichain(&line["as_of"]),
        until: antichain(&line["until"]),
    }
}

/// The bytes of a plan of 26.30.
fn hex_of(plan: &RenderPlan) -> String {
    let plan = plan.clone().translate::<FromNeutral>().unwrap();
    hex::encode(wire::encode(&plan))
}

fn check(line: &Value) -> Result<(), String> {
    let options = LowerOptions {
        reduce_mfp_fusion: line["reduce_mfp_fusion"].as_bool().unwrap_or(false),
        ..LowerOptions::default()
    };
    let lowered = match (lower_dataflow(&dataflow(line), &options), line.get("error")) {
        (Ok(lowered), None) => lowered,
        (Err(err), None) => return Err(format!("failed: {err}")),
        (Ok(_), Some(error)) => return Err(format!("lowered, expected {error}")),
        (Err(err), Some(error)) => {
            let expected = text(&error["text"]);
            return if err.to_string().contains(expected) {
                Ok(())
            } else {
                Err(format!("failed with `{err}`, expected `{expected}`"))
            };
        }
    };
    if lowered.objects.len() != list(&line["objects"]).len() {
        return Err(format!("{} objects", lowered.objects.len()));
    }
    for ((id, plan), object) in lowered.objects.iter().zip(list(&line["objects"])) {
        let found = hex_of(plan);
        let expected = text(&object["render_plan_hex"]);
        if found != expected {
            return Err(format!("{id}: {found}\nexpected {expected}\n{object}"));
        }
    }
    for source in list(&line["sources"]) {
        let found: &Option<MapFilterProject> = &lowered.operators[&global(&source["id"])];
        let expected = source.get("operators_hex").map(text);
        let found = found.as_ref().map(|m| hex::encode(wire::encode(m)));
        if found.as_deref() != expected {
            return Err(format!("operators of {source}: {found:?}"));
        }
    }
    Ok(())
}

fn check_all(file: &str) {
    let lines = lines(file);
    let dataflows = lines
        .iter()
        .filter(|line| line.get("k").is_none_or(|k| k == "dataflow"));
    let mut failures = Vec::new();
    let mut count = 0;
    for line in dataflows {
        count += 1;
        if let Err(problem) = check(line) {
            let name = line.get("n").or(line.get("sec"));
            failures.push(format!("{}: {problem}", name.unwrap()));
        }
    }
    println!("{file}: {} of {count} equal", count - failures.len());
    assert!(
        failures.is_empty(),
        "{} of {count} differ, the first:\n{}",
        failures.len(),
        failures[0]
    );
}

#[test]
fn random_dataflows_lower_to_upstream_s_bytes() {
    check_all("lowering/dataflows.jsonl.gz");
}

#[test]
fn dataflows_beyond_the_text_language_lower_to_upstream_s_bytes() {
    check_all("lowering/dataflows_ext.jsonl.gz");
}

#[test]
fn worked_dataflows_lower_to_upstream_s_bytes() {
    check_all("lowering/worked.jsonl.gz");
}

/// What the script of an optimized line said, before upstream's optimizer.
fn before(line: &Value) -> DataflowPlan {
    let before = &line["before"];
    let mut globals = import_types(before);
    let mut dataflow = DataflowPlan {
        as_of: antichain(&line["as_of"]),
        until: antichain(&line["until"]),
        ..DataflowPlan::default()
    };
    for source in list(&before["sources"]) {
        let id = global(&source["id"]);
        dataflow.sources.push(SourceImport {
            id,
            typ: globals[&id].clone(),
            monotonic: false,
            operators: None,
        });
    }
    for index in list(&before["indexes"]) {
        dataflow.indexes.push(IndexImport {
            index: global(&index["id"]),
            on: global(&index["on"]),
            key: scalars(&index["key"]),
            typ: relation_type(&index["type"]),
            monotonic: false,
        });
    }
    for object in list(&before["objects"]) {
        let (relation, typ) = parse(text(&object["mir_text"]), &globals).unwrap();
        assert_eq!(type_of(&relation, &globals), Ok(typ.clone()));
        let id = global(&object["id"]);
        globals.insert(id, typ);
        dataflow.objects.push((id, relation));
    }
    for export in list(&line["exports"]) {
        let on = global(&export["on"]);
        let key = scalars(&export["key"]);
        dataflow.export_index(global(&export["id"]), on, key, globals[&on].clone());
    }
    dataflow.sink_from = list(&line["sinks"])
        .iter()
        .map(|sink| global(&sink["on"]))
        .collect();
    dataflow
}

#[test]
fn scripts_that_upstream_optimizes_lower_by_our_planning_too() {
    let lines = lines("lowering/dataflows.jsonl.gz");
    let optimized = lines.iter().filter(|line| line["optimize"] == true);
    let (mut count, mut equal) = (0, 0);
    for line in optimized {
        let dataflow = before(line);
        for (optimize, join) in [
            (true, None),
            (false, Some(JoinKind::Linear)),
            (true, Some(JoinKind::Delta)),
        ] {
            let options = LowerOptions {
                optimize,
                join,
                ..LowerOptions::default()
            };
            let lowered = lower_dataflow(&dataflow, &options)
                .unwrap_or_else(|err| panic!("{}: {err}", line["n"]));
            if join.is_none() {
                count += 1;
                let ours = lowered.objects.iter().map(|(_, plan)| plan);
                let ours = ours.map(hex_of);
                let theirs = list(&line["objects"]).iter();
                let theirs = theirs.map(|object| text(&object["render_plan_hex"]).to_string());
                equal += usize::from(ours.eq(theirs));
            }
        }
    }
    // Equal plans are no goal; many are, because the choices are simple.
    println!("{equal} of {count} plans are upstream's");
    assert!(count >= 700 && equal > 0);
}
