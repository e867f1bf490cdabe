//! Window functions: the same partitions, orders and frames in a plan and in SQL. What
//! is compared are the results beside the rows that they are of.
//!
//! Where the result depends on the order of rows that tie, SQL is told the order in
//! which the model breaks ties: by the whole row.

use std::sync::Arc;

use super::{answer, table, value};
use clusterd_fuzz::generate::{Choices, SeededChoices};
use clusterd_fuzz::model::Multiset;
use clusterd_fuzz::model::eval::{Evaluated, Moment, evaluate};
use clusterd_fuzz::plan::{Globals, RelationType, parse};
use clusterd_fuzz::repr::{GlobalId, ReprColumnType, ReprScalarType, Row};
use rusqlite::Connection;

/// How often each function is compared, over other rows each time.
const SEEDS: u64 = 40;

const ROW: &str = "record(bigint?, bigint?, bigint?)";

/// What is read is only the position among the rows.
const RANKINGS: [(&str, bool); 3] = [("row_number", true), ("rank", false), ("dense_rank", false)];

/// The arguments in a plan, and the call in SQL, of what looks at another row.
const SHIFTS: [(&str, &str, &str); 6] = [
    ("lag", "1::integer, null::bigint", "lag(c2)"),
    ("lag", "2::integer, -7", "lag(c2, 2, -7)"),
    ("lag", "0::integer, -7", "lag(c2, 0, -7)"),
    ("lead", "1::integer, -7", "lead(c2, 1, -7)"),
    ("lead", "3::integer, null::bigint", "lead(c2, 3)"),
    // SQL has no negative offsets.
    ("lead", "-1::integer, -7", "lag(c2, 1, -7)"),
];

const AGGREGATES: [&str; 4] = ["sum", "count", "min", "max"];

/// Frames that both values and aggregates may have.
const FRAMES: [&str; 12] = [
    "range between unbounded preceding and current row",
    "rows between unbounded preceding and current row",
    "rows between unbounded preceding and unbounded following",
    "rows between current row and unbounded following",
    "rows between current row and current row",
    "rows between 1 preceding and current row",
    "rows between current row and 2 following",
    "rows between 1 preceding and 1 following",
    "rows between 2 preceding and 1 preceding",
    "rows between 1 preceding and 2 preceding",
    "rows between 1 following and 2 following",
    "rows between 2 following and 1 following",
];

/// Frames that only values may have.
const FRAMES_OF_VALUES: [&str; 4] = [
    "rows between unbounded preceding and 1 preceding",
    "rows between unbounded preceding and 1 following",
    "rows between 2 preceding and unbounded following",
    "rows between 1 following and unbounded following",
];

/// The orders of the second column, in a plan and in SQL.
const ORDERS: [(&str, &str); 2] = [
    ("#0 asc nulls_last", "c1 ASC NULLS LAST"),
    ("#0 desc nulls_first", "c1 DESC NULLS FIRST"),
];

/// A function with its parameters, what it takes, what it gives; and all that in SQL.
struct Comparison {
    plan: String,
    sql: String,
}

/// The plan and the query of one function.
fn comparison(
    (function, payload, result): (&str, &str, &str),
    (call, frame, total): (&str, &str, bool),
    (_, by): (&str, &str),
) -> Comparison {
    let plan = format!(
        "Project (#2, #3, #4, #5)\n  \
           Map (record_get[0](#1), record_get[0](record_get[1](#1)), record_get[1](record_get[1](#1)), record_get[2](record_get[1](#1)))\n    \
             FlatMap unnest_list[record({result}, {ROW})](#0)\n      \
               Project (#1)\n        \
                 Reduce group_by=[#0] aggregates=[{function}(record_create[\"payload\", \"key\"]({payload}, #1))]\n          \
                   Get u1000\n"
    );
    let ties = if total { ", c2 ASC NULLS LAST" } else { "" };
    let sql = format!(
        "SELECT {call} OVER (PARTITION BY c0 ORDER BY {by}{ties} {frame}), c0, c1, c2 FROM \"u1000\""
    );
    Comparison { plan, sql }
}

