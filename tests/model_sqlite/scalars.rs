//! Scalar expressions as SQL, where SQLite means the same by them. Booleans are
//! 0 and 1, integers, times and dates integers, decimals integers as long as
//! they are whole.
//!
//! Invariant: what SQLite defines otherwise (overflow, division by zero, decimal
//! fractions, the case of letters beyond ASCII) is refused with a reason, or
//! marks the expression as one that may fail in the model.

use clusterd_fuzz::protocol::v26_30::{
    BinaryFunc, MirScalarExpr, UnaryFunc, UnmaterializableFunc, VariadicFunc,
};
use clusterd_fuzz::repr::{Datum, Timestamp};

/// Why a plan is not compared.
pub type Refused = String;

/// What an expression is printed into.
pub struct Printer {
    /// What `mz_now()` is.
    pub now: Timestamp,
    /// Something in the plan may raise an error.
    pub fallible: bool,
}

impl Printer {
    /// The expression over the columns `column` names.
    pub fn scalar(
        &mut self,
        expr: &MirScalarExpr,
        column: &dyn Fn(usize) -> String,
    ) -> Result<String, Refused> {
        match expr {
            MirScalarExpr::Column(c, _) => Ok(column(*c)),
            MirScalarExpr::Literal(Ok(row), _) => match row.iter().next() {
                Some(datum) => literal(&datum),
                None => Err("a literal without a value".into()),
            },
            MirScalarExpr::Literal(Err(_), _) => Err("a literal error".into()),
            MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow) => {
                Ok(self.now.to_string())
            }
            MirScalarExpr::CallUnmaterializable(func) => Err(format!("{func:?}")),
            MirScalarExpr::CallUnary { func, expr } => {
                let a = self.scalar(expr, column)?;
                self.unary(func, &a)
            }
            MirScalarExpr::CallBinary { func, expr1, expr2 } => {
                let a = self.scalar(expr1, column)?;
                let b = self.scalar(expr2, column)?;
                self.binary(func, &a, &b)
            }
            MirScalarExpr::CallVariadic { func, exprs } => {
                let all = exprs.iter().map(|expr| self.scalar(expr, column));
                variadic(func, all.collect::<Result<_, _>>()?)
            }
            MirScalarExpr::If { cond, then, els } => Ok(format!(
                "(CASE WHEN {} THEN {} ELSE {} END)",
                self.scalar(cond, column)?,
                self.scalar(then, column)?,
                self.scalar(els, column)?
            )),
        }
    }

    fn unary(&mut self, func: &UnaryFunc, a: &str) -> Result<String, Refused> {
        use UnaryFunc as F;
        let name = format!("{func:?}");
        Ok(match func {
            F::Not => format!("(NOT {a})"),
            F::IsNull => format!("({a} IS NULL)"),
            F::IsTrue => format!("({a} IS 1)"),
            F::IsFalse => format!("({a} IS 0)"),
            F::NegInt16 | F::NegInt32 | F::NegInt64 | F::NegNumeric => {
                self.fallible |= *func != F::NegNumeric;
                format!("(-{a})")
            }
            F::AbsInt16 | F::AbsInt32 | F::AbsInt64 | F::AbsNumeric => {
                self.fallible |= *func != F::AbsNumeric;
                format!("abs({a})")
            }
            F::BitNotInt16 | F::BitNotInt32 | F::BitNotInt64 => format!("(~{a})"),
            F::CastBoolToString => {
                format!("(CASE {a} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)")
            }
            F::CastBoolToInt32 | F::CastBoolToInt64 => a.to_string(),
            F::CastInt32ToBool | F::CastInt64ToBool => format!("({a} <> 0)"),
            F::CastInt16ToString
            | F::CastInt32ToString
            | F::CastInt64ToString
            | F::CastUint64ToString
            | F::CastNumericToString
            | F::CastMzTimestampToString => format!("CAST({a} AS TEXT)"),
            F::CastInt16ToInt32
            | F::CastInt16ToInt64
            | F::CastInt32ToInt64
            | F::CastInt16ToNumeric(None)
            | F::CastInt32ToNumeric(None)
            | F::CastInt64ToNumeric(None)
            | F::CastUint64ToMzTimestamp
            | F::CastUint32ToMzTimestamp => a.to_string(),
            // The same number, unless it does not fit.
            _ if (name.starts_with("CastInt") || name.starts_with("CastUint"))
                && (name.contains("ToInt")
                    || name.contains("ToUint")
                    || name.contains("ToMzTimestamp")) =>
            {
                self.fallible = true;
                a.to_string()
            }
            F::CastNumericToInt16
            | F::CastNumericToInt32
            | F::CastNumericToInt64
            | F::CastNumericToMzTimestamp => {
                self.fallible = true;
                a.to_string()
            }
            F::StepMzTimestamp => {
                self.fallible = true;
                format!("({a} + 1)")
            }
            F::CharLength => format!("length({a})"),
            F::ByteLengthString => format!("length(CAST({a} AS BLOB))"),
            F::ByteLengthBytes => format!("length({a})"),
            F::BitLengthString => format!("(8 * length(CAST({a} AS BLOB)))"),
            // Texts are ASCII.
            F::Upper => format!("upper({a})"),
            F::Lower => format!("lower({a})"),
            F::TrimWhitespace => format!("trim({a}, ' ')"),
            F::TrimLeadingWhitespace => format!("ltrim({a}, ' ')"),
            F::TrimTrailingWhitespace => format!("rtrim({a}, ' ')"),
            F::CastBytesToString => format!("('\\x' || lower(hex({a})))"),
            _ => return Err(format!("the function {name}")),
        })
    }

    fn binary(&mut self, func: &BinaryFunc, a: &str, b: &str) -> Result<String, Refused> {
        use BinaryFunc as F;
        let narrow = matches!(
            func,
            F::AddInt16
                | F::AddInt32
                | F::SubInt16
                | F::SubInt32
                | F::MulInt16
                | F::MulInt32
                | F::MulInt64
                | F::SubUint64
        );
        self.fallible |= narrow;
        Ok(match func {
            F::Eq => format!("({a} = {b})"),
            F::NotEq => format!("({a} <> {b})"),
            F::Lt => format!("({a} < {b})"),
            F::Lte => format!("({a} <= {b})"),
            F::Gt => format!("({a} > {b})"),
            F::Gte => format!("({a} >= {b})"),
            F::AddInt16 | F::AddInt32 | F::AddInt64 | F::AddNumeric | F::AddUint64 => {
                format!("({a} + {b})")
            }
            F::SubInt16 | F::SubInt32 | F::SubInt64 | F::SubNumeric | F::SubUint64 | F::SubDate => {
                format!("({a} - {b})")
            }
            F::MulInt16 | F::MulInt32 | F::MulInt64 | F::MulNumeric => format!("({a} * {b})"),
            F::DivInt16 | F::DivInt32 | F::DivInt64 => {
                self.fallible = true;
                format!("({a} / {b})")
            }
            F::ModInt16 | F::ModInt32 | F::ModInt64 => {
                self.fallible = true;
                format!("({a} % {b})")
            }
            F::BitAndInt16 | F::BitAndInt32 | F::BitAndInt64 => format!("({a} & {b})"),
            F::BitOrInt16 | F::BitOrInt32 | F::BitOrInt64 => format!("({a} | {b})"),
            F::BitXorInt16 | F::BitXorInt32 | F::BitXorInt64 => {
                format!("(({a} | {b}) - ({a} & {b}))")
            }
            F::TextConcat => format!("({a} || {b})"),
            F::Left => format!(
                "(CASE WHEN {b} >= 0 THEN substr({a}, 1, {b}) ELSE substr({a}, 1, max(length({a}) + {b}, 0)) END)"
            ),
            F::Right => format!(
                "(CASE WHEN {b} >= 0 THEN substr({a}, max(length({a}) - {b}, 0) + 1) ELSE substr({a}, 1 - {b}) END)"
            ),
            F::Position => format!("instr({b}, {a})"),
            F::Strpos => format!("instr({a}, {b})"),
            F::Trim => format!("trim({a}, {b})"),
            F::TrimLeading => format!("ltrim({a}, {b})"),
            F::TrimTrailing => format!("rtrim({a}, {b})"),
            F::StartsWith => format!("(substr({a}, 1, length({b})) = {b})"),
            F::IsLikeMatchCaseInsensitive => format!("({a} LIKE {b})"),
            func => return Err(format!("the function {func:?}")),
        })
    }
}

