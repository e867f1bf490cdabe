//! The interpreter: expressions over what columns may be.
//!
//! Invariant: an argument that may fail makes the call one that may fail, whether
//! or not the function would look at it.

use super::super::convert::Evaluated;
use super::super::{Arena, binary, unary, variadic};
use super::functions::{self, Fails};
use super::{Possible, Values};
use crate::mutants::PushdownSeams;
use protocol::v26_30::{BinaryFunc, MirScalarExpr, UnaryFunc, VariadicFunc};
use repr::Datum;

/// Interprets expressions of one part.
#[derive(Clone, Copy)]
pub(super) struct Interpreter<'a> {
    pub arena: &'a Arena,
    pub seams: PushdownSeams,
}

/// What a call gave.
fn given<'a>(result: Evaluated<'a>) -> Possible<'a> {
    match result {
        Ok(datum) => Possible::just(datum),
        Err(_) => Possible::ERROR,
    }
}

/// NaN and the infinities, at which arithmetic turns, and seconds that no calendar
/// has.
fn is_special(datum: &Datum<'_>) -> bool {
    match datum {
        Datum::Float32(f) => !f.is_finite(),
        Datum::Float64(f) => !f.is_finite(),
        Datum::Numeric(n) => n.is_nan() || n.is_infinite(),
        Datum::Timestamp(t) | Datum::TimestampTz(t) => t.nanos >= 1_000_000_000,
        _ => false,
    }
}

impl<'a> Interpreter<'a> {
    /// What `expr` may give over rows whose columns may be `columns`.
    pub fn interpret(self, expr: &'a MirScalarExpr, columns: &[Possible<'a>]) -> Possible<'a> {
        match expr {
            MirScalarExpr::Column(at, _) => columns.get(*at).copied().unwrap_or(Possible::ANYTHING),
            MirScalarExpr::Literal(Ok(row), _) => {
                Possible::just(row.iter().next().unwrap_or(Datum::Null))
            }
            MirScalarExpr::Literal(Err(_), _) => Possible::ERROR,
            MirScalarExpr::CallUnmaterializable(_) => Possible::ANYTHING,
            MirScalarExpr::CallUnary { func, expr } => {
                self.unary(func, self.interpret(expr, columns))
            }
            MirScalarExpr::CallBinary { func, expr1, expr2 } => {
                let a = self.interpret(expr1, columns);
                self.binary(func, a, self.interpret(expr2, columns))
            }
            MirScalarExpr::CallVariadic { func, exprs } => {
                let arguments = exprs.iter().map(|expr| self.interpret(expr, columns));
                self.variadic(func, &arguments.collect::<Vec<_>>())
            }
            MirScalarExpr::If { cond, then, els } => {
                let cond = self.interpret(cond, columns);
                let mut given = Possible {
                    error: cond.error,
                    ..Possible::NOTHING
                };
                if cond.values.may_be(Datum::True) {
                    given = given.or(self.interpret(then, columns));
                }
                if cond.null || cond.values.may_be(Datum::False) {
                    given = given.or(self.interpret(els, columns));
                }
                given
            }
        }
    }

    fn unary(self, func: &'a UnaryFunc, a: Possible<'a>) -> Possible<'a> {
        let call = |datum| given(unary::call(func, Ok(datum), self.arena));
        let shape = functions::unary(func);
        let mut all = Possible {
            error: a.error,
            ..Possible::NOTHING
        };
        if a.null {
            all = all.or(call(Datum::Null));
        }
        if a.values.is_none() {
            return all;
        }
        if *func == UnaryFunc::IsNull {
            return all.or(Possible::just(Datum::False));
        }
        let asked = |datums: &[Datum<'a>]| datums.iter().map(|d| call(*d)).collect();
        all.or(self.between(
            a.values.ends().as_slice(),
            shape.monotone[0],
            (shape.fails, shape.specials),
            asked,
        ))
    }

    fn binary(self, func: &'a BinaryFunc, a: Possible<'a>, b: Possible<'a>) -> Possible<'a> {
        let all = Possible {
            // All functions of two arguments give NULL for NULL.
            null: a.null || b.null,
            error: a.error || b.error,
            values: Values::None,
        };
        if a.values.is_none() || b.values.is_none() {
            return all;
        }
        if let BinaryFunc::Eq | BinaryFunc::NotEq = func {
            return all.or(equality(*func == BinaryFunc::Eq, a.values, b.values));
        }
        let shape = functions::binary(func);
        let (Some(left), Some(right)) = (a.values.ends(), b.values.ends()) else {
            return all.or(Possible::unknown(shape.fails != Fails::Never));
        };
        let monotone = (!left.1 || shape.monotone[0]) && (!right.1 || shape.monotone[1]);
        let corners = |_: &[Datum<'a>]| {
            let pairs = left
                .0
                .iter()
                .flat_map(|x| right.0.iter().map(move |y| (*x, *y)));
            let call = |(x, y)| given(binary::call(func, Ok(x), Ok(y), self.arena));
            pairs.map(call).collect()
        };
        let ends = [left.clone(), right.clone()];
        all.or(self.between(&ends, monotone, (shape.fails, shape.specials), corners))
    }

    /// What a function gives between arguments at which it is asked.
    fn between(
        self,
        arguments: &[(Vec<Datum<'a>>, bool)],
        monotone: bool,
        (fails, specials): (Fails, bool),
        ask: impl Fn(&[Datum<'a>]) -> Vec<Possible<'a>>,
    ) -> Possible<'a> {
        let unknown = Possible::unknown(fails != Fails::Never);
        let Some((first, _)) = arguments.first() else {
            return unknown;
        };
        let ranged = arguments.iter().any(|(_, others)| *others);
        if !ranged {
            return union(ask(first));
        }
        let special = !specials
            && arguments
                .iter()
                .any(|(ends, _)| ends.iter().any(is_special));
        if !monotone || self.seams.range_is_unknown(special) {
            return unknown;
        }
        let asked = ask(first);
        if asked.iter().any(|at| at.null || at.error) {
            return unknown;
        }
        let mut all = union(asked);
        all.error = self.seams.may_fail_between(fails == Fails::Anywhere);
        all
    }

    fn variadic(self, func: &'a VariadicFunc, arguments: &[Possible<'a>]) -> Possible<'a> {
        match func {
            VariadicFunc::And => junction(arguments, Datum::False, Datum::True),
            VariadicFunc::Or => junction(arguments, Datum::True, Datum::False),
            VariadicFunc::Coalesce => {
                let mut all = Possible::just(Datum::Null);
                for argument in arguments {
                    all = Possible {
                        null: argument.null,
                        ..all.or(*argument)
                    };
                    if !argument.null {
                        break;
                    }
                }
                all
            }
            VariadicFunc::Greatest | VariadicFunc::Least => {
                let all = union(arguments.to_vec());
                Possible {
                    null: arguments.iter().all(|argument| argument.null),
                    ..all
                }
            }
            VariadicFunc::ErrorIfNull | VariadicFunc::CaseLiteral { .. } => Possible::ANYTHING,
            strict => self.exact(strict, arguments).unwrap_or(Possible::ANYTHING),
        }
    }

    /// The result of a call whose arguments are known.
    fn exact(self, func: &'a VariadicFunc, arguments: &[Possible<'a>]) -> Option<Possible<'a>> {
        let known = arguments.iter().map(|argument| match argument {
            Possible {
                null: true,
                error: false,
                values: Values::None,
            } => Some(Ok(Datum::Null)),
            Possible {
                null: false,
                error: false,
                values,
            } => match values.ends()? {
                (datums, false) if datums.len() == 1 => Some(Ok(datums[0])),
                _ => None,
            },
            _ => None,
        });
        let known = known.collect::<Option<Vec<Evaluated<'a>>>>()?;
        Some(given(variadic::call(func, known, self.arena)))
    }
}

