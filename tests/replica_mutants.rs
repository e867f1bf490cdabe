//! Every operator mutant changes an answer. What this file alone can catch: a
//! mutant that nothing reads any more, or one that no plan can show. The plans
//! are those of `tests/golden/answers` by number, or written here.

#[path = "support/golden.rs"]
mod golden_file;
mod replica_lab;

use std::collections::BTreeSet;

use clusterd_fuzz::plan::DataflowBuilder;
use clusterd_fuzz::protocol::v26_30::{CollectionMetadata, PersistLocation};
use clusterd_fuzz::replica::mutants::{Family, Mutant, Mutants};
use clusterd_fuzz::repr::{
    Datum, Diff, GlobalId, RelationDesc, Row, ShardId, SqlScalarType, Timestamp,
};
use replica_lab::script::disagreement;
use replica_lab::{Mode, PLAIN, Sources, answer, run};

/// Mutants that a golden plan shows.
const GOLDEN: [(Mutant, u64); 25] = [
    (Mutant::FlatMapMisplacesKey, 367),
    (Mutant::FlatMapIgnoresMultiplicity, 88),
    (Mutant::FlatMapDropsLastRow, 88),
    (Mutant::JoinSkipsEqualities, 184),
    (Mutant::JoinDropsNullKeys, 1258),
    (Mutant::JoinRepeatsColumn, 712),
    (Mutant::DeltaJoinCountsTwice, 1664),
    (Mutant::DeltaJoinMissesSimultaneous, 1048),
    (Mutant::DeltaJoinOmitsLastPath, 2252),
    (Mutant::DistinctKeepsMultiplicity, 464),
    (Mutant::DistinctNeverRetracts, 1027),
    (Mutant::SumIgnoresMultiplicity, 1309),
    (Mutant::AggregateIgnoresDistinct, 511),
    (Mutant::MinMaxIgnoresRetractions, 1117),
    (Mutant::MinMaxTakesNull, 890),
    (Mutant::MinMaxComparesBytes, 884),
    (Mutant::TopKZeroIsUnlimited, 404),
    (Mutant::TopKLimitOffByOne, 989),
    (Mutant::TopKIgnoresOffset, 212),
    (Mutant::TopKBucketForgetsOffset, 479),
    (Mutant::TopKTiesByBytes, 1714),
    (Mutant::TopKTurnsNulls, 533),
    (Mutant::TopKCountsRowsOnce, 479),
    (Mutant::ThresholdPassesNegatives, 371),
    (Mutant::ThresholdForgetsMultiplicity, 292),
];

