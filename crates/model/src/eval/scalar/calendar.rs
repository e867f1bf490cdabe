//! The proleptic Gregorian calendar: days and moments as numbers, and back.
//! Source: `spec/plan.md` §5.4, §5.5.
//!
//! Invariants: a moment is a count, so that arithmetic is addition; what does
//! not lie in the range of timestamps is an error wherever it becomes one.

use protocol::v26_30::EvalError;
use repr::{CivilTimestamp, Interval};

const NANOS_PER_DAY: i128 = 86_400 * NANOS_PER_SECOND;
const NANOS_PER_SECOND: i128 = 1_000_000_000;
/// Days from 0001-01-01 to 2000-01-01.
const DAYS_TO_2000: i64 = 730_119;
/// From 1970-01-01 to 2000-01-01.
pub(super) const EPOCH_TO_2000: i64 = 10_957;
const MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const FIRST_YEAR: i64 = -4713;
const LAST_YEAR: i64 = 262_142;
/// Dates reach further back than timestamps do, and not as far forward.
const DATES: std::ops::RangeInclusive<i64> = -2_451_545..=95_015_279;

/// Nanoseconds since 2000-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub i128);

/// Year, month, day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub year: i64,
    pub month: i64,
    pub day: i64,
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn month_length(year: i64, month: i64) -> i64 {
    match (month, is_leap(year)) {
        (2, true) => 29,
        _ => MONTHS[(month - 1).rem_euclid(12) as usize],
    }
}

/// Days from 2000-01-01 to the first of January of a year.
fn year_start(year: i64) -> i64 {
    let y = year - 1;
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) - DAYS_TO_2000
}

/// The year that a day lies in, by days from 2000-01-01.
fn year_of(days: i64) -> i64 {
    // 400 years have 146,097 days; the guess is at most one year off.
    let mut year = 2000 + (days * 400).div_euclid(146_097);
    while year_start(year) > days {
        year -= 1;
    }
    while year_start(year + 1) <= days {
        year += 1;
    }
    year
}

impl Date {
    /// By days from 2000-01-01.
    pub fn from_days(days: i64) -> Self {
        let year = year_of(days);
        let mut day = days - year_start(year) + 1;
        let mut month = 1;
        while day > month_length(year, month) {
            day -= month_length(year, month);
            month += 1;
        }
        Date { year, month, day }
    }

    pub fn days(self) -> i64 {
        let months = (1..self.month).map(|month| month_length(self.year, month));
        year_start(self.year) + months.sum::<i64>() + self.day - 1
    }

    /// The same day some months on, or the last one of a shorter month.
    pub fn plus_months(self, months: i64) -> Self {
        let count = self.year * 12 + self.month - 1 + months;
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        Date {
            year,
            month,
            day: self.day.min(month_length(year, month)),
        }
    }

    /// `2000-01-31`, and `0001-01-01 BC` for the year 0; the era comes last.
    pub fn text(self) -> (String, &'static str) {
        let (year, era) = match self.year > 0 {
            true => (self.year, ""),
            false => (1 - self.year, " BC"),
        };
        (format!("{year:04}-{:02}-{:02}", self.month, self.day), era)
    }

    /// With the astronomical year, signed where it has not four digits.
    pub fn astronomical_text(self) -> String {
        let year = match self.year {
            0..=9999 => format!("{:04}", self.year),
            year => format!("{year:+05}"),
        };
        format!("{year}-{:02}-{:02}", self.month, self.day)
    }
}

impl Moment {
    pub fn midnight(days: i64) -> Self {
        Moment(i128::from(days) * NANOS_PER_DAY)
    }

    pub fn of(t: CivilTimestamp) -> Self {
        let days = year_start(t.year.into()) + i64::from(t.ordinal) - 1;
        let seconds = i128::from(t.secs) * NANOS_PER_SECOND;
        Moment(Moment::midnight(days).0 + seconds + i128::from(t.nanos))
    }

    /// Days from 2000-01-01, and nanoseconds since midnight.
    fn parts(self) -> (i64, i128) {
        let days = self.0.div_euclid(NANOS_PER_DAY) as i64;
        (days, self.0.rem_euclid(NANOS_PER_DAY))
    }

    pub fn days(self) -> i64 {
        self.parts().0
    }

