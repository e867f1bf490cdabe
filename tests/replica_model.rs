//! The replica's operators against the model, on random plans over random
//! histories. What this file alone can catch: an operator, a function or a time
//! that one of the two witnesses gets wrong and the golden answers do not
//! cover. Both know the book; neither knows the other.

mod plan_random;
mod replica_lab;

use std::collections::BTreeMap;
use std::sync::Arc;

use clusterd_fuzz::model::Multiset;
use clusterd_fuzz::model::eval::{self, ErrorCounts, Evaluated, Moment};
use clusterd_fuzz::plan::DataflowBuilder;
use clusterd_fuzz::plan::lower::JoinKind;
use clusterd_fuzz::plan::{Relation, RelationType, print};
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::v26_30::{CollectionMetadata, LetRecLimit, PersistLocation};
use clusterd_fuzz::repr::{
    Datum, Diff, GlobalId, RelationDesc, ReprScalarType, Row, ShardId, SqlScalarType, Timestamp,
};
use plan_random::Draw;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use replica_lab::{Mode, PLAIN, Sources, answer, run};

/// The last time that is compared.
const LAST: Timestamp = 3;

fn sql(typ: &ReprScalarType) -> SqlScalarType {
    match typ {
        ReprScalarType::Int64 => SqlScalarType::Int64,
        ReprScalarType::Int32 => SqlScalarType::Int32,
        ReprScalarType::Int16 => SqlScalarType::Int16,
        ReprScalarType::Bool => SqlScalarType::Bool,
        ReprScalarType::Float64 => SqlScalarType::Float64,
        ReprScalarType::Date => SqlScalarType::Date,
        ReprScalarType::MzTimestamp => SqlScalarType::MzTimestamp,
        ReprScalarType::Bytes => SqlScalarType::Bytes,
        ReprScalarType::String => SqlScalarType::String,
        other => panic!("no source has a {other:?}"),
    }
}

fn random_row(rng: &mut StdRng, typ: &RelationType) -> Row {
    let datums = typ.column_types.iter().map(|column| {
        if column.nullable && rng.random_range(0..4) == 0 {
            return Datum::Null;
        }
        let n: i32 = rng.random_range(0..3);
        match column.scalar_type {
            ReprScalarType::Int64 => Datum::Int64(n.into()),
            ReprScalarType::Int32 => Datum::Int32(n),
            ReprScalarType::Int16 => Datum::Int16(n as i16),
            ReprScalarType::Bool => Datum::from(n > 0),
            ReprScalarType::Float64 => Datum::Float64(f64::from(n) / 2.0),
            ReprScalarType::Date => Datum::Date(n),
            ReprScalarType::MzTimestamp => Datum::MzTimestamp(n as u64),
            ReprScalarType::Bytes => Datum::Bytes(["a", "b", ""][n as usize].as_bytes()),
            ReprScalarType::String => Datum::String(["a", "b", ""][n as usize]),
            _ => Datum::Null,
        }
    });
    Row::pack(datums)
}

/// Insertions, and retractions of what is there.
fn history(rng: &mut StdRng, typ: &RelationType) -> Vec<(Row, Timestamp, Diff)> {
    let mut updates: Vec<(Row, Timestamp, Diff)> = Vec::new();
    let mut present: Vec<Row> = Vec::new();
    for time in 0..=LAST {
        for _ in 0..rng.random_range(0..5) {
            if !present.is_empty() && rng.random_range(0..3) == 0 {
                let at = rng.random_range(0..present.len());
                updates.push((present.swap_remove(at), time, -1));
            } else {
                let row = random_row(rng, typ);
                present.push(row.clone());
                updates.push((row, time, 1));
            }
        }
    }
    updates
}

