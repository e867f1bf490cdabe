//! What 26.39 changed, against the bytes that `spec/v26_39.md` states. The
//! recordings hold none of it but the layout of plans, so numbers, bounds and
//! refusals are pinned here.

use std::fmt::Debug;

use repr::{GlobalId, Row};
use serde::de::DeserializeOwned;

use super::*;
use crate::neutral::{self, Obstacle, Top1Form, Untranslatable};
use crate::shape::{DeltaPathPlan, Expr, LetFreePlan, Node, TopKPlan};
use crate::v26_30::{
    self, ArrangementStrategy, AvailableCollections, BinaryFunc, ColumnOrder,
    ComputeSinkConnection, EvalError, InvalidRangeError, JoinClosure, LirId, MapFilterProject,
    MirScalarExpr, TableFunc, UnaryFunc, UnmaterializableFunc, VariadicFunc,
};

fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    wire::encode(&Under::new(value, &NUMBERS))
}

fn bytes_in_plan<T: Serialize>(value: &T) -> Vec<u8> {
    wire::encode(&Under::new(value, &numbers::PLAN))
}

fn decoded<T: DeserializeOwned>(payload: &[u8]) -> Result<T, DecodeError> {
    wire::decode_seed(Under::new(PhantomData, &NUMBERS), payload)
}

fn column(i: usize) -> MirScalarExpr {
    MirScalarExpr::column(i)
}

fn mz_now() -> MirScalarExpr {
    MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow)
}

fn compared(func: BinaryFunc, left: MirScalarExpr, right: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallBinary {
        func,
        expr1: Box::new(left),
        expr2: Box::new(right),
    }
}

fn step(expr: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallUnary {
        func: UnaryFunc::StepMzTimestamp,
        expr: Box::new(expr),
    }
}

fn filter(predicates: Vec<MirScalarExpr>) -> MapFilterProject {
    MapFilterProject {
        predicates: predicates.into_iter().map(|p| (2, p)).collect(),
        ..MapFilterProject::identity(2)
    }
}

fn unbounded(mfp: MapFilterProject) -> MfpPlan {
    MfpPlan {
        mfp: SafeMfpPlan { mfp },
        lower_bounds: Vec::new(),
        upper_bounds: Vec::new(),
    }
}

/// A dataflow that builds one object of one node, with number 7.
fn dataflow<V: shape::Version>(expr: Expr<V>) -> shape::ComputeCommand<V> {
    let node = Node {
        expr,
        parent: None,
        nesting: 0,
    };
    let body = LetFreePlan {
        nodes: [(LirId(7), node)].into(),
        root: LirId(7),
        topological_order: vec![LirId(7)],
    };
    building(shape::RenderPlan {
        binds: Vec::new(),
        body,
    })
}

/// A dataflow that builds one object by a plan.
pub(super) fn building<V: shape::Version>(plan: shape::RenderPlan<V>) -> shape::ComputeCommand<V> {
    shape::ComputeCommand::CreateDataflow(Box::new(shape::DataflowDescription {
        source_imports: Default::default(),
        index_imports: Default::default(),
        objects_to_build: vec![shape::BuildDesc {
            id: GlobalId::User(1),
            plan,
        }],
        index_exports: Default::default(),
        sink_exports: Default::default(),
        as_of: None,
        until: repr::Antichain::empty(),
        initial_storage_as_of: None,
        refresh_schedule: None,
        debug_name: String::new(),
        time_dependence: None,
    }))
}

fn mfp_node<V: shape::Version>(mfp: V::Mfp) -> Expr<V> {
    Expr::Mfp {
        input: LirId(6),
        mfp,
        input_key_val: None,
    }
}

/// Writes numbers as bincode does from 251 on: a tag and two bytes.
fn wide(number: u16) -> Vec<u8> {
    let [low, high] = number.to_le_bytes();
    vec![251, low, high]
}

