//! Decimal arithmetic of 39 digits. Source: `spec/plan.md` §5.4, §5.5.
//!
//! Invariants: a finite value's digits have no leading zeros and zero has none;
//! trailing zeros and the exponent are kept through arithmetic, since casts to
//! text show them, and are reduced only when a value enters a row.

use std::fmt;

use protocol::v26_30::EvalError;
use repr::Numeric;

/// The most significant digits of a result.
const PRECISION: usize = 39;
/// The greatest and the least adjusted exponent of a normal value.
const MAX_EXPONENT: i32 = 38;
const MIN_EXPONENT: i32 = -39;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Finite,
    Infinite,
    Nan,
}

/// A decimal in the course of a computation.
#[derive(Debug, Clone)]
pub(super) struct Decimal {
    class: Class,
    negative: bool,
    /// Most significant first.
    digits: Vec<u8>,
    exponent: i32,
}

impl From<Numeric> for Decimal {
    fn from(n: Numeric) -> Self {
        let (_, exponent, bits, units) = n.parts();
        let mut digits = Vec::with_capacity(units.len() * 3);
        for unit in units.iter().rev() {
            let unit = *unit;
            digits.extend([unit / 100, unit / 10 % 10, unit % 10].map(|digit| digit as u8));
        }
        let class = match (n.is_nan(), n.is_infinite()) {
            (true, _) => Class::Nan,
            (false, true) => Class::Infinite,
            (false, false) => Class::Finite,
        };
        Decimal::new(class, bits & 0x80 != 0, digits, exponent.into())
    }
}

macro_rules! from_integer {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Decimal {
            fn from(value: $kind) -> Self {
                Decimal::integer(value.into())
            }
        }
    )*};
}
from_integer!(i16, i32, i64, u16, u32, u64, i128);

