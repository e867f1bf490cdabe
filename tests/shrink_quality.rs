//! Planted bugs with a known simplest script: whatever the generated script is
//! that first shows one, shrinking must end at exactly that script. What this
//! file alone can catch: a pass that stops helping, an order in which two
//! scripts are each "simpler" than the other's neighbours.

use std::time::Duration;

use clusterd_fuzz::campaign::{Limits, case_script, viable, with_blocks};
use clusterd_fuzz::generate::Profile;
use clusterd_fuzz::model::{Expected, Model, Multiset, Rehearsal};
use clusterd_fuzz::plan::Relation;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::v26_30::AggregateFunc;
use clusterd_fuzz::repr::{Datum, GlobalId, Row};
use clusterd_fuzz::script::{Command, Export, Import};
use clusterd_fuzz::shrink::{Budget, shrink};

/// What a planted bug sees of a script: every command with the world after it.
type Bug = fn(&[(Command, Model)]) -> bool;

fn worlds(commands: &[Command]) -> Vec<(Command, Model)> {
    let mut rehearsal = Rehearsal::new();
    let world = |command: &Command| {
        rehearsal.play(command);
        (command.clone(), rehearsal.model().clone())
    };
    commands.iter().map(world).collect()
}

fn fails(bug: Bug, commands: &[Command]) -> bool {
    viable(commands, &Limits::default()).is_ok() && bug(&worlds(commands))
}

/// Shrinks the first `starts` generated scripts that show the bug, with operators
/// in so many of a hundred dataflows.
fn minima(bug: Bug, operators: u64, starts: usize) -> Vec<String> {
    let budget = Budget {
        max_runs: 20_000,
        max_time: Duration::from_secs(600),
        ..Budget::default()
    };
    let showing = (0..5_000).filter_map(|case| {
        let (commands, _) = case_script(7, case, &Profile::default().with_operators(operators));
        fails(bug, &commands).then_some(commands)
    });
    showing
        .take(starts)
        .map(|commands| {
            let shrunk = shrink(commands, budget, &mut |candidate| fails(bug, candidate));
            assert!(shrunk.at_fixpoint, "after {} runs", shrunk.runs);
            with_blocks(&shrunk.commands, Release::default()).to_string()
        })
        .collect()
}

