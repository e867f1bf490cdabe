//! Arithmetic and conversions of dates, times and intervals. Source:
//! `spec/plan.md` §5.4, §5.5.
//!
//! Invariant: every result is within the range of its type, or an error.

use super::convert::{Date, MzStamp};
use super::moment::{self, DAY_NANOS, Moment};
use super::{number, time_text};
use protocol::v26_30::EvalError;
use repr::{CivilTimestamp, Interval, Time, TimestampPrecision};

fn digits(precision: Option<TimestampPrecision>) -> Option<u8> {
    precision.map(|precision| precision.0)
}

/// A point in time to the precision of a type.
pub(super) fn round(
    at: Moment,
    to: Option<TimestampPrecision>,
) -> Result<CivilTimestamp, EvalError> {
    at.rounded(digits(to)).checked()
}

pub(super) fn midnight(date: Date) -> Moment {
    Moment::midnight(date.0.into())
}

fn millis(at: Moment, text: impl FnOnce() -> String) -> Result<MzStamp, EvalError> {
    u64::try_from(at.unix_millis())
        .map(MzStamp)
        .map_err(|_| EvalError::MzTimestampOutOfRange(text()))
}

/// The milliseconds of a timestamp; errors show it with `zone` behind it.
pub(super) fn stamp_millis(t: CivilTimestamp, zone: &str) -> Result<MzStamp, EvalError> {
    millis(t.into(), || shown(t) + zone)
}

/// The milliseconds of the beginning of a day.
pub(super) fn date_millis(date: Date) -> Result<MzStamp, EvalError> {
    let at = midnight(date);
    at.checked()?;
    millis(at, || shown_date(at.day))
}

pub(super) fn from_millis(at: MzStamp) -> Result<CivilTimestamp, EvalError> {
    Moment::from_unix_millis(at.0.into()).checked()
}

/// A timestamp as errors show it: a fraction of 3, 6 or 9 digits.
fn shown(t: CivilTimestamp) -> String {
    let at = Moment::from(t);
    let nanos = at.nanos % 1_000_000_000;
    let fraction = match nanos {
        0 => String::new(),
        n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
        n if n % 1000 == 0 => format!(".{:06}", n / 1000),
        n => format!(".{n:09}"),
    };
    format!(
        "{} {:02}:{:02}:{:02}{fraction}",
        shown_date(at.day),
        at.secs / 3600,
        at.secs / 60 % 60,
        at.secs % 60 + at.nanos / 1_000_000_000,
    )
}

/// A date as errors show it.
fn shown_date(day: i64) -> String {
    let (year, month, day) = moment::date_parts(day);
    let sign = match year {
        0..=9999 => "",
        ..0 => "-",
        10_000.. => "+",
    };
    format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs())
}

pub(super) fn date_of(t: CivilTimestamp) -> Result<Date, EvalError> {
    let day = Moment::from(t).day;
    if moment::date_days().contains(&day) {
        Ok(Date(day as i32))
    } else {
        Err(EvalError::DateOutOfRange)
    }
}

pub(super) fn time_of(t: CivilTimestamp) -> Time {
    Time {
        secs: t.secs,
        nanos: t.nanos,
    }
}

fn negated(a: Interval) -> Option<Interval> {
    Some(Interval {
        months: a.months.checked_neg()?,
        days: a.days.checked_neg()?,
        micros: a.micros.checked_neg()?,
    })
}

fn out_of_range(text: String) -> EvalError {
    EvalError::IntervalOutOfRange(text)
}

pub(super) fn negate_interval(a: Interval) -> Result<Interval, EvalError> {
    negated(a).ok_or_else(|| out_of_range(time_text::interval(a)))
}

fn sum(a: Interval, b: Interval) -> Option<Interval> {
    Some(Interval {
        months: a.months.checked_add(b.months)?,
        days: a.days.checked_add(b.days)?,
        micros: a.micros.checked_add(b.micros)?,
    })
}

