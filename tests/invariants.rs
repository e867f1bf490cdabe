//! Each invariant against a run that keeps it and one that breaks it, told by
//! hand. What this file alone can catch: a checker that has become blind, or
//! that cries at what is right.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use clusterd_fuzz::invariants::{self, Checker};
use clusterd_fuzz::protocol::v26_30::{
    ComputeResponse, FrontiersResponse, OpenTelemetryContext, PeekResponse, RowCollection,
    StashedPeekResponse, SubscribeBatch, SubscribeResponse, UpdateCollection,
};
use clusterd_fuzz::repr::{Antichain, Datum, GlobalId, RelationDesc, Row, ShardId};
use clusterd_fuzz::script::event::{Event, ShardContents, Wait};
use clusterd_fuzz::script::interpret::{Interpreter, Uuids};
use clusterd_fuzz::script::text::parse_command;
use uuid::Uuid;

/// One thing that happens.
enum Step {
    /// The driver executes this command.
    Do(&'static str),
    /// The replica says this.
    Hear(ComputeResponse),
    /// Anything else.
    Note(Event),
}
use Step::{Do, Hear, Note};

/// A run: what was broken, and which invariants had something to check.
fn run(steps: Vec<Step>) -> (Vec<String>, BTreeSet<&'static str>) {
    let (mut script, mut checker) = (Interpreter::new(Uuids::Seeded(0)), Checker::new());
    let connect = script.connect();
    script.note(&connect);
    connect
        .events()
        .iter()
        .for_each(|event| checker.on_event(event));
    for (step, happened) in steps.into_iter().enumerate() {
        match happened {
            Do(text) => {
                let command = parse_command(text).unwrap_or_else(|e| panic!("{text}: {e}"));
                checker.on_event(&Event::Command { step });
                let meaning = script.take(&command);
                let events = meaning.unwrap_or_else(|e| panic!("{text}: {e}")).events();
                events.iter().for_each(|event| checker.on_event(event));
            }
            Hear(response) => checker.on_event(&Event::Response(Arc::new(response))),
            Note(event) => checker.on_event(&event),
        }
    }
    let invalid = checker.model().invalid().map(|(_, why)| why.to_string());
    assert_eq!(invalid, None);
    let violations = checker.violations().iter().map(|v| v.signature());
    let counts = checker.counts().into_iter();
    let checked = counts.filter(|(_, counts)| counts.checked > 0);
    (violations.collect(), checked.map(|(id, _)| id).collect())
}

fn at(t: u64) -> Antichain {
    Antichain::from_elem(t)
}

fn row(n: i64, text: &str) -> Row {
    Row::pack([Datum::Int64(n), Datum::String(text)])
}

fn frontiers(
    id: u64,
    write: Option<Antichain>,
    input: Option<Antichain>,
    output: Option<Antichain>,
) -> Step {
    Hear(ComputeResponse::Frontiers(
        GlobalId::User(id),
        FrontiersResponse {
            write_frontier: write,
            input_frontier: input,
            output_frontier: output,
        },
    ))
}

fn write(id: u64, t: u64) -> Step {
    frontiers(id, Some(at(t)), None, None)
}

fn ended(id: u64) -> Step {
    let end = || Some(Antichain::empty());
    frontiers(id, end(), end(), end())
}

/// The n-th peek of the run, from 1.
fn peek(n: u64) -> Uuid {
    Uuid::from_u64_pair(0, n)
}

fn answer(n: u64, response: PeekResponse) -> Step {
    let context = OpenTelemetryContext::default();
    Hear(ComputeResponse::PeekResponse(peek(n), response, context))
}

fn rows(n: u64, rows: &[(i64, &str)]) -> Step {
    let counted: Vec<(Row, NonZeroUsize)> = rows
        .iter()
        .map(|(n, text)| (row(*n, text), NonZeroUsize::MIN))
        .collect();
    answer(
        n,
        PeekResponse::Rows(vec![RowCollection::from_rows(&counted)]),
    )
}

/// An answer that was read from the stash, and says that it has `says` rows there.
fn stashed(n: u64, rows: &[(i64, &str)], says: u64) -> Step {
    let counted: Vec<(Row, NonZeroUsize)> = rows
        .iter()
        .map(|(n, text)| (row(*n, text), NonZeroUsize::MIN))
        .collect();
    let stashed = StashedPeekResponse {
        num_rows_batches: says,
        encoded_size_bytes: 0,
        relation_desc: RelationDesc::default(),
        shard_id: ShardId(peek(n)),
        batches: Vec::new(),
        inline_rows: vec![RowCollection::default(), RowCollection::from_rows(&counted)],
    };
    answer(n, PeekResponse::Stashed(Box::new(stashed)))
}

fn error(n: u64, text: &str) -> Step {
    answer(n, PeekResponse::Error(text.to_string()))
}

fn batch(id: u64, lower: u64, upper: u64, updates: &[(i64, &str, u64, i64)]) -> Step {
    let updates: Vec<_> = updates
        .iter()
        .map(|(n, text, time, diff)| (row(*n, text), *time, *diff))
        .collect();
    let batch = SubscribeBatch {
        lower: at(lower),
        upper: at(upper),
        updates: Ok(vec![UpdateCollection::from_updates(&updates)]),
    };
    let batch = SubscribeResponse::Batch(batch);
    Hear(ComputeResponse::SubscribeResponse(
        GlobalId::User(id),
        batch,
    ))
}

fn dropped_at(id: u64, t: u64) -> Step {
    let dropped = SubscribeResponse::DroppedAt(at(t));
    Hear(ComputeResponse::SubscribeResponse(
        GlobalId::User(id),
        dropped,
    ))
}

fn waited(wait: Wait) -> Step {
    Note(Event::WaitTimedOut { wait, waited_ms: 9 })
}

fn shard(upper: u64, rows: &[(i64, &str, u64, i64)]) -> Step {
    let rows = rows
        .iter()
        .map(|(n, text, time, diff)| (row(*n, text), *time, *diff));
    Note(Event::ShardRead(ShardContents {
        shard: "v".to_string(),
        since: at(0),
        upper: at(upper),
        rows: rows.collect(),
        errors: Vec::new(),
    }))
}

fn handshake() -> Vec<Step> {
    vec![Do("create-instance"), Do("initialization-complete")]
}

/// A shard with a row at 0 and one at 1, sealed to 2.
fn shard_of_two() -> Vec<Step> {
    let mut steps = handshake();
    steps.push(Do("write-rows shard=s ts=0\n  1 a"));
    steps.push(Do("write-rows shard=s ts=1\n  2 b"));
    steps
}

const INDEX: &str = "define-index source=1000 index=1001 shard=s key=[0] as-of=0 upper=2";
const LATE: &str = "define-index source=1000 index=1001 shard=s key=[0] as-of=1 upper=2";

/// An index of it, scheduled.
fn indexed() -> Vec<Step> {
    let mut steps = shard_of_two();
    steps.extend([Do(INDEX), Do("schedule id=1001")]);
    steps
}

const STASH: &str = "update-configuration
  enable_compute_peek_response_stash bool true
  compute_peek_response_stash_threshold_bytes usize 0";

const SUBSCRIBE: &str = "create-dataflow as-of=0
  import source=1000 shard=s upper=2
  build id=2000
    Get u1000
  export kind=subscribe sink=2001 on=2000";

fn subscribed() -> Vec<Step> {
    let mut steps = shard_of_two();
    steps.extend([Do(SUBSCRIBE), Do("schedule id=2001")]);
    steps
}

const VIEW: &str = "create-dataflow as-of=0
  import source=1000 shard=s upper=2
  build id=2000
    Get u1000
  export kind=materialized-view sink=2001 on=2000 shard=v";

fn viewed() -> Vec<Step> {
    let mut steps = shard_of_two();
    steps.extend([Do(VIEW), Do("schedule id=2001")]);
    steps
}

fn and(mut steps: Vec<Step>, more: Vec<Step>) -> Vec<Step> {
    steps.extend(more);
    steps
}

/// The index again, after a reconnect.
fn again() -> Vec<Step> {
    vec![
        Do("reconnect"),
        Do("create-instance"),
        Do(INDEX),
        Do("schedule id=1001"),
        Do("initialization-complete"),
    ]
}

const A: &[(i64, &str)] = &[(1, "a")];
const AB: &[(i64, &str)] = &[(1, "a"), (2, "b")];

/// Each invariant with a run that keeps it and one that breaks it.
fn table() -> Vec<(&'static str, Vec<Step>, Vec<Step>)> {
    let id = GlobalId::User(1001);
    let mut unscheduled = shard_of_two();
    unscheduled.push(Do(INDEX));
    let late = || and(shard_of_two(), vec![Do(LATE), Do("schedule id=1001")]);
    let peeked = |first| and(indexed(), vec![Do("peek id=1001 ts=0"), first]);
    let looked = |first| and(indexed(), vec![Do("peek id=1001 ts=1"), first]);
    let compacted = |second| {
        let steps = vec![
            Do("peek id=1001 ts=1"),
            rows(1, AB),
            Do("allow-compaction id=1001 frontier=1"),
            Do("peek id=1001 ts=1"),
            second,
        ];
        and(indexed(), steps)
    };
    let limited = |limit| {
        let steps = vec![Do(limit), Do("peek id=1001 ts=0"), rows(1, A)];
        and(indexed(), steps)
    };
    let stashing = |answer| {
        let steps = vec![Do(STASH), Do("peek id=1001 ts=0"), answer];
        and(indexed(), steps)
    };
    let gone = |next| {
        let steps = vec![
            write(1001, 2),
            Do("allow-compaction id=1001 frontier=[]"),
            ended(1001),
            Do("downgrade-since shard=s since=1"),
            next,
        ];
        and(indexed(), steps)
    };
    let dropped = |next| {
        let steps = vec![Do("allow-compaction id=1001 frontier=[]"), next];
        and(indexed(), steps)
    };
    let reconnected = |second| {
        let before = vec![Do("peek id=1001 ts=1"), rows(1, AB)];
        let steps = and(and(indexed(), before), again());
        and(steps, vec![Do("peek id=1001 ts=1"), second])
    };
    let below = |answer| {
        let steps = vec![
            Do("allow-compaction id=1001 frontier=1"),
            Do("peek id=1001 ts=0"),
            answer,
        ];
        and(indexed(), steps)
    };
    let cancelled = |end| {
        let steps = vec![
            Do("start-peek peek=p id=1001 ts=7"),
            Do("cancel-peek peek=p"),
            end,
        ];
        and(indexed(), steps)
    };
    let kept = |first| {
        and(
            and(indexed(), vec![write(1001, 2)]),
            and(again(), vec![first]),
        )
    };
    let twice = |second| {
        let steps = vec![
            Do("peek id=1001 ts=1"),
            rows(1, AB),
            Do("peek id=1001 ts=1"),
            second,
        ];
        and(indexed(), steps)
    };
    let meanings = |second| {
        let steps = vec![
            Do("define-index source=1000 index=1002 shard=s key=[1] as-of=1 upper=2"),
            Do("schedule id=1002"),
            Do("peek id=1001 ts=1"),
            rows(1, AB),
            Do("peek id=1002 ts=1"),
            second,
        ];
        and(indexed(), steps)
    };
    // Arranged by the text, which comes first then.
    let swapped = |n: u64, pairs: &[(&str, i64)]| {
        let counted: Vec<(Row, NonZeroUsize)> = pairs
            .iter()
            .map(|(text, n)| {
                let row = Row::pack([Datum::String(text), Datum::Int64(*n)]);
                (row, NonZeroUsize::MIN)
            })
            .collect();
        answer(
            n,
            PeekResponse::Rows(vec![RowCollection::from_rows(&counted)]),
        )
    };
    let stuck = Wait::output(id, 2);
    let never = Wait::output(id, 1_000);
    let compaction =
        "Arrangement compaction frontier ([1]) is beyond the time of the attempted read (0)";
    vec![
        ("I-01", peeked(rows(1, A)), peeked(rows(1, AB))),
        (
            "I-02",
            and(indexed(), vec![write(1001, 1), write(1001, 2)]),
            and(indexed(), vec![write(1001, 2), write(1001, 1)]),
        ),
        (
            "I-03",
            and(late(), vec![write(1001, 2)]),
            and(late(), vec![write(1001, 0)]),
        ),
        (
            "I-04",
            and(indexed(), vec![write(1001, 2)]),
            and(unscheduled, vec![write(1001, 2)]),
        ),
        (
            "I-05",
            and(indexed(), vec![write(1001, 2)]),
            and(indexed(), vec![write(1001, 3)]),
        ),
        (
            "I-06",
            and(peeked(rows(1, A)), vec![Note(Event::Finished)]),
            and(peeked(rows(1, A)), vec![rows(1, A)]),
        ),
        (
            "I-07",
            cancelled(answer(1, PeekResponse::Canceled)),
            peeked(answer(1, PeekResponse::Canceled)),
        ),
        (
            "I-08",
            and(indexed(), vec![write(1001, 2)]),
            and(indexed(), vec![write(4711, 2)]),
        ),
        ("I-09", compacted(rows(2, AB)), compacted(rows(2, A))),
        ("I-10", dropped(ended(1001)), dropped(waited(never))),
        ("I-11", reconnected(rows(2, AB)), reconnected(rows(2, A))),
        (
            "I-12",
            and(indexed(), vec![frontiers(1001, None, None, Some(at(2)))]),
            and(indexed(), vec![waited(stuck)]),
        ),
        (
            "I-13",
            and(indexed(), vec![Note(Event::Finished)]),
            and(
                indexed(),
                vec![Note(Event::TargetDied {
                    status: "signal 6".to_string(),
                })],
            ),
        ),
        ("I-14", below(error(1, compaction)), below(rows(1, A))),
        (
            "I-15",
            peeked(rows(1, A)),
            and(
                indexed(),
                vec![Do("start-peek peek=p id=1001 ts=2"), rows(1, AB)],
            ),
        ),
        (
            "I-16",
            looked(rows(1, AB)),
            looked(rows(1, &[(2, "b"), (1, "a")])),
        ),
        (
            "I-17",
            and(indexed(), vec![write(1001, 2)]),
            vec![Do("create-instance"), Do(INDEX), write(1001, 1)],
        ),
        (
            "I-18",
            and(
                indexed(),
                vec![frontiers(1001, Some(at(2)), None, Some(at(2)))],
            ),
            and(
                indexed(),
                vec![frontiers(1001, Some(at(2)), None, Some(at(1)))],
            ),
        ),
        (
            "I-19",
            and(dropped(ended(1001)), vec![Note(Event::Finished)]),
            and(dropped(ended(1001)), vec![write(1001, 2)]),
        ),
        (
            "I-20",
            and(late(), vec![write(1001, 2)]),
            and(late(), vec![write(1001, 1)]),
        ),
        (
            "I-21",
            and(indexed(), vec![write(1001, 2)]),
            and(indexed(), vec![frontiers(1001, None, None, None)]),
        ),
        ("I-22", twice(rows(2, AB)), twice(rows(2, A))),
        (
            "I-23",
            cancelled(answer(1, PeekResponse::Canceled)),
            cancelled(waited(Wait::Peek {
                uuid: peek(1),
                id,
                ts: 7,
            })),
        ),
        ("I-24", kept(write(1001, 2)), kept(write(1001, 1))),
        (
            "I-25",
            and(subscribed(), vec![batch(2001, 0, 1, &[(1, "a", 0, 1)])]),
            and(subscribed(), vec![batch(2001, 1, 2, &[(2, "b", 1, 1)])]),
        ),
        (
            "I-26",
            and(subscribed(), vec![batch(2001, 0, 1, &[(1, "a", 0, 1)])]),
            and(subscribed(), vec![batch(2001, 0, 1, &[(1, "a", 1, 1)])]),
        ),
        (
            "I-27",
            and(
                subscribed(),
                vec![batch(2001, 0, 2, &[(1, "a", 0, 1), (2, "b", 1, 1)])],
            ),
            and(subscribed(), vec![batch(2001, 0, 2, &[(1, "a", 0, 1)])]),
        ),
        (
            "I-28",
            and(
                subscribed(),
                vec![
                    batch(2001, 0, 1, &[(1, "a", 0, 1)]),
                    Do("allow-compaction id=2001 frontier=[]"),
                    dropped_at(2001, 1),
                ],
            ),
            and(subscribed(), vec![dropped_at(2001, 0)]),
        ),
        (
            "I-29",
            and(
                viewed(),
                vec![
                    Do("allow-writes id=2001"),
                    shard(2, &[(1, "a", 0, 1), (2, "b", 1, 1)]),
                ],
            ),
            and(
                viewed(),
                vec![Do("allow-writes id=2001"), shard(2, &[(1, "a", 0, 1)])],
            ),
        ),
        (
            "I-30",
            and(viewed(), vec![shard(0, &[])]),
            and(viewed(), vec![shard(1, &[(1, "a", 0, 1)])]),
        ),
        (
            "I-31",
            meanings(swapped(2, &[("a", 1), ("b", 2)])),
            meanings(swapped(2, &[("a", 1)])),
        ),
        (
            "I-32",
            limited("update-configuration\n  max_result_size u64 1000"),
            limited("update-configuration\n  max_result_size u64 1"),
        ),
        (
            "I-33",
            gone(Note(Event::ShardReleased { shard: "s".into() })),
            gone(waited(Wait::Released { shard: "s".into() })),
        ),
        (
            "I-34",
            stashing(stashed(1, A, 1)),
            stashing(stashed(1, A, 2)),
        ),
    ]
}

#[test]
fn every_invariant_passes_what_is_right_and_sees_what_is_wrong() {
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for (id, right, broken) in table() {
        seen.push(id);
        let (violations, checked) = run(right);
        if !violations.is_empty() {
            wrong.push(format!("{id}: the right run breaks {violations:?}"));
        }
        if !checked.contains(id) {
            wrong.push(format!("{id}: the right run gives it nothing to check"));
        }
        let (violations, _) = run(broken);
        if !violations.iter().any(|v| v.starts_with(id)) {
            wrong.push(format!("{id}: the broken run breaks only {violations:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let all: Vec<&str> = invariants::all().iter().map(|i| i.id()).collect();
    assert_eq!(seen, all);
}
