//! Functions of dates, times and intervals. Source: `spec/plan.md` §5.4, §5.5.
//!
//! Invariant: every result is within the range of its type, or an error.

use super::convert::{Date, Evaluated, MzStamp, Stamp, StampTz, strict1, strict2};
use super::moment::{self, DAY_NANOS, Moment};
use super::scalar::lacking;
use super::{Arena, extract, number, time_text};
use protocol::v26_30::{BinaryFunc, EvalError, UnaryFunc};
use repr::{CivilTimestamp, Interval, Time, TimestampPrecision};

fn digits(precision: Option<TimestampPrecision>) -> Option<u8> {
    precision.map(|precision| precision.0)
}

fn round(at: Moment, to: Option<TimestampPrecision>) -> Result<CivilTimestamp, EvalError> {
    at.rounded(digits(to)).checked()
}

fn millis(at: Moment, text: impl FnOnce() -> String) -> Result<MzStamp, EvalError> {
    u64::try_from(at.unix_millis())
        .map(MzStamp)
        .map_err(|_| EvalError::MzTimestampOutOfRange(text()))
}

/// A timestamp as errors show it: a fraction of 3, 6 or 9 digits.
fn shown(t: CivilTimestamp) -> String {
    let at = Moment::from(t);
    let (year, month, day) = moment::date_parts(at.day);
    let sign = match year {
        0..=9999 => "",
        n if n < 0 => "-",
        _ => "+",
    };
    let nanos = at.nanos % 1_000_000_000;
    let fraction = match nanos {
        0 => String::new(),
        n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
        n if n % 1000 == 0 => format!(".{:06}", n / 1000),
        n => format!(".{n:09}"),
    };
    format!(
        "{sign}{:04}-{month:02}-{day:02} {:02}:{:02}:{:02}{fraction}",
        year.unsigned_abs(),
        at.secs / 3600,
        at.secs / 60 % 60,
        at.secs % 60 + at.nanos / 1_000_000_000,
    )
}

fn shown_date(day: i64) -> String {
    let (year, month, day) = moment::date_parts(day);
    let sign = match year {
        0..=9999 => "",
        n if n < 0 => "-",
        _ => "+",
    };
    format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs())
}

fn date_of(t: CivilTimestamp) -> Result<Date, EvalError> {
    let day = Moment::from(t).day;
    if moment::date_days().contains(&day) {
        Ok(Date(day as i32))
    } else {
        Err(EvalError::DateOutOfRange)
    }
}

