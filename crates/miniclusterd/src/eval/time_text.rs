//! Texts of dates, times and intervals, and the reading of the common ones.
//! Source: `spec/plan.md` §5.5.
//!
//! Invariant: a text that is not read is an error, never a guess.

use super::moment::{Moment, UNIX_DAY, date_parts, day_of, month_length};
use super::number::syntax;
use protocol::v26_30::EvalError;
use repr::{Interval, Time};

/// `YYYY-MM-DD`, with ` BC` for years before 1.
pub(super) fn date(day: i64) -> String {
    let (year, month, day) = date_parts(day);
    let (year, era) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    format!("{year:04}-{month:02}-{day:02}{era}")
}

/// `HH:MM:SS` with up to six digits of fraction, rounded without a carry.
pub(super) fn time(secs: u32, nanos: u32) -> String {
    let leap = nanos / 1_000_000_000;
    // A leap second shows in the fraction as well, as it does in the field.
    let micros = (nanos + 500) / 1000;
    let clock = format!(
        "{:02}:{:02}:{:02}",
        secs / 3600,
        secs / 60 % 60,
        secs % 60 + leap
    );
    if micros == 0 {
        return clock;
    }
    let fraction = format!("{micros:06}");
    format!("{clock}.{}", fraction.trim_end_matches('0'))
}

pub(super) fn timestamp(moment: Moment) -> String {
    let date = date(moment.day);
    let (date, era) = match date.strip_suffix(" BC") {
        Some(date) => (date, " BC"),
        None => (&date[..], ""),
    };
    format!("{date} {}{era}", time(moment.secs, moment.nanos))
}

/// A timestamp with its time zone, which is always UTC.
pub(super) fn timestamp_tz(moment: Moment) -> String {
    let text = timestamp(moment);
    match text.strip_suffix(" BC") {
        Some(text) => format!("{text}+00 BC"),
        None => format!("{text}+00"),
    }
}

pub(super) fn interval(value: Interval) -> String {
    let mut parts: Vec<String> = Vec::new();
    let negative_months = value.months < 0;
    let months = value.months.unsigned_abs();
    for (n, unit) in [(months / 12, "year"), (months % 12, "month")] {
        if n > 0 {
            let sign = if negative_months { "-" } else { "" };
            let plural = if n > 1 || negative_months { "s" } else { "" };
            parts.push(format!("{sign}{n} {unit}{plural}"));
        }
    }
    if value.days != 0 {
        let sign = if negative_months && value.days > 0 {
            "+"
        } else {
            ""
        };
        let plural = if value.days == 1 { "" } else { "s" };
        parts.push(format!("{sign}{} day{plural}", value.days));
    }
    if value.micros != 0 || parts.is_empty() {
        let sign = if value.micros < 0 {
            "-"
        } else if value.days < 0 || value.days == 0 && negative_months {
            "+"
        } else {
            ""
        };
        let micros = value.micros.unsigned_abs();
        let secs = micros / 1_000_000;
        let mut clock = format!(
            "{sign}{:02}:{:02}:{:02}",
            secs / 3600,
            secs / 60 % 60,
            secs % 60
        );
        if !micros.is_multiple_of(1_000_000) {
            let fraction = format!("{:06}", micros % 1_000_000);
            clock = format!("{clock}.{}", fraction.trim_end_matches('0'));
        }
        parts.push(clock);
    }
    parts.join(" ")
}

