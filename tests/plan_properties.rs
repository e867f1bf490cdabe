//! Properties of the plan's text and of lowering on random plans and on broken
//! texts. What this file alone can catch: a plan that prints as another one, a
//! text or a plan that makes the parser or lowering panic.

mod golden_notation;
mod plan_random;

use std::cell::RefCell;
use std::collections::BTreeSet;

use clusterd_fuzz::plan::lower::{
    DataflowPlan, JoinKind, LowerError, LowerOptions, SourceImport, lower_dataflow,
};
use clusterd_fuzz::plan::{Globals, Relation, parse, print};
use clusterd_fuzz::repr::{Antichain, GlobalId, ReprColumnType, ReprScalarType};
use golden_notation::{import_types, lines, list, text};
use plan_random::Draw;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

fn runner(cases: u32, seed: u8) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    TestRunner::new_with_rng(config, rng)
}

fn dataflow(relation: &Relation, globals: &Globals) -> DataflowPlan {
    DataflowPlan {
        sources: globals
            .iter()
            .map(|(id, typ)| SourceImport {
                id: *id,
                typ: typ.clone(),
                monotonic: false,
                operators: None,
            })
            .collect(),
        objects: vec![(GlobalId::User(2000), relation.clone())],
        as_of: Antichain::minimum(),
        until: Antichain::empty(),
        ..DataflowPlan::default()
    }
}

