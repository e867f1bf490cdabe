//! The model against SQLite: random plans over the same random rows, printed as
//! SQL. What this file alone can catch: a relational rule that we misread
//! everywhere, in the model as in the replica: how NULLs group, join, order and
//! aggregate, what a difference of multisets is, where a limit cuts. SQLite was
//! written by others, from another book.
//!
//! Plans that SQL does not express, or that SQLite defines otherwise, are
//! counted by reason.

mod relations;
mod scalars;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusterd_fuzz::generate::{Choices, Profile, SeededChoices, generate};
use clusterd_fuzz::model::Multiset;
use clusterd_fuzz::model::Rehearsal;
use clusterd_fuzz::model::eval::{Evaluated, Moment, evaluate};
use clusterd_fuzz::plan::{Globals, Relation, RelationType, print, type_of};
use clusterd_fuzz::protocol::v26_30::Id;
use clusterd_fuzz::repr::{Datum, Diff, Numeric, ReprScalarType, Row, Timestamp};
use clusterd_fuzz::script::event::Event;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// The time of evaluation; times in rows lie around it.
const NOW: Timestamp = 3;

/// Cases to draw plans from.
const SEEDS: u64 = 1_400;

/// The plans that a generated case builds.
fn plans(seed: u64) -> Vec<Relation> {
    let mut profile = Profile::default().with_operators(100);
    // SQLite would make its rows as well.
    profile.endless = false;
    profile.mixed_reduces = true;
    let mut rehearsal = Rehearsal::new();
    let mut plans = Vec::new();
    for command in generate(&mut SeededChoices::new(seed), &profile) {
        for event in rehearsal.play(&command).events {
            if let Event::DataflowCreated(spec) = event {
                plans.extend(spec.builds.iter().map(|(_, plan)| plan.clone()));
            }
        }
    }
    plans
}

/// What a plan reads.
fn globals(plan: &Relation) -> Globals {
    let mut globals = Globals::new();
    plan.visit(&mut |operator| {
        if let Relation::Get {
            id: Id::Global(id),
            typ,
        } = operator
        {
            globals.insert(*id, typ.clone());
        }
    });
    globals
}

/// A small value, so that keys meet; NULL where that may be.
fn value(choices: &mut dyn Choices, typ: &ReprScalarType, nullable: bool) -> Option<Row> {
    let n = choices.draw("value", 5) as i64 - 1;
    let text = ["a", "b", "", "ab", " B"][(n + 1) as usize];
    if nullable && choices.chance("null", 1, 5) {
        return Some(Row::pack([Datum::Null]));
    }
    let datum = match typ {
        ReprScalarType::Bool => Datum::from(n > 1),
        ReprScalarType::Int16 => Datum::Int16(n as i16),
        ReprScalarType::Int32 => Datum::Int32(n as i32),
        ReprScalarType::Int64 => Datum::Int64(n),
        ReprScalarType::UInt32 => Datum::UInt32(n.unsigned_abs() as u32),
        ReprScalarType::UInt64 => Datum::UInt64(n.unsigned_abs()),
        ReprScalarType::Float64 => Datum::Float64(n as f64 / 2.0 + 0.25),
        ReprScalarType::Numeric => Datum::Numeric(Numeric::from(n)),
        ReprScalarType::Date => Datum::Date(n as i32),
        ReprScalarType::MzTimestamp => Datum::MzTimestamp(2 * n.unsigned_abs()),
        ReprScalarType::String => Datum::String(text),
        ReprScalarType::Bytes => Datum::Bytes(text.as_bytes()),
        _ => return None,
    };
    Some(Row::pack([datum]))
}

/// Random rows of a type; `None` of a type that SQLite has not.
fn rows(choices: &mut dyn Choices, typ: &RelationType) -> Option<Multiset> {
    let mut rows = Multiset::new();
    for _ in 0..choices.draw("rows", 9) {
        let values = typ.column_types.iter();
        let values: Option<Vec<Row>> = values
            .map(|column| value(choices, &column.scalar_type, column.nullable))
            .collect();
        let row = Row::pack(values?.iter().flat_map(Row::iter));
        rows.add(row, 1 + i64::from(choices.chance("two copies", 1, 4)));
    }
    Some(rows)
}

