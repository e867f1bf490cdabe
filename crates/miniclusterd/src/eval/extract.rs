//! Fields of dates, times and intervals, and their truncation. Source:
//! `spec/plan.md` §8 (9): no rules, only the golden values.
//!
//! Invariant: a field that a type does not have is an error that names both.

use super::decimal::Decimal;
use super::moment::{Moment, UNIX_DAY, date_parts, day_of, year_and_ordinal};
use protocol::v26_30::{DateTimeUnits, EvalError};
use repr::{CivilTimestamp, Interval, Time};

/// The name of a field in errors.
fn name(units: &DateTimeUnits) -> &'static str {
    match units {
        DateTimeUnits::Epoch => "epoch",
        DateTimeUnits::Millennium => "millennium",
        DateTimeUnits::Century => "century",
        DateTimeUnits::Decade => "decade",
        DateTimeUnits::Year => "year",
        DateTimeUnits::Quarter => "quarter",
        DateTimeUnits::Week => "week",
        DateTimeUnits::Month => "month",
        DateTimeUnits::Hour => "hour",
        DateTimeUnits::Day => "day",
        DateTimeUnits::DayOfWeek => "dow",
        DateTimeUnits::DayOfYear => "doy",
        DateTimeUnits::IsoDayOfWeek => "isodow",
        DateTimeUnits::IsoDayOfYear => "isodoy",
        DateTimeUnits::Minute => "minute",
        DateTimeUnits::Second => "seconds",
        DateTimeUnits::Milliseconds => "milliseconds",
        DateTimeUnits::Microseconds => "microseconds",
        DateTimeUnits::Timezone => "timezone",
        DateTimeUnits::TimezoneHour => "timezone_hour",
        DateTimeUnits::TimezoneMinute => "timezone_minute",
    }
}

/// A field by its text.
pub(super) fn units(text: &str) -> Result<DateTimeUnits, EvalError> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "epoch" => DateTimeUnits::Epoch,
        "millennium" | "millenniums" | "millennia" | "mil" => DateTimeUnits::Millennium,
        "century" | "centuries" | "cent" | "c" => DateTimeUnits::Century,
        "decade" | "decades" | "dec" | "decs" => DateTimeUnits::Decade,
        "year" | "years" | "yr" | "yrs" | "y" => DateTimeUnits::Year,
        "quarter" => DateTimeUnits::Quarter,
        "month" | "months" | "mon" | "mons" => DateTimeUnits::Month,
        "week" => DateTimeUnits::Week,
        "day" | "days" | "d" => DateTimeUnits::Day,
        "dow" => DateTimeUnits::DayOfWeek,
        "doy" => DateTimeUnits::DayOfYear,
        "isodow" => DateTimeUnits::IsoDayOfWeek,
        "isodoy" => DateTimeUnits::IsoDayOfYear,
        "hour" | "hours" | "hr" | "hrs" | "h" => DateTimeUnits::Hour,
        "minute" | "minutes" | "min" | "mins" | "m" => DateTimeUnits::Minute,
        "second" | "seconds" | "sec" | "secs" | "s" => DateTimeUnits::Second,
        "millisecond" | "milliseconds" | "msec" | "msecs" | "ms" => DateTimeUnits::Milliseconds,
        "microsecond" | "microseconds" | "usec" | "usecs" | "us" => DateTimeUnits::Microseconds,
        "timezone" => DateTimeUnits::Timezone,
        "timezone_hour" => DateTimeUnits::TimezoneHour,
        "timezone_minute" => DateTimeUnits::TimezoneMinute,
        _ => return Err(EvalError::UnknownUnits(text.into())),
    })
}

fn not_yet(units: &DateTimeUnits) -> EvalError {
    EvalError::Unsupported {
        feature: format!("'{}' timestamp units", name(units)),
        discussion_no: None,
    }
}

fn foreign(units: &DateTimeUnits, type_name: &str) -> EvalError {
    EvalError::UnsupportedUnits(name(units).into(), type_name.into())
}

/// Years in groups, counted from 1 and −1.
fn group_of_years(year: i64, size: i64) -> i64 {
    if year > 0 {
        (year + size - 1) / size
    } else {
        (year - size) / size
    }
}

/// Days since a Monday, modulo 7.
fn weekday(day: i64) -> i64 {
    (day + 5).rem_euclid(7)
}

/// The ISO week of a day.
fn week(day: i64) -> i64 {
    // The week belongs to the year of its Thursday.
    let thursday = day - weekday(day) + 3;
    let (_, ordinal) = year_and_ordinal(thursday);
    i64::from(ordinal - 1) / 7 + 1
}

