//! Functions over dates, timestamps and intervals, and casts to and from them.
//! Source: `spec/plan.md` §5.4, §5.5.

use super::calendar::{self, Date, EPOCH_TO_2000, Moment};
use super::{Result, Stop, Value, integer};
use protocol::v26_30::{BinaryFunc, EvalError, UnaryFunc};
use repr::{CivilTimestamp, Datum, Interval, Time};

const NANOS_PER_MILLI: i128 = 1_000_000;
const MILLIS_PER_DAY: i64 = 86_400_000;

fn date(a: &Value) -> Result<i32> {
    match a.datum() {
        Datum::Date(days) => Ok(days),
        _ => Err(Stop::wrong_type()),
    }
}

fn timestamp(a: &Value) -> Result<CivilTimestamp> {
    match a.datum() {
        Datum::Timestamp(t) | Datum::TimestampTz(t) => Ok(t),
        _ => Err(Stop::wrong_type()),
    }
}

fn interval(a: &Value) -> Result<Interval> {
    match a.datum() {
        Datum::Interval(i) => Ok(i),
        _ => Err(Stop::wrong_type()),
    }
}

fn time(a: &Value) -> Result<Time> {
    match a.datum() {
        Datum::Time(t) => Ok(t),
        _ => Err(Stop::wrong_type()),
    }
}

fn stamped(t: std::result::Result<CivilTimestamp, EvalError>) -> Result {
    Ok(Value::new(Datum::Timestamp(t?)))
}

/// Functions of one argument. `None`: another family's.
pub(super) fn unary(func: &UnaryFunc, a: &Value) -> Option<Result> {
    use UnaryFunc as F;
    Some(match func {
        F::StepMzTimestamp => match a.datum() {
            Datum::MzTimestamp(t) => match t.checked_add(1) {
                Some(next) => Ok(Value::new(Datum::MzTimestamp(next))),
                None => Err(EvalError::MzTimestampStepOverflow.into()),
            },
            _ => Err(Stop::wrong_type()),
        },
        F::CastMzTimestampToString => match a.datum() {
            Datum::MzTimestamp(t) => Ok(Value::string(&t.to_string())),
            _ => Err(Stop::wrong_type()),
        },
        F::CastMzTimestampToTimestamp => match a.datum() {
            Datum::MzTimestamp(t) => {
                let since_epoch = i128::from(t) * NANOS_PER_MILLI;
                stamped(Moment(since_epoch - Moment::midnight(EPOCH_TO_2000).0).civil())
            }
            _ => Err(Stop::wrong_type()),
        },
        F::CastUint64ToMzTimestamp
        | F::CastUint32ToMzTimestamp
        | F::CastInt64ToMzTimestamp
        | F::CastInt32ToMzTimestamp => match integer::exact(a) {
            Some(n) => moment_of(n, || n.to_string()),
            None => Err(Stop::wrong_type()),
        },
        F::CastDateToMzTimestamp => date(a).and_then(|days| {
            let days = i64::from(days);
            // It passes through a timestamp.
            Moment::midnight(days).civil()?;
            let millis = i128::from(days + EPOCH_TO_2000) * i128::from(MILLIS_PER_DAY);
            moment_of(millis, || Date::from_days(days).astronomical_text())
        }),
        F::CastTimestampToMzTimestamp => timestamp(a).and_then(|t| millis_of(t, "")),
        F::CastTimestampTzToMzTimestamp => timestamp(a).and_then(|t| millis_of(t, " UTC")),
        F::CastDateToTimestamp(None) => {
            date(a).and_then(|days| stamped(Moment::midnight(days.into()).civil()))
        }
        F::CastDateToString => date(a).map(|days| {
            let (text, era) = Date::from_days(days.into()).text();
            Value::string(&format!("{text}{era}"))
        }),
        F::CastTimestampToDate => timestamp(a).and_then(|t| {
            let days = calendar::date(days_of(t))?;
            Ok(Value::new(Datum::Date(days)))
        }),
        F::CastTimestampToString => timestamp(a).map(|t| Value::string(&timestamp_text(t))),
        _ => return None,
    })
}

/// The day of a timestamp; a leap second belongs to the day that it ends.
fn days_of(t: CivilTimestamp) -> i64 {
    let start = CivilTimestamp {
        secs: 0,
        nanos: 0,
        ..t
    };
    Moment::of(start).days()
}

/// A time of the system.
fn moment_of(millis: i128, shown: impl FnOnce() -> String) -> Result {
    match u64::try_from(millis) {
        Ok(time) => Ok(Value::new(Datum::MzTimestamp(time))),
        Err(_) => Err(EvalError::MzTimestampOutOfRange(shown()).into()),
    }
}

fn millis_of(t: CivilTimestamp, zone: &str) -> Result {
    let since_epoch = Moment::of(t).0 + Moment::midnight(EPOCH_TO_2000).0;
    moment_of(since_epoch.div_euclid(NANOS_PER_MILLI), || {
        let day = Date::from_days(days_of(t)).astronomical_text();
        let clock = clock_text(t);
        let fraction = match t.nanos % 1_000_000_000 {
            0 => String::new(),
            n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
            n if n % 1_000 == 0 => format!(".{:06}", n / 1_000),
            n => format!(".{n:09}"),
        };
        format!("{day} {clock}{fraction}{zone}")
    })
}

/// Hours, minutes, seconds; a leap second is the sixtieth.
fn clock_text(t: CivilTimestamp) -> String {
    let second = t.secs % 60 + t.nanos / 1_000_000_000;
    format!("{:02}:{:02}:{second:02}", t.secs / 3600, t.secs / 60 % 60)
}