/// A table with these rows.
fn table(sqlite: &Connection, name: &str, typ: &RelationType, rows: &Multiset) {
    let columns: Vec<String> = (0..typ.arity()).map(|c| format!("c{c}")).collect();
    let columns = match columns.is_empty() {
        true => "unit".to_string(),
        false => columns.join(", "),
    };
    let mut sql = format!("DROP TABLE IF EXISTS \"{name}\"; CREATE TABLE \"{name}\" ({columns});");
    for (row, diff) in rows.iter() {
        let values = row.iter().map(|datum| scalars::literal(&datum).unwrap());
        let values: Vec<String> = values.collect();
        for _ in 0..diff {
            let values = match values.is_empty() {
                true => "1".to_string(),
                false => values.join(", "),
            };
            sql += &format!("INSERT INTO \"{name}\" VALUES ({values});");
        }
    }
    sqlite.execute_batch(&sql).unwrap();
}

/// A value of SQLite as one of this type; `None` if it is none, as where an
/// integer overflowed into a float.
fn row_of(value: ValueRef<'_>, typ: &ReprScalarType) -> Option<Row> {
    let datum = match (value, typ) {
        (ValueRef::Null, _) => Datum::Null,
        (ValueRef::Integer(n), ReprScalarType::Bool) => Datum::from(n != 0),
        (ValueRef::Integer(n), ReprScalarType::Int16) => Datum::Int16(n.try_into().ok()?),
        (ValueRef::Integer(n), ReprScalarType::Int32) => Datum::Int32(n.try_into().ok()?),
        (ValueRef::Integer(n), ReprScalarType::Int64) => Datum::Int64(n),
        (ValueRef::Integer(n), ReprScalarType::UInt16) => Datum::UInt16(n.try_into().ok()?),
        (ValueRef::Integer(n), ReprScalarType::UInt32) => Datum::UInt32(n.try_into().ok()?),
        (ValueRef::Integer(n), ReprScalarType::UInt64) => Datum::UInt64(n.try_into().ok()?),
        (ValueRef::Integer(n), ReprScalarType::MzTimestamp) => {
            Datum::MzTimestamp(n.try_into().ok()?)
        }
        (ValueRef::Integer(n), ReprScalarType::Date) => Datum::Date(n.try_into().ok()?),
        (ValueRef::Integer(n), ReprScalarType::Numeric) => Datum::Numeric(Numeric::from(n)),
        (ValueRef::Real(x), ReprScalarType::Float64) => Datum::Float64(x),
        (ValueRef::Text(text), ReprScalarType::String) => {
            Datum::String(std::str::from_utf8(text).ok()?)
        }
        (ValueRef::Blob(bytes), ReprScalarType::Bytes) => Datum::Bytes(bytes),
        (_, _) => return None,
    };
    Some(Row::pack([datum]))
}

/// SQLite's answer; an error where it has none of these types.
fn answer(sqlite: &Connection, sql: &str, typ: &RelationType) -> Result<Multiset, String> {
    let mut statement = sqlite.prepare(sql).map_err(|e| format!("{e}: {sql}"))?;
    let mut found = statement.query([]).map_err(|e| e.to_string())?;
    let mut rows = Multiset::new();
    while let Some(row) = found.next().map_err(|e| e.to_string())? {
        let values = typ.column_types.iter().enumerate();
        let values: Option<Vec<Row>> = values
            .map(|(c, column)| row_of(row.get_ref(c).unwrap(), &column.scalar_type))
            .collect();
        let values = values.ok_or_else(|| "a value of another type".to_string())?;
        rows.add(Row::pack(values.iter().flat_map(Row::iter)), 1);
    }
    Ok(rows)
}

/// What is counted of the plans that were compared: operators, and the forms of
/// them that have rules of their own.
fn features(plan: &Relation, into: &mut BTreeMap<&'static str, usize>) {
    let mut found = BTreeSet::new();
    plan.visit(&mut |operator| {
        found.insert(operator.name());
        found.extend(match operator {
            Relation::Reduce {
                aggregates,
                group_key,
                ..
            } => {
                let mut forms = Vec::new();
                if aggregates.iter().any(|a| a.distinct) {
                    forms.push("Reduce: distinct aggregate");
                }
                if group_key.is_empty() {
                    forms.push("Reduce: of everything");
                }
                forms
            }
            Relation::TopK { limit, offset, .. } => {
                let mut forms = Vec::new();
                if limit.is_some() {
                    forms.push("TopK: limit");
                }
                if *offset > 0 {
                    forms.push("TopK: offset");
                }
                forms
            }
            _ => Vec::new(),
        });
    });
    for name in found {
        *into.entry(name).or_default() += 1;
    }
}

