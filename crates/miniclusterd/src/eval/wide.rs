//! Exact sums of decimals: a fixed-point integer of 384 bits with 39 decimal
//! places. Source: `spec/plan.md` §5.8 (SumNumeric).
//!
//! Invariant: addition and multiplication by counts wrap, hence form a group.

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;

const LIMBS: usize = 6;
/// Decimal places; a row's decimal has no more.
const PLACES: i32 = 39;

/// Two's complement, least significant limb first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wide([u64; LIMBS]);

impl Wide {
    pub(super) fn is_zero(&self) -> bool {
        self.0 == [0; LIMBS]
    }

    pub(super) fn plus(&mut self, other: &Wide) {
        let mut carry = false;
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            let (sum, first) = a.overflowing_add(*b);
            let (sum, second) = sum.overflowing_add(carry.into());
            *a = sum;
            carry = first || second;
        }
    }

    fn negate(&mut self) {
        self.0.iter_mut().for_each(|limb| *limb = !*limb);
        let mut one = [0; LIMBS];
        one[0] = 1;
        self.plus(&Wide(one));
    }

    fn times_unsigned(&mut self, factor: u64, add: u64) {
        let mut carry = u128::from(add);
        for limb in &mut self.0 {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = carry as u64;
            carry >>= 64;
        }
    }

    pub(super) fn times(&mut self, factor: i64) {
        self.times_unsigned(factor.unsigned_abs(), 0);
        if factor < 0 {
            self.negate();
        }
    }

    /// The sum as a decimal of 39 digits, infinite if it needs more before the
    /// point.
    pub(super) fn decimal(&self) -> Decimal {
        let negative = self.0[LIMBS - 1] >> 63 == 1;
        let mut rest = self.clone();
        if negative {
            rest.negate();
        }
        let mut digits = Vec::new();
        while !rest.is_zero() {
            let mut remainder: u128 = 0;
            for limb in rest.0.iter_mut().rev() {
                let value = (remainder << 64) | u128::from(*limb);
                *limb = (value / 10) as u64;
                remainder = value % 10;
            }
            digits.push(remainder as u8);
        }
        digits.reverse();
        Decimal::sum(negative, digits, -PLACES)
    }
}

impl From<&Decimal> for Wide {
    /// Zero for a NaN or an infinity.
    fn from(value: &Decimal) -> Wide {
        let mut wide = Wide([0; LIMBS]);
        for digit in value.digits_at(-PLACES) {
            wide.times_unsigned(10, digit.into());
        }
        if value.is_negative() {
            wide.negate();
        }
        wide
    }
}