#[test]
fn unary_functions_stand_at_their_numbers() {
    let numbered = [
        (UnaryFunc::ParseCatalogAclMode, 254),
        (UnaryFunc::ParseCatalogCreateSql, 256),
        (UnaryFunc::ParseCatalogPrivileges, 258),
        (UnaryFunc::RedactSql, 263),
        (UnaryFunc::RoundFloat32, 264),
        (UnaryFunc::StepMzTimestamp, 307),
        (UnaryFunc::Reverse, 334),
    ];
    for (func, number) in numbered {
        assert_eq!(bytes(&func), wide(number), "{func:?}");
        assert_eq!(bytes_in_plan(&func), wide(number), "{func:?}");
    }
    assert_eq!(
        bytes(&UnaryFunc::BitCountBytes),
        wire::encode(&UnaryFunc::BitCountBytes)
    );
}

#[test]
fn errors_table_functions_and_unmaterializable_functions_stand_at_their_numbers() {
    assert_eq!(bytes(&EvalError::LengthTooLarge), [78]);
    assert_eq!(bytes(&EvalError::AclArrayNullElement), [80]);
    assert_eq!(bytes(&EvalError::RedactError("e".into())), [83, 1, b'e']);
    assert_eq!(bytes(&TableFunc::GenerateSeriesInt64), [10]);
    assert_eq!(bytes(&TableFunc::GenerateSeriesTimestamp), [12]);
    let inner = Box::new(TableFunc::RegexpMatches);
    assert_eq!(bytes(&TableFunc::WithOrdinality { inner }), [24, 23]);
    assert_eq!(bytes(&UnmaterializableFunc::IsRbacEnabled), [6]);
    assert_eq!(bytes(&UnmaterializableFunc::MzIsSuperuser), [7]);
    assert_eq!(bytes(&UnmaterializableFunc::MzNow), [8]);
    assert_eq!(bytes(&UnmaterializableFunc::ViewableVariables), [19]);
}

#[test]
fn scalars_are_lir_inside_of_plans_and_mir_outside() {
    let negated = || MirScalarExpr::CallUnary {
        func: UnaryFunc::Not,
        expr: Box::new(column(0)),
    };
    let expr = MirScalarExpr::If {
        cond: Box::new(negated()),
        then: Box::new(compared(BinaryFunc::AddInt16, column(1), column(2))),
        els: Box::new(MirScalarExpr::CallVariadic {
            func: VariadicFunc::Coalesce,
            exprs: vec![column(3)],
        }),
    };
    let mir = [6, 3, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 2, 0, 5, 0, 1, 0, 3, 0];
    let lir = [5, 2, 0, 0, 0, 0, 3, 0, 0, 1, 0, 0, 2, 0, 4, 0, 1, 0, 3, 0];
    assert_eq!(bytes(&expr), mir);
    assert_eq!(bytes_in_plan(&expr), lir);
    assert_eq!(
        bytes(&compared(BinaryFunc::AddInt16, mz_now(), column(0)))[2..4],
        [2, 8]
    );

    // What casts apply to elements is of the same kind (§3.3).
    let cast = UnaryFunc::CastArrayToJsonb {
        cast_element: Box::new(negated()),
    };
    assert_eq!(bytes(&cast), [204, 3, 0, 0, 0, 0]);
    assert_eq!(bytes_in_plan(&cast), [204, 2, 0, 0, 0, 0]);
}

#[test]
fn a_dataflow_has_lir_scalars_in_its_plan_and_mir_scalars_in_its_keys() {
    let negated = MirScalarExpr::CallUnary {
        func: UnaryFunc::NegInt16,
        expr: Box::new(column(0)),
    };
    let node = mfp_node(unbounded(filter(vec![negated.clone()])));
    let ComputeCommand::CreateDataflow(mut description) = dataflow(node) else {
        unreachable!("a dataflow is created")
    };
    let index = v26_30::IndexDesc {
        on_id: GlobalId::User(1),
        key: vec![negated],
    };
    let key = (index, repr::ReprRelationType::default());
    description.index_exports = [(GlobalId::User(2), key)].into();
    let command = ComputeCommand::CreateDataflow(description);
    let encoded = encode_command(&command).unwrap();
    let find = |part: &[u8]| encoded.windows(part.len()).filter(|at| *at == part).count();
    assert_eq!(find(&[2, 10, 0, 0, 0]), 1, "the predicate: {encoded:?}");
    assert_eq!(find(&[3, 10, 0, 0, 0]), 1, "the key: {encoded:?}");
    assert_eq!(decode_command(&encoded).unwrap(), command);
}

