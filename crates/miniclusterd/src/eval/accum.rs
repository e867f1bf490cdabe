//! Accumulable aggregates: sums, counts, any and all, as values that add up.
//! Source: `spec/plan.md` §5.8.
//!
//! Invariant: accumulation is exact and a group (a retraction undoes its
//! insertion to the last bit), so that the order of updates never shows.

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::wide::Wide;
use protocol::v26_30::AggregateFunc;
use repr::Datum;

/// Binary places of the fixed point in which floats are summed.
const FLOAT_PLACES: i32 = 24;

/// What one aggregate accumulates for one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Accum {
    Bool {
        trues: i64,
        falses: i64,
    },
    /// Also counts, with a sum of zero.
    Integer {
        sum: i128,
        non_nulls: i64,
    },
    Float {
        sum: i128,
        specials: Specials,
        non_nulls: i64,
    },
    Decimal {
        sum: Wide,
        specials: Specials,
        non_nulls: i64,
    },
}

/// How many values were beyond adding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Specials {
    infinities: i64,
    negative_infinities: i64,
    nans: i64,
}

impl Specials {
    fn of(nan: bool, infinite: bool, negative: bool) -> Specials {
        Specials {
            infinities: (infinite && !negative).into(),
            negative_infinities: (infinite && negative).into(),
            nans: nan.into(),
        }
    }

    fn plus(&mut self, other: &Specials) {
        let add = |a: &mut i64, b: i64| *a = a.wrapping_add(b);
        add(&mut self.infinities, other.infinities);
        add(&mut self.negative_infinities, other.negative_infinities);
        add(&mut self.nans, other.nans);
    }

    fn times(&mut self, factor: i64) {
        for count in [
            &mut self.infinities,
            &mut self.negative_infinities,
            &mut self.nans,
        ] {
            *count = count.wrapping_mul(factor);
        }
    }

    /// The result that the special values force, as an f64.
    fn forced(&self) -> Option<f64> {
        let (up, down) = (self.infinities > 0, self.negative_infinities > 0);
        match (self.nans > 0 || up && down, up, down) {
            (true, _, _) => Some(f64::NAN),
            (false, true, _) => Some(f64::INFINITY),
            (false, false, true) => Some(f64::NEG_INFINITY),
            (false, false, false) => None,
        }
    }
}

