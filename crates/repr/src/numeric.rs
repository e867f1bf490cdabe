//! Decimals as rows hold them: a coefficient in base 1000, an exponent, flag
//! bits. Source: `spec/plan.md` §6.2.
//!
//! Invariant: a value built here is reduced (no trailing zeros), so that equal
//! values have equal bytes; what was decoded is kept as it came.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const NEGATIVE: u8 = 0x80;
const INFINITY: u8 = 0x40;
const NAN: u8 = 0x20;
const SIGNALING: u8 = 0x10;

/// The most decimal digits of a coefficient.
pub const MAX_DIGITS: usize = 39;
const UNITS: usize = 13;

/// A decimal of at most 39 digits.
#[derive(Clone, Copy, Debug)]
pub struct Numeric {
    pub(super) digits: u8,
    pub(super) exponent: i8,
    pub(super) bits: u8,
    pub(super) units: [u16; UNITS],
}

impl Numeric {
    /// From a coefficient and a power of ten.
    ///
    /// Errors: None if the value needs more than 39 digits or an exponent
    /// beyond one byte.
    pub fn new(coefficient: i128, mut exponent: i32) -> Option<Numeric> {
        let mut rest = coefficient.unsigned_abs();
        if rest == 0 {
            exponent = 0;
        }
        while rest != 0 && rest.is_multiple_of(10) {
            rest /= 10;
            exponent += 1;
        }
        let digits = rest.checked_ilog10().map_or(1, |log| log + 1);
        if digits as usize > MAX_DIGITS {
            return None;
        }
        let mut units = [0u16; UNITS];
        for unit in &mut units {
            *unit = (rest % 1000) as u16;
            rest /= 1000;
        }
        Some(Numeric {
            digits: digits as u8,
            exponent: exponent.try_into().ok()?,
            bits: if coefficient < 0 { NEGATIVE } else { 0 },
            units,
        })
    }

    /// From the parts of a row.
    ///
    /// Errors: None if they are no decimal.
    pub fn from_parts(digits: u8, exponent: i8, bits: u8, units: &[u16]) -> Option<Numeric> {
        let fits = digits as usize <= MAX_DIGITS
            && units.len() == (digits as usize).div_ceil(3)
            && units.iter().all(|unit| *unit < 1000);
        let mut all = [0u16; UNITS];
        fits.then(|| {
            all[..units.len()].copy_from_slice(units);
            Numeric {
                digits,
                exponent,
                bits,
                units: all,
            }
        })
    }

    /// From decimal digits, most significant first, over 10^scale.
    ///
    /// Errors: None if the value needs more than 39 digits or an exponent beyond one
    /// byte.
    pub fn from_digits(negative: bool, digits: &str, scale: i32) -> Option<Numeric> {
        let significant = digits.trim_start_matches('0');
        let reduced = significant.trim_end_matches('0');
        let exponent = if reduced.is_empty() {
            0
        } else {
            let cut = i32::try_from(significant.len() - reduced.len()).ok()?;
            cut.checked_sub(scale)?
        };
        let text = if reduced.is_empty() { "0" } else { reduced };
        let units: Option<Vec<u16>> = text
            .as_bytes()
            .rchunks(3)
            .map(|unit| std::str::from_utf8(unit).ok()?.parse().ok())
            .collect();
        let bits = if negative && !reduced.is_empty() {
            NEGATIVE
        } else {
            0
        };
        Numeric::from_parts(
            u8::try_from(text.len()).ok()?,
            i8::try_from(exponent).ok()?,
            bits,
            &units?,
        )
    }

    /// The parts as a row holds them: digits, exponent, bits, units in use.
    pub fn parts(&self) -> (u8, i8, u8, &[u16]) {
        let n = (self.digits as usize).div_ceil(3);
        (self.digits, self.exponent, self.bits, &self.units[..n])
    }

    pub fn is_nan(&self) -> bool {
        self.bits & (NAN | SIGNALING) != 0
    }

    pub fn is_infinite(&self) -> bool {
        self.bits & INFINITY != 0
    }

    pub fn is_negative(&self) -> bool {
        self.bits & NEGATIVE != 0
    }