/// Checks that decoding is refused by an error that names the variant.
fn refused<T: DeserializeOwned + Debug>(payload: &[u8], name: &str) {
    let error = decoded::<T>(payload).unwrap_err();
    assert!(error.to_string().contains(name), "{error}");
}

#[test]
fn variants_that_only_26_39_has_are_refused_by_name() {
    refused::<UnaryFunc>(&wide(255), "UnaryFunc::ParseCatalogAuditLogDetails");
    refused::<UnaryFunc>(&wide(259), "UnaryFunc::ParseConnectionDetails");
    refused::<UnaryFunc>(&wide(262), "UnaryFunc::ParseSourceExportDetails");
    refused::<EvalError>(&[79], "EvalError::TempStorageBudgetExceeded");
    refused::<TableFunc>(&[11], "TableFunc::GenerateSeriesUnoptimized");
    refused::<EvalError>(&[66, 6], "InvalidRangeError::InvalidRangeData");
    refused::<ComputeSinkConnection>(&[3], "ComputeSinkConnection::MetricSink");
}

#[test]
fn numbers_past_the_last_variant_are_refused() {
    refused::<UnaryFunc>(&wide(335), "invalid value");
    refused::<InvalidRangeError>(&[7], "invalid value");
    let greatest = [252, 255, 255, 255, 255];
    refused::<UnaryFunc>(&greatest, "invalid value");
    refused::<UnmaterializableFunc>(&greatest, "invalid value");
}

#[test]
fn variants_that_26_39_lacks_are_refused_by_name() {
    let gone = UnmaterializableFunc::MzEnvironmentId;
    let error = wire::try_encode(&Under::new(&gone, &NUMBERS)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("UnmaterializableFunc::MzEnvironmentId"),
        "{text}"
    );

    let version = MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::Version);
    let mfp = filter(vec![version]);
    let error = encode_command(&dataflow(mfp_node(unbounded(mfp.clone())))).unwrap_err();
    let lacking = "MirScalarExpr::CallUnmaterializable";
    assert!(error.to_string().contains(lacking), "{error}");
    let error = from_neutral(dataflow(mfp_node(mfp))).unwrap_err();
    assert!(error.to_string().contains(lacking), "{error}");
}

#[test]
fn changed_parts_have_the_fields_of_the_spec_in_order() {
    let top_1 = MonotonicTop1Plan {
        group_key: vec![9],
        order_key: vec![ColumnOrder {
            column: 8,
            desc: false,
            nulls_last: true,
        }],
        arity: 10,
        must_consolidate: true,
    };
    assert_eq!(bytes_in_plan(&top_1), [1, 9, 1, 8, 0, 1, 10, 1]);

    let plan = MfpPlan {
        mfp: SafeMfpPlan {
            mfp: MapFilterProject::identity(1),
        },
        lower_bounds: vec![column(5)],
        upper_bounds: vec![column(6), column(7)],
    };
    let expected = [0, 0, 1, 0, 1, 1, 0, 5, 0, 2, 0, 6, 0, 0, 7, 0];
    assert_eq!(bytes_in_plan(&plan), expected);

    let delta = delta_path::<V26_39>(None);
    assert_eq!(bytes_in_plan(&delta)[..2], [4, 0]);
    let delta = delta_path::<V26_39>(Some(vec![column(2)]));
    assert_eq!(bytes_in_plan(&delta)[..5], [4, 1, 1, 0, 2]);
}

fn delta_path<V: shape::Version>(source_key: V::DeltaSourceKey) -> DeltaPathPlan<V> {
    DeltaPathPlan {
        source_relation: 4,
        source_key,
        initial_closure: JoinClosure {
            ready_equivalences: Vec::new(),
            before: SafeMfpPlan {
                mfp: MapFilterProject::identity(0),
            },
        },
        stage_plans: Vec::new(),
        final_closure: None,
    }
}

