//! Aggregate functions: what one group's values give. Source: `spec/plan.md`
//! §5.8.
//!
//! Invariant: a function that is not here is unsupported, never guessed.

use std::collections::BTreeMap;

use super::scalar::Value;
use crate::answer::Undefined;
use crate::decimal::Decimal;
use protocol::v26_30::AggregateFunc;
use repr::{Datum, Diff, Numeric};

/// How a replica maintains an aggregate (`spec/plan.md` §4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Accumulable,
    Hierarchical,
    Basic,
}

pub(super) fn class(func: &AggregateFunc) -> Class {
    classed(func).0
}

/// The class of a function, and of a hierarchical one whether it takes the
/// greatest value.
fn classed(func: &AggregateFunc) -> (Class, Option<bool>) {
    use AggregateFunc as F;
    match func {
        F::SumInt16
        | F::SumInt32
        | F::SumInt64
        | F::SumUInt16
        | F::SumUInt32
        | F::SumUInt64
        | F::SumFloat32
        | F::SumFloat64
        | F::SumNumeric
        | F::Count
        | F::Any
        | F::All
        | F::Dummy => (Class::Accumulable, None),
        F::MaxNumeric
        | F::MaxInt16
        | F::MaxInt32
        | F::MaxInt64
        | F::MaxUInt16
        | F::MaxUInt32
        | F::MaxUInt64
        | F::MaxMzTimestamp
        | F::MaxFloat32
        | F::MaxFloat64
        | F::MaxBool
        | F::MaxString
        | F::MaxDate
        | F::MaxTimestamp
        | F::MaxTimestampTz
        | F::MaxInterval
        | F::MaxTime => (Class::Hierarchical, Some(true)),
        F::MinNumeric
        | F::MinInt16
        | F::MinInt32
        | F::MinInt64
        | F::MinUInt16
        | F::MinUInt32
        | F::MinUInt64
        | F::MinMzTimestamp
        | F::MinFloat32
        | F::MinFloat64
        | F::MinBool
        | F::MinString
        | F::MinDate
        | F::MinTimestamp
        | F::MinTimestampTz
        | F::MinInterval
        | F::MinTime => (Class::Hierarchical, Some(false)),
        F::JsonbAgg { .. }
        | F::JsonbObjectAgg { .. }
        | F::MapAgg { .. }
        | F::ArrayConcat { .. }
        | F::ListConcat { .. }
        | F::StringAgg { .. }
        | F::RowNumber { .. }
        | F::Rank { .. }
        | F::DenseRank { .. }
        | F::LagLead { .. }
        | F::FirstValue { .. }
        | F::LastValue { .. }
        | F::FusedValueWindowFunc { .. }
        | F::WindowAggregate { .. }
        | F::FusedWindowAggregate { .. } => (Class::Basic, None),
    }
}

/// The greatest or least value that is not NULL.
pub(super) fn extreme<'a>(
    func: &AggregateFunc,
    values: impl Iterator<Item = &'a Value>,
) -> Result<Value, Undefined> {
    let (_, greatest) = classed(func);
    let greatest = greatest.ok_or_else(|| unsupported(func))?;
    let present = values.filter(|value| !value.is_null());
    let best = present.reduce(|best, value| {
        let better = match greatest {
            true => value.datum() > best.datum(),
            false => value.datum() < best.datum(),
        };
        if better { value } else { best }
    });
    Ok(best.cloned().unwrap_or_else(Value::null))
}

fn unsupported(func: &AggregateFunc) -> Undefined {
    Undefined::Unsupported(format!("the aggregate {func:?}"))
}

/// The accumulator of one aggregate over one group.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    /// Non-NULL values.
    count: i128,
    trues: i128,
    falses: i128,
    /// Integers, or floats scaled by 2^24.
    sum: i128,
    nans: i128,
    positive_infinities: i128,
    negative_infinities: i128,
    /// Decimals, exactly.
    decimals: Decimal,
}
/// Floats are summed as integers of this fraction (`spec/plan.md` §5.8).
const FLOAT_SCALE: f64 = (1_u64 << 24) as f64;

impl Group {
    pub(super) fn of(
        func: &AggregateFunc,
        values: &BTreeMap<Value, Diff>,
    ) -> Result<Group, Undefined> {
        let mut group = Group::default();
        for (value, diff) in values {
            let diff = i128::from(*diff);
            if value.is_null() {
                continue;
            }
            group.count += diff;
            match (func, value.datum()) {
                (AggregateFunc::Count | AggregateFunc::Dummy, _) => {}
                (_, Datum::True) => group.trues += diff,
                (_, Datum::False) => group.falses += diff,
                (_, Datum::Int16(n)) => group.add(n.into(), diff),
                (_, Datum::Int32(n)) => group.add(n.into(), diff),
                (_, Datum::Int64(n)) => group.add(n.into(), diff),
                (_, Datum::UInt16(n)) => group.add(n.into(), diff),
                (_, Datum::UInt32(n)) => group.add(n.into(), diff),
                (_, Datum::UInt64(n)) => group.add(n.into(), diff),
                (_, Datum::Float32(x)) => group.add_float(f64::from(x), diff),
                (_, Datum::Float64(x)) => group.add_float(x, diff),
                (_, Datum::Numeric(n)) => group.add_decimal(n.into(), diff),
                (func, _) => return Err(unsupported(func)),
            }
        }
        Ok(group)
    }