    /// The coefficient's decimal digits, most significant first, without
    /// leading zeros; empty for zero.
    fn digit_text(&self) -> String {
        let text: String = self.units.iter().rev().map(|u| format!("{u:03}")).collect();
        text.trim_start_matches('0').to_string()
    }

    fn magnitude_cmp(&self, other: &Numeric) -> Ordering {
        let (a, b) = (self.digit_text(), other.digit_text());
        match (a.is_empty(), b.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let top = |text: &str, n: &Numeric| text.len() as i32 + i32::from(n.exponent);
        top(&a, self)
            .cmp(&top(&b, other))
            .then_with(|| a.trim_end_matches('0').cmp(b.trim_end_matches('0')))
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        Numeric::new(value.into(), 0).expect("an i64 has at most 19 digits")
    }
}

/// Text that is no decimal of at most 39 digits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a decimal of at most {MAX_DIGITS} digits, got {0:?}")]
pub struct NumericError(String);

impl FromStr for Numeric {
    type Err = NumericError;

    /// Plain or scientific notation: `-12.034`, `1e3`.
    fn from_str(text: &str) -> Result<Numeric, NumericError> {
        parsed(text).ok_or_else(|| NumericError(text.to_string()))
    }
}

fn parsed(text: &str) -> Option<Numeric> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, power) = match rest.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(power)?;
    Numeric::from_digits(negative, &digits, scale)
}

impl Ord for Numeric {
    /// By value; NaN greatest, infinities at the ends.
    fn cmp(&self, other: &Self) -> Ordering {
        let class = |n: &Numeric| match (n.is_nan(), n.is_infinite(), n.is_negative()) {
            (true, _, _) => 3,
            (false, true, true) => 0,
            (false, true, false) => 2,
            (false, false, _) => 1,
        };
        class(self).cmp(&class(other)).then_with(|| {
            if class(self) != 1 {
                return Ordering::Equal;
            }
            let negative = |n: &Numeric| n.is_negative() && !n.digit_text().is_empty();
            match (negative(self), negative(other)) {
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => self.magnitude_cmp(other),
                (true, true) => other.magnitude_cmp(self),
            }
        })
    }
}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Numeric {}

impl fmt::Display for Numeric {
    /// Plain notation, without an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nan() {
            return f.write_str("NaN");
        }
        if self.is_negative() {
            f.write_str("-")?;
        }
        if self.is_infinite() {
            return f.write_str("Infinity");
        }
        let digits = self.digit_text();
        let digits = if digits.is_empty() { "0" } else { &digits };
        let exponent = i32::from(self.exponent);
        if exponent >= 0 {
            let zeros = if digits == "0" { 0 } else { exponent as usize };
            write!(f, "{digits}{}", "0".repeat(zeros))
        } else {
            let scale = exponent.unsigned_abs() as usize;
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            write!(f, "{whole}.{fraction}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_reduced_and_print_plainly() {
        let n = Numeric::new(1200, 0).unwrap();
        assert_eq!(n.parts(), (2, 2, 0, &[12u16][..]));
        assert_eq!(n.to_string(), "1200");
        assert_eq!(Numeric::new(-1, -3).unwrap().to_string(), "-0.001");
        assert_eq!(
            Numeric::new(-123456789, -2).unwrap().to_string(),
            "-1234567.89"
        );
        assert_eq!(Numeric::from(0).to_string(), "0");
    }

    #[test]
    fn texts_are_read_as_plain_or_scientific_decimals() {
        for (text, plain) in [("1e3", "1000"), ("-2.50E-1", "-0.25"), ("-0", "0")] {
            assert_eq!(text.parse::<Numeric>().unwrap().to_string(), plain);
        }
        let long = "1".repeat(40);
        let bad = [
            "",
            "-",
            ".",
            "e1",
            "1x",
            "1e",
            "1e99999999999",
            "1e200",
            "--1",
        ];
        for text in bad.into_iter().chain([long.as_str()]) {
            assert!(text.parse::<Numeric>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_order_is_numeric() {
        let n = |c, e| Numeric::new(c, e).unwrap();
        let ascending = [
            n(-5, 2),
            n(-5, 0),
            n(-1, -3),
            n(0, 0),
            n(15, -1),
            n(2, 0),
            n(19, 0),
            n(2, 1),
        ];
        assert!(ascending.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(n(10, 0), n(1, 1));
    }
}