/// x·2^24 truncated, modulo 2^128.
fn fixed(x: f64) -> i128 {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = match exponent {
        0x7ff => return 0,
        0 => (fraction, -1074),
        e => (fraction | 1 << 52, e - 1075),
    };
    let shift = exponent + FLOAT_PLACES;
    let magnitude = match u32::try_from(shift) {
        Ok(left) => i128::from(mantissa).checked_shl(left).unwrap_or(0),
        Err(_) => mantissa
            .checked_shr(shift.unsigned_abs())
            .map_or(0, i128::from),
    };
    if x.is_sign_negative() {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}

impl Accum {
    /// The accumulation of one value, once.
    pub fn of(func: &AggregateFunc, datum: Datum<'_>) -> Accum {
        let non_nulls = i64::from(!datum.is_null());
        let float = |x: f64| Accum::Float {
            sum: fixed(x),
            specials: Specials::of(x.is_nan(), x.is_infinite(), x < 0.0),
            non_nulls,
        };
        match func {
            AggregateFunc::Any | AggregateFunc::All => Accum::Bool {
                trues: (datum == Datum::True).into(),
                falses: (datum == Datum::False).into(),
            },
            AggregateFunc::SumFloat32 | AggregateFunc::SumFloat64 => match datum {
                Datum::Float32(x) => float(x.into()),
                Datum::Float64(x) => float(x),
                _ => float(0.0),
            },
            AggregateFunc::SumNumeric => {
                let value = match datum {
                    Datum::Numeric(value) => Decimal::from(value),
                    _ => Decimal::from(0i64),
                };
                Accum::Decimal {
                    sum: Wide::from(&value),
                    specials: Specials::of(
                        value.is_nan(),
                        value.is_infinite(),
                        value.is_negative(),
                    ),
                    non_nulls,
                }
            }
            AggregateFunc::Dummy => Accum::Integer {
                sum: 0,
                non_nulls: 0,
            },
            // Counts, and sums of integers.
            func => {
                let sum = match datum {
                    _ if *func == AggregateFunc::Count => 0,
                    Datum::Int16(x) => x.into(),
                    Datum::Int32(x) => x.into(),
                    Datum::Int64(x) => x.into(),
                    Datum::UInt16(x) => x.into(),
                    Datum::UInt32(x) => x.into(),
                    Datum::UInt64(x) => x.into(),
                    _ => 0,
                };
                Accum::Integer { sum, non_nulls }
            }
        }
    }

    /// The accumulation of no values.
    pub fn zero(func: &AggregateFunc) -> Accum {
        Accum::of(func, Datum::Null)
    }

    pub fn is_zero(&self) -> bool {
        match self {
            Accum::Bool { trues, falses } => *trues == 0 && *falses == 0,
            Accum::Integer { sum, non_nulls } => *sum == 0 && *non_nulls == 0,
            Accum::Float {
                sum,
                specials,
                non_nulls,
            } => *sum == 0 && *non_nulls == 0 && *specials == Specials::default(),
            Accum::Decimal {
                sum,
                specials,
                non_nulls,
            } => sum.is_zero() && *non_nulls == 0 && *specials == Specials::default(),
        }
    }

    /// Adds another accumulation of the same function.
    pub fn plus(&mut self, other: &Accum) {
        match (self, other) {
            (
                Accum::Bool { trues, falses },
                Accum::Bool {
                    trues: t,
                    falses: f,
                },
            ) => {
                *trues = trues.wrapping_add(*t);
                *falses = falses.wrapping_add(*f);
            }
            (
                Accum::Integer { sum, non_nulls },
                Accum::Integer {
                    sum: s,
                    non_nulls: n,
                },
            ) => {
                *sum = sum.wrapping_add(*s);
                *non_nulls = non_nulls.wrapping_add(*n);
            }
            (
                Accum::Float {
                    sum,
                    specials,
                    non_nulls,
                },
                Accum::Float {
                    sum: s,
                    specials: p,
                    non_nulls: n,
                },
            ) => {
                *sum = sum.wrapping_add(*s);
                specials.plus(p);
                *non_nulls = non_nulls.wrapping_add(*n);
            }
            (
                Accum::Decimal {
                    sum,
                    specials,
                    non_nulls,
                },
                Accum::Decimal {
                    sum: s,
                    specials: p,
                    non_nulls: n,
                },
            ) => {
                sum.plus(s);
                specials.plus(p);
                *non_nulls = non_nulls.wrapping_add(*n);
            }
            _ => unreachable!("accumulations of one aggregate have one shape"),
        }
    }

    /// As if the value had come that many times.
    pub fn times(mut self, factor: i64) -> Accum {
        let scale = |n: &mut i64| *n = n.wrapping_mul(factor);
        match &mut self {
            Accum::Bool { trues, falses } => {
                scale(trues);
                scale(falses);
            }
            Accum::Integer { sum, non_nulls } => {
                *sum = sum.wrapping_mul(factor.into());
                scale(non_nulls);
            }
            Accum::Float {
                sum,
                specials,
                non_nulls,
            } => {
                *sum = sum.wrapping_mul(factor.into());
                specials.times(factor);
                scale(non_nulls);
            }
            Accum::Decimal {
                sum,
                specials,
                non_nulls,
            } => {
                sum.times(factor);
                specials.times(factor);
                scale(non_nulls);
            }
        }
        self
    }

    /// The aggregate's value over `total` updates, and whether an unsigned sum is
    /// negative, which makes the value NULL.
    pub fn finish(&self, func: &AggregateFunc, total: i64) -> (Datum<'static>, bool) {
        if total > 0 && self.is_zero() && *func != AggregateFunc::Count {
            return (Datum::Null, false);
        }
        if *func == AggregateFunc::Dummy {
            return (Datum::Dummy, false);
        }
        let value = match self {
            Accum::Bool { trues, falses } => {
                // One value decides; without it, all must be the other.
                let any = *func == AggregateFunc::Any;
                let (decides, other) = if any {
                    (trues, falses)
                } else {
                    (falses, trues)
                };
                if *decides > 0 {
                    Datum::from(any)
                } else if *other == total {
                    Datum::from(!any)
                } else {
                    Datum::Null
                }
            }
            Accum::Integer { non_nulls, .. } if *func == AggregateFunc::Count => {
                Datum::Int64(*non_nulls)
            }
            Accum::Integer { sum, .. } => return integer_sum(func, *sum),
            Accum::Float { sum, specials, .. } => {
                let value = specials
                    .forced()
                    .unwrap_or_else(|| *sum as f64 / f64::from(1 << FLOAT_PLACES));
                if *func == AggregateFunc::SumFloat32 {
                    Datum::Float32(value as f32)
                } else {
                    Datum::Float64(value)
                }
            }
            Accum::Decimal { sum, specials, .. } => {
                let value = match specials.forced() {
                    Some(forced) if forced.is_nan() => Decimal::nan(),
                    Some(forced) => Decimal::infinity(forced < 0.0),
                    None => sum.decimal(),
                };
                Datum::Numeric(value.reduced().numeric())
            }
        };
        (value, false)
    }
}

/// The sum of integers in the type of the aggregate's result, and whether it is
/// one that cannot be: below zero over unsigned values.
fn integer_sum(func: &AggregateFunc, sum: i128) -> (Datum<'static>, bool) {
    let unsigned = matches!(
        func,
        AggregateFunc::SumUInt16 | AggregateFunc::SumUInt32 | AggregateFunc::SumUInt64
    );
    let narrow = !matches!(func, AggregateFunc::SumInt64 | AggregateFunc::SumUInt64);
    let value = match (unsigned, narrow) {
        (true, _) if sum < 0 => return (Datum::Null, true),
        (false, true) => Datum::Int64(sum as i64),
        (true, true) => Datum::UInt64(sum as u64),
        (_, false) => Datum::Numeric(Decimal::from(sum).reduced().numeric()),
    };
    (value, false)
}