const RECURSION: &str = "With Mutually Recursive
  cte LIMITl0 = // { types: \"(bigint, bigint)\" }
    Distinct project=[#0, #1]
      Union
        Get u1000
        Filter (5 > #0)
          Project (#2, #1)
            Map ((#0 + ERROR))
              Get l0
Return
  Get l0";

const STRING: &str = "(case when (#0 = 1) then \"a\" else \"b\" end)";

/// Mutants that a plan written here shows, over u1000 (bigint, bigint).
fn written() -> Vec<(Mutant, String, Option<Timestamp>)> {
    let recursion =
        |limit: &str, error: &str| RECURSION.replace("LIMIT", limit).replace("ERROR", error);
    let agg = |text: &str| format!("Reduce aggregates=[{text}]\n  Get u1000");
    let string_agg = |order: &str, separator: &str| {
        format!(
            "string_agg{order}(record_create[\"p\", \"k\"](record_create[\"v\", \"s\"]\
             ({STRING}, \"{separator}\"), #0))"
        )
    };
    let both = format!("{}, {}", string_agg("", ","), string_agg("", ";"));
    let plan = |mutant, text: String| (mutant, text, None);
    vec![
        plan(
            Mutant::FilterSkipsLast,
            "Filter (#0 < 3) AND (#1 < 1)\n  Threshold\n    Get u1000".into(),
        ),
        plan(
            Mutant::TemporalNeverEnds,
            "Filter (mz_now() < cast_int64_to_mz_timestamp(#0))\n  Get u1000".into(),
        ),
        plan(
            Mutant::TemporalStartsLate,
            "Filter (mz_now() >= cast_int64_to_mz_timestamp(#0))\n  Get u1000".into(),
        ),
        plan(
            Mutant::UnionLosesErrors,
            "Union\n  Get u1000\n  Project (#0, #2)\n    Map ((#1 / sub_int64(#0, #0)))\n      Get u1000"
                .into(),
        ),
        plan(
            Mutant::DeltaJoinFailsEarly,
            "Map ((10 / #3))\n  Join on=(#0 = #2 = #4)\n    Filter (#0 = 1)\n      Get u1000\n    \
             Get u1000\n    Get u1000"
                .into(),
        ),
        plan(
            Mutant::TopKLimitOverflows,
            "TopK order_by=[#0 asc nulls_last] limit=9223372036854775807 offset=1\n  Get u1000".into(),
        ),
        plan(
            Mutant::SumWraps,
            agg("sum_int32(cast_int64_to_int32((#0 * 40000)))"),
        ),
        plan(
            Mutant::CountCountsNulls,
            agg("count(case when (#0 = 1) then null::bigint else #0 end)"),
        ),
        plan(
            Mutant::AllTakesNullForTrue,
            agg("all(case when (#0 = 1) then null::boolean else true end)"),
        ),
        plan(
            Mutant::FloatSumSaturates,
            agg("sum_float64(cast_int64_to_float64((#0 * 40000)))"),
        ),
        plan(
            Mutant::MinMaxNegatesError,
            "Reduce aggregates=[min(#0)]\n  Negate\n    Get u1000".into(),
        ),
        (
            Mutant::MonotonicNotConsolidated,
            "Reduce aggregates=[min(#0)]\n  Get u1000".into(),
            Some(1),
        ),
        plan(
            Mutant::AggregateIgnoresOrder,
            agg(&string_agg("[#0 desc nulls_first]", ",")),
        ),
        plan(
            Mutant::BasicIgnoresMultiplicity,
            format!("Reduce aggregates=[{}]\n  Union\n    Get u1000\n    Get u1000", string_agg("", ",")),
        ),
        plan(Mutant::BasicReadsFirstArgument, agg(&both)),
        plan(
            Mutant::RankCountsPeersOnce,
            agg("rank[order_by=[#0 desc nulls_last]](record_create[\"p\", \"k\"](list[#1], #0))"),
        ),
        plan(
            Mutant::WindowFrameIncludesNext,
            agg("window_agg[count order_by=[#0 asc nulls_last] rows between 1 preceding and current row]\
                 (record_create[\"p\", \"k\"](record_create[\"r\", \"a\"](#1, #1), #0))"),
        ),
        plan(
            Mutant::TopKIgnoresLaterDesc,
            "TopK order_by=[#1 asc nulls_last, #0 desc nulls_first] limit=1\n  Project (#0, #2)\n    \
             Map (7)\n      Get u1000"
                .into(),
        ),
        plan(Mutant::RecursionStopsEarly, recursion("", "1")),
        plan(
            Mutant::RecursionLimitOffByOne,
            recursion("[recursion_limit=2, return_at_recursion_limit] ", "1"),
        ),
        plan(
            Mutant::RecursionLimitQuiet,
            recursion("[recursion_limit=2] ", "1"),
        ),
        plan(
            Mutant::RecursionDropsErrors,
            "With Mutually Recursive\n  cte l0 = // { types: \"(bigint, bigint)\" }\n    \
                 Threshold\n      Get l1\n  cte l1 = // { types: \"(bigint, bigint)\" }\n    \
                 Project (#0, #2)\n      Map ((1 / sub_int64(#0, #0)))\n        Get u1000\nReturn\n  Get l0".to_string(),
        ),
    ]
}

/// The answers of a plan at the first times.
fn answers(plan: &str, until: Option<Timestamp>, mutants: Mutants) -> Vec<String> {
    let pair = |a: i64, b: i64| Row::pack([Datum::Int64(a), Datum::Int64(b)]);
    // The last two cancel, and are not consolidated.
    let rows: Vec<(Row, Timestamp, Diff)> = vec![
        (pair(1, 1), 0, 1),
        (pair(2, 0), 0, 1),
        (pair(2, 2), 1, 1),
        (pair(2, 2), 0, 1),
        (pair(2, 2), 0, -1),
    ];
    let mut builder = DataflowBuilder::new("plan");
    let desc = RelationDesc::from_columns([
        ("a", SqlScalarType::Int64, false),
        ("b", SqlScalarType::Int64, false),
    ]);
    let metadata = CollectionMetadata {
        persist_location: PersistLocation {
            blob_uri: String::new(),
            consensus_uri: String::new(),
        },
        data_shard: ShardId(Default::default()),
        relation_desc: desc,
        txns_shard: None,
    };
    let source = GlobalId::User(1000);
    builder.import_persist(source, metadata, 9).unwrap();
    let (object, index) = (GlobalId::User(2000), GlobalId::User(9000));
    builder
        .build(object, plan)
        .unwrap_or_else(|e| panic!("{plan}\n{e}"));
    builder.export_index(index, object, &[]).unwrap();
    builder.optimize(true).until(until);
    let built = builder.finish().unwrap_or_else(|e| panic!("{plan}\n{e}"));
    let mode = Mode { mutants, ..PLAIN };
    let sources = Sources::from([(source, rows)]);
    let contents = &run(&built.description, &sources, mode).unwrap()[&index];
    let last = until.unwrap_or(3);
    (0..last).map(|ts| answer(contents, ts)).collect()
}

#[test]
fn a_golden_plan_shows_the_mutant() {
    for case in golden_file::lines("answers/plans.jsonl.gz") {
        for (mutant, n) in GOLDEN {
            if case["n"] == n {
                let mode = Mode {
                    mutants: Mutants::from(mutant),
                    ..PLAIN
                };
                let outcome = disagreement(case["spec"].as_str().unwrap(), mode);
                assert!(outcome.is_err(), "plan {n} does not show {mutant}");
            }
        }
    }
}

#[test]
fn a_written_plan_shows_the_mutant() {
    let unseen: Vec<String> = written()
        .into_iter()
        .filter_map(|(mutant, plan, until)| {
            let honest = answers(&plan, until, Mutants::none());
            let bent = answers(&plan, until, Mutants::from(mutant));
            (honest == bent).then(|| format!("{mutant} in\n{plan}\n{honest:?}"))
        })
        .collect();
    assert!(unseen.is_empty(), "not seen:\n{}", unseen.join("\n"));
}

#[test]
fn every_operator_mutant_has_its_plan() {
    let golden = GOLDEN.iter().map(|(mutant, _)| *mutant);
    let shown: BTreeSet<Mutant> = golden
        .chain(written().into_iter().map(|(mutant, _, _)| mutant))
        .collect();
    let all: BTreeSet<Mutant> = Mutant::ALL
        .iter()
        .copied()
        .filter(|mutant| mutant.family() == Family::Operators)
        .collect();
    assert_eq!(all, shown);
    assert!(all.len() >= 30);
}
