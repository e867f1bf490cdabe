//! Dates, times and intervals as texts, in literals and in answers: `2024-02-29`,
//! `2024-02-29 23:59:59.000000001`, `-14 months 3 days -00:00:01.500000`.
//!
//! Invariant: what has a text has one, which gives it back; what has none (a year of
//! more than four digits, a leap second) is no [`Some`].

use super::civil::{CivilTimestamp, Interval, Time};

/// Days from 2000-01-01 to the first of January of a year.
fn days_to_year(year: i32) -> Option<i32> {
    parse_date(&format!("{year:04}-01-01"))
}

/// `2024-02-29 23:59:59.000000001`, for years 1 to 9999.
pub fn timestamp_text(t: CivilTimestamp) -> Option<String> {
    let days = days_to_year(t.year)?.checked_add(i32::try_from(t.ordinal).ok()? - 1)?;
    let date = date_text(days)?;
    Some(format!("{date} {}", time_text(t.secs, t.nanos)))
}

/// `23:59:59.000000001`
pub fn time_text(secs: u32, nanos: u32) -> String {
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    let fraction = match nanos {
        0 => String::new(),
        nanos => format!(".{nanos:09}"),
    };
    format!("{hour:02}:{minute:02}:{second:02}{fraction}")
}

/// The timestamp of such a text.
pub fn parse_timestamp(s: &str) -> Option<CivilTimestamp> {
    let (date, time) = s.split_once(' ')?;
    let year: i32 = date.get(..4)?.parse().ok()?;
    let ordinal = parse_date(date)? - days_to_year(year)? + 1;
    let Time { secs, nanos } = parse_time(time)?;
    Some(CivilTimestamp {
        year,
        ordinal: ordinal.try_into().ok()?,
        secs,
        nanos,
    })
}

/// A time of a day.
pub fn parse_time(s: &str) -> Option<Time> {
    let (hour, minute, second, fraction) = clock(s, 9)?;
    (hour <= 23).then_some(Time {
        secs: u32::try_from(hour).ok()? * 3_600 + minute * 60 + second,
        nanos: fraction,
    })
}

/// Hours, minutes, seconds, and a fraction of so many digits at most.
fn clock(s: &str, digits: usize) -> Option<(u64, u32, u32, u32)> {
    let (clock, fraction) = s.split_once('.').unwrap_or((s, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let fields: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = fields[..] else {
        return None;
    };
    if ![hour, minute, second, fraction].into_iter().all(is_number) || fraction.len() > digits {
        return None;
    }
    let (minute, second) = (minute.parse().ok()?, second.parse().ok()?);
    let fraction = format!("{fraction:0<digits$}").parse().ok()?;
    (minute <= 59 && second <= 59).then_some((hour.parse().ok()?, minute, second, fraction))
}

/// `-14 months 3 days -00:00:01.500000`: what is zero is left out, unless all is.
pub fn interval_text(interval: Interval) -> String {
    let Interval {
        months,
        days,
        micros,
    } = interval;
    let mut parts = Vec::new();
    for (count, unit) in [(months, "months"), (days, "days")] {
        if count != 0 {
            parts.push(format!("{count} {unit}"));
        }
    }
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 { "-" } else { "" };
        let all = micros.unsigned_abs();
        let (secs, fraction) = (all / MICROS, all % MICROS);
        let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
        let fraction = match fraction {
            0 => String::new(),
            micros => format!(".{micros:06}"),
        };
        parts.push(format!("{sign}{hour:02}:{minute:02}:{second:02}{fraction}"));
    }
    parts.join(" ")
}

const MICROS: u64 = 1_000_000;

/// The interval of such a text.
pub fn parse_interval(s: &str) -> Option<Interval> {
    let mut interval = Interval {
        months: 0,
        days: 0,
        micros: 0,
    };
    let words: Vec<&str> = s.split(' ').collect();
    let mut words = words.as_slice();
    for (unit, count) in [
        ("months", &mut interval.months),
        ("days", &mut interval.days),
    ] {
        if let [number, word, rest @ ..] = words
            && *word == unit
        {
            *count = number.parse().ok()?;
            words = rest;
        }
    }
    match words {
        [] if s.is_empty() => return None,
        [] => {}
        [time] => {
            let (is_negative, time) = match time.strip_prefix('-') {
                Some(time) => (true, time),
                None => (false, *time),
            };
            let (hour, minute, second, fraction) = clock(time, 6)?;
            let secs = i128::from(hour) * 3_600 + i128::from(minute * 60 + second);
            let all = secs * i128::from(MICROS) + i128::from(fraction);
            let all = if is_negative { -all } else { all };
            interval.micros = i64::try_from(all).ok()?;
        }
        [_, _, ..] => return None,
    }
    Some(interval)
}

/// `YYYY-MM-DD` of a day counted from 2000-01-01, for years 1 to 9999.
pub fn date_text(days: i32) -> Option<String> {
    // Days since 0000-03-01, so that a leap day ends its year.
    let days = i64::from(days) + 730_425;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (1..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// The day of such a text, from 2000-01-01.
pub fn parse_date(s: &str) -> Option<i32> {
    let mut parts = s.splitn(3, '-');
    let mut number = |width: usize| -> Option<i64> {
        let part = parts.next()?;
        let digits = part.len() == width && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if year < 1 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    let days = i32::try_from(era * 146_097 + of_era - 730_425).ok()?;
    // A day that the month does not have comes back as another one.
    (date_text(days)? == s).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_back() {
        for (text, days) in [
            ("2000-01-01", 0),
            ("2000-02-29", 59),
            ("1999-12-31", -1),
            ("0001-01-01", -730_119),
            ("9999-12-31", 2_921_939),
        ] {
            assert_eq!(date_text(days).as_deref(), Some(text));
            assert_eq!(parse_date(text), Some(days));
        }
        for bad in ["2001-02-29", "2000-13-01", "2000-1-01", "x", "2000-01-01x"] {
            assert_eq!(parse_date(bad), None);
        }
    }

    #[test]
    fn times_and_intervals_are_read_back() {
        for (months, days, micros, text) in [
            (0, 0, 0, "00:00:00"),
            (1, 0, 0, "1 months"),
            (0, -2, 1, "-2 days 00:00:00.000001"),
            (
                i32::MIN,
                i32::MAX,
                i64::MIN,
                "-2147483648 months 2147483647 days -2562047788:00:54.775808",
            ),
        ] {
            let interval = Interval {
                months,
                days,
                micros,
            };
            assert_eq!(interval_text(interval), text);
            assert_eq!(parse_interval(text), Some(interval));
        }
        for bad in [
            "",
            "1",
            "1 day",
            "1 days 2 months",
            "00:60:00",
            "1 months ",
            "--00:00:01",
        ] {
            assert_eq!(parse_interval(bad), None, "{bad}");
        }
        assert_eq!(
            parse_time("23:59:59.5"),
            Some(Time {
                secs: 86_399,
                nanos: 500_000_000
            })
        );
        for bad in ["24:00:00", "1:2", "00:00:00.", "é", "-01:00:00"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
        for bad in [
            "2023-02-29 00:00:00",
            "2023-01-01 24:00:00",
            "2023-01-01",
            "é",
        ] {
            assert_eq!(parse_timestamp(bad), None);
        }
    }
}