    fn add(&mut self, n: i128, diff: i128) {
        self.sum = self.sum.wrapping_add(n.wrapping_mul(diff));
    }

    fn add_float(&mut self, x: f64, diff: i128) {
        match x {
            x if x.is_nan() => self.nans += diff,
            x if x == f64::INFINITY => self.positive_infinities += diff,
            x if x == f64::NEG_INFINITY => self.negative_infinities += diff,
            // The conversion saturates, which wraps nothing within its range.
            x => self.add(wrapping_scaled(x), diff),
        }
    }

    fn add_decimal(&mut self, n: Decimal, diff: i128) {
        match n {
            Decimal::Nan => self.nans += diff,
            Decimal::Infinite { negative: false } => self.positive_infinities += diff,
            Decimal::Infinite { negative: true } => self.negative_infinities += diff,
            n => self.decimals = self.decimals.exact_sum(&n.exact_multiple(diff)),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        let Group {
            count,
            trues,
            falses,
            sum,
            nans,
            positive_infinities,
            negative_infinities,
            decimals,
        } = self;
        let counts = [
            count,
            trues,
            falses,
            sum,
            nans,
            positive_infinities,
            negative_infinities,
        ];
        decimals.is_zero() && counts.into_iter().all(|n| *n == 0)
    }

    /// The result, and whether an unsigned sum came out negative. `total` is
    /// the number of records that all accumulators of the group saw.
    pub(super) fn result(
        &self,
        func: &AggregateFunc,
        total: i128,
    ) -> Result<(Value, bool), Undefined> {
        use AggregateFunc as F;
        if total > 0 && self.is_zero() && !matches!(func, F::Count) {
            return Ok((Value::null(), false));
        }
        let fine = |datum: Datum<'_>| Ok((Value::new(datum), false));
        let numeric = |sum: i128| match Numeric::new(sum, 0) {
            Some(sum) => fine(Datum::Numeric(sum)),
            None => Err(Undefined::Unsupported(format!("the sum {sum}"))),
        };
        match func {
            F::Count => fine(Datum::Int64(self.count as i64)),
            F::SumInt16 | F::SumInt32 => fine(Datum::Int64(self.sum as i64)),
            F::SumInt64 => numeric(self.sum),
            F::SumUInt16 | F::SumUInt32 | F::SumUInt64 if self.sum < 0 => Ok((Value::null(), true)),
            F::SumUInt16 | F::SumUInt32 => fine(Datum::UInt64(self.sum as u64)),
            F::SumUInt64 => numeric(self.sum),
            F::SumFloat32 => fine(Datum::Float32(self.float() as f32)),
            F::SumFloat64 => fine(Datum::Float64(self.float())),
            F::SumNumeric => match Numeric::try_from(self.decimal()) {
                Ok(sum) => fine(Datum::Numeric(sum)),
                Err(_) => Err(Undefined::Unsupported("a sum of such decimals".into())),
            },
            F::Any if self.trues > 0 => fine(Datum::True),
            F::Any if self.falses == total => fine(Datum::False),
            F::All if self.falses > 0 => fine(Datum::False),
            F::All if self.trues == total => fine(Datum::True),
            F::Any | F::All => fine(Datum::Null),
            F::Dummy => fine(Datum::Dummy),
            func => Err(unsupported(func)),
        }
    }

    fn decimal(&self) -> Decimal {
        match (self.positive_infinities > 0, self.negative_infinities > 0) {
            _ if self.nans > 0 => Decimal::Nan,
            (true, true) => Decimal::Nan,
            (true, false) => Decimal::Infinite { negative: false },
            (false, true) => Decimal::Infinite { negative: true },
            (false, false) => {
                let sum = self.decimals.clone().rounded();
                match sum.overflows() {
                    true => Decimal::Infinite {
                        negative: sum.is_negative(),
                    },
                    false => sum.reduced(),
                }
            }
        }
    }

    fn float(&self) -> f64 {
        match (self.positive_infinities > 0, self.negative_infinities > 0) {
            _ if self.nans > 0 => f64::NAN,
            (true, true) => f64::NAN,
            (true, false) => f64::INFINITY,
            (false, true) => f64::NEG_INFINITY,
            (false, false) => self.sum as f64 / FLOAT_SCALE,
        }
    }
}

/// trunc(x · 2^24) modulo 2^128.
fn wrapping_scaled(x: f64) -> i128 {
    let scaled = (x * FLOAT_SCALE).trunc();
    let modulus = 2_f64.powi(128);
    if scaled.abs() < 2_f64.powi(127) {
        return scaled as i128;
    }
    // A finite float beyond the range is an integer; its remainder is exact.
    let remainder = scaled.rem_euclid(modulus);
    remainder as u128 as i128
}
