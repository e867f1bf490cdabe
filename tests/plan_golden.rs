//! Holds the plan text, type inference and the algebra of MFPs and joins to
//! what upstream made of the same inputs. What this file alone can catch: a text
//! that is read differently, a type or key that is inferred differently.

mod golden_notation;

use std::collections::BTreeMap;

use clusterd_fuzz::plan::lower::{DeltaPaths, Quirks, canonical_equivalences, plan_join};
use clusterd_fuzz::plan::mfp::{Mfp, extract_common};
use clusterd_fuzz::plan::{JoinImplementation, Relation, parse, print, resolve_types, type_of};
use clusterd_fuzz::protocol::v26_30::{FromNeutral, MapFilterProject};
use clusterd_fuzz::protocol::wire;
use golden_notation::*;
use serde_json::Value;

fn dataflow_lines(file: &str) -> Vec<Value> {
    lines(file)
        .into_iter()
        .filter(|line| line.get("k").is_none_or(|k| k == "dataflow"))
        .collect()
}

/// Joins in pre-order; of bindings the values before the body.
fn set_implementations(r: &mut Relation, rest: &mut dyn Iterator<Item = JoinImplementation>) {
    if let Relation::Join { implementation, .. } = r {
        *implementation = rest.next().unwrap();
    }
    for child in r.children_mut() {
        set_implementations(child, rest);
    }
}

/// Declared types are not in the JSON notation of recursive bindings.
fn copy_declared_types(from: &Relation, to: &mut Relation) {
    if let (Relation::LetRec { bindings: from, .. }, Relation::LetRec { bindings: to, .. }) =
        (from, &mut *to)
    {
        for (from, to) in from.iter().zip(to) {
            to.typ = from.typ.clone();
        }
    }
    for (from, to) in from.children().into_iter().zip(to.children_mut()) {
        copy_declared_types(from, to);
    }
}

/// What is wrong with the line's texts, types, and printed forms.
fn check_texts(line: &Value) -> Result<(), String> {
    let mut globals = import_types(line);
    for object in list(&line["objects"]) {
        let mir_text = text(&object["mir_text"]);
        let (mut found, typ) = match parse(mir_text, &globals) {
            Ok(found) => found,
            Err(err) => return Err(format!("{err}\n{mir_text}")),
        };
        let expected = relation_type(&object["type"]);
        if typ != expected {
            return Err(format!("type {typ:?}\nexpected {expected:?}\n{mir_text}"));
        }
        let printed = print(&found);
        if printed != mir_text {
            return Err(format!("printed\n{printed}expected\n{mir_text}"));
        }
        let mut implementations = list(&object["join_impl"]).iter().map(implementation);
        set_implementations(&mut found, &mut implementations);
        let mut expected = relation(&object["mir"]);
        copy_declared_types(&found, &mut expected);
        resolve_types(&mut expected, &globals).unwrap();
        if found != expected {
            return Err(format!("read {found:?}\nexpected {expected:?}\n{mir_text}"));
        }
        let printed = print(&found);
        if parse(&printed, &globals).map(|(r, _)| r).as_ref() != Ok(&found) {
            return Err(format!("is not read back:\n{printed}"));
        }
        globals.insert(global(&object["id"]), typ);
    }
    Ok(())
}

