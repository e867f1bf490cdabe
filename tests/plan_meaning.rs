//! Planning must not change what a plan means: the model evaluates random plans
//! as written and as planned. What this file alone can catch: a binding moved
//! out of its scope, a split reduce put together wrongly.

mod plan_random;

use std::sync::Arc;

use clusterd_fuzz::model::Multiset;
use clusterd_fuzz::model::Undefined;
use clusterd_fuzz::model::eval::{Evaluated, Moment, evaluate};
use clusterd_fuzz::plan::lower::{DataflowPlan, JoinKind, LowerOptions, SourceImport, planned};
use clusterd_fuzz::plan::{Relation, RelationType, print, type_of};
use clusterd_fuzz::repr::{Antichain, Datum, GlobalId, ReprScalarType, Row};
use plan_random::Draw;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// A few rows of small values, so that keys meet.
fn contents(typ: &RelationType, rng: &mut TestRng) -> Arc<Evaluated> {
    let mut rows = Multiset::new();
    for _ in 0..rng.next_u32() % 6 {
        let row = Row::pack(typ.column_types.iter().map(|column| {
            let n = rng.next_u32() % 4;
            if column.nullable && n == 0 {
                return Datum::Null;
            }
            match column.scalar_type {
                ReprScalarType::Int64 => Datum::Int64(i64::from(n)),
                ReprScalarType::Int32 => Datum::Int32(n as i32),
                ReprScalarType::Int16 => Datum::Int16(n as i16),
                ReprScalarType::Bool => Datum::from(n > 1),
                ReprScalarType::Float64 => Datum::Float64(f64::from(n)),
                ReprScalarType::Date => Datum::Date(n as i32),
                ReprScalarType::MzTimestamp => Datum::MzTimestamp(u64::from(n)),
                ReprScalarType::Bytes => Datum::Bytes(b"ab"),
                _ => Datum::String(["a", "b", "", "c"][n as usize]),
            }
        }));
        rows.add(row, 1 + i64::from(rng.next_u32() % 2));
    }
    Arc::new(Evaluated::from_rows(rows))
}

/// Recursion and series need not end.
fn is_tame(relation: &Relation) -> bool {
    let mut tame = true;
    relation.visit(&mut |r| tame &= !matches!(r, Relation::FlatMap { .. }));
    relation.visit(&mut |r| {
        if let Relation::LetRec { bindings, .. } = r {
            tame &= bindings.iter().all(|binding| binding.limit.is_some());
        }
    });
    tame
}

/// A false promise that an input never retracts means nothing.
fn break_promises(relation: &mut Relation) {
    match relation {
        Relation::Reduce { monotonic, .. } | Relation::TopK { monotonic, .. } => *monotonic = false,
        _ => {}
    }
    for child in relation.children_mut() {
        break_promises(child);
    }
}

#[test]
fn planning_keeps_what_a_plan_means() {
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let (mut compared, mut with_rows, mut split) = (0, 0, 0);
    for _ in 0..6_000 {
        let data: Vec<u32> = (0..300).map(|_| rng.next_u32()).collect();
        let mut draw = Draw::new(&data);
        let (mut relation, typ) = draw.plan();
        break_promises(&mut relation);
        if !is_tame(&relation) {
            continue;
        }
        let id = GlobalId::User(2000);
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
            objects: vec![(id, relation.clone())],
            as_of: Antichain::minimum(),
            until: Antichain::empty(),
            ..DataflowPlan::default()
        };
        let inputs: std::collections::BTreeMap<_, _> = draw
            .globals
            .iter()
            .map(|(id, typ)| (*id, contents(typ, &mut rng)))
            .collect();
        let answer = |relation: &Relation| {
            let mut globals = |id, _| Ok(Arc::clone(&inputs[&id]));
            evaluate(relation, Moment::snapshot(3), &mut globals)
        };
        let Ok(expected) = answer(&relation) else {
            continue;
        };
        for join in [None, Some(JoinKind::Delta)] {
            let options = LowerOptions {
                optimize: true,
                join,
                ..LowerOptions::default()
            };
            let planned = &planned(&dataflow, &options).objects[0].1;
            let shown = || format!("{}planned\n{}", print(&relation), print(planned));
            let theirs = type_of(planned, &draw.globals);
            let theirs = theirs.unwrap_or_else(|e| panic!("{e}\n{}", shown()));
            let scalars = |typ: &RelationType| -> Vec<ReprScalarType> {
                let columns = typ.column_types.iter();
                columns.map(|column| column.scalar_type.clone()).collect()
            };
            assert_eq!(scalars(&theirs), scalars(&typ), "{}", shown());
            let found = match answer(planned) {
                Ok(found) => found,
                // Another member of a class comes first.
                Err(Undefined::Unsupported(_)) => continue,
                Err(undefined) => panic!("{undefined}\n{}", shown()),
            };
            assert_eq!(
                found.errors.is_empty(),
                expected.errors.is_empty(),
                "{}",
                shown()
            );
            if found.errors.is_empty() && found.possible.is_empty() {
                assert_eq!(found.rows, expected.rows, "{}", shown());
                compared += 1;
                with_rows += usize::from(!found.rows.is_empty());
                split += usize::from(print(planned) != print(&relation));
            }
        }
    }
    println!("{compared} compared, {with_rows} with rows, {split} rewritten");
    assert!(compared > 500 && with_rows > 100 && split > 100);
}