fn comparisons(order: (&str, &str)) -> Vec<Comparison> {
    let row = "record_create[\"p\", \"k\", \"v\"](#0, #1, #2)";
    let with = |args: &str| format!("record_create[\"row\", \"args\"]({row}, {args})");
    let by = format!("order_by=[{}]", order.0);
    let mut all = Vec::new();
    for (name, total) in RANKINGS {
        let function = format!("{name}[{by}]");
        let payload = format!("list_create[{ROW}]({row})");
        let call = format!("{name}()");
        let plan = (&*function, &*payload, "bigint");
        all.push(comparison(plan, (&call, "", total), order));
    }
    for (name, args, call) in SHIFTS {
        let function = format!("{name}[{by}]");
        let payload = with(&format!("record_create[\"v\", \"o\", \"d\"](#2, {args})"));
        let plan = (&*function, &*payload, "bigint?");
        all.push(comparison(plan, (call, "", true), order));
    }
    // Which value of a range is its last is a matter of ties, which SQL leaves open.
    let frames = FRAMES.iter().chain(&FRAMES_OF_VALUES);
    for frame in frames.filter(|frame| frame.starts_with("rows")) {
        for name in ["first_value", "last_value"] {
            let function = format!("{name}[{by} {frame}]");
            let call = format!("{name}(c2)");
            let plan = (&*function, &*with("#2"), "bigint?");
            all.push(comparison(plan, (&call, frame, true), order));
        }
    }
    for frame in FRAMES {
        let total = !frame.starts_with("range");
        for name in AGGREGATES {
            let function = format!("window_agg[{name} {by} {frame}]");
            let call = format!("{name}(c2)");
            let result = match name {
                "sum" => "numeric?",
                "count" => "bigint",
                _ => "bigint?",
            };
            let plan = (&*function, &*with("#2"), result);
            all.push(comparison(plan, (&call, frame, total), order));
        }
    }
    all
}

/// Rows of few partitions with ties and NULLs.
fn rows(choices: &mut dyn Choices, typ: &RelationType) -> Multiset {
    let mut rows = Multiset::new();
    for _ in 0..choices.draw("rows", 12) {
        let values = typ.column_types.iter();
        let values: Vec<Row> = values
            .filter_map(|column| value(choices, &column.scalar_type, column.nullable))
            .collect();
        let row = Row::pack(values.iter().flat_map(Row::iter));
        rows.add(row, 1 + i64::from(choices.chance("two copies", 1, 4)));
    }
    rows
}

#[test]
fn window_functions_are_those_of_sql() {
    let sqlite = Connection::open_in_memory().unwrap();
    let column = ReprColumnType {
        scalar_type: ReprScalarType::Int64,
        nullable: true,
    };
    let read = RelationType {
        column_types: vec![column; 3],
        keys: Vec::new(),
    };
    let id = GlobalId::User(1000);
    let globals = Globals::from([(id, read.clone())]);
    let (mut compared, mut wrong) = (0, Vec::new());
    for seed in 0..SEEDS {
        let rows = rows(&mut SeededChoices::new(seed), &read);
        table(&sqlite, &id.to_string(), &read, &rows);
        let contents = Arc::new(Evaluated::from_rows(rows));
        for order in ORDERS {
            for Comparison { plan: text, sql } in comparisons(order) {
                let (plan, typ) = parse(&text, &globals).unwrap();
                let mut globals = |_, _| Ok(Arc::clone(&contents));
                let model = evaluate(&plan, Moment::snapshot(0), &mut globals).unwrap();
                let expected = answer(&sqlite, &sql, &typ).unwrap();
                compared += expected.iter().map(|(_, diff)| diff).sum::<i64>();
                if !model.errors.is_empty() || model.rows != expected {
                    let (rows, found) = (&contents.rows, &model.rows);
                    wrong.push(format!(
                        "{text}{sql}\nrows   {rows:?}\nmodel  {found:?}\nsqlite {expected:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[0]);
    assert!(compared > 50_000, "only {compared} results were compared");
}