fn rows_of(world: &(Command, Model)) -> Vec<(Row, i64)> {
    let (command, model) = world;
    match command {
        Command::Peek { id, ts, .. } => match model.peek_answer(*id, *ts) {
            Expected::Rows(rows) => rows.iter().map(|(row, n)| (row.clone(), n)).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Shrinks several scripts that show the bug, and expects the same from each.
#[track_caller]
fn assert_minimum(bug: Bug, expected: &[&str]) {
    assert_minima(minima(bug, 0, 6), expected);
}

/// The same of scripts with operators in most of their dataflows.
#[track_caller]
fn assert_minimum_of_plans(bug: Bug, starts: usize, expected: &[&str]) {
    assert_minima(minima(bug, 80, starts), expected);
}

#[track_caller]
fn assert_minima(minima: Vec<String>, expected: &[&str]) {
    for found in minima {
        let script = clusterd_fuzz::script::text::parse(&found).unwrap();
        let commands: Vec<String> = script.commands().iter().map(Command::to_string).collect();
        assert_eq!(commands, expected);
    }
}

/// Whether what is peeked at is computed with such an operator.
fn computes(worlds: &[(Command, Model)], id: GlobalId, wanted: fn(&Relation) -> bool) -> bool {
    let mut dataflows = worlds.iter().filter_map(|(command, _)| command.dataflow());
    dataflows.any(|dataflow| {
        let mut exports = dataflow.exports.iter().filter(|export| export.id() == id);
        let mut found = false;
        if let Some(Export::Index { on, .. }) = exports.next()
            && let Some(build) = dataflow.builds.iter().find(|build| build.id == *on)
            && let Some(plan) = build.plan.operators()
        {
            plan.visit(&mut |operator| found |= wanted(operator));
        }
        found
    })
}

/// Whether some peek answers with rows that such an operator computed.
fn answers(worlds: &[(Command, Model)], wanted: fn(&Relation) -> bool) -> bool {
    worlds.iter().any(|world| match world.0 {
        Command::Peek { id, .. } => !rows_of(world).is_empty() && computes(worlds, id, wanted),
        _ => false,
    })
}

/// Whether some dataflow has such an operator.
fn any_operator(worlds: &[(Command, Model)], wanted: fn(&Relation) -> bool) -> bool {
    let dataflows = worlds.iter().filter_map(|(command, _)| command.dataflow());
    let plans = dataflows.flat_map(|dataflow| &dataflow.builds);
    let mut found = false;
    for plan in plans.filter_map(|build| build.plan.operators()) {
        plan.visit(&mut |operator| found |= wanted(operator));
    }
    found
}

const INSTANCE: &str = "create-instance";
const COMPLETE: &str = "initialization-complete";
const INDEX: &str = "define-index source=1000 index=1001 shard=s key=[] as-of=0 upper=0";
const SCHEDULE: &str = "schedule id=1001";
const WRITE: &str = "write-rows shard=s ts=0\n  0 a";
const PEEK: &str = "peek id=1001 ts=0";

#[test]
fn an_answer_with_any_row() {
    assert_minimum(
        |worlds| worlds.iter().any(|w| !rows_of(w).is_empty()),
        &[INSTANCE, COMPLETE, WRITE, INDEX, SCHEDULE, PEEK],
    );
}

#[test]
fn an_answer_in_which_a_row_counts_twice() {
    let write = "write-rows shard=s ts=0\n  0 a\n  0 a";
    assert_minimum(
        |worlds| {
            worlds
                .iter()
                .any(|w| rows_of(w).iter().any(|(_, n)| *n >= 2))
        },
        &[INSTANCE, COMPLETE, write, INDEX, SCHEDULE, PEEK],
    );
}

#[test]
fn an_answer_with_a_null() {
    let schema = "define-schema name=t\n  a int nullable";
    let write = "write-rows shard=s ts=0 schema=t\n  null";
    let index = format!("{INDEX} schema=t");
    let peek = format!("{PEEK} schema=t");
    assert_minimum(
        |worlds| {
            let null = |(row, _): &(Row, i64)| row.iter().any(|datum| datum == Datum::Null);
            worlds.iter().any(|w| rows_of(w).iter().any(null))
        },
        &[INSTANCE, COMPLETE, schema, write, &index, SCHEDULE, &peek],
    );
}

#[test]
fn an_answer_after_a_reconnect() {
    assert_minimum(
        |worlds| {
            let reconnect = worlds
                .iter()
                .position(|(c, _)| matches!(c, Command::Reconnect));
            reconnect.is_some_and(|at| worlds[at..].iter().any(|w| !rows_of(w).is_empty()))
        },
        &[
            "reconnect",
            INSTANCE,
            COMPLETE,
            WRITE,
            INDEX,
            SCHEDULE,
            PEEK,
        ],
    );
}

#[test]
fn an_answer_of_two_rows_after_a_compaction() {
    let write = "write-rows shard=s ts=0\n  0 a\n  0 b";
    let compact = "allow-compaction id=1001 frontier=0";
    assert_minimum(
        |worlds| {
            let compaction = worlds
                .iter()
                .position(|(c, _)| matches!(c, Command::AllowCompaction { .. }));
            compaction.is_some_and(|at| worlds[at..].iter().any(|w| rows_of(w).len() >= 2))
        },
        &[INSTANCE, COMPLETE, write, INDEX, SCHEDULE, compact, PEEK],
    );
}

#[test]
fn a_cancelled_peek() {
    let start = "start-peek peek=p id=1001 ts=0";
    assert_minimum(
        |worlds| {
            worlds
                .iter()
                .any(|(c, _)| matches!(c, Command::CancelPeek { .. }))
        },
        &[INSTANCE, INDEX, start, "cancel-peek peek=p"],
    );
}

#[test]
fn a_row_that_is_retracted_later() {
    let retract = "write-rows shard=s ts=1\n  0 a diff=-1";
    assert_minimum(
        |worlds| {
            worlds.iter().any(|(command, model)| match command {
                Command::Peek { id, ts, .. } if *ts > 0 => {
                    let total = |ts| match model.peek_answer(*id, ts) {
                        Expected::Rows(rows) => rows.total(),
                        _ => -1,
                    };
                    total(*ts) == 0 && total(ts - 1) > 0
                }
                _ => false,
            })
        },
        &[
            INSTANCE,
            COMPLETE,
            WRITE,
            retract,
            INDEX,
            SCHEDULE,
            "peek id=1001 ts=1",
        ],
    );
}

#[test]
fn a_dataflow_that_reads_an_index_of_another() {
    assert_minimum(
        |worlds| {
            worlds.iter().any(|(command, _)| match command {
                Command::CreateDataflow(dataflow) => dataflow
                    .imports
                    .iter()
                    .any(|i| matches!(i, Import::Index { .. })),
                _ => false,
            })
        },
        &[
            INSTANCE,
            INDEX,
            "create-dataflow as-of=0\n  import index=1001\n  export index=1002 on=1000 key=[]",
        ],
    );
}

#[test]
fn a_top_k_that_skips_a_row() {
    assert_minimum_of_plans(
        |worlds| {
            let skips = answers(worlds, |operator| match operator {
                Relation::TopK { offset, .. } => *offset > 0,
                _ => false,
            });
            // The union of one row with itself has two as well, and so has a constant,
            // which stays one where nothing is written.
            let makes = |operator: &Relation| {
                matches!(operator, Relation::Union { .. } | Relation::Constant { .. })
            };
            // A second export that is dropped does not go with its drop: the dataflow of
            // one export alone would be another edit.
            let drops = |(command, _): &(Command, Model)| {
                matches!(command, Command::AllowCompaction { frontier: None, .. })
            };
            skips && !any_operator(worlds, makes) && !worlds.iter().any(drops)
        },
        2,
        &[
            INSTANCE,
            COMPLETE,
            "write-rows shard=s ts=0\n  0 a\n  0 a",
            "create-dataflow as-of=0\n  import source=1000 shard=s upper=0\n  build id=1001\n    \
             TopK offset=1\n      Get u1000\n  export index=1002 on=1001 key=[]",
            "schedule id=1002",
            "peek id=1002 ts=0",
        ],
    );
}

#[test]
fn a_join_of_rows_that_agree() {
    assert_minimum_of_plans(
        |worlds| {
            let joins = |operator: &Relation| match operator {
                Relation::Join { equivalences, .. } => !equivalences.is_empty(),
                _ => false,
            };
            // What is inside a recursion stays as it is, and so do two negations with a
            // projection between them.
            let recurs = |operator: &Relation| {
                matches!(operator, Relation::LetRec { .. } | Relation::Negate { .. })
            };
            // An index of other columns than its source has is not exchanged for it: the
            // classes would have to change at once.
            let imports = |(command, _): &(Command, Model)| {
                let imports = command.dataflow().map(|dataflow| &dataflow.imports);
                let mut imports = imports.into_iter().flatten();
                imports.any(|import| matches!(import, Import::Index { .. }))
            };
            let indexed = worlds.iter().any(imports);
            answers(worlds, joins) && !any_operator(worlds, recurs) && !indexed
        },
        3,
        &[
            INSTANCE,
            COMPLETE,
            WRITE,
            "create-dataflow as-of=0 optimize\n  import source=1000 shard=s upper=0\n  \
             build id=1001\n    Join on=(#0 = #2)\n      Get u1000\n      Get u1000\n  \
             export index=1002 on=1001 key=[]",
            "schedule id=1002",
            "peek id=1002 ts=0",
        ],
    );
}

#[test]
fn a_maximum_that_a_retraction_lowers() {
    assert_minimum_of_plans(
        |worlds| {
            let takes_maximum = |operator: &Relation| match operator {
                Relation::Reduce { aggregates, .. } => {
                    let mut aggregates = aggregates.iter();
                    aggregates.any(|a| matches!(a.func, AggregateFunc::MaxInt64))
                }
                _ => false,
            };
            worlds.iter().any(|(command, model)| match command {
                Command::Peek { id, ts, .. } if *ts > 0 && computes(worlds, *id, takes_maximum) => {
                    let rows = |ts| match model.peek_answer(*id, ts) {
                        Expected::Rows(rows) => Some(rows),
                        _ => None,
                    };
                    let largest = |rows: Multiset| {
                        let rows = rows.iter().filter(|(_, n)| *n > 0);
                        let last = |row: &Row| match row.iter().last() {
                            Some(Datum::Int64(n)) => Some(n),
                            _ => None,
                        };
                        rows.filter_map(|(row, _)| last(row)).max()
                    };
                    let (before, now) = (rows(ts - 1), rows(*ts));
                    let (before, now) = (before.and_then(largest), now.and_then(largest));
                    // Another input of a union could be what is lowered.
                    let unites = |operator: &Relation| matches!(operator, Relation::Union { .. });
                    before.is_some_and(|before| now.is_some_and(|now| now < before))
                        && !any_operator(worlds, unites)
                }
                _ => false,
            })
        },
        1,
        &[
            INSTANCE,
            COMPLETE,
            "write-rows shard=s ts=0\n  0 a\n  1 a",
            "write-rows shard=s ts=1\n  1 a diff=-1",
            "create-dataflow as-of=0\n  import source=1000 shard=s upper=0\n  \
             build id=1001\n    Reduce aggregates=[max(#0)]\n      Get u1000\n  \
             export index=1002 on=1001 key=[]",
            "schedule id=1002",
            "peek id=1002 ts=1",
        ],
    );
}