pub(super) fn add_intervals(a: Interval, b: Interval) -> Result<Interval, EvalError> {
    sum(a, b).ok_or_else(|| pair_out_of_range("+", a, b))
}

pub(super) fn subtract_intervals(a: Interval, b: Interval) -> Result<Interval, EvalError> {
    let difference = negated(b).and_then(|b| sum(a, b));
    difference.ok_or_else(|| pair_out_of_range("-", a, b))
}

fn pair_out_of_range(sign: &str, a: Interval, b: Interval) -> EvalError {
    let (a, b) = (time_text::interval(a), time_text::interval(b));
    out_of_range(format!("{a} {sign} {b}"))
}

pub(super) fn shift(t: CivilTimestamp, by: Interval) -> Result<CivilTimestamp, EvalError> {
    Moment::from(t).plus_interval(by.months.into(), by.days.into(), by.micros.into())
}

pub(super) fn shift_back(t: CivilTimestamp, by: Interval) -> Result<CivilTimestamp, EvalError> {
    shift(t, negate_interval(by)?)
}

pub(super) fn date_plus(date: Date, by: Interval) -> Result<CivilTimestamp, EvalError> {
    midnight(date).plus_interval(by.months.into(), by.days.into(), by.micros.into())
}

pub(super) fn date_minus(date: Date, by: Interval) -> Result<CivilTimestamp, EvalError> {
    let months = by.months.checked_neg();
    let months = months.ok_or_else(|| out_of_range(by.months.to_string()))?;
    midnight(date).plus_interval(months.into(), -i64::from(by.days), -i128::from(by.micros))
}

/// A time of a day.
pub(super) fn date_at(date: Date, time: Time) -> Result<CivilTimestamp, EvalError> {
    Moment {
        day: date.0.into(),
        secs: time.secs,
        nanos: time.nanos,
    }
    .checked()
}

pub(super) fn between_times(a: Time, b: Time) -> Result<Interval, EvalError> {
    let nanos = moment::time_since(a, b);
    moment::micros(nanos).ok_or_else(|| out_of_range("time - time".into()))
}

pub(super) fn time_to_interval(a: Time) -> Result<Interval, EvalError> {
    let nanos = i128::from(a.secs) * 1_000_000_000 + i128::from(a.nanos);
    moment::micros(nanos).ok_or_else(|| out_of_range(time_text::time(a.secs, a.nanos)))
}

/// The rest of an interval within a day.
pub(super) fn interval_to_time(a: Interval) -> Time {
    moment::time_plus(Time { secs: 0, nanos: 0 }, a.micros.into())
}

pub(super) fn between(a: CivilTimestamp, b: CivilTimestamp) -> Result<Interval, EvalError> {
    let nanos = Moment::from(a).since(Moment::from(b));
    moment::micros(nanos).ok_or_else(|| out_of_range(format!("{} - {}", shown(a), shown(b))))
}

pub(super) fn parse_date(text: &str) -> Result<Date, EvalError> {
    let day = i32::try_from(time_text::parse_date(text)?);
    day.map(Date).map_err(|_| EvalError::DateOutOfRange)
}

/// Reads milliseconds, or an instant.
pub(super) fn parse_mz(text: &str) -> Result<MzStamp, EvalError> {
    let bad = |reason: &str| {
        number::syntax(
            "mz_timestamp",
            text,
            Some(format!("could not parse mz_timestamp: {reason}")),
        )
    };
    if let Ok(millis) = text.trim().parse() {
        return Ok(MzStamp(millis));
    }
    let at = time_text::parse_timestamp_tz(text)
        .map_err(|_| bad("could not parse as number of milliseconds since epoch"))?;
    millis(at, String::new).map_err(|_| bad("out of range for mz_timestamp"))
}

/// The length of an interval for comparing directions, a month being 30 days.
pub(super) fn length(a: Interval) -> i128 {
    let days = i128::from(a.months) * 30 + i128::from(a.days);
    days * (DAY_NANOS / 1000) + i128::from(a.micros)
}
