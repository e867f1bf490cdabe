//! Decimals by the book: digit by digit, as on paper. Source: `spec/plan.md`
//! §5.4, §5.5, §6.2.
//!
//! Invariants: a result has at most 39 digits and is rounded half up, away from
//! zero; the exponent is the one that decimal arithmetic asks for, since the
//! text of a value that was in no row shows its trailing zeros.

use std::cmp::Ordering;

use super::digits::{
    Digits, add, compare, cut_off, divide, multiply, shifted, shown, subtract, trimmed, with_point,
};
use protocol::v26_30::EvalError;
use repr::Numeric;

/// The most digits of a result.
const PRECISION: usize = 39;
/// The exponents of the first digit that are in range, up and down.
const LARGEST: i32 = 38;
const NEGATIVE: u8 = 0x80;
const INFINITY: u8 = 0x40;
const NAN: u8 = 0x20;

/// A decimal of any length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decimal {
    Nan,
    Infinite {
        negative: bool,
    },
    /// digits · 10^exponent.
    Finite {
        negative: bool,
        digits: Digits,
        exponent: i32,
    },
}

use Decimal::{Finite, Infinite, Nan};

impl Default for Decimal {
    fn default() -> Self {
        Decimal::zero()
    }
}

impl Decimal {
    pub fn integer(n: i128) -> Self {
        let text = n.unsigned_abs().to_string();
        Finite {
            negative: n < 0,
            digits: trimmed(text.bytes().rev().map(|b| b - b'0').collect()),
            exponent: 0,
        }
    }

    pub fn zero() -> Self {
        Decimal::integer(0)
    }

