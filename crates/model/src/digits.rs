//! Natural numbers as decimal digits: arithmetic as on paper.
//!
//! Invariant: digits stand least significant first, without leading zeros, so
//! that zero has none and equal numbers are equal lists.

use std::cmp::Ordering;

/// Decimal digits, least significant first.
pub(super) type Digits = Vec<u8>;

/// Without leading zeros.
pub(super) fn trimmed(mut digits: Digits) -> Digits {
    while digits.last() == Some(&0) {
        digits.pop();
    }
    digits
}

/// The number's text, `0` for zero.
pub(super) fn shown(digits: &[u8]) -> String {
    match digits {
        [] => "0".to_string(),
        _ => digits
            .iter()
            .rev()
            .map(|digit| char::from(b'0' + digit))
            .collect(),
    }
}

/// A number's text with this many digits behind the point.
pub(super) fn with_point(text: &str, scale: usize) -> String {
    if scale == 0 {
        return text.to_string();
    }
    let padded = format!("{text:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{whole}.{fraction}")
}

/// Times ten to the power of `by`.
pub(super) fn shifted(digits: &[u8], by: i32) -> Digits {
    if digits.is_empty() {
        return Vec::new();
    }
    let mut all = vec![0; by.max(0) as usize];
    all.extend(digits);
    all
}

/// Without the last `count` digits, rounded half up.
pub(super) fn cut_off(digits: &[u8], count: usize) -> Digits {
    let up = count > 0 && digits.get(count - 1).is_some_and(|digit| *digit >= 5);
    let kept = digits.get(count..).unwrap_or_default();
    match up {
        true => add(kept, &[1]),
        false => kept.to_vec(),
    }
}

/// By value.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let by_length = a.len().cmp(&b.len());
    by_length.then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// a + b.
pub(super) fn add(a: &[u8], b: &[u8]) -> Digits {
    let mut sum = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    for at in 0..a.len().max(b.len()) {
        let n = a.get(at).unwrap_or(&0) + b.get(at).unwrap_or(&0) + carry;
        sum.push(n % 10);
        carry = n / 10;
    }
    sum.push(carry);
    trimmed(sum)
}

/// a − b, where a is not less.
pub(super) fn subtract(a: &[u8], b: &[u8]) -> Digits {
    let mut difference = Vec::with_capacity(a.len());
    let mut borrow = 0;
    for (at, digit) in a.iter().enumerate() {
        let n = 10 + digit - b.get(at).unwrap_or(&0) - borrow;
        difference.push(n % 10);
        borrow = u8::from(n < 10);
    }
    trimmed(difference)
}

/// a · b.
pub(super) fn multiply(a: &[u8], b: &[u8]) -> Digits {
    let mut columns = vec![0_u32; a.len() + b.len() + 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            columns[i + j] += u32::from(*x) * u32::from(*y);
        }
    }
    let mut carry = 0;
    let digits = columns.into_iter().map(|column| {
        let n = column + carry;
        carry = n / 10;
        (n % 10) as u8
    });
    trimmed(digits.collect())
}

/// Quotient and remainder of long division; `b` is not zero.
pub(super) fn divide(a: &[u8], b: &[u8]) -> (Digits, Digits) {
    let mut quotient = Vec::with_capacity(a.len());
    let mut rest: Digits = Vec::new();
    for digit in a.iter().rev() {
        rest.insert(0, *digit);
        rest = trimmed(rest);
        let mut times = 0;
        while compare(&rest, b) != Ordering::Less {
            rest = subtract(&rest, b);
            times += 1;
        }
        quotient.push(times);
    }
    quotient.reverse();
    (trimmed(quotient), rest)
}