fn assert_all(lines: &[Value], check: impl Fn(&Value) -> Result<(), String>) {
    let mut failures = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        if let Err(problem) = check(line) {
            failures.push(format!("{i}: {problem}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} differ, the first:\n{}",
        failures.len(),
        lines.len(),
        failures[0]
    );
}

#[test]
fn texts_and_types_of_faithful_plans_are_upstream_s() {
    for file in ["lowering/worked.jsonl.gz", "lowering/dataflows.jsonl.gz"] {
        let lines: Vec<Value> = dataflow_lines(file)
            .into_iter()
            .filter(|line| line["optimize"] == false)
            .filter(|line| {
                let objects = list(&line["objects"]).iter();
                objects.clone().all(|object| object["mir_text"].is_string())
            })
            .collect();
        assert!(lines.len() > 30);
        assert_all(&lines, check_texts);
    }
}

#[test]
fn scripts_before_optimization_are_read() {
    let lines: Vec<Value> = dataflow_lines("lowering/dataflows.jsonl.gz")
        .into_iter()
        .filter(|line| line["optimize"] == true)
        .collect();
    assert!(lines.len() > 600);
    assert_all(&lines, |line| {
        let before = &line["before"];
        let mut globals = import_types(before);
        for object in list(&before["objects"]) {
            let mir_text = text(&object["mir_text"]);
            let (found, typ) =
                parse(mir_text, &globals).map_err(|err| format!("{err}\n{mir_text}"))?;
            if print(&found) != mir_text {
                return Err(format!("printed\n{}expected\n{mir_text}", print(&found)));
            }
            globals.insert(global(&object["id"]), typ);
        }
        Ok(())
    });
}

#[test]
fn types_of_plans_beyond_the_text_language_are_upstream_s() {
    let lines: Vec<Value> = dataflow_lines("lowering/dataflows_ext.jsonl.gz")
        .into_iter()
        // Declared types of recursive bindings are only in the text.
        .filter(|line| line["kinds"].get("LetRec").is_none())
        .collect();
    assert_all(&lines, |line| {
        let mut globals = import_types(line);
        for object in list(&line["objects"]) {
            let mut r = relation(&object["mir"]);
            resolve_types(&mut r, &globals).map_err(|err| err.to_string())?;
            let typ = type_of(&r, &globals).map_err(|err| err.to_string())?;
            let expected = relation_type(&object["type"]);
            if typ != expected {
                let printed = print(&r);
                return Err(format!("type {typ:?}\nexpected {expected:?}\n{printed}"));
            }
            let printed = print(&r);
            let again = parse(&printed, &globals).map_err(|err| format!("{err}\n{printed}"))?;
            if again.0 != r {
                return Err(format!("is not read back:\n{printed}"));
            }
            globals.insert(global(&object["id"]), typ);
        }
        Ok(())
    });
}

fn expect_mfp(what: &str, found: &Mfp, expected: &Value, hex_of: &Value) -> Result<(), String> {
    if *found != mfp(expected) {
        return Err(format!("{what}: {found:?}\nexpected {:?}", mfp(expected)));
    }
    let bytes = wire::encode(&MapFilterProject::from(found.clone()));
    if hex::encode(bytes) != text(hex_of) {
        return Err(format!("{what}: bytes differ"));
    }
    Ok(())
}

fn check_mfp(line: &Value) -> Result<(), String> {
    match text(&line["k"]) {
        "opt" => {
            let mut m = mfp(&line["in"]);
            m.optimize();
            expect_mfp("optimize", &m, &line["out"], &line["out_hex"])
        }
        "ext" => {
            let mut m = mfp(&line["in"]);
            let temporal = m.extract_temporal();
            expect_mfp("keep", &m, &line["keep"], &line["keep_hex"])?;
            expect_mfp("temporal", &temporal, &line["temp"], &line["temp_hex"])
        }
        "part" => {
            let available: BTreeMap<usize, usize> = list(&line["av"])
                .iter()
                .map(|pair| (number(&pair[0]), number(&pair[1])))
                .collect();
            let (before, after) = mfp(&line["in"]).partition(&available, number(&line["n"]));
            expect_mfp("before", &before, &line["before"], &line["before_hex"])?;
            expect_mfp("after", &after, &line["after"], &line["after_hex"])
        }
        "common" => {
            let mut mfps: Vec<Mfp> = list(&line["in"]).iter().map(mfp).collect();
            let common = extract_common(&mut mfps);
            expect_mfp("common", &common, &line["common"], &line["common_hex"])?;
            for (i, m) in mfps.iter().enumerate() {
                expect_mfp("rest", m, &line["rest"][i], &line["rest_hex"][i])?;
            }
            Ok(())
        }
        "plan" => match (mfp(&line["in"]).into_plan(), line.get("error")) {
            (Ok(plan), None) => {
                let expected = &line["out"];
                let lower = scalars(&expected["lower"]);
                let upper = scalars(&expected["upper"]);
                if plan.mfp == mfp(&expected["mfp"])
                    && plan.lower_bounds == lower
                    && plan.upper_bounds == upper
                {
                    Ok(())
                } else {
                    Err(format!("{plan:?}\nexpected {expected}"))
                }
            }
            (Err(err), Some(expected)) if err.to_string() == text(expected) => Ok(()),
            (found, expected) => Err(format!("{found:?}\nexpected {expected:?}")),
        },
        "permute" => {
            let by = numbers(&line["by"]);
            let m = mfp(&line["in"]).permute(|c| by[c], number(&line["n"]));
            expect_mfp("permute", &m, &line["out"], &line["out_hex"])
        }
        "canon" => {
            let found = canonical_equivalences(&classes(&line["in"]), &Quirks::UPSTREAM);
            if found == classes(&line["out"]) {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            }
        }
        "dataflow" => Ok(()),
        other => Err(format!("kind {other}")),
    }
}

#[test]
fn the_mfp_algebra_is_upstream_s() {
    assert_all(&lines("lowering/mfp.jsonl.gz"), check_mfp);
    assert_all(&lines("lowering/worked.jsonl.gz"), check_mfp);
}

#[test]
fn join_plans_are_upstream_s() {
    assert_all(&lines("lowering/joins.jsonl.gz"), |line| {
        let implementation = match text(&line["k"]) {
            "linear" => JoinImplementation::Differential {
                start: number(&line["s"]),
                start_key: optional_key(&line["sk"]),
                order: lookups(&line["order"]),
            },
            _ => {
                JoinImplementation::DeltaQuery(list(&line["orders"]).iter().map(lookups).collect())
            }
        };
        let available: Vec<_> = list(&line["avail"]).iter().map(available).collect();
        let mut m = mfp(&line["m"]);
        let (plan, missing) = plan_join(
            &implementation,
            &numbers(&line["ar"]),
            &available,
            &classes(&line["eqs"]),
            &mut m,
            DeltaPaths::All,
            &Quirks::UPSTREAM,
        )
        .map_err(|err| err.to_string())?;
        if missing.iter().any(|forms| *forms != Default::default()) {
            return Err(format!("missing {missing:?}"));
        }
        let plan = plan.translate::<FromNeutral>().unwrap();
        if hex::encode(wire::encode(&plan)) != text(&line["plan_hex"]) {
            return Err(format!("{plan:?}"));
        }
        expect_mfp("rest", &m, &line["rest"], &line["rest_hex"])
    });
}
