//! Calendar fields, and between them and nanoseconds since the Unix epoch. Source:
//! `spec/plan.md` §6.2 (tags 39 and 40). Days are counted by the usual
//! 400-year cycle of the proleptic Gregorian calendar.
//!
//! Invariant: the two directions are exact inverses wherever both exist.

const SECS_PER_DAY: i64 = 86_400;
const NANOS_PER_SEC: i64 = 1_000_000_000;
/// Days from 0001-01-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_162;

/// A date and time as calendars have it; UTC where a zone is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilTimestamp {
    /// Astronomical year.
    pub year: i32,
    /// Day of the year, from 1.
    pub ordinal: u32,
    /// Seconds since midnight.
    pub secs: u32,
    pub nanos: u32,
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Seconds since midnight.
    pub secs: u32,
    pub nanos: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

/// Days from 0001-01-01 to the first of January of a year.
fn days_before_year(year: i64) -> i64 {
    let y = year - 1;
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400)
}

/// Nanoseconds since the epoch; None for leap seconds and for times that i64
/// nanoseconds cannot hold.
pub(super) fn nanos_from_civil(t: CivilTimestamp) -> Option<i64> {
    if i64::from(t.nanos) >= NANOS_PER_SEC {
        return None;
    }
    let days = days_before_year(t.year.into()) + i64::from(t.ordinal) - 1 - EPOCH_DAYS;
    let secs = days.checked_mul(SECS_PER_DAY)?.checked_add(t.secs.into())?;
    secs.checked_mul(NANOS_PER_SEC)?.checked_add(t.nanos.into())
}

/// The calendar fields of a time.
pub(super) fn civil_from_nanos(nanos: i64) -> CivilTimestamp {
    let secs = nanos.div_euclid(NANOS_PER_SEC);
    let days = secs.div_euclid(SECS_PER_DAY) + EPOCH_DAYS;
    // A first guess, at most one year off.
    let mut year = days.div_euclid(366).max(0) + 1;
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    while days_before_year(year) > days {
        year -= 1;
    }
    CivilTimestamp {
        year: year as i32,
        ordinal: (days - days_before_year(year) + 1) as u32,
        secs: secs.rem_euclid(SECS_PER_DAY) as u32,
        nanos: nanos.rem_euclid(NANOS_PER_SEC) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_agree() {
        for nanos in [
            0,
            -1,
            1,
            i64::MAX,
            -9_223_372_036_000_000_000,
            951_782_400 * NANOS_PER_SEC,
            1_700_000_000_123_456_789,
        ] {
            assert_eq!(
                nanos_from_civil(civil_from_nanos(nanos)),
                Some(nanos),
                "{nanos}"
            );
        }
        let epoch = civil_from_nanos(0);
        assert_eq!((epoch.year, epoch.ordinal, epoch.secs), (1970, 1, 0));
    }

    #[test]
    fn what_nanoseconds_cannot_hold_is_none() {
        let far = CivilTimestamp {
            year: 9999,
            ordinal: 1,
            secs: 0,
            nanos: 0,
        };
        assert_eq!(nanos_from_civil(far), None);
        let leap = CivilTimestamp {
            nanos: 1_000_000_000,
            ..civil_from_nanos(0)
        };
        assert_eq!(nanos_from_civil(leap), None);
    }
}