/// Lowers in every way; only what the rules refuse as written may fail.
fn lowers(relation: &Relation, globals: &Globals) -> Result<(), String> {
    let dataflow = dataflow(relation, globals);
    for fusion in [false, true] {
        let options = LowerOptions {
            reduce_mfp_fusion: fusion,
            ..LowerOptions::default()
        };
        match lower_dataflow(&dataflow, &options) {
            Ok(_)
            | Err(LowerError::UnimplementedJoin)
            | Err(LowerError::RenderPlan(_))
            | Err(LowerError::MixedReduction) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    for join in [None, Some(JoinKind::Linear), Some(JoinKind::Delta)] {
        let options = LowerOptions {
            optimize: true,
            join,
            ..LowerOptions::default()
        };
        lower_dataflow(&dataflow, &options).map_err(|err| format!("planned: {err}"))?;
    }
    Ok(())
}

#[test]
fn random_plans_are_read_back_as_they_were_printed_and_lower() {
    let data = prop::collection::vec(any::<u32>(), 0..400);
    let kinds = RefCell::new(BTreeSet::<&str>::new());
    let result = runner(1_500, 1).run(&data, |data| {
        let mut draw = Draw::wide(&data);
        let (relation, typ) = draw.plan();
        relation.visit(&mut |r| kinds.borrow_mut().extend([r.name()]));
        let printed = print(&relation);
        let again = parse(&printed, &draw.globals)
            .map_err(|err| TestCaseError::fail(format!("{err}\n{printed}")))?;
        prop_assert_eq!(&again.0, &relation, "{}", &printed);
        prop_assert_eq!(again.1, typ, "{}", &printed);
        prop_assert_eq!(print(&again.0), printed.clone());
        lowers(&relation, &draw.globals)
            .map_err(|err| TestCaseError::fail(format!("{err}\n{printed}")))?;
        Ok(())
    });
    result.unwrap();
    assert_eq!(kinds.borrow().len(), 16, "{kinds:?}");
}

#[test]
fn random_scalars_are_read_back_as_they_were_printed() {
    let data = prop::collection::vec(any::<u32>(), 0..120);
    let columns: Vec<ReprColumnType> = Draw::new(&[]).globals[&GlobalId::User(1001)]
        .column_types
        .clone();
    let result = runner(3_000, 2).run(&data, |data| {
        let mut draw = Draw::wide(&data);
        for typ in [ReprScalarType::Bool, ReprScalarType::Float64] {
            let e = draw.scalar(&columns, &typ, 5);
            let get = Relation::get_global(
                GlobalId::User(1001),
                draw.globals[&GlobalId::User(1001)].clone(),
            );
            let whole = get.map(vec![e]);
            let printed = print(&whole);
            let again = parse(&printed, &draw.globals)
                .map_err(|err| TestCaseError::fail(format!("{err}\n{printed}")))?;
            prop_assert_eq!(again.0, whole, "{}", &printed);
        }
        Ok(())
    });
    result.unwrap();
}

const PIECES: [&str; 30] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "#",
    "#99999999999999999999",
    "::",
    "// {",
    "/*",
    "-",
    ",",
    "=",
    " AND ",
    " IS NULL",
    "Get l0",
    "Return\n",
    "With\n",
    "Union\n",
    "\n",
    "  ",
    "\n  ",
    "coalesce",
    "case when ",
    "x 3",
    "é",
    "0x",
    "1e999",
];

/// One small damage to a text.
fn damaged(text: &str, rng: &mut TestRng) -> String {
    if text.is_empty() {
        return "\n".into();
    }
    let mut chars: Vec<char> = text.chars().collect();
    let mut below = |n: usize| rng.next_u32() as usize % n.max(1);
    let at = below(chars.len() + 1);
    match below(6) {
        0 => {
            let end = (at + 1 + below(8)).min(chars.len());
            chars.drain(at..end);
        }
        1 => {
            let piece: Vec<char> = PIECES[below(PIECES.len())].chars().collect();
            chars.splice(at..at, piece);
        }
        2 => {
            let from = below(chars.len());
            let end = (from + below(40)).min(chars.len());
            let copy: Vec<char> = chars[from.min(end)..end].to_vec();
            chars.splice(at..at, copy);
        }
        3 => {
            if let Some(c) = chars.get_mut(at) {
                *c = char::from_u32(below(128) as u32).unwrap_or('x');
            }
        }
        4 => {
            let mut lines: Vec<&str> = text.lines().collect();
            let (a, b) = (below(lines.len()), below(lines.len()));
            lines.swap(a, b);
            return lines.join("\n");
        }
        _ => {
            let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
            let i = below(lines.len());
            match below(3) {
                0 => lines[i].insert_str(0, "  "),
                1 => lines[i] = lines[i].trim_start().to_string(),
                _ => drop(lines.remove(i)),
            }
            return lines.join("\n");
        }
    }
    chars.into_iter().collect()
}

#[test]
fn damaged_texts_never_panic_and_what_they_still_say_is_kept() {
    let mut texts: Vec<(String, Globals)> = Vec::new();
    for line in lines("lowering/dataflows.jsonl.gz")
        .iter()
        .rev()
        .step_by(17)
    {
        let globals = import_types(line);
        for object in list(&line["objects"]) {
            if let Some(mir) = object["mir_text"].as_str() {
                texts.push((mir.to_string(), globals.clone()));
            }
        }
    }
    for line in lines("lowering/worked.jsonl.gz") {
        for object in line.get("objects").map_or(&[][..], |v| list(v)) {
            if object["mir_text"].is_string() {
                texts.push((text(&object["mir_text"]).to_string(), import_types(&line)));
            }
        }
    }
    let data: Vec<u32> = (0..400)
        .map(|i: u32| i.wrapping_mul(2_654_435_761))
        .collect();
    for skip in 0..60 {
        let mut draw = Draw::new(&data[skip..]);
        let (relation, _) = draw.plan();
        texts.push((print(&relation), draw.globals));
    }
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]);
    let (mut tried, mut fine) = (0, 0);
    while tried < 12_000 {
        for (original, globals) in &texts {
            tried += 1;
            let mut mutated = original.clone();
            for _ in 0..1 + rng.next_u32() % 3 {
                mutated = damaged(&mutated, &mut rng);
            }
            match parse(&mutated, globals) {
                Ok((relation, typ)) => {
                    fine += 1;
                    let printed = print(&relation);
                    let again = parse(&printed, globals);
                    assert_eq!(again, Ok((relation.clone(), typ)), "{mutated}\n{printed}");
                    lowers(&relation, globals).unwrap_or_else(|e| panic!("{e}\n{mutated}"));
                }
                Err(error) => assert!(!error.to_string().trim_end().contains('\n'), "{error}"),
            }
        }
    }
    assert!(fine > 100, "{fine} of {tried} still parse");
}

