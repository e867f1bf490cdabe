//! What planning promises: everything that the type checker lets pass lowers,
//! whichever way the joins are forced, and means types that are no wider.

use std::collections::BTreeMap;

use crate::lower::*;
use crate::*;
use protocol::neutral::{Expr, JoinPlan, RenderPlan};
use repr::{Antichain, GlobalId, ReprColumnType, ReprScalarType};

fn column(nullable: bool) -> ReprColumnType {
    ReprColumnType {
        scalar_type: ReprScalarType::Int64,
        nullable,
    }
}

fn dataflow(text: &str, indexed: bool) -> DataflowPlan {
    let typ = RelationType {
        column_types: vec![column(false), column(true)],
        keys: Vec::new(),
    };
    let ids = [1000, 1001, 1002].map(GlobalId::User);
    let globals: BTreeMap<_, _> = ids.iter().map(|id| (*id, typ.clone())).collect();
    let (relation, _) = parse(text, &globals).unwrap();
    let mut dataflow = DataflowPlan {
        objects: vec![(GlobalId::User(2000), relation)],
        as_of: Antichain::minimum(),
        until: Antichain::empty(),
        ..DataflowPlan::default()
    };
    for id in ids {
        if indexed {
            dataflow.indexes.push(IndexImport {
                index: GlobalId::User(9000),
                on: id,
                key: vec![scalar::column(0)],
                typ: typ.clone(),
                monotonic: false,
            });
        } else {
            dataflow.sources.push(SourceImport {
                id,
                typ: typ.clone(),
                monotonic: false,
                operators: None,
            });
        }
    }
    dataflow
}

fn planned(text: &str, indexed: bool, join: Option<JoinKind>) -> RenderPlan {
    let options = LowerOptions {
        optimize: join.is_none(),
        join,
        ..LowerOptions::default()
    };
    let lowered = lower_dataflow(&dataflow(text, indexed), &options).unwrap();
    lowered.objects[0].1.clone()
}

fn joins(plan: &RenderPlan) -> Vec<&'static str> {
    let nodes = plan.body.nodes.values();
    nodes
        .filter_map(|node| match &node.expr {
            Expr::Join { plan, .. } => Some(match plan {
                JoinPlan::Linear(_) => "linear",
                JoinPlan::Delta(_) => "delta",
            }),
            _ => None,
        })
        .collect()
}

const CHAIN: &str = "Join on=(#0 = #2 AND #3 = #4)\n  Get u1000\n  Get u1001\n  Get u1002\n";
const STAR: &str = "Join on=(#0 = #2 = #4)\n  Get u1000\n  Get u1001\n  Get u1002\n";

#[test]
fn joins_are_planned_as_forced_or_by_what_exists() {
    assert_eq!(
        joins(&planned(CHAIN, false, Some(JoinKind::Linear))),
        ["linear"]
    );
    assert_eq!(
        joins(&planned(CHAIN, false, Some(JoinKind::Delta))),
        ["delta"]
    );
    // The chain's middle would need a second arrangement, the star needs none.
    assert_eq!(joins(&planned(CHAIN, false, None)), ["linear"]);
    assert_eq!(joins(&planned(STAR, false, None)), ["delta"]);
    assert_eq!(joins(&planned(STAR, true, None)), ["delta"]);
}

#[test]
fn no_plan_looks_for_an_arrangement_that_its_inputs_lack() {
    let texts = [
        CHAIN,
        STAR,
        "CrossJoin\n  Get u1000\n  Get u1001\n  Get u1002\n",
        "Join on=(#0 = 5 AND #1 = (#2 + #3))\n  Get u1000\n  Get u1001\n",
        "Join on=((#0 + #2) = #4 AND #1 = #3 = #5 = 7)\n  Get u1000\n  Get u1001\n  Get u1002\n",
        "Join on=(#0 = #1)\n  Get u1000\n",
        "Join on=(#0 = #2)\n  Distinct project=[#0]\n    Get u1000\n  Filter (#0 < #1)\n    Get u1001\n",
    ];
    for text in texts {
        for indexed in [false, true] {
            for join in [None, Some(JoinKind::Linear), Some(JoinKind::Delta)] {
                let plan = planned(text, indexed, join);
                // A missing arrangement wastes a LirId, which leaves a gap.
                let ids: Vec<u64> = plan.body.nodes.keys().map(|id| id.0).collect();
                let expected: Vec<u64> = (1..=ids.len() as u64).collect();
                assert_eq!(ids, expected, "{text}");
            }
        }
    }
}

#[test]
fn mixed_reductions_and_bindings_anywhere_lower() {
    let reduce = "Filter (#1 > 1)
  Reduce group_by=[#0] aggregates=[count(*), max(#1), sum(#1), min(#1)]
    Reduce group_by=[#0, #1] aggregates=[count(*), max(#1)]
      Map (#0)
        Get u1000
";
    let plan = planned(
        &format!(
            "Project (#0)\n  {}",
            reduce.replace('\n', "\n  ").trim_end()
        ),
        false,
        None,
    );
    assert_eq!(joins(&plan), ["linear"]);
    assert_eq!(plan.binds.len(), 1);
    let below = "Union
  With
    cte l0 =
      Get u1000
  Return
    Get l0
  With Mutually Recursive
    cte l1 = // { types: \"(bigint, bigint?)\" }
      Distinct project=[#0, #1]
        Union
          Get u1000
          With
            cte l2 =
              Get l1
          Return
            Distinct project=[#0, #1]
              Get l2
  Return
    Get l1
";
    let plan = planned(below, false, None);
    let shape: Vec<_> = plan
        .binds
        .iter()
        .map(|s| (s.lets.len(), s.recs.len()))
        .collect();
    assert_eq!(shape, [(1, 1)]);
    assert_eq!(plan.binds[0].recs[0].value.binds.len(), 1);
}

#[test]
fn monotonic_flags_are_proved_or_dropped() {
    let text = "TopK limit=1 monotonic\n  Get u1000\n";
    let shown = format!("{:?}", planned(text, false, None));
    assert!(shown.contains("Basic"), "{shown}");
    let constant = "TopK limit=1\n  Constant // { types: \"(bigint)\" }\n    - (1)\n";
    let shown = format!("{:?}", planned(constant, false, None));
    assert!(shown.contains("MonotonicTop1"), "{shown}");
}