    /// As a timestamp.
    ///
    /// Errors: outside of the range of timestamps.
    pub fn civil(self) -> Result<CivilTimestamp, EvalError> {
        let (days, nanos) = self.parts();
        let year = year_of(days);
        let first = Date {
            year: FIRST_YEAR,
            month: 12,
            day: 31,
        };
        if days < first.days() || year > LAST_YEAR {
            return Err(EvalError::TimestampOutOfRange);
        }
        Ok(CivilTimestamp {
            year: year as i32,
            ordinal: (days - year_start(year) + 1) as u32,
            secs: (nanos / NANOS_PER_SECOND) as u32,
            nanos: (nanos % NANOS_PER_SECOND) as u32,
        })
    }

    /// Months first, then days and the rest together. What lies between must be
    /// in range too, if there are months.
    pub fn plus(self, interval: Interval) -> Result<CivilTimestamp, EvalError> {
        let (days, nanos) = self.parts();
        let mut moment = self;
        if interval.months != 0 {
            let days = Date::from_days(days)
                .plus_months(interval.months.into())
                .days();
            moment = Moment(Moment::midnight(days).0 + nanos);
            moment.civil()?;
        }
        let days = Moment::midnight(interval.days.into()).0;
        let micros = i128::from(interval.micros) * 1_000;
        Moment(moment.0 + days + micros).civil()
    }
}

/// A timestamp moved by an interval. A leap second stays one if only months
/// are added.
pub(super) fn plus(t: CivilTimestamp, interval: Interval) -> Result<CivilTimestamp, EvalError> {
    if (interval.days, interval.micros) != (0, 0) {
        return Moment::of(t).plus(interval);
    }
    let (secs, nanos) = (t.secs, t.nanos);
    let start = CivilTimestamp {
        secs: 0,
        nanos: 0,
        ..t
    };
    let day = Moment::of(start).plus(interval)?;
    Ok(CivilTimestamp { secs, nanos, ..day })
}

/// A count of days as a date.
///
/// Errors: outside of the range of dates.
pub(super) fn date(days: i64) -> Result<i32, EvalError> {
    match DATES.contains(&days) {
        true => Ok(days as i32),
        false => Err(EvalError::DateOutOfRange),
    }
}

/// `14 days 01:02:03.5`, as intervals are written.
pub(super) fn interval_text(i: Interval) -> String {
    let backwards = i.months < 0;
    let plural = |n: u64| if n > 1 || backwards { "s" } else { "" };
    let sign = |negative: bool| if negative { "-" } else { "" };
    let mut parts = Vec::new();
    let months = u64::from(i.months.unsigned_abs());
    for (n, unit) in [(months / 12, "year"), (months % 12, "month")] {
        if n > 0 {
            parts.push(format!("{}{n} {unit}{}", sign(backwards), plural(n)));
        }
    }
    if i.days != 0 {
        let plus = if backwards && i.days >= 0 { "+" } else { "" };
        let s = if i.days == 1 { "" } else { "s" };
        parts.push(format!("{plus}{} day{s}", i.days));
    }
    if i.micros != 0 || parts.is_empty() {
        let before = match i.micros < 0 {
            true => "-",
            false if i.days < 0 || i.days == 0 && backwards => "+",
            false => "",
        };
        let (seconds, micros) = (
            i.micros.unsigned_abs() / 1_000_000,
            i.micros.unsigned_abs() % 1_000_000,
        );
        let fraction = match micros {
            0 => String::new(),
            micros => format!(".{micros:06}").trim_end_matches('0').to_string(),
        };
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        parts.push(format!(
            "{before}{hours:02}:{minutes:02}:{seconds:02}{fraction}"
        ));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverses() {
        for days in (-2_500_000..2_500_000).step_by(997) {
            assert_eq!(Date::from_days(days).days(), days);
        }
        let leap = Date::from_days(59);
        assert_eq!((leap.year, leap.month, leap.day), (2000, 2, 29));
        let year_on = leap.plus_months(12);
        assert_eq!((year_on.year, year_on.month, year_on.day), (2001, 2, 28));
    }

    #[test]
    fn intervals_read_as_they_are_written_in_sql() {
        let interval = |months, days, micros| Interval {
            months,
            days,
            micros,
        };
        assert_eq!(interval_text(interval(0, 0, 0)), "00:00:00");
        assert_eq!(
            interval_text(interval(-13, 2, 1_500_000)),
            "-1 years -1 months +2 days 00:00:01.5"
        );
    }
}