/// Recursion ends after a few rounds, whatever the plan says.
fn bound_recursion(relation: &mut Relation, rng: &mut StdRng) {
    if let Relation::LetRec { bindings, .. } = relation {
        for binding in bindings {
            binding.limit = Some(LetRecLimit {
                max_iters: rng.random_range(1..5u64).try_into().unwrap(),
                return_at_limit: rng.random_range(0..2) == 0,
            });
        }
    }
    for child in relation.children_mut() {
        bound_recursion(child, rng);
    }
}

/// Whether a join compares more than columns: then the planner decides on which
/// rows an expression is evaluated, and so whether it fails.
fn joins_on_expressions(relation: &Relation) -> bool {
    let mut found = false;
    relation.visit(&mut |operator| {
        if let Relation::Join { equivalences, .. } = operator {
            let mut members = equivalences.iter().flatten();
            found |= members.any(|e| clusterd_fuzz::plan::scalar::as_column(e).is_none());
        }
    });
    found
}

/// Whether bindings stand below another operator, which planning moves up, so
/// that what was apart may become one block.
fn hoists(relation: &Relation, below: bool) -> bool {
    let binds = matches!(relation, Relation::Let { .. } | Relation::LetRec { .. });
    binds && below
        || relation
            .children()
            .into_iter()
            .any(|child| hoists(child, below || !binds))
}

/// What the model says, as a peek would: rows, or errors.
fn expected(contents: &Evaluated) -> Result<String, String> {
    if !contents.errors.is_empty() {
        return Err("an error".into());
    }
    if !contents.possible.is_empty() {
        return Err(String::new());
    }
    if contents.rows.has_negative() {
        return Err("an error".into());
    }
    let rows = contents
        .rows
        .iter()
        .map(|(row, n)| (row.clone(), n as usize));
    Ok(clusterd_fuzz::script::output::row_lines(rows).join("\n"))
}

/// What a dataflow of a case is for.
#[derive(Clone, Copy)]
enum Use {
    /// It is kept, and compared at every time.
    Standing,
    /// It is read at its as_of and never again, and is planned for that.
    Once,
}