#[test]
fn huge_texts_are_refused_or_read_without_exhausting_anything() {
    let globals = Draw::new(&[]).globals;
    let n = 20_000;
    let get = "\n  Get u1000\n";
    let chain: String = (0..n)
        .map(|i| format!("  cte l{i} =\n    Get u1000\n"))
        .collect();
    let nested: String = (0..2_000)
        .map(|i| format!("{}Negate\n", " ".repeat(2 * i)))
        .collect();
    for (name, text) in [
        ("parentheses", format!("Filter {}true{get}", "(".repeat(n))),
        (
            "nots",
            format!("Filter {}true{}{get}", "not(".repeat(n), ")".repeat(n)),
        ),
        ("ands", format!("Filter true{}{get}", " AND true".repeat(n))),
        ("sums", format!("Map (1{}){get}", " + 1".repeat(n))),
        ("cases", format!("Map ({}){get}", "case when ".repeat(n))),
        ("minuses", format!("Map ({}1){get}", "-".repeat(n))),
        ("lists", format!("Map ({}){get}", "list[".repeat(n))),
        ("types", format!("Map (null::{}){get}", "list(".repeat(n))),
        ("strings", format!("Map (\"{}\"){get}", "x".repeat(n))),
        ("comments", format!("{}{get}", "/* ".repeat(n))),
        ("bindings", format!("With\n{chain}Return{get}")),
        ("inputs", format!("Union{}", "\n  Get u1000".repeat(n))),
        ("joined", format!("CrossJoin{}", "\n  Get u1000".repeat(n))),
        (
            "operators",
            format!("{nested}{}Get u1000", " ".repeat(4_000)),
        ),
        ("columns", format!("Project (#0{}){get}", ", #0".repeat(n))),
        ("number", format!("Map ({}){get}", "9".repeat(n))),
    ] {
        let result = parse(&text, &globals);
        if let Ok((relation, _)) = &result {
            assert!(
                ["ands", "strings", "inputs", "columns"].contains(&name),
                "{name}"
            );
            lowers(relation, &globals).unwrap();
        }
    }
    // A relation in which equal columns multiply keys without end.
    let keys: Vec<String> = (0..40).map(|c| format!("#{c}")).collect();
    let copies: Vec<String> = (0..40).map(|c| format!("(#{c} = #{})", c + 40)).collect();
    let text = format!(
        "Filter {}\n  Map ({})\n    Distinct project=[{}]\n      Map ({})\n        Get u1000\n",
        copies.join(" AND "),
        keys.join(", "),
        keys.join(", "),
        vec!["1"; 38].join(", ")
    );
    let (_, typ) = parse(&text, &globals).unwrap();
    assert!(typ.keys.len() <= 1_000);
}

#[test]
fn the_largest_plans_that_are_accepted_fit_a_small_stack() {
    let globals = Draw::new(&[]).globals;
    let deep = format!("{}(#2 IS NULL){}", "not(".repeat(90), ")".repeat(90));
    let chain: String = (1..64)
        .map(|i| format!("  cte l{i} =\n    Negate\n      Get l{}\n", i - 1))
        .collect();
    let nested: String = (0..60)
        .map(|i| format!("{}Negate\n", " ".repeat(2 + 2 * i)))
        .collect();
    let pad = " ".repeat(2 + 2 * 60);
    let text = format!(
        "With\n  cte l0 =\n    Get u1001\n{chain}Return\n{nested}{pad}Filter {deep}\n{pad}  Get l63\n"
    );
    let run = move || {
        let (relation, typ) = parse(&text, &globals).unwrap();
        let again = parse(&print(&relation), &globals).unwrap();
        assert_eq!(again, (relation.clone(), typ));
        lowers(&relation, &globals).unwrap();
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run);
    thread.unwrap().join().unwrap();
}