fn union<'a>(all: impl IntoIterator<Item = Possible<'a>>) -> Possible<'a> {
    all.into_iter().fold(Possible::NOTHING, Possible::or)
}

/// AND and OR. An error of one argument may win or lose against what another one
/// gives.
fn junction<'a>(
    arguments: &[Possible<'a>],
    decisive: Datum<'a>,
    neutral: Datum<'a>,
) -> Possible<'a> {
    let mut all = Possible {
        null: arguments.iter().any(|argument| argument.null),
        error: arguments.iter().any(|argument| argument.error),
        values: Values::None,
    };
    if arguments.iter().any(|a| a.values.may_be(decisive)) {
        all = all.or(Possible::just(decisive));
    }
    if arguments.iter().all(|a| a.values.may_be(neutral)) {
        all = all.or(Possible::just(neutral));
    }
    all
}

/// Whether values may be equal, and whether they may differ.
fn equality<'a>(when_equal: bool, a: Values<'a>, b: Values<'a>) -> Possible<'a> {
    let (may_equal, may_differ) = match (a, b) {
        (Values::Between(a, b), Values::Between(c, d)) => {
            (a <= d && c <= b, !(a == b && c == d && a == c))
        }
        _ => (true, true),
    };
    let mut all = Possible::NOTHING;
    if may_equal {
        all = all.or(Possible::just(Datum::from(when_equal)));
    }
    if may_differ {
        all = all.or(Possible::just(Datum::from(!when_equal)));
    }
    all
}
