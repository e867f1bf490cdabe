//! The interpreter at its edges, and against the evaluator: what the evaluator
//! gives for a row must be among what the interpreter says of a range around it.

use super::*;
use crate::eval::{Arena, MfpPlan};
use crate::mutants::Seams;
use protocol::v26_30::{
    BinaryFunc, MapFilterProject, MirScalarExpr, UnaryFunc, UnmaterializableFunc, VariadicFunc,
};
use repr::{Numeric, ReprColumnType, ReprScalarType, Row};

fn column(at: usize) -> MirScalarExpr {
    MirScalarExpr::Column(at, Default::default())
}

fn literal(datum: Datum<'_>, scalar_type: ReprScalarType) -> MirScalarExpr {
    let typ = ReprColumnType {
        scalar_type,
        nullable: true,
    };
    MirScalarExpr::Literal(Ok(Row::pack([datum])), typ)
}

fn int(n: i64) -> MirScalarExpr {
    literal(Datum::Int64(n), ReprScalarType::Int64)
}

fn numeric(n: i128) -> MirScalarExpr {
    let n = Numeric::new(n, 0).unwrap();
    literal(Datum::Numeric(n), ReprScalarType::Numeric)
}

fn unary(func: UnaryFunc, expr: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallUnary {
        func,
        expr: Box::new(expr),
    }
}

fn binary(func: BinaryFunc, a: MirScalarExpr, b: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallBinary {
        func,
        expr1: Box::new(a),
        expr2: Box::new(b),
    }
}

/// `mz_now() <= (#0 / 2)`, whose bound has no time where #0 is odd.
fn half_time() -> MirScalarExpr {
    let half = binary(
        BinaryFunc::DivNumeric,
        unary(UnaryFunc::CastInt64ToNumeric(None), column(0)),
        numeric(2),
    );
    binary(
        BinaryFunc::Lte,
        MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow),
        unary(UnaryFunc::CastNumericToMzTimestamp, half),
    )
}

fn filter(predicates: Vec<MirScalarExpr>, expressions: Vec<MirScalarExpr>) -> MfpPlan {
    let arity = 1 + expressions.len();
    let mfp = MapFilterProject {
        expressions,
        predicates: predicates.into_iter().map(|p| (arity, p)).collect(),
        projection: (0..arity).collect(),
        input_arity: 1,
    };
    MfpPlan::create(&mfp).unwrap()
}

fn between<'a>(a: Datum<'a>, b: Datum<'a>) -> Possible<'a> {
    Possible {
        values: Values::Between(a, b),
        ..Possible::NOTHING
    }
}

fn ints(a: i64, b: i64) -> Possible<'static> {
    between(Datum::Int64(a), Datum::Int64(b))
}

/// Whether a part with this column may give something at `from` and after.
fn gives(plan: &MfpPlan, column: Possible<'_>, from: u64) -> bool {
    let rows = PartRows {
        columns: vec![column],
        from,
    };
    let seams = Seams::healthy().pushdown();
    may_give(plan, rows, None, &Arena::new(), seams)
}

fn healthy(plan: &MfpPlan, column: Possible<'_>) -> bool {
    gives(plan, column, 0)
}

#[test]
fn a_comparison_excludes_ranges_on_the_other_side_of_its_literal() {
    let plan = filter(vec![binary(BinaryFunc::Gt, column(0), int(5))], vec![]);
    assert!(!healthy(&plan, ints(-3, 5)));
    assert!(healthy(&plan, ints(-3, 6)));
    let equal = filter(vec![binary(BinaryFunc::Eq, column(0), int(5))], vec![]);
    assert!(!healthy(&equal, ints(6, 9)));
    assert!(healthy(&equal, ints(4, 9)));
    let other = filter(vec![binary(BinaryFunc::NotEq, column(0), int(5))], vec![]);
    assert!(!healthy(&other, ints(5, 5)));
    assert!(healthy(&other, ints(5, 6)));
}

#[test]
fn nulls_pass_only_a_filter_that_asks_for_them() {
    let null = unary(UnaryFunc::IsNull, column(0));
    let plan = filter(vec![null.clone()], vec![]);
    assert!(!healthy(&plan, ints(0, 9)));
    let some = Possible {
        null: true,
        ..ints(0, 9)
    };
    assert!(healthy(&plan, some));
    let plan = filter(vec![unary(UnaryFunc::Not, null)], vec![]);
    assert!(!healthy(&plan, Possible::just(Datum::Null)));
    assert!(healthy(&plan, some));
}