/// One case; gives a disagreement. Its dataflow is that of the release, for `used`.
fn case(seed: u64, release: Release, used: Use) -> Result<bool, String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let data: Vec<u32> = (0..200).map(|_| rng.random()).collect();
    let mut draw = Draw::new(&data);
    let (mut relation, typ) = draw.plan();
    bound_recursion(&mut relation, &mut rng);
    let text = print(&relation);
    // A long series is no bug.
    let digits = text.split(|c: char| !c.is_ascii_digit());
    if text.contains("FlatMap") && digits.clone().any(|n| n.len() > 4) {
        return Ok(false);
    }
    let mut sources = Sources::new();
    let mut builder = DataflowBuilder::new("random");
    for (id, typ) in &draw.globals {
        let columns = typ.column_types.iter().enumerate();
        let names: Vec<String> = columns.clone().map(|(at, _)| format!("c{at}")).collect();
        let columns = columns.map(|(at, c)| (names[at].as_str(), sql(&c.scalar_type), c.nullable));
        let metadata = CollectionMetadata {
            persist_location: PersistLocation {
                blob_uri: String::new(),
                consensus_uri: String::new(),
            },
            data_shard: ShardId(Default::default()),
            relation_desc: RelationDesc::from_columns(columns.collect::<Vec<_>>()),
            txns_shard: None,
        };
        builder.import_persist(*id, metadata, LAST + 1).unwrap();
        let mut updates = history(&mut rng, typ);
        if let Use::Once = used {
            updates.retain(|(_, time, _)| *time == 0);
        }
        sources.insert(*id, updates);
    }
    let (object, index) = (GlobalId::User(2000), GlobalId::User(9000));
    if builder.build_plan(object, &relation).is_err() {
        return Ok(false);
    }
    let key: Vec<usize> = (0..typ.column_types.len().min(1)).collect();
    builder.export_index(index, object, &key).unwrap();
    builder.optimize(true);
    builder.release(release);
    let last = match used {
        Use::Standing => LAST,
        Use::Once => {
            builder.until(Some(1));
            // The paths of a delta join are what a single time makes fewer.
            builder.join(seed.is_multiple_of(2).then_some(JoinKind::Delta));
            0
        }
    };
    let built = builder.finish().map_err(|e| format!("{text}\n{e}"))?;
    // A dataflow for one time has that time in the place of `mz_now()`.
    let (_, relation) = &built.builds[0];
    let mode = Mode {
        release,
        workers: if seed.is_multiple_of(5) { 2 } else { 1 },
        ..PLAIN
    };
    // What the model cannot say is not compared.
    let mut wanted = Vec::new();
    for ts in 0..=last {
        let moment = Moment {
            ts,
            as_of: 0,
            join: None,
            error_counts: match release.makes_errors_distinct() {
                true => ErrorCounts::OncePerBinding { planned: true },
                false => ErrorCounts::AsRaised,
            },
        };
        let mut globals = |id: GlobalId, ts: Timestamp| {
            let mut rows = Multiset::new();
            for (row, time, diff) in &sources[&id] {
                if *time <= ts {
                    rows.add(row.clone(), *diff);
                }
            }
            Ok(Arc::new(Evaluated::from_rows(rows)))
        };
        match eval::evaluate(relation, moment, &mut globals) {
            Ok(contents) => wanted.push(expected(&contents)),
            Err(_) => return Ok(false),
        }
    }
    let mut exported: BTreeMap<_, _> = match run(&built.description, &sources, mode) {
        Ok(exported) => exported,
        Err(reason) if reason.starts_with("this replica cannot render") => return Ok(false),
        Err(reason) => return Err(format!("{text}\n{reason}")),
    };
    let contents = exported.remove(&index).unwrap_or_default();
    let lenient = joins_on_expressions(relation) || hoists(relation, false);
    for (ts, wanted) in wanted.into_iter().enumerate() {
        let got = answer(&contents, ts as Timestamp);
        let fine = match &wanted {
            _ if lenient && wanted.is_err() != got.starts_with("error:") => true,
            // A bound of `mz_now()` that overflows is an error.
            Ok(_) if got.ends_with("step mz_timestamp overflow") => true,
            Ok(rows) => got == *rows,
            Err(reason) if reason.is_empty() => true,
            Err(_) => got.starts_with("error:"),
        };
        if !fine {
            return Err(format!(
                "{text}\nat {ts}, expected:\n{wanted:?}\ngot:\n{got}\nsources: {sources:?}"
            ));
        }
    }
    Ok(true)
}

#[test]
fn random_plans_mean_the_same_to_the_replica_and_to_the_model() {
    assert_all_mean_the_same(Release::V26_30, Use::Standing);
}

#[test]
fn random_plans_for_one_time_mean_the_same() {
    assert_all_mean_the_same(Release::V26_30, Use::Once);
}

#[test]
fn random_plans_of_26_39_for_one_time_mean_the_same() {
    assert_all_mean_the_same(Release::V26_39, Use::Once);
}

fn assert_all_mean_the_same(release: Release, used: Use) {
    let only: Option<u64> = std::env::var("SEED").ok().and_then(|n| n.parse().ok());
    let cases: u64 = std::env::var("CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(300);
    let mut compared = 0;
    let mut failures = Vec::new();
    for seed in only.map_or(0..cases, |only| only..only + 1) {
        match case(seed, release, used) {
            Ok(true) => compared += 1,
            Ok(false) => {}
            Err(reason) => failures.push((seed, reason)),
        }
    }
    let which: Vec<u64> = failures.iter().map(|(seed, _)| *seed).collect();
    failures.sort_by_key(|(_, reason)| reason.len());
    let text: String = failures
        .iter()
        .take(6)
        .map(|(seed, reason)| format!("--- seed {seed}\n{reason}\n"))
        .collect();
    assert!(
        failures.is_empty(),
        "{which:?} of {compared} disagree\n{text}"
    );
    assert!(
        only.is_some() || compared > cases / 3,
        "only {compared} compared"
    );
}