fn timestamp_text(t: CivilTimestamp) -> String {
    let (day, era) = Date::from_days(days_of(t)).text();
    // Rounded to micros without a carry into the seconds; those of a leap second
    // count on from a million.
    let micros = (t.nanos + 500) / 1_000;
    let fraction = match micros {
        0 => String::new(),
        micros => format!(".{micros:06}").trim_end_matches('0').to_string(),
    };
    format!("{day} {}{fraction}{era}", clock_text(t))
}

/// Functions of two arguments. `None`: another family's.
pub(super) fn binary(func: &BinaryFunc, a: &Value, b: &Value) -> Option<Result> {
    use BinaryFunc as F;
    let intervals = || Ok((interval(a)?, interval(b)?));
    Some(match func {
        F::AddInterval => intervals().and_then(|(a, b)| sum(a, b, || shown(a, "+", b))),
        F::SubInterval => intervals().and_then(|(a, b)| {
            let negated = negated(b).ok_or_else(|| out_of_range(shown(a, "-", b)))?;
            sum(a, negated, || shown(a, "-", b))
        }),
        F::AddTimestampInterval => {
            timestamp(a).and_then(|t| stamped(calendar::plus(t, interval(b)?)))
        }
        F::SubTimestampInterval => timestamp(a).and_then(|t| {
            let i = interval(b)?;
            let back = negated(i).ok_or_else(|| out_of_range(calendar::interval_text(i)))?;
            stamped(calendar::plus(t, back))
        }),
        F::AddDateInterval => {
            date(a).and_then(|days| stamped(Moment::midnight(days.into()).plus(interval(b)?)))
        }
        F::SubDateInterval => date(a).and_then(|days| {
            let i = interval(b)?;
            let Some(months) = i.months.checked_neg() else {
                return Err(out_of_range(i.months.to_string()));
            };
            minus(Moment::midnight(days.into()), months, i)
        }),
        F::AddDateTime => date(a).and_then(|days| {
            let t = time(b)?;
            let civil = Moment::midnight(days.into()).civil()?;
            let (secs, nanos) = (t.secs, t.nanos);
            stamped(Ok(CivilTimestamp {
                secs,
                nanos,
                ..civil
            }))
        }),
        F::SubTimestamp => timestamp(a).and_then(|x| {
            let y = timestamp(b)?;
            let micros = (Moment::of(x).0 - Moment::of(y).0) / 1_000;
            match i64::try_from(micros) {
                Ok(micros) => Ok(Value::new(Datum::Interval(Interval {
                    months: 0,
                    days: 0,
                    micros,
                }))),
                Err(_) => Err(out_of_range(format!("{micros}"))),
            }
        }),
        F::SubDate => date(a).and_then(|x| {
            let days = i64::from(x) - i64::from(date(b)?);
            Ok(Value::new(Datum::Int32(days as i32)))
        }),
        _ => return None,
    })
}

fn out_of_range(text: String) -> Stop {
    EvalError::IntervalOutOfRange(text).into()
}

fn shown(a: Interval, sign: &str, b: Interval) -> String {
    let text = calendar::interval_text;
    format!("{} {sign} {}", text(a), text(b))
}

fn negated(i: Interval) -> Option<Interval> {
    Some(Interval {
        months: i.months.checked_neg()?,
        days: i.days.checked_neg()?,
        micros: i.micros.checked_neg()?,
    })
}

fn sum(a: Interval, b: Interval, shown: impl FnOnce() -> String) -> Result {
    let sum = || {
        Some(Interval {
            months: a.months.checked_add(b.months)?,
            days: a.days.checked_add(b.days)?,
            micros: a.micros.checked_add(b.micros)?,
        })
    };
    match sum() {
        Some(sum) => Ok(Value::new(Datum::Interval(sum))),
        None => Err(out_of_range(shown())),
    }
}

/// Some months on, then the interval's days and micros back.
fn minus(moment: Moment, months: i32, interval: Interval) -> Result {
    let there = Interval {
        months,
        days: 0,
        micros: 0,
    };
    let there = match months {
        0 => moment,
        _ => Moment::of(moment.plus(there)?),
    };
    let days = Moment::midnight(interval.days.into()).0;
    let micros = i128::from(interval.micros) * 1_000;
    stamped(Moment(there.0 - days - micros).civil())
}

/// The timestamps from `start` on by `step`, until beyond `stop`: the series
/// ends silently where the range of timestamps does.
///
/// Errors: a step that does not move.
pub(in crate::eval) fn series(
    start: CivilTimestamp,
    stop: CivilTimestamp,
    step: Interval,
    most: usize,
) -> Result<Vec<CivilTimestamp>> {
    // The direction is that of the whole length, a month counting thirty days.
    let days = i128::from(step.months) * 30 + i128::from(step.days);
    let length = days * i128::from(MILLIS_PER_DAY) * 1_000 + i128::from(step.micros);
    if length == 0 {
        let text = "step size cannot equal zero".to_string();
        return Err(EvalError::InvalidParameterValue(text).into());
    }
    let mut all = Vec::new();
    let mut next = start;
    while if length > 0 {
        next <= stop
    } else {
        next >= stop
    } {
        if all.len() == most {
            return Err(Stop::Unsupported(format!(
                "a series of more than {most} rows"
            )));
        }
        all.push(next);
        match calendar::plus(next, step) {
            Ok(then) => next = then,
            Err(_) => break,
        }
    }
    Ok(all)
}