#[test]
fn what_may_fail_is_never_passed_over() {
    let sum = binary(BinaryFunc::AddInt64, column(0), int(1));
    let plan = filter(vec![binary(BinaryFunc::Lt, sum, int(-9))], vec![]);
    assert!(!healthy(&plan, ints(0, 9)));
    assert!(healthy(&plan, ints(0, i64::MAX)));
    let quotient = binary(BinaryFunc::DivInt64, int(1), column(0));
    let plan = filter(vec![binary(BinaryFunc::Lt, quotient, int(-9))], vec![]);
    assert!(healthy(&plan, ints(-1, 1)), "there may be a zero");
    // A mapped column that fails behind a filter that no row passes is never
    // evaluated; before one it is.
    let fails = binary(BinaryFunc::DivInt64, int(1), int(0));
    let behind = MapFilterProject {
        expressions: vec![fails.clone()],
        predicates: vec![(1, binary(BinaryFunc::Gt, column(0), int(9)))],
        projection: vec![0, 1],
        input_arity: 1,
    };
    assert!(!healthy(&MfpPlan::create(&behind).unwrap(), ints(0, 9)));
    let before = filter(vec![binary(BinaryFunc::Gt, column(0), int(9))], vec![fails]);
    assert!(healthy(&before, ints(0, 9)));
}

#[test]
fn a_function_that_fails_between_two_values_keeps_the_part() {
    let plan = filter(vec![half_time()], vec![]);
    // At 3 every bound is over, and the row of 1 has none but an error.
    assert!(gives(&plan, ints(0, 2), 3));
    // One value is asked as it is.
    assert!(!gives(&plan, ints(2, 2), 3));
    assert!(gives(&plan, ints(1, 1), 3));
}

#[test]
fn nan_and_infinities_bound_no_arithmetic() {
    let float = |f| literal(Datum::Float64(f), ReprScalarType::Float64);
    let negative = unary(UnaryFunc::NegFloat64, column(0));
    let plan = filter(vec![binary(BinaryFunc::Lt, negative, float(-2.0))], vec![]);
    let floats = |a, b| between(Datum::Float64(a), Datum::Float64(b));
    // −5 is below −2, though neither −1 nor NaN is.
    assert!(healthy(&plan, floats(1.0, f64::NAN)));
    assert!(!healthy(&plan, floats(0.0, 1.5)));
    // 0 times ∞ is NaN, which is above ∞.
    let product = binary(BinaryFunc::MulFloat64, column(0), float(f64::INFINITY));
    let above = binary(BinaryFunc::Gt, product, float(f64::INFINITY));
    assert!(healthy(&filter(vec![above], vec![]), floats(-1.0, 1.0)));
    // Zeroes of either sign are equal and not the same.
    let text = unary(UnaryFunc::CastFloat64ToString, column(0));
    let minus = literal(Datum::String("-0"), ReprScalarType::String);
    let plan = filter(vec![binary(BinaryFunc::Eq, text, minus)], vec![]);
    assert!(healthy(&plan, floats(-0.0, 0.0)));
}

#[test]
fn a_temporal_filter_excludes_what_is_over_and_what_is_beyond_until() {
    let now = || MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow);
    let time = || unary(UnaryFunc::CastInt64ToMzTimestamp, column(0));
    let over = filter(vec![binary(BinaryFunc::Lt, now(), time())], vec![]);
    assert!(!gives(&over, ints(0, 5), 5));
    assert!(gives(&over, ints(0, 6), 5));
    assert!(gives(&over, ints(-1, 5), 5), "an error");
    let later = filter(vec![binary(BinaryFunc::Gte, now(), time())], vec![]);
    let before = |until| {
        let rows = PartRows {
            columns: vec![ints(7, 9)],
            from: 0,
        };
        let seams = Seams::healthy().pushdown();
        may_give(&later, rows, Some(until), &Arena::new(), seams)
    };
    assert!(!before(7) && before(8));
    let null = filter(vec![binary(BinaryFunc::Lt, now(), time())], vec![]);
    assert!(!gives(&null, Possible::just(Datum::Null), 0));
}

/// A small deterministic source of choices.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

const INTS: [i64; 9] = [0, 1, 2, 3, -1, -2, 300, i64::MAX, i64::MIN];

