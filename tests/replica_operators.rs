//! Operators whose answers over time are worth spelling out: recursion and its
//! limits, temporal filters, monotonic reductions. What this file alone can
//! catch: a fixed point that forgets a retraction, a limit that is off by one,
//! a row that outlives its time.

mod replica_lab;

use clusterd_fuzz::plan::DataflowBuilder;
use clusterd_fuzz::protocol::v26_30::{CollectionMetadata, PersistLocation};
use clusterd_fuzz::repr::{
    Datum, Diff, GlobalId, RelationDesc, Row, ShardId, SqlScalarType, Timestamp,
};
use replica_lab::{Contents, Mode, PLAIN, Sources, answer, run};

const SOURCE: GlobalId = GlobalId::User(1000);

fn pair(a: i64, b: i64) -> Row {
    Row::pack([Datum::Int64(a), Datum::Int64(b)])
}

/// Runs a plan over u1000 (bigint, bigint) with one worker and with three.
fn contents(plan: &str, rows: &[(Row, Timestamp, Diff)]) -> Vec<Contents> {
    let run_with = |workers: usize| {
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
        builder.import_persist(SOURCE, metadata, 9).unwrap();
        let (object, index) = (GlobalId::User(2000), GlobalId::User(9000));
        builder.build(object, plan).unwrap();
        builder.export_index(index, object, &[]).unwrap();
        builder.optimize(true);
        let built = builder.finish().unwrap();
        let sources = Sources::from([(SOURCE, rows.to_vec())]);
        let mode = Mode { workers, ..PLAIN };
        run(&built.description, &sources, mode).unwrap()[&index].clone()
    };
    vec![run_with(1), run_with(3)]
}

/// Asserts the answers at each time, in order.
fn assert_answers(plan: &str, rows: &[(Row, Timestamp, Diff)], expected: &[&str]) {
    for contents in contents(plan, rows) {
        for (ts, expected) in expected.iter().enumerate() {
            assert_eq!(
                answer(&contents, ts as Timestamp),
                *expected,
                "at {ts}: {plan}"
            );
        }
    }
}

const REACHABLE: &str = "With Mutually Recursive
  cte LIMITl0 = // { types: \"(bigint, bigint)\" }
    Distinct project=[#0, #1]
      Union
        Get u1000
        Project (#0, #3)
          Join on=(#1 = #2)
            Get l0
            Get u1000
Return
  Get l0";

fn reachable(limit: &str) -> String {
    REACHABLE.replace("LIMIT", limit)
}

/// 1 → 2 → 3 → 4 → 5, and later the edge 2 → 3 goes.
fn path() -> Vec<(Row, Timestamp, Diff)> {
    let mut rows: Vec<_> = (1..5).map(|n| (pair(n, n + 1), 0, 1)).collect();
    rows.push((pair(2, 3), 1, -1));
    rows
}

#[test]
fn recursion_reaches_its_fixed_point_and_follows_retractions() {
    let all = "1 2\n1 3\n1 4\n1 5\n2 3\n2 4\n2 5\n3 4\n3 5\n4 5";
    assert_answers(&reachable(""), &path(), &[all, "1 2\n3 4\n3 5\n4 5"]);
}

#[test]
fn a_cycle_that_loses_its_support_goes() {
    let rows = [
        (pair(1, 2), 0, 1),
        (pair(2, 1), 0, 1),
        (pair(0, 1), 0, 1),
        (pair(1, 2), 2, -1),
        (pair(2, 1), 2, -1),
    ];
    let all = "0 1\n0 2\n1 1\n1 2\n2 1\n2 2";
    assert_answers(&reachable(""), &rows, &[all, all, "0 1"]);
}

#[test]
fn a_limit_that_returns_gives_the_state_after_so_many_rounds() {
    let round = |n: usize| {
        reachable(&format!(
            "[recursion_limit={n}, return_at_recursion_limit] "
        ))
    };
    let rows = path();
    assert_answers(&round(1), &rows, &["1 2\n2 3\n3 4\n4 5", "1 2\n3 4\n4 5"]);
    let two = "1 2\n1 3\n2 3\n2 4\n3 4\n3 5\n4 5";
    assert_answers(&round(2), &rows, &[two, "1 2\n3 4\n3 5\n4 5"]);
}

#[test]
fn a_limit_that_is_reached_is_an_error_while_it_is_reached() {
    // Four rounds find everything and the fifth finds nothing new.
    let fine = reachable("[recursion_limit=5] ");
    let all = "1 2\n1 3\n1 4\n1 5\n2 3\n2 4\n2 5\n3 4\n3 5\n4 5";
    assert_answers(&fine, &path(), &[all, "1 2\n3 4\n3 5\n4 5"]);
    let error = |n: usize| {
        format!(
            "error: peek error: Evaluation error: Recursive query exceeded the recursion \
             limit {n}. (Use RETURN AT RECURSION LIMIT to not error, but return the current \
             state as the final result when reaching the limit.)"
        )
    };
    // Without the middle edge the third round finds nothing new.
    let short = reachable("[recursion_limit=3] ");
    assert_answers(&short, &path(), &[&error(3), "1 2\n3 4\n3 5\n4 5"]);
    assert_answers(
        &reachable("[recursion_limit=1] "),
        &path(),
        &[&error(1), &error(1)],
    );
}

#[test]
fn a_temporal_filter_keeps_a_row_from_its_first_to_its_last_time() {
    let plan = "Filter (mz_now() >= cast_int64_to_mz_timestamp(#0)) AND \
                (mz_now() < cast_int64_to_mz_timestamp(#1))\n  Get u1000";
    let rows = [
        (pair(2, 4), 0, 1),
        // Gone before it appears, and taken back while it is there.
        (pair(3, 3), 0, 1),
        (pair(0, 9), 1, 1),
        (pair(0, 9), 3, -1),
    ];
    assert_answers(plan, &rows, &["", "0 9", "0 9\n2 4", "2 4", "", ""]);
}

#[test]
fn counts_of_what_comes_and_goes_by_itself_follow() {
    let plan = "Reduce aggregates=[count(*)]\n  Filter (mz_now() < cast_int64_to_mz_timestamp(#1))\n    Get u1000";
    let rows = [(pair(0, 2), 0, 1), (pair(0, 3), 0, 1), (pair(1, 3), 1, 1)];
    assert_answers(plan, &rows, &["2", "3", "2", "", ""]);
}
