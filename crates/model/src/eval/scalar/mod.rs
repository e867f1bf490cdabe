//! Scalar expressions: one row in, one value or error out. Each family of
//! functions has a file. Source: `spec/plan.md` §5.1, §5.2.
//!
//! Invariants: written from the specification alone; a function that is not
//! here is *unsupported*, never guessed; no input panics. Decimals keep their
//! trailing zeros while an expression is evaluated, as their texts show them, and
//! lose them where a value enters a row.

mod calendar;
mod cast;
mod compare;
mod float;
mod integer;
mod logic;
pub(in crate::eval) mod nested;
mod numeric;
mod text;
pub(in crate::eval) mod time;

use crate::answer::Undefined;
use crate::decimal::Decimal;
use crate::eval::Fault;
use protocol::v26_30::{
    BinaryFunc, EvalError, MirScalarExpr, UnaryFunc, UnmaterializableFunc, VariadicFunc,
};
use repr::{Datum, Row, Timestamp};

/// A value on its own: a row of one datum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(Row);

impl Value {
    pub fn new(datum: Datum<'_>) -> Self {
        Value(Row::pack([datum]))
    }

    pub fn null() -> Self {
        Value::new(Datum::Null)
    }

    pub fn bool(value: bool) -> Self {
        Value::new(if value { Datum::True } else { Datum::False })
    }

    pub fn string(value: &str) -> Self {
        Value::new(Datum::String(value))
    }

    /// A row of one datum, as a value.
    pub fn from_row(row: Row) -> Self {
        Value(row)
    }

    pub fn row(&self) -> &Row {
        &self.0
    }

    pub fn datum(&self) -> Datum<'_> {
        // A row that holds no datum cannot be made through this interface.
        self.0.iter().next().unwrap_or(Datum::Null)
    }

    /// The value as rows hold it.
    pub fn reduced(self) -> Self {
        match self.datum() {
            datum @ Datum::Numeric(_) => Value::new(reduced(datum)),
            _ => self,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.datum(), Datum::Null)
    }
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// The expression raises this error.
    Error(EvalError),
    /// The model does not evaluate this.
    Unsupported(String),
}

impl Stop {
    /// The error, if it is one that the contract knows.
    pub fn fault(self) -> std::result::Result<Fault, Undefined> {
        match self {
            Stop::Error(error) => Ok(Fault::Eval(error)),
            Stop::Unsupported(what) => Err(Undefined::Unsupported(what)),
        }
    }

    pub(super) fn internal(core: &str) -> Self {
        Stop::Error(EvalError::Internal(core.to_string()))
    }

    pub(super) fn wrong_type() -> Self {
        Stop::internal("invalid input type")
    }
}

impl From<EvalError> for Stop {
    fn from(error: EvalError) -> Self {
        Stop::Error(error)
    }
}

pub type Result<T = Value> = std::result::Result<T, Stop>;

/// The datum as rows hold it: without the trailing zeros of a decimal.
pub(super) fn reduced(datum: Datum<'_>) -> Datum<'_> {
    match datum {
        Datum::Numeric(n) => match Decimal::from(n).reduced().try_into() {
            Ok(n) => Datum::Numeric(n),
            Err(_) => datum,
        },
        other => other,
    }
}

/// The value of `expr` over a row, at the time `ts` (of `mz_now()`), as a row
/// would hold it.
pub fn eval(expr: &MirScalarExpr, row: &[Datum<'_>], ts: Timestamp) -> Result {
    let value = eval_over(
        expr,
        &mut |column| {
            let datum = row.get(column).copied();
            let datum = datum.ok_or_else(|| Stop::Unsupported(format!("column #{column}")))?;
            Ok(Value::new(datum))
        },
        ts,
    )?;
    Ok(value.reduced())
}

/// The same, over columns that are themselves computed on demand.
pub fn eval_over(
    expr: &MirScalarExpr,
    column: &mut dyn FnMut(usize) -> Result,
    ts: Timestamp,
) -> Result {
    match expr {
        MirScalarExpr::Column(index, _) => column(*index),
        MirScalarExpr::Literal(Ok(row), _) => Ok(Value::from_row(row.clone())),
        MirScalarExpr::Literal(Err(error), _) => Err(Stop::Error(error.clone())),
        MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow) => {
            Ok(Value::new(Datum::MzTimestamp(ts)))
        }
        MirScalarExpr::CallUnmaterializable(func) => {
            let text = format!("cannot evaluate unmaterializable function: {func:?}");
            Err(Stop::internal(&text))
        }
        MirScalarExpr::CallUnary { func, expr } => {
            let argument = eval_over(expr, column, ts)?;
            match logic::unary(func, &argument) {
                Some(result) => result,
                None => unary(func, &argument),
            }
        }
        MirScalarExpr::CallBinary { func, expr1, expr2 } => {
            // All arguments first, then the first error in their order.
            let (a, b) = (eval_over(expr1, column, ts), eval_over(expr2, column, ts));
            let (a, b) = (a?, b?);
            if a.is_null() || b.is_null() {
                return Ok(Value::null());
            }
            binary(func, &a, &b)
        }
        MirScalarExpr::CallVariadic { func, exprs } => {
            let mut argument = |index: usize| eval_over(&exprs[index], column, ts);
            match logic::variadic(func, exprs.len(), &mut argument) {
                Some(result) => result,
                None => {
                    let all: Vec<Result> = (0..exprs.len()).map(argument).collect();
                    let all = all.into_iter().collect::<Result<Vec<Value>>>()?;
                    variadic(func, &all)
                }
            }
        }
        MirScalarExpr::If { cond, then, els } => match eval_over(cond, column, ts)?.datum() {
            Datum::True => eval_over(then, column, ts),
            Datum::False | Datum::Null => eval_over(els, column, ts),
            other => Err(Stop::internal(&format!(
                "if condition evaluated to non-boolean datum: {other:?}"
            ))),
        },
    }
}

/// Strict functions of one argument.
fn unary(func: &UnaryFunc, a: &Value) -> Result {
    if a.is_null() {
        return Ok(Value::null());
    }
    None.or_else(|| integer::unary(func, a))
        .or_else(|| float::unary(func, a))
        .or_else(|| numeric::unary(func, a))
        .or_else(|| cast::unary(func, a))
        .or_else(|| text::unary(func, a))
        .or_else(|| time::unary(func, a))
        .or_else(|| nested::unary(func, a))
        .unwrap_or_else(|| Err(unsupported(func)))
}

/// Strict functions of two arguments, neither of them NULL.
fn binary(func: &BinaryFunc, a: &Value, b: &Value) -> Result {
    None.or_else(|| compare::binary(func, a, b))
        .or_else(|| integer::binary(func, a, b))
        .or_else(|| float::binary(func, a, b))
        .or_else(|| numeric::binary(func, a, b))
        .or_else(|| text::binary(func, a, b))
        .or_else(|| time::binary(func, a, b))
        .unwrap_or_else(|| Err(unsupported(func)))
}

/// Functions of any number of arguments that evaluate them all.
fn variadic(func: &VariadicFunc, arguments: &[Value]) -> Result {
    None.or_else(|| text::variadic(func, arguments))
        .or_else(|| nested::variadic(func, arguments))
        .unwrap_or_else(|| Err(unsupported(func)))
}

fn unsupported(func: &impl std::fmt::Debug) -> Stop {
    Stop::Unsupported(format!("the function {func:?}"))
}