#[test]
fn temporal_predicates_become_bounds() {
    use BinaryFunc::{Eq, Gt, Gte, Lt, Lte};
    let e = || column(1);
    let cases = [
        (Eq, vec![e()], vec![step(e())]),
        (Lt, vec![], vec![e()]),
        (Lte, vec![], vec![step(e())]),
        (Gt, vec![step(e())], vec![]),
        (Gte, vec![e()], vec![]),
    ];
    let turned = [Eq, Gt, Gte, Lt, Lte];
    let other = compared(BinaryFunc::NotEq, column(0), column(1));
    for ((func, lower_bounds, upper_bounds), turned) in cases.into_iter().zip(turned) {
        let expected = MfpPlan {
            lower_bounds,
            upper_bounds,
            ..unbounded(filter(vec![other.clone()]))
        };
        for predicate in [
            compared(func, mz_now(), e()),
            compared(turned, e(), mz_now()),
        ] {
            let mfp = filter(vec![predicate.clone(), other.clone()]);
            let translated = from_neutral(dataflow(mfp_node(mfp))).unwrap();
            let expected = dataflow(mfp_node(expected.clone()));
            assert_eq!(translated, expected, "{predicate:?}");
        }
    }
}

#[test]
fn bounds_become_predicates_and_the_same_bounds_again() {
    let plan = MfpPlan {
        lower_bounds: vec![column(1), step(column(0))],
        upper_bounds: vec![compared(BinaryFunc::AddInt64, column(1), column(0))],
        ..unbounded(filter(vec![column(0)]))
    };
    let command = dataflow(mfp_node(plan.clone()));
    let neutral = to_neutral(command.clone());
    let lower = |bound| compared(BinaryFunc::Gte, mz_now(), bound);
    let upper = |bound| compared(BinaryFunc::Lt, mz_now(), bound);
    let mfp = MapFilterProject {
        predicates: vec![
            (2, column(0)),
            (2, lower(column(1))),
            (1, lower(step(column(0)))),
            (2, upper(plan.upper_bounds[0].clone())),
        ],
        ..MapFilterProject::identity(2)
    };
    assert_eq!(neutral, dataflow(mfp_node(mfp)));
    assert_eq!(from_neutral(neutral).unwrap(), command);
}

/// Checks that 26.39 has no form for the node of a neutral dataflow.
fn obstructed(expr: neutral::Expr, obstacle: Obstacle) {
    let error = from_neutral(dataflow(expr)).unwrap_err();
    let node = Some(LirId(7));
    assert_eq!(error, Untranslatable { node, obstacle });
    assert!(error.to_string().starts_with("node 7: "), "{error}");
}

#[test]
fn temporal_filters_without_bounds_are_obstacles() {
    let alone = mz_now();
    let unequal = compared(BinaryFunc::NotEq, mz_now(), column(0));
    let both = compared(BinaryFunc::Lt, mz_now(), mz_now());
    let nested = compared(BinaryFunc::Lt, step(mz_now()), column(0));
    for predicate in [alone, unequal, both, nested] {
        let node = mfp_node(filter(vec![predicate]));
        obstructed(node, Obstacle::TemporalPredicate);
    }
    let mapped = MapFilterProject {
        expressions: vec![step(mz_now())],
        ..MapFilterProject::identity(2)
    };
    obstructed(mfp_node(mapped), Obstacle::TemporalExpression);
    let reduce = Expr::Reduce {
        input_key: None,
        input: LirId(6),
        key_val_plan: v26_30::KeyValPlan {
            key_plan: unbounded(filter(Vec::new())).mfp,
            val_plan: unbounded(filter(Vec::new())).mfp,
        },
        plan: v26_30::ReducePlan::Distinct,
        mfp_after: filter(vec![compared(BinaryFunc::Lt, mz_now(), column(0))]),
        temporal_bucketing_strategy: ArrangementStrategy::Direct,
    };
    obstructed(reduce, Obstacle::TemporalReduce);
}

fn top_1<V: shape::Version>(plan: V::MonotonicTop1) -> Expr<V> {
    Expr::TopK {
        input: LirId(6),
        top_k_plan: TopKPlan::MonotonicTop1(plan),
        temporal_bucketing_strategy: ArrangementStrategy::Direct,
    }
}

