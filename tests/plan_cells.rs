//! The catalogue of surface cells against plans that upstream lowered and
//! random ones. What this file alone can catch: a cell that lowering makes and
//! the catalogue does not know, and one that no plan can reach.

mod golden_notation;
mod plan_random;

use std::collections::BTreeMap;

use clusterd_fuzz::plan::cells::{Counts, PlanCell, catalogue, missing, of_plan};
use clusterd_fuzz::plan::lower::{
    DataflowPlan, IndexImport, JoinKind, LowerOptions, SourceImport, lower_dataflow,
};
use clusterd_fuzz::plan::{parse, scalar};
use clusterd_fuzz::protocol::{v26_30, wire};
use clusterd_fuzz::repr::{Antichain, GlobalId};
use golden_notation::{lines, list, text};
use plan_random::Draw;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

fn add(all: &mut Counts, more: Counts) {
    for (cell, count) in more {
        *all.entry(cell).or_default() += count;
    }
}

fn golden() -> Counts {
    let mut all = Counts::new();
    for file in ["dataflows", "dataflows_ext", "worked"] {
        for line in lines(&format!("lowering/{file}.jsonl.gz")) {
            for object in line.get("objects").map_or(&[][..], |v| list(v)) {
                if object.get("render_plan_hex").is_some() {
                    let bytes = hex::decode(text(&object["render_plan_hex"])).unwrap();
                    let plan: v26_30::RenderPlan = wire::decode(&bytes).unwrap();
                    let Ok(plan) = plan.translate::<v26_30::ToNeutral>();
                    add(&mut all, of_plan(&plan));
                }
            }
        }
    }
    all
}

fn random() -> Counts {
    let mut all = Counts::new();
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[5; 32]);
    for case in 0..2_000 {
        let data: Vec<u32> = (0..400).map(|_| rng.next_u32()).collect();
        let mut draw = Draw::new(&data);
        let (relation, _) = draw.plan();
        let sources = draw.globals.iter();
        let dataflow = DataflowPlan {
            sources: sources
                .map(|(id, typ)| SourceImport {
                    id: *id,
                    typ: typ.clone(),
                    monotonic: false,
                    operators: None,
                })
                .collect(),
            objects: vec![(GlobalId::User(2000), relation)],
            as_of: Antichain::minimum(),
            until: Antichain::from_option((case % 5 == 0).then_some(1)),
            ..DataflowPlan::default()
        };
        let options = LowerOptions {
            optimize: case % 2 == 0,
            join: Some([JoinKind::Linear, JoinKind::Delta][case % 3 % 2]),
            ..LowerOptions::default()
        };
        let lowered = lower_dataflow(&dataflow, &options).unwrap();
        for (_, plan) in lowered.objects {
            add(&mut all, of_plan(&plan));
        }
    }
    all
}

/// Plans for the cells that chance meets too rarely.
fn directed() -> Counts {
    let ranked = |below: &str| {
        format!(
            "FlatMap unnest_list[record(bigint, bigint?)](#0)\n  Project (#1)\n    \
             Reduce group_by=[#2] aggregates=[rank[order_by=[#0 asc nulls_last]]\
             (record_create[\"f1\", \"f2\"](list[#0], #0))]\n      {below}\n"
        )
    };
    let [arranged, raw, later] = [
        "Get u1001",
        "Union\n        Get u1001",
        "Filter (mz_now() < #7)\n        Union\n          Get u1001",
    ]
    .map(|below| {
        format!(
            "Project (#1)\n  {}",
            ranked(below).replace('\n', "\n  ").trim_end()
        )
    });
    let mut all = Counts::new();
    let globals = Draw::new(&[]).globals;
    let id = GlobalId::User(1001);
    for (text, until) in [
        (
            "Filter (mz_now() < #7)\n  FlatMap generate_series(1, #0, 1)\n    Filter (#0 = 5)\n      Get u1001\n",
            None,
        ),
        ("TopK\n  Filter (mz_now() < #7)\n    Get u1001\n", Some(1)),
        (
            "TopK limit=1\n  Filter (mz_now() < #7)\n    Get u1001\n",
            Some(1),
        ),
        (
            "TopK limit=2\n  Filter (mz_now() < #7)\n    Get u1001\n",
            Some(1),
        ),
        (&*arranged, None),
        (&*raw, None),
        (&*later, None),
    ] {
        let (relation, _) = parse(text, &globals).unwrap();
        let dataflow = DataflowPlan {
            indexes: vec![IndexImport {
                index: GlobalId::User(9001),
                on: id,
                key: vec![scalar::column(0)],
                typ: globals[&id].clone(),
                monotonic: false,
            }],
            objects: vec![(GlobalId::User(2000), relation)],
            as_of: Antichain::minimum(),
            until: Antichain::from_option(until),
            ..DataflowPlan::default()
        };
        let lowered = lower_dataflow(&dataflow, &LowerOptions::default()).unwrap();
        for (_, plan) in lowered.objects {
            add(&mut all, of_plan(&plan));
        }
    }
    all
}

#[test]
fn every_cell_is_known_and_every_known_cell_can_be_reached() {
    let known = catalogue();
    let mut reached = golden();
    add(&mut reached, random());
    add(&mut reached, directed());
    let unknown: Vec<String> = reached
        .keys()
        .filter(|cell| !known.contains_key(cell))
        .map(PlanCell::to_string)
        .collect();
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:#?}");
    // Imports and exports are no part of these plans.
    let outside = ["Source", "Index", "Subscribe", "MaterializedView"];
    let never: BTreeMap<String, _> = missing(&reached)
        .into_iter()
        .filter(|cell| !outside.contains(&cell.operator))
        .map(|cell| (cell.to_string(), known[&cell]))
        .collect();
    println!("{} of {} cells reached", reached.len(), known.len());
    assert!(never.is_empty(), "{never:#?}");
}