fn time_of(t: CivilTimestamp) -> Time {
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

fn add_intervals(a: Interval, b: Interval) -> Option<Interval> {
    Some(Interval {
        months: a.months.checked_add(b.months)?,
        days: a.days.checked_add(b.days)?,
        micros: a.micros.checked_add(b.micros)?,
    })
}

pub(super) fn shift(t: CivilTimestamp, by: Interval) -> Result<CivilTimestamp, EvalError> {
    Moment::from(t).plus_interval(by.months.into(), by.days.into(), by.micros.into())
}

fn shift_back(t: CivilTimestamp, by: Interval) -> Result<CivilTimestamp, EvalError> {
    let back = negated(by).ok_or_else(|| out_of_range(time_text::interval(by)))?;
    shift(t, back)
}

fn between(a: CivilTimestamp, b: CivilTimestamp) -> Result<Interval, EvalError> {
    let nanos = Moment::from(a).since(Moment::from(b));
    moment::micros(nanos).ok_or_else(|| out_of_range(format!("{} - {}", shown(a), shown(b))))
}

/// Functions of one argument that deal with time.
pub(super) fn unary<'a>(func: &'a UnaryFunc, a: Evaluated<'a>, arena: &'a Arena) -> Evaluated<'a> {
    let midnight = |date: Date| Moment::midnight(date.0.into());
    match func {
        UnaryFunc::CastMzTimestampToTimestamp => strict1(arena, a, |a: MzStamp| {
            Moment::from_unix_millis(a.0.into()).checked().map(Stamp)
        }),
        UnaryFunc::CastMzTimestampToTimestampTz => strict1(arena, a, |a: MzStamp| {
            Moment::from_unix_millis(a.0.into()).checked().map(StampTz)
        }),
        UnaryFunc::CastTimestampToMzTimestamp => {
            strict1(arena, a, |a: Stamp| millis(a.0.into(), || shown(a.0)))
        }
        UnaryFunc::CastTimestampTzToMzTimestamp => strict1(arena, a, |a: StampTz| {
            millis(a.0.into(), || format!("{} UTC", shown(a.0)))
        }),
        UnaryFunc::CastDateToMzTimestamp => strict1(arena, a, |a: Date| {
            let at = midnight(a);
            at.checked()?;
            millis(at, || shown_date(at.day))
        }),
        UnaryFunc::CastDateToTimestamp(to) => {
            strict1(arena, a, |a: Date| round(midnight(a), *to).map(Stamp))
        }
        UnaryFunc::CastDateToTimestampTz(to) => {
            strict1(arena, a, |a: Date| round(midnight(a), *to).map(StampTz))
        }
        UnaryFunc::CastDateToString => strict1(arena, a, |a: Date| Ok(time_text::date(a.0.into()))),
        UnaryFunc::CastTimeToInterval => strict1(arena, a, |a: Time| {
            let nanos = i128::from(a.secs) * 1_000_000_000 + i128::from(a.nanos);
            moment::micros(nanos).ok_or_else(|| out_of_range(time_text::time(a.secs, a.nanos)))
        }),
        UnaryFunc::CastTimeToString => {
            strict1(arena, a, |a: Time| Ok(time_text::time(a.secs, a.nanos)))
        }
        UnaryFunc::CastIntervalToString => {
            strict1(arena, a, |a: Interval| Ok(time_text::interval(a)))
        }
        UnaryFunc::CastIntervalToTime => strict1(arena, a, |a: Interval| {
            let midnight = Time { secs: 0, nanos: 0 };
            Ok(moment::time_plus(midnight, a.micros.into()))
        }),
        UnaryFunc::CastTimestampToDate => strict1(arena, a, |a: Stamp| date_of(a.0)),
        UnaryFunc::CastTimestampTzToDate => strict1(arena, a, |a: StampTz| date_of(a.0)),
        UnaryFunc::CastTimestampToTime => strict1(arena, a, |a: Stamp| Ok(time_of(a.0))),
        UnaryFunc::CastTimestampTzToTime => strict1(arena, a, |a: StampTz| Ok(time_of(a.0))),
        UnaryFunc::AdjustTimestampPrecision { to, .. } => {
            strict1(arena, a, |a: Stamp| round(a.0.into(), *to).map(Stamp))
        }
        UnaryFunc::CastTimestampToTimestampTz { to, .. } => {
            strict1(arena, a, |a: Stamp| round(a.0.into(), *to).map(StampTz))
        }
        UnaryFunc::CastTimestampTzToTimestamp { to, .. } => {
            strict1(arena, a, |a: StampTz| round(a.0.into(), *to).map(Stamp))
        }
        UnaryFunc::AdjustTimestampTzPrecision { to, .. } => {
            strict1(arena, a, |a: StampTz| round(a.0.into(), *to).map(StampTz))
        }
        UnaryFunc::CastTimestampToString => {
            strict1(arena, a, |a: Stamp| Ok(time_text::timestamp(a.0.into())))
        }
        UnaryFunc::CastTimestampTzToString => strict1(arena, a, |a: StampTz| {
            let text = time_text::timestamp(a.0.into());
            Ok(match text.strip_suffix(" BC") {
                Some(text) => format!("{text}+00 BC"),
                None => format!("{text}+00"),
            })
        }),
        UnaryFunc::NegInterval => strict1(arena, a, |a: Interval| {
            negated(a).ok_or_else(|| out_of_range(time_text::interval(a)))
        }),
        UnaryFunc::CastStringToDate => strict1(arena, a, |a: &str| {
            let day = time_text::parse_date(a)?;
            Ok(Date(
                i32::try_from(day).map_err(|_| EvalError::DateOutOfRange)?,
            ))
        }),
        UnaryFunc::CastStringToTimestamp(to) => strict1(arena, a, |a: &str| {
            round(time_text::parse_timestamp(a)?, *to).map(Stamp)
        }),
        UnaryFunc::CastStringToTimestampTz(to) => strict1(arena, a, |a: &str| {
            round(time_text::parse_timestamp_tz(a)?, *to).map(StampTz)
        }),
        UnaryFunc::CastStringToTime => strict1(arena, a, time_text::parse_time),
        UnaryFunc::ExtractInterval(units) => {
            strict1(arena, a, |a: Interval| extract::from_interval(units, a))
        }
        UnaryFunc::ExtractTime(units) => strict1(arena, a, |a: Time| extract::from_time(units, a)),
        UnaryFunc::ExtractTimestamp(units) => {
            strict1(arena, a, |a: Stamp| extract::from_timestamp(units, a.0))
        }
        UnaryFunc::ExtractTimestampTz(units) => {
            strict1(arena, a, |a: StampTz| extract::from_timestamp(units, a.0))
        }
        UnaryFunc::ExtractDate(units) => {
            strict1(arena, a, |a: Date| extract::from_date(units, a.0.into()))
        }
        UnaryFunc::DateTruncTimestamp(units) => strict1(arena, a, |a: Stamp| {
            extract::truncate(units, a.0).map(Stamp)
        }),
        UnaryFunc::DateTruncTimestampTz(units) => strict1(arena, a, |a: StampTz| {
            extract::truncate(units, a.0).map(StampTz)
        }),
        UnaryFunc::CastStringToMzTimestamp => strict1(arena, a, parse_mz),
        func => Err(lacking(func)),
    }
}