impl Decimal {
    fn new(class: Class, negative: bool, mut digits: Vec<u8>, exponent: i32) -> Decimal {
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..zeros);
        Decimal {
            class,
            negative,
            digits,
            exponent,
        }
    }

    fn finite(negative: bool, digits: Vec<u8>, exponent: i32) -> Decimal {
        Decimal::new(Class::Finite, negative, digits, exponent)
    }

    fn special(class: Class, negative: bool) -> Decimal {
        Decimal::new(class, negative, Vec::new(), 0)
    }

    pub(super) fn nan() -> Decimal {
        Decimal::special(Class::Nan, false)
    }

    pub(super) fn infinity(negative: bool) -> Decimal {
        Decimal::special(Class::Infinite, negative)
    }

    fn integer(value: i128) -> Decimal {
        let text = value.unsigned_abs().to_string();
        let digits = text.bytes().map(|b| b - b'0').collect();
        Decimal::finite(value < 0, digits, 0)
    }

    /// `value`·10^`exponent`.
    pub(super) fn scaled(value: i128, exponent: i32) -> Decimal {
        Decimal {
            exponent,
            ..Decimal::integer(value)
        }
    }

    pub(super) fn is_nan(&self) -> bool {
        self.class == Class::Nan
    }

    pub(super) fn is_infinite(&self) -> bool {
        self.class == Class::Infinite
    }

    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    pub(super) fn is_zero(&self) -> bool {
        self.class == Class::Finite && self.digits.is_empty()
    }

    /// The power of ten of the most significant digit.
    fn adjusted(&self) -> i32 {
        self.exponent + self.digits.len().max(1) as i32 - 1
    }

    /// Digits before or after the point, whichever the type's limit counts.
    fn width(&self) -> usize {
        let digits = self.digits.len().max(1);
        if self.exponent >= 0 {
            digits + self.exponent as usize
        } else {
            digits.max(self.exponent.unsigned_abs() as usize)
        }
    }

    /// Cuts the last `cut` digits off, halves away from zero.
    fn cut(&mut self, cut: usize) {
        if cut == 0 || self.class != Class::Finite {
            return;
        }
        let keep = self.digits.len().checked_sub(cut);
        let up = keep.is_some_and(|keep| self.digits[keep] >= 5);
        self.digits.truncate(keep.unwrap_or(0));
        self.exponent += cut as i32;
        if up {
            for digit in self.digits.iter_mut().rev() {
                *digit += 1;
                if *digit < 10 {
                    return;
                }
                *digit = 0;
            }
            self.digits.insert(0, 1);
        }
    }

    /// To 39 significant digits.
    fn rounded(mut self) -> Decimal {
        self.cut(self.digits.len().saturating_sub(PRECISION));
        // A carry may have made one digit more.
        self.cut(self.digits.len().saturating_sub(PRECISION));
        self
    }

    fn overflows(&self) -> bool {
        self.class == Class::Finite && !self.digits.is_empty() && self.adjusted() > MAX_EXPONENT
    }

    /// The form that multiplication, division, negation and casts leave: at most
    /// 39 digits counted with the zeros around the point, no negative zero.
    pub(super) fn normalised(mut self) -> Decimal {
        match self.class {
            Class::Finite => {
                self.cut(self.width().saturating_sub(PRECISION));
                self.negative &= !self.digits.is_empty();
            }
            Class::Nan => self.negative = false,
            Class::Infinite => {}
        }
        self
    }

    /// Without trailing zeros, as rows hold it.
    pub(super) fn reduced(mut self) -> Decimal {
        if self.class == Class::Finite {
            if self.digits.is_empty() {
                self.exponent = 0;
            }
            while self.digits.last() == Some(&0) {
                self.digits.pop();
                self.exponent += 1;
            }
        }
        self
    }

    /// As a datum holds it, trailing zeros included.
    pub(super) fn numeric(&self) -> Numeric {
        let mut bits = if self.negative { 0x80 } else { 0 };
        bits |= match self.class {
            Class::Finite => 0,
            Class::Infinite => 0x40,
            Class::Nan => 0x20,
        };
        let value = self.clone().rounded();
        let mut units: Vec<u16> = value
            .digits
            .rchunks(3)
            .map(|unit| {
                unit.iter()
                    .fold(0, |sum, digit| sum * 10 + u16::from(*digit))
            })
            .collect();
        if units.is_empty() {
            units.push(0);
        }
        let digits = value.digits.len().max(1) as u8;
        let exponent = value.exponent.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
        Numeric::from_parts(digits, exponent, bits, &units)
            .expect("at most 39 digits, units below 1000")
    }

    /// The digits with zeros appended, so that the exponent is `exponent`, which
    /// must not be above the own one.
    fn padded(&self, exponent: i32) -> Vec<u8> {
        let mut digits = self.digits.clone();
        if !digits.is_empty() {
            let zeros = (self.exponent - exponent).max(0) as usize;
            digits.resize(digits.len() + zeros, 0);
        }
        digits
    }

    /// The digits of the value in units of ten to the `exponent`, smaller digits cut
    /// off; none for a NaN or an infinity.
    pub(super) fn digits_at(&self, exponent: i32) -> Vec<u8> {
        if self.class != Class::Finite {
            return Vec::new();
        }
        let mut digits = self.padded(exponent);
        let excess = (exponent - self.exponent).max(0) as usize;
        digits.truncate(digits.len().saturating_sub(excess));
        digits
    }

    /// The result of an exact summation: rounded to 39 digits, infinite beyond.
    pub(super) fn sum(negative: bool, digits: Vec<u8>, exponent: i32) -> Decimal {
        let sum = Decimal::finite(negative, digits, exponent).rounded();
        if sum.overflows() {
            Decimal::infinity(negative)
        } else {
            sum
        }
    }

    pub(super) fn negated(mut self) -> Decimal {
        self.negative = !self.negative;
        self.normalised()
    }

    pub(super) fn absolute(mut self) -> Decimal {
        self.negative = false;
        self
    }

    /// The exact sum.
    fn plus(&self, other: &Decimal) -> Decimal {
        match (self.class, other.class) {
            (Class::Nan, _) | (_, Class::Nan) => return Decimal::nan(),
            (Class::Infinite, Class::Infinite) if self.negative != other.negative => {
                return Decimal::nan();
            }
            (Class::Infinite, _) => return self.clone(),
            (_, Class::Infinite) => return other.clone(),
            (Class::Finite, Class::Finite) => {}
        }
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.padded(exponent), other.padded(exponent));
        if self.negative == other.negative {
            return Decimal::finite(self.negative, add(&a, &b), exponent);
        }
        match compare(&a, &b) {
            std::cmp::Ordering::Equal => Decimal::finite(false, Vec::new(), exponent),
            std::cmp::Ordering::Greater => {
                Decimal::finite(self.negative, subtract(&a, &b), exponent)
            }
            std::cmp::Ordering::Less => Decimal::finite(other.negative, subtract(&b, &a), exponent),
        }
    }

    pub(super) fn checked_add(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        let sum = self.plus(other).rounded();
        if sum.overflows() {
            Err(EvalError::FloatOverflow)
        } else {
            Ok(sum)
        }
    }

    pub(super) fn checked_sub(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        let mut other = other.clone();
        other.negative = !other.negative;
        self.checked_add(&other)
    }

    /// Checks what multiplication and division may do to the exponent.
    fn in_range(self) -> Result<Decimal, EvalError> {
        if self.overflows() {
            Err(EvalError::FloatOverflow)
        } else if !self.digits.is_empty() && self.adjusted() < MIN_EXPONENT {
            Err(EvalError::FloatUnderflow)
        } else {
            Ok(self.normalised())
        }
    }

    pub(super) fn checked_mul(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        let negative = self.negative != other.negative;
        match (self.class, other.class) {
            (Class::Nan, _) | (_, Class::Nan) => Ok(Decimal::nan()),
            (Class::Finite, Class::Finite) => Decimal::finite(
                negative,
                multiply(&self.digits, &other.digits),
                self.exponent + other.exponent,
            )
            .rounded()
            .in_range(),
            _ if self.is_zero() || other.is_zero() => Ok(Decimal::nan()),
            _ => Ok(Decimal::infinity(negative)),
        }
    }

    pub(super) fn checked_div(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        let negative = self.negative != other.negative;
        if other.is_zero() {
            return Err(EvalError::DivisionByZero);
        }
        match (self.class, other.class) {
            (Class::Nan, _) | (_, Class::Nan) | (Class::Infinite, Class::Infinite) => {
                Ok(Decimal::nan())
            }
            (Class::Infinite, Class::Finite) => Ok(Decimal::infinity(negative)),
            (Class::Finite, Class::Infinite) => {
                Ok(Decimal::finite(negative, Vec::new(), 0).normalised())
            }
            (Class::Finite, Class::Finite) => {
                let ideal = self.exponent - other.exponent;
                // Enough zeros behind the dividend for 40 digits of quotient.
                let zeros = (PRECISION + 1 + other.digits.len()).saturating_sub(self.digits.len());
                let mut dividend = self.digits.clone();
                dividend.resize(dividend.len() + zeros, 0);
                let (digits, remainder) = divide(&dividend, &other.digits);
                let mut quotient =
                    Decimal::finite(negative, digits, ideal - zeros as i32).rounded();
                if remainder.is_empty() {
                    // Exact: as close to the ideal exponent as the digits allow.
                    while quotient.exponent < ideal && quotient.digits.last() == Some(&0) {
                        quotient.digits.pop();
                        quotient.exponent += 1;
                    }
                }
                if quotient.digits.is_empty() {
                    quotient.exponent = ideal;
                }
                quotient.in_range()
            }
        }
    }

    pub(super) fn checked_rem(&self, other: &Decimal) -> Result<Decimal, EvalError> {
        if other.is_zero() {
            return Err(EvalError::DivisionByZero);
        }
        match (self.class, other.class) {
            (Class::Nan, _) | (_, Class::Nan) | (Class::Infinite, _) => Ok(Decimal::nan()),
            (Class::Finite, Class::Infinite) => Ok(self.clone().normalised()),
            (Class::Finite, Class::Finite) => {
                let exponent = self.exponent.min(other.exponent);
                let (quotient, remainder) = divide(&self.padded(exponent), &other.padded(exponent));
                if quotient.len() > PRECISION {
                    return Ok(Decimal::nan());
                }
                let remainder = Decimal::finite(self.negative, remainder, exponent);
                Ok(remainder.rounded().normalised())
            }
        }
    }

    /// To exactly `scale` digits after the point.
    ///
    /// Errors: if that takes more than 39 digits.
    pub(super) fn rescaled(mut self, scale: i32) -> Result<Decimal, EvalError> {
        match self.class {
            Class::Nan => return Ok(self.normalised()),
            Class::Infinite => return Err(EvalError::NumericFieldOverflow),
            Class::Finite => {}
        }
        let exponent = -scale;
        if self.exponent < exponent {
            self.cut((exponent - self.exponent) as usize);
            self.exponent = exponent;
        } else {
            self.digits = self.padded(exponent);
            self.exponent = exponent;
        }
        if self.digits.len() > PRECISION {
            return Err(EvalError::NumericFieldOverflow);
        }
        Ok(self.normalised())
    }

    /// With an optional scale, as casts to numeric have it.
    pub(super) fn cast(self, scale: Option<u8>) -> Result<Decimal, EvalError> {
        match scale {
            Some(scale) => self.rescaled(scale.into()),
            None if self.overflows() => Err(EvalError::NumericFieldOverflow),
            None => Ok(self.rounded().normalised()),
        }
    }

    /// To a whole number; `up` says from the sign and the cut-off digits whether
    /// the magnitude grows by one.
    fn whole(mut self, up: impl FnOnce(bool, &[u8], usize) -> bool) -> Decimal {
        if self.class != Class::Finite || self.exponent >= 0 {
            return self;
        }
        let cut = self.exponent.unsigned_abs() as usize;
        let keep = self.digits.len().saturating_sub(cut);
        let grows = up(self.negative, &self.digits[keep..], cut);
        self.digits.truncate(keep);
        self.exponent = 0;
        if grows {
            self.digits = add(&self.digits, &[1]);
        }
        Decimal::new(Class::Finite, self.negative, self.digits, 0)
    }

    /// A zero that came of cutting a fraction has no sign; one that was there
    /// keeps it.
    fn unsigned_zero(self, before: i32) -> Decimal {
        if before < 0 { self.normalised() } else { self }
    }

    /// To the nearest whole number, halves away from zero; a zero keeps the sign.
    pub(super) fn nearest(self) -> Decimal {
        self.whole(|_, cut, places| cut.len() == places && cut[0] >= 5)
    }

    pub(super) fn round(self) -> Decimal {
        let before = self.exponent;
        self.nearest().unsigned_zero(before)
    }

    pub(super) fn trunc(self) -> Decimal {
        let before = self.exponent;
        self.whole(|_, _, _| false).unsigned_zero(before)
    }

    pub(super) fn ceil(self) -> Decimal {
        let before = self.exponent;
        self.whole(|negative, cut, _| !negative && cut.iter().any(|digit| *digit != 0))
            .unsigned_zero(before)
    }

    pub(super) fn floor(self) -> Decimal {
        self.whole(|negative, cut, _| negative && cut.iter().any(|digit| *digit != 0))
    }

    /// To `places` digits after the point (before it if negative), without
    /// padding where the value has fewer.
    pub(super) fn round_to(self, places: i32) -> Result<Decimal, EvalError> {
        if self.class != Class::Finite {
            return Ok(self);
        }
        let pads = self.exponent > 0 && places > 0 || self.exponent < 0 && -self.exponent < places;
        if pads {
            let before = if self.exponent >= 0 {
                self.width()
            } else {
                self.digits
                    .len()
                    .saturating_sub(self.exponent.unsigned_abs() as usize)
            };
            let most = PRECISION.saturating_sub(before) as i32;
            return self.rescaled(places.min(most));
        }
        let places = places.clamp(-(PRECISION as i32) - 1, PRECISION as i32 + 1);
        let mut value = self;
        value.exponent += places;
        if value.overflows() {
            return Err(EvalError::FloatOverflow);
        }
        value = value.round();
        value.exponent -= places;
        if value.digits.is_empty() {
            value.exponent = 0;
        }
        if value.overflows() {
            return Err(EvalError::FloatOverflow);
        }
        Ok(value.normalised())
    }

    /// The value, if it is a whole number within i128.
    pub(super) fn whole_value(&self) -> Option<i128> {
        if self.class != Class::Finite {
            return None;
        }
        let mut value: i128 = 0;
        let zeros = self.exponent.max(0) as usize;
        let fraction = (-self.exponent).max(0) as usize;
        let keep = self.digits.len().saturating_sub(fraction);
        if self.digits[keep..].iter().any(|digit| *digit != 0) {
            return None;
        }
        let zeros = if keep == 0 { 0 } else { zeros };
        let digits = self.digits[..keep].iter().copied();
        for digit in digits.chain(std::iter::repeat_n(0, zeros)) {
            value = value.checked_mul(10)?.checked_add(digit.into())?;
        }
        Some(if self.negative { -value } else { value })
    }

    /// From decimal text: digits with a point, then perhaps an exponent. None if
    /// it is no number.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        match rest.to_ascii_lowercase().as_str() {
            "nan" => return Some(Decimal::special(Class::Nan, negative)),
            "inf" | "infinity" => return Some(Decimal::infinity(negative)),
            _ => {}
        }
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                // An exponent that does not fit is beyond the type as well.
                let size: i32 = digits.parse().unwrap_or(100_000).min(100_000);
                (
                    mantissa,
                    if exponent.starts_with('-') {
                        -size
                    } else {
                        size
                    },
                )
            }
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = digits.into_iter().map(|b| b - b'0').collect();
        Some(Decimal::finite(
            negative,
            digits,
            exponent - fraction.len() as i32,
        ))
    }

    /// Whether the value needs more than 39 digits before the point, or is so
    /// small that none of 39 digits after it shows it.
    pub(super) fn beyond_type(&self) -> bool {
        !self.digits.is_empty()
            && self.class == Class::Finite
            && (self.adjusted() > MAX_EXPONENT || self.adjusted() < MIN_EXPONENT)
    }

    pub(super) fn rounded_to_type(self) -> Decimal {
        self.rounded().normalised()
    }

    /// Scientific notation where the exponent calls for it.
    pub(super) fn scientific(&self) -> String {
        let adjusted = self.adjusted();
        if self.class != Class::Finite || self.exponent <= 0 && adjusted >= -6 {
            return self.to_string();
        }
        let digits = self.digit_text();
        let sign = if self.negative { "-" } else { "" };
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}E{adjusted:+}")
    }

    fn digit_text(&self) -> String {
        if self.digits.is_empty() {
            return "0".into();
        }
        self.digits.iter().map(|d| char::from(b'0' + d)).collect()
    }
}