/// SQLite copies a name into each of its readers, so that what it parses doubles with
/// every binding that is read twice.
const MOST_BINDINGS: usize = 4;

#[test]
fn the_model_answers_as_sqlite_does() {
    let sqlite = Connection::open_in_memory().unwrap();
    let numbers = (0..relations::NUMBERS).map(|n| format!("({n})"));
    let numbers: Vec<String> = numbers.collect();
    let batch = format!(
        "CREATE TABLE numbers (n); INSERT INTO numbers VALUES {};",
        numbers.join(", ")
    );
    sqlite.execute_batch(&batch).unwrap();

    let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
    let mut counted = BTreeMap::new();
    let (mut compared, mut with_rows, mut copies) = (0, 0, 0);
    let mut wrong = Vec::new();
    for seed in 0..SEEDS {
        let mut choices = SeededChoices::new(!seed);
        for plan in plans(seed) {
            let mut leave_out = |reason: &str| {
                *left_out.entry(reason.to_string()).or_default() += 1;
            };
            let mut bindings = 0;
            plan.visit(&mut |r| bindings += usize::from(matches!(r, Relation::Let { .. })));
            if bindings > MOST_BINDINGS {
                leave_out("deeper bindings than SQLite nests");
                continue;
            }
            let (sql, fallible) = match relations::print(&plan, NOW) {
                Ok(printed) => printed,
                Err(reason) => {
                    leave_out(&reason);
                    continue;
                }
            };
            let globals = globals(&plan);
            let typ = type_of(&plan, &globals).unwrap();
            let mut contents = BTreeMap::new();
            for (id, typ) in &globals {
                let Some(rows) = rows(&mut choices, typ) else {
                    break;
                };
                table(&sqlite, &id.to_string(), typ, &rows);
                contents.insert(*id, Arc::new(Evaluated::from_rows(rows)));
            }
            if contents.len() < globals.len() {
                leave_out("a type that SQLite has not");
                continue;
            }
            let mut globals = |id, _| Ok(Arc::clone(&contents[&id]));
            let model = evaluate(&plan, Moment::snapshot(NOW), &mut globals).unwrap();
            if !model.errors.is_empty() {
                let text = format!("{}: {:?}", print(&plan), model.errors);
                assert!(fallible, "nothing here can fail\n{text}");
                leave_out("an error");
                continue;
            }
            let expected = match answer(&sqlite, &sql, &typ) {
                Ok(expected) => expected,
                Err(text) => {
                    wrong.push(format!("{}{text}\n{sql}", print(&plan)));
                    continue;
                }
            };
            compared += 1;
            with_rows += usize::from(!expected.is_empty());
            let most: Diff = expected.iter().map(|(_, diff)| diff).max().unwrap_or(0);
            copies += usize::from(most > 1);
            features(&plan, &mut counted);
            if model.rows != expected {
                let read: Vec<String> = contents
                    .iter()
                    .map(|(id, rows)| format!("{id}: {:?}", rows.rows))
                    .collect();
                wrong.push(format!(
                    "{}{}\nmodel  {:?}\nsqlite {expected:?}\n{sql}",
                    print(&plan),
                    read.join("\n"),
                    model.rows
                ));
            }
        }
    }
    println!("{compared} plans compared, {with_rows} with rows, {copies} with copies");
    println!("compared: {counted:?}");
    println!("left out: {left_out:?}");
    let shown = wrong.len().min(5);
    assert!(
        wrong.is_empty(),
        "{} of {compared} differ:\n{}",
        wrong.len(),
        wrong[..shown].join("\n\n")
    );
    assert!(compared >= 1_000 && with_rows * 2 > compared);
    for (name, least) in LEAST {
        let count = counted.get(name).copied().unwrap_or(0);
        assert!(count >= least, "only {count} plans with {name}");
    }
}

/// Plans with an operator, or a form of one, that must be compared, at least.
const LEAST: [(&str, usize); 19] = [
    ("ArrangeBy", 100),
    ("Constant", 50),
    ("Distinct", 60),
    ("Filter", 175),
    ("FlatMap", 45),
    ("Get", 500),
    ("Join", 65),
    ("Map", 100),
    ("Negate", 100),
    ("Project", 150),
    ("Reduce", 225),
    ("Reduce: distinct aggregate", 7),
    ("Reduce: of everything", 100),
    ("Threshold", 75),
    ("TopK", 100),
    ("TopK: limit", 60),
    ("TopK: offset", 25),
    ("Union", 140),
    ("With", 50),
];