/// The pieces of a date and time text: digits runs and what stands between.
struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn digits(&mut self) -> Option<&'t str> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!digits.is_empty()).then_some(digits)
    }

    fn eat(&mut self, any_of: &[char]) -> bool {
        match self.rest.chars().next() {
            Some(c) if any_of.contains(&c) => {
                self.rest = &self.rest[c.len_utf8()..];
                true
            }
            _ => false,
        }
    }

    fn spaces(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start();
        self.rest.len() < before
    }

    /// A number within bounds.
    fn number(&mut self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        self.digits()?.parse().ok().filter(|n| range.contains(n))
    }

    /// Year, month and day: `2020-01-31`, `2020/1/31` or `20200131`.
    fn date(&mut self) -> Option<i64> {
        let first = self.digits()?;
        let (year, month, day) = if first.len() == 8 && !self.rest.starts_with(['-', '/']) {
            let part = |range: std::ops::Range<usize>| first[range].parse().ok();
            (part(0..4)?, part(4..6)?, part(6..8)?)
        } else {
            if first.len() > 5 {
                return None;
            }
            let year: u32 = first.parse().ok()?;
            self.eat(&['-', '/']).then_some(())?;
            let month = self.number(1..=12)?;
            self.eat(&['-', '/']).then_some(())?;
            (year, month, self.number(1..=31)?)
        };
        let year = match self.rest.trim_end().strip_suffix("BC") {
            Some(rest) => {
                self.rest = rest.trim_end();
                1 - i64::from(year)
            }
            None => i64::from(year),
        };
        let valid = (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
        valid.then(|| day_of(year, month, day))
    }

    /// `12:34`, `12:34:56` or `12:34:56.789`; a second of 60 is a leap second.
    fn time(&mut self) -> Option<Time> {
        let hours = self.number(0..=23)?;
        self.eat(&[':']).then_some(())?;
        let minutes = self.number(0..=59)?;
        let mut time = Time {
            secs: hours * 3600 + minutes * 60,
            nanos: 0,
        };
        if self.eat(&[':']) {
            let seconds = self.number(0..=60)?;
            time.secs += seconds.min(59);
            time.nanos = if seconds == 60 { 1_000_000_000 } else { 0 };
            if self.eat(&['.']) {
                let digits = self.digits()?;
                let nanos: String = digits.chars().chain("000000000".chars()).take(9).collect();
                time.nanos += nanos.parse::<u32>().ok()?;
            }
        }
        Some(time)
    }

    /// Seconds east of UTC: nothing, `Z`, `UTC`, `+02`, `-05:30`.
    fn offset(&mut self) -> Option<i64> {
        self.spaces();
        let rest = self.rest;
        if rest.is_empty() || rest.eq_ignore_ascii_case("z") || rest.eq_ignore_ascii_case("utc") {
            self.rest = "";
            return Some(0);
        }
        let sign = if self.eat(&['+']) {
            1
        } else if self.eat(&['-']) {
            -1
        } else {
            return None;
        };
        let hours = self.number(0..=15)?;
        let minutes = if self.eat(&[':']) {
            self.number(0..=59)?
        } else {
            0
        };
        Some(sign * i64::from(hours * 3600 + minutes * 60))
    }
}

/// Reads a date with, perhaps, a time and an offset.
fn read_timestamp(text: &str) -> Option<(Moment, i64)> {
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("epoch") {
        return Some((Moment::midnight(UNIX_DAY), 0));
    }
    let mut reader = Reader { rest: trimmed };
    let mut moment = Moment::midnight(reader.date()?);
    let separated = reader.spaces() | reader.eat(&['T', 't']);
    if separated && reader.rest.starts_with(|c: char| c.is_ascii_digit()) {
        let Time { secs, nanos } = reader.time()?;
        moment = Moment {
            secs,
            nanos,
            ..moment
        };
    }
    let offset = reader.offset()?;
    reader.rest.is_empty().then_some((moment, offset))
}

fn unread(type_name: &str, text: &str) -> EvalError {
    syntax(
        type_name,
        text,
        Some("not a date and time that this replica reads".into()),
    )
}

pub(super) fn parse_date(text: &str) -> Result<i64, EvalError> {
    read_timestamp(text)
        .map(|(moment, _)| moment.day)
        .ok_or_else(|| unread("date", text))
}

/// The wall clock of a text; its offset is passed over.
pub(super) fn parse_timestamp(text: &str) -> Result<Moment, EvalError> {
    read_timestamp(text)
        .map(|(moment, _)| moment)
        .ok_or_else(|| unread("timestamp", text))
}

/// The instant of a text.
pub(super) fn parse_timestamp_tz(text: &str) -> Result<Moment, EvalError> {
    let (moment, offset) =
        read_timestamp(text).ok_or_else(|| unread("timestamp with time zone", text))?;
    Ok(moment.plus_nanos(i128::from(-offset) * 1_000_000_000))
}

pub(super) fn parse_time(text: &str) -> Result<Time, EvalError> {
    let mut reader = Reader { rest: text.trim() };
    if reader.rest.is_empty() {
        return Ok(Time { secs: 0, nanos: 0 });
    }
    reader
        .time()
        .filter(|_| reader.rest.is_empty())
        .ok_or_else(|| unread("time", text))
}