    /// From plain notation, `-12.5`. `None`: no such number.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).rev().collect();
        let fine = !all.is_empty() && all.iter().all(u8::is_ascii_digit);
        fine.then(|| Finite {
            negative,
            digits: trimmed(all.into_iter().map(|b| b - b'0').collect()),
            exponent: -(fraction.len() as i32),
        })
    }

    /// From the notation of [`Decimal::scientific`], with or without an exponent.
    /// `None`: no such number.
    pub fn from_scientific(text: &str) -> Option<Self> {
        let (plain, power) = match text.split_once('E') {
            Some((plain, power)) => (plain, power.parse().ok()?),
            None => (text, 0),
        };
        let mut parsed = Decimal::parse(plain)?;
        if let Finite { exponent, .. } = &mut parsed {
            *exponent = exponent.checked_add(power)?;
        }
        Some(parsed)
    }

    pub fn is_zero(&self) -> bool {
        matches!(self, Finite { digits, .. } if digits.is_empty())
    }

    pub fn is_negative(&self) -> bool {
        match self {
            Nan => false,
            Infinite { negative } | Finite { negative, .. } => *negative,
        }
    }

    /// The same without a sign.
    pub fn absolute(self) -> Self {
        self.with_sign(false)
    }

    pub fn negated(self) -> Self {
        let negative = !self.is_negative();
        self.with_sign(negative).unsigned_zero()
    }

    fn with_sign(self, negative: bool) -> Self {
        match self {
            Nan => Nan,
            Infinite { .. } => Infinite { negative },
            Finite {
                digits, exponent, ..
            } => Finite {
                negative,
                digits,
                exponent,
            },
        }
    }

    /// −0 as 0.
    fn unsigned_zero(self) -> Self {
        match self.is_zero() {
            true => self.with_sign(false),
            false => self,
        }
    }

    /// a + b, exactly.
    pub fn exact_sum(&self, other: &Decimal) -> Decimal {
        match (self, other) {
            (Nan, _) | (_, Nan) => Nan,
            (Infinite { negative: a }, Infinite { negative: b }) if a != b => Nan,
            (Infinite { negative }, _) | (_, Infinite { negative }) => Infinite {
                negative: *negative,
            },
            (
                Finite {
                    negative: na,
                    digits: a,
                    exponent: ea,
                },
                Finite {
                    negative: nb,
                    digits: b,
                    exponent: eb,
                },
            ) => {
                let exponent = *ea.min(eb);
                let (a, b) = (shifted(a, ea - exponent), shifted(b, eb - exponent));
                let (negative, digits) = match (na == nb, compare(&a, &b)) {
                    (true, _) => (*na, add(&a, &b)),
                    (false, Ordering::Less) => (*nb, subtract(&b, &a)),
                    (false, Ordering::Greater) => (*na, subtract(&a, &b)),
                    (false, Ordering::Equal) => (false, Vec::new()),
                };
                Finite {
                    negative,
                    digits,
                    exponent,
                }
            }
        }
    }

    /// a · n, exactly.
    pub fn exact_multiple(&self, n: i128) -> Decimal {
        self.exact_product(&Decimal::integer(n))
    }

    fn exact_product(&self, other: &Decimal) -> Decimal {
        let negative = self.is_negative() != other.is_negative();
        match (self, other) {
            (Nan, _) | (_, Nan) => Nan,
            (Infinite { .. }, x) | (x, Infinite { .. }) if x.is_zero() => Nan,
            (Infinite { .. }, _) | (_, Infinite { .. }) => Infinite { negative },
            (
                Finite {
                    digits: a,
                    exponent: ea,
                    ..
                },
                Finite {
                    digits: b,
                    exponent: eb,
                    ..
                },
            ) => Finite {
                negative,
                digits: multiply(a, b),
                exponent: ea + eb,
            },
        }
    }

    pub fn plus(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        self.exact_sum(other).rounded().in_range(false)
    }

    pub fn minus(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        let negative = !other.is_negative();
        self.plus(&other.clone().with_sign(negative))
    }

    pub fn times(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        let product = self.exact_product(other).rounded();
        Ok(product.in_range(true)?.normalised())
    }

    pub fn divided_by(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        if other.is_zero() {
            return Err(EvalError::DivisionByZero);
        }
        let negative = self.is_negative() != other.is_negative();
        let quotient = match (self, other) {
            (Nan, _) | (_, Nan) | (Infinite { .. }, Infinite { .. }) => Nan,
            (Infinite { .. }, _) => Infinite { negative },
            (_, Infinite { .. }) => Decimal::zero(),
            (
                Finite {
                    digits: a,
                    exponent: ea,
                    ..
                },
                Finite {
                    digits: b,
                    exponent: eb,
                    ..
                },
            ) => {
                // One digit more than is kept, at least, unless it ends before.
                let more = (PRECISION + 1 + b.len()).saturating_sub(a.len()) as i32;
                let (mut digits, rest) = divide(&shifted(a, more), b);
                let ideal = ea - eb;
                let mut exponent = ideal - more;
                if rest.is_empty() {
                    while exponent < ideal && digits.first() == Some(&0) {
                        digits.remove(0);
                        exponent += 1;
                    }
                    if digits.is_empty() {
                        exponent = ideal;
                    }
                }
                Finite {
                    negative,
                    digits,
                    exponent,
                }
            }
        };
        Ok(quotient.rounded().in_range(true)?.normalised())
    }

    /// The remainder, with the sign of the dividend.
    pub fn remainder(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        if other.is_zero() {
            return Err(EvalError::DivisionByZero);
        }
        let remainder = match (self, other) {
            (Nan, _) | (_, Nan) | (Infinite { .. }, _) => Nan,
            (x, Infinite { .. }) => x.clone(),
            (
                Finite {
                    negative,
                    digits: a,
                    exponent: ea,
                },
                Finite {
                    digits: b,
                    exponent: eb,
                    ..
                },
            ) => {
                let exponent = *ea.min(eb);
                let (quotient, rest) =
                    divide(&shifted(a, ea - exponent), &shifted(b, eb - exponent));
                match quotient.len() > PRECISION {
                    true => Nan,
                    false => Finite {
                        negative: *negative,
                        digits: rest,
                        exponent,
                    },
                }
            }
        };
        Ok(remainder.rounded().normalised())
    }

    /// At most 39 digits, half up.
    pub fn rounded(self) -> Decimal {
        match self {
            Finite {
                negative,
                digits,
                exponent,
            } if digits.len() > PRECISION => {
                let cut = digits.len() - PRECISION;
                let (mut digits, mut exponent) = (cut_off(&digits, cut), exponent + cut as i32);
                if digits.len() > PRECISION {
                    digits = cut_off(&digits, 1);
                    exponent += 1;
                }
                Finite {
                    negative,
                    digits,
                    exponent,
                }
            }
            other => other,
        }
    }

    /// The position of the first digit, as a power of ten; `None` of zero and
    /// of what is not finite.
    fn magnitude(&self) -> Option<i32> {
        match self {
            Finite {
                digits, exponent, ..
            } if !digits.is_empty() => Some(digits.len() as i32 - 1 + exponent),
            _ => None,
        }
    }

    /// Errors: overflow; underflow, where that is one.
    fn in_range(self, underflows: bool) -> Result<Decimal, EvalError> {
        match self.magnitude() {
            Some(magnitude) if magnitude > LARGEST => Err(EvalError::FloatOverflow),
            Some(magnitude) if underflows && magnitude < -LARGEST - 1 => {
                Err(EvalError::FloatUnderflow)
            }
            _ => Ok(self),
        }
    }

    pub fn overflows(&self) -> bool {
        self.magnitude()
            .is_some_and(|magnitude| magnitude > LARGEST)
    }

    /// At most 39 digits before and behind the point together; no −0.
    pub fn normalised(self) -> Decimal {
        let excess = match &self {
            Finite {
                digits, exponent, ..
            } if *exponent < 0 => {
                let precision = (digits.len() as i32).max(-exponent);
                precision - PRECISION as i32
            }
            _ => 0,
        };
        let cut = match excess > 0 {
            true => self.cut(excess),
            false => self,
        };
        cut.unsigned_zero()
    }

    /// Without the last `count` digits, half up.
    fn cut(self, count: i32) -> Decimal {
        match self {
            Finite {
                negative,
                digits,
                exponent,
            } => Finite {
                negative,
                digits: cut_off(&digits, count as usize),
                exponent: exponent + count,
            },
            other => other,
        }
    }

    /// The nearest integer, half away from zero; an integer as it is.
    pub fn nearest_integer(self) -> Decimal {
        match &self {
            Finite { exponent, .. } if *exponent < 0 => {
                let count = -exponent;
                self.cut(count)
            }
            _ => self,
        }
    }

    /// The value, if it is an integer of this size.
    pub fn as_i128(&self) -> Option<i128> {
        let Finite {
            negative,
            digits,
            exponent,
        } = self
        else {
            return None;
        };
        let digits = match exponent {
            0.. => shifted(digits, *exponent),
            _ => {
                let below = exponent.unsigned_abs() as usize;
                if digits.iter().take(below).any(|digit| *digit != 0) {
                    return None;
                }
                digits.get(below..).unwrap_or_default().to_vec()
            }
        };
        let mut n: i128 = 0;
        for digit in digits.iter().rev() {
            n = n.checked_mul(10)?.checked_add((*digit).into())?;
        }
        Some(if *negative { -n } else { n })
    }

    /// As a row would hold it: without trailing zeros.
    pub fn reduced(self) -> Decimal {
        match self {
            Finite {
                negative,
                mut digits,
                mut exponent,
            } => {
                let zeros = digits.iter().take_while(|digit| **digit == 0).count();
                digits.drain(..zeros);
                exponent += zeros as i32;
                if digits.is_empty() {
                    exponent = 0;
                }
                Finite {
                    negative,
                    digits,
                    exponent,
                }
            }
            other => other,
        }
    }

    /// As texts of errors show it: with an exponent where the number is far
    /// from the point.
    pub fn scientific(&self) -> String {
        let sign = if self.is_negative() { "-" } else { "" };
        let Finite {
            digits, exponent, ..
        } = self
        else {
            return match self {
                Nan => "NaN".to_string(),
                _ => format!("{sign}Infinity"),
            };
        };
        let text = shown(digits);
        let magnitude = text.len() as i32 - 1 + exponent;
        if *exponent <= 0 && magnitude >= -6 {
            return format!(
                "{sign}{}",
                with_point(&text, exponent.unsigned_abs() as usize)
            );
        }
        let (first, rest) = text.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}E{magnitude:+}")
    }

    /// In plain notation, trailing zeros included.
    pub fn plain(&self) -> String {
        match self {
            Finite {
                negative,
                digits,
                exponent,
            } => {
                let sign = if *negative { "-" } else { "" };
                match exponent {
                    0.. => format!("{sign}{}", shown(&shifted(digits, *exponent))),
                    _ => {
                        let scale = exponent.unsigned_abs() as usize;
                        format!("{sign}{}", with_point(&shown(digits), scale))
                    }
                }
            }
            other => other.scientific(),
        }
    }
}