/// A random expression over one column of 64-bit integers: an integer, a boolean, a
/// decimal or a float.
fn expression(dice: &mut Dice, typ: &ReprScalarType, depth: u64) -> MirScalarExpr {
    use BinaryFunc as B;
    use UnaryFunc as U;
    let deeper = |dice: &mut Dice, typ: &ReprScalarType| expression(dice, typ, depth - 1);
    let (int64, bool_) = (ReprScalarType::Int64, ReprScalarType::Bool);
    let (float, decimal) = (ReprScalarType::Float64, ReprScalarType::Numeric);
    if depth == 0 || dice.below(5) == 0 {
        return match typ {
            ReprScalarType::Bool => literal(Datum::from(dice.below(2) == 0), bool_),
            ReprScalarType::Float64 => {
                let values = [0.0, -0.0, 2.5, f64::NAN, f64::INFINITY, -1e-300, 1e300];
                literal(Datum::Float64(values[dice.below(7) as usize]), float)
            }
            ReprScalarType::Numeric => numeric(i128::from(dice.below(4)) - 1),
            _ if dice.below(3) > 0 => column(0),
            _ => match dice.below(12) {
                0 => literal(Datum::Null, int64),
                n => int(INTS[n as usize % INTS.len()]),
            },
        };
    }
    let two = |dice: &mut Dice, funcs: &[B], arg: &ReprScalarType| {
        let func = funcs[dice.below(funcs.len() as u64) as usize].clone();
        let a = deeper(dice, arg);
        binary(func, a, deeper(dice, arg))
    };
    match typ {
        ReprScalarType::Float64 => match dice.below(3) {
            0 => unary(U::CastInt64ToFloat64, deeper(dice, &int64)),
            1 => unary(U::NegFloat64, deeper(dice, &float)),
            _ => two(dice, &[B::AddFloat64, B::MulFloat64, B::DivFloat64], &float),
        },
        ReprScalarType::Numeric => match dice.below(2) {
            0 => unary(U::CastInt64ToNumeric(None), deeper(dice, &int64)),
            _ => two(
                dice,
                &[B::AddNumeric, B::MulNumeric, B::DivNumeric],
                &decimal,
            ),
        },
        ReprScalarType::Bool => {
            let compare = [B::Eq, B::NotEq, B::Lt, B::Lte, B::Gt, B::Gte];
            let types = [&int64, &float, &decimal, &int64];
            match dice.below(7) {
                0 => unary(U::IsNull, deeper(dice, &int64)),
                1 => unary(U::Not, deeper(dice, &bool_)),
                n @ (2 | 3) => MirScalarExpr::CallVariadic {
                    func: match n {
                        2 => VariadicFunc::And,
                        _ => VariadicFunc::Or,
                    },
                    exprs: vec![deeper(dice, &bool_), deeper(dice, &bool_)],
                },
                n => two(dice, &compare, types[n as usize - 3]),
            }
        }
        _ => match dice.below(6) {
            0 => MirScalarExpr::If {
                cond: Box::new(deeper(dice, &bool_)),
                then: Box::new(deeper(dice, &int64)),
                els: Box::new(deeper(dice, &int64)),
            },
            n @ (1 | 2) => MirScalarExpr::CallVariadic {
                func: match n {
                    1 => VariadicFunc::Coalesce,
                    _ => VariadicFunc::Least,
                },
                exprs: vec![deeper(dice, &int64), deeper(dice, &int64)],
            },
            3 => unary(U::CastFloat64ToInt64, deeper(dice, &float)),
            4 => unary(U::CastNumericToInt64, deeper(dice, &decimal)),
            _ => two(
                dice,
                &[
                    B::AddInt64,
                    B::SubInt64,
                    B::MulInt64,
                    B::DivInt64,
                    B::ModInt64,
                ],
                &int64,
            ),
        },
    }
}

#[test]
fn whatever_the_evaluator_gives_is_among_what_the_interpreter_says() {
    let mut dice = Dice(20_261_130);
    let (mut narrow, mut failing) = (0, 0);
    for _ in 0..40_000 {
        let types = [
            ReprScalarType::Bool,
            ReprScalarType::Int64,
            ReprScalarType::Float64,
            ReprScalarType::Numeric,
        ];
        let typ = &types[dice.below(4) as usize];
        let expr = expression(&mut dice, typ, 3);
        let values: Vec<i64> = (0..3).map(|_| INTS[dice.below(9) as usize]).collect();
        let (least, most) = (values.iter().min().unwrap(), values.iter().max().unwrap());
        let arena = Arena::new();
        let interpreter = interpret::Interpreter {
            arena: &arena,
            seams: Seams::healthy().pushdown(),
        };
        let possible = interpreter.interpret(&expr, &[ints(*least, *most)]);
        narrow += u32::from(!matches!(possible.values, Values::Any));
        failing += u32::from(possible.error);
        let between = (*least..=*most).take(4).chain(values.iter().copied());
        for value in between {
            let given = crate::eval::eval(&expr, &[Datum::Int64(value)], &arena);
            let allowed = match &given {
                Err(_) => possible.error,
                Ok(Datum::Null) => possible.null,
                Ok(datum) => possible.values.may_be(*datum),
            };
            assert!(
                allowed,
                "{expr:?} of {value} is {given:?}, not in {possible:?}"
            );
        }
    }
    // Otherwise the answer would always be that anything may be.
    assert!(
        narrow > 10_000 && failing < 35_000,
        "{narrow} narrow, {failing} failing"
    );
}