/// Milliseconds, or an instant.
fn parse_mz(text: &str) -> Result<MzStamp, EvalError> {
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

/// Functions of two arguments that deal with time.
pub(super) fn binary<'a>(
    func: &'a BinaryFunc,
    a: Evaluated<'a>,
    b: Evaluated<'a>,
    arena: &'a Arena,
) -> Evaluated<'a> {
    let pair = |sign: &str, a: Interval, b: Interval| {
        out_of_range(format!(
            "{} {sign} {}",
            time_text::interval(a),
            time_text::interval(b)
        ))
    };
    match func {
        BinaryFunc::AddInterval => strict2(arena, a, b, |a: Interval, b: Interval| {
            add_intervals(a, b).ok_or_else(|| pair("+", a, b))
        }),
        BinaryFunc::SubInterval => strict2(arena, a, b, |a: Interval, b: Interval| {
            negated(b)
                .and_then(|b| add_intervals(a, b))
                .ok_or_else(|| pair("-", a, b))
        }),
        BinaryFunc::AddTimestampInterval => {
            strict2(arena, a, b, |a: Stamp, b| shift(a.0, b).map(Stamp))
        }
        BinaryFunc::AddTimestampTzInterval => {
            strict2(arena, a, b, |a: StampTz, b| shift(a.0, b).map(StampTz))
        }
        BinaryFunc::SubTimestampInterval => {
            strict2(arena, a, b, |a: Stamp, b| shift_back(a.0, b).map(Stamp))
        }
        BinaryFunc::SubTimestampTzInterval => {
            strict2(arena, a, b, |a: StampTz, b| shift_back(a.0, b).map(StampTz))
        }
        BinaryFunc::AddDateInterval => strict2(arena, a, b, |a: Date, b: Interval| {
            Moment::midnight(a.0.into())
                .plus_interval(b.months.into(), b.days.into(), b.micros.into())
                .map(Stamp)
        }),
        BinaryFunc::SubDateInterval => strict2(arena, a, b, |a: Date, b: Interval| {
            let months = b
                .months
                .checked_neg()
                .ok_or_else(|| out_of_range(b.months.to_string()))?;
            Moment::midnight(a.0.into())
                .plus_interval(months.into(), -i64::from(b.days), -i128::from(b.micros))
                .map(Stamp)
        }),
        BinaryFunc::AddDateTime => strict2(arena, a, b, |a: Date, b: Time| {
            Moment {
                day: a.0.into(),
                secs: b.secs,
                nanos: b.nanos,
            }
            .checked()
            .map(Stamp)
        }),
        BinaryFunc::SubTimestamp => strict2(arena, a, b, |a: Stamp, b: Stamp| between(a.0, b.0)),
        BinaryFunc::SubTimestampTz => {
            strict2(arena, a, b, |a: StampTz, b: StampTz| between(a.0, b.0))
        }
        BinaryFunc::SubDate => strict2(arena, a, b, |a: Date, b: Date| Ok(a.0.wrapping_sub(b.0))),
        BinaryFunc::AddTimeInterval => strict2(arena, a, b, |a: Time, b: Interval| {
            Ok(moment::time_plus(a, b.micros.into()))
        }),
        BinaryFunc::SubTimeInterval => strict2(arena, a, b, |a: Time, b: Interval| {
            Ok(moment::time_plus(a, -i128::from(b.micros)))
        }),
        BinaryFunc::SubTime => strict2(arena, a, b, |a: Time, b: Time| {
            moment::micros(moment::time_since(a, b))
                .ok_or_else(|| out_of_range("time - time".into()))
        }),
        BinaryFunc::ExtractInterval => strict2(arena, a, b, |a: &str, b: Interval| {
            extract::from_interval(&extract::units(a)?, b)
        }),
        BinaryFunc::ExtractTime => strict2(arena, a, b, |a: &str, b: Time| {
            extract::from_time(&extract::units(a)?, b)
        }),
        BinaryFunc::ExtractTimestamp => strict2(arena, a, b, |a: &str, b: Stamp| {
            extract::from_timestamp(&extract::units(a)?, b.0)
        }),
        BinaryFunc::ExtractTimestampTz => strict2(arena, a, b, |a: &str, b: StampTz| {
            extract::from_timestamp(&extract::units(a)?, b.0)
        }),
        BinaryFunc::ExtractDate => strict2(arena, a, b, |a: &str, b: Date| {
            extract::from_date(&extract::units(a)?, b.0.into())
        }),
        BinaryFunc::DateTruncTimestamp => strict2(arena, a, b, |a: &str, b: Stamp| {
            extract::truncate(&extract::units(a)?, b.0).map(Stamp)
        }),
        BinaryFunc::DateTruncTimestampTz => strict2(arena, a, b, |a: &str, b: StampTz| {
            extract::truncate(&extract::units(a)?, b.0).map(StampTz)
        }),
        BinaryFunc::DateTruncInterval => strict2(arena, a, b, extract::truncate_interval),
        func => Err(lacking(func)),
    }
}

/// The length of an interval for comparing directions, a month being 30 days.
pub(super) fn length(a: Interval) -> i128 {
    let days = i128::from(a.months) * 30 + i128::from(a.days);
    days * (DAY_NANOS / 1000) + i128::from(a.micros)
}