/// A field of a day.
fn of_day(units: &DateTimeUnits, day: i64) -> Option<i64> {
    let (year, month, of_month) = date_parts(day);
    Some(match units {
        DateTimeUnits::Millennium => group_of_years(year, 1000),
        DateTimeUnits::Century => group_of_years(year, 100),
        DateTimeUnits::Decade => year.div_euclid(10),
        DateTimeUnits::Year => year,
        DateTimeUnits::Quarter => i64::from(month - 1) / 3 + 1,
        DateTimeUnits::Week => week(day),
        DateTimeUnits::Month => month.into(),
        DateTimeUnits::Day => of_month.into(),
        DateTimeUnits::DayOfWeek => (weekday(day) + 1) % 7,
        DateTimeUnits::DayOfYear => year_and_ordinal(day).1.into(),
        DateTimeUnits::IsoDayOfWeek => weekday(day) + 1,
        _ => return None,
    })
}

/// A field of a time of day.
fn of_time(units: &DateTimeUnits, secs: u32, nanos: u32) -> Option<Decimal> {
    let seconds = i128::from(secs % 60) * 1_000_000_000 + i128::from(nanos);
    Some(match units {
        DateTimeUnits::Hour => Decimal::from(i64::from(secs / 3600)),
        DateTimeUnits::Minute => Decimal::from(i64::from(secs / 60 % 60)),
        DateTimeUnits::Second => Decimal::scaled(seconds, -9),
        DateTimeUnits::Milliseconds => Decimal::scaled(seconds, -6),
        DateTimeUnits::Microseconds => Decimal::scaled(seconds, -3),
        _ => return None,
    })
}

fn is_zone(units: &DateTimeUnits) -> bool {
    matches!(
        units,
        DateTimeUnits::Timezone | DateTimeUnits::TimezoneHour | DateTimeUnits::TimezoneMinute
    )
}

pub(super) fn from_timestamp(
    units: &DateTimeUnits,
    t: CivilTimestamp,
) -> Result<Decimal, EvalError> {
    let at = Moment::from(t);
    if *units == DateTimeUnits::Epoch {
        let nanos = at.since(Moment::midnight(UNIX_DAY));
        return Ok(Decimal::scaled(nanos.div_euclid(1000), -6));
    }
    of_day(units, at.day)
        .map(Decimal::from)
        .or_else(|| of_time(units, at.secs, at.nanos))
        .ok_or_else(|| not_yet(units))
}

pub(super) fn from_date(units: &DateTimeUnits, day: i64) -> Result<Decimal, EvalError> {
    if *units == DateTimeUnits::Epoch {
        return Ok(Decimal::from((day - UNIX_DAY) * 86_400));
    }
    of_day(units, day).map(Decimal::from).ok_or_else(|| {
        if is_zone(units) || *units == DateTimeUnits::IsoDayOfYear {
            not_yet(units)
        } else {
            foreign(units, "date")
        }
    })
}

pub(super) fn from_time(units: &DateTimeUnits, t: Time) -> Result<Decimal, EvalError> {
    if *units == DateTimeUnits::Epoch {
        let nanos = i128::from(t.secs) * 1_000_000_000 + i128::from(t.nanos);
        return Ok(Decimal::scaled(nanos, -9));
    }
    of_time(units, t.secs, t.nanos).ok_or_else(|| {
        if is_zone(units) {
            not_yet(units)
        } else {
            foreign(units, "time")
        }
    })
}

pub(super) fn from_interval(units: &DateTimeUnits, a: Interval) -> Result<Decimal, EvalError> {
    let (months, days, micros) = (i64::from(a.months), i64::from(a.days), a.micros);
    let years = months / 12;
    let whole = Decimal::from;
    Ok(match units {
        DateTimeUnits::Epoch => {
            // A year has 365.25 days here, a month 30.
            let days = i128::from(months % 12 * 30 + days) * 86_400 * 1_000_000;
            let years = i128::from(years) * 31_557_600 * 1_000_000;
            Decimal::scaled(years + days + i128::from(micros), -6)
        }
        DateTimeUnits::Millennium => whole(years / 1000),
        DateTimeUnits::Century => whole(years / 100),
        DateTimeUnits::Decade => whole(years / 10),
        DateTimeUnits::Year => whole(years),
        DateTimeUnits::Quarter => whole(months % 12 / 3 + 1),
        DateTimeUnits::Month => whole(months % 12),
        DateTimeUnits::Day => whole(days),
        DateTimeUnits::Hour => whole(micros / 3_600_000_000 % 24),
        DateTimeUnits::Minute => whole(micros / 60_000_000 % 60),
        DateTimeUnits::Second => Decimal::scaled((micros % 60_000_000).into(), -6),
        DateTimeUnits::Milliseconds => Decimal::scaled((micros % 60_000_000).into(), -3),
        DateTimeUnits::Microseconds => whole(micros % 60_000_000),
        DateTimeUnits::Week
        | DateTimeUnits::DayOfWeek
        | DateTimeUnits::DayOfYear
        | DateTimeUnits::IsoDayOfWeek
        | DateTimeUnits::IsoDayOfYear
        | DateTimeUnits::Timezone
        | DateTimeUnits::TimezoneHour
        | DateTimeUnits::TimezoneMinute => return Err(not_yet(units)),
    })
}