impl From<Numeric> for Decimal {
    fn from(n: Numeric) -> Self {
        let (_, exponent, _, units) = n.parts();
        if n.is_nan() {
            return Nan;
        }
        let negative = n.is_negative();
        if n.is_infinite() {
            return Infinite { negative };
        }
        let digits = units
            .iter()
            .flat_map(|unit| [unit % 10, unit / 10 % 10, unit / 100]);
        Finite {
            negative,
            digits: trimmed(digits.map(|digit| digit as u8).collect()),
            exponent: exponent.into(),
        }
    }
}

impl TryFrom<Decimal> for Numeric {
    type Error = EvalError;

    /// Errors: a value that does not fit, which arithmetic never gives.
    fn try_from(decimal: Decimal) -> Result<Numeric, EvalError> {
        let special = |bits| Numeric::from_parts(1, 0, bits, &[0]);
        let found = match decimal {
            Nan => special(NAN),
            Infinite { negative } => special(INFINITY | if negative { NEGATIVE } else { 0 }),
            Finite {
                negative,
                mut digits,
                exponent,
            } => {
                if digits.is_empty() {
                    digits.push(0);
                }
                let units: Vec<u16> = digits
                    .chunks(3)
                    .map(|unit| {
                        unit.iter()
                            .rev()
                            .fold(0, |n, digit| n * 10 + u16::from(*digit))
                    })
                    .collect();
                let bits = if negative { NEGATIVE } else { 0 };
                match (u8::try_from(digits.len()), i8::try_from(exponent)) {
                    (Ok(count), Ok(exponent)) => Numeric::from_parts(count, exponent, bits, &units),
                    _ => None,
                }
            }
        };
        found.ok_or(EvalError::NumericFieldOverflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn arithmetic_is_what_one_does_on_paper() {
        assert_eq!(n("1.10").plus(&n("2.9")).unwrap().plain(), "4.00");
        assert_eq!(n("1").minus(&n("2.5")).unwrap().plain(), "-1.5");
        assert_eq!(n("-1.5").times(&n("0.20")).unwrap().plain(), "-0.300");
        assert_eq!(n("1").divided_by(&n("8")).unwrap().plain(), "0.125");
        assert_eq!(n("-7.5").remainder(&n("2")).unwrap().plain(), "-1.5");
        assert_eq!(n("1").divided_by(&n("0")), Err(EvalError::DivisionByZero));
    }

    #[test]
    fn what_has_no_end_is_rounded_half_up() {
        let third = n("2").divided_by(&n("3")).unwrap().plain();
        assert_eq!(third, format!("0.{}7", "6".repeat(38)));
        assert_eq!(n("-2.5").nearest_integer().plain(), "-3");
        assert_eq!(n("2.4").nearest_integer().as_i128(), Some(2));
    }

    #[test]
    fn numbers_survive_the_form_of_rows() {
        for text in [
            "0",
            "-12.5",
            "123456789012345678901234567890123456789",
            "0.001",
        ] {
            let there: Numeric = n(text).try_into().unwrap();
            assert_eq!(Decimal::from(there), n(text));
            assert_eq!(there.to_string(), text);
        }
        assert_eq!(n("1200").reduced().scientific(), "1.2E+3");
    }
}
