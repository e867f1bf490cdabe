//! Points in time as day numbers and times of day, and arithmetic on them.
//! Source: `spec/plan.md` §5.4, §5.5.
//!
//! Invariants: dates are of the proleptic Gregorian calendar with astronomical
//! years; a leap second is a time of day with 10^9 nanoseconds or more, and
//! stays one until something carries past it.

use protocol::v26_30::EvalError;
use repr::{CivilTimestamp, Interval, Time};

const NANOS: i64 = 1_000_000_000;
pub(super) const DAY_NANOS: i128 = 86_400 * NANOS as i128;
/// Days from 0001-01-01 to 2000-01-01 and to 1970-01-01.
const DAYS_2000: i64 = 730_119;
pub(super) const UNIX_DAY: i64 = 719_162 - DAYS_2000;

/// Days since 2000-01-01 and a time of that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub day: i64,
    pub secs: u32,
    /// 10^9 or more in a leap second.
    pub nanos: u32,
}

fn days_before_year(year: i64) -> i64 {
    let y = year - 1;
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400)
}

pub(super) fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

pub(super) fn month_length(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day number of a calendar date, month and day from 1.
pub(super) fn day_of(year: i64, month: u32, day: u32) -> i64 {
    let before: u32 = (1..month).map(|month| month_length(year, month)).sum();
    days_before_year(year) + i64::from(before) + i64::from(day) - 1 - DAYS_2000
}

/// Year and day of the year from 1.
pub(super) fn year_and_ordinal(day: i64) -> (i64, u32) {
    let days = day + DAYS_2000;
    let mut year = (i128::from(days) * 400).div_euclid(146_097) as i64 + 1;
    while days_before_year(year) > days {
        year -= 1;
    }
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    (year, (days - days_before_year(year) + 1) as u32)
}

/// Year, month and day, both from 1.
pub(super) fn date_parts(day: i64) -> (i64, u32, u32) {
    let (year, mut rest) = year_and_ordinal(day);
    let mut month = 1;
    while rest > month_length(year, month) {
        rest -= month_length(year, month);
        month += 1;
    }
    (year, month, rest)
}

/// The first and the last day of timestamps, and of dates.
pub(super) fn timestamp_days() -> std::ops::RangeInclusive<i64> {
    day_of(-4713, 12, 31)..=day_of(262_142, 12, 31)
}

pub(super) fn date_days() -> std::ops::RangeInclusive<i64> {
    -2_451_545..=95_015_279
}

impl From<CivilTimestamp> for Moment {
    fn from(t: CivilTimestamp) -> Self {
        Moment {
            day: days_before_year(t.year.into()) + i64::from(t.ordinal) - 1 - DAYS_2000,
            secs: t.secs,
            nanos: t.nanos,
        }
    }
}

impl Moment {
    pub(super) fn midnight(day: i64) -> Moment {
        Moment {
            day,
            secs: 0,
            nanos: 0,
        }
    }

    /// Errors: beyond what timestamps may be.
    pub(super) fn checked(self) -> Result<CivilTimestamp, EvalError> {
        if !timestamp_days().contains(&self.day) {
            return Err(EvalError::TimestampOutOfRange);
        }
        let (year, ordinal) = year_and_ordinal(self.day);
        Ok(CivilTimestamp {
            year: year as i32,
            ordinal,
            secs: self.secs,
            nanos: self.nanos,
        })
    }

    /// Later by nanoseconds (earlier if negative). A leap second is left by its
    /// end or its start only.
    pub(super) fn plus_nanos(mut self, mut nanos: i128) -> Moment {
        if i64::from(self.nanos) >= NANOS {
            let inside = i128::from(self.nanos) - i128::from(NANOS);
            let left = 2 * i128::from(NANOS) - i128::from(self.nanos);
            if nanos >= left {
                nanos -= left;
                self.nanos = 0;
                nanos += i128::from(NANOS);
            } else if nanos < -inside - i128::from(NANOS) {
                nanos += i128::from(self.nanos);
                self.nanos = 0;
            } else {
                self.nanos = (i128::from(self.nanos) + nanos) as u32;
                return self;
            }
        }
        let total = i128::from(self.secs) * i128::from(NANOS) + i128::from(self.nanos) + nanos;
        let day = i128::from(self.day) + total.div_euclid(DAY_NANOS);
        let rest = total.rem_euclid(DAY_NANOS);
        Moment {
            day: day.clamp(i64::MIN.into(), i64::MAX.into()) as i64,
            secs: (rest / i128::from(NANOS)) as u32,
            nanos: (rest % i128::from(NANOS)) as u32,
        }
    }

    /// Later by months, the day clamped to the month's end.
    pub(super) fn plus_months(self, months: i64) -> Moment {
        let (year, month, day) = date_parts(self.day);
        let total = year * 12 + i64::from(month) - 1 + months;
        let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
        Moment {
            day: day_of(year, month, day.min(month_length(year, month))),
            ..self
        }
    }

    /// Errors: beyond what timestamps may be, after the months or at the end.
    pub(super) fn plus_interval(
        self,
        months: i64,
        days: i64,
        micros: i128,
    ) -> Result<CivilTimestamp, EvalError> {
        let mut moment = self;
        if months != 0 {
            moment = moment.plus_months(months);
            moment.checked()?;
        }
        moment
            .plus_nanos(i128::from(days) * DAY_NANOS + micros * 1000)
            .checked()
    }

    /// The distance in nanoseconds; a leap second between two times of day
    /// counts.
    pub(super) fn since(self, other: Moment) -> i128 {
        let leap = |t: Moment| i64::from(t.nanos) >= NANOS;
        let adjust = match self.secs.cmp(&other.secs) {
            std::cmp::Ordering::Greater => i64::from(leap(other)),
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Less => -i64::from(leap(self)),
        };
        let days = i128::from(self.day) - i128::from(other.day);
        let secs = i64::from(self.secs) - i64::from(other.secs) + adjust;
        days * DAY_NANOS + i128::from(secs) * i128::from(NANOS) + i128::from(self.nanos)
            - i128::from(other.nanos)
    }

    /// To whole microseconds, then to `precision` digits, halves later.
    pub(super) fn rounded(self, precision: Option<u8>) -> Moment {
        let to = |moment: Moment, unit: u32| {
            let excess = moment.nanos % unit;
            let change = if excess * 2 >= unit {
                i128::from(unit - excess)
            } else {
                -i128::from(excess)
            };
            if change == 0 {
                moment
            } else {
                moment.plus_nanos(change)
            }
        };
        let precision = u32::from(precision.unwrap_or(6).min(6));
        to(to(self, 1000), 10u32.pow(9 - precision))
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub(super) fn unix_millis(self) -> i128 {
        let days = i128::from(self.day - UNIX_DAY);
        days * 86_400_000 + i128::from(self.secs) * 1000 + i128::from(self.nanos / 1_000_000)
    }

    pub(super) fn from_unix_millis(millis: i128) -> Moment {
        Moment::midnight(UNIX_DAY).plus_nanos(millis * 1_000_000)
    }
}

/// A time of day, later by microseconds, around midnight.
pub(super) fn time_plus(time: Time, micros: i128) -> Time {
    let moment = Moment {
        day: 0,
        secs: time.secs,
        nanos: time.nanos,
    };
    // Whole days do not move a time of day.
    let day_micros = DAY_NANOS / 1000;
    let Moment { secs, nanos, .. } = moment.plus_nanos((micros % day_micros) * 1000);
    Time { secs, nanos }
}

/// Nanoseconds of a time of day, in a shape that subtracts.
pub(super) fn time_since(a: Time, b: Time) -> i128 {
    let moment = |t: Time| Moment {
        day: 0,
        secs: t.secs,
        nanos: t.nanos,
    };
    moment(a).since(moment(b))
}

/// An interval of microseconds only.
pub(super) fn micros(nanos: i128) -> Option<Interval> {
    Some(Interval {
        months: 0,
        days: 0,
        micros: (nanos / 1000).try_into().ok()?,
    })
}