fn variadic(func: &VariadicFunc, all: Vec<String>) -> Result<String, Refused> {
    Ok(match func {
        VariadicFunc::And | VariadicFunc::Or if all.is_empty() => {
            i32::from(*func == VariadicFunc::And).to_string()
        }
        VariadicFunc::And => format!("({})", all.join(" AND ")),
        VariadicFunc::Or => format!("({})", all.join(" OR ")),
        VariadicFunc::Coalesce if all.len() > 1 => format!("coalesce({})", all.join(", ")),
        // SQLite's do not ignore NULL.
        VariadicFunc::Greatest | VariadicFunc::Least if !all.is_empty() => {
            let name = match func {
                VariadicFunc::Greatest => "max",
                _ => "min",
            };
            let pair = |a: String, b: String| format!("coalesce({name}({a}, {b}), {a}, {b})");
            all.into_iter().reduce(pair).unwrap_or_default()
        }
        func => return Err(format!("the function {func:?}")),
    })
}

/// A value.
pub fn literal(datum: &Datum<'_>) -> Result<String, Refused> {
    let number = |text: String| match text.starts_with('-') {
        true => format!("({text})"),
        false => text,
    };
    Ok(match datum {
        Datum::Null => "NULL".into(),
        Datum::True => "1".into(),
        Datum::False => "0".into(),
        Datum::Int16(n) => number(n.to_string()),
        Datum::Int32(n) | Datum::Date(n) => number(n.to_string()),
        Datum::Int64(n) => number(n.to_string()),
        Datum::UInt16(n) => n.to_string(),
        Datum::UInt32(n) => n.to_string(),
        Datum::UInt64(n) | Datum::MzTimestamp(n) => n.to_string(),
        Datum::Float64(x) => number(format!("{x:?}")),
        Datum::String(text) => format!("'{}'", text.replace('\'', "''")),
        Datum::Bytes(bytes) => format!("x'{}'", hex::encode(bytes)),
        Datum::Numeric(n) if !n.to_string().contains('.') => number(n.to_string()),
        other => return Err(format!("the literal {other}")),
    })
}