fn neutral_top_1(offers: Top1Form) -> neutral::Expr {
    top_1(neutral::MonotonicTop1Plan {
        group_key: Vec::new(),
        order_key: Vec::new(),
        must_consolidate: false,
        offers,
    })
}

#[test]
fn parts_that_26_39_lacks_are_obstacles() {
    obstructed(neutral_top_1(Top1Form::Raw), Obstacle::RawTop1);
}

#[test]
fn parts_that_26_30_lacks_are_obstacles_to_it_and_round_trip_in_26_39() {
    let raw_source = Expr::Join {
        inputs: vec![LirId(5), LirId(6)],
        plan: shape::JoinPlan::Delta(shape::DeltaJoinPlan {
            path_plans: vec![delta_path(None)],
        }),
    };
    let arranged = neutral_top_1(Top1Form::Arranged { arity: 1 });
    for (expr, obstacle) in [
        (arranged, Obstacle::ArrangedTop1),
        (raw_source, Obstacle::RawDeltaSource),
    ] {
        let neutral = dataflow(expr);
        let node = Some(LirId(7));
        let refused = Err(Untranslatable { node, obstacle });
        assert_eq!(v26_30::from_neutral(neutral.clone()), refused);
        let command = from_neutral(neutral.clone()).unwrap();
        let encoded = encode_command(&command).unwrap();
        assert_eq!(decode_command(&encoded).unwrap(), command);
        assert_eq!(to_neutral(command), neutral);
    }
}

#[test]
fn every_place_of_a_plan_translates_its_mfp() {
    let old = filter(vec![compared(BinaryFunc::Lt, mz_now(), column(1))]);
    let new = MfpPlan {
        upper_bounds: vec![column(1)],
        ..unbounded(filter(Vec::new()))
    };
    fn places<V: shape::Version>(mfp: V::Mfp) -> [Expr<V>; 5] {
        let forms = AvailableCollections {
            raw: true,
            arranged: Vec::new(),
        };
        let get = |plan| Expr::Get {
            id: v26_30::Id::Global(GlobalId::User(3)),
            keys: forms.clone(),
            plan,
        };
        [
            mfp_node(mfp.clone()),
            get(shape::GetPlan::Collection(mfp.clone())),
            get(shape::GetPlan::Arrangement(
                vec![column(0)],
                Some(Row::pack([])),
                mfp.clone(),
            )),
            Expr::FlatMap {
                input_key: None,
                input: LirId(6),
                exprs: vec![column(0)],
                func: TableFunc::RepeatRow,
                mfp_after: mfp.clone(),
            },
            Expr::ArrangeBy {
                input_key: None,
                input: LirId(6),
                input_mfp: mfp,
                forms: forms.clone(),
                strategy: ArrangementStrategy::Direct,
            },
        ]
    }
    for (old, new) in places(old).into_iter().zip(places(new)) {
        assert_eq!(from_neutral(dataflow(old)).unwrap(), dataflow(new));
    }
}

#[test]
fn expressions_of_two_hundred_levels_are_read() {
    let mut payload = [3, 0].repeat(200);
    payload.extend([0, 0, 0]);
    assert!(decoded::<MirScalarExpr>(&payload).is_ok());
}

#[test]
fn whatever_nests_too_deep_gives_an_error() {
    fn too_deep<T: DeserializeOwned + Debug>(level: &[u8]) {
        let payload = level.repeat(100_000);
        let error = wire::decode_seed(Under::new(PhantomData::<T>, &numbers::PLAN), &payload);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("nest too deep"), "{error}");
    }
    // A recursive binding in a recursive binding.
    too_deep::<RenderPlan>(&[1, 0, 1, 0]);
    // A cast of the elements of arrays, by a cast of the elements of arrays.
    too_deep::<MirScalarExpr>(&[2, 204]);
    // Conditions in conditions.
    too_deep::<MirScalarExpr>(&[5]);
    too_deep::<MirScalarExpr>(&[4, 0, 1]);
    // `WithOrdinality` and `WindowAggregate`.
    too_deep::<TableFunc>(&[24]);
    too_deep::<v26_30::AggregateFunc>(&[59]);
    too_deep::<v26_30::TimeDependence>(&[0, 1]);
}