impl fmt::Display for Decimal {
    /// Plain notation, stored trailing zeros included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.class == Class::Nan {
            return f.write_str("NaN");
        }
        if self.negative {
            f.write_str("-")?;
        }
        if self.class == Class::Infinite {
            return f.write_str("Infinity");
        }
        let digits = self.digit_text();
        if self.exponent >= 0 {
            let zeros = if self.digits.is_empty() {
                0
            } else {
                self.exponent as usize
            };
            return write!(f, "{digits}{}", "0".repeat(zeros));
        }
        let scale = self.exponent.unsigned_abs() as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{whole}.{fraction}")
    }
}

/// Compares magnitudes without leading zeros.
fn compare(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut sum = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    let (mut a, mut b) = (a.iter().rev(), b.iter().rev());
    loop {
        let digit = match (a.next(), b.next()) {
            (None, None) if carry == 0 => break,
            (x, y) => carry + x.unwrap_or(&0) + y.unwrap_or(&0),
        };
        sum.push(digit % 10);
        carry = digit / 10;
    }
    sum.reverse();
    sum
}

/// `a` − `b`, where `a` ≥ `b`.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut difference = Vec::with_capacity(a.len());
    let mut borrow = 0;
    let mut b = b.iter().rev();
    for digit in a.iter().rev() {
        let taken = b.next().unwrap_or(&0) + borrow;
        borrow = u8::from(*digit < taken);
        difference.push(digit + 10 * borrow - taken);
    }
    difference.reverse();
    let zeros = difference.iter().take_while(|d| **d == 0).count();
    difference.drain(..zeros);
    difference
}

fn multiply(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut product = vec![0u32; a.len() + b.len()];
    for (i, x) in a.iter().rev().enumerate() {
        for (j, y) in b.iter().rev().enumerate() {
            product[i + j] += u32::from(*x) * u32::from(*y);
        }
    }
    let mut carry = 0;
    for digit in &mut product {
        carry += *digit;
        *digit = carry % 10;
        carry /= 10;
    }
    product.into_iter().rev().map(|digit| digit as u8).collect()
}

/// Quotient and remainder, both without leading zeros; `b` is not zero.
fn divide(a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut quotient = Vec::with_capacity(a.len());
    let mut remainder: Vec<u8> = Vec::new();
    for digit in a {
        if !(remainder.is_empty() && *digit == 0) {
            remainder.push(*digit);
        }
        let mut times = 0;
        while compare(&remainder, b) != std::cmp::Ordering::Less {
            remainder = subtract(&remainder, b);
            times += 1;
        }
        if !(quotient.is_empty() && times == 0) {
            quotient.push(times);
        }
    }
    (quotient, remainder)
}