/// The start of the field's unit that a timestamp is in.
pub(super) fn truncate(
    units: &DateTimeUnits,
    t: CivilTimestamp,
) -> Result<CivilTimestamp, EvalError> {
    let at = Moment::from(t);
    let (year, month, _) = date_parts(at.day);
    let first_of = |size: i64| year - (year - 1).rem_euclid(size);
    let clock = |secs: u32, nanos: u32| Moment {
        day: at.day,
        secs,
        nanos,
    };
    let start = match units {
        DateTimeUnits::Millennium => Moment::midnight(day_of(first_of(1000), 1, 1)),
        DateTimeUnits::Century => Moment::midnight(day_of(first_of(100), 1, 1)),
        DateTimeUnits::Decade => Moment::midnight(day_of(year - year.rem_euclid(10), 1, 1)),
        DateTimeUnits::Year => Moment::midnight(day_of(year, 1, 1)),
        DateTimeUnits::Quarter => Moment::midnight(day_of(year, (month - 1) / 3 * 3 + 1, 1)),
        DateTimeUnits::Month => Moment::midnight(day_of(year, month, 1)),
        DateTimeUnits::Week => Moment::midnight(at.day - weekday(at.day)),
        DateTimeUnits::Day => Moment::midnight(at.day),
        DateTimeUnits::Hour => clock(at.secs / 3600 * 3600, 0),
        DateTimeUnits::Minute => clock(at.secs / 60 * 60, 0),
        DateTimeUnits::Second => clock(at.secs, 0),
        DateTimeUnits::Milliseconds => clock(at.secs, at.nanos / 1_000_000 * 1_000_000),
        DateTimeUnits::Microseconds => clock(at.secs, at.nanos / 1000 * 1000),
        DateTimeUnits::Epoch
        | DateTimeUnits::DayOfWeek
        | DateTimeUnits::DayOfYear
        | DateTimeUnits::IsoDayOfWeek
        | DateTimeUnits::IsoDayOfYear
        | DateTimeUnits::Timezone
        | DateTimeUnits::TimezoneHour
        | DateTimeUnits::TimezoneMinute => return Err(not_yet(units)),
    };
    start.checked()
}

/// The part of an interval down to a field.
pub(super) fn truncate_interval(text: &str, a: Interval) -> Result<Interval, EvalError> {
    let years = |size: i32| Interval {
        months: a.months - a.months % (12 * size),
        days: 0,
        micros: 0,
    };
    let micros = |size: i64| Interval {
        micros: a.micros - a.micros % size,
        ..a
    };
    Ok(match units(text)? {
        DateTimeUnits::Millennium => years(1000),
        DateTimeUnits::Century => years(100),
        DateTimeUnits::Decade => years(10),
        DateTimeUnits::Year => years(1),
        DateTimeUnits::Month => Interval {
            days: 0,
            micros: 0,
            ..a
        },
        DateTimeUnits::Day => Interval { micros: 0, ..a },
        DateTimeUnits::Hour => micros(3_600_000_000),
        DateTimeUnits::Minute => micros(60_000_000),
        DateTimeUnits::Second => micros(1_000_000),
        DateTimeUnits::Milliseconds => micros(1000),
        DateTimeUnits::Microseconds => a,
        DateTimeUnits::Epoch
        | DateTimeUnits::Quarter
        | DateTimeUnits::Week
        | DateTimeUnits::DayOfWeek
        | DateTimeUnits::DayOfYear
        | DateTimeUnits::IsoDayOfWeek
        | DateTimeUnits::IsoDayOfYear
        | DateTimeUnits::Timezone
        | DateTimeUnits::TimezoneHour
        | DateTimeUnits::TimezoneMinute => return Err(EvalError::UnknownUnits(text.into())),
    })
}
